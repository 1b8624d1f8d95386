// Expressions: constructors, characters as UTF-8, and their way into an Nfa.
#include "text/grammar/expr.h"

#include <algorithm>

#include "text/unicode.h"

namespace hearth::text {
namespace grammar {
namespace {

std::shared_ptr<Expr> make(Expr::Kind kind) {
  auto expr = std::make_shared<Expr>();
  expr->kind = kind;
  return expr;
}

/// UTF-8 of code points low..high, all of the same length, as sequences of byte ranges: where the first bytes
/// differ, the ends are split off until the rest covers whole blocks of 64.
void add_utf8(std::string_view low, std::string_view high, std::vector<ExprPtr> before,
              std::vector<ExprPtr>& out) {
  const auto first = static_cast<uint8_t>(low[0]);
  const auto last = static_cast<uint8_t>(high[0]);
  if (low.size() == 1) {
    before.push_back(bytes_between(first, last));
    out.push_back(sequence(std::move(before)));
    return;
  }
  const std::string floor(low.size() - 1, '\x80');
  const std::string ceiling(low.size() - 1, '\xBF');
  const auto branch = [&](uint8_t a, uint8_t b, std::string_view rest_low, std::string_view rest_high) {
    std::vector<ExprPtr> path = before;
    path.push_back(bytes_between(a, b));
    add_utf8(rest_low, rest_high, std::move(path), out);
  };
  if (first == last) return branch(first, first, low.substr(1), high.substr(1));
  uint8_t middle_low = first;
  uint8_t middle_high = last;
  if (low.substr(1) != floor) branch(middle_low++, first, low.substr(1), ceiling);
  if (high.substr(1) != ceiling) branch(last, middle_high--, floor, high.substr(1));
  if (middle_low <= middle_high) branch(middle_low, middle_high, floor, ceiling);
}

}  // namespace

ExprPtr literal(std::string_view bytes) {
  auto expr = make(Expr::Kind::kLiteral);
  expr->bytes = bytes;
  return expr;
}

ExprPtr bytes_between(uint8_t low, uint8_t high) {
  auto expr = make(Expr::Kind::kBytes);
  expr->low = low;
  expr->high = high;
  return expr;
}

ExprPtr sequence(std::vector<ExprPtr> parts) {
  if (parts.size() == 1) return parts[0];
  auto expr = make(Expr::Kind::kSequence);
  expr->parts = std::move(parts);
  return expr;
}

ExprPtr choice(std::vector<ExprPtr> parts) {
  if (parts.size() == 1) return parts[0];
  auto expr = make(Expr::Kind::kChoice);
  expr->parts = std::move(parts);
  return expr;
}

ExprPtr repeat(ExprPtr part, uint32_t min, uint32_t max) {
  auto expr = make(Expr::Kind::kRepeat);
  expr->min = min;
  expr->max = max;
  expr->parts = {std::move(part)};
  return expr;
}

ExprPtr optional(ExprPtr part) { return repeat(std::move(part), 0, 1); }

ExprPtr call_rule(uint32_t rule) {
  auto expr = make(Expr::Kind::kRule);
  expr->rule = rule;
  return expr;
}

ExprPtr from_dfa(Dfa dfa) {
  auto expr = make(Expr::Kind::kDfa);
  expr->dfa = std::make_shared<const Dfa>(std::move(dfa));
  return expr;
}

ExprPtr anchor(Expr::Kind kind) { return make(kind); }

ExprPtr characters(const std::vector<CodePointRange>& ranges) {
  // Where the length of UTF-8 changes, and the surrogates, which have none.
  constexpr CodePointRange kBlocks[] = {
      {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
  std::vector<ExprPtr> parts;
  for (const auto& [low, high] : ranges) {
    for (const auto& [first, last] : kBlocks) {
      const char32_t a = std::max(low, first);
      const char32_t b = std::min(high, last);
      if (a > b) continue;
      std::string low_bytes;
      std::string high_bytes;
      append_utf8(low_bytes, a);
      append_utf8(high_bytes, b);
      add_utf8(low_bytes, high_bytes, {}, parts);
    }
  }
  return choice(std::move(parts));
}

std::vector<CodePointRange> complement(std::vector<CodePointRange> ranges) {
  std::ranges::sort(ranges);
  std::vector<CodePointRange> out;
  char32_t next = 0;
  for (const auto& [low, high] : ranges) {
    if (low > next) out.emplace_back(next, low - 1);
    next = std::max<char32_t>(next, high + 1);
  }
  if (next <= 0x10FFFF) out.emplace_back(next, 0x10FFFF);
  return out;
}

namespace {

/// add_expr without its parameters passed on at every step.
class Adder {
 public:
  Adder(Nfa& nfa, uint32_t max_states, const std::vector<uint8_t>& nullable_rules)
      : nfa_(nfa), max_states_(max_states), nullable_rules_(nullable_rules) {}

  bool add(const Expr& expr, uint32_t from, uint32_t to) {
    if (nfa_.size() > max_states_) return false;
    switch (expr.kind) {
      case Expr::Kind::kLiteral:
        nfa_.add_silent(nfa_.add_literal(from, expr.bytes), to);
        return true;
      case Expr::Kind::kBytes:
        nfa_.add_bytes(from, expr.low, expr.high, to);
        return true;
      case Expr::Kind::kSequence:
        for (size_t i = 0; i < expr.parts.size(); ++i) {
          const uint32_t next = i + 1 < expr.parts.size() ? nfa_.add_state() : to;
          if (!add(*expr.parts[i], from, next)) return false;
          from = next;
        }
        if (expr.parts.empty()) nfa_.add_silent(from, to);
        return true;
      case Expr::Kind::kChoice:
        return std::ranges::all_of(expr.parts, [&](const ExprPtr& part) {
          const uint32_t inner = nfa_.add_state();  // so that a loop in one part does not leak into another
          nfa_.add_silent(from, inner);
          return add(*part, inner, to);
        });
      case Expr::Kind::kRepeat:
        return add_repeat(expr, from, to);
      case Expr::Kind::kRule:
        nfa_.add_call(from, expr.rule, to);
        if (nullable_rules_[expr.rule] != 0) nfa_.add_silent(from, to);
        return true;
      case Expr::Kind::kDfa:
        nfa_.add_dfa(from, *expr.dfa, to, nullable_rules_);
        return true;
      case Expr::Kind::kBegin:
        nfa_.add_silent(from, to, Nfa::Silent::kAtBegin);
        return true;
      case Expr::Kind::kEnd:
        nfa_.add_silent(from, to, Nfa::Silent::kAtEnd);
        return true;
    }
    return true;
  }

 private:
  bool add_repeat(const Expr& expr, uint32_t from, uint32_t to) {
    const Expr& part = *expr.parts[0];
    for (uint32_t i = 0; i < expr.min; ++i) {
      const uint32_t next = nfa_.add_state();
      if (!add(part, from, next)) return false;
      from = next;
    }
    if (expr.max == Expr::kUnbounded) {
      const uint32_t loop = nfa_.add_state();
      nfa_.add_silent(from, loop);
      nfa_.add_silent(loop, to);
      const uint32_t again = nfa_.add_state();
      nfa_.add_silent(again, loop);
      return add(part, loop, again);
    }
    for (uint32_t i = expr.min; i < expr.max; ++i) {
      nfa_.add_silent(from, to);
      const uint32_t next = nfa_.add_state();
      if (!add(part, from, next)) return false;
      from = next;
    }
    nfa_.add_silent(from, to);
    return true;
  }

  Nfa& nfa_;
  const uint32_t max_states_;
  const std::vector<uint8_t>& nullable_rules_;
};

}  // namespace

Status add_expr(Nfa& nfa, const Expr& expr, uint32_t from, uint32_t to, uint32_t max_states,
                const std::vector<uint8_t>& nullable_rules) {
  if (Adder(nfa, max_states, nullable_rules).add(expr, from, to)) return {};
  return fail(ErrorCode::kTooLarge, "needs more than ", max_states, " states (large repetition bounds?)");
}

bool nullable(const Expr& expr, const std::vector<uint8_t>& nullable_rules) {
  const auto part_is = [&](const ExprPtr& part) { return nullable(*part, nullable_rules); };
  switch (expr.kind) {
    case Expr::Kind::kLiteral:
      return expr.bytes.empty();
    case Expr::Kind::kBytes:
      return false;
    case Expr::Kind::kSequence:
      return std::ranges::all_of(expr.parts, part_is);
    case Expr::Kind::kChoice:
      return std::ranges::any_of(expr.parts, part_is);
    case Expr::Kind::kRepeat:
      return expr.min == 0 || part_is(expr.parts[0]);
    case Expr::Kind::kRule:
      return nullable_rules[expr.rule] != 0;
    case Expr::Kind::kDfa:
      return expr.dfa->accepting(0);
    case Expr::Kind::kBegin:
    case Expr::Kind::kEnd:
      return true;
  }
  return false;
}

Result<Dfa> to_dfa(const Expr& expr, const Nfa::Limits& limits) {
  Nfa nfa;
  const uint32_t start = nfa.add_state();
  const uint32_t accept = nfa.add_state();
  HEARTH_RETURN_IF_ERROR(add_expr(nfa, expr, start, accept, limits.max_states, {}));
  return nfa.determinize(start, accept, limits);
}

}  // namespace grammar

uint32_t RuleSet::declare(std::string name) {
  rules_.emplace_back(std::move(name), nullptr);
  return size() - 1;
}

void RuleSet::define(uint32_t rule, grammar::ExprPtr body) { rules_[rule].second = std::move(body); }

grammar::ExprPtr RuleSet::add(std::string name, grammar::ExprPtr body) {
  const uint32_t rule = declare(std::move(name));
  define(rule, std::move(body));
  return grammar::call_rule(rule);
}

}  // namespace hearth::text
