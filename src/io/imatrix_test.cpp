// Importance matrices: what is written comes back, the older form reads alike, and no damaged byte does harm.
#include "io/imatrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "io/file.h"
#include "io/test_util.h"

namespace hearth::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ImportanceMatrix sample() {
  ImportanceMatrix matrix;
  matrix.datasets = {"wiki.txt"};
  matrix.chunks = 3;
  matrix.chunk_tokens = 512;
  matrix.source = "files:abc";
  matrix.tokens_hash = "123";
  matrix.entries["blk.0.attn_q.weight"] = {{2, 4, 6, 8}, {2}};
  matrix.entries["blk.0.ffn_down_exps.weight"] = {{1, 2, 3, 4, 5, 6}, {2, 0}};
  return matrix;
}

std::string raw_name(std::string_view name) {
  return raw(static_cast<int32_t>(name.size())) + std::string(name);
}

/// The older form of one tensor with means (1, 2).
std::string legacy(float first = 7) {
  return raw(int32_t{1}) + raw_name("blk.0.attn_q.weight") + raw(int32_t{7}) + raw(int32_t{2}) + raw(first) +
         raw(14.0f) + raw(int32_t{7}) + raw_name("wiki.txt");
}

Result<ImportanceMatrix> parsed(std::string_view text) { return parse_imatrix(as_bytes_of(text), "test"); }

class ImatrixTest : public ::testing::Test {
 protected:
  std::string written() {
    const auto path = folder_.path() / "m.gguf";
    EXPECT_TRUE(write_imatrix(path, sample()));
    return read_file(path, 1 << 20).value();
  }
  ScratchFolder folder_;
};

TEST_F(ImatrixTest, ComesBackAsWritten) {
  const auto path = folder_.path() / "m.gguf";
  const ImportanceMatrix wanted = sample();
  ASSERT_TRUE(write_imatrix(path, wanted));
  const auto got = read_imatrix(path);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->datasets, wanted.datasets);
  EXPECT_EQ(got->chunks, 3);
  EXPECT_EQ(got->chunk_tokens, 512);
  EXPECT_EQ(got->source, wanted.source);
  EXPECT_EQ(got->tokens_hash, wanted.tokens_hash);
  ASSERT_EQ(got->entries.size(), 2u);
  for (const auto& [name, entry] : wanted.entries) {
    EXPECT_EQ(got->entries.at(name).sum_squares, entry.sum_squares);
    EXPECT_EQ(got->entries.at(name).counts, entry.counts);
  }
  EXPECT_THAT(got->entries.at("blk.0.attn_q.weight").mean_squares(), ElementsAre(1, 2, 3, 4));
  // The second matrix of the stack saw nothing: its errors count alike.
  EXPECT_THAT(got->entries.at("blk.0.ffn_down_exps.weight").mean_squares(),
              ElementsAre(.5f, 1, 1.5f, 1, 1, 1));
}

TEST_F(ImatrixTest, ReadsTheOlderForm) {
  const auto got = parsed(legacy());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->chunks, 7);
  EXPECT_THAT(got->datasets, ElementsAre("wiki.txt"));
  EXPECT_THAT(got->entries.at("blk.0.attn_q.weight").mean_squares(), ElementsAre(1, 2));
  // A text without a name.
  const std::string named = legacy();
  const auto nameless = parsed(named.substr(0, named.size() - raw_name("wiki.txt").size()) + raw_name(""));
  ASSERT_TRUE(nameless) << nameless.error().message;
  EXPECT_THAT(nameless->datasets, ElementsAre());
  EXPECT_EQ(nameless->chunks, 7);
  // The oldest files end after the values.
  const std::string whole = legacy();
  EXPECT_TRUE(parsed(std::string_view(whole).substr(0, whole.size() - 16)));
}

TEST_F(ImatrixTest, NoPrefixOfEitherFormDoesHarm) {
  for (const std::string& whole : {written(), legacy()}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      const auto got = parsed(std::string_view(whole).substr(0, size));
      EXPECT_TRUE(got || got.error().message.find('\n') == std::string::npos);
    }
  }
}

TEST_F(ImatrixTest, WritesNothingItCouldNotReadBack) {
  const auto path = folder_.path() / "m.gguf";
  for (const int what : {0, 1, 2, 3, 4}) {
    ImportanceMatrix matrix = sample();
    if (what == 0) matrix.chunks = int64_t{1} << 32;
    if (what == 1) matrix.chunk_tokens = int64_t{1} << 40;
    if (what == 2) matrix.entries["blk.0.attn_q.weight"].sum_squares[1] = 1e39;
    if (what == 3) matrix.entries["blk.0.attn_q.weight"].counts[0] = std::numeric_limits<double>::quiet_NaN();
    if (what == 4) matrix.entries["blk.0.attn_q.weight"].counts[0] = .5;
    const Status status = write_imatrix(path, matrix);
    ASSERT_FALSE(status.ok()) << what;
    EXPECT_EQ(status.error().code, ErrorCode::kUnsupported);
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

TEST_F(ImatrixTest, RefusesPartsOfAnInput) {
  const auto path = folder_.path() / "m.gguf";
  ImportanceMatrix matrix = sample();
  matrix.entries["blk.0.attn_q.weight"].counts = {12345};
  ASSERT_TRUE(write_imatrix(path, matrix));
  const auto whole = read_file(path, 1 << 20);
  ASSERT_TRUE(whole);
  for (const float count : {1e-30f, .5f, 1.0f}) {
    std::string bytes = *whole;
    const auto at = bytes.find(raw(12345.0f));
    ASSERT_NE(at, std::string::npos);
    std::memcpy(bytes.data() + at, &count, sizeof(count));
    const auto got = parsed(bytes);
    EXPECT_EQ(got.ok(), count == 1.0f) << count;
    if (!got) {
      EXPECT_THAT(got.error().message, HasSubstr("less than one input"));
    }
  }
}

TEST_F(ImatrixTest, RefusesWhatCannotBe) {
  EXPECT_EQ(parsed(legacy(-1)).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(parsed(legacy(std::numeric_limits<float>::quiet_NaN())).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(parsed(legacy(std::numeric_limits<float>::infinity())).error().code, ErrorCode::kCorrupt);
  std::string huge = legacy();
  const int32_t many = std::numeric_limits<int32_t>::max();
  std::memcpy(huge.data() + 4 + 4 + 19 + 4, &many, 4);  // more values than bytes
  EXPECT_EQ(parsed(huge).error().code, ErrorCode::kCorrupt);
  std::string twice = legacy();
  const int32_t two = 2;
  std::memcpy(twice.data(), &two, 4);
  twice = twice.substr(0, twice.size() - 16) + legacy().substr(4);
  EXPECT_THAT(parsed(twice).error().message, HasSubstr("twice"));
  EXPECT_EQ(parsed("").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(parsed("a text file\n").error().code, ErrorCode::kCorrupt);

  std::string other = written();
  const size_t at = other.find("imatrix", other.find("general.type"));
  ASSERT_NE(at, std::string::npos);
  other[at] = 'x';
  EXPECT_THAT(parsed(other).error().message, HasSubstr("no importance matrix"));
  std::string orphan = written();
  orphan.replace(orphan.find(".counts"), 7, ".kounts");
  EXPECT_THAT(parsed(orphan).error().message, HasSubstr("do not belong together"));
}

}  // namespace
}  // namespace hearth::io
