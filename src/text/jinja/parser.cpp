// The statement half of the parser.
#include "text/jinja/parser.h"

#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/parser_internal.h"
#include "text/jinja/scope.h"

namespace hearth::text::jinja {

Status DepthGuard::check() const {
  if (parser_.depth_ <= kMaxDepth) return {};
  return fail(ErrorCode::kTooLarge, "chat template, line ", parser_.current().line, ": nested more than ",
              kMaxDepth, " levels deep");
}

Error Parser::error_at(int32_t line, std::string_view what) const {
  return fail(ErrorCode::kCorrupt, "chat template, line ", line, ": ", what);
}

Error Parser::error(std::string_view what) const { return error_at(current().line, what); }

Error Parser::unsupported(std::string_view what) const {
  return fail(ErrorCode::kUnsupported, "chat template, line ", current().line, ": ", what,
              " is not supported");
}

Error Parser::unexpected(std::string_view wanted) const {
  std::string_view found = current().text;
  if (current().type == Token::kEof) found = "end of template";
  if (current().type == Token::kBlockEnd) found = "end of tag";
  if (current().type == Token::kVariableEnd) found = "}}";
  return error(concat("expected ", wanted, ", found '", found.substr(0, 40), "'"));
}

Error Parser::too_many_names() const {
  return fail(ErrorCode::kTooLarge, "chat template, line ", current().line, ": more than ", kMaxNames,
              " parameters or keyword arguments");
}

bool Parser::skip_operator(std::string_view op) {
  if (!is_operator(op)) return false;
  next();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!is_name(name)) return false;
  next();
  return true;
}

Status Parser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) return unexpected(concat("'", op, "'"));
  return {};
}

Status Parser::expect(Token type, std::string_view what) {
  if (current().type != type) return unexpected(what);
  next();
  return {};
}

Result<std::string> Parser::expect_name(std::string_view what) {
  if (current().type != Token::kName) return unexpected(what);
  std::string name = current().text;
  next();
  return name;
}

Status Parser::run() {
  HEARTH_ASSIGN(template_.body, parse_body({}));
  return {};
}

/// Statements until one of the end tags, which is left current (or the end of the template when there are
/// none).
Result<std::vector<StmtPtr>> Parser::parse_body(Names ends) {
  std::vector<StmtPtr> body;
  bool ended = false;
  while (!ended) HEARTH_RETURN_IF_ERROR(parse_data_and_tags(body, ends, ended));
  return body;
}

Status Parser::parse_data_and_tags(std::vector<StmtPtr>& body, Names ends, bool& ended) {
  const LexedToken& token = current();
  if (token.type == Token::kEof) {
    if (ends.size() > 0) return error(concat("unexpected end of template, '", *ends.begin(), "' is missing"));
    ended = true;
    return {};
  }
  if (token.type == Token::kBlockBegin) {
    next();
    ended = std::any_of(ends.begin(), ends.end(), [this](std::string_view end) { return is_name(end); });
    if (ended) return {};
    HEARTH_ASSIGN(StmtPtr statement, parse_statement());
    if (statement != nullptr) body.push_back(std::move(statement));
    return expect(Token::kBlockEnd, "end of tag");
  }
  // Neighbouring data and variables share one output statement.
  if (body.empty() || body.back()->kind != StmtKind::kOutput) {
    body.push_back(std::make_unique<Stmt>());
    body.back()->line = token.line;
  }
  Stmt& output = *body.back();
  if (token.type == Token::kData) {
    output.exprs.push_back(make_constant(token.text, token.line));
    next();
    return {};
  }
  HEARTH_RETURN_IF_ERROR(expect(Token::kVariableBegin, "text or a tag"));
  HEARTH_ASSIGN(ExprPtr expr, parse_tuple({}));
  output.exprs.push_back(std::move(expr));
  return expect(Token::kVariableEnd, "}}");
}

/// The body behind a tag that is still open; its end tag becomes current, or is passed when `drop_end`.
Result<std::vector<StmtPtr>> Parser::parse_block(Names ends, bool drop_end) {
  const DepthGuard guard(*this);
  HEARTH_RETURN_IF_ERROR(guard.check());
  skip_operator(":");
  HEARTH_RETURN_IF_ERROR(expect(Token::kBlockEnd, "end of tag"));
  HEARTH_ASSIGN(std::vector<StmtPtr> body, parse_body(ends));
  if (drop_end) next();
  return body;
}

Result<StmtPtr> Parser::parse_statement() {
  if (current().type != Token::kName) return unexpected("a tag name");
  const std::string tag = current().text;
  const int32_t line = current().line;
  Result<StmtPtr> result = [&]() -> Result<StmtPtr> {
    if (tag == "if") return parse_if();
    if (tag == "for") return parse_for();
    if (tag == "set") return parse_set();
    if (tag == "macro") return parse_macro();
    if (tag == "call") return parse_call_block();
    if (tag == "filter") return parse_filter_block();
    if (tag == "with") return parse_with();
    if (tag == "generation") return parse_generation();
    if (tag == "print") return parse_print();
    return parse_simple_statement(tag, line);
  }();
  if (result.ok() && *result != nullptr) (*result)->line = line;
  return result;
}

Result<StmtPtr> Parser::parse_simple_statement(const std::string& tag, int32_t line) {
  if (tag == "break" || tag == "continue") {
    if (loop_depth_ == 0) return error(concat("'", tag, "' outside a loop"));
    next();
    auto statement = std::make_unique<Stmt>();
    statement->kind = tag == "break" ? StmtKind::kBreak : StmtKind::kContinue;
    return statement;
  }
  static constexpr std::string_view kKnown[] = {"block",  "extends", "include",
                                                "import", "from",    "autoescape"};
  if (std::find(std::begin(kKnown), std::end(kKnown), tag) != std::end(kKnown))
    return unsupported(concat("the tag '", tag, "'"));
  return error_at(line, concat("unknown tag '", tag, "'"));
}

Result<StmtPtr> Parser::parse_if() {
  auto first = std::make_unique<Stmt>();
  Stmt* node = first.get();
  while (true) {
    node->kind = StmtKind::kIf;
    node->line = current().line;
    next();
    HEARTH_ASSIGN(ExprPtr test, parse_tuple({.with_conditional = false}));
    node->exprs.push_back(std::move(test));
    HEARTH_ASSIGN(node->body, parse_block({"elif", "else", "endif"}, false));
    if (!is_name("elif")) break;
    first->elifs.push_back(std::make_unique<Stmt>());
    node = first->elifs.back().get();
  }
  const bool has_else = is_name("else");
  next();
  if (has_else) {
    HEARTH_ASSIGN(first->else_body, parse_block({"endif"}, true));
  }
  return first;
}

Result<StmtPtr> Parser::parse_for() {
  next();
  auto node = std::make_unique<Stmt>();
  node->kind = StmtKind::kFor;
  HEARTH_ASSIGN(ExprPtr target, parse_target(false, "in"));
  node->targets.push_back(std::move(target));
  if (!skip_name("in")) return unexpected("'in'");
  HEARTH_ASSIGN(ExprPtr iterated, parse_tuple({.with_conditional = false, .end_name = "recursive"}));
  node->exprs.push_back(std::move(iterated));
  node->exprs.push_back(nullptr);
  if (skip_name("if")) {
    HEARTH_ASSIGN(node->exprs.back(), parse_expression());
  }
  if (is_name("recursive")) return unsupported("a recursive loop");
  {
    const Scoped<int32_t> loop(loop_depth_, loop_depth_ + 1);
    HEARTH_ASSIGN(node->body, parse_block({"endfor", "else"}, false));
  }
  const bool has_else = is_name("else");
  next();
  if (has_else) {
    HEARTH_ASSIGN(node->else_body, parse_block({"endfor"}, true));
  }
  return node;
}

Result<StmtPtr> Parser::parse_set() {
  next();
  auto node = std::make_unique<Stmt>();
  HEARTH_ASSIGN(ExprPtr target, parse_target(true, ""));
  node->targets.push_back(std::move(target));
  if (skip_operator("=")) {
    node->kind = StmtKind::kSet;
    HEARTH_ASSIGN(ExprPtr value, parse_tuple({}));
    node->exprs.push_back(std::move(value));
    return node;
  }
  node->kind = StmtKind::kSetBlock;
  HEARTH_ASSIGN(ExprPtr filter, parse_filters(nullptr, false));
  node->exprs.push_back(std::move(filter));
  HEARTH_ASSIGN(node->body, parse_block({"endset"}, true));
  return node;
}

Status Parser::parse_signature(Stmt& stmt) {
  HEARTH_RETURN_IF_ERROR(expect_operator("("));
  while (!is_operator(")")) {
    if (!stmt.parameters.empty()) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    if (stmt.parameters.size() >= kMaxNames) return too_many_names();
    Parameter parameter;
    HEARTH_ASSIGN(parameter.name, expect_name("a parameter name"));
    const bool repeated = std::any_of(stmt.parameters.begin(), stmt.parameters.end(),
                                      [&](const Parameter& other) { return other.name == parameter.name; });
    if (repeated) return error(concat("the parameter '", parameter.name, "' stands twice"));
    if (skip_operator("=")) {
      HEARTH_ASSIGN(parameter.fallback, parse_expression());
    } else if (!stmt.parameters.empty() && stmt.parameters.back().fallback != nullptr) {
      return error("a parameter without a default follows one with a default");
    }
    stmt.parameters.push_back(std::move(parameter));
  }
  next();
  return {};
}

Result<StmtPtr> Parser::parse_macro() {
  next();
  const Scoped<int32_t> no_loop(loop_depth_, 0);
  auto node = std::make_unique<Stmt>();
  node->kind = StmtKind::kMacro;
  HEARTH_ASSIGN(node->name, expect_name("a macro name"));
  HEARTH_RETURN_IF_ERROR(parse_signature(*node));
  HEARTH_ASSIGN(node->body, parse_block({"endmacro"}, true));
  return node;
}

Result<StmtPtr> Parser::parse_call_block() {
  next();
  auto node = std::make_unique<Stmt>();
  node->kind = StmtKind::kCallBlock;
  if (is_operator("(")) HEARTH_RETURN_IF_ERROR(parse_signature(*node));
  HEARTH_ASSIGN(ExprPtr call, parse_expression());
  if (call->kind != ExprKind::kCall) return error("a call block needs a call");
  node->exprs.push_back(std::move(call));
  const Scoped<int32_t> no_loop(loop_depth_, 0);
  HEARTH_ASSIGN(node->body, parse_block({"endcall"}, true));
  return node;
}

Result<StmtPtr> Parser::parse_filter_block() {
  next();
  auto node = std::make_unique<Stmt>();
  node->kind = StmtKind::kFilterBlock;
  HEARTH_ASSIGN(ExprPtr filter, parse_filters(nullptr, true));
  node->exprs.push_back(std::move(filter));
  HEARTH_ASSIGN(node->body, parse_block({"endfilter"}, true));
  return node;
}

Result<StmtPtr> Parser::parse_with() {
  next();
  auto node = std::make_unique<Stmt>();
  node->kind = StmtKind::kWith;
  while (current().type != Token::kBlockEnd) {
    if (!node->targets.empty()) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    HEARTH_ASSIGN(ExprPtr target, parse_target(false, ""));
    node->targets.push_back(std::move(target));
    HEARTH_RETURN_IF_ERROR(expect_operator("="));
    HEARTH_ASSIGN(ExprPtr value, parse_expression());
    node->exprs.push_back(std::move(value));
  }
  HEARTH_ASSIGN(node->body, parse_block({"endwith"}, true));
  return node;
}

Result<StmtPtr> Parser::parse_generation() {
  next();
  const Scoped<int32_t> no_loop(loop_depth_, 0);
  auto node = std::make_unique<Stmt>();
  node->kind = StmtKind::kGeneration;
  HEARTH_ASSIGN(node->body, parse_block({"endgeneration"}, true));
  return node;
}

Result<StmtPtr> Parser::parse_print() {
  next();
  auto node = std::make_unique<Stmt>();
  while (current().type != Token::kBlockEnd) {
    if (!node->exprs.empty()) HEARTH_RETURN_IF_ERROR(expect_operator(","));
    HEARTH_ASSIGN(ExprPtr expr, parse_expression());
    node->exprs.push_back(std::move(expr));
  }
  return node;
}

Result<Template> parse_template(std::string_view source) {
  HEARTH_ASSIGN(std::vector<LexedToken> tokens, tokenize(source));
  Template out;
  HEARTH_RETURN_IF_ERROR(Parser(std::move(tokens), out).run());
  HEARTH_RETURN_IF_ERROR(resolve_names(out));
  return out;
}

}  // namespace hearth::text::jinja
