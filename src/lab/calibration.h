// A text cut into chunks of tokens, and the model run over them while an observer looks at the inputs of its
// products. Must not know what is collected.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/local_model.h"

namespace hearth::lab {

struct CalibrationText {
  std::string name;  // for the record, not a path
  int64_t chunk_tokens = 0;
  std::vector<std::vector<int32_t>> chunks;  // each of chunk_tokens tokens
};

/// FNV-1a over ids: tells one text from another. `hash` goes on from the ids before.
uint64_t hash_ids(std::span<const int32_t> ids, uint64_t hash = 14695981039346656037u);

/// Whole chunks only, at most `max_chunks` of them (0: all); `parse_special` recognises control tokens
/// written in the text. Where the model wants BOS, it replaces the first token of each, as llama.cpp's tools
/// do. Errors: kUnsupported (no tokenizer), kUsage (shorter than one chunk).
Result<CalibrationText> cut_text(const engine::LocalModel& model, std::string_view text, std::string name,
                                 int64_t chunk_tokens, int64_t max_chunks, bool parse_special = false);

/// Runs one chunk as a sequence of its own, logits of every position included, so that the last layer sees
/// all of them. `rows(first_position, logits)` gets the logits (rows, vocab) piece by piece; may be empty.
/// `go_on()` is asked between pieces; false stops with kCancelled.
Status run_chunk(runtime::Runtime& runtime, std::span<const int32_t> tokens,
                 const std::function<void(int64_t, std::span<const float>)>& rows,
                 const std::function<bool()>& go_on);

}  // namespace hearth::lab
