// How text is cut into words before byte-level BPE: one row per `tokenizer.ggml.pre` name.
// The published definitions are regular expressions; here they are scanners over category masks, because
// those are linear in any text (a regex engine's match limit fails on long words) and several times faster.
// Must not know vocabularies.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

/// Returns the end of the match that starts at `pos`, or `pos` when nothing matches there. pos < text.size(),
/// valid UTF-8.
using Scan = size_t (*)(std::string_view text, size_t pos);

/// A pre-tokenizer: the text is cut by the first step, each piece again by the next, and so on. What a step
/// does not match between two matches is a piece of its own.
struct Pretokenizer {
  std::string_view name;  // value of tokenizer.ggml.pre
  std::span<const Scan> steps;
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  bool adds_bos = false;       // when the file has no add_bos_token key
  bool nfc = false;            // text is normalised to NFC first
};

/// nullptr for an unknown name.
const Pretokenizer* find_pretokenizer(std::string_view name);

/// All names in order, separated by ", ": for error messages.
std::string known_pretokenizers();

/// Cuts `text` (valid UTF-8) and appends the end of every word, the last being text.size(). `scratch` is
/// overwritten.
void pretokenize(const Pretokenizer& pretokenizer, std::string_view text, std::vector<size_t>& ends,
                 std::vector<size_t>& scratch);

}  // namespace hearth::text
