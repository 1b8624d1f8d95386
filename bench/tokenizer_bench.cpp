// Speed of tokenizers on real English: MB/s of encoding on one core, and the time to load a vocabulary.
// Names: encode/FAMILY. Texts and vocabularies are those of the shared data folder; results are checked in
// tests.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "io/file.h"
#include "io/gguf.h"
#include "text/tokenizer.h"

namespace {

using namespace hearth;

const std::filesystem::path kData = HEARTH_SHARED_DATA_DIR;

Result<io::Metadata> vocabulary(const std::string& family) {
  const std::string file = family == "llama-bpe" || family == "gpt-4o" ? "qwen2" : family;
  HEARTH_ASSIGN(io::TensorFile gguf,
                io::read_gguf(kData / "tokenizers/gguf" / ("ggml-vocab-" + file + ".gguf"),
                              [](uint32_t) { return std::optional<io::BlockLayout>(); }));
  if (file != family) gguf.metadata.set("tokenizer.ggml.pre", io::Value::of(family));
  return std::move(gguf.metadata);
}

void encode(benchmark::State& state, const std::string& family, const std::string& file) {
  const auto text = io::read_file(kData / "text" / file, 1 << 24);
  const auto metadata = vocabulary(family);
  if (!text || !metadata) return state.SkipWithError("the shared data folder is missing");
  const auto tokenizer = text::Tokenizer::create(*metadata);
  if (!tokenizer) return state.SkipWithError(tokenizer.error().message.c_str());
  size_t tokens = 0;
  for (auto _ : state) {
    const auto ids = (*tokenizer)->encode(*text, {});
    tokens = ids.size();
    benchmark::DoNotOptimize(ids.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(text->size()));
  state.counters["bytes_per_token"] = static_cast<double>(text->size()) / static_cast<double>(tokens);
}

void create(benchmark::State& state, const std::string& family) {
  const auto metadata = vocabulary(family);
  if (!metadata) return state.SkipWithError("the shared data folder is missing");
  for (auto _ : state) benchmark::DoNotOptimize(text::Tokenizer::create(*metadata));
}

}  // namespace

int main(int argc, char** argv) {
  for (const std::string family : {"gpt-2", "refact", "qwen2", "llama-bpe", "gpt-4o", "llama-spm"}) {
    for (const auto& [name, file] : {std::pair("middlemarch", "classic-books/george-eliot--middlemarch.md"),
                                     std::pair("wikipedia", "calibration/wiki.utf8")}) {
      benchmark::RegisterBenchmark(("encode/" + family + "/" + name).c_str(), encode, family, file)
          ->Unit(benchmark::kMillisecond);
    }
    benchmark::RegisterBenchmark(("create/" + family).c_str(), create, family)->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
