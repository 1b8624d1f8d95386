// Tile h4e: four-bit floats with a power of two per group, 4.25 bits per weight:
//   w[r][k] = 2^(e[g][r] - 128) * table[q[r][k]],  g = k / 32, values twice those of E2M1, so that they are
// integers: -12..12.
#pragma once

#include "kernels/formats/value_tables.h"
#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

using H4E = GroupTile<ExponentScales, TableCodes<kE2m1Values, Sums::kCentred>>;
static_assert(H4E::bytes(kCodesGroups) == 1088);

}  // namespace hearth::kernels
