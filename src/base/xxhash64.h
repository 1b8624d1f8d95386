// XXH64 (the published algorithm of that name, seed 0): a fast checksum that finds damage; no protection
// against intent. Knows nothing of files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth {

class XxHash64 {
 public:
  XxHash64() = default;
  void update(std::span<const std::byte> bytes);
  /// Of all bytes so far; more may follow.
  uint64_t digest() const;

 private:
  static constexpr size_t kStripe = 32;
  /// Whole stripes only.
  void consume(const std::byte* bytes, size_t stripes);

  uint64_t lanes_[4] = {0x60EA27EEADC0B5D6, 0xC2B2AE3D27D4EB4F, 0, 0x61C8864E7A143579};
  uint64_t total_ = 0;
  std::byte rest_[kStripe] = {};  // the last total_ % kStripe bytes
};

uint64_t xxhash64(std::span<const std::byte> bytes);

}  // namespace hearth
