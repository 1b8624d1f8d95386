// The order in which GGUF variants of a repository are preferred when none is named. These are habits of file
// naming on the hub, which merely coincide with names of weight formats: adding a format does not touch this
// list.
#include "store/select.h"

namespace hearth::store {

std::span<const std::string> preferred_labels() {
  static const std::string kLabels[] = {"Q4_K_M", "Q4_0", "Q8_0", "Q6_K", "Q4_K", "BF16", "F16", "F32"};
  return kLabels;
}

}  // namespace hearth::store
