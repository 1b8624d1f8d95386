// The expression half of the parser: recursive descent in jinja2's order of precedence.
#include "text/jinja/filters.h"
#include "text/jinja/parser_internal.h"
#include "text/jinja/tests.h"

namespace hearth::text::jinja {

ExprPtr Parser::make(ExprKind kind, int32_t line) const {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->line = line;
  return expr;
}

ExprPtr Parser::make_constant(Constant value, int32_t line) {
  ExprPtr expr = make(ExprKind::kConstant, line);
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr) {
    expr->constant = template_.add_string(*text);
  } else {
    expr->constant = static_cast<int32_t>(template_.constants.size());
    template_.constants.push_back(std::move(value));
  }
  return expr;
}

Status Parser::deepen(Expr& parent, const Expr& child) const {
  parent.depth = std::max(parent.depth, child.depth + 1);
  if (parent.depth <= kMaxDepth) return {};
  return fail(ErrorCode::kTooLarge, "chat template, line ", parent.line, ": an expression nested more than ",
              kMaxDepth, " levels deep");
}

Status Parser::adopt(Expr& parent, ExprPtr child) const {
  if (child != nullptr) HEARTH_RETURN_IF_ERROR(deepen(parent, *child));
  parent.children.push_back(std::move(child));
  return {};
}

Result<ExprPtr> Parser::parse_tuple(const TupleRules& rules) {
  const int32_t line = current().line;
  ExprPtr tuple = make(ExprKind::kTuple, line);
  bool is_tuple = false;
  while (true) {
    if (!tuple->children.empty()) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    const bool ended = current().type == Token::kVariableEnd || current().type == Token::kBlockEnd ||
                       is_operator(")") || (!rules.end_name.empty() && is_name(rules.end_name));
    if (ended) break;
    HEARTH_ASSIGN(ExprPtr item, rules.simplified ? parse_primary(rules.with_namespace)
                                                 : parse_expression(rules.with_conditional));
    HEARTH_RETURN_IF_ERROR(adopt(*tuple, std::move(item)));
    if (!is_operator(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return tuple;
  if (!tuple->children.empty()) return std::move(tuple->children.front());
  if (!rules.parenthesized) return unexpected("an expression");
  return tuple;
}

Status Parser::check_target(const Expr& target) const {
  if (target.kind == ExprKind::kName || target.kind == ExprKind::kNamespaceTarget) return {};
  if (target.kind != ExprKind::kTuple) return error_at(target.line, "cannot assign to this expression");
  for (const ExprPtr& item : target.children) HEARTH_RETURN_IF_ERROR(check_target(*item));
  return {};
}

Result<ExprPtr> Parser::parse_target(bool with_namespace, std::string_view end_name) {
  HEARTH_ASSIGN(ExprPtr target,
                parse_tuple({.simplified = true, .with_namespace = with_namespace, .end_name = end_name}));
  HEARTH_RETURN_IF_ERROR(check_target(*target));
  return target;
}

Result<ExprPtr> Parser::parse_expression(bool with_conditional) {
  return with_conditional ? parse_conditional() : parse_or();
}

Result<ExprPtr> Parser::parse_conditional() {
  const DepthGuard guard(*this);
  HEARTH_RETURN_IF_ERROR(guard.check());
  HEARTH_ASSIGN(ExprPtr node, parse_or());
  while (is_name("if")) {
    ExprPtr conditional = make(ExprKind::kConditional, current().line);
    next();
    HEARTH_RETURN_IF_ERROR(adopt(*conditional, std::move(node)));
    HEARTH_ASSIGN(ExprPtr test, parse_or());
    HEARTH_RETURN_IF_ERROR(adopt(*conditional, std::move(test)));
    ExprPtr otherwise;
    if (skip_name("else")) {
      HEARTH_ASSIGN(otherwise, parse_conditional());
    }
    HEARTH_RETURN_IF_ERROR(adopt(*conditional, std::move(otherwise)));
    node = std::move(conditional);
  }
  return node;
}

Result<ExprPtr> Parser::parse_word_chain(std::string_view word, ExprKind kind,
                                         Result<ExprPtr> (Parser::*operand)()) {
  HEARTH_ASSIGN(ExprPtr left, (this->*operand)());
  while (is_name(word)) {
    ExprPtr node = make(kind, current().line);
    next();
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(left)));
    HEARTH_ASSIGN(ExprPtr right, (this->*operand)());
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(right)));
    left = std::move(node);
  }
  return left;
}

Result<ExprPtr> Parser::parse_binary_chain(std::initializer_list<std::pair<std::string_view, Op>> ops,
                                           Result<ExprPtr> (Parser::*operand)()) {
  HEARTH_ASSIGN(ExprPtr left, (this->*operand)());
  while (true) {
    const std::pair<std::string_view, Op>* found = nullptr;
    for (const auto& op : ops) {
      if (is_operator(op.first)) found = &op;
    }
    if (found == nullptr) return left;
    ExprPtr node = make(ExprKind::kBinary, current().line);
    node->op = found->second;
    next();
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(left)));
    HEARTH_ASSIGN(ExprPtr right, (this->*operand)());
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(right)));
    left = std::move(node);
  }
}

Result<ExprPtr> Parser::parse_or() { return parse_word_chain("or", ExprKind::kOr, &Parser::parse_and); }
Result<ExprPtr> Parser::parse_and() { return parse_word_chain("and", ExprKind::kAnd, &Parser::parse_not); }

Result<ExprPtr> Parser::parse_not() {
  if (!is_name("not")) return parse_compare();
  const DepthGuard guard(*this);
  HEARTH_RETURN_IF_ERROR(guard.check());
  ExprPtr node = make(ExprKind::kUnary, current().line);
  node->op = Op::kNot;
  next();
  HEARTH_ASSIGN(ExprPtr operand, parse_not());
  HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(operand)));
  return node;
}

Result<ExprPtr> Parser::parse_compare() {
  static constexpr std::pair<std::string_view, Op> kOps[] = {
      {"==", Op::kEq}, {"!=", Op::kNe}, {"<=", Op::kLe}, {">=", Op::kGe}, {"<", Op::kLt}, {">", Op::kGt}};
  ExprPtr node = make(ExprKind::kCompare, current().line);
  HEARTH_ASSIGN(ExprPtr first, parse_sum());
  HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(first)));
  while (true) {
    const size_t count = node->ops.size();
    for (const auto& [text, op] : kOps) {
      if (node->ops.size() == count && skip_operator(text)) node->ops.push_back(op);
    }
    if (node->ops.size() == count && skip_name("in")) node->ops.push_back(Op::kIn);
    if (node->ops.size() == count && is_name("not") && look().type == Token::kName && look().text == "in") {
      next();
      next();
      node->ops.push_back(Op::kNotIn);
    }
    if (node->ops.size() == count) break;
    HEARTH_ASSIGN(ExprPtr operand, parse_sum());
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(operand)));
  }
  if (node->ops.empty()) return std::move(node->children.front());
  return node;
}

Result<ExprPtr> Parser::parse_sum() {
  return parse_binary_chain({{"+", Op::kAdd}, {"-", Op::kSub}}, &Parser::parse_concat);
}

Result<ExprPtr> Parser::parse_concat() {
  HEARTH_ASSIGN(ExprPtr first, parse_product());
  if (!is_operator("~")) return first;
  ExprPtr node = make(ExprKind::kConcat, current().line);
  HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(first)));
  while (skip_operator("~")) {
    HEARTH_ASSIGN(ExprPtr item, parse_product());
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(item)));
  }
  return node;
}

Result<ExprPtr> Parser::parse_product() {
  return parse_binary_chain({{"*", Op::kMul}, {"/", Op::kDiv}, {"//", Op::kFloorDiv}, {"%", Op::kMod}},
                            &Parser::parse_power);
}

// Left-associative, unlike in Python: that is what jinja2 does.
Result<ExprPtr> Parser::parse_power() {
  HEARTH_ASSIGN(ExprPtr left, parse_unary(true));
  while (is_operator("**")) {
    ExprPtr node = make(ExprKind::kBinary, current().line);
    node->op = Op::kPow;
    next();
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(left)));
    HEARTH_ASSIGN(ExprPtr right, parse_unary(true));
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(right)));
    left = std::move(node);
  }
  return left;
}

Result<ExprPtr> Parser::parse_unary(bool with_filter) {
  const DepthGuard guard(*this);
  HEARTH_RETURN_IF_ERROR(guard.check());
  ExprPtr node;
  if (is_operator("-") || is_operator("+")) {
    node = make(ExprKind::kUnary, current().line);
    node->op = is_operator("-") ? Op::kNeg : Op::kPos;
    next();
    HEARTH_ASSIGN(ExprPtr operand, parse_unary(false));
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(operand)));
  } else {
    HEARTH_ASSIGN(node, parse_primary(false));
  }
  HEARTH_ASSIGN(node, parse_postfix(std::move(node)));
  if (!with_filter) return node;
  return parse_postfix_filters(std::move(node));
}

Result<ExprPtr> Parser::parse_name(bool with_namespace) {
  const std::string name = current().text;
  const int32_t line = current().line;
  next();
  if (name == "true" || name == "True") return make_constant(true, line);
  if (name == "false" || name == "False") return make_constant(false, line);
  if (name == "none" || name == "None") return make_constant(std::monostate{}, line);
  ExprPtr node = make(ExprKind::kName, line);
  node->name = name;
  if (with_namespace && skip_operator(".")) {
    node->kind = ExprKind::kNamespaceTarget;
    HEARTH_ASSIGN(const std::string attribute, expect_name("an attribute name"));
    node->constant = template_.add_string(attribute);
  }
  return node;
}

Result<ExprPtr> Parser::parse_primary(bool with_namespace) {
  const LexedToken& token = current();
  const int32_t line = token.line;
  if (token.type == Token::kName) return parse_name(with_namespace);
  if (token.type == Token::kString) {
    std::string text;
    for (; current().type == Token::kString; next()) text += current().text;
    return make_constant(std::move(text), line);
  }
  if (token.type == Token::kInteger || token.type == Token::kFloat) {
    Constant value = token.type == Token::kInteger ? Constant(token.integer) : Constant(token.real);
    next();
    return make_constant(std::move(value), line);
  }
  if (skip_operator("(")) {
    HEARTH_ASSIGN(ExprPtr node, parse_tuple({.parenthesized = true}));
    HEARTH_RETURN_IF_ERROR(expect_operator(")"));
    return node;
  }
  if (is_operator("[")) return parse_list();
  if (is_operator("{")) return parse_dict();
  return unexpected("an expression");
}

Result<ExprPtr> Parser::parse_list() {
  ExprPtr node = make(ExprKind::kList, current().line);
  next();
  while (!is_operator("]")) {
    if (!node->children.empty()) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    if (is_operator("]")) break;
    HEARTH_ASSIGN(ExprPtr item, parse_expression());
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(item)));
  }
  next();
  return node;
}

Result<ExprPtr> Parser::parse_dict() {
  ExprPtr node = make(ExprKind::kDict, current().line);
  next();
  while (!is_operator("}")) {
    if (!node->children.empty()) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    if (is_operator("}")) break;
    HEARTH_ASSIGN(ExprPtr key, parse_expression());
    HEARTH_RETURN_IF_ERROR(expect_operator(":"));
    HEARTH_ASSIGN(ExprPtr value, parse_expression());
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(key)));
    HEARTH_RETURN_IF_ERROR(adopt(*node, std::move(value)));
  }
  next();
  return node;
}

}  // namespace hearth::text::jinja
