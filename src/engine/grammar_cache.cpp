// A short list: comparing a key costs less than one token.
#include "engine/grammar_cache.h"

#include <algorithm>

namespace hearth::engine {
namespace {

constexpr size_t kMostKept = 16;
constexpr size_t kMostBytes = size_t{128} << 20;  // of masks, which grow while grammars are used

}  // namespace

Result<std::shared_ptr<const text::GrammarMasks>> GrammarCache::get(const std::string& key,
                                                                    const CompileGrammar& compile) {
  {
    const std::lock_guard lock(mutex_);
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      if (it->first != key) continue;
      kept_.splice(kept_.begin(), kept_, it);
      return it->second;
    }
  }
  auto trie = model_->vocabulary_trie(shown_);
  if (!trie) {
    return fail(ErrorCode::kUnsupported, model_->name(),
                " has no tokenizer: its answers cannot be constrained");
  }
  HEARTH_ASSIGN(auto grammar, compile());
  auto masks = std::make_shared<const text::GrammarMasks>(std::move(grammar), std::move(trie));
  const std::lock_guard lock(mutex_);
  kept_.emplace_front(key, masks);
  size_t bytes = 0;
  for (const auto& [kept_key, kept] : kept_) bytes += kept->cache_bytes();
  while (kept_.size() > kMostKept || (kept_.size() > 1 && bytes > kMostBytes)) {
    bytes -= std::min(bytes, kept_.back().second->cache_bytes());
    kept_.pop_back();
  }
  return masks;
}

}  // namespace hearth::engine
