// Speed of attention over every page format: decode of one token and prefill of a chunk at a depth, one
// thread and all. Names: attend/FORMAT/group/dim/depth/tokens/threads; counters GBps (bytes of the pages that
// a token must read) and GMACS (multiply-adds of both products). Layers take turns, so that decode reads
// memory and not the cache. Results are checked in tests.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/attention/attention.h"

namespace {

using hearth::Rng;
using hearth::ThreadPool;
using namespace hearth::kernels;

constexpr int64_t kColdBytes = int64_t{192} << 20;  // beyond any cache
constexpr int32_t kKvHeads = 8;

void attend_once(benchmark::State& state, const KvFormat& format, int32_t group, int32_t dim, int64_t depth,
                 int64_t tokens, int threads) {
  const AttentionShape shape = {.kv_heads = kKvHeads, .group = group, .dims = {dim, dim}, .scale = 0.1f};
  const int64_t head_bytes = format.page_bytes(shape.dims);
  const int64_t pages = (depth + tokens + kPageTokens - 1) / kPageTokens;
  const int64_t layer_bytes = pages * kKvHeads * head_bytes;
  const int64_t layers = tokens > 1 ? 1 : (kColdBytes + layer_bytes - 1) / layer_bytes;
  std::vector<std::byte> bytes(static_cast<size_t>(layers * layer_bytes) + 64);
  std::byte* base = bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64;
  Rng rng(1);
  std::vector<float> x(static_cast<size_t>(kPageTokens) * static_cast<size_t>(dim));
  for (float& value : x) value = static_cast<float>(rng.normal());
  for (int64_t i = 0; i < layers * pages * kKvHeads; ++i) {
    format.kernels(active_isa())
        .write(base + i * head_bytes, shape.dims, 0, kPageTokens, x.data(), dim, x.data(), dim);
  }
  std::vector<int32_t> blocks;
  for (int64_t i = 0; i < pages; ++i) blocks.push_back(static_cast<int32_t>(i));
  const int64_t width = int64_t{kKvHeads} * group * dim;
  std::vector<float> q(static_cast<size_t>(tokens * width));
  for (float& value : q) value = static_cast<float>(rng.normal());
  std::vector<float> out(q.size());
  ThreadPool pool(threads);
  AttentionScratch scratch;
  int64_t layer = 0;
  for (auto _ : state) {
    const AttentionInput input = {.q = q.data(),
                                  .q_stride = width,
                                  .out = out.data(),
                                  .out_stride = width,
                                  .tokens = tokens,
                                  .position = depth,
                                  .pages = base + layer * layer_bytes,
                                  .block_bytes = kKvHeads * head_bytes,
                                  .head_bytes = head_bytes,
                                  .blocks = blocks};
    attend(format, shape, {&input, 1}, scratch, pool);
    layer = (layer + 1) % layers;
  }
  const auto macs = static_cast<double>(tokens * width * 2) * static_cast<double>(depth + tokens / 2);
  state.counters["GBps"] = benchmark::Counter(static_cast<double>(layer_bytes) / 1e9,
                                              benchmark::Counter::kIsIterationInvariantRate);
  state.counters["GMACS"] = benchmark::Counter(macs / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  struct Size {
    int32_t group;
    int32_t dim;
    int64_t depth;
    int64_t tokens;
  };
  std::vector<Size> sizes;
  for (const int32_t group : {1, 2, 4, 8}) sizes.push_back({group, 128, 8191, 1});
  for (const int32_t dim : {64, 80, 96, 256}) sizes.push_back({2, dim, 8191, 1});
  sizes.push_back({3, 64, 8191, 1});  // SmolLM2-135M
  for (const int32_t dim : {64, 80, 96, 128, 256}) sizes.push_back({2, dim, 3840, 256});
  sizes.push_back({4, 64, 3840, 256});
  for (const KvFormat* format : kv_formats()) {
    for (const Size& s : sizes) {
      for (const int threads : {1, 2}) {
        benchmark::RegisterBenchmark(("attend/" + std::string(format->name) + "/" + std::to_string(s.group) +
                                      "/" + std::to_string(s.dim) + "/" + std::to_string(s.depth) + "/" +
                                      std::to_string(s.tokens) + "/" + std::to_string(threads))
                                         .c_str(),
                                     [=](benchmark::State& state) {
                                       attend_once(state, *format, s.group, s.dim, s.depth, s.tokens,
                                                   threads);
                                     })
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
