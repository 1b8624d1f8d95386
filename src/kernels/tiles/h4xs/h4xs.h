// Tile h4xs: four-bit codes for sixteen signed values, with signed integer sub-scales, 4.375 bits per weight:
//   w[r][k] = d[r] * sc[g][r] * table[q[r][k]],  g = k / 32, sc in -32..31
#pragma once

#include "kernels/formats/value_tables.h"
#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

using H4XS = GroupTile<SignedSubScales, TableCodes<kNonLinearValues, Sums::kWide>>;
static_assert(H4XS::bytes(kCodesGroups) == 1120);

}  // namespace hearth::kernels
