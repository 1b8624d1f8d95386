// A recursive-descent parser of GBNF. Newlines end a rule except within parentheses or after `|` and `::=`.
#include "text/grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <optional>

#include "io/utf8.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

using grammar::CodePointRange;
using grammar::Expr;
using grammar::ExprPtr;

constexpr int kMaxNesting = 100;
constexpr int kMaxQuantifiers = 4;
constexpr uint32_t kMaxBound = 10'000;
constexpr size_t kMaxRules = 20'000;

class GbnfParser {
 public:
  GbnfParser(RuleSet& rules, std::string_view text) : rules_(rules), text_(text) {}

  Result<ExprPtr> parse() {
    for (skip(true); at_ < text_.size(); skip(true)) HEARTH_RETURN_IF_ERROR(rule());
    for (const auto& [name, entry] : names_) {
      if (!entry.defined)
        return fail(ErrorCode::kNotFound, "grammar: rule ", name, " is used but not defined");
    }
    const auto root = names_.find("root");
    if (root == names_.end()) return fail(ErrorCode::kNotFound, "grammar: there is no rule named root");
    return grammar::call_rule(root->second.rule);
  }

 private:
  struct Entry {
    uint32_t rule = 0;
    bool defined = false;
  };

  Error error(std::string_view what) const {
    int32_t line = 1;
    for (const char c : text_.substr(0, at_)) line += c == '\n' ? 1 : 0;
    return fail(ErrorCode::kCorrupt, "grammar: line ", line, ": ", what);
  }
  bool next_is(std::string_view s) const { return text_.substr(at_).starts_with(s); }
  bool take(std::string_view s) {
    if (!next_is(s)) return false;
    at_ += s.size();
    return true;
  }
  /// White space and comments; line ends only if asked for.
  void skip(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        continue;
      }
      const bool line_end = c == '\n' || c == '\r';
      if (c != ' ' && c != '\t' && !(line_end && lines)) return;
      ++at_;
    }
  }

  std::string name() {
    const size_t begin = at_;
    const auto is_name = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
             c == '_';
    };
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Entry& entry(const std::string& of) {
    const auto it = names_.find(of);
    if (it != names_.end()) return it->second;
    return names_.emplace(of, Entry{rules_.declare(of), false}).first->second;
  }

  Status rule() {
    const std::string defined = name();
    if (defined.empty()) return error("expected a rule's name");
    if (names_.size() > kMaxRules)
      return fail(ErrorCode::kTooLarge, "grammar: more than ", kMaxRules, " rules");
    skip(false);
    if (!take("::=")) return error("expected ::= after a rule's name");
    skip(true);
    HEARTH_ASSIGN(ExprPtr body, alternatives(0));
    if (at_ < text_.size() && !next_is("\n") && !next_is("\r")) return error("expected the end of the rule");
    Entry& here = entry(defined);
    if (here.defined) return error(concat("rule ", defined, " is defined twice"));
    here.defined = true;
    rules_.define(here.rule, std::move(body));
    return {};
  }

  Result<ExprPtr> alternatives(int nesting) {
    if (nesting > kMaxNesting) return error("parentheses nested too deeply");
    std::vector<ExprPtr> branches;
    while (true) {
      std::vector<ExprPtr> parts;
      while (true) {
        skip(nesting > 0);
        HEARTH_ASSIGN(const std::optional<ExprPtr> part, element(nesting));
        if (!part) break;
        HEARTH_ASSIGN(ExprPtr repeated, quantified(*part, nesting > 0));
        parts.push_back(std::move(repeated));
      }
      branches.push_back(grammar::sequence(std::move(parts)));
      if (!take("|")) return grammar::choice(std::move(branches));
      skip(true);
    }
  }

  /// nullopt where no element begins.
  Result<std::optional<ExprPtr>> element(int nesting) {
    if (take("\"")) return quoted();
    if (take("[")) return char_class();
    if (take(".")) return std::optional(grammar::characters({{0, 0x10FFFF}}));
    if (take("(")) {
      HEARTH_ASSIGN(ExprPtr inner, alternatives(nesting + 1));
      skip(true);
      if (!take(")")) return error("expected )");
      return std::optional(std::move(inner));
    }
    if (next_is("<") || next_is("!<")) return error("tokens (<...>) are not supported");
    const std::string called = name();
    if (called.empty()) return std::optional<ExprPtr>();
    return std::optional(grammar::call_rule(entry(called).rule));
  }

  Result<ExprPtr> quantified(ExprPtr part, bool lines) {
    for (int count = 0; count <= kMaxQuantifiers; ++count) {
      skip(lines);
      uint32_t min = 0;
      uint32_t max = Expr::kUnbounded;
      if (take("*")) {
      } else if (take("+")) {
        min = 1;
      } else if (take("?")) {
        max = 1;
      } else if (take("{")) {
        HEARTH_RETURN_IF_ERROR(bounds(min, max));
      } else {
        return part;
      }
      part = grammar::repeat(std::move(part), min, max);
    }
    return error("too many repetitions of one element");
  }

  Status bounds(uint32_t& min, uint32_t& max) {
    skip(true);
    const std::optional<uint32_t> first = number();
    skip(true);
    if (take(",")) {
      skip(true);
      const std::optional<uint32_t> last = number();
      if (!first && !last) return error("expected a number in {}");
      min = first.value_or(0);
      max = last.value_or(Expr::kUnbounded);
    } else {
      if (!first) return error("expected a number in {}");
      min = max = *first;
    }
    skip(true);
    if (!take("}")) return error("expected }");
    if (max < min) return error("bounds out of order in {}");
    if (min > kMaxBound || (max != Expr::kUnbounded && max > kMaxBound))
      return error("bounds above 10000 in {}");
    return {};
  }

  std::optional<uint32_t> number() {
    std::optional<uint32_t> value;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = std::min(kMaxBound + 1, value.value_or(0) * 10 + static_cast<uint32_t>(text_[at_] - '0'));
    }
    return value;
  }

  /// A character of a string or class, escapes resolved.
  Result<char32_t> character() {
    if (at_ >= text_.size()) return error("unexpected end");
    if (!take("\\")) {
      const Decoded decoded = decode_utf8(text_.substr(at_));
      at_ += decoded.bytes;
      return decoded.code_point;
    }
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    switch (c) {
      case 'n':
        return U'\n';
      case 't':
        return U'\t';
      case 'r':
        return U'\r';
      case '"':
      case '\\':
      case '[':
      case ']':
      case '^':
      case '-':
        return static_cast<char32_t>(c);
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      default:
        return error("unknown escape");
    }
  }

  Result<char32_t> hex(size_t digits) {
    uint64_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : ' ';
      if (c >= '0' && c <= '9')
        value = value * 16 + static_cast<uint64_t>(c - '0');
      else if ((c | 32) >= 'a' && (c | 32) <= 'f')
        value = value * 16 + static_cast<uint64_t>((c | 32) - 'a' + 10);
      else
        return error("bad hexadecimal escape");
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      return error("code point that does not exist");
    return static_cast<char32_t>(value);
  }

  /// Behind the opening quote.
  Result<std::optional<ExprPtr>> quoted() {
    std::string bytes;
    while (!take("\"")) {
      if (at_ >= text_.size() || next_is("\n")) return error("a string without closing quote");
      HEARTH_ASSIGN(const char32_t c, character());
      append_utf8(bytes, c);
    }
    return std::optional(grammar::literal(bytes));
  }

  /// Behind '['.
  Result<std::optional<ExprPtr>> char_class() {
    const bool negated = take("^");
    std::vector<CodePointRange> ranges;
    while (!take("]")) {
      HEARTH_ASSIGN(const char32_t low, character());
      char32_t high = low;
      if (next_is("-") && !next_is("-]")) {
        ++at_;
        HEARTH_ASSIGN(high, character());
      }
      if (high < low) return error("a range out of order");
      ranges.emplace_back(low, high);
    }
    return std::optional(grammar::characters(negated ? grammar::complement(std::move(ranges)) : ranges));
  }

  RuleSet& rules_;
  const std::string_view text_;
  size_t at_ = 0;
  std::map<std::string, Entry> names_;
};

}  // namespace

Result<ExprPtr> gbnf_grammar(RuleSet& rules, std::string_view text) {
  return GbnfParser(rules, text).parse();
}

}  // namespace hearth::text
