// Headers of prefix files. The first byte says how many bytes of the input are no longer header. A header
// that is accepted keeps its promises about the size of the file.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/xxhash64.h"
#include "io/prefix_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size == 0) return 0;
  std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data) + 1,
                               reinterpret_cast<const std::byte*>(data) + size);
  const size_t body = std::min<size_t>(data[0], bytes.size());
  // A checksum that is right, or else nothing behind it would be reached.
  const size_t header = bytes.size() - body;
  if (header >= 24) {
    const auto length = static_cast<uint32_t>(header);
    std::memcpy(bytes.data() + 12, &length, sizeof(length));
    const uint64_t hash = xxhash64(std::span(bytes).first(header - 8));
    std::memcpy(bytes.data() + header - 8, &hash, sizeof(hash));
  }
  const auto parsed = io::parse_prefix_header(bytes, bytes.size());
  if (!parsed) {
    const std::string& message = parsed.error().message;
    if (message.empty() || message.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (parsed->body_bytes() != body || parsed->piece_bytes.size() != parsed->piece_hashes.size()) std::abort();
  return 0;
}
