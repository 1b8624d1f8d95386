// Group multiplication: quantises the shared input once, cuts all products into tasks of contiguous panels,
// and runs them in one pass over the pool. How tasks are cut never changes a result. Must not know any tile
// or format by name.
#include <algorithm>
#include <cstring>

#include "kernels/gemm/matrix_impl.h"
#include "kernels/gemm/reference.h"

namespace hearth::kernels {
namespace {

// Rough costs, only for cutting work into tasks.
constexpr double kReadBytesPerNs = 15;
constexpr double kTileOpsPerNs = 150;
constexpr double kReferenceOpsPerNs = 15;
constexpr double kQuantiseValuesPerNs = 2;
constexpr double kTaskNs = 5e3;          // taking one costs some 0.1 us; the last one is waited for
constexpr int64_t kTasksPerThread = 32;  // so that one worker that loses its processor holds up little
constexpr int64_t kReferenceTasksPerThread = 4;  // each has a buffer of decoded rows
constexpr int64_t kPanelsTogether =
    8;  // tasks hold whole runs of panels: kernels expand them together, lines are not shared

double cost_ns(const Matrix::Impl& m, int64_t n) {
  const double values = static_cast<double>(m.rows) * static_cast<double>(m.cols);
  const double ops = 2 * values * static_cast<double>(n);
  if (!m.tile) return values + ops / kReferenceOpsPerNs;
  return std::max(static_cast<double>(m.panel_bytes * m.panels()) / kReadBytesPerNs, ops / kTileOpsPerNs);
}

void plan_product(const Matrix::Impl& m, int64_t n, int threads, MatmulScratch::Impl::Plan& plan) {
  const int64_t most = threads * (m.tile ? kTasksPerThread : kReferenceTasksPerThread);
  const int64_t wanted = std::clamp<int64_t>(static_cast<int64_t>(cost_ns(m, n) / kTaskNs), 1, most);
  const int64_t units = (m.panels() + kPanelsTogether - 1) / kPanelsTogether;
  const int64_t units_per_task = (units + wanted - 1) / wanted;
  plan.panels_per_task = units_per_task * kPanelsTogether;
  plan.tasks = (m.panels() + plan.panels_per_task - 1) / plan.panels_per_task;
}

void run_task(const Product& product, const MatmulScratch::Impl::Plan& plan, int64_t task,
              const Activations& input, float* rows_buffer) {
  const Matrix::Impl& m = product.weights->impl();
  const int64_t begin = task * plan.panels_per_task;
  const int64_t end = std::min(m.panels(), begin + plan.panels_per_task);
  if (m.tile) {
    const TileJob job = {m.packed.get(), m.panel_bytes, m.rows,          begin, end,
                         &input,         product.y,     product.y_stride};
    tile_multiply (*m.tile)(job);
  } else {
    const auto decode_row = [](const void* weights, int64_t row, float* out) {
      static_cast<const Matrix::Impl*>(weights)->decode_row(row, out);
    };
    multiply_reference({decode_row, &m, m.cols, begin * kPanelRows, std::min(m.rows, end * kPanelRows),
                        input.x, input.n, product.y, product.y_stride,
                        rows_buffer + (plan.first_slot + task) * kReferenceRows * m.cols});
  }
}

void quantise_input(Activations& input, MatmulScratch& owner, ThreadPool& pool, Priority priority) {
  HEARTH_CHECK(owner.reserve(input.n, input.cols));  // callers with much at stake reserved before
  auto* blocks = reinterpret_cast<ActivationBlock*>(owner.impl().blocks.get());
  input.blocks = blocks;
  const double cost = static_cast<double>(input.n * input.cols) / kQuantiseValuesPerNs;
  const int64_t wanted =
      std::clamp<int64_t>(static_cast<int64_t>(cost / kTaskNs), 1, 4 * int64_t{pool.threads()});
  const int64_t tokens_per_task = (input.n + wanted - 1) / wanted;
  const int64_t tasks = (input.n + tokens_per_task - 1) / tokens_per_task;
  pool.parallel_for(
      tasks,
      [&](int64_t task) {
        const int64_t begin = task * tokens_per_task;
        const int64_t end = std::min(input.n, begin + tokens_per_task);
        quantise_activations(input.x, input.n, input.cols, begin, end, blocks);
      },
      priority);
}

}  // namespace

const Tile* find_tile(std::string_view name) {
  for (const Tile* tile : tile_registry()) {
    if (tile->name == name) return tile;
  }
  return nullptr;
}

TileMultiply tile_multiply(const Tile& tile) {
  int isa = static_cast<int>(active_isa());
  while (isa > 0 && !tile.multiply[isa]) --isa;
  return tile.multiply[isa];
}

MatmulScratch::MatmulScratch() : impl_(std::make_unique<Impl>()) {}
MatmulScratch::~MatmulScratch() = default;

int64_t MatmulScratch::input_bytes(int64_t n, int64_t cols) {
  return blocks_of(cols) * n * static_cast<int64_t>(sizeof(ActivationBlock));
}

bool MatmulScratch::reserve(int64_t n, int64_t cols) {
  const int64_t bytes = input_bytes(n, cols);
  if (bytes <= impl_->blocks_bytes) return true;
  impl_->blocks = allocate_aligned(bytes);
  impl_->blocks_bytes = impl_->blocks ? bytes : 0;
  return impl_->blocks != nullptr;
}

void multiply(std::span<const Product> group, const float* x, int64_t n, MatmulScratch& scratch,
              ThreadPool& pool, Priority priority) {
  if (group.empty() || n <= 0) return;
  MatmulScratch::Impl& s = scratch.impl();
  Activations input = {x, nullptr, n, group[0].weights->cols()};
  if (s.plans.size() < group.size()) s.plans.resize(group.size());
  int64_t tasks = 0;
  int64_t slots = 0;
  bool quantised = false;
  for (size_t p = 0; p < group.size(); ++p) {
    const Matrix::Impl& m = group[p].weights->impl();
    HEARTH_CHECK(m.cols == input.cols && group[p].y_stride >= m.rows);
    MatmulScratch::Impl::Plan& plan = s.plans[p];
    plan_product(m, n, pool.threads(), plan);
    plan.first_task = tasks;
    plan.first_slot = slots;
    tasks += plan.tasks;
    if (!m.tile) slots += plan.tasks;
    quantised |= m.tile && m.tile->quantised_input;
  }
  const auto buffer_floats = static_cast<size_t>(slots * kReferenceRows * input.cols);
  if (s.rows.size() < buffer_floats) s.rows.resize(buffer_floats);
  if (quantised) quantise_input(input, scratch, pool, priority);
  pool.parallel_for(
      tasks,
      [&](int64_t task) {
        size_t p = group.size() - 1;
        while (s.plans[p].first_task > task) --p;
        run_task(group[p], s.plans[p], task - s.plans[p].first_task, input, s.rows.data());
      },
      priority);
}

}  // namespace hearth::kernels
