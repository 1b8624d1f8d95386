// The statements: output, branches, loops, assignments and the blocks that capture text.
#include "text/jinja/interpreter.h"

#include <algorithm>

#include "text/jinja/operations.h"

namespace hearth::text::jinja {

Result<bool> Loop::peek() {
  if (!ahead.empty()) return true;
  if (source == nullptr) return false;
  Value item;
  HEARTH_ASSIGN(const bool more, source->next(item));
  if (more) ahead.push_back(std::move(item));
  return more;
}

Result<bool> Loop::advance() {
  HEARTH_ASSIGN(const bool more, peek());
  if (!more) return false;
  previous = std::move(current);
  current = std::move(ahead.back());
  ahead.pop_back();
  ++index0;
  return true;
}

Result<int64_t> Loop::length() {
  std::vector<Value> rest;
  const size_t left = source != nullptr ? source->left() : 0;
  if (left > 0) rest.reserve(left + ahead.size());  // asked again, there is nothing to fetch
  // Held before it is filled: the steps of the source look at the memory.
  HeldBytes held_rest(*heap, rest.capacity() * sizeof(Value));
  while (source != nullptr) {
    Value item;
    HEARTH_ASSIGN(const bool more, source->next(item));
    if (!more) break;
    rest.push_back(std::move(item));
  }
  if (!rest.empty()) {
    std::reverse(rest.begin(), rest.end());
    rest.insert(rest.end(), std::make_move_iterator(ahead.begin()), std::make_move_iterator(ahead.end()));
    ahead = std::move(rest);
    held_rest.set(0);
    held_ahead.set(ahead.capacity() * sizeof(Value));
  }
  return index0 + 1 + static_cast<int64_t>(ahead.size());
}

/// The iterated items that pass the loop's filter, tested one at a time: the filter sees what the body
/// changed.
class Interpreter::ForSource : public LoopSource {
 public:
  ForSource(Interpreter& interpreter, const Stmt& stmt, const Value& frame, std::vector<Value> items)
      : interpreter_(interpreter),
        stmt_(stmt),
        frame_(frame),
        items_(std::move(items)),
        held_(interpreter.runtime_.heap(), items_.capacity() * sizeof(Value)) {}

  Result<bool> next(Value& item) override {
    while (position_ < items_.size()) {
      HEARTH_RETURN_IF_ERROR(interpreter_.runtime_.step());
      item = std::move(items_[position_++]);
      if (stmt_.exprs[1] == nullptr) return true;
      const Value test_frame = interpreter_.make_frame(stmt_.test_frame, frame_);
      HEARTH_RETURN_IF_ERROR(interpreter_.assign(*stmt_.targets[0], test_frame, item));
      HEARTH_ASSIGN(const Value passes, interpreter_.evaluate(*stmt_.exprs[1], test_frame));
      if (truthy(passes)) return true;
    }
    return false;
  }
  size_t left() const override { return items_.size() - position_; }

 private:
  Interpreter& interpreter_;
  const Stmt& stmt_;
  const Value& frame_;
  std::vector<Value> items_;
  HeldBytes held_;  // what `items_` takes, which are a copy
  size_t position_ = 0;
};

Interpreter::Interpreter(Runtime& runtime, const Template& tmpl, Value variables)
    : runtime_(runtime), template_(tmpl), variables_(std::move(variables)) {
  constants_.resize(tmpl.constants.size(), Value::missing());
}

Result<std::string> Interpreter::run() {
  std::string out;
  const Value frame = make_frame(template_.frame, Value());
  HEARTH_ASSIGN(const Flow flow, execute_body(template_.body, frame, out));
  (void)flow;  // break and continue do not leave a loop
  HEARTH_RETURN_IF_ERROR(runtime_.check_limits());
  return out;
}

void Interpreter::fill_frame(const FrameLayout& layout, Frame& frame) {
  for (size_t i = 0; i < layout.slots.size(); ++i) {
    const SlotLoad& load = layout.slots[i];
    switch (load.from) {
      case SlotLoad::From::kNothing:
      case SlotLoad::From::kParameter:
        frame.slots[i] = Value::missing();
        break;
      case SlotLoad::From::kOuter:
        frame.slots[i] = slot(frame.parent, load.outer);
        break;
      case SlotLoad::From::kVariable: {
        const auto& name = std::get<std::string>(template_.constants[static_cast<size_t>(load.name)]);
        const Value* found = variables_.as<Dict>().find(name);
        frame.slots[i] = found != nullptr ? *found : find_global(name);
        break;
      }
    }
  }
}

Value Interpreter::make_frame(const FrameLayout& layout, const Value& parent) {
  auto* frame = new Frame(runtime_.heap(), parent, layout.slots.size());
  Value out = Value::object(frame);
  fill_frame(layout, *frame);
  return out;
}

Value& Interpreter::slot(const Value& frame, Reference reference) {
  const Value* at = &frame;
  for (int32_t i = 0; i < reference.hops; ++i) at = &at->as<Frame>().parent;
  return at->as<Frame>().slots[static_cast<size_t>(reference.slot)];
}

/// Every text that reaches an output or a capturing buffer comes through here.
Status Interpreter::emit(std::string& out, std::string_view text) {
  HEARTH_RETURN_IF_ERROR(runtime_.spend(static_cast<int64_t>(text.size())));
  HEARTH_RETURN_IF_ERROR(runtime_.check_room(text.size()));
  runtime_.heap().hold(static_cast<int64_t>(text.size()));
  if (static_cast<int64_t>(out.size() + text.size()) > runtime_.limits().output_bytes) {
    return runtime_.limit_error(concat(runtime_.limits().output_bytes, " bytes of output"));
  }
  out += text;
  return {};
}

Result<Interpreter::Flow> Interpreter::execute_body(const std::vector<StmtPtr>& body, const Value& frame,
                                                    std::string& out) {
  for (const StmtPtr& stmt : body) {
    HEARTH_ASSIGN(const Flow flow, execute(*stmt, frame, out));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute(const Stmt& stmt, const Value& frame, std::string& out) {
  const Counted level(depth_);
  HEARTH_RETURN_IF_ERROR(check_depth());
  runtime_.line = stmt.line;
  HEARTH_RETURN_IF_ERROR(runtime_.step());
  switch (stmt.kind) {
    case StmtKind::kOutput:
      HEARTH_RETURN_IF_ERROR(execute_output(stmt, frame, out));
      return Flow::kNext;
    case StmtKind::kIf:
      return execute_if(stmt, frame, out);
    case StmtKind::kFor:
      return execute_for(stmt, frame, out);
    case StmtKind::kSet:
      HEARTH_RETURN_IF_ERROR(execute_set(stmt, frame));
      return Flow::kNext;
    case StmtKind::kSetBlock:
      return execute_set_block(stmt, frame);
    case StmtKind::kMacro:
      slot(frame, stmt.reference) = Value::object(new Macro(runtime_.heap(), &stmt, frame));
      return Flow::kNext;
    case StmtKind::kCallBlock:
      HEARTH_RETURN_IF_ERROR(execute_call_block(stmt, frame, out));
      return Flow::kNext;
    case StmtKind::kFilterBlock:
      return execute_filter_block(stmt, frame, out);
    case StmtKind::kWith:
      return execute_with(stmt, frame, out);
    case StmtKind::kGeneration:
      return execute_body(stmt.body, make_frame(stmt.frame, frame), out);
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Status Interpreter::execute_output(const Stmt& stmt, const Value& frame, std::string& out) {
  for (const ExprPtr& expr : stmt.exprs) {
    if (expr->kind == ExprKind::kConstant) {
      const Constant& literal = template_.constants[static_cast<size_t>(expr->constant)];
      if (const auto* text = std::get_if<std::string>(&literal); text != nullptr) {
        HEARTH_RETURN_IF_ERROR(emit(out, *text));
        continue;
      }
    }
    HEARTH_ASSIGN(const Value value, evaluate(*expr, frame));
    if (value.is(Kind::kString)) {
      HEARTH_RETURN_IF_ERROR(emit(out, text_of(value)));
    } else {
      HEARTH_ASSIGN(const std::string text, to_text(runtime_, value));
      HEARTH_RETURN_IF_ERROR(emit(out, text));
    }
  }
  return {};
}

Result<Interpreter::Flow> Interpreter::execute_if(const Stmt& stmt, const Value& frame, std::string& out) {
  HEARTH_ASSIGN(const Value test, evaluate(*stmt.exprs[0], frame));
  if (truthy(test)) return execute_body(stmt.body, frame, out);
  for (const StmtPtr& elif : stmt.elifs) {
    runtime_.line = elif->line;
    HEARTH_ASSIGN(const Value elif_test, evaluate(*elif->exprs[0], frame));
    if (truthy(elif_test)) return execute_body(elif->body, frame, out);
  }
  return execute_body(stmt.else_body, frame, out);
}

Result<Interpreter::Flow> Interpreter::execute_for(const Stmt& stmt, const Value& frame, std::string& out) {
  HEARTH_ASSIGN(const Value iterated, evaluate(*stmt.exprs[0], frame));
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime_, iterated));
  ForSource source(*this, stmt, frame, std::move(items));
  auto* loop = new Loop(runtime_.heap(), &source);
  const Value keep = Value::object(loop);
  bool completed = false;
  Flow flow = Flow::kNext;
  const Status status = execute_loop(stmt, frame, *loop, completed, flow, out);
  loop->source = nullptr;  // the template may have kept the loop variable
  if (!status.ok()) return status.error();
  // jinja2 notes an iteration only where it reaches the end of the body, so one that was left early does not
  // count.
  if (completed || stmt.else_body.empty()) return Flow::kNext;
  return execute_body(stmt.else_body, make_frame(stmt.else_frame, frame), out);
}

Status Interpreter::execute_loop(const Stmt& stmt, const Value& frame, Loop& loop, bool& completed,
                                 Flow& flow, std::string& out) {
  Value inner;
  while (true) {
    HEARTH_RETURN_IF_ERROR(runtime_.step());
    HEARTH_ASSIGN(const bool more, loop.advance());
    if (!more) return {};
    if (inner.is(Kind::kFrame) && inner.object()->refs == 1) {
      fill_frame(stmt.frame, inner.as<Frame>());  // nothing kept the last one
    } else {
      inner = make_frame(stmt.frame, frame);
    }
    HEARTH_RETURN_IF_ERROR(assign(*stmt.targets[0], inner, loop.current));
    inner.as<Frame>().slots[static_cast<size_t>(stmt.loop_slot)] = Value::object(&loop);
    HEARTH_ASSIGN(flow, execute_body(stmt.body, inner, out));
    if (flow == Flow::kBreak) return {};
    if (flow == Flow::kNext) completed = true;
  }
}

Status Interpreter::assign(const Expr& target, const Value& frame, Value value) {
  if (target.kind == ExprKind::kName) {
    slot(frame, target.reference) = std::move(value);
    return {};
  }
  if (target.kind == ExprKind::kNamespaceTarget) {
    const Value& holder = slot(frame, target.reference);
    if (!holder.is(Kind::kNamespace))
      return runtime_.error("cannot assign attribute on non-namespace object");
    const auto& name = std::get<std::string>(template_.constants[static_cast<size_t>(target.constant)]);
    if (name.starts_with('_')) {
      return runtime_.error("namespace attributes must not begin with an underscore: '", name, "'");
    }
    auto& attributes = holder.as<Namespace>().attributes;
    const auto it = std::find_if(attributes.begin(), attributes.end(),
                                 [&](const auto& row) { return row.first == name; });
    if (it != attributes.end()) {
      it->second = std::move(value);
    } else {
      runtime_.heap().account(*holder.object(), static_cast<int64_t>(name.size() + sizeof(attributes[0])));
      attributes.emplace_back(name, std::move(value));
    }
    return {};
  }
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime_, value));
  if (items.size() != target.children.size()) {
    return runtime_.error("cannot unpack ", items.size(), " values into ", target.children.size());
  }
  for (size_t i = 0; i < items.size(); ++i) {
    HEARTH_RETURN_IF_ERROR(assign(*target.children[i], frame, std::move(items[i])));
  }
  return {};
}

Status Interpreter::execute_set(const Stmt& stmt, const Value& frame) {
  HEARTH_ASSIGN(Value value, evaluate(*stmt.exprs[0], frame));
  return assign(*stmt.targets[0], frame, std::move(value));
}

Result<Interpreter::Flow> Interpreter::execute_set_block(const Stmt& stmt, const Value& frame) {
  const Value inner = make_frame(stmt.frame, frame);
  std::string captured;
  HEARTH_ASSIGN(const Flow flow, execute_body(stmt.body, inner, captured));
  runtime_.heap().hold(-static_cast<int64_t>(captured.size()));
  if (flow != Flow::kNext) return flow;
  Value value = runtime_.string(std::move(captured));
  if (stmt.exprs[0] != nullptr) {
    HEARTH_ASSIGN(value, evaluate_filter(*stmt.exprs[0], inner, &value));
  }
  HEARTH_RETURN_IF_ERROR(assign(*stmt.targets[0], frame, std::move(value)));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_filter_block(const Stmt& stmt, const Value& frame,
                                                            std::string& out) {
  const Value inner = make_frame(stmt.frame, frame);
  std::string captured;
  HEARTH_ASSIGN(const Flow flow, execute_body(stmt.body, inner, captured));
  runtime_.heap().hold(-static_cast<int64_t>(captured.size()));
  if (flow != Flow::kNext) return flow;
  const Value input = runtime_.string(std::move(captured));
  HEARTH_ASSIGN(const Value value, evaluate_filter(*stmt.exprs[0], inner, &input));
  HEARTH_ASSIGN(const std::string text, to_text(runtime_, value));
  HEARTH_RETURN_IF_ERROR(emit(out, text));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_with(const Stmt& stmt, const Value& frame, std::string& out) {
  std::vector<Value> values;
  for (const ExprPtr& expr : stmt.exprs) {
    HEARTH_ASSIGN(Value value, evaluate(*expr, frame));
    values.push_back(std::move(value));
  }
  const Value inner = make_frame(stmt.frame, frame);
  for (size_t i = 0; i < values.size(); ++i) {
    HEARTH_RETURN_IF_ERROR(assign(*stmt.targets[i], inner, std::move(values[i])));
  }
  return execute_body(stmt.body, inner, out);
}

Status Interpreter::execute_call_block(const Stmt& stmt, const Value& frame, std::string& out) {
  const Expr& expr = *stmt.exprs[0];
  HEARTH_ASSIGN(const Value callee, evaluate(*expr.children[0], frame));
  HEARTH_ASSIGN(Args args, evaluate_arguments(expr, frame));
  args.named.emplace_back("caller", Value::object(new Macro(runtime_.heap(), &stmt, frame)));
  HEARTH_ASSIGN(const Value value, call(callee, std::move(args)));
  HEARTH_ASSIGN(const std::string text, to_text(runtime_, value));
  return emit(out, text);
}

}  // namespace hearth::text::jinja
