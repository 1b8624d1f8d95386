// What may follow an expression: attributes, subscripts, slices, calls, filters and tests.
#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/parser_internal.h"
#include "text/jinja/tests.h"

namespace hearth::text::jinja {

Result<ExprPtr> Parser::parse_postfix(ExprPtr node) {
  while (true) {
    if (is_operator(".") || is_operator("[")) {
      HEARTH_ASSIGN(node, parse_subscript(std::move(node)));
    } else if (is_operator("(")) {
      HEARTH_ASSIGN(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExprPtr> Parser::parse_postfix_filters(ExprPtr node) {
  while (true) {
    if (is_operator("|")) {
      HEARTH_ASSIGN(node, parse_filters(std::move(node), false));
    } else if (is_name("is")) {
      HEARTH_ASSIGN(node, parse_test(std::move(node)));
    } else if (is_operator("(")) {
      HEARTH_ASSIGN(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExprPtr> Parser::parse_subscript(ExprPtr node) {
  const int32_t line = current().line;
  if (skip_operator(".")) {
    ExprPtr access = make(ExprKind::kAttribute, line);
    HEARTH_RETURN_IF_ERROR(adopt(*access, std::move(node)));
    if (current().type == Token::kName) {
      access->name = current().text;
      access->constant = template_.add_string(access->name);
    } else if (current().type == Token::kInteger) {
      access->kind = ExprKind::kItem;
      HEARTH_RETURN_IF_ERROR(adopt(*access, make_constant(current().integer, current().line)));
    } else {
      return unexpected("an attribute name");
    }
    next();
    return access;
  }
  next();
  if (is_operator(":")) return parse_slice(std::move(node), nullptr, line);
  ExprPtr index = make(ExprKind::kTuple, line);
  while (!is_operator("]")) {
    if (!index->children.empty()) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    HEARTH_ASSIGN(ExprPtr item, parse_expression());
    if (is_operator(":")) {
      if (!index->children.empty()) return unsupported("a slice inside a tuple subscript");
      return parse_slice(std::move(node), std::move(item), line);
    }
    HEARTH_RETURN_IF_ERROR(adopt(*index, std::move(item)));
  }
  next();
  ExprPtr access = make(ExprKind::kItem, line);
  HEARTH_RETURN_IF_ERROR(adopt(*access, std::move(node)));
  const bool single = index->children.size() == 1;
  HEARTH_RETURN_IF_ERROR(adopt(*access, single ? std::move(index->children.front()) : std::move(index)));
  return access;
}

/// Behind the first bound; the colon is current.
Result<ExprPtr> Parser::parse_slice(ExprPtr node, ExprPtr first, int32_t line) {
  ExprPtr slice = make(ExprKind::kSlice, line);
  HEARTH_RETURN_IF_ERROR(adopt(*slice, std::move(node)));
  HEARTH_RETURN_IF_ERROR(adopt(*slice, std::move(first)));
  for (int bound = 0; bound < 2; ++bound) {
    ExprPtr value;
    if (skip_operator(":") && !is_operator(":") && !is_operator("]")) {
      HEARTH_ASSIGN(value, parse_expression());
    }
    HEARTH_RETURN_IF_ERROR(adopt(*slice, std::move(value)));
  }
  if (is_operator(",")) return unsupported("a slice inside a tuple subscript");
  HEARTH_RETURN_IF_ERROR(expect_operator("]"));
  return slice;
}

Status Parser::parse_argument(Expr& call) {
  if (skip_operator("*")) {
    if (call.spread_args != nullptr || call.spread_keywords != nullptr)
      return error("invalid syntax for a call");
    HEARTH_ASSIGN(call.spread_args, parse_expression());
    return deepen(call, *call.spread_args);
  }
  if (skip_operator("**")) {
    if (call.spread_keywords != nullptr) return error("invalid syntax for a call");
    HEARTH_ASSIGN(call.spread_keywords, parse_expression());
    return deepen(call, *call.spread_keywords);
  }
  if (current().type == Token::kName && look().type == Token::kOperator && look().text == "=") {
    if (call.spread_keywords != nullptr) return error("invalid syntax for a call");
    if (call.keywords.size() >= kMaxNames) return too_many_names();
    Keyword keyword;
    keyword.name = current().text;
    const bool repeated = std::any_of(call.keywords.begin(), call.keywords.end(),
                                      [&](const Keyword& other) { return other.name == keyword.name; });
    if (repeated) return error(concat("the keyword argument '", keyword.name, "' stands twice"));
    next();
    next();
    HEARTH_ASSIGN(keyword.value, parse_expression());
    HEARTH_RETURN_IF_ERROR(deepen(call, *keyword.value));
    call.keywords.push_back(std::move(keyword));
    return {};
  }
  if (call.spread_args != nullptr || call.spread_keywords != nullptr || !call.keywords.empty()) {
    return error("invalid syntax for a call");
  }
  HEARTH_ASSIGN(ExprPtr value, parse_expression());
  return adopt(call, std::move(value));
}

Status Parser::parse_arguments(Expr& call) {
  HEARTH_RETURN_IF_ERROR(expect_operator("("));
  bool first = true;
  while (!is_operator(")")) {
    if (!first) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    if (!first && is_operator(")")) break;
    HEARTH_RETURN_IF_ERROR(parse_argument(call));
    first = false;
  }
  next();
  return {};
}

Result<ExprPtr> Parser::parse_call(ExprPtr node) {
  ExprPtr call = make(ExprKind::kCall, current().line);
  HEARTH_RETURN_IF_ERROR(adopt(*call, std::move(node)));
  HEARTH_RETURN_IF_ERROR(parse_arguments(*call));
  return call;
}

Result<std::string> Parser::parse_dotted_name(std::string_view what) {
  HEARTH_ASSIGN(std::string name, expect_name(what));
  while (skip_operator(".")) {
    HEARTH_ASSIGN(const std::string part, expect_name(what));
    name += "." + part;
  }
  return name;
}

/// A chain of filters; `start_inline` when the first has no | in front. Null when there is none.
Result<ExprPtr> Parser::parse_filters(ExprPtr node, bool start_inline) {
  while (is_operator("|") || start_inline) {
    if (!start_inline) next();
    ExprPtr filter = make(ExprKind::kFilter, current().line);
    HEARTH_ASSIGN(filter->name, parse_dotted_name("a filter name"));
    filter->filter = find_filter(filter->name);
    if (filter->filter == nullptr && is_unsupported_filter(filter->name)) {
      return unsupported(concat("the filter '", filter->name, "'"));
    }
    HEARTH_RETURN_IF_ERROR(adopt(*filter, std::move(node)));
    if (is_operator("(")) HEARTH_RETURN_IF_ERROR(parse_arguments(*filter));
    node = std::move(filter);
    start_inline = false;
  }
  return node;
}

Result<ExprPtr> Parser::parse_test(ExprPtr node) {
  ExprPtr test = make(ExprKind::kTest, current().line);
  next();
  const bool negated = skip_name("not");
  HEARTH_ASSIGN(test->name, parse_dotted_name("a test name"));
  test->test = find_test(test->name);
  HEARTH_RETURN_IF_ERROR(adopt(*test, std::move(node)));
  const Token type = current().type;
  const bool literal = type == Token::kString || type == Token::kInteger || type == Token::kFloat ||
                       is_operator("[") || is_operator("{") ||
                       (type == Token::kName && !is_name("else") && !is_name("or") && !is_name("and"));
  if (is_operator("(")) {
    HEARTH_RETURN_IF_ERROR(parse_arguments(*test));
  } else if (literal) {
    if (is_name("is")) return error("tests cannot be chained with is");
    HEARTH_ASSIGN(ExprPtr argument, parse_primary(false));
    HEARTH_ASSIGN(argument, parse_postfix(std::move(argument)));
    HEARTH_RETURN_IF_ERROR(adopt(*test, std::move(argument)));
  }
  if (!negated) return test;
  ExprPtr inverted = make(ExprKind::kUnary, test->line);
  inverted->op = Op::kNot;
  HEARTH_RETURN_IF_ERROR(adopt(*inverted, std::move(test)));
  return inverted;
}

}  // namespace hearth::text::jinja
