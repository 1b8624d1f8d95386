// Walks a template's tree and writes its text. One object renders once. Must not know JSON or files.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/frame.h"
#include "text/jinja/runtime.h"

namespace hearth::text::jinja {

enum class GlobalFunction : int64_t {
  kRange,
  kDict,
  kNamespace,
  kCycler,
  kJoiner,
  kRaiseException,
  kStrftimeNow
};

/// The value of a global name; kMissing when there is none.
Value find_global(std::string_view name);
Result<Value> call_global(Runtime& runtime, GlobalFunction function, const Args& args);

/// Counts one level of nesting for its lifetime.
class Counted {
 public:
  explicit Counted(int32_t& counter) : counter_(counter) { ++counter_; }
  ~Counted() { --counter_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  int32_t& counter_;
};

class Interpreter {
 public:
  /// `variables`: a Dict with text keys, made on the runtime's heap.
  Interpreter(Runtime& runtime, const Template& tmpl, Value variables);
  Result<std::string> run();

 private:
  enum class Flow : uint8_t { kNext, kBreak, kContinue };
  class ForSource;

  // Statements (interpreter.cpp).
  Result<Flow> execute_body(const std::vector<StmtPtr>& body, const Value& frame, std::string& out);
  Result<Flow> execute(const Stmt& stmt, const Value& frame, std::string& out);
  Result<Flow> execute_if(const Stmt& stmt, const Value& frame, std::string& out);
  Result<Flow> execute_for(const Stmt& stmt, const Value& frame, std::string& out);
  Status execute_loop(const Stmt& stmt, const Value& frame, Loop& loop, bool& completed, Flow& flow,
                      std::string& out);
  Status execute_output(const Stmt& stmt, const Value& frame, std::string& out);
  Status execute_set(const Stmt& stmt, const Value& frame);
  Result<Flow> execute_set_block(const Stmt& stmt, const Value& frame);
  Result<Flow> execute_filter_block(const Stmt& stmt, const Value& frame, std::string& out);
  Result<Flow> execute_with(const Stmt& stmt, const Value& frame, std::string& out);
  Status execute_call_block(const Stmt& stmt, const Value& frame, std::string& out);
  Value make_frame(const FrameLayout& layout, const Value& parent);
  void fill_frame(const FrameLayout& layout, Frame& frame);
  Value& slot(const Value& frame, Reference reference);
  Status assign(const Expr& target, const Value& frame, Value value);
  Status emit(std::string& out, std::string_view text);

  // Expressions (evaluate.cpp).
  Status check_depth() const;
  Result<Value> evaluate(const Expr& expr, const Value& frame);
  Result<Value> evaluate_operator(const Expr& expr, const Value& frame);
  Result<Value> evaluate_name(const Expr& expr, const Value& frame);
  Result<Value> evaluate_sequence(const Expr& expr, const Value& frame);
  Result<Value> evaluate_conditional(const Expr& expr, const Value& frame);
  Result<Value> evaluate_dict(const Expr& expr, const Value& frame);
  Result<Value> evaluate_compare(const Expr& expr, const Value& frame);
  Result<Value> evaluate_concat(const Expr& expr, const Value& frame);
  Result<Value> evaluate_slice(const Expr& expr, const Value& frame);
  Result<Value> evaluate_filter(const Expr& expr, const Value& frame, const Value* input);
  Result<Value> evaluate_test(const Expr& expr, const Value& frame);
  Result<Args> evaluate_arguments(const Expr& expr, const Value& frame);
  Result<Value> constant(int32_t index);
  Result<Value> call(const Value& callee, Args args);
  Result<Value> call_macro(const Macro& macro, Args args);
  Status bind_macro(const Stmt& definition, Args& args, const Value& frame);

  Runtime& runtime_;
  const Template& template_;
  Value variables_;
  std::vector<Value> constants_;  // made when first used
  int32_t depth_ = 0;
  int32_t macro_depth_ = 0;
};

}  // namespace hearth::text::jinja
