// Python's arithmetic: exact 64-bit integers (overflow is an error, not a wrap), floor division, sequences
// with + and *.
#include <algorithm>
#include <cmath>

#include "text/jinja/operations.h"

namespace hearth::text::jinja {

namespace {

Error type_error(const Runtime& runtime, std::string_view op, const Value& a, const Value& b) {
  if (a.is(Kind::kUndefined)) return misuse(runtime, a, "");
  if (b.is(Kind::kUndefined)) return misuse(runtime, b, "");
  return runtime.error("unsupported operand types for ", op, ": '", type_name(a), "' and '", type_name(b),
                       "'");
}

Error overflow(const Runtime& runtime) { return runtime.error("an integer beyond 64 bits"); }

std::string_view symbol(Op op) {
  switch (op) {
    case Op::kAdd:
      return "+";
    case Op::kSub:
      return "-";
    case Op::kMul:
      return "*";
    case Op::kDiv:
      return "/";
    case Op::kFloorDiv:
      return "//";
    case Op::kMod:
      return "%";
    default:
      return "**";
  }
}

Result<Value> integer_power(Runtime& runtime, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return runtime.error("0 cannot be raised to a negative power");
    return Value::real(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return overflow(runtime);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return overflow(runtime);
  }
  return Value::integer(result);
}

Result<Value> integer_operation(Runtime& runtime, Op op, int64_t a, int64_t b) {
  int64_t out = 0;
  switch (op) {
    case Op::kAdd:
      if (__builtin_add_overflow(a, b, &out)) return overflow(runtime);
      return Value::integer(out);
    case Op::kSub:
      if (__builtin_sub_overflow(a, b, &out)) return overflow(runtime);
      return Value::integer(out);
    case Op::kMul:
      if (__builtin_mul_overflow(a, b, &out)) return overflow(runtime);
      return Value::integer(out);
    case Op::kPow:
      return integer_power(runtime, a, b);
    default:
      break;
  }
  if (b == 0) return runtime.error("division by zero");
  if (op == Op::kDiv) return Value::real(static_cast<double>(a) / static_cast<double>(b));
  if (b == -1) {  // INT64_MIN / -1 does not fit
    if (op == Op::kMod) return Value::integer(0);
    if (__builtin_sub_overflow(int64_t{0}, a, &out)) return overflow(runtime);
    return Value::integer(out);
  }
  const int64_t quotient = a / b;
  const int64_t remainder = a % b;
  const bool down = remainder != 0 && (remainder < 0) != (b < 0);  // Python rounds towards minus infinity
  if (op == Op::kMod) return Value::integer(down ? remainder + b : remainder);
  return Value::integer(down ? quotient - 1 : quotient);
}

Result<Value> float_operation(Runtime& runtime, Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return Value::real(a + b);
    case Op::kSub:
      return Value::real(a - b);
    case Op::kMul:
      return Value::real(a * b);
    case Op::kPow:
      if (a == 0.0 && b < 0.0) return runtime.error("0.0 cannot be raised to a negative power");
      if (a < 0.0 && std::floor(b) != b) return runtime.error("a complex result");
      return Value::real(std::pow(a, b));
    default:
      break;
  }
  if (b == 0.0) return runtime.error("float division by zero");
  if (op == Op::kDiv) return Value::real(a / b);
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0.0) {
    if ((remainder < 0.0) != (b < 0.0)) {
      remainder += b;
      quotient -= 1.0;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (op == Op::kMod) return Value::real(remainder);
  if (quotient == 0.0) return Value::real(std::copysign(0.0, a / b));
  const double floored = std::floor(quotient);
  return Value::real(quotient - floored > 0.5 ? floored + 1.0 : floored);
}

Result<Value> add_sequences(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is(Kind::kString)) {
    const auto& left = a.as<String>();
    const auto& right = b.as<String>();
    HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(left.text.size() + right.text.size())));
    // Markup + text escapes the text, on either side.
    const bool markup = left.markup || right.markup;
    std::string out;
    if (markup && !left.markup) {
      out = escape_html(left.text);
    } else {
      out.reserve(left.text.size() + right.text.size());
      out = left.text;
    }
    out += markup && !right.markup ? escape_html(right.text) : right.text;
    return runtime.string(std::move(out), markup);
  }
  const std::vector<Value>& left = items_of(a);
  const std::vector<Value>& right = items_of(b);
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>((left.size() + right.size()) * sizeof(Value))));
  std::vector<Value> out;
  out.reserve(left.size() + right.size());
  out.insert(out.end(), left.begin(), left.end());
  out.insert(out.end(), right.begin(), right.end());
  return a.is(Kind::kList) ? make_list(runtime.heap(), std::move(out))
                           : make_tuple(runtime.heap(), std::move(out));
}

Result<Value> repeat_sequence(Runtime& runtime, const Value& sequence, int64_t times) {
  times = std::max<int64_t>(times, 0);
  const size_t size = sequence.is(Kind::kString) ? text_of(sequence).size() : items_of(sequence).size();
  int64_t total = 0;
  const auto unit = static_cast<int64_t>(sequence.is(Kind::kString) ? size : size * sizeof(Value));
  if (__builtin_mul_overflow(unit, times, &total)) return runtime.limit_error("memory");
  HEARTH_RETURN_IF_ERROR(runtime.reserve(total));
  if (size == 0) times = 0;
  if (sequence.is(Kind::kString)) {
    std::string out;
    out.reserve(static_cast<size_t>(total));
    for (int64_t i = 0; i < times; ++i) out += text_of(sequence);
    return runtime.string(std::move(out), sequence.as<String>().markup);
  }
  std::vector<Value> out;
  out.reserve(size * static_cast<size_t>(times));
  for (int64_t i = 0; i < times; ++i)
    out.insert(out.end(), items_of(sequence).begin(), items_of(sequence).end());
  return sequence.is(Kind::kList) ? make_list(runtime.heap(), std::move(out))
                                  : make_tuple(runtime.heap(), std::move(out));
}

}  // namespace

Result<Value> binary_operation(Runtime& runtime, Op op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return integer_operation(runtime, op, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return float_operation(runtime, op, a.as_double(), b.as_double());
  if (op == Op::kMod && a.is(Kind::kString)) return percent_format(runtime, a, b);
  if (op == Op::kAdd && a.kind() == b.kind() && (a.is(Kind::kString) || a.is_sequence())) {
    return add_sequences(runtime, a, b);
  }
  if (op == Op::kMul) {
    if (b.is_integral() && (a.is(Kind::kString) || a.is_sequence()))
      return repeat_sequence(runtime, a, b.integer());
    if (a.is_integral() && (b.is(Kind::kString) || b.is_sequence()))
      return repeat_sequence(runtime, b, a.integer());
  }
  return type_error(runtime, symbol(op), a, b);
}

Result<Value> unary_operation(Runtime& runtime, Op op, const Value& value) {
  if (op == Op::kNot) return Value::boolean(!truthy(value));
  if (value.is_integral())
    return integer_operation(runtime, op == Op::kNeg ? Op::kSub : Op::kAdd, 0, value.integer());
  if (value.is(Kind::kFloat)) return Value::real(op == Op::kNeg ? -value.real() : value.real());
  return misuse(runtime, value, "is a bad operand type for a sign");
}

Result<int64_t> to_index(Runtime& runtime, const Value& value, std::string_view what) {
  if (value.is_integral()) return value.integer();
  if (value.is(Kind::kUndefined)) return misuse(runtime, value, "");
  return runtime.error(what, " must be an integer, not ", type_name(value));
}

}  // namespace hearth::text::jinja
