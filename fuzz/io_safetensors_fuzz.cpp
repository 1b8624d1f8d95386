// Any bytes as a safetensors file: tensors that tile the data exactly, or one line of error.
#include <cstdlib>

#include "io/safetensors.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto file = hearth::io::parse_safetensors(bytes, "fuzz");
  if (!file) {
    require(!file.error().message.empty() && file.error().message.find('\n') == std::string::npos);
    return 0;
  }
  const std::byte* begin = bytes.data() + size;
  size_t total = 0;
  for (const auto& tensor : file->tensors) {
    begin = std::min(begin, tensor.data.data());
    total += tensor.data.size();
    require(!tensor.name.empty());
  }
  require(begin + total == bytes.data() + size);
  return 0;
}
