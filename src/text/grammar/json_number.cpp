// Numbers of JSON as automata over their digits: comparison with a decimal, divisibility, the written form.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "text/grammar/expr.h"
#include "text/grammar/json_text.h"

namespace hearth::text::grammar {
namespace {

constexpr uint32_t kMaxAutomaton = 1 << 17;
constexpr size_t kBoundedDigits = 15;
constexpr size_t kMaxFraction = 40;
constexpr uint32_t kIntegerDigits = 18;

struct Decimal {
  bool negative = false;
  std::string whole;     // without leading zeros, at least one digit
  std::string fraction;  // without trailing zeros
  bool zero() const { return whole == "0" && fraction.empty(); }
};

Decimal parse_decimal(std::string_view text) {
  Decimal out;
  if (text.starts_with('-')) {
    out.negative = true;
    text.remove_prefix(1);
  }
  const size_t point = text.find('.');
  out.whole = text.substr(0, point);
  if (point != std::string_view::npos) out.fraction = text.substr(point + 1);
  while (out.fraction.ends_with('0')) out.fraction.pop_back();
  if (out.zero()) out.negative = false;
  return out;
}

ExprPtr digit(char low, char high) {
  return bytes_between(static_cast<uint8_t>(low), static_cast<uint8_t>(high));
}
ExprPtr digits(uint32_t min, uint32_t max) { return repeat(digit('0', '9'), min, max); }
ExprPtr any_digits() { return digits(0, Expr::kUnbounded); }
ExprPtr any_fraction() { return optional(sequence({literal("."), digits(1, Expr::kUnbounded)})); }
ExprPtr whole(uint32_t min, uint32_t max) {  // digits without a leading zero
  std::vector<ExprPtr> parts;
  if (min <= 1) parts.push_back(literal("0"));
  parts.push_back(sequence({digit('1', '9'), digits(min - 1, max == Expr::kUnbounded ? max : max - 1)}));
  return choice(std::move(parts));
}
ExprPtr any_unsigned() { return sequence({whole(1, Expr::kUnbounded), any_fraction()}); }
ExprPtr nonzero_tail() {
  return sequence({repeat(literal("0"), 0, Expr::kUnbounded), digit('1', '9'), any_digits()});
}

/// What may follow the digits of `d.whole` so that the whole is at least, or at most, d.
ExprPtr fraction_beside(const Decimal& d, bool at_least, bool exclusive) {
  const std::string& f = d.fraction;
  if (f.empty() && at_least) {
    return exclusive ? sequence({literal("."), nonzero_tail()}) : any_fraction();
  }
  std::vector<ExprPtr> parts;
  if (at_least == false && (!f.empty() || !exclusive)) parts.push_back(literal(""));
  const ExprPtr zeros = repeat(literal("0"), 0, Expr::kUnbounded);
  if (f.empty()) {
    if (!exclusive) parts.push_back(sequence({literal(".0"), zeros}));
    return choice(std::move(parts));
  }
  for (size_t i = 0; i < f.size(); ++i) {
    const std::string same = "." + f.substr(0, i);
    if (at_least && f[i] < '9') {
      parts.push_back(sequence({literal(same), digit(static_cast<char>(f[i] + 1), '9'), any_digits()}));
    }
    if (!at_least && f[i] > '0') {
      parts.push_back(sequence({literal(same), digit('0', static_cast<char>(f[i] - 1)), any_digits()}));
    }
    if (!at_least && i > 0) parts.push_back(literal(same));  // shorter, and the rest is not zero
  }
  if (!exclusive) parts.push_back(sequence({literal("." + f), at_least ? any_digits() : zeros}));
  if (exclusive && at_least) parts.push_back(sequence({literal("." + f), nonzero_tail()}));
  return choice(std::move(parts));
}

/// Unsigned decimals at least, or at most, |d|.
ExprPtr unsigned_beside(const Decimal& d, bool at_least, bool exclusive) {
  const auto length = static_cast<uint32_t>(d.whole.size());
  std::vector<ExprPtr> parts;
  if (at_least) parts.push_back(sequence({whole(length + 1, Expr::kUnbounded), any_fraction()}));
  if (!at_least && length > 1) parts.push_back(sequence({whole(1, length - 1), any_fraction()}));
  for (uint32_t i = 0; i < length; ++i) {
    const char c = d.whole[i];
    const char least = i == 0 && length > 1 ? '1' : '0';
    if (at_least ? c == '9' : c == least) continue;
    const ExprPtr other =
        at_least ? digit(static_cast<char>(c + 1), '9') : digit(least, static_cast<char>(c - 1));
    const uint32_t rest = length - 1 - i;
    parts.push_back(sequence({literal(d.whole.substr(0, i)), other, digits(rest, rest), any_fraction()}));
  }
  parts.push_back(sequence({literal(d.whole), fraction_beside(d, at_least, exclusive)}));
  return choice(std::move(parts));
}

/// Signed decimals at least, or at most, the bound.
ExprPtr beside(const NumberBounds::Bound& bound, bool at_least) {
  const Decimal d = parse_decimal(bound.decimal);
  const ExprPtr minus = literal("-");
  // Of the sign that the bound's direction leads away to, all are fine; of the bound's own, those beyond it.
  std::vector<ExprPtr> parts;
  const ExprPtr with_sign = unsigned_beside(d, at_least != d.negative, bound.exclusive);
  parts.push_back(d.negative ? sequence({minus, with_sign}) : with_sign);
  if (at_least && d.negative) parts.push_back(any_unsigned());
  if (!at_least && !d.negative) {
    parts.push_back(
        sequence({minus, d.zero() && bound.exclusive ? unsigned_beside(d, true, true) : any_unsigned()}));
  }
  if (at_least && d.zero() && !bound.exclusive)
    parts.push_back(sequence({minus, unsigned_beside(d, false, false)}));
  return choice(std::move(parts));
}

/// Decimals that are multiples of n * 10^-k, by the remainder of their digits read so far.
Result<Dfa> multiples(std::string_view decimal) {
  const Decimal d = parse_decimal(decimal);
  const size_t k = d.fraction.size();
  const std::string all = d.whole + d.fraction;
  const uint64_t n = all.size() > 6 + k + 1 ? 0 : std::strtoull(all.c_str(), nullptr, 10);
  if (n == 0 || n * (k + 2) > 20'000 || d.negative) {
    return fail(ErrorCode::kUnsupported, "multipleOf ", std::string(decimal), " has too many digits");
  }
  std::vector<uint64_t> scale(k + 1, 1 % n);  // 10^i modulo n
  for (size_t i = 1; i <= k; ++i) scale[i] = scale[i - 1] * 10 % n;
  const auto state = [&](size_t phase, uint64_t rest) { return static_cast<uint32_t>(1 + phase * n + rest); };
  Dfa out;
  std::vector<ByteEdge> edges;
  const auto add_digits = [&](size_t phase, uint64_t rest) {
    for (uint64_t c = 0; c < 10; ++c) {
      const auto byte = static_cast<uint8_t>('0' + c);
      edges.push_back({byte, byte, state(phase, (rest * 10 + c) % n)});
    }
  };
  edges.push_back({'-', '-', state(0, 0)});
  add_digits(0, 0);
  out.add_state(false, edges, {});
  for (size_t phase = 0; phase <= k; ++phase) {  // digits of fraction so far
    for (uint64_t rest = 0; rest < n; ++rest) {
      edges.clear();
      // The point leads to phase 0's copy with no way back: phase 1 begins with the first digit of fraction.
      if (phase == 0 && k > 0) edges.push_back({'.', '.', static_cast<uint32_t>(1 + (k + 1) * n + rest)});
      if (phase == 0) add_digits(0, rest);
      if (phase > 0 && phase < k) add_digits(phase + 1, rest);
      out.add_state(rest * scale[k - phase] % n == 0, edges, {});
    }
  }
  for (uint64_t rest = 0; k > 0 && rest < n; ++rest) {
    edges.clear();
    add_digits(1, rest);
    out.add_state(false, edges, {});
  }
  return out;
}

Status narrow(Dfa& language, const Dfa& by) {
  HEARTH_ASSIGN(language, intersect(language, by, kMaxAutomaton));
  return {};
}

Status narrow_to_bounds(Dfa& language, const NumberBounds& bounds) {
  for (const bool at_least : {true, false}) {
    for (const NumberBounds::Bound& bound : at_least ? bounds.at_least : bounds.at_most) {
      HEARTH_ASSIGN(const Dfa side, to_dfa(*beside(bound, at_least), {}));
      HEARTH_RETURN_IF_ERROR(narrow(language, side));
    }
  }
  for (const std::string& multiple : bounds.multiples_of) {
    HEARTH_ASSIGN(const Dfa side, multiples(multiple));
    HEARTH_RETURN_IF_ERROR(narrow(language, side));
  }
  return {};
}

ExprPtr written_form(const NumberBounds& bounds) {
  const ExprPtr sign = optional(literal("-"));
  if (bounds.integer) return sequence({sign, whole(1, kIntegerDigits)});
  if (bounds.free()) {
    const ExprPtr e = choice({literal("e"), literal("E")});
    const ExprPtr exponent = sequence({e, optional(choice({literal("+"), literal("-")})), digits(1, 2)});
    return sequence(
        {sign, whole(1, 18), optional(sequence({literal("."), digits(1, 18)})), optional(exponent)});
  }
  std::vector<ExprPtr> parts;
  for (uint32_t length = 1; length <= kBoundedDigits; ++length) {
    const auto rest = static_cast<uint32_t>(kBoundedDigits - length);
    std::vector<ExprPtr> number = {whole(length, length)};
    if (rest > 0) number.push_back(optional(sequence({literal("."), digits(1, rest)})));
    parts.push_back(sequence(std::move(number)));
  }
  return sequence({sign, choice(std::move(parts))});
}

}  // namespace

std::string decimal_of(const io::Json& number) {
  if (!number.is_number_float()) return number.dump();
  char buffer[400];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), number.get<double>(), std::chars_format::fixed);
  return std::string(buffer, error == std::errc() ? end : buffer);
}

Result<Dfa> numbers(const NumberBounds& bounds) {
  for (const auto* side : {&bounds.at_least, &bounds.at_most}) {
    for (const NumberBounds::Bound& bound : *side) {
      const Decimal d = parse_decimal(bound.decimal);
      const size_t most = bounds.integer ? kIntegerDigits : kBoundedDigits;
      // Of fraction any number may be there: a double whose shortest decimal is longer than 15 digits is not
      // what a shorter one is read as, so the order of both is the same.
      if (d.whole.size() > most || d.fraction.size() > kMaxFraction) {
        return fail(ErrorCode::kUnsupported, "bound ", bound.decimal, " has more than ", most,
                    " digits before the point or ", kMaxFraction, " behind it");
      }
    }
  }
  HEARTH_ASSIGN(Dfa language, to_dfa(*written_form(bounds), {}));
  HEARTH_RETURN_IF_ERROR(narrow_to_bounds(language, bounds));
  return language;
}

Result<Dfa> all_numbers(const NumberBounds& bounds) {
  const ExprPtr sign = optional(literal("-"));
  const ExprPtr number = bounds.integer ? whole(1, Expr::kUnbounded) : any_unsigned();
  HEARTH_ASSIGN(Dfa language, to_dfa(*sequence({sign, number}), {}));
  HEARTH_RETURN_IF_ERROR(narrow_to_bounds(language, bounds));
  return language;
}

bool in_language(const Dfa& all_numbers, std::string_view decimal) {
  const Decimal d = parse_decimal(decimal);
  return all_numbers.matches(
      concat(d.negative ? "-" : "", d.whole, d.fraction.empty() ? "" : ".", d.fraction));
}

}  // namespace hearth::text::grammar
