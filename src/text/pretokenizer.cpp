// The scanners of the pre-tokenizer families. The regular expression that each stands for is written above
// it; alternatives are tried in its order, and possessive runs replace backtracking where both find the same
// match.
#include "text/pretokenizer.h"

#include <array>

#include "text/unicode.h"

namespace hearth::text {
namespace {

struct Char {
  char32_t code_point = 0;
  uint16_t mask = 0;
  uint32_t bytes = 0;  // 0 at the end of the text

  bool in(int classes) const { return (mask & classes) != 0; }
  /// In none of the classes, and not the end.
  bool outside(int classes) const { return bytes != 0 && (mask & classes) == 0; }
};

inline Char char_at(std::string_view text, size_t pos) {
  static const std::array<uint16_t, 128>& ascii = internal::ascii_classes();
  if (pos >= text.size()) return {};
  const auto byte = static_cast<uint8_t>(text[pos]);
  if (byte < 0x80) return {byte, ascii[byte], 1};
  const Decoded c = decode_utf8(text.substr(pos));
  return {c.code_point, char_class(c.code_point), c.bytes};
}

/// End of the run of characters in `classes`, at most `limit` of them.
inline size_t run_of(std::string_view text, size_t pos, int classes, size_t limit = SIZE_MAX) {
  for (Char c = char_at(text, pos); limit > 0 && c.in(classes); c = char_at(text, pos), --limit)
    pos += c.bytes;
  return pos;
}

/// End of the run of characters in none of `classes`.
inline size_t run_outside(std::string_view text, size_t pos, int classes) {
  for (Char c = char_at(text, pos); c.outside(classes); c = char_at(text, pos)) pos += c.bytes;
  return pos;
}

/// [\r\n]* or, with `slash`, [\r\n/]*
inline size_t run_of_newlines(std::string_view text, size_t pos, bool slash) {
  while (pos < text.size() && (text[pos] == '\r' || text[pos] == '\n' || (slash && text[pos] == '/'))) ++pos;
  return pos;
}

/// \s*[\r\n]+ (only with `by_lines`) | \s+(?!\S) | \s+ at a white-space character: a run gives its last
/// character away to the word that follows it.
size_t scan_white_space(std::string_view text, size_t pos, bool by_lines) {
  size_t end = pos;
  size_t last_start = pos;
  size_t after_newline = pos;
  for (Char c = char_at(text, end); c.in(kSpace); c = char_at(text, end)) {
    last_start = end;
    end += c.bytes;
    if (c.in(kNewline)) after_newline = end;
  }
  if (by_lines && after_newline > pos) return after_newline;
  if (end == text.size() || last_start == pos) return end;
  return last_start;
}

/// 's|'t|'re|'ve|'m|'ll|'d at an apostrophe; any case, with U+017F folding to s, when `fold`. Returns pos for
/// none.
size_t scan_contraction(std::string_view text, size_t pos, bool fold) {
  if (pos >= text.size() || text[pos] != '\'') return pos;
  const auto letter = [&](size_t i) -> char {
    if (i >= text.size()) return 0;
    const char c = text[i];
    return fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char first = letter(pos + 1);
  const char second = letter(pos + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return pos + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return pos + 3;
  if (first == 'l' && second == 'l') return pos + 3;
  if (fold && text.substr(pos + 1, 2) == "\xC5\xBF") return pos + 3;
  return pos;
}

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t scan_gpt2(std::string_view text, size_t pos) {
  if (const size_t end = scan_contraction(text, pos, false); end > pos) return end;
  const Char first = char_at(text, pos);
  const size_t start = first.code_point == U' ' ? pos + 1 : pos;
  const Char c = start == pos ? first : char_at(text, start);
  if (c.in(kLetter)) return run_of(text, start, kLetter);
  if (c.in(kNumber)) return run_of(text, start, kNumber);
  if (c.outside(kSpace)) return run_outside(text, start, kSpace | kLetter | kNumber);
  return scan_white_space(text, pos, false);
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[LETTERS]+|\p{N}{1,DIGITS}|
/// ?[^\s\p{N}LETTERS]+[\r\n]*|\s*[\r\n]+
/// |\s+(?!\S)|\s+
template <int kDigits, int kLetters>
size_t scan_words(std::string_view text, size_t pos) {
  if (const size_t end = scan_contraction(text, pos, true); end > pos) return end;
  const Char c = char_at(text, pos);
  if (c.in(kLetters)) return run_of(text, pos, kLetters);
  if (c.in(kNumber)) return run_of(text, pos, kNumber, kDigits);
  const Char next = char_at(text, pos + c.bytes);
  if (!c.in(kNewline) && next.in(kLetters)) return run_of(text, pos + c.bytes, kLetters);
  const size_t start = c.code_point == U' ' ? pos + 1 : pos;
  const Char other = start == pos ? c : next;
  constexpr int kNotOther = kSpace | kNumber | kLetter | kLetters;
  if (other.outside(kNotOther)) return run_of_newlines(text, run_outside(text, start, kNotOther), false);
  return scan_white_space(text, pos, true);
}

constexpr int kUpperish = kUpper | kOtherLetter | kMark;  // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
constexpr int kLowerish = kLower | kOtherLetter | kMark;  // [\p{Ll}\p{Lm}\p{Lo}\p{M}]

/// UPPERISH*LOWERISH+ : the greedy upper run gives back just enough for one lower-ish character. Returns pos
/// for no match.
size_t scan_capitalised(std::string_view text, size_t pos) {
  size_t end = pos;
  size_t after_shared = pos;  // behind the last character of the run that is in both classes
  Char c = char_at(text, end);
  for (; c.in(kUpperish); c = char_at(text, end)) {
    end += c.bytes;
    if (c.in(kLowerish)) after_shared = end;
  }
  return c.in(kLowerish) ? run_of(text, end, kLowerish) : after_shared;
}

/// UPPERISH+LOWERISH* . Returns pos for no match.
size_t scan_capitals(std::string_view text, size_t pos) {
  const size_t end = run_of(text, pos, kUpperish);
  return end == pos ? pos : run_of(text, end, kLowerish);
}

/// [^\r\n\p{L}\p{N}]?UPPERISH*LOWERISH+SUFFIX?|[^\r\n\p{L}\p{N}]?UPPERISH+LOWERISH*SUFFIX?|\p{N}{1,DIGITS}
/// | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+ with SUFFIX = (?i:'s|'t|'re|'ve|'m|'ll|'d) if
/// kContractions
template <int kDigits, bool kContractions>
size_t scan_case_words(std::string_view text, size_t pos) {
  const Char c = char_at(text, pos);
  const bool may_lead = c.outside(kNewline | kLetter | kNumber);
  const size_t behind = pos + c.bytes;
  for (const auto scan : {scan_capitalised, scan_capitals}) {
    size_t end = pos;
    if (may_lead && behind < text.size()) {
      const size_t tail = scan(text, behind);
      if (tail > behind) end = tail;
    }
    if (end == pos) end = scan(text, pos);
    if (end > pos) return kContractions ? scan_contraction(text, end, true) : end;
  }
  if (c.in(kNumber)) return run_of(text, pos, kNumber, kDigits);
  const size_t start = c.code_point == U' ' ? pos + 1 : pos;
  constexpr int kNotOther = kSpace | kLetter | kNumber;
  if (char_at(text, start).outside(kNotOther)) {
    return run_of_newlines(text, run_outside(text, start, kNotOther), true);
  }
  return scan_white_space(text, pos, true);
}

/// [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
/// ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
size_t scan_deepseek_v3(std::string_view text, size_t pos) {
  const auto is_ascii_letter = [&](size_t i) {
    return i < text.size() && ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'));
  };
  const Char c = char_at(text, pos);
  if (c.code_point < 0x80 && c.in(kPunctuation | kSymbol) && is_ascii_letter(pos + 1)) {
    size_t end = pos + 1;
    while (is_ascii_letter(end)) ++end;
    return end;
  }
  constexpr int kWord = kLetter | kMark;
  if (c.in(kWord)) return run_of(text, pos, kWord);
  const Char next = char_at(text, pos + c.bytes);
  if (c.outside(kNewline | kLetter | kPunctuation | kSymbol) && next.in(kWord)) {
    return run_of(text, pos + c.bytes, kWord);
  }
  const size_t start = c.code_point == U' ' ? pos + 1 : pos;
  if (char_at(text, start).in(kPunctuation | kSymbol)) {
    return run_of_newlines(text, run_of(text, start, kPunctuation | kSymbol), false);
  }
  return c.in(kSpace) ? scan_white_space(text, pos, true) : pos;
}

/// [CLASSES]{1,LIMIT}
template <int kClasses, size_t kLimit>
size_t scan_run(std::string_view text, size_t pos) {
  return run_of(text, pos, kClasses, kLimit);
}

/// \s?[CLASSES]+
template <int kClasses>
size_t scan_spaced_run(std::string_view text, size_t pos) {
  const Char c = char_at(text, pos);
  const size_t start = c.in(kSpace) ? pos + c.bytes : pos;
  const size_t end = run_of(text, start, kClasses);
  return end > start ? end : pos;
}

/// Runs of code points that `kAccepts` says yes to.
template <bool (*kAccepts)(char32_t)>
size_t scan_script(std::string_view text, size_t pos) {
  for (Char c = char_at(text, pos); c.bytes != 0 && kAccepts(c.code_point); c = char_at(text, pos))
    pos += c.bytes;
  return pos;
}

constexpr bool is_cjk_or_kana(char32_t c) {  // [一-龥぀-ゟ゠-ヿ]
  return (c >= 0x4E00 && c <= 0x9FA5) || (c >= 0x3040 && c <= 0x30FF);
}
constexpr bool is_east_asian(char32_t c) {  // [一-龥ࠀ-一가-퟿]
  return (c >= 0x0800 && c <= 0x9FA5) || (c >= 0xAC00 && c <= 0xD7FF);
}

constexpr Scan kGpt2[] = {scan_gpt2};
constexpr Scan kDigitsThenGpt2[] = {scan_run<kNumber, 1>, scan_gpt2};
constexpr Scan kLlama3[] = {scan_words<3, kLetter>};
constexpr Scan kQwen2[] = {scan_words<1, kLetter>};
constexpr Scan kQwen35[] = {scan_words<1, kLetter | kMark>};
constexpr Scan kGpt4o[] = {scan_case_words<3, true>};
constexpr Scan kTekken[] = {scan_case_words<1, false>};
constexpr Scan kDeepseekV3[] = {scan_run<kNumber, 3>, scan_script<is_cjk_or_kana>, scan_deepseek_v3};
constexpr Scan kDeepseekCoder[] = {scan_run<kNewline, 1>, scan_spaced_run<kLetter>,
                                   scan_spaced_run<kPunctuation>, scan_script<is_east_asian>,
                                   scan_run<kNumber, 1>};

// Names as model files write them. "default" stands in files that predate the key; those vocabularies are
// GPT-2's kin.
constexpr Pretokenizer kRows[] = {
    {.name = "default", .steps = kGpt2},
    {.name = "gpt-2", .steps = kGpt2},
    {.name = "phi-2", .steps = kGpt2},
    {.name = "olmo", .steps = kGpt2, .nfc = true},
    {.name = "mpt", .steps = kGpt2, .nfc = true},
    {.name = "modern-bert", .steps = kGpt2, .nfc = true},
    {.name = "exaone4", .steps = kGpt2},
    {.name = "trillion", .steps = kGpt2},
    {.name = "granite-docling", .steps = kGpt2},
    {.name = "mellum", .steps = kGpt2},
    {.name = "smollm", .steps = kDigitsThenGpt2},
    {.name = "refact", .steps = kDigitsThenGpt2},
    {.name = "starcoder", .steps = kDigitsThenGpt2},
    {.name = "command-r", .steps = kDigitsThenGpt2, .nfc = true},
    {.name = "codeshell", .steps = kDigitsThenGpt2},
    {.name = "exaone", .steps = kDigitsThenGpt2},
    {.name = "minerva-7b", .steps = kDigitsThenGpt2},
    {.name = "mellum2", .steps = kDigitsThenGpt2},
    {.name = "llama-bpe", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "llama3", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "llama-v3", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "lfm2", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "falcon3", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "falcon-h1", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "pixtral", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "midm-2.0", .steps = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "dbrx", .steps = kLlama3},
    {.name = "smaug-bpe", .steps = kLlama3},
    {.name = "glm4", .steps = kLlama3},
    {.name = "chatglm-bpe", .steps = kLlama3},
    {.name = "qwen2", .steps = kQwen2, .nfc = true},
    {.name = "stablelm2", .steps = kQwen2, .nfc = true},
    {.name = "deepseek-r1-qwen", .steps = kQwen2},
    {.name = "megrez", .steps = kQwen2, .nfc = true},
    {.name = "hunyuan", .steps = kQwen2},
    {.name = "qwen35", .steps = kQwen35, .nfc = true},
    {.name = "gpt-4o", .steps = kGpt4o},
    {.name = "llama4", .steps = kGpt4o},
    {.name = "minimax-m2", .steps = kGpt4o},
    {.name = "tekken", .steps = kTekken, .ignore_merges = true, .adds_bos = true},
    {.name = "deepseek-v3", .steps = kDeepseekV3},
    {.name = "hunyuan-dense", .steps = kDeepseekV3},
    {.name = "deepseek-coder", .steps = kDeepseekCoder},
};

/// Cuts text[begin, end) by one step.
void cut(Scan scan, std::string_view text, size_t begin, size_t end, std::vector<size_t>& ends) {
  const std::string_view part = text.substr(0, end);  // look-ahead must not see past the piece
  size_t pos = begin;
  size_t unmatched = begin;
  while (pos < end) {
    const size_t match_end = scan(part, pos);
    if (match_end == pos) {
      pos += decode_utf8(part.substr(pos)).bytes;
      continue;
    }
    if (pos > unmatched) ends.push_back(pos);
    ends.push_back(match_end);
    pos = unmatched = match_end;
  }
  if (pos > unmatched) ends.push_back(pos);
}

}  // namespace

const Pretokenizer* find_pretokenizer(std::string_view name) {
  for (const Pretokenizer& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string known_pretokenizers() {
  std::string names;
  for (const Pretokenizer& row : kRows) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

void pretokenize(const Pretokenizer& pretokenizer, std::string_view text, std::vector<size_t>& ends,
                 std::vector<size_t>& scratch) {
  if (text.empty()) return;
  if (pretokenizer.steps.size() == 1) return cut(pretokenizer.steps[0], text, 0, text.size(), ends);
  std::vector<size_t> pieces = {text.size()};
  for (const Scan scan : pretokenizer.steps) {
    scratch.clear();
    size_t begin = 0;
    for (const size_t end : pieces) {
      cut(scan, text, begin, end, scratch);
      begin = end;
    }
    pieces.swap(scratch);
  }
  ends.insert(ends.end(), pieces.begin(), pieces.end());
}

}  // namespace hearth::text
