// The sixteen values that a four-bit code stands for in the formats with non-linear levels. Source: ggml, and
// for E2M1 the OCP microscaling specification. Must not know any format.
#pragma once

#include <cstdint>

namespace hearth::kernels {

/// Rising; closer together around zero, as weights are.
inline constexpr int8_t kNonLinearValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                1,    13,   25,  38,  53,  69,  89,  113};
/// E2M1 floats, doubled so that they are integers: sign in the top bit.
inline constexpr int8_t kE2m1Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace hearth::kernels
