// Conversion: keep is byte-identical, re-encoding equals the format's own encode, vectors become float32, bad
// values are named.
#include "lab/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/rng.h"
#include "io/file.h"
#include "io/gguf.h"
#include "kernels/format.h"

namespace hearth::lab {
namespace {

using ::testing::HasSubstr;

std::optional<io::BlockLayout> layout(uint32_t type) {
  const auto shape = kernels::block_of_type(type);
  if (!shape) return std::nullopt;
  return io::BlockLayout{shape->elems, shape->bytes};
}

class ConvertTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_convert_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    Rng rng(7);
    add("token_embd.weight", 0, {300, 64}, rng);
    add("blk.0.attn_norm.weight", 30, {64}, rng);
    add("blk.0.ffn_down.weight", 1, {64, 172}, rng);
    source_.metadata.set("general.name", io::Value::of(std::string("test")));
    source_.metadata.set("general.alignment", io::Value::of(uint32_t{64}));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void add(std::string name, uint32_t type, std::vector<int64_t> shape, Rng& rng) {
    int64_t count = 1;
    for (const int64_t length : shape) count *= length;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(rng.normal());
    const kernels::Format* format = kernels::find_format(type);
    auto bytes = std::make_shared<std::vector<std::byte>>(
        static_cast<size_t>(count / format->block_elems * format->block_bytes));
    format->encode(values.data(), bytes->data(), count, nullptr);
    source_.tensors.push_back({std::move(name), type, std::move(shape), *bytes, bytes});
    bytes_.push_back(bytes);
  }

  Result<io::TensorFile> converted(const std::string& type) {
    HEARTH_ASSIGN(report_, convert(source_, folder_ / "out.gguf", {type}, pool_, nullptr));
    return io::read_gguf(folder_ / "out.gguf", layout);
  }

  std::filesystem::path folder_;
  io::TensorFile source_;
  std::vector<std::shared_ptr<std::vector<std::byte>>> bytes_;
  ConvertReport report_;
  ThreadPool pool_{2};
};

std::vector<float> decoded(const io::Tensor& tensor) {
  const kernels::Format* format = kernels::find_format(tensor.type);
  const auto count = static_cast<int64_t>(tensor.data.size()) / format->block_bytes * format->block_elems;
  std::vector<float> values(static_cast<size_t>(count));
  format->decode(tensor.data.data(), values.data(), count);
  return values;
}

TEST_F(ConvertTest, KeepCopiesMatricesAndWidensVectors) {
  const auto file = converted("keep");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors.size(), 3u);
  for (const size_t i : {0u, 2u}) {
    EXPECT_EQ(file->tensors[i].type, source_.tensors[i].type);
    EXPECT_TRUE(std::ranges::equal(file->tensors[i].data, source_.tensors[i].data));
  }
  EXPECT_EQ(file->tensors[1].type, 0u);
  EXPECT_EQ(decoded(file->tensors[1]), decoded(source_.tensors[1]));
  EXPECT_EQ(report_.reencoded, 1);
  EXPECT_EQ(file->metadata.get_string("general.name").value(), "test");
  EXPECT_FALSE(file->metadata.contains("general.alignment"));
  EXPECT_EQ(file->metadata.get_int("general.file_type").value(), 0);
}

TEST_F(ConvertTest, EveryFormatEqualsItsOwnEncoder) {
  for (const kernels::Format* format : kernels::format_registry()) {
    const auto file = converted(std::string(format->name));
    ASSERT_TRUE(file) << file.error().message;
    for (size_t i = 0; i < 3; ++i) {
      const io::Tensor& before = source_.tensors[i];
      const io::Tensor& after = file->tensors[i];
      EXPECT_EQ(after.shape, before.shape);
      if (i == 1) {
        EXPECT_EQ(after.type, 0u);
        continue;
      }
      if (before.shape.back() % format->block_elems != 0) {
        EXPECT_EQ(after.type, before.type) << format->name;
        EXPECT_TRUE(std::ranges::equal(after.data, before.data));
        continue;
      }
      ASSERT_EQ(after.type, format->id);
      const std::vector<float> values = decoded(before);
      std::vector<std::byte> expected(after.data.size());
      format->encode(values.data(), expected.data(), static_cast<int64_t>(values.size()), nullptr);
      EXPECT_TRUE(std::ranges::equal(after.data, expected)) << format->name << " tensor " << i;
    }
  }
}

TEST_F(ConvertTest, ConvertingBackFromAWiderTypeIsLossless) {
  ASSERT_TRUE(converted("f32"));
  auto wide = io::read_gguf(folder_ / "out.gguf", layout);
  ASSERT_TRUE(wide);
  ASSERT_TRUE(convert(*wide, folder_ / "back.gguf", {"F16"}, pool_, nullptr));
  const auto back = io::read_gguf(folder_ / "back.gguf", layout);
  EXPECT_TRUE(std::ranges::equal(back->tensors[2].data, source_.tensors[2].data));
}

TEST_F(ConvertTest, NamesBadValues) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes_[0]->data() + (17 * 64 + 3) * 4, &nan, 4);
  const auto bad = converted("bf16");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(bad.error().message, HasSubstr("tensor 'token_embd.weight' row 17"));
  const float large = 1e30f;
  std::memcpy(bytes_[0]->data() + (17 * 64 + 3) * 4, &large, 4);
  const auto narrow = converted("f16");
  ASSERT_FALSE(narrow);
  EXPECT_EQ(narrow.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(converted("bf16"));
}

TEST_F(ConvertTest, RefusesUnknownTypesAndCancels) {
  const auto unknown = converted("nonsense");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kUsage);
  EXPECT_THAT(unknown.error().message, HasSubstr("F32"));
  const auto cancelled =
      convert(source_, folder_ / "out.gguf", {}, pool_, [](uint64_t, uint64_t) { return false; });
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace hearth::lab
