// Hyper-parameters, layer tables of the architectures, rotation frequencies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "model/rope.h"
#include "model/test_util.h"

namespace hearth::model {
namespace {

using testing::HasSubstr;

ModelSpec small_spec(const std::string& arch) {
  auto spec = build_spec(small_metadata(arch), 0, true);
  EXPECT_TRUE(spec.ok());
  return std::move(spec).value();
}

TEST(Spec, EveryArchitectureBuildsAndSplitsItsTensorsCompletely) {
  ASSERT_FALSE(arch_registry().empty());
  for (const ArchSpec* arch : arch_registry()) {
    EXPECT_EQ(find_arch(arch->name), arch);
    for (std::string_view hf_class : arch->hf_classes) EXPECT_EQ(find_arch_by_hf_class(hf_class), arch);
    const ModelSpec spec = small_spec(std::string(arch->name));
    for (const TensorNeed& need : needed_tensors(spec)) {
      int64_t rows = 0;
      for (const Part& part : need.parts) {
        EXPECT_EQ(part.row, rows) << need.name;
        rows += part.rows;
      }
      EXPECT_EQ(rows, need.shape[0]) << need.name;
    }
  }
}

TEST(Spec, WindowsNormsAndRotationsFollowTheArchitecture) {
  const ModelSpec llama = small_spec("llama");
  EXPECT_EQ(llama.layers[0].rope.kind, RopeKind::kNorm);
  EXPECT_EQ(llama.ropes.size(), 1U);
  EXPECT_FLOAT_EQ(llama.layers[0].attention_scale, 1 / std::sqrt(8.0F));

  const ModelSpec gemma = small_spec("gemma3");
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(gemma.layers[i].window, i == 5 ? 0 : 16);
    EXPECT_EQ(gemma.layers[i].rope_index, 0);  // both bases are 10000 when the metadata names none
  }
  EXPECT_FLOAT_EQ(gemma.embedding_scale, std::sqrt(24.0F));
  EXPECT_TRUE(gemma.layers[0].post_ffn_norm && gemma.layers[0].qk_norm);

  const ModelSpec smollm = small_spec("smollm3");
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(smollm.layers[i].rope_index, i == 3 ? -1 : 0);

  EXPECT_EQ(small_spec("qwen2").layers[0].qkv_bias, Presence::kRequired);
  EXPECT_TRUE(small_spec("phi3").layers[0].fused_qkv);
}

TEST(Spec, GemmaReadsItsPatternAndBasesFromMetadata) {
  io::Metadata metadata = small_metadata("gemma3");
  metadata.set("gemma3.attention.sliding_window_pattern", io::Value::of(uint32_t{2}));
  metadata.set("gemma3.rope.freq_base", io::Value::of(1e6F));
  metadata.set("gemma3.rope.scaling.type", io::Value::of(std::string("linear")));
  metadata.set("gemma3.rope.scaling.factor", io::Value::of(8.0F));
  const auto spec = build_spec(metadata, 0, true);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->layers[0].window, 16);
  EXPECT_EQ(spec->layers[1].window, 0);
  EXPECT_EQ(spec->layers[0].rope.base, 10000.0F);
  EXPECT_EQ(spec->layers[0].rope.scaling, RopeScaling::kNone);
  EXPECT_EQ(spec->layers[1].rope.base, 1e6F);
  EXPECT_EQ(spec->layers[1].rope.factor, 8.0F);
  EXPECT_EQ(spec->layers[5].rope_index, 1);
  EXPECT_EQ(spec->ropes.size(), 2U);
}

TEST(Spec, UnknownArchitectureNamesTheNearestAndAll) {
  const auto spec = build_spec(small_metadata("qwen4"), 0, true);
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(spec.error().message, HasSubstr("'qwen4'; the nearest that hearth runs is 'qwen2'"));
  for (const ArchSpec* arch : arch_registry())
    EXPECT_THAT(spec.error().message, HasSubstr(std::string(arch->name)));
}

TEST(HParams, ReportsEverythingThatIsWrongAtOnce) {
  io::Metadata metadata = small_metadata("llama");
  metadata.set("llama.block_count", io::Value::of(uint32_t{4000000000}));
  metadata.set("llama.attention.head_count_kv", io::Value::of(uint32_t{3}));
  metadata.set("llama.attention.layer_norm_rms_epsilon", io::Value::of(std::nanf("")));
  metadata.set("llama.rope.dimension_count", io::Value::of(uint32_t{7}));
  metadata.set("llama.rope.scaling.type", io::Value::of(std::string("spiral")));
  metadata.set("llama.vocab_size", io::Value::of(std::string("many")));
  const auto hp = read_hparams(metadata, 0, true);
  ASSERT_FALSE(hp.ok());
  EXPECT_EQ(hp.error().code, ErrorCode::kCorrupt);
  for (const char* part : {"block_count = 4000000000", "4 heads cannot share 3", "layer_norm_rms_epsilon",
                           "dimension_count 7", "'spiral'", "vocab_size"}) {
    EXPECT_THAT(hp.error().message, HasSubstr(part));
  }
  EXPECT_EQ(hp.error().message.find('\n'), std::string::npos);
}

TEST(HParams, MissingKeysAreNamedAndPerLayerArraysCounted) {
  io::Metadata metadata;
  metadata.set("general.architecture", io::Value::of(std::string("llama")));
  auto hp = read_hparams(metadata, 0, true);
  ASSERT_FALSE(hp.ok());
  for (const char* key :
       {"block_count", "embedding_length", "context_length", "feed_forward_length", "head_count"}) {
    EXPECT_THAT(hp.error().message,
                HasSubstr(concat("llama.", key == std::string("head_count") ? "attention." : "", key,
                                 " is missing")));
  }
  metadata = small_metadata("llama");
  metadata.set("llama.feed_forward_length", io::Value::of_int32s({40, 41, 42}));
  hp = read_hparams(metadata, 0, true);
  ASSERT_FALSE(hp.ok());
  EXPECT_THAT(hp.error().message, HasSubstr("3 entries for 6 layers"));
  metadata.set("llama.feed_forward_length", io::Value::of_int32s({40, 41, 42, 43, 44, 45}));
  hp = read_hparams(metadata, 0, true);
  ASSERT_TRUE(hp.ok());
  EXPECT_EQ(hp->ffn_dim[5], 45);
}

TEST(HParams, RefusesExpertsAndEncoders) {
  io::Metadata metadata = small_metadata("llama");
  metadata.set("llama.expert_count", io::Value::of(uint32_t{8}));
  EXPECT_THAT(read_hparams(metadata, 0, true).error().message, HasSubstr("8 experts"));
  metadata = small_metadata("gemma3");
  metadata.set("gemma3.attention.causal", io::Value::of(false));
  EXPECT_THAT(read_hparams(metadata, 0, true).error().message, HasSubstr("looks ahead"));
}

TEST(Rope, PlainLinearAndDividedFrequencies) {
  RopeSpec rope{.kind = RopeKind::kNeox, .dims = 8, .base = 100};
  RopeTable table = make_rope_table(rope, {});
  ASSERT_EQ(table.frequency.size(), 4U);
  for (size_t j = 0; j < 4; ++j)
    EXPECT_DOUBLE_EQ(table.frequency[j], std::pow(100.0, -0.25 * static_cast<double>(j)));
  EXPECT_EQ(table.magnitude, 1.0F);
  rope.scaling = RopeScaling::kLinear;
  rope.factor = 4;
  const std::vector<float> factors{1, 2, 4, 8};
  table = make_rope_table(rope, factors);
  EXPECT_DOUBLE_EQ(table.frequency[2], 0.1 / 16);
}

TEST(Rope, YarnKeepsFastPairsAndStretchesSlowOnes) {
  // Pairs that turn more than beta_fast times over the original context stay, fewer than beta_slow times are
  // stretched.
  const RopeSpec rope{
      .dims = 64, .base = 10000, .scaling = RopeScaling::kYarn, .factor = 4, .original_context = 4096};
  const RopeTable table = make_rope_table(rope, {});
  for (size_t j = 0; j < 32; ++j) {
    const double plain = std::pow(10000.0, -2.0 * static_cast<double>(j) / 64);
    const double turns = 4096 * plain / (2 * std::numbers::pi);
    const double ratio = table.frequency[j] / plain;
    EXPECT_LE(ratio, 1.0);
    EXPECT_GE(ratio, 0.25);
    if (turns > 40) {
      EXPECT_EQ(ratio, 1.0) << j;
    }
    if (turns < 0.7) {
      EXPECT_DOUBLE_EQ(ratio, 0.25) << j;
    }
  }
  EXPECT_FLOAT_EQ(table.magnitude, static_cast<float>(0.1 * std::log(4.0) + 1));
}

TEST(Rope, Llama3FactorsMatchTheDefinition) {
  // Llama 3.1: base 500000, 128 dims, factor 8, low 1, high 4, original 8192.
  const std::vector<float> factors = llama3_factors(128, 500000, 8, 1, 4, 8192);
  for (size_t j = 0; j < 64; ++j) {
    const double wavelength = 2 * std::numbers::pi * std::pow(500000.0, static_cast<double>(j) / 64);
    if (wavelength < 8192.0 / 4) {
      EXPECT_EQ(factors[j], 1.0F);
    } else if (wavelength > 8192.0) {
      EXPECT_EQ(factors[j], 8.0F);
    } else {
      const double smooth = (8192 / wavelength - 1) / 3;
      EXPECT_FLOAT_EQ(factors[j], static_cast<float>(1 / ((1 - smooth) / 8 + smooth)));
    }
  }
}

}  // namespace
}  // namespace hearth::model
