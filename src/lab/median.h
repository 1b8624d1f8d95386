// The middle of repeated measurements: what benchmarks report, since a mean would follow the worst
// disturbance.
#pragma once

#include <algorithm>
#include <vector>

namespace hearth::lab {

/// 0 when empty.
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace hearth::lab
