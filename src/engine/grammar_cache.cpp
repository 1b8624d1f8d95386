// A short list: comparing a key costs less than one token.
#include "engine/grammar_cache.h"

namespace hearth::engine {
namespace {

constexpr size_t kMostKept = 16;

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
  if (kept_.size() > kMostKept) kept_.pop_back();
  return masks;
}

}  // namespace hearth::engine
