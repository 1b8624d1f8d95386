// A bounds-checked cursor over untrusted little-endian bytes: every read says whether it fitted.
// Knows no format.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace hearth::io {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return bytes_.size() - offset_; }

  /// Reads one number; false (and nothing consumed) when fewer bytes remain.
  template <typename T>
  [[nodiscard]] bool read(T* out) {
    static_assert(std::is_arithmetic_v<T> && std::endian::native == std::endian::little);
    if (remaining() < sizeof(T)) return false;
    std::memcpy(out, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return true;
  }

  /// A view of the next `count` bytes.
  [[nodiscard]] bool read_bytes(uint64_t count, std::span<const std::byte>* out) {
    if (remaining() < count) return false;
    *out = bytes_.subspan(offset_, static_cast<size_t>(count));
    offset_ += static_cast<size_t>(count);
    return true;
  }

  [[nodiscard]] bool read_text(uint64_t count, std::string_view* out) {
    std::span<const std::byte> bytes;
    if (!read_bytes(count, &bytes)) return false;
    *out = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t offset_ = 0;
};

}  // namespace hearth::io
