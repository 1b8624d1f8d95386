// Weight formats as they lie on disk: one folder in formats/ and one row here each. A format knows its bytes,
// reference decode and encode, and which compute tile it packs into. Must not know models, files or threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernels/codes.h"

namespace hearth::kernels {

/// A row of the registry. `id` is the GGUF tensor type number: an on-disk contract.
struct Format {
  uint32_t id;
  std::string_view name;  // as GGUF tools write it
  int32_t block_elems;    // values per block; rows are whole blocks
  int32_t block_bytes;
  /// Decodes n values (n % block_elems == 0) to float32, exactly as the format defines them.
  void (*decode)(const std::byte* src, float* dst, int64_t n);
  /// Encodes n values, round to nearest with a search for the scales. Finite input only. `importance` weighs
  /// the squared error of each of the n values (the mean square of the activation it meets); null: all alike.
  void (*encode)(const float* src, std::byte* dst, int64_t n, const float* importance);
  /// False when a scale or value among the n is infinite or not a number. Reads only the fields that can be.
  bool (*finite)(const std::byte* src, int64_t n);
  /// Splits n <= kCodesColumns values (whole blocks) into integer codes and scales without loss; nullptr for
  /// float formats.
  void (*split)(const std::byte* src, int64_t n, Codes& codes);
  std::string_view
      tile;  // name of the compute tile it packs into; empty: computed by decoding rows to float32
  /// For quantisers that choose codes themselves: overwrites the codes of n values (whole blocks), each in
  /// 0 .. code_count - 1, and leaves the scales. nullptr: they cannot.
  void (*recode)(std::byte* dst, int64_t n, const int8_t* codes) = nullptr;
  int32_t code_count = 0;
};

/// All formats, generated from the folders of src/kernels/formats.
std::span<const Format* const> format_registry();
/// nullptr when unknown.
const Format* find_format(uint32_t id);
/// By name, ignoring case; nullptr when unknown.
const Format* find_format(std::string_view name);

/// Values and bytes per block of a tensor type, for readers that must check sizes before anything is decoded.
struct BlockShape {
  int32_t elems = 0;
  int32_t bytes = 0;
};
/// Also knows the sizes of types that hearth cannot compute with yet, so that a file holding them can be
/// listed.
std::optional<BlockShape> block_of_type(uint32_t id);
/// The name of a tensor type as GGUF tools write it, computable or not; empty when unknown.
std::string_view type_name(uint32_t id);

}  // namespace hearth::kernels
