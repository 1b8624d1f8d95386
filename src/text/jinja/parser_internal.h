// The parser class, shared by the files that hold its statement and expression halves.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"

namespace hearth::text::jinja {

inline constexpr size_t kMaxNames =
    500;  // parameters of a macro, keywords of a call: each is checked against all

class Parser {
 public:
  Parser(std::vector<LexedToken> tokens, Template& out) : tokens_(std::move(tokens)), template_(out) {}
  Status run();

 private:
  using Names = std::initializer_list<std::string_view>;

  // Tokens.
  const LexedToken& current() const { return tokens_[position_]; }
  const LexedToken& look() const {
    return tokens_[position_ + 1 < tokens_.size() ? position_ + 1 : position_];
  }
  void next() {
    if (position_ + 1 < tokens_.size()) ++position_;
  }
  bool is_operator(std::string_view op) const {
    return current().type == Token::kOperator && current().text == op;
  }
  bool is_name(std::string_view name) const {
    return current().type == Token::kName && current().text == name;
  }
  bool skip_operator(std::string_view op);
  bool skip_name(std::string_view name);
  Status expect_operator(std::string_view op);
  Status expect(Token type, std::string_view what);
  Result<std::string> expect_name(std::string_view what);
  Error error(std::string_view what) const;
  Error error_at(int32_t line, std::string_view what) const;
  Error unexpected(std::string_view wanted) const;
  Error unsupported(std::string_view what) const;
  Error too_many_names() const;

  // Statements (parser.cpp).
  Result<std::vector<StmtPtr>> parse_body(Names ends);
  Result<std::vector<StmtPtr>> parse_block(Names ends, bool drop_end);
  Status parse_data_and_tags(std::vector<StmtPtr>& body, Names ends, bool& ended);
  Result<StmtPtr> parse_statement();
  Result<StmtPtr> parse_simple_statement(const std::string& tag, int32_t line);
  Result<StmtPtr> parse_if();
  Result<StmtPtr> parse_for();
  Result<StmtPtr> parse_set();
  Result<StmtPtr> parse_macro();
  Result<StmtPtr> parse_call_block();
  Result<StmtPtr> parse_filter_block();
  Result<StmtPtr> parse_with();
  Result<StmtPtr> parse_generation();
  Result<StmtPtr> parse_print();
  Status parse_signature(Stmt& stmt);

  // Expressions (parser_expr.cpp).
  struct TupleRules {
    bool simplified = false;  // primaries only: the targets of for and set
    bool with_conditional = true;
    bool parenthesized = false;      // () is the empty tuple
    bool with_namespace = false;     // a.b may be a target
    std::string_view end_name = "";  // a name that ends it as well
  };
  Result<ExprPtr> parse_tuple(const TupleRules& rules);
  Result<ExprPtr> parse_target(bool with_namespace, std::string_view end_name);
  Status check_target(const Expr& target) const;
  Result<ExprPtr> parse_expression(bool with_conditional = true);
  Result<ExprPtr> parse_conditional();
  Result<ExprPtr> parse_or();
  Result<ExprPtr> parse_and();
  Result<ExprPtr> parse_not();
  Result<ExprPtr> parse_compare();
  Result<ExprPtr> parse_sum();
  Result<ExprPtr> parse_concat();
  Result<ExprPtr> parse_product();
  Result<ExprPtr> parse_power();
  Result<ExprPtr> parse_unary(bool with_filter);
  Result<ExprPtr> parse_primary(bool with_namespace);
  Result<ExprPtr> parse_name(bool with_namespace);
  Result<ExprPtr> parse_list();
  Result<ExprPtr> parse_dict();
  Result<ExprPtr> parse_postfix(ExprPtr node);
  Result<ExprPtr> parse_postfix_filters(ExprPtr node);
  Result<ExprPtr> parse_subscript(ExprPtr node);
  Result<ExprPtr> parse_slice(ExprPtr node, ExprPtr first, int32_t line);
  Result<ExprPtr> parse_call(ExprPtr node);
  Result<ExprPtr> parse_filters(ExprPtr node, bool start_inline);
  Result<ExprPtr> parse_test(ExprPtr node);
  Status parse_arguments(Expr& call);
  Status parse_argument(Expr& call);
  Result<std::string> parse_dotted_name(std::string_view what);
  Result<ExprPtr> parse_binary_chain(std::initializer_list<std::pair<std::string_view, Op>> ops,
                                     Result<ExprPtr> (Parser::*operand)());
  Result<ExprPtr> parse_word_chain(std::string_view word, ExprKind kind,
                                   Result<ExprPtr> (Parser::*operand)());

  ExprPtr make(ExprKind kind, int32_t line) const;
  ExprPtr make_constant(Constant value, int32_t line);
  /// Keeps the depth of a node that gets `child`; kTooLarge when the tree becomes too deep.
  Status deepen(Expr& parent, const Expr& child) const;
  /// Adds a child, or the null of one that is not there, and keeps the depth.
  Status adopt(Expr& parent, ExprPtr child) const;

  std::vector<LexedToken> tokens_;
  Template& template_;
  size_t position_ = 0;
  int32_t depth_ = 0;
  int32_t loop_depth_ = 0;

  friend class DepthGuard;
};

/// Counts one level of nesting for its lifetime.
class DepthGuard {
 public:
  explicit DepthGuard(Parser& parser) : parser_(parser) { ++parser_.depth_; }
  ~DepthGuard() { --parser_.depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
  Status check() const;

 private:
  Parser& parser_;
};

/// Sets a variable for its lifetime.
template <typename T>
class Scoped {
 public:
  Scoped(T& variable, T value) : variable_(variable), saved_(variable) { variable_ = value; }
  ~Scoped() { variable_ = saved_; }
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;

 private:
  T& variable_;
  T saved_;
};

// Of statements and expressions together, in a template's text; every way to nest passes a guard once or
// twice.
inline constexpr int32_t kMaxDepth = 200;

}  // namespace hearth::text::jinja
