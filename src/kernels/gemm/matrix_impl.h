// The inside of Matrix and MatmulScratch, shared by packing and multiplication. Not for other modules.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "kernels/matrix.h"
#include "kernels/tiles/tile.h"

namespace hearth::kernels {

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};
/// Memory aligned for the tiles; large ones ask for huge pages. Empty when the machine has none left.
using AlignedBytes = std::unique_ptr<std::byte, FreeDeleter>;
AlignedBytes allocate_aligned(int64_t bytes);

inline int64_t panels_of(int64_t rows) { return (rows + kPanelRows - 1) / kPanelRows; }

struct Matrix::Impl {
  const Format* format = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t row_bytes = 0;            // on disk
  const Tile* stored = nullptr;     // how `packed` is laid out; null: not packed, rows come from `disk`
  const Tile* tile = nullptr;       // the kernels that multiply; null: reference, over decoded rows
  std::span<const std::byte> disk;  // not packed only
  std::shared_ptr<const std::byte> packed;  // memory of its own, or mapped (then it holds the map)
  bool mapped = false;
  int64_t panel_bytes = 0;

  int64_t panels() const { return panels_of(rows); }
  int64_t packed_bytes() const { return panel_bytes * panels(); }
  void decode_row(int64_t row, float* out) const;
};

struct MatmulScratch::Impl {
  AlignedBytes blocks;
  int64_t blocks_bytes = 0;
  std::vector<float> rows;  // decoded rows of the reference path, one slot per task
  struct Plan {
    int64_t first_task = 0;
    int64_t tasks = 0;
    int64_t panels_per_task = 0;
    int64_t first_slot = 0;
  };
  std::vector<Plan> plans;
};

}  // namespace hearth::kernels
