// Any bytes as an importance matrix: sums and counts that belong together and are finite, or one line of
// error.
#include <cmath>
#include <cstdlib>

#include "io/imatrix.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto matrix = hearth::io::parse_imatrix(bytes, "fuzz");
  auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  if (!matrix) {
    require(!matrix.error().message.empty() && matrix.error().message.find('\n') == std::string::npos);
    return 0;
  }
  require(!matrix->entries.empty() && matrix->chunks >= 0 && matrix->chunk_tokens >= 0);
  for (const auto& [name, entry] : matrix->entries) {
    require(!entry.counts.empty() && entry.columns() * entry.counts.size() == entry.sum_squares.size());
    for (const double value : entry.sum_squares) require(std::isfinite(value) && value >= 0);
    require(entry.mean_squares().size() == entry.sum_squares.size());
  }
  return 0;
}
