// Source: the specification of xxHash (XXH64), https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.
#include "base/xxhash64.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hearth {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;

template <typename T>
T load(const std::byte* bytes) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

uint64_t round(uint64_t lane, uint64_t input) { return std::rotl(lane + input * kPrime2, 31) * kPrime1; }

}  // namespace

void XxHash64::consume(const std::byte* bytes, size_t stripes) {
  uint64_t a = lanes_[0], b = lanes_[1], c = lanes_[2], d = lanes_[3];  // bytes may alias members, not these
  for (; stripes > 0; --stripes, bytes += kStripe) {
    a = round(a, load<uint64_t>(bytes));
    b = round(b, load<uint64_t>(bytes + 8));
    c = round(c, load<uint64_t>(bytes + 16));
    d = round(d, load<uint64_t>(bytes + 24));
  }
  lanes_[0] = a, lanes_[1] = b, lanes_[2] = c, lanes_[3] = d;
}

void XxHash64::update(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const size_t held = total_ % kStripe;
  total_ += bytes.size();
  if (held > 0) {
    const size_t take = std::min(bytes.size(), kStripe - held);
    std::memcpy(rest_ + held, bytes.data(), take);
    bytes = bytes.subspan(take);
    if (held + take < kStripe) return;
    consume(rest_, 1);
  }
  consume(bytes.data(), bytes.size() / kStripe);
  bytes = bytes.subspan(bytes.size() / kStripe * kStripe);
  if (!bytes.empty()) std::memcpy(rest_, bytes.data(), bytes.size());
}

uint64_t XxHash64::digest() const {
  uint64_t hash = kPrime5;  // of fewer bytes than a stripe
  if (total_ >= kStripe) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (const uint64_t lane : lanes_) hash = (hash ^ round(0, lane)) * kPrime1 + kPrime4;
  }
  hash += total_;
  const std::byte* at = rest_;
  size_t left = total_ % kStripe;
  for (; left >= 8; at += 8, left -= 8) {
    hash = std::rotl(hash ^ round(0, load<uint64_t>(at)), 27) * kPrime1 + kPrime4;
  }
  if (left >= 4) {
    hash = std::rotl(hash ^ load<uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
    left -= 4;
  }
  for (; left > 0; ++at, --left) {
    hash = std::rotl(hash ^ static_cast<uint64_t>(*at) * kPrime5, 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

uint64_t xxhash64(std::span<const std::byte> bytes) {
  XxHash64 hash;
  hash.update(bytes);
  return hash.digest();
}

}  // namespace hearth
