// Any bytes as a GGUF file: the parser must answer with tensors that lie inside the bytes, or with one line
// of error.
#include <cstdlib>

#include "io/gguf.h"

namespace {

/// Block sizes of the common weight types, by number.
std::optional<hearth::io::BlockLayout> layout_of(uint32_t type) {
  switch (type) {
    case 0:
      return hearth::io::BlockLayout{1, 4};
    case 1:
    case 30:
      return hearth::io::BlockLayout{1, 2};
    case 2:
      return hearth::io::BlockLayout{32, 18};
    case 8:
      return hearth::io::BlockLayout{32, 34};
    case 12:
      return hearth::io::BlockLayout{256, 144};
    default:
      return std::nullopt;
  }
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto file = hearth::io::parse_gguf(bytes, "fuzz", layout_of);
  if (!file) {
    require(!file.error().message.empty() && file.error().message.find('\n') == std::string::npos);
    return 0;
  }
  unsigned sum = 0;
  for (const auto& tensor : file->tensors) {
    require(!tensor.data.empty() && !tensor.shape.empty() && tensor.shape.size() <= 4);
    require(tensor.data.data() >= bytes.data() &&
            tensor.data.data() + tensor.data.size() <= bytes.data() + size);
    sum += static_cast<unsigned>(tensor.data.front()) + static_cast<unsigned>(tensor.data.back());
  }
  for (const auto& [key, value] : file->metadata.entries()) {
    sum += static_cast<unsigned>(value.type_name().size());
    sum += file->metadata.get_int(key).ok() + file->metadata.get_float(key).ok() +
           file->metadata.get_bool(key).ok() + file->metadata.get_string(key).ok() +
           file->metadata.get_strings(key).ok() + file->metadata.get_ints(key).ok() +
           file->metadata.get_floats(key).ok();
  }
  return sum == 1 ? -1 : 0;  // the sum must be used, its value says nothing
}
