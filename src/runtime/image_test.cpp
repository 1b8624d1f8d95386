// A sequence that was kept elsewhere and came back goes on bit for bit as the one it was taken from: for
// every page format, with windows, from any length, while others share or overwrite its pages.
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>

#include "runtime/session.h"
#include "runtime/test_model.h"

namespace hearth::runtime {
namespace {

constexpr int64_t kContext = 700;

struct ImageCase {
  std::string kv;
  int64_t window;
};

/// Pages of a sequence, as a file would have them.
struct Kept {
  SequenceImage image;
  std::vector<std::vector<std::byte>> pieces;
};

class Images : public testing::TestWithParam<ImageCase> {
 protected:
  Images()
      : model_(make_test_model({.arch = "gemma3", .window = GetParam().window, .layers = 6}, pool_)),
        tokens_(random_tokens(kContext, 61, 3)) {}

  std::unique_ptr<Runtime> runtime() {
    return Runtime::create(*model_.model, pool_,
                           {.context_tokens = kContext,
                            .max_sequences = 4,
                            .max_batch_tokens = 96,
                            .kv_format = GetParam().kv})
        .value();
  }

  std::vector<float> feed(Runtime& runtime, SeqId sequence, int64_t from, int64_t to) {
    const auto part = std::span(tokens_).subspan(static_cast<size_t>(from), static_cast<size_t>(to - from));
    const SequenceChunk chunk = {sequence, part, LogitsWanted::kLast};
    const Status status = runtime.forward({&chunk, 1});
    EXPECT_TRUE(status) << status.error().message;
    const auto logits = runtime.logits(0);
    return {logits.begin(), logits.end()};
  }

  static Kept keep(const Runtime& runtime, SeqId sequence) {
    Kept kept{runtime.image(sequence), {}};
    for (const auto piece : runtime.image_pieces(sequence))
      kept.pieces.emplace_back(piece.begin(), piece.end());
    return kept;
  }

  static SeqId bring_back(Runtime& runtime, const Kept& kept) {
    const auto made = runtime.open_image(kept.image);
    EXPECT_TRUE(made) << made.error().message;
    const auto pieces = runtime.image_pieces(*made);
    EXPECT_EQ(pieces.size(), kept.pieces.size());
    for (size_t i = 0; i < pieces.size(); ++i) {
      EXPECT_EQ(pieces[i].size(), kept.pieces[i].size());
      std::memcpy(pieces[i].data(), kept.pieces[i].data(), pieces[i].size());
    }
    return *made;
  }

  ThreadPool pool_{2};
  TestModel model_;
  std::vector<int32_t> tokens_;
};

TEST_P(Images, GoOnBitForBit) {
  const auto first = runtime();
  for (const int64_t length : {1, 63, 64, 65, 400, 650}) {
    const SeqId origin = first->open_sequence().value();
    feed(*first, origin, 0, length);
    const Kept kept = keep(*first, origin);
    const auto second = runtime();  // a restart
    ASSERT_EQ(first->image_layout(), second->image_layout());
    const SeqId noise = second->open_sequence().value();  // other blocks than in the first one
    feed(*second, noise, 30, 170);
    const SeqId copy = bring_back(*second, kept);
    EXPECT_EQ(second->length(copy), length);
    EXPECT_EQ(second->image(copy), kept.image);
    for (int64_t at = length; at < length + 40; at += 10)
      EXPECT_EQ(feed(*first, origin, at, at + 10), feed(*second, copy, at, at + 10))
          << length << " at " << at;
    first->close_sequence(origin);
  }
}

TEST_P(Images, AreOfAForkThatWasCutAndStayWhileOthersWrite) {
  const auto first = runtime();
  const SeqId origin = first->open_sequence().value();
  feed(*first, origin, 0, 300);
  const SeqId fork = first->fork(origin).value();
  ASSERT_TRUE(first->truncate(fork, 200));
  const Kept before = keep(*first, fork);
  feed(*first, origin, 300, 390);  // writes into the page that was shared
  const Kept after = keep(*first, fork);
  EXPECT_EQ(before.image, after.image);
  EXPECT_EQ(before.pieces, after.pieces);
  const auto second = runtime();
  const SeqId copy = bring_back(*second, after);
  EXPECT_EQ(feed(*first, fork, 200, 230), feed(*second, copy, 200, 230));
  const SeqId shared = second->fork(copy).value();  // and it can be forked and cut as others can
  ASSERT_TRUE(second->truncate(shared, 205));
  first->close_sequence(fork);
  const SeqId fresh = first->open_sequence().value();
  feed(*first, fresh, 0, 205);
  EXPECT_EQ(feed(*first, fresh, 205, 215), feed(*second, shared, 205, 215));
}

TEST_P(Images, ThatAreNoneAreRefusedAndTakeNothing) {
  const auto made = runtime();
  const SeqId origin = made->open_sequence().value();
  feed(*made, origin, 0, 500);
  const SequenceImage good = made->image(origin);
  made->close_sequence(origin);
  const int64_t free = made->free_tokens();
  const auto refuse = [&](const auto& change) {
    SequenceImage bad = good;
    change(bad);
    const auto opened = made->open_image(bad);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  };
  refuse([](SequenceImage& image) { image.tokens = 0; });
  refuse([](SequenceImage& image) { image.tokens = kContext + 1; });
  refuse([](SequenceImage& image) { image.tokens = -5; });
  refuse([](SequenceImage& image) { image.first_pages.pop_back(); });
  refuse([](SequenceImage& image) { image.first_pages.push_back(0); });
  for (size_t g = 0; g < good.first_pages.size(); ++g) {
    refuse([g](SequenceImage& image) { image.first_pages[g] = -1; });
    refuse([g](SequenceImage& image) { image.first_pages[g] = 100; });
  }
  EXPECT_EQ(made->free_tokens(), free);
  EXPECT_EQ(made->kv_bytes_in_use(), 0);
}

TEST_P(Images, BytesHeldCountSharedPagesOnce) {
  const auto made = runtime();
  const SeqId origin = made->open_sequence().value();
  feed(*made, origin, 0, 90);
  const SeqId fork = made->fork(origin).value();
  const int64_t alone = made->kv_bytes_held({{origin}});
  EXPECT_EQ(alone, made->kv_bytes_in_use());
  EXPECT_EQ(made->kv_bytes_held({{origin, fork}}), alone);
  feed(*made, fork, 90, 100);  // its own copy of the last page
  EXPECT_EQ(made->kv_bytes_held({{origin, fork}}), made->kv_bytes_in_use());
  EXPECT_GT(made->kv_bytes_in_use(), alone);
}

std::string case_name(const testing::TestParamInfo<ImageCase>& which) {
  std::string name = which.param.kv + "_window_" + std::to_string(which.param.window);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Formats, Images,
                         testing::Values(ImageCase{"f32", 0}, ImageCase{"f16", 0}, ImageCase{"int8", 0},
                                         ImageCase{"f16", 40}, ImageCase{"int8", 40},
                                         ImageCase{"int8,windowed=f16", 100}),
                         case_name);

}  // namespace
}  // namespace hearth::runtime
