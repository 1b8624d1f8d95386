// Tile h3: linear three-bit codes with signed sub-scales per 16 columns, 3.625 bits per weight:
//   w[r][k] = d[r] * sc[k / 16][r] * (q[r][k] - 4),  q in 0..7, sc in -32..31
#pragma once

#include "kernels/tiles/half_codes.h"

namespace hearth::kernels {

using H3 = HalfTile<SignedHalfScales, ThreeBitCodes>;
static_assert(H3::bytes(kCodesGroups) == 928);

}  // namespace hearth::kernels
