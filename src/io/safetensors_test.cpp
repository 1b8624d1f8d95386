// safetensors: a single file, shards with an index, and one test per rule that bad bytes break.
#include "io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/file.h"
#include "io/test_util.h"

namespace hearth::io {
namespace {

using ::testing::HasSubstr;

std::string file_of(std::string_view header, size_t data_bytes) {
  return raw<uint64_t>(header.size()) + std::string(header) + std::string(data_bytes, '\1');
}

constexpr std::string_view kGood =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
    R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"F16","shape":[0,5],"data_offsets":[4,4]}})";

Error error_of(std::string_view header, size_t data_bytes) {
  const std::string bytes = file_of(header, data_bytes);
  const auto result = parse_safetensors(as_bytes_of(bytes), "f");
  if (result) {
    ADD_FAILURE() << "accepted: " << header;
    return {};
  }
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  return result.error();
}

std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return concat(R"({"w":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets, "}}");
}

TEST(SafeTensors, ReadsInTheOrderOfTheData) {
  const std::string bytes = file_of(kGood, 16);
  const auto file = parse_safetensors(as_bytes_of(bytes), "f");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata.at("format"), "pt");
  ASSERT_EQ(file->tensors.size(), 3u);
  EXPECT_EQ(file->tensors[0].name, "a");
  EXPECT_TRUE(file->tensors[0].shape.empty());
  EXPECT_EQ(file->tensors[1].name, "e");
  EXPECT_EQ(file->tensors[2].dtype, "BF16");
  EXPECT_EQ(file->tensors[2].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file->tensors[2].data.size(), 12u);
}

TEST(SafeTensors, EveryTruncationIsAnError) {
  const std::string bytes = file_of(kGood, 16);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    EXPECT_FALSE(parse_safetensors(as_bytes_of(cut), "f")) << size;
  }
}

TEST(SafeTensors, RefusesBrokenHeaders) {
  EXPECT_THAT(error_of("[]", 0).message, HasSubstr("no JSON object"));
  EXPECT_THAT(error_of("{", 0).message, HasSubstr("f (header): line 1"));
  EXPECT_THAT(error_of(R"({"__metadata__":5})", 0).message, HasSubstr("__metadata__"));
  EXPECT_THAT(error_of(R"({"__metadata__":{"a":5}})", 0).message, HasSubstr("__metadata__"));
  EXPECT_THAT(error_of(R"({"w":5})", 0).message, HasSubstr("lacks"));
  EXPECT_THAT(error_of(R"({"":{}})", 0).message, HasSubstr("no name"));
  EXPECT_THAT(error_of(one("F32", "[1]", "[0,4]").insert(1, R"("w":1,)"), 4).message, HasSubstr("twice"));
  EXPECT_EQ(error_of(one("Q9", "[1]", "[0,4]"), 4).code, ErrorCode::kUnsupported);
  for (const char* shape : {"[-1]", "[1.0]", "[\"1\"]", "[9223372036854775807,9223372036854775807]",
                            "[18446744073709551615]", "[1,1,1,1,1,1,1,1,1]", "5"}) {
    EXPECT_EQ(error_of(one("F32", shape, "[0,4]"), 4).code, ErrorCode::kCorrupt) << shape;
  }
  for (const char* offsets :
       {"[0]", "[0,4,8]", "[4,0]", "[0,8]", "[-4,0]", "[0,18446744073709551615]", "{}", "[null,4]"}) {
    EXPECT_EQ(error_of(one("F32", "[1]", offsets), 4).code, ErrorCode::kCorrupt) << offsets;
  }
  const std::string huge = raw<uint64_t>(~0ull) + "{}";
  EXPECT_THAT(parse_safetensors(as_bytes_of(huge), "f").error().message, HasSubstr("claims a header"));
}

TEST(SafeTensors, TensorsMustTileTheData) {
  EXPECT_THAT(error_of(one("F32", "[1]", "[4,8]"), 8).message, HasSubstr("hole"));
  EXPECT_THAT(error_of(one("F32", "[1]", "[0,4]"), 5).message, HasSubstr("1 bytes after"));
  EXPECT_THAT(
      error_of(
          R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
          6)
          .message,
      HasSubstr("overlaps"));
}

void put_shard(const ScratchFolder& folder, const char* file, const char* tensor) {
  const std::string header = concat("{\"", tensor, R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
  ASSERT_TRUE(write_file(folder / file, file_of(header, 4)));
}

TEST(SafeTensors, ReadsShardsAndNamesTheMissing) {
  const ScratchFolder folder;
  EXPECT_EQ(read_safetensors(folder.path()).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(write_file(
      folder / "model.safetensors.index.json",
      R"({"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-3.safetensors"}})"));
  put_shard(folder, "m-2.safetensors", "b");
  const auto missing = read_safetensors(folder.path());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("'m-1.safetensors', 'm-3.safetensors'"));
  put_shard(folder, "m-1.safetensors", "a");
  put_shard(folder, "m-3.safetensors", "x");
  EXPECT_THAT(read_safetensors(folder.path()).error().message, HasSubstr("index lists: 'c'"));
  put_shard(folder, "m-3.safetensors", "a");
  EXPECT_THAT(read_safetensors(folder.path()).error().message, HasSubstr("two shards"));
  put_shard(folder, "m-3.safetensors", "c");
  const auto file = read_safetensors(folder.path());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors.size(), 3u);
  EXPECT_NE(file->tensors[0].owner, nullptr);
  put_shard(folder, "model.safetensors", "single");
  EXPECT_EQ(read_safetensors(folder.path()).value().tensors[0].name, "single");
  EXPECT_EQ(read_safetensors(folder / "model.safetensors").value().tensors.size(), 1u);
}

TEST(SafeTensors, ShardNamesMustStayInTheFolder) {
  const ScratchFolder folder;
  for (const char* name :
       {"../m.safetensors", "/etc/passwd", "a/b", "", ".hidden", "..", "a\\\\b", "m\\u0000"}) {
    ASSERT_TRUE(
        write_file(folder / "model.safetensors.index.json", concat(R"({"weight_map":{"a":")", name, "\"}}")));
    EXPECT_THAT(read_safetensors(folder.path()).error().message, HasSubstr("no plain file name")) << name;
  }
  for (const char* index :
       {"{}", "[]", R"({"weight_map":{}})", R"({"weight_map":5})", R"({"weight_map":{"a":5}})"}) {
    ASSERT_TRUE(write_file(folder / "model.safetensors.index.json", index));
    EXPECT_EQ(read_safetensors(folder.path()).error().code, ErrorCode::kCorrupt) << index;
  }
}

}  // namespace
}  // namespace hearth::io
