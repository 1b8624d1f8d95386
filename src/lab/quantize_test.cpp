// The whole file: what is written is what the formats' own encoders make of each row, for any number of
// threads.
#include "lab/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "base/rng.h"
#include "io/gguf.h"

namespace hearth::lab {
namespace {

using ::testing::HasSubstr;

std::optional<io::BlockLayout> layout(uint32_t type) {
  const auto shape = kernels::block_of_type(type);
  if (!shape) return std::nullopt;
  return io::BlockLayout{shape->elems, shape->bytes};
}

class QuantizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_quantize_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    Rng rng(11);
    add("token_embd.weight", 1, {700, 256}, rng);
    add("output_norm.weight", 30, {256}, rng);
    for (int layer = 0; layer < 8; ++layer) {
      add(concat("blk.", layer, ".attn_v.weight"), 1, {96, 256}, rng);
      add(concat("blk.", layer, ".ffn_down.weight"), 1, {256, 96}, rng);
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void add(std::string name, uint32_t type, std::vector<int64_t> shape, Rng& rng) {
    int64_t count = 1;
    for (const int64_t length : shape) count *= length;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(rng.normal());
    const kernels::Format* format = kernels::find_format(type);
    auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(count * format->block_bytes));
    format->encode(values.data(), bytes->data(), count, nullptr);
    source_.tensors.push_back({std::move(name), type, std::move(shape), *bytes, bytes});
  }

  Result<io::TensorFile> quantized(std::string_view mix, int threads,
                                   const io::ImportanceMatrix* importance) {
    HEARTH_ASSIGN(const QuantizePlan plan, plan_quantization(source_, *find_mix(mix), importance));
    ThreadPool pool(threads);
    HEARTH_RETURN_IF_ERROR(write_quantized(plan, folder_ / "out.gguf", pool, nullptr));
    HEARTH_ASSIGN(io::TensorFile file, io::read_gguf(folder_ / "out.gguf", layout));
    uint64_t bytes = 0;
    for (const io::Tensor& tensor : file.tensors) bytes += tensor.data.size();
    EXPECT_EQ(bytes, plan.bytes());
    return file;
  }

  /// What the format's encoder makes of each row of a matrix of the source.
  std::vector<std::byte> encoded(size_t index, const kernels::Format& to, const float* importance) const {
    const io::Tensor& tensor = source_.tensors[index];
    const int64_t columns = columns_of(tensor);
    const kernels::Format& from = *kernels::find_format(tensor.type);
    std::vector<std::byte> out(tensor_bytes(to, tensor));
    std::vector<float> row(static_cast<size_t>(columns));
    for (int64_t r = 0; r < rows_of(tensor); ++r) {
      from.decode(tensor.data.data() + static_cast<uint64_t>(r) * row_bytes(from, columns), row.data(),
                  columns);
      to.encode(row.data(), out.data() + static_cast<uint64_t>(r) * row_bytes(to, columns), columns,
                importance);
    }
    return out;
  }

  std::filesystem::path folder_;
  io::TensorFile source_;
};

TEST_F(QuantizeTest, EqualsTheFormatsOwnEncodersForAnyThreads) {
  for (const int threads : {1, 3}) {
    const auto file = quantized("q4_k_m", threads, nullptr);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->tensors.size(), source_.tensors.size());
    EXPECT_EQ(file->metadata.get_int("general.file_type").value(), 15);
    EXPECT_EQ(file->metadata.get_int("general.quantization_version").value(), 2);
    for (size_t i = 0; i < file->tensors.size(); ++i) {
      const kernels::Format& to = *kernels::find_format(file->tensors[i].type);
      if (i == 1) {
        EXPECT_EQ(to.id, 0u);  // vectors are float32
      } else {
        EXPECT_TRUE(std::ranges::equal(file->tensors[i].data, encoded(i, to, nullptr)))
            << file->tensors[i].name;
      }
    }
  }
}

TEST_F(QuantizeTest, HandsImportanceToTheEncoders) {
  io::ImportanceMatrix importance;
  io::ImportanceEntry& entry = importance.entries["blk.3.attn_v.weight"];
  Rng rng(5);
  for (int c = 0; c < 256; ++c) entry.sum_squares.push_back(100 * rng.uniform() + 0.1);
  entry.counts = {4};
  const auto file = quantized("q4_0", 2, &importance);
  ASSERT_TRUE(file) << file.error().message;
  const std::vector<float> means = entry.mean_squares();
  for (size_t i = 0; i < file->tensors.size(); ++i) {
    const bool weighed = file->tensors[i].name == "blk.3.attn_v.weight";
    if (i == 1) continue;
    const kernels::Format& to = *kernels::find_format(file->tensors[i].type);
    EXPECT_TRUE(std::ranges::equal(file->tensors[i].data, encoded(i, to, weighed ? means.data() : nullptr)))
        << file->tensors[i].name;
  }
  EXPECT_EQ(file->metadata.get_int("quantize.imatrix.entries_count").value(), 1);
  const auto plan = plan_quantization(source_, *find_mix("q4_0"), &importance);
  EXPECT_EQ(plan->without_importance, 16);

  entry.sum_squares.resize(32);
  const auto foreign = plan_quantization(source_, *find_mix("q4_0"), &importance);
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, HasSubstr("of another model"));
}

TEST_F(QuantizeTest, AnOwnEncoderTakesTheRowsInOrder) {
  struct Zeros : RowsEncoder {
    void encode(float*, std::byte* out, int64_t count) const override {
      std::fill(out, out + count * 144, std::byte{0});
    }
  };
  auto plan = plan_quantization(source_, *find_mix("q4_k_s"), nullptr);
  ASSERT_TRUE(plan);
  for (TensorPlan& row : plan->tensors) {
    if (row.tensor->name == "blk.7.attn_v.weight")
      row.make_encoder = [] { return Result<std::unique_ptr<RowsEncoder>>(std::make_unique<Zeros>()); };
  }
  ThreadPool pool(2);
  ASSERT_TRUE(write_quantized(*plan, folder_ / "out.gguf", pool, nullptr));
  const auto file = io::read_gguf(folder_ / "out.gguf", layout);
  for (const io::Tensor& tensor : file->tensors) {
    const bool zero = std::ranges::all_of(tensor.data, [](std::byte b) { return b == std::byte{0}; });
    EXPECT_EQ(zero, tensor.name == "blk.7.attn_v.weight") << tensor.name;
  }
}

TEST_F(QuantizeTest, CancelsWithoutATrace) {
  const auto plan = plan_quantization(source_, *find_mix("q8_0"), nullptr);
  ThreadPool pool(2);
  const auto stop = [](uint64_t done, uint64_t total) { return done < total / 2; };
  const Status status = write_quantized(*plan, folder_ / "out.gguf", pool, stop);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(QuantizeTest, RefusesAPackedModel) {
  source_.metadata.set("hearth.packed.version", io::Value::of(uint32_t{1}));
  for (io::Tensor& tensor : source_.tensors) tensor.type = 24;  // bytes, as packed matrices are
  const auto plan = plan_quantization(source_, *find_mix("q8_0"), nullptr);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("packed for running"));
}

TEST_F(QuantizeTest, RefusesWhatItCannotDecode) {
  source_.tensors[2].type = 16;
  const auto plan = plan_quantization(source_, *find_mix("q8_0"), nullptr);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(plan.error().message, HasSubstr("blk.0.attn_v.weight"));
}

}  // namespace
}  // namespace hearth::lab
