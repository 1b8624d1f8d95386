// A text as one vector: the hidden states of its tokens, pooled and brought to length 1. They may come in any
// pieces; the bits are the same. Must not know who asks, nor how hidden states are computed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/model.h"
#include "runtime/session.h"

namespace hearth::engine {

/// The mean of all tokens, or one token's hidden states for the whole text.
enum class Pooling : uint8_t { kMean, kFirst, kLast };

/// What the model's file asks for ("{architecture}.pooling_type"); the mean where it says nothing. Errors:
/// kUnsupported (a model that ranks texts, or an unknown type), kCorrupt.
Result<Pooling> pooling_of(const model::Model& model);

class Pooler {
 public:
  Pooler(Pooling pooling, int64_t width) : pooling_(pooling), sum_(static_cast<size_t>(width)) {}

  /// The hidden states that are needed of a chunk of the text.
  runtime::HiddenWanted wanted(bool begins, bool ends) const;
  /// Those of the next chunk: (rows, width) row-major.
  void add(std::span<const float> hidden);
  /// Forgets what was added.
  void clear();
  /// The vector of what was added. Errors: kInternal (a hidden state is not a number).
  Result<std::vector<float>> pooled() const;

 private:
  Pooling pooling_;
  std::vector<double> sum_;  // in order of the tokens, so that chunks do not matter
  int64_t rows_ = 0;         // in it
};

/// Keeps the first `dimensions` numbers, at most all, and brings them to length 1 again.
void shorten(std::vector<float>& embedding, int64_t dimensions);

}  // namespace hearth::engine
