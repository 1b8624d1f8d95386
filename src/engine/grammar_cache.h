// Grammars compiled for a model's vocabulary, the last used ones kept: clients ask for the same few again and
// again. Must not know what they are made from.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "engine/local_model.h"
#include "text/grammar/grammar.h"
#include "text/grammar/mask_cache.h"

namespace hearth::engine {

using CompileGrammar = std::function<Result<std::shared_ptr<const text::Grammar>>()>;

/// Thread-safe.
class GrammarCache {
 public:
  /// `model` must outlive the cache. `shown`: control tokens, by their text, that a grammar may ask for.
  GrammarCache(LocalModel& model, std::span<const std::string_view> shown)
      : model_(&model), shown_(shown.begin(), shown.end()) {}

  /// What `compile` makes, or made when it was asked for `key` before. Errors: those of `compile`;
  /// kUnsupported for a model without a tokenizer.
  Result<std::shared_ptr<const text::GrammarMasks>> get(const std::string& key,
                                                        const CompileGrammar& compile);

 private:
  LocalModel* model_;
  std::vector<std::string_view> shown_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<const text::GrammarMasks>>> kept_;  // the last used first
};

}  // namespace hearth::engine
