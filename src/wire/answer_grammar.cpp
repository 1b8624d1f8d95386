// Composition only: schemas, expressions and tags are compiled in text.
#include "wire/answer_grammar.h"

#include <utility>
#include <vector>

#include "text/grammar/compose.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/regex.h"

namespace hearth::wire {
namespace {

using text::RuleSet;
using text::grammar::ExprPtr;

constexpr uint32_t kMostCalls = 16;

/// White space as models put it beside their markers.
ExprPtr some_space() {
  return text::grammar::repeat(
      text::grammar::choice({text::grammar::literal(" "), text::grammar::literal("\n")}), 0, 4);
}

bool forces_calls(const GenerationRequest& request) {
  return !request.tools.empty() && (request.tool_choice.kind == ToolChoice::Kind::kRequired ||
                                    request.tool_choice.kind == ToolChoice::Kind::kNamed);
}

bool writes_json_calls(const AnswerFormat& format) {
  return format.layout.arguments == CallSyntax::kJson || format.layout.arguments == CallSyntax::kNameArgs;
}

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

Result<ExprPtr> arguments_of(RuleSet& rules, const Tool& tool) {
  auto schema = text::json_schema_grammar(rules, tool.parameters, {.strict = tool.strict});
  if (schema) return schema;
  if (tool.strict || schema.error().code == ErrorCode::kCorrupt)
    return fail(ErrorCode::kUsage, "tools: the parameters of ", tool.name, ": ", schema.error().message);
  return text::json_object_grammar(rules);
}

/// One call of any tool that may be called.
Result<ExprPtr> any_call(RuleSet& rules, const GenerationRequest& request, const ToolCallLayout& layout) {
  std::vector<ExprPtr> calls;
  for (const Tool& tool : request.tools) {
    const bool named = request.tool_choice.kind == ToolChoice::Kind::kNamed;
    if (named && request.tool_choice.name != tool.name) continue;
    HEARTH_ASSIGN(ExprPtr arguments, arguments_of(rules, tool));
    calls.push_back(text::grammar::sequence(
        {text::grammar::literal(concat(layout.before_name, tool.name, layout.after_name)),
         std::move(arguments), text::grammar::literal(layout.after_arguments)}));
  }
  return rules.add("call", text::grammar::choice(std::move(calls)));
}

/// One item, and more of them after a separator where that is allowed.
ExprPtr list_of(const ExprPtr& item, std::string_view separator, bool several) {
  if (!several) return item;
  const ExprPtr more = text::grammar::sequence({text::grammar::literal(separator), item});
  return text::grammar::sequence({item, text::grammar::repeat(more, 0, kMostCalls - 1)});
}

/// All calls of an answer, from the first marker to the last.
Result<ExprPtr> calls_of(RuleSet& rules, const GenerationRequest& request, const AnswerFormat& format) {
  const ToolCallLayout& layout = format.layout;
  HEARTH_ASSIGN(const ExprPtr call, any_call(rules, request, layout));
  const bool can_repeat = !layout.separator.empty() || layout.each_call_wrapped;
  const bool several = request.parallel_tool_calls && can_repeat;
  const auto wrapped = [&](const ExprPtr& inside) {
    return text::grammar::sequence({text::grammar::literal(concat(layout.begin, layout.list_open)), inside,
                                    text::grammar::literal(concat(layout.list_close, layout.end))});
  };
  if (layout.each_call_wrapped) return list_of(wrapped(call), layout.separator, several);
  return wrapped(list_of(call, layout.separator, several));
}

/// Free text in which the family's marker begins a call.
Result<ExprPtr> text_with_calls(RuleSet& rules, const GenerationRequest& request,
                                const AnswerFormat& format) {
  const ToolCallLayout& layout = format.layout;
  HEARTH_ASSIGN(const ExprPtr call, any_call(rules, request, layout));
  const bool several = request.parallel_tool_calls && !layout.each_call_wrapped && !layout.separator.empty();
  text::TaggedBody body;
  body.trigger = without_trailing_space(layout.begin);
  body.body = text::grammar::sequence({some_space(), text::grammar::literal(layout.list_open),
                                       list_of(call, layout.separator, several),
                                       text::grammar::literal(layout.list_close)});
  body.end = layout.end;
  return text::free_text_or_tagged(rules, {body}, {.one_body = !request.parallel_tool_calls});
}

Result<ExprPtr> formatted(RuleSet& rules, const GenerationRequest& request) {
  switch (request.format) {
    case ResponseFormat::kText:
      return text::free_text();
    case ResponseFormat::kJsonObject:
      return text::json_object_grammar(rules);
    case ResponseFormat::kJsonSchema: {
      auto schema = text::json_schema_grammar(rules, request.response_schema, {.strict = request.strict});
      if (!schema) return fail(schema.error().code, "response_format: ", schema.error().message);
      return schema;
    }
    case ResponseFormat::kRegex:
      return text::regex_grammar(request.pattern);
    case ResponseFormat::kGrammar:
      return text::gbnf_grammar(rules, request.grammar);
  }
  return fail(ErrorCode::kInternal, "unknown response format");
}

bool may_call(const GenerationRequest& request, const AnswerFormat& format) {
  return !request.tools.empty() && request.tool_choice.kind != ToolChoice::Kind::kNone &&
         writes_json_calls(format);
}

}  // namespace

bool needs_grammar(const GenerationRequest& request, const AnswerFormat& format) {
  if (request.format != ResponseFormat::kText) return true;
  // Calls that no marker announces cannot be told from text; they are forced only where one is asked for.
  return may_call(request, format) && (forces_calls(request) || !format.layout.begin.empty());
}

std::string grammar_key(const GenerationRequest& request, const AnswerFormat& format, Thoughts thoughts) {
  io::Json key = {static_cast<int>(request.format),
                  request.response_schema,
                  request.strict,
                  request.pattern,
                  request.grammar,
                  static_cast<int>(request.tool_choice.kind),
                  request.tool_choice.name,
                  request.parallel_tool_calls,
                  format.name,
                  static_cast<int>(thoughts)};
  for (const Tool& tool : request.tools) key.push_back({tool.name, tool.parameters, tool.strict});
  return io::dump_json(key);
}

Result<std::shared_ptr<const text::Grammar>> answer_grammar(const GenerationRequest& request,
                                                            const AnswerFormat& format, Thoughts thoughts) {
  RuleSet rules;
  ExprPtr root;
  const bool free_with_calls =
      may_call(request, format) && !forces_calls(request) && request.format == ResponseFormat::kText;
  if (free_with_calls) {
    HEARTH_ASSIGN(root, text_with_calls(rules, request, format));
  } else if (forces_calls(request) && writes_json_calls(format)) {
    HEARTH_ASSIGN(root, calls_of(rules, request, format));
  } else {
    HEARTH_ASSIGN(root, formatted(rules, request));
    if (may_call(request, format)) {
      HEARTH_ASSIGN(ExprPtr calls, calls_of(rules, request, format));
      root = text::grammar::choice({root, std::move(calls)});
    }
  }
  if (format.reasons() && !free_with_calls && thoughts != Thoughts::kNone) {
    HEARTH_ASSIGN(ExprPtr before, text::free_until(format.reasoning_end));
    before = text::grammar::sequence({std::move(before), some_space()});
    if (thoughts == Thoughts::kMayCome) {
      before = text::grammar::optional(
          text::grammar::sequence({text::grammar::literal(format.reasoning_begin), std::move(before)}));
    }
    root = text::grammar::sequence({std::move(before), std::move(root)});
  }
  return text::Grammar::compile(rules, root);
}

}  // namespace hearth::wire
