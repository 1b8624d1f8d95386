// Verdicts come back as written, belong to one state of a model, and a damaged one counts as none.
#include "store/verdict.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace hearth::store {
namespace {

TEST(Verdicts, ComeBackUntilTheModelChanges) {
  std::string pattern = (std::filesystem::temp_directory_path() / "hearth-verdict-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  PackedPlace place{std::filesystem::path(pattern) / "deep" / "folder", "files:1"};
  EXPECT_FALSE(read_verdict(place));
  Verdict written;
  written.checked_at = "2026-01-02T03:04:05Z";
  written.tokens = 300;
  written.kv_format = "int8";
  written.kld_mean = 0.1;
  written.top1_agreement = 0.5;
  written.chosen_kld_mean = 0.001;
  written.chosen_top1_agreement = 0.99;
  written.within_bounds = true;
  written.worst_tensor = "blk.0.ffn_down.weight";
  written.worst_error = 0.3;
  written.kv_fallback = "f16";
  written.float32_tensors = {"blk.0.ffn_down.weight", "output.weight"};
  ASSERT_TRUE(write_verdict(place, written).ok());
  const auto read = read_verdict(place);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->checked_at, written.checked_at);
  EXPECT_EQ(read->tokens, 300);
  EXPECT_EQ(read->kv_format, "int8");
  EXPECT_EQ(read->kld_mean, 0.1);
  EXPECT_EQ(read->chosen_top1_agreement, 0.99);
  EXPECT_TRUE(read->within_bounds);
  EXPECT_EQ(read->worst_error, 0.3);
  EXPECT_EQ(read->kv_fallback, "f16");
  EXPECT_EQ(read->float32_tensors, written.float32_tensors);
  place.source = "files:2";
  EXPECT_FALSE(read_verdict(place)) << "another state of the model";
  place.source = "files:1";
  for (const char* text : {"", "{", "[]", "{\"version\":1,\"source\":\"files:1\",\"tokens\":\"many\"}",
                           "{\"version\":99,\"source\":\"files:1\"}"}) {
    std::ofstream(place.folder / "check.json") << text;
    EXPECT_FALSE(read_verdict(place)) << text;
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace hearth::store
