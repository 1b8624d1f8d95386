// Weight formats as they lie on disk: one folder in formats/ and one row here each. A format knows its bytes, reference
// decode and encode, and which compute tile it packs into. Must not know models, files or threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::kernels {

/// A row of the registry. `id` is the GGUF tensor type number: an on-disk contract.
struct Format {
  uint32_t id;
  std::string_view name;  // as GGUF tools write it
  int32_t block_elems;    // values per block; rows are whole blocks
  int32_t block_bytes;
  /// Decodes n values (n % block_elems == 0) to float32, exactly as the format defines them.
  void (*decode)(const std::byte* src, float* dst, int64_t n);
  /// Encodes n values, round to nearest; reference quality.
  void (*encode)(const float* src, std::byte* dst, int64_t n);
  std::string_view tile;  // name of the compute tile it packs into; empty: computed by decoding rows to float32
};

/// All formats, generated from the folders of src/kernels/formats.
std::span<const Format* const> format_registry();
/// nullptr when unknown.
const Format* find_format(uint32_t id);
/// By name, ignoring case; nullptr when unknown.
const Format* find_format(std::string_view name);

}  // namespace hearth::kernels
