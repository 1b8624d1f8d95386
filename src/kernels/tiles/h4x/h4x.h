// Tile h4x: four-bit codes for sixteen signed values, with a binary16 scale per group, 4.5 bits per weight:
//   w[r][k] = d[g][r] * table[q[r][k]],  g = k / 32
#pragma once

#include "kernels/formats/value_tables.h"
#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

using H4X = GroupTile<HalfScales, TableCodes<kNonLinearValues, Sums::kWide>>;
static_assert(H4X::bytes(kCodesGroups) == 1152);

}  // namespace hearth::kernels
