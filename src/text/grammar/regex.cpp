// A recursive-descent parser of regular expressions; each construct becomes an expression at once.
#include "text/grammar/regex.h"

#include <algorithm>
#include <optional>

#include "io/utf8.h"
#include "text/unicode.h"

namespace hearth::text::grammar {
namespace {

using Ranges = std::vector<CodePointRange>;

constexpr int kMaxNesting = 100;
constexpr uint32_t kMaxBound = 100'000;

const Ranges kDigits = {{'0', '9'}};
const Ranges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpaces = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                        {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                        {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Ranges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : pattern_(pattern) {}

  Result<ExprPtr> parse() {
    HEARTH_ASSIGN(ExprPtr expr, alternatives(0));
    if (at_ < pattern_.size()) return error(ErrorCode::kCorrupt, "unmatched ')'");
    return expr;
  }

 private:
  Error error(ErrorCode code, std::string_view what) const {
    return fail(code, "regular expression ", io::printable(pattern_), ": ", what, " at byte ", at_);
  }
  Error unsupported(std::string_view what) const {
    return error(ErrorCode::kUnsupported, concat(what, " is not supported,"));
  }
  bool next_is(char c) const { return at_ < pattern_.size() && pattern_[at_] == c; }
  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  Result<ExprPtr> alternatives(int nesting) {
    if (nesting > kMaxNesting) return error(ErrorCode::kTooLarge, "groups nested too deeply");
    std::vector<ExprPtr> branches;
    do {
      std::vector<ExprPtr> parts;
      while (at_ < pattern_.size() && !next_is('|') && !next_is(')')) {
        HEARTH_ASSIGN(ExprPtr part, term(nesting));
        parts.push_back(std::move(part));
      }
      branches.push_back(sequence(std::move(parts)));
    } while (take("|"));
    return choice(std::move(branches));
  }

  Result<ExprPtr> term(int nesting) {
    if (take("^")) return anchor(Expr::Kind::kBegin);
    if (take("$")) return anchor(Expr::Kind::kEnd);
    if (next_is('*') || next_is('+') || next_is('?')) return error(ErrorCode::kCorrupt, "nothing to repeat");
    HEARTH_ASSIGN(ExprPtr part, atom(nesting));
    return quantified(std::move(part));
  }

  Result<ExprPtr> quantified(ExprPtr part) {
    uint32_t min = 1;
    uint32_t max = 1;
    if (take("*")) {
      min = 0, max = Expr::kUnbounded;
    } else if (take("+")) {
      max = Expr::kUnbounded;
    } else if (take("?")) {
      min = 0;
    } else if (next_is('{')) {
      HEARTH_RETURN_IF_ERROR(bounds(min, max));
    } else {
      return part;
    }
    take("?");  // lazy: the same texts match
    if (next_is('*') || next_is('+') || next_is('?') || next_is('{')) {
      return error(ErrorCode::kCorrupt, "nothing to repeat");
    }
    return repeat(std::move(part), min, max);
  }

  Status bounds(uint32_t& min, uint32_t& max) {
    ++at_;
    const std::optional<uint32_t> first = number();
    if (!first) return error(ErrorCode::kCorrupt, "a '{' that is no quantifier (write \\{)");
    min = max = *first;
    if (take(",")) {
      const std::optional<uint32_t> last = number();
      max = last.value_or(Expr::kUnbounded);
    }
    if (!take("}")) return error(ErrorCode::kCorrupt, "a '{' that is no quantifier (write \\{)");
    if (max < min) return error(ErrorCode::kCorrupt, "bounds of a quantifier out of order");
    if (min > kMaxBound || (max != Expr::kUnbounded && max > kMaxBound)) {
      return error(ErrorCode::kTooLarge, "a quantifier above 100000");
    }
    return {};
  }

  std::optional<uint32_t> number() {
    if (at_ >= pattern_.size() || pattern_[at_] < '0' || pattern_[at_] > '9') return std::nullopt;
    uint32_t value = 0;
    for (; at_ < pattern_.size() && pattern_[at_] >= '0' && pattern_[at_] <= '9'; ++at_) {
      value = std::min(kMaxBound + 1, value * 10 + static_cast<uint32_t>(pattern_[at_] - '0'));
    }
    return value;
  }

  Result<ExprPtr> atom(int nesting) {
    if (take("(")) return group(nesting);
    if (take(".")) return characters(complement(kLineEnds));
    if (take("[")) {
      HEARTH_ASSIGN(Ranges ranges, char_class());
      return characters(ranges);
    }
    if (next_is('{')) return error(ErrorCode::kCorrupt, "a '{' that is no quantifier (write \\{)");
    if (take("\\")) {
      if (at_ < pattern_.size()) {
        const char c = pattern_[at_];
        if (c == 'b' || c == 'B') return unsupported("a word boundary");
        if (c >= '1' && c <= '9') return unsupported("a back reference");
        if (c == 'k') return unsupported("a named back reference");
      }
      HEARTH_ASSIGN(Ranges ranges, escape(false));
      return characters(ranges);
    }
    HEARTH_ASSIGN(char32_t c, code_point());
    return characters({{c, c}});
  }

  Result<ExprPtr> group(int nesting) {
    if (take("?")) {
      if (next_is('=') || next_is('!')) return unsupported("look-ahead");
      if (take("<")) {
        if (next_is('=') || next_is('!')) return unsupported("look-behind");
        const size_t end = pattern_.find('>', at_);
        if (end == std::string_view::npos) return error(ErrorCode::kCorrupt, "a group's name without end");
        at_ = end + 1;
      } else if (!take(":")) {
        return unsupported("this kind of group");
      }
    }
    HEARTH_ASSIGN(ExprPtr inner, alternatives(nesting + 1));
    if (!take(")")) return error(ErrorCode::kCorrupt, "a group without ')'");
    return inner;
  }

  Result<char32_t> code_point() {
    const Decoded decoded = decode_utf8(pattern_.substr(at_));
    if (decoded.bytes == 0) return error(ErrorCode::kCorrupt, "unexpected end");
    at_ += decoded.bytes;
    return decoded.code_point;
  }

  static bool single(const Ranges& ranges) {
    return ranges.size() == 1 && ranges[0].first == ranges[0].second;
  }

  /// Behind '['.
  Result<Ranges> char_class() {
    const bool negated = take("^");
    Ranges out;
    while (!take("]")) {
      HEARTH_ASSIGN(Ranges low, class_atom());
      out.insert(out.end(), low.begin(), low.end());
      if (!next_is('-') || pattern_.substr(at_).starts_with("-]")) continue;
      ++at_;
      HEARTH_ASSIGN(Ranges high, class_atom());
      const bool set = !single(low) || !single(high);  // "[\\w-.]": the dash is itself
      if (set) {
        out.insert(out.end(), high.begin(), high.end());
        out.emplace_back('-', '-');
      } else if (low[0].first > high[0].first) {
        return error(ErrorCode::kCorrupt, "a range out of order");
      } else {
        out.emplace_back(low[0].first, high[0].first);
      }
    }
    return negated ? complement(std::move(out)) : out;
  }

  Result<Ranges> class_atom() {
    if (at_ >= pattern_.size()) return error(ErrorCode::kCorrupt, "a class without ']'");
    if (take("\\")) return escape(true);
    HEARTH_ASSIGN(char32_t c, code_point());
    return Ranges{{c, c}};
  }

  /// Behind a backslash.
  Result<Ranges> escape(bool in_class) {
    HEARTH_ASSIGN(char32_t c, code_point());
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return complement(kDigits);
      case 'w':
        return kWords;
      case 'W':
        return complement(kWords);
      case 's':
        return kSpaces;
      case 'S':
        return complement(kSpaces);
      case 'p':
      case 'P':
        return unsupported("a Unicode property");
      case 'x':
        return hex(2);
      case 'u':
        return unicode_escape();
      case 'c':
        return control();
      case '0':
        return Ranges{{0, 0}};
      default:
        break;
    }
    constexpr std::string_view kNames = "tnvfr";
    constexpr std::string_view kValues = "\t\n\v\f\r";
    if (c < 0x80) {
      const size_t i = kNames.find(static_cast<char>(c));
      if (i != std::string_view::npos)
        c = static_cast<char32_t>(kValues[i]);
      else if (c == 'b' && in_class)
        c = '\b';
      else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return error(ErrorCode::kCorrupt, "an unknown escape");
    }
    return Ranges{{c, c}};
  }

  Result<Ranges> control() {
    if (at_ >= pattern_.size()) return error(ErrorCode::kCorrupt, "unexpected end");
    const char c = pattern_[at_];
    if ((c | 32) < 'a' || (c | 32) > 'z') return error(ErrorCode::kCorrupt, "a bad \\c");
    ++at_;
    const char32_t value = static_cast<char32_t>(c) & 31u;
    return Ranges{{value, value}};
  }

  Result<uint32_t> hex_value(size_t digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < pattern_.size() ? pattern_[at_] : ' ';
      if (c >= '0' && c <= '9')
        value = value * 16 + static_cast<uint32_t>(c - '0');
      else if ((c | 32) >= 'a' && (c | 32) <= 'f')
        value = value * 16 + static_cast<uint32_t>((c | 32) - 'a' + 10);
      else
        return error(ErrorCode::kCorrupt, "a bad hexadecimal escape");
    }
    return value;
  }

  Result<Ranges> hex(size_t digits) {
    HEARTH_ASSIGN(uint32_t value, hex_value(digits));
    return Ranges{{value, value}};
  }

  Result<Ranges> unicode_escape() {
    uint32_t value = 0;
    if (take("{")) {
      const size_t end = pattern_.find('}', at_);
      if (end == std::string_view::npos || end == at_ || end - at_ > 6) {
        return error(ErrorCode::kCorrupt, "a bad \\u{}");
      }
      HEARTH_ASSIGN(value, hex_value(end - at_));
      ++at_;
    } else {
      HEARTH_ASSIGN(value, hex_value(4));
      if (value >= 0xD800 && value <= 0xDBFF && take("\\u")) {
        HEARTH_ASSIGN(const uint32_t low, hex_value(4));
        if (low < 0xDC00 || low > 0xDFFF) return error(ErrorCode::kCorrupt, "half a surrogate pair");
        value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
      return error(ErrorCode::kCorrupt, "a code point that does not exist");
    }
    return Ranges{{value, value}};
  }

  const std::string_view pattern_;
  size_t at_ = 0;
};

}  // namespace

Result<Dfa> regex_automaton(std::string_view pattern, RegexMatch match, const Nfa::Limits& limits) {
  HEARTH_ASSIGN(ExprPtr expr, RegexParser(pattern).parse());
  if (match == RegexMatch::kSearch) {
    const ExprPtr anything = repeat(characters({{0, 0x10FFFF}}), 0, Expr::kUnbounded);
    expr = sequence({anything, std::move(expr), anything});
  }
  Result<Dfa> dfa = to_dfa(*expr, limits);
  if (!dfa) {
    return fail(dfa.error().code, "regular expression ", io::printable(pattern), ' ', dfa.error().message);
  }
  return dfa;
}

}  // namespace hearth::text::grammar

namespace hearth::text {

Result<grammar::ExprPtr> regex_grammar(std::string_view pattern, RegexMatch match) {
  HEARTH_ASSIGN(grammar::Dfa dfa, grammar::regex_automaton(pattern, match));
  return grammar::from_dfa(std::move(dfa));
}

}  // namespace hearth::text
