// Where the time of a forward pass goes: seconds and bytes of weights per part of a layer, seen through the
// runtime's observer. The watched pass is the same as any other; only clocks are read between its parts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/model.h"
#include "runtime/observer.h"

namespace hearth::lab {

struct ProfilePart {
  std::string_view name;     // "gate, up"
  double seconds = 0;        // in one pass
  int64_t weight_bytes = 0;  // read by matrix products in one pass
};

class PassProfile : public runtime::ForwardObserver {
 public:
  explicit PassProfile(const model::Model& model);

  /// Before each pass: the clock starts.
  void start();
  void product(const kernels::Matrix& weights, const float* x, int64_t n) override;
  void finished(runtime::Phase phase) override;

  /// The parts that took any time, the slowest first.
  std::vector<ProfilePart> parts() const;

 private:
  static constexpr size_t kParts = 12;
  using Seconds = std::array<double, kParts>;

  std::vector<Seconds> passes_;
  std::array<int64_t, kParts> weight_bytes_{};  // of all passes
  std::unordered_map<const kernels::Matrix*, size_t> part_of_;
  size_t product_part_ = 0;  // of the products since the last part ended
  double last_s_ = 0;
};

}  // namespace hearth::lab
