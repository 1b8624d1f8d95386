// Compute tiles: how packed weights are computed on. One folder in tiles/ and one row here each; many formats
// share few tiles. A tile packs a panel of eight rows at a time, decodes rows exactly, and multiplies panels
// with any number of columns. Must not know formats by name, models or files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/format.h"
#include "kernels/gemm/activations.h"
#include "kernels/isa.h"

namespace hearth::kernels {

inline constexpr int kPanelRows = 8;

/// What a multiplication of some panels reads and writes.
struct TileJob {
  const std::byte* packed;  // panel 0 of the matrix
  int64_t panel_bytes;
  int64_t rows;  // of the whole matrix; the last panel may be partly filled
  int64_t panel_begin, panel_end;
  const Activations* input;
  float* y;  // y[t * y_stride + row]
  int64_t y_stride;
};

/// Computes y for all rows of the job's panels and all columns of its input. For one output the order of
/// every rounding is fixed by the tile alone: the same for any ISA, number of columns and split into jobs.
using TileMultiply = void (*)(const TileJob& job);

struct Tile {
  std::string_view name;
  bool quantised_input;  // reads Activations::blocks (int8); otherwise Activations::x
  /// Bytes of a panel: eight rows of `cols` columns.
  int64_t (*panel_bytes)(int64_t cols);
  /// Packs `rows` <= 8 consecutive rows that start at src; the missing ones become zero.
  void (*pack)(const Format& format, const std::byte* src, int64_t row_bytes, int rows, int64_t cols,
               std::byte* panel);
  /// Row r of the panel as float32, equal to what the format decodes.
  void (*decode_row)(const std::byte* panel, int r, int64_t cols, float* out);
  /// Per ISA; nullptr falls to the next lower one. The scalar entry is never null.
  TileMultiply multiply[kIsas];
};

/// All tiles, generated from the folders of src/kernels/tiles.
std::span<const Tile* const> tile_registry();
/// nullptr when unknown.
const Tile* find_tile(std::string_view name);
/// The kernel for the ISA in use.
TileMultiply tile_multiply(const Tile& tile);

}  // namespace hearth::kernels
