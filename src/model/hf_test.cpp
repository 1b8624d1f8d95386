// Hugging Face folders in GGUF's vocabulary: configuration keys old and new, tensor names, row order, norms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "io/file.h"
#include "model/hf_config.h"
#include "model/test_util.h"

namespace hearth::model {
namespace {

using testing::HasSubstr;

constexpr std::string_view kLlama = R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 8,
  "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
  "max_position_embeddings": 512, "vocab_size": 5, "hidden_act": "silu", "tie_word_embeddings": true)";

io::Json parse(std::string_view text) {
  auto json = io::parse_json(text, "test");
  EXPECT_TRUE(json.ok());
  return json.ok() ? *json : io::Json();
}

io::Json llama_config(std::string_view more) { return parse(concat(kLlama, more, "}")); }

double number(const io::Metadata& metadata, std::string_view key) {
  auto value = metadata.get_float(key);
  return value.ok() && *value ? **value : -1;
}

TEST(HfConfig, SizesDefaultsAndTokens) {
  const auto config = read_hf_config(llama_config(""));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(number(config->metadata, "llama.attention.head_count_kv"), 1);
  EXPECT_FLOAT_EQ(static_cast<float>(number(config->metadata, "llama.attention.layer_norm_rms_epsilon")),
                  1e-6F);
  EXPECT_EQ(number(config->metadata, "llama.rope.dimension_count"), 4);
  EXPECT_EQ(config->tied_output, true);
}

TEST(HfConfig, OldAndNewRopeSettingsMeanTheSame) {
  constexpr std::string_view kScaling = R"("rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64)";
  const auto old_style =
      read_hf_config(llama_config(concat(R"(, "rope_theta": 5e5, "rope_scaling": {)", kScaling, "}")));
  const auto new_style =
      read_hf_config(llama_config(concat(R"(, "rope_parameters": {"rope_theta": 5e5,)", kScaling, "}")));
  ASSERT_TRUE(old_style.ok() && new_style.ok());
  EXPECT_EQ(number(old_style->metadata, "llama.rope.freq_base"), 5e5);
  EXPECT_EQ(number(new_style->metadata, "llama.rope.freq_base"), 5e5);
  EXPECT_EQ(old_style->rope_freqs, new_style->rope_freqs);
  EXPECT_EQ(old_style->rope_freqs.size(), 2U);
}

TEST(HfConfig, MultimodalTextConfigIsUsedWithTheClassDefaults) {
  const auto config =
      read_hf_config(parse(R"({"architectures": ["Gemma3ForConditionalGeneration"], "text_config": {
    "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024,
    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}})"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(number(config->metadata, "gemma3.attention.key_length"), 256);
  EXPECT_EQ(number(config->metadata, "gemma3.attention.sliding_window"), 1024);
  EXPECT_EQ(number(config->metadata, "gemma3.rope.freq_base"), 1e6);
  EXPECT_EQ(number(config->metadata, "gemma3.rope.freq_base_swa"), 1e4);
  EXPECT_EQ(number(config->metadata, "gemma3.rope.scaling.factor"), 8);
  EXPECT_EQ(number(config->metadata, "gemma3.attention.sliding_window_pattern"), 6);
}

TEST(HfConfig, LongropeBecomesFactorsAndMagnitude) {
  const auto config = read_hf_config(parse(R"({"architectures": ["Phi3ForCausalLM"], "hidden_size": 64,
    "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.75, "vocab_size": 5, "sliding_window": 262144,
    "rope_scaling": {"type": "longrope", "short_factor": [1, 1, 1, 1, 1, 1], "long_factor": [1, 2, 3, 4, 5, 6]}})"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(number(config->metadata, "phi3.rope.dimension_count"), 12);
  EXPECT_EQ(config->rope_long.size(), 6U);
  EXPECT_EQ(config->rope_long[5], 6.0F);
  EXPECT_NEAR(number(config->metadata, "phi3.rope.scaling.attn_factor"), std::sqrt(1 + 5.0 / 12),
              1e-7);  // 2^5, 2^12
  EXPECT_EQ(number(config->metadata, "phi3.rope.scaling.original_context_length"), 4096);
}

TEST(HfConfig, LongropeCountsForEveryClass) {
  const auto config = read_hf_config(llama_config(R"(, "max_position_embeddings": 128, "rope_scaling": {
    "rope_type": "longrope", "original_max_position_embeddings": 64, "short_factor": [1, 1], "long_factor": [1, 2]})"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  const auto spec = build_spec(config->metadata, 5, true);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->layers[0].rope.factors, RopeFactors::kLongShort);
}

TEST(HfConfig, RefusesWhatItCannotRun) {
  EXPECT_THAT(read_hf_config(parse(R"({"architectures": ["LlamaForCausalLN"]})")).error().message,
              HasSubstr("the nearest that hearth runs is 'LlamaForCausalLM'"));
  EXPECT_THAT(read_hf_config(parse("[]")).error().message, HasSubstr("not an object"));
  EXPECT_THAT(read_hf_config(parse("{}")).error().message, HasSubstr("architectures"));
  EXPECT_THAT(
      read_hf_config(llama_config(R"(, "rope_scaling": {"type": "spiral", "factor": 2})")).error().message,
      HasSubstr("'spiral'"));
  EXPECT_THAT(
      read_hf_config(llama_config(R"(, "sliding_window": 4, "layer_types": ["mamba"])")).error().message,
      HasSubstr("'mamba'"));
  EXPECT_FALSE(read_hf_config(llama_config(R"(, "head_dim": "wide")")).ok());
}

TEST(HfConfig, GenerationSettingsBecomeSamplingKeys) {
  io::Metadata metadata;
  ASSERT_TRUE(
      add_generation_config(parse(R"({"temperature": 0.6, "top_k": 20, "top_p": 0.95})"), metadata).ok());
  EXPECT_FLOAT_EQ(static_cast<float>(number(metadata, "general.sampling.temp")), 0.6F);
  EXPECT_EQ(number(metadata, "general.sampling.top_k"), 20);
  EXPECT_FALSE(metadata.contains("general.sampling.min_p"));
  EXPECT_FALSE(add_generation_config(parse(R"({"temperature": "hot"})"), metadata).ok());
}

/// A folder with one float32 layer whose values count up from 0 in every tensor.
class HfFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_hf_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void add(const std::string& name, std::vector<int64_t> shape) {
    int64_t n = 1;
    for (int64_t side : shape) n *= side;
    header_[name] = {{"dtype", "F32"},
                     {"shape", shape},
                     {"data_offsets", {data_.size(), data_.size() + 4 * static_cast<size_t>(n)}}};
    for (int64_t i = 0; i < n; ++i) {
      const auto value = static_cast<float>(i);
      data_.append(reinterpret_cast<const char*>(&value), 4);
    }
  }
  void write(const io::Json& config) {
    const std::string header = header_.dump();
    const uint64_t size = header.size();
    std::string bytes(reinterpret_cast<const char*>(&size), 8);
    ASSERT_TRUE(io::write_file(folder_ / "model.safetensors", bytes + header + data_).ok());
    ASSERT_TRUE(io::write_file(folder_ / "config.json", config.dump()).ok());
  }
  void add_layer(const std::string& prefix) {
    const std::string layer = prefix + "layers.0.";
    add(prefix + "embed_tokens.weight", {5, 8});
    add(prefix + "norm.weight", {8});
    add(layer + "input_layernorm.weight", {8});
    add(layer + "post_attention_layernorm.weight", {8});
    add(layer + "self_attn.q_proj.weight", {8, 8});
    add(layer + "self_attn.k_proj.weight", {4, 8});
    add(layer + "self_attn.v_proj.weight", {4, 8});
    add(layer + "self_attn.o_proj.weight", {8, 8});
    add(layer + "mlp.gate_proj.weight", {12, 8});
    add(layer + "mlp.up_proj.weight", {12, 8});
    add(layer + "mlp.down_proj.weight", {8, 12});
  }

  std::filesystem::path folder_;
  io::Json header_ = io::Json::object();
  std::string data_;
};

TEST_F(HfFolder, IsRenamedPermutedAndLoads) {
  add_layer("model.");
  add("lm_head.weight", {5, 8});  // must be ignored: the configuration ties it
  write(llama_config(""));
  auto file = open_source(folder_);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const io::Tensor& k = tensor_named(*file, "blk.0.attn_k.weight");
  std::vector<float> values(32);
  std::memcpy(values.data(), k.data.data(), 128);
  // Half-split pairs (0, 2), (1, 3) of the one head of 4 rows become neighbours: rows 0, 2, 1, 3.
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[8], 16);
  EXPECT_EQ(values[16], 8);
  EXPECT_EQ(values[24], 24);
  for (const io::Tensor& tensor : file->tensors) EXPECT_NE(tensor.name, "output.weight");
  ThreadPool pool(1);
  const auto model = Model::load(std::move(*file), kernels::Precision::kFast, pool);
  EXPECT_TRUE(model.ok()) << model.error().message;
  EXPECT_TRUE(open_source(folder_ / "config.json").ok());
}

TEST_F(HfFolder, NormsOfAClassThatStoresThemLessOneAreRaised) {
  add_layer("language_model.model.");
  add("language_model.model.layers.0.pre_feedforward_layernorm.weight", {8});
  add("language_model.model.layers.0.post_feedforward_layernorm.weight", {8});
  add("language_model.model.layers.0.self_attn.q_norm.weight", {4});
  add("language_model.model.layers.0.self_attn.k_norm.weight", {4});
  add("vision_tower.layers.0.norm.weight", {3});
  io::Json config = llama_config(R"(, "head_dim": 4, "hidden_activation": "gelu_pytorch_tanh")");
  config["architectures"] = {"Gemma3ForConditionalGeneration"};
  config.erase("hidden_act");
  write(config);
  auto file = open_source(folder_);
  ASSERT_TRUE(file.ok()) << file.error().message;
  for (const char* name :
       {"blk.0.attn_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_norm.weight",
        "blk.0.post_ffw_norm.weight", "blk.0.attn_q_norm.weight", "output_norm.weight"}) {
    float third = 0;
    std::memcpy(&third, tensor_named(*file, name).data.data() + 8, 4);
    EXPECT_EQ(third, 3) << name;
  }
  ThreadPool pool(1);
  const auto model = Model::load(std::move(*file), kernels::Precision::kReference, pool);
  EXPECT_TRUE(model.ok()) << model.error().message;
}

TEST_F(HfFolder, ErrorsNameTheFolderAndTheCause) {
  EXPECT_EQ(open_source(folder_).error().code, ErrorCode::kNotFound);
  add_layer("model.");
  write(llama_config(R"(, "hidden_act": "relu")"));
  EXPECT_THAT(open_source(folder_).error().message, HasSubstr("activation 'relu'"));
  EXPECT_THAT(open_source(folder_).error().message, HasSubstr(folder_.string()));
  EXPECT_EQ(open_source(folder_ / "absent.gguf").error().code, ErrorCode::kNotFound);
  write(llama_config(R"(, "tie_word_embeddings": false)"));  // but there is no lm_head
  EXPECT_THAT(open_source(folder_).error().message, HasSubstr("lm_head.weight"));
}

}  // namespace
}  // namespace hearth::model
