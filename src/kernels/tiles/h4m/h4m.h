// Tile h4m: linear four-bit codes with a binary16 scale and offset per group, 5 bits per weight:
//   w[r][k] = d[g][r] * q[r][k] + m[g][r],  g = k / 32, q in 0..15
#pragma once

#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

using H4M = GroupTile<HalfScalesAndOffsets, FourBitCodes<0>>;
static_assert(H4M::bytes(kCodesGroups) == 1280);

}  // namespace hearth::kernels
