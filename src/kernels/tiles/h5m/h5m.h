// Tile h5m: linear five-bit codes with a binary16 scale and offset per group, 6 bits per weight:
//   w[r][k] = d[g][r] * q[r][k] + m[g][r],  g = k / 32, q in 0..31
#pragma once

#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

using H5M = GroupTile<HalfScalesAndOffsets, FiveBitCodes>;
static_assert(H5M::bytes(kCodesGroups) == 1536);

}  // namespace hearth::kernels
