// One-line descriptions of normalizers and pre-tokenizers, and the table of those that hearth knows.
#include "text/tokenizer_structure.h"

#include "io/utf8.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_vocab.h"

namespace hearth::text {
namespace {

/// A pattern: {"String": s} or {"Regex": r}. Line ends that stand in it raw are spelled as regular
/// expressions spell them.
std::string describe_pattern(const io::Json& pattern) {
  const std::string literal = string_member(pattern, "String");
  std::string out;
  for (const char c : literal.empty() ? string_member(pattern, "Regex") : literal) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string describe(const io::Json& step);

std::string describe_sequence(const io::Json& steps) {
  std::string out;
  if (!steps.is_array()) return out;
  for (const io::Json& step : steps) {
    const std::string line = describe(step);
    if (!out.empty() && !line.empty()) out += " + ";
    out += line;
  }
  return out;
}

std::string describe_metaspace(const io::Json& step) {
  std::string scheme = string_member(step, "prepend_scheme");
  if (scheme.empty()) scheme = bool_member(step, "add_prefix_space", true) ? "always" : "never";
  const std::string replacement = string_member(step, "replacement", kSpaceMark);
  return concat("Metaspace(", replacement == kSpaceMark ? "" : replacement, scheme,
                bool_member(step, "split", true) ? ",split" : "", ")");
}

/// The line of one step: its type and what changes its results. "" for none.
std::string describe(const io::Json& step) {
  if (step.is_null()) return "";
  const std::string type = string_member(step, "type", "?");
  if (type == "Sequence") {
    const io::Json& pretokenizers = member(step, "pretokenizers");
    return describe_sequence(pretokenizers.is_null() ? member(step, "normalizers") : pretokenizers);
  }
  if (type == "ByteLevel") {
    return concat("ByteLevel", bool_member(step, "add_prefix_space", true) ? "(prefix)" : "",
                  bool_member(step, "use_regex", true) ? "(regex)" : "");
  }
  if (type == "Digits") return bool_member(step, "individual_digits", false) ? "Digits(1)" : "Digits";
  if (type == "Split") {
    // Removing what does not match a pattern that matches everything is isolating what does.
    std::string behavior = string_member(step, "behavior");
    const bool invert = bool_member(step, "invert", false);
    if (behavior == "Removed" && invert) behavior = "Isolated";
    const bool plain = behavior == string_member(step, "behavior") && invert;
    return concat("Split(", behavior, plain ? ",inverted" : "", ": ",
                  describe_pattern(member(step, "pattern")), ")");
  }
  if (type == "Metaspace") return describe_metaspace(step);
  if (type == "Prepend") return concat("Prepend(", string_member(step, "prepend"), ")");
  if (type == "Replace") {
    return concat("Replace(", describe_pattern(member(step, "pattern")), ",", string_member(step, "content"),
                  ")");
  }
  return type;
}

// The shared tails and word parts of the published regular expressions.
#define HEARTH_CONTRACTIONS R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define HEARTH_SPACES R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"
#define HEARTH_UPPERISH R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define HEARTH_LOWERISH R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define HEARTH_CASE_WORDS(suffix)                                        \
  R"([^\r\n\p{L}\p{N}]?)" HEARTH_UPPERISH "*" HEARTH_LOWERISH "+" suffix \
  R"(|[^\r\n\p{L}\p{N}]?)" HEARTH_UPPERISH "+" HEARTH_LOWERISH "*" suffix
#define HEARTH_SPLIT(regex) "Split(Isolated: " regex ")"

struct KnownPretokenizer {
  std::string_view description;
  std::string_view pre;                  // name when merges decide
  std::string_view pre_ignoring_merges;  // name when whole-word tokens win; "" when the same
};

constexpr KnownPretokenizer kKnown[] = {
    {"ByteLevel(regex)", "gpt-2", ""},
    {"ByteLevel(prefix)(regex)", "gpt-2", ""},
    {"Digits(1) + ByteLevel(regex)", "smollm", ""},
    {HEARTH_SPLIT(
         R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") " + ByteLevel",
     "gpt-2", ""},
    {HEARTH_SPLIT(
         HEARTH_CONTRACTIONS
         R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" HEARTH_SPACES) " + ByteLevel",
     "dbrx", "llama-bpe"},
    // The spelling of the tokenizer that Llama 3's split comes from; possessive, the same matches.
    {HEARTH_SPLIT(
         R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)") " + ByteLevel",
     "dbrx", "llama-bpe"},
    {HEARTH_SPLIT(
         HEARTH_CONTRACTIONS
         R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" HEARTH_SPACES) " + ByteLevel",
     "qwen2", ""},
    {HEARTH_SPLIT(
         HEARTH_CONTRACTIONS
         R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" HEARTH_SPACES) " + "
                                                                                                   "ByteLeve"
                                                                                                   "l",
     "qwen35", ""},
    {HEARTH_SPLIT(HEARTH_CASE_WORDS(
         HEARTH_CONTRACTIONS "?") R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" HEARTH_SPACES) " + ByteLevel",
     "gpt-4o", ""},
    {HEARTH_SPLIT(HEARTH_CASE_WORDS("") R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" HEARTH_SPACES) " + ByteLevel",
     "tekken", ""},
    {HEARTH_SPLIT(R"(\p{N}{1,3})") " + " HEARTH_SPLIT("[一-龥\u3040-ゟ゠-ヿ]+") " + " HEARTH_SPLIT(
         R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)" HEARTH_SPACES) " + ByteLevel",
     "deepseek-v3", ""},
    {HEARTH_SPLIT(R"([\r\n])") " + " HEARTH_SPLIT(R"(\s?\p{L}+)") " + " HEARTH_SPLIT(
         R"(\s?\p{P}+)") " + " HEARTH_SPLIT("[一-龥ࠀ-一가-\uD7FF]+") " + Digits(1) + ByteLevel",
     "deepseek-coder", ""},
};

#undef HEARTH_CONTRACTIONS
#undef HEARTH_SPACES
#undef HEARTH_UPPERISH
#undef HEARTH_LOWERISH
#undef HEARTH_CASE_WORDS
#undef HEARTH_SPLIT

Result<TokenizerStructure> recognise_byte_level(const std::string& normalizer, const std::string& pre,
                                                std::string_view name, bool ignore_merges) {
  TokenizerStructure structure;
  structure.byte_level = true;
  structure.two_phase = true;
  structure.nfc = normalizer == "NFC";
  if (!normalizer.empty() && !structure.nfc) {
    return fail(ErrorCode::kUnsupported, name, ": unknown normalizer ", io::printable(normalizer, 400),
                "; known: none, NFC");
  }
  structure.add_space_prefix = pre.find("(prefix)") != std::string::npos;
  for (const KnownPretokenizer& known : kKnown) {
    if (known.description != pre) continue;
    structure.pre =
        ignore_merges && !known.pre_ignoring_merges.empty() ? known.pre_ignoring_merges : known.pre;
    return structure;
  }
  return fail(ErrorCode::kUnsupported, name, ": unknown pre-tokenizer ", io::printable(pre, 400),
              "; known are those of the families ", known_pretokenizers());
}

struct KnownSentencePiece {
  std::string_view normalizer;
  std::string_view pre;
  bool add_space_prefix;
  std::string_view mode;
  bool two_phase;
};

constexpr KnownSentencePiece kKnownSentencePiece[] = {
    {"Prepend(▁) + Replace( ,▁)", "", true, "", true},
    {"Replace( ,▁)", "", false, "", true},
    {"Replace( ,▁)", "Split(MergedWithPrevious:  )", false, "", true},  // nothing left to split at
    {"", "Metaspace(first)", true, "first_unless_space", false},
    {"", "Metaspace(always)", true, "each_unless_space", false},
    {"", "Metaspace(never)", false, "", false},
};

}  // namespace

const io::Json& member(const io::Json& object, std::string_view key) {
  static const io::Json null;
  const io::Json* found = io::json_find(object, key);
  return found == nullptr ? null : *found;
}

std::string string_member(const io::Json& object, std::string_view key, std::string_view fallback) {
  const io::Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string(fallback);
}

bool bool_member(const io::Json& object, std::string_view key, bool fallback) {
  const io::Json& value = member(object, key);
  return value.is_boolean() ? value.get<bool>() : fallback;
}

Result<TokenizerStructure> recognise_structure(const io::Json& root, std::string_view name,
                                               bool ignore_merges) {
  const std::string normalizer = describe(member(root, "normalizer"));
  const std::string pre = describe(member(root, "pre_tokenizer"));
  if (pre.find("ByteLevel") != std::string::npos)
    return recognise_byte_level(normalizer, pre, name, ignore_merges);
  for (const KnownSentencePiece& known : kKnownSentencePiece) {
    if (known.normalizer != normalizer || known.pre != pre) continue;
    TokenizerStructure structure;
    structure.add_space_prefix = known.add_space_prefix;
    structure.space_prefix_mode = known.mode;
    structure.two_phase = known.two_phase;
    return structure;
  }
  return fail(ErrorCode::kUnsupported, name, ": unknown normalizer ", io::printable(normalizer, 400),
              " with pre-tokenizer ", io::printable(pre, 400),
              "; hearth knows byte-level BPE and SentencePiece BPE as model families use them");
}

}  // namespace hearth::text
