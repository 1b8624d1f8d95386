// Binding: every slot filled from the right rows, and one clear line for every way a file can be wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/log.h"
#include "model/test_util.h"

namespace hearth::model {
namespace {

using testing::HasSubstr;

class Binding : public testing::Test {
 protected:
  Result<std::unique_ptr<Model>> load(io::TensorFile file,
                                      kernels::Precision precision = kernels::Precision::kReference) {
    return Model::load(std::move(file), precision, pool_);
  }
  std::string error_of(io::TensorFile file) {
    auto model = load(std::move(file));
    EXPECT_FALSE(model.ok());
    if (model.ok()) return "";
    EXPECT_EQ(model.error().message.find('\n'), std::string::npos);
    return model.error().message;
  }
  ThreadPool pool_{2};
};

std::vector<float> floats_of(const io::Tensor& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

TEST_F(Binding, EveryArchitectureLoadsInBothPrecisions) {
  for (const ArchSpec* arch : arch_registry()) {
    for (auto precision : {kernels::Precision::kReference, kernels::Precision::kFast}) {
      auto model = load(small_file(small_metadata(std::string(arch->name))), precision);
      ASSERT_TRUE(model.ok()) << model.error().message;
      EXPECT_EQ((*model)->n_layers(), 6);
      EXPECT_EQ(&(*model)->output(), &(*model)->embedding());
      EXPECT_EQ((*model)->output_norm().size(), 24U);
      EXPECT_EQ((*model)->embedding().rows(), 32);
      EXPECT_GT((*model)->read_bytes_per_token(), 0);
      EXPECT_EQ((*model)->owned_bytes() == 0, precision == kernels::Precision::kReference);
      EXPECT_EQ((*model)->mapped_bytes() == 0, precision == kernels::Precision::kFast);
    }
  }
}

TEST_F(Binding, FusedTensorsAreSplitByRows) {
  io::TensorFile file = small_file(small_metadata("phi3"));
  const std::vector<float> qkv = floats_of(tensor_named(file, "blk.2.attn_qkv.weight"));
  const std::vector<float> gate_up = floats_of(tensor_named(file, "blk.2.ffn_up.weight"));
  auto model = load(std::move(file));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto expect_rows = [&](Weight weight, const std::vector<float>& from, int64_t first, int64_t rows) {
    const kernels::Matrix* matrix = (*model)->layer(2).matrix(weight);
    ASSERT_NE(matrix, nullptr);
    ASSERT_EQ(matrix->rows(), rows);
    std::vector<float> row(24);
    for (int64_t r = 0; r < rows; ++r) {
      matrix->decode_row(r, row.data());
      for (size_t c = 0; c < 24; ++c) ASSERT_EQ(row[c], from[static_cast<size_t>(first + r) * 24 + c]);
    }
  };
  expect_rows(Weight::kQ, qkv, 0, 32);
  expect_rows(Weight::kK, qkv, 32, 16);
  expect_rows(Weight::kV, qkv, 48, 16);
  expect_rows(Weight::kGate, gate_up, 0, 40);
  expect_rows(Weight::kUp, gate_up, 40, 40);
}

TEST_F(Binding, OptionalTensorsAreUsedWhenThereAndEmptyWhenNot) {
  io::TensorFile file = small_file(small_metadata("llama"));
  file.tensors.push_back(float_tensor("blk.1.attn_k.bias", {16}, std::vector<float>(16, 0.5F)));
  file.tensors.push_back(float_tensor("output.weight", {32, 24}, std::vector<float>(32 * 24, 2)));
  file.tensors.push_back(float_tensor("rope_freqs.weight", {4}, {1, 1, 2, 4}));
  auto model = load(std::move(file));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ((*model)->layer(1).vector(Vector::kKBias).size(), 16U);
  EXPECT_TRUE((*model)->layer(0).vector(Vector::kKBias).empty());
  EXPECT_NE(&(*model)->output(), &(*model)->embedding());
  EXPECT_DOUBLE_EQ((*model)->rope_table(0, 128).frequency[3], 0.001 / 4);
}

TEST_F(Binding, LongropeChoosesItsFactorsByTheContext) {
  io::Metadata metadata = small_metadata("phi3");
  metadata.set("phi3.rope.scaling.original_context_length", io::Value::of(uint32_t{64}));
  metadata.set("phi3.rope.scaling.attn_factor", io::Value::of(1.25F));
  io::TensorFile file = small_file(metadata);
  file.tensors.push_back(float_tensor("rope_factors_short.weight", {4}, {1, 1, 1, 1}));
  EXPECT_THAT(error_of(file), HasSubstr("only one of rope_factors_long.weight"));
  file.tensors.push_back(float_tensor("rope_factors_long.weight", {4}, {2, 2, 2, 2}));
  auto model = load(std::move(file));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_DOUBLE_EQ((*model)->rope_table(0, 64).frequency[0], 1);
  EXPECT_DOUBLE_EQ((*model)->rope_table(0, 65).frequency[0], 0.5);
  EXPECT_EQ((*model)->rope_table(0, 64).magnitude, 1.25F);
}

TEST_F(Binding, AllMissingAndMisshapenTensorsAreInOneLine) {
  io::TensorFile file = small_file(small_metadata("qwen2"));
  for (const char* name : {"blk.0.attn_q.weight", "blk.5.attn_v.bias", "output_norm.weight"}) {
    tensor_named(file, name).name = concat("renamed.", name);
  }
  tensor_named(file, "blk.3.ffn_down.weight").shape = {40, 24};
  const std::string message = error_of(std::move(file));
  EXPECT_THAT(message,
              HasSubstr("missing tensors: blk.0.attn_q.weight, blk.5.attn_v.bias, output_norm.weight"));
  EXPECT_THAT(message, HasSubstr("blk.3.ffn_down.weight is (40, 24) and should be (24, 40)"));
}

TEST_F(Binding, NotANumberIsNamedByTensorAndPlace) {
  for (const char* name : {"blk.4.ffn_up.weight", "blk.4.ffn_norm.weight"}) {
    io::TensorFile file = small_file(small_metadata("llama"));
    io::Tensor& tensor = tensor_named(file, name);
    std::vector<float> values = floats_of(tensor);
    values[tensor.shape.size() == 2 ? 7 * 24 + 3 : 7] = std::numeric_limits<float>::quiet_NaN();
    tensor = float_tensor(name, tensor.shape, values);
    const std::string message = error_of(std::move(file));
    EXPECT_THAT(message, HasSubstr(name));
    EXPECT_THAT(message, HasSubstr("7"));
    EXPECT_THAT(message, HasSubstr("NaN"));
  }
}

TEST_F(Binding, WeightTypesThatCannotBeComputedAreListed) {
  io::TensorFile file = small_file(small_metadata("llama"));
  tensor_named(file, "blk.0.attn_q.weight").type = 22;  // IQ2_S
  const std::string message = error_of(std::move(file));
  EXPECT_THAT(message, HasSubstr("blk.0.attn_q.weight (IQ2_S)"));
}

TEST_F(Binding, WrongByteCountsAndRowsAreErrors) {
  io::TensorFile file = small_file(small_metadata("llama"));
  io::Tensor& tensor = tensor_named(file, "blk.0.attn_norm.weight");
  tensor.data = tensor.data.first(8);
  EXPECT_THAT(error_of(file), HasSubstr("blk.0.attn_norm.weight has 8 bytes instead of 96"));
}

TEST_F(Binding, ExtraTensorsAreOnlyLogged) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  io::TensorFile file = small_file(small_metadata("llama"));
  file.tensors.push_back(float_tensor("vision.\n.weight", {1}, {1}));
  const auto model = load(std::move(file));
  set_log_sink({});
  EXPECT_TRUE(model.ok());
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("vision.?.weight"));
}

}  // namespace
}  // namespace hearth::model
