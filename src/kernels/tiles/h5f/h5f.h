// Tile h5f: linear five-bit codes with a binary16 scale per group, 5.5 bits per weight:
//   w[r][k] = d[g][r] * (q[r][k] - 16),  g = k / 32, q in 0..31
#pragma once

#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

using H5F = GroupTile<HalfScales, FiveBitCodes>;
static_assert(H5F::bytes(kCodesGroups) == 1408);

}  // namespace hearth::kernels
