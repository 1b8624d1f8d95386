// One function per test; comparison operators have their names too.
#include "text/jinja/tests.h"

#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operations.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

template <bool (*kTest)(const Value&)>
Result<bool> simple(Runtime&, const Value& value, const Args&) {
  return kTest(value);
}

bool is_defined(const Value& value) { return !value.is(Kind::kUndefined); }
bool is_undefined(const Value& value) { return value.is(Kind::kUndefined); }
bool is_none(const Value& value) { return value.is(Kind::kNone); }
bool is_boolean(const Value& value) { return value.is(Kind::kBool); }
bool is_true(const Value& value) { return value.is(Kind::kBool) && value.integer() != 0; }
bool is_false(const Value& value) { return value.is(Kind::kBool) && value.integer() == 0; }
bool is_integer(const Value& value) { return value.is(Kind::kInt); }
bool is_float(const Value& value) { return value.is(Kind::kFloat); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.is(Kind::kString); }
bool is_mapping(const Value& value) { return value.is(Kind::kDict); }
bool is_escaped(const Value& value) { return value.is(Kind::kString) && value.as<String>().markup; }

/// Has a length and can be subscripted; the undefined value has both, since its class does.
bool is_sequence(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
      return true;
    default:
      return false;
  }
}

bool is_callable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kFunction:
    case Kind::kMacro:
    case Kind::kMethod:
    case Kind::kLoop:
    case Kind::kJoiner:
      return true;
    default:
      return false;
  }
}

template <bool (*kWanted)(char32_t), bool (*kOther)(char32_t)>
Result<bool> has_case(Runtime& runtime, const Value& value, const Args&) {
  HEARTH_ASSIGN(const std::string text, to_text(runtime, value));
  bool found = false;
  for (size_t position = 0; position < text.size();) {
    const char32_t c = next_code_point(text, position);
    if (kOther(c)) return false;
    found = found || kWanted(c);
  }
  return found;
}

template <Op kOp>
Result<bool> compares(Runtime& runtime, const Value& value, const Args& args) {
  return compare(runtime, kOp, value, args.positional[0]);
}

Result<bool> remainder_is(Runtime& runtime, const Value& value, const Value& divisor, int64_t wanted) {
  HEARTH_ASSIGN(const Value remainder, binary_operation(runtime, Op::kMod, value, divisor));
  return equal_values(remainder, Value::integer(wanted));
}

Result<bool> is_odd(Runtime& runtime, const Value& value, const Args&) {
  return remainder_is(runtime, value, Value::integer(2), 1);
}
Result<bool> is_even(Runtime& runtime, const Value& value, const Args&) {
  return remainder_is(runtime, value, Value::integer(2), 0);
}
Result<bool> is_divisible_by(Runtime& runtime, const Value& value, const Args& args) {
  return remainder_is(runtime, value, args.positional[0], 0);
}

Result<bool> is_same_as(Runtime&, const Value& value, const Args& args) {
  const Value& other = args.positional[0];
  if (value.kind() != other.kind()) return false;
  if (value.is(Kind::kString)) return text_of(value) == text_of(other);  // CPython interns short texts
  if (value.object() != nullptr || other.object() != nullptr) return value.object() == other.object();
  return equal_values(value, other);
}

Result<bool> is_filter(Runtime&, const Value& value, const Args&) {
  return value.is(Kind::kString) &&
         (find_filter(text_of(value)) != nullptr || is_unsupported_filter(text_of(value)));
}
Result<bool> is_test(Runtime&, const Value& value, const Args&) {
  return value.is(Kind::kString) && find_test(text_of(value)) != nullptr;
}

constexpr TestEntry kTests[] = {
    {"defined", 0, simple<is_defined>},
    {"undefined", 0, simple<is_undefined>},
    {"none", 0, simple<is_none>},
    {"boolean", 0, simple<is_boolean>},
    {"true", 0, simple<is_true>},
    {"false", 0, simple<is_false>},
    {"integer", 0, simple<is_integer>},
    {"float", 0, simple<is_float>},
    {"number", 0, simple<is_number>},
    {"string", 0, simple<is_string>},
    {"mapping", 0, simple<is_mapping>},
    {"sequence", 0, simple<is_sequence>},
    {"iterable", 0, simple<is_iterable>},
    {"callable", 0, simple<is_callable>},
    {"escaped", 0, simple<is_escaped>},
    {"lower", 0, has_case<is_lower, is_upper>},
    {"upper", 0, has_case<is_upper, is_lower>},
    {"odd", 0, is_odd},
    {"even", 0, is_even},
    {"divisibleby", 1, is_divisible_by},
    {"sameas", 1, is_same_as},
    {"filter", 0, is_filter},
    {"test", 0, is_test},
    {"in", 1, compares<Op::kIn>},
    {"==", 1, compares<Op::kEq>},
    {"eq", 1, compares<Op::kEq>},
    {"equalto", 1, compares<Op::kEq>},
    {"!=", 1, compares<Op::kNe>},
    {"ne", 1, compares<Op::kNe>},
    {">", 1, compares<Op::kGt>},
    {"gt", 1, compares<Op::kGt>},
    {"greaterthan", 1, compares<Op::kGt>},
    {">=", 1, compares<Op::kGe>},
    {"ge", 1, compares<Op::kGe>},
    {"<", 1, compares<Op::kLt>},
    {"lt", 1, compares<Op::kLt>},
    {"lessthan", 1, compares<Op::kLt>},
    {"<=", 1, compares<Op::kLe>},
    {"le", 1, compares<Op::kLe>},
};

}  // namespace

const TestEntry* find_test(std::string_view name) {
  const auto it = std::find_if(std::begin(kTests), std::end(kTests),
                               [name](const TestEntry& row) { return row.name == name; });
  return it == std::end(kTests) ? nullptr : &*it;
}

Result<bool> run_test(Runtime& runtime, const TestEntry& test, const Value& value, const Args& args) {
  if (args.positional.size() != test.argument_count || !args.named.empty()) {
    return runtime.error("the test '", test.name, "' takes ", test.argument_count, " arguments, ",
                         args.positional.size(), args.named.empty() ? " given" : " and keywords given");
  }
  return test.check(runtime, value, args);
}

}  // namespace hearth::text::jinja
