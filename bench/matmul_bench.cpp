// Speed of the matrix products of every weight format, beside the read bandwidth measured in the same run.
// Weights are many matrices in turn, so that a product with one column reads memory and not the cache, as
// decoding does. Names: product/FORMAT/rows/cols/n/threads; counters GOPS (2 rows cols n) and GBps (weight
// bytes). Results are checked in tests.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/half.h"
#include "kernels/matrix.h"

namespace {

using hearth::Rng;
using hearth::ThreadPool;
using namespace hearth::kernels;

constexpr int64_t kColdBytes = int64_t{256} << 20;  // beyond any cache

std::vector<std::byte> encoded(const Format& format, int64_t rows, int64_t cols) {
  Rng rng(1);
  const int64_t distinct = std::min<int64_t>(rows, 64);
  std::vector<float> x(static_cast<size_t>(distinct * cols));
  for (float& value : x) value = static_cast<float>(0.02 * rng.normal());
  const auto row_bytes = static_cast<size_t>(cols / format.block_elems * format.block_bytes);
  std::vector<std::byte> bytes(static_cast<size_t>(rows) * row_bytes);
  format.encode(x.data(), bytes.data(), distinct * cols, nullptr);
  for (int64_t r = distinct; r < rows; ++r) {
    const int64_t from = r % distinct;
    std::memcpy(bytes.data() + static_cast<size_t>(r) * row_bytes,
                bytes.data() + static_cast<size_t>(from) * row_bytes, row_bytes);
  }
  return bytes;
}

void product(benchmark::State& state, const Format& format, int64_t rows, int64_t cols, int64_t n,
             int threads) {
  ThreadPool pool(threads);
  const std::vector<std::byte> disk = encoded(format, rows, cols);
  std::vector<Matrix> matrices;
  int64_t bytes = 0;
  do {
    auto matrix = Matrix::create(format, rows, cols, disk, Precision::kFast, pool);
    if (!matrix) {
      state.SkipWithError(matrix.error().message.c_str());
      return;
    }
    bytes += matrix->read_bytes();
    matrices.push_back(std::move(matrix).value());
  } while (n <= 8 && bytes < kColdBytes);
  Rng rng(2);
  std::vector<float> x(static_cast<size_t>(n * cols));
  for (float& value : x) value = static_cast<float>(rng.normal());
  std::vector<float> y(static_cast<size_t>(n * rows));
  MatmulScratch scratch;
  size_t next = 0;
  for (auto _ : state) {
    const Product one = {&matrices[next], y.data(), rows};
    multiply({&one, 1}, x.data(), n, scratch, pool);
    benchmark::DoNotOptimize(y.data());
    next = (next + 1) % matrices.size();
  }
  const auto runs = static_cast<double>(state.iterations());
  using benchmark::Counter;
  state.counters["GOPS"] = Counter(2e-9 * static_cast<double>(rows * cols * n) * runs, Counter::kIsRate);
  state.counters["GBps"] =
      Counter(1e-9 * static_cast<double>(matrices[0].read_bytes()) * runs, Counter::kIsRate);
}

void read_bandwidth(benchmark::State& state, int threads) {
  ThreadPool pool(threads);
  std::vector<uint64_t> memory(static_cast<size_t>(kColdBytes) / 8, 1);
  constexpr int64_t kParts = 32;
  const int64_t part = static_cast<int64_t>(memory.size()) / kParts;
  for (auto _ : state) {
    pool.parallel_for(kParts, [&](int64_t i) {
      const uint64_t* p = memory.data() + i * part;
      uint64_t a = 0, b = 0, c = 0, d = 0;
      for (int64_t k = 0; k < part; k += 4) {
        a += p[k];
        b += p[k + 1];
        c += p[k + 2];
        d += p[k + 3];
      }
      benchmark::DoNotOptimize(a + b + c + d);
    });
  }
  using benchmark::Counter;
  state.counters["GBps"] = Counter(
      1e-9 * static_cast<double>(kColdBytes) * static_cast<double>(state.iterations()), Counter::kIsRate);
}

void register_all() {
  struct Shape {
    int64_t rows, cols;
  };
  for (int threads : {1, 2}) {
    benchmark::RegisterBenchmark(("read/" + std::to_string(threads)).c_str(), read_bandwidth, threads)
        ->UseRealTime();
    for (const Format* format : format_registry()) {
      for (const Shape& shape : {Shape{3072, 1024}, Shape{1024, 3072}, Shape{2048, 2048}, Shape{1536, 576}}) {
        if (shape.cols % format->block_elems != 0) continue;
        for (int64_t n : {1, 2, 4, 8, 16, 64, 512}) {
          const std::string name = "product/" + std::string(format->name) + "/" + std::to_string(shape.rows) +
                                   "/" + std::to_string(shape.cols) + "/" + std::to_string(n) + "/" +
                                   std::to_string(threads);
          benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
            product(state, *format, shape.rows, shape.cols, n, threads);
          })->UseRealTime();
        }
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
