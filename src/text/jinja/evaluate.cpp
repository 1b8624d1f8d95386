// The expressions, and the calls of macros, methods and functions.
#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/jinja/operations.h"
#include "text/jinja/tests.h"

namespace hearth::text::jinja {

namespace {

// Levels of the tree walked for each level of macro recursion that the limits allow: a macro's call alone is
// a few deep.
constexpr int32_t kDepthPerRecursion = 12;

}  // namespace

Status Interpreter::check_depth() const {
  if (depth_ > kDepthPerRecursion * runtime_.limits().recursion) return runtime_.limit_error("recursion");
  return {};
}

Result<Value> Interpreter::constant(int32_t index) {
  Value& made = constants_[static_cast<size_t>(index)];
  if (!made.is(Kind::kMissing)) return made;
  const Constant& source = template_.constants[static_cast<size_t>(index)];
  if (std::holds_alternative<std::monostate>(source)) made = Value::none();
  if (const auto* flag = std::get_if<bool>(&source)) made = Value::boolean(*flag);
  if (const auto* number = std::get_if<int64_t>(&source)) made = Value::integer(*number);
  if (const auto* real = std::get_if<double>(&source)) made = Value::real(*real);
  if (const auto* text = std::get_if<std::string>(&source)) made = runtime_.string(*text);
  return made;
}

Result<Value> Interpreter::evaluate(const Expr& expr, const Value& frame) {
  const Counted level(depth_);
  HEARTH_RETURN_IF_ERROR(check_depth());
  HEARTH_RETURN_IF_ERROR(runtime_.step());
  switch (expr.kind) {
    case ExprKind::kConstant:
      return constant(expr.constant);
    case ExprKind::kName:
      return evaluate_name(expr, frame);
    case ExprKind::kList:
    case ExprKind::kTuple:
      return evaluate_sequence(expr, frame);
    case ExprKind::kDict:
      return evaluate_dict(expr, frame);
    case ExprKind::kFilter:
      return evaluate_filter(expr, frame, nullptr);
    case ExprKind::kTest:
      return evaluate_test(expr, frame);
    case ExprKind::kCompare:
      return evaluate_compare(expr, frame);
    case ExprKind::kConcat:
      return evaluate_concat(expr, frame);
    case ExprKind::kConditional:
      return evaluate_conditional(expr, frame);
    case ExprKind::kSlice:
      return evaluate_slice(expr, frame);
    case ExprKind::kNamespaceTarget:
      return runtime_.error("not an expression");
    default:
      return evaluate_operator(expr, frame);
  }
}

/// The kinds that evaluate their first child before anything else.
Result<Value> Interpreter::evaluate_operator(const Expr& expr, const Value& frame) {
  HEARTH_ASSIGN(const Value first, evaluate(*expr.children[0], frame));
  if (expr.kind == ExprKind::kAnd || expr.kind == ExprKind::kOr) {
    if (truthy(first) == (expr.kind == ExprKind::kOr)) return first;
    return evaluate(*expr.children[1], frame);
  }
  if (expr.kind == ExprKind::kCall) {
    HEARTH_ASSIGN(Args args, evaluate_arguments(expr, frame));
    runtime_.line = expr.line;
    return call(first, std::move(args));
  }
  if (expr.kind == ExprKind::kAttribute) {
    HEARTH_ASSIGN(const Value name, constant(expr.constant));
    runtime_.line = expr.line;
    return get_attribute(runtime_, first, name);
  }
  if (expr.kind == ExprKind::kUnary) {
    runtime_.line = expr.line;
    return unary_operation(runtime_, expr.op, first);
  }
  HEARTH_ASSIGN(const Value second, evaluate(*expr.children[1], frame));
  runtime_.line = expr.line;
  if (expr.kind == ExprKind::kItem) return get_item(runtime_, first, second);
  return binary_operation(runtime_, expr.op, first, second);
}

Result<Value> Interpreter::evaluate_name(const Expr& expr, const Value& frame) {
  if (expr.reference.slot >= 0) {
    const Value& value = slot(frame, expr.reference);
    if (!value.is(Kind::kMissing)) return value;
  }
  return Value::undefined(runtime_.string(concat("'", expr.name, "' is undefined")).object());
}

Result<Value> Interpreter::evaluate_sequence(const Expr& expr, const Value& frame) {
  std::vector<Value> items;
  items.reserve(expr.children.size());
  for (const ExprPtr& child : expr.children) {
    HEARTH_ASSIGN(Value item, evaluate(*child, frame));
    items.push_back(std::move(item));
  }
  return expr.kind == ExprKind::kList ? make_list(runtime_.heap(), std::move(items))
                                      : make_tuple(runtime_.heap(), std::move(items));
}

Result<Value> Interpreter::evaluate_dict(const Expr& expr, const Value& frame) {
  Value dict = make_dict(runtime_.heap());
  for (size_t i = 0; i + 1 < expr.children.size(); i += 2) {
    HEARTH_ASSIGN(const Value key, evaluate(*expr.children[i], frame));
    HEARTH_ASSIGN(Value value, evaluate(*expr.children[i + 1], frame));
    uint64_t hash = 0;
    if (!hash_value(key, hash)) return runtime_.error("unhashable type: '", type_name(key), "'");
    dict.as<Dict>().set(key, std::move(value));
  }
  return dict;
}

Result<Value> Interpreter::evaluate_compare(const Expr& expr, const Value& frame) {
  HEARTH_ASSIGN(Value left, evaluate(*expr.children[0], frame));
  for (size_t i = 0; i < expr.ops.size(); ++i) {
    HEARTH_ASSIGN(Value right, evaluate(*expr.children[i + 1], frame));
    runtime_.line = expr.line;
    HEARTH_ASSIGN(const bool holds, compare(runtime_, expr.ops[i], left, right));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Interpreter::evaluate_concat(const Expr& expr, const Value& frame) {
  std::string out;
  HeldBytes held(runtime_.heap());
  for (const ExprPtr& child : expr.children) {
    held.set(out.capacity());
    HEARTH_ASSIGN(const Value item, evaluate(*child, frame));
    held.set(0);  // append_text counts it itself
    HEARTH_RETURN_IF_ERROR(append_text(runtime_, out, item));
  }
  return runtime_.string(std::move(out));
}

Result<Value> Interpreter::evaluate_conditional(const Expr& expr, const Value& frame) {
  HEARTH_ASSIGN(const Value test, evaluate(*expr.children[1], frame));
  if (truthy(test)) return evaluate(*expr.children[0], frame);
  if (expr.children[2] != nullptr) return evaluate(*expr.children[2], frame);
  return Value::undefined(runtime_.string("the inline if-expression was false and has no else").object());
}

Result<Value> Interpreter::evaluate_slice(const Expr& expr, const Value& frame) {
  Value parts[4];
  for (size_t i = 0; i < 4; ++i) {
    parts[i] = Value::none();
    if (expr.children[i] == nullptr) continue;
    HEARTH_ASSIGN(parts[i], evaluate(*expr.children[i], frame));
  }
  runtime_.line = expr.line;
  return get_slice(runtime_, parts[0], parts[1], parts[2], parts[3]);
}

/// `input`: what a filter block or a set block filters, at the innermost end of the chain; null elsewhere.
Result<Value> Interpreter::evaluate_filter(const Expr& expr, const Value& frame, const Value* input) {
  const Counted level(depth_);
  Value value;
  if (expr.children[0] == nullptr) {
    value = *input;
  } else if (input != nullptr) {
    HEARTH_ASSIGN(value, evaluate_filter(*expr.children[0], frame, input));
  } else {
    HEARTH_ASSIGN(value, evaluate(*expr.children[0], frame));
  }
  if (expr.filter == nullptr) return runtime_.error("no filter named '", expr.name, "'");
  HEARTH_ASSIGN(const Args args, evaluate_arguments(expr, frame));
  runtime_.line = expr.line;
  return expr.filter->apply(runtime_, value, args);
}

Result<Value> Interpreter::evaluate_test(const Expr& expr, const Value& frame) {
  HEARTH_ASSIGN(const Value value, evaluate(*expr.children[0], frame));
  if (expr.test == nullptr) return runtime_.error("no test named '", expr.name, "'");
  HEARTH_ASSIGN(const Args args, evaluate_arguments(expr, frame));
  runtime_.line = expr.line;
  HEARTH_ASSIGN(const bool passes, run_test(runtime_, *expr.test, value, args));
  return Value::boolean(passes);
}

/// The arguments behind the callee, which is children[0].
Result<Args> Interpreter::evaluate_arguments(const Expr& expr, const Value& frame) {
  Args args;
  args.positional.reserve(expr.children.size() - 1);
  for (size_t i = 1; i < expr.children.size(); ++i) {
    HEARTH_ASSIGN(Value value, evaluate(*expr.children[i], frame));
    args.positional.push_back(std::move(value));
  }
  for (const Keyword& keyword : expr.keywords) {
    HEARTH_ASSIGN(Value value, evaluate(*keyword.value, frame));
    args.named.emplace_back(keyword.name, std::move(value));
  }
  if (expr.spread_args != nullptr) {
    HEARTH_ASSIGN(const Value value, evaluate(*expr.spread_args, frame));
    HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime_, value));
    args.positional.insert(args.positional.end(), std::make_move_iterator(items.begin()),
                           std::make_move_iterator(items.end()));
  }
  const HeldBytes held(runtime_.heap(), args.positional.capacity() * sizeof(Value));
  if (expr.spread_keywords != nullptr) {
    HEARTH_ASSIGN(const Value value, evaluate(*expr.spread_keywords, frame));
    if (!value.is(Kind::kDict)) return misuse(runtime_, value, "is not a mapping for **");
    for (const Dict::Entry& entry : value.as<Dict>().entries()) {
      if (!entry.key.is(Kind::kString)) return runtime_.error("keywords must be strings");
      args.named.emplace_back(text_of(entry.key), entry.value);
      HEARTH_RETURN_IF_ERROR(runtime_.step());
    }
  }
  return args;
}

Result<Value> Interpreter::call(const Value& callee, Args args) {
  switch (callee.kind()) {
    case Kind::kFunction:
      return call_global(runtime_, static_cast<GlobalFunction>(callee.integer()), args);
    case Kind::kMacro:
      return call_macro(callee.as<Macro>(), std::move(args));
    case Kind::kMethod:
      return callee.as<Method>().entry->call(runtime_, callee.as<Method>().self, args);
    case Kind::kJoiner: {
      auto& joiner = callee.as<Joiner>();
      if (joiner.used) return joiner.separator;
      joiner.used = true;
      return runtime_.string("");
    }
    default:
      return misuse(runtime_, callee, "object is not callable");
  }
}

Result<Value> Interpreter::call_macro(const Macro& macro, Args args) {
  const Counted level(macro_depth_);
  if (macro_depth_ > runtime_.limits().recursion) return runtime_.limit_error("recursion");
  const Stmt& definition = *macro.definition;
  const Value frame = make_frame(definition.frame, macro.frame);
  const int32_t line = runtime_.line;
  HEARTH_RETURN_IF_ERROR(bind_macro(definition, args, frame));
  args = Args();  // the body may call on for long, and what it sees is in the frame
  std::string out;
  HEARTH_ASSIGN(const Flow flow, execute_body(definition.body, frame, out));
  (void)flow;
  runtime_.heap().hold(-static_cast<int64_t>(out.size()));
  runtime_.line = line;
  return runtime_.string(std::move(out));
}

Status Interpreter::bind_macro(const Stmt& definition, Args& args, const Value& frame) {
  std::vector<Value>& slots = frame.as<Frame>().slots;
  auto take_named = [&args](std::string_view name, Value& out) {
    const auto it = std::find_if(args.named.begin(), args.named.end(),
                                 [&](const auto& row) { return row.first == name; });
    if (it == args.named.end()) return false;
    out = std::move(it->second);
    args.named.erase(it);
    return true;
  };
  const size_t count = definition.parameters.size();
  for (size_t i = 0; i < count; ++i) {
    Value& target = slots[static_cast<size_t>(definition.parameters[i].slot)];
    HEARTH_RETURN_IF_ERROR(runtime_.spend(static_cast<int64_t>(args.named.size() * sizeof(args.named[0]))));
    if (i < args.positional.size()) {
      target = args.positional[i];
    } else {
      take_named(definition.parameters[i].name, target);
    }
  }
  if (definition.caller_slot >= 0) {
    Value& target = slots[static_cast<size_t>(definition.caller_slot)];
    if (!take_named("caller", target))
      target = Value::undefined(runtime_.string("no caller defined").object());
  }
  if (definition.kwargs_slot >= 0) {
    const Value rest = make_dict(runtime_.heap());
    for (auto& [name, value] : args.named) rest.as<Dict>().set(runtime_.string(name), std::move(value));
    slots[static_cast<size_t>(definition.kwargs_slot)] = rest;
  } else if (!args.named.empty()) {
    return runtime_.error("macro '", definition.name, "' takes no keyword argument '",
                          args.named.front().first, "'");
  }
  if (definition.varargs_slot >= 0) {
    const auto begin =
        args.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, args.positional.size()));
    slots[static_cast<size_t>(definition.varargs_slot)] =
        make_tuple(runtime_.heap(), std::vector<Value>(begin, args.positional.end()));
  } else if (args.positional.size() > count) {
    return runtime_.error("macro '", definition.name, "' takes not more than ", count, " argument(s)");
  }
  for (const Parameter& parameter : definition.parameters) {
    Value& target = slots[static_cast<size_t>(parameter.slot)];
    if (!target.is(Kind::kMissing)) continue;
    if (parameter.fallback != nullptr) {
      HEARTH_ASSIGN(Value value, evaluate(*parameter.fallback, frame));
      target = std::move(value);
    } else {
      target = Value::undefined(
          runtime_.string(concat("parameter '", parameter.name, "' was not provided")).object());
    }
  }
  return {};
}

}  // namespace hearth::text::jinja
