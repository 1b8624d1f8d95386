// The table of mixes: every row can be carried out, layers are counted as GGUF tools count them, odd rows
// fall back.
#include "lab/mixes.h"

#include <gtest/gtest.h>

#include <set>

namespace hearth::lab {
namespace {

/// A model's tensors without their bytes: `layers` layers, listed so that names do not sort by layer.
io::TensorFile model_of(int64_t layers, int64_t dim, int64_t heads, int64_t kv_heads, bool tied) {
  io::TensorFile file;
  file.metadata.set("general.architecture", io::Value::of(std::string("any")));
  file.metadata.set("any.attention.head_count", io::Value::of(static_cast<uint32_t>(heads)));
  file.metadata.set("any.attention.head_count_kv", io::Value::of(static_cast<uint32_t>(kv_heads)));
  auto add = [&](std::string name, std::vector<int64_t> shape) {
    io::Tensor tensor;
    tensor.name = std::move(name);
    tensor.shape = std::move(shape);
    file.tensors.push_back(std::move(tensor));
  };
  add("token_embd.weight", {300, dim});
  if (!tied) add("output.weight", {300, dim});
  for (int64_t i = layers - 1; i >= 0; --i) {
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
      add(concat("blk.", i, '.', name, ".weight"), {64, dim});
    add(concat("blk.", i, ".attn_norm.weight"), {dim});
    add(concat("blk.", i, ".ffn_gate_inp.weight"), {8, dim});
  }
  return file;
}

std::string format_in(const io::TensorFile& file, std::string_view mix, std::string_view tensor,
                      bool importance = false) {
  const auto choices = choose_formats(*find_mix(mix), {&file, importance});
  EXPECT_TRUE(choices) << choices.error().message;
  for (size_t i = 0; choices && i < file.tensors.size(); ++i) {
    if (file.tensors[i].name == tensor)
      return (*choices)[i].format == nullptr ? "kept" : std::string((*choices)[i].format->name);
  }
  return "missing";
}

TEST(MixesTest, EveryRowCanBeCarriedOut) {
  std::set<std::string_view> names;
  std::set<uint32_t> numbers;
  const io::TensorFile file = model_of(9, 512, 8, 2, true);
  for (const Mix& mix : mixes()) {
    EXPECT_TRUE(names.insert(mix.name).second && numbers.insert(mix.file_type).second) << mix.name;
    EXPECT_TRUE(choose_formats(mix, {&file, false})) << mix.name;
  }
  EXPECT_EQ(find_mix("Q4_K_M"), find_mix("q4_k_m"));
  EXPECT_EQ(find_mix("nonsense"), nullptr);
}

TEST(MixesTest, MoreBitsForTheEndsAndEveryThirdLayer) {
  const io::TensorFile file = model_of(28, 256, 16, 8, true);
  const std::set<int64_t> more = {0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27};
  for (int64_t i = 0; i < 28; ++i) {
    const std::string wanted = more.contains(i) ? "Q6_K" : "Q4_K";
    EXPECT_EQ(format_in(file, "q4_k_m", concat("blk.", i, ".attn_v.weight")), wanted) << i;
    EXPECT_EQ(format_in(file, "q4_k_m", concat("blk.", i, ".ffn_down.weight")), wanted) << i;
    EXPECT_EQ(format_in(file, "q4_k_m", concat("blk.", i, ".attn_q.weight")), "Q4_K") << i;
  }
  EXPECT_EQ(format_in(file, "q4_k_m", "token_embd.weight"), "Q6_K");
  EXPECT_EQ(format_in(file, "q4_k_m", "blk.3.attn_norm.weight"), "kept");
  EXPECT_EQ(format_in(file, "q4_k_m", "blk.3.ffn_gate_inp.weight"), "kept");
}

TEST(MixesTest, ConditionsDecide) {
  const io::TensorFile grouped = model_of(16, 256, 8, 2, false);
  const io::TensorFile plain = model_of(16, 256, 8, 8, false);
  EXPECT_EQ(format_in(grouped, "iq4_xs", "blk.9.attn_v.weight"), "Q5_K");
  EXPECT_EQ(format_in(plain, "iq4_xs", "blk.9.attn_v.weight"), "IQ4_XS");
  EXPECT_EQ(format_in(plain, "iq4_xs", "blk.1.ffn_down.weight"), "Q5_K");
  EXPECT_EQ(format_in(plain, "iq4_xs", "blk.1.ffn_down.weight", true), "IQ4_XS");
  EXPECT_EQ(format_in(plain, "q4_0", "blk.1.ffn_down.weight"), "Q4_0");
  EXPECT_EQ(format_in(plain, "q4_0", "blk.1.ffn_down.weight", true), "Q4_1");
  EXPECT_EQ(format_in(plain, "q4_0", "blk.2.ffn_down.weight", true), "Q4_0");
  EXPECT_EQ(format_in(plain, "q3_k_m", "blk.1.attn_v.weight"), "Q5_K");
  EXPECT_EQ(format_in(plain, "q3_k_m", "blk.2.attn_v.weight"), "Q4_K");
  EXPECT_EQ(format_in(plain, "q4_k_m", "token_embd.weight"), "Q4_K");
  EXPECT_EQ(format_in(plain, "q4_k_m", "output.weight"), "Q6_K");
}

TEST(MixesTest, RowsThatAreNoWholeBlocksFallBack) {
  const io::TensorFile file = model_of(8, 576, 9, 3, true);
  EXPECT_EQ(format_in(file, "q4_k_m", "blk.3.attn_q.weight"), "Q5_0");
  EXPECT_EQ(format_in(file, "q4_k_m", "blk.0.attn_v.weight"), "Q8_0");
  EXPECT_EQ(format_in(file, "q5_k_s", "blk.3.attn_q.weight"), "Q5_1");
  EXPECT_EQ(format_in(file, "q3_k_s", "blk.3.attn_q.weight"), "Q4_0");
  EXPECT_EQ(format_in(file, "iq4_xs", "blk.3.attn_q.weight"), "IQ4_NL");
  EXPECT_EQ(format_in(file, "q4_0", "blk.3.attn_q.weight"), "Q4_0");
  EXPECT_EQ(format_in(file, "q4_k_m", "token_embd.weight"), "Q8_0");
  const io::TensorFile narrow = model_of(8, 100, 4, 4, true);
  EXPECT_EQ(format_in(narrow, "q4_k_m", "blk.3.attn_q.weight"), "F16");
  const auto choices = choose_formats(*find_mix("q4_k_m"), {&file, false});
  EXPECT_TRUE((*choices)[1].fell_back);
}

}  // namespace
}  // namespace hearth::lab
