// The paged cache against a model that keeps every sequence's tokens in a plain vector: random opens, forks,
// appends, truncations and closes, with counts checked after each and contents compared for every token a
// window can still see.
#include "runtime/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/rng.h"

namespace hearth::runtime {
namespace {

const kernels::KvFormat& f32() { return *kernels::find_kv_format("f32"); }

/// Two full layers of different sizes and one with a window.
std::vector<KvLayer> layers_with(int64_t window) {
  return {{.format = &f32(), .kv_heads = 2, .dims = {3, 2}},
          {.format = &f32(), .kv_heads = 1, .dims = {2, 4}, .window = window},
          {.format = &f32(), .kv_heads = 1, .dims = {1, 1}}};
}

class Mirror {
 public:
  Mirror(const std::vector<KvLayer>& layers, const KvCacheOptions& options)
      : layers_(layers), options_(options) {
    cache_ = KvCache::create(layers, options).value();
  }

  KvCache& cache() { return *cache_; }
  std::map<SeqId, std::vector<float>>& contents() { return contents_; }

  void append(SeqId id, int64_t n) {
    auto& tokens = contents_[id];
    cache_->prepare(id, n);
    for (int64_t i = 0; i < n; ++i) {
      tokens.push_back(static_cast<float>(++stamp_));
      write(id, static_cast<int64_t>(tokens.size()) - 1, tokens.back());
    }
    cache_->commit(id, n);
  }

  /// Every token that a query at the sequence's end can see holds what was written for it.
  void verify() {
    ASSERT_EQ(cache_->find_fault(), "");
    for (const auto& [id, tokens] : contents_) {
      ASSERT_EQ(cache_->length(id), static_cast<int64_t>(tokens.size()));
      const auto n = static_cast<int64_t>(tokens.size());
      for (size_t l = 0; l < layers_.size(); ++l) {
        const int64_t first = layers_[l].window > 0 ? std::max<int64_t>(0, n - layers_[l].window + 1) : 0;
        const LayerPages pages = cache_->pages(l, id);
        for (int64_t t = first; t < n; ++t) {
          for (int32_t h = 0; h < layers_[l].kv_heads; ++h) {
            std::vector<float> k(static_cast<size_t>(layers_[l].dims.dim_k));
            std::vector<float> v(static_cast<size_t>(layers_[l].dims.dim_v));
            kernel().read(pages.page(t / 64, h), layers_[l].dims, static_cast<int32_t>(t % 64), k.data(),
                          v.data());
            const float want = tokens[static_cast<size_t>(t)] + 0.25f * static_cast<float>(h);
            ASSERT_EQ(k.front(), want) << "layer " << l << " token " << t;
            ASSERT_EQ(v.back(), -want) << "layer " << l << " token " << t;
          }
        }
      }
    }
  }

 private:
  static const kernels::PageKernels& kernel() { return f32().kernels(kernels::Isa::kScalar); }

  void write(SeqId id, int64_t t, float stamp) {
    for (size_t l = 0; l < layers_.size(); ++l) {
      for (int32_t h = 0; h < layers_[l].kv_heads; ++h) {
        const float value = stamp + 0.25f * static_cast<float>(h);
        const std::vector<float> k(static_cast<size_t>(layers_[l].dims.dim_k), value);
        const std::vector<float> v(static_cast<size_t>(layers_[l].dims.dim_v), -value);
        kernel().write(cache_->pages(l, id).page(t / 64, h), layers_[l].dims, static_cast<int32_t>(t % 64), 1,
                       k.data(), 0, v.data(), 0);
      }
    }
  }

  std::vector<KvLayer> layers_;
  KvCacheOptions options_;
  std::unique_ptr<KvCache> cache_;
  std::map<SeqId, std::vector<float>> contents_;
  int stamp_ = 0;
};

TEST(KvCache, RandomHistoriesEqualContiguousModel) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Rng rng(seed);
    const KvCacheOptions options = {
        .context_tokens = 700, .cache_tokens = 640, .max_sequences = 5, .max_append_tokens = 100};
    Mirror mirror(layers_with(seed % 2 ? 70 : 130), options);
    auto& contents = mirror.contents();
    int refused = 0;
    for (int step = 0; step < 400; ++step) {
      const uint64_t what = rng.below(10);
      auto it = contents.begin();
      if (!contents.empty()) std::advance(it, static_cast<int64_t>(rng.below(contents.size())));
      if (contents.empty() || what == 0) {
        const auto opened = mirror.cache().open();
        ASSERT_EQ(opened.ok(), contents.size() < 5);
        if (opened) contents[*opened] = {};
      } else if (what == 1) {
        const auto forked = mirror.cache().fork(it->first);
        ASSERT_EQ(forked.ok(), contents.size() < 5);
        if (forked) contents[*forked] = it->second;
      } else if (what == 2) {
        mirror.cache().close(it->first);
        contents.erase(it);
      } else if (what == 3) {
        const auto n = static_cast<int64_t>(rng.below(it->second.size() + 1));
        if (mirror.cache().truncate(it->first, n)) it->second.resize(static_cast<size_t>(n));
      } else {
        const KvAppend append = {it->first, static_cast<int64_t>(rng.below(90) + 1)};
        if (mirror.cache().length(it->first) + append.tokens > 700) continue;
        if (mirror.cache().can_append({&append, 1})) {
          mirror.append(append.sequence, append.tokens);
        } else {
          ++refused;
        }
      }
      ASSERT_NO_FATAL_FAILURE(mirror.verify()) << "seed " << seed << " step " << step;
    }
    EXPECT_GT(refused, 0) << "the cache was never full: the test is too easy";
    while (!contents.empty()) {
      mirror.cache().close(contents.begin()->first);
      contents.erase(contents.begin());
    }
    EXPECT_EQ(mirror.cache().bytes_in_use(), 0);
    EXPECT_EQ(mirror.cache().find_fault(), "");
  }
}

TEST(KvCache, ForkSharesPagesUntilOneWrites) {
  Mirror mirror(layers_with(0), {.context_tokens = 256, .max_sequences = 2, .max_append_tokens = 256});
  const SeqId a = mirror.cache().open().value();
  mirror.append(a, 100);
  const int64_t before = mirror.cache().bytes_in_use();
  const SeqId b = mirror.cache().fork(a).value();
  mirror.contents()[b] = mirror.contents()[a];
  EXPECT_EQ(mirror.cache().bytes_in_use(), before);
  mirror.append(b, 1);
  EXPECT_EQ(mirror.cache().bytes_in_use(),
            before / 2 * 3);  // of two pages the second, partly filled, was copied
  EXPECT_EQ(mirror.cache().pages_in_use().pages, 3);
  EXPECT_EQ(mirror.cache().pages_in_use().shared, 1);
  mirror.append(a, 1);
  EXPECT_EQ(mirror.cache().bytes_in_use(), before / 2 * 3);  // a is the only owner of its page now
  mirror.verify();
}

TEST(KvCache, WindowedPagesAreGivenBack) {
  const std::vector<KvLayer> layers = {{.format = &f32(), .kv_heads = 1, .dims = {8, 8}, .window = 64}};
  const KvCacheOptions options = {.context_tokens = 100000, .max_sequences = 1, .max_append_tokens = 64};
  EXPECT_LE(KvCache::reserved_bytes(layers, options), f32().page_bytes({8, 8}) * 8);
  auto cache = KvCache::create(layers, options).value();
  const SeqId id = cache->open().value();
  for (int i = 0; i < 1000; ++i) {
    const KvAppend append = {id, 64};
    ASSERT_TRUE(cache->can_append({&append, 1}));
    cache->prepare(id, 64);
    cache->commit(id, 64);
    ASSERT_EQ(cache->find_fault(), "");
  }
  EXPECT_LE(cache->bytes_in_use(), f32().page_bytes({8, 8}) * 6);
  EXPECT_TRUE(cache->truncate(id, 64000 - KvCache::kWindowSlack));
  const Status far = cache->truncate(id, 1000);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(cache->truncate(id, 0));
  EXPECT_EQ(cache->bytes_in_use(), 0);
}

TEST(KvCache, SaysWhenItIsFull) {
  Mirror mirror(layers_with(0),
                {.context_tokens = 300, .cache_tokens = 128, .max_sequences = 2, .max_append_tokens = 300});
  const SeqId a = mirror.cache().open().value();
  const KvAppend fits = {a, 128};
  const KvAppend too_long = {a, 129};
  EXPECT_TRUE(mirror.cache().can_append({&fits, 1}));
  const Status full = mirror.cache().can_append({&too_long, 1});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kTooLarge);
  EXPECT_NE(full.error().message.find("only 2 of 2 are free"), std::string::npos) << full.error().message;
}

TEST(KvCache, ForksThatAppendTogetherNeedOneCopyLess) {
  auto cache = KvCache::create(
                   layers_with(0),
                   {.context_tokens = 128, .cache_tokens = 192, .max_sequences = 2, .max_append_tokens = 70})
                   .value();
  const SeqId a = cache->open().value();
  cache->prepare(a, 70);
  cache->commit(a, 70);
  const SeqId b = cache->fork(a).value();
  const KvAppend both[] = {{a, 1}, {b, 1}};
  ASSERT_TRUE(cache->can_append(both));  // one page is free: the first to write copies, the other then owns
  for (const KvAppend& append : both) {
    cache->prepare(append.sequence, append.tokens);
    cache->commit(append.sequence, append.tokens);
    EXPECT_EQ(cache->find_fault(), "");
  }
  EXPECT_EQ(cache->free_tokens(), 0);
}

TEST(KvCache, RefusesSenselessSizes) {
  const auto layers = layers_with(0);
  EXPECT_FALSE(KvCache::create(layers, {.context_tokens = 0}));
  EXPECT_FALSE(KvCache::create(layers, {.context_tokens = 10, .max_sequences = 0}));
  EXPECT_FALSE(KvCache::create(layers, {.context_tokens = int64_t{1} << 40}));
}

}  // namespace
}  // namespace hearth::runtime
