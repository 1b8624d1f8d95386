// Tile h5: linear five-bit codes with integer sub-scales and minima, 5.625 bits per weight:
//   w[r][k] = d[r] * sc[g][r] * q[r][k] - m[r] * mn[g][r],  g = k / 32, q in 0..31, sc and mn in 0..63
#pragma once

#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

using H5 = GroupTile<SubScalesAndMinima, FiveBitCodes>;
static_assert(H5::bytes(kCodesGroups) == 1440);

}  // namespace hearth::kernels
