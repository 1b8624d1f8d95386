// Tile h2: linear two-bit codes with four-bit sub-scales and minima per 16 columns, 2.625 bits per weight:
//   w[r][k] = d[r] * sc[k / 16][r] * q[r][k] - m[r] * mn[k / 16][r],  q in 0..3, sc and mn in 0..15
#pragma once

#include "kernels/tiles/half_codes.h"

namespace hearth::kernels {

using H2 = HalfTile<NibbleScalesAndMinima, TwoBitCodes>;
static_assert(H2::bytes(kCodesGroups) == 672);

}  // namespace hearth::kernels
