// Tiny random models of every architecture against the logits that Hugging Face transformers computes with
// them: the one test that catches a wrong spec. Made by tools/golden/hf_logits.py; no Python is needed to run
// it.
//
// The bound: a golden holds the largest difference between transformers in float32 and in float64 (`error`),
// the worst of three float32 evaluations that sum in different orders. A correct float32 forward differs from
// float64 by the same rounding errors in yet another order; 4 * error leaves three bits for an unluckier
// order. Float16 pages of the KV cache add an error of their own and are compared in the runtime's tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/xxhash64.h"
#include "golden_util.h"
#include "io/gguf.h"
#include "io/safetensors.h"
#include "lab/convert.h"
#include "model/hf_folder.h"
#include "text/tokenizer_files.h"

namespace hearth::golden {
namespace {

struct Golden {
  std::string name;
  std::filesystem::path model;  // folder
  std::filesystem::path file;   // golden-N.safetensors
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

std::vector<Golden> find_goldens() {
  std::vector<Golden> goldens;
  const std::filesystem::path root = std::filesystem::path(HEARTH_SOURCE_DIR) / "tests/golden/models";
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, error)) {
    const std::filesystem::path& path = entry.path();
    if (!path.filename().string().starts_with("golden-")) continue;
    std::string name = path.parent_path().filename().string() + "_" + path.stem().string().substr(7);
    std::replace(name.begin(), name.end(), '-', '_');
    goldens.push_back({name, path.parent_path(), path});
  }
  std::sort(goldens.begin(), goldens.end(), [](const Golden& a, const Golden& b) { return a.name < b.name; });
  return goldens;
}

template <typename T>
std::vector<T> values_of(const io::SafeTensorsFile& file, std::string_view name) {
  for (const io::SafeTensor& tensor : file.tensors) {
    if (tensor.name != name) continue;
    std::vector<T> values(tensor.data.size() / sizeof(T));
    std::memcpy(values.data(), tensor.data.data(), values.size() * sizeof(T));
    return values;
  }
  ADD_FAILURE() << "golden without " << name;
  return {};
}

class HfLogits : public testing::TestWithParam<Golden> {
 protected:
  void SetUp() override {
    auto file = io::read_safetensors(GetParam().file);
    ASSERT_TRUE(file.ok()) << file.error().message;
    ids_ = values_of<int32_t>(*file, "ids");
    wanted_ = values_of<float>(*file, "logits");
    const std::vector<double> error = values_of<double>(*file, "error");
    const std::vector<int32_t> context = values_of<int32_t>(*file, "context");
    ASSERT_TRUE(error.size() == 1 && context.size() == 1 && !ids_.empty());
    bound_ = 4 * error[0];
    options_.context_tokens = context[0];
    options_.kv_format = "f32";
    double sum = 0;
    double squares = 0;
    for (float w : wanted_) {
      sum += static_cast<double>(w);
      squares += static_cast<double>(w) * static_cast<double>(w);
    }
    const auto n = static_cast<double>(wanted_.size());
    // A bound that wrong logits could meet would prove nothing.
    ASSERT_LT(bound_, 1e-3 * std::sqrt(squares / n - sum / n * sum / n));
  }

  /// Largest difference from the golden; infinite when the sizes differ or one is not a number.
  double distance(const std::vector<float>& logits) const {
    if (logits.size() != wanted_.size()) return HUGE_VAL;
    double worst = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      const double off = std::abs(static_cast<double>(logits[i]) - static_cast<double>(wanted_[i]));
      if (!(off <= worst)) worst = std::isnan(off) ? HUGE_VAL : off;
    }
    return worst;
  }

  void expect_equal(const std::vector<float>& logits, const std::string& what) const {
    EXPECT_LE(distance(logits), bound_) << what;
  }

  std::vector<int32_t> ids_;
  std::vector<float> wanted_;  // (tokens, vocabulary)
  double bound_ = 0;
  runtime::RuntimeOptions options_;
  ThreadPool pool_{2};
};

TEST_P(HfLogits, PrefillChunksAndSingleTokensAgreeWithTheReference) {
  for (const auto precision : {kernels::Precision::kReference, kernels::Precision::kFast}) {
    const std::string mode = precision == kernels::Precision::kFast ? "fast" : "reference";
    const Opened opened = open_model(GetParam().model, precision, options_, pool_);
    ASSERT_NE(opened.runtime, nullptr);
    expect_equal(logits_of(*opened.runtime, ids_, ids_.size()), mode + "_prefill");
    expect_equal(logits_of(*opened.runtime, ids_, 23), mode + "_chunks");
    expect_equal(logits_of(*opened.runtime, ids_, 1), mode + "_decode");
  }
}

/// Hidden states are what the reference makes its logits of: multiplied in double they give them. The matrix
/// has more rows than columns, so no other hidden states would do.
TEST_P(HfLogits, HiddenStatesGiveTheReferencesLogits) {
  const Opened opened = open_model(GetParam().model, kernels::Precision::kReference, options_, pool_);
  ASSERT_NE(opened.runtime, nullptr);
  runtime::Runtime& session = *opened.runtime;
  const auto width = static_cast<size_t>(session.hidden_width());
  const auto vocabulary = static_cast<size_t>(session.vocabulary());
  ASSERT_GT(vocabulary, width);
  const runtime::SequenceChunk all = {session.open_sequence().value(), ids_, runtime::LogitsWanted::kNone,
                                      runtime::HiddenWanted::kAll};
  ASSERT_TRUE(session.forward({&all, 1}));
  const std::span<const float> hidden = session.hidden(0);
  ASSERT_EQ(hidden.size(), ids_.size() * width);
  const auto cap = static_cast<double>(opened.model->spec().final_softcap);
  std::vector<float> logits(ids_.size() * vocabulary);
  std::vector<float> row(width);
  for (size_t i = 0; i < vocabulary; ++i) {
    opened.model->output().decode_row(static_cast<int64_t>(i), row.data());
    for (size_t t = 0; t < ids_.size(); ++t) {
      double sum = 0;
      for (size_t d = 0; d < width; ++d)
        sum += static_cast<double>(row[d]) * static_cast<double>(hidden[t * width + d]);
      logits[t * vocabulary + i] = static_cast<float>(cap > 0 ? cap * std::tanh(sum / cap) : sum);
    }
  }
  expect_equal(logits, "hidden states");
}

TEST_P(HfLogits, AConvertedCopyComputesTheSameBits) {
  const ScratchFolder scratch;
  auto source = model::open_source(GetParam().model);
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto report = lab::convert(*source, scratch / "copy.gguf", {}, pool_, {});
  ASSERT_TRUE(report.ok()) << report.error().message;
  const Opened folder = open_model(GetParam().model, kernels::Precision::kReference, options_, pool_);
  const Opened copy = open_model(scratch / "copy.gguf", kernels::Precision::kReference, options_, pool_);
  ASSERT_TRUE(folder.runtime != nullptr && copy.runtime != nullptr);
  const std::vector<float> from_copy = logits_of(*copy.runtime, ids_, ids_.size());
  expect_equal(from_copy, "converted");
  EXPECT_EQ(from_copy, logits_of(*folder.runtime, ids_, ids_.size()));
}

/// The test above can fail: each number that the forward pass takes from the metadata moves logits beyond the
/// bound.
TEST_P(HfLogits, EveryNumberOfTheMetadataMatters) {
  auto source = model::open_source(GetParam().model);
  ASSERT_TRUE(source.ok()) << source.error().message;
  auto name = source->metadata.get_string("general.architecture");
  ASSERT_TRUE(name.ok() && *name);
  int changed = 0;
  for (const std::string suffix :
       {".rope.freq_base", ".rope.freq_base_swa", ".rope.scaling.factor", ".attention.scale",
        ".rope.scaling.attn_factor", ".attention.layer_norm_rms_epsilon", ".attention.sliding_window",
        ".final_logit_softcapping"}) {
    const std::string key = **name + suffix;
    const io::Value* value = source->metadata.find(key);
    if (value == nullptr) continue;
    auto number = source->metadata.get_float(key);
    ASSERT_TRUE(number.ok() && *number);
    io::TensorFile altered = *source;
    if (value->type == io::ValueType::kUint32) {
      altered.metadata.set(key, io::Value::of(static_cast<uint32_t>(**number + 1)));
    } else {
      altered.metadata.set(key, io::Value::of(static_cast<float>(**number * 1.02 + 1e-4)));
    }
    auto loaded = model::Model::load(std::move(altered), kernels::Precision::kReference, pool_);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    auto session = runtime::Runtime::create(**loaded, pool_, options_);
    ASSERT_TRUE(session.ok()) << session.error().message;
    EXPECT_GT(distance(logits_of(**session, ids_, ids_.size())), 2 * bound_) << key;
    ++changed;
  }
  EXPECT_GE(changed, 2);
}

INSTANTIATE_TEST_SUITE_P(Models, HfLogits, testing::ValuesIn(find_goldens()),
                         [](const auto& golden) { return golden.param.name; });

/// Every registered architecture has a golden: a new one without is a failure, not an omission.
TEST(HfGoldens, CoverEveryArchitecture) {
  std::vector<std::string> covered;
  for (const Golden& golden : find_goldens()) {
    auto file = model::open_source(golden.model);
    ASSERT_TRUE(file.ok()) << file.error().message;
    auto name = file->metadata.get_string("general.architecture");
    ASSERT_TRUE(name.ok() && *name);
    covered.push_back(**name);
  }
  for (const model::ArchSpec* arch : model::arch_registry()) {
    EXPECT_THAT(covered, testing::Contains(std::string(arch->name)));
  }
}

void update(XxHash64& digest, const io::Metadata& metadata, const std::vector<io::TensorToWrite>& tensors) {
  const ScratchFolder scratch;
  io::GgufWriteOptions options;
  options.observe = [&](std::span<const std::byte> bytes) { digest.update(bytes); };
  ASSERT_TRUE(io::write_gguf(scratch / "model.gguf", metadata, tensors, {}, options).ok());
}

/// Packed weights of folders are believed as long as the translation is the same: see model/hf_folder.h. The
/// tokenizers are made up: small, and with everything that read_tokenizer_folder translates.
TEST(HfTranslation, IsTheOneItsVersionNames) {
  std::set<std::filesystem::path> folders;
  for (const Golden& golden : find_goldens()) folders.insert(golden.model);
  ASSERT_GE(folders.size(), 10U);
  XxHash64 digest;
  for (const std::filesystem::path& folder : folders) {
    const io::TensorFile file = model::open_source(folder).value();
    EXPECT_EQ(file.translation, model::kHfTranslation);
    std::vector<io::TensorToWrite> tensors;
    for (const io::Tensor& tensor : file.tensors) {
      tensors.push_back({tensor.name, tensor.type, tensor.shape, tensor.data.size(),
                         [&tensor](const auto& sink) { return sink(tensor.data); }});
    }
    update(digest, file.metadata, tensors);
  }
  for (const std::string name : {"byte-level", "metaspace", "sentencepiece", "split"}) {
    const auto tokenizer = text::read_tokenizer_folder(std::filesystem::path(HEARTH_SOURCE_DIR) /
                                                       "tests/golden/tokenizers" / name);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    update(digest, *tokenizer, {});
  }
  EXPECT_EQ(std::pair(model::kHfTranslation, digest.digest()), std::pair(1U, uint64_t{4487749492668143860U}))
      << "translating folders gives something else: raise kHfTranslation, and put the new digest here";
}

}  // namespace
}  // namespace hearth::golden
