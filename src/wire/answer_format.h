// How the answers of each chat family are laid out: where reasoning stands, what a tool call looks like. One
// table; a model's family is recognised from what its chat template says. For the answer parser, which takes
// answers apart, and for the grammar, which forces calls to be right.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"

namespace hearth::wire {

/// How one call is written.
enum class CallSyntax {
  kNone,      // the family has no calls
  kJson,      // {"name": "f", "arguments": {...}}
  kNameArgs,  // f[ARGS]{...}
  kPythonic,  // f(a="b", c=[1, 2])
  kXml,       // <function=f><parameter=a>b</parameter></function>
  kColon,     // call:f{a:<|"|>b<|"|>,c:[1,2]}
};

/// How a call is to be written, for whoever forces a model to write it so:
///   begin [list_open] call {separator call} [list_close] end, with
///   call = before_name NAME after_name ARGUMENTS after_arguments.
/// With each_call_wrapped the whole, begin to end, stands once per call, joined by `separator`.
struct ToolCallLayout {
  CallSyntax arguments = CallSyntax::kNone;  // how ARGUMENTS is written; JSON for kJson and kNameArgs
  std::string_view begin = {};
  std::string_view list_open = {};
  std::string_view before_name = {};
  std::string_view after_name = {};
  std::string_view after_arguments = {};
  std::string_view separator = {};  // empty: a second call cannot follow
  std::string_view list_close = {};
  std::string_view end = {};
  bool each_call_wrapped = false;
};

/// Where tools are described for templates that do not print the variable "tools".
enum class ToolsIn {
  kSystemText,    // in the text of the system message
  kUserText,      // in the first user message: no system role
  kSystemMember,  // in the system message's member "tools"
};

struct AnswerFormat {
  std::string_view name = {};  // for people
  /// All of one of these groups must be in the template's text; "" counts as absent.
  std::string_view signs[2][2] = {};
  std::string_view reasoning_begin = {};  // empty: the family does not reason
  std::string_view reasoning_end = {};
  /// Markers after which calls come. Empty strings are unused.
  std::string_view call_begin[2] = {};
  std::string_view call_end[2] = {};
  CallSyntax syntax = CallSyntax::kNone;
  /// Calls may also stand bare where the answer starts: {"name": ...} or [f(...)].
  bool bare_json = false;
  bool bare_pythonic = false;
  /// A call closes the reasoning block that the model forgot to close.
  bool call_ends_reasoning = false;
  /// Some marker is a control token in the vocabularies of this family: its text must be shown to the parser.
  bool needs_special_text = false;
  ToolsIn tools = ToolsIn::kSystemText;
  /// What the quotes of kColon strings look like.
  std::string_view quote = {};
  ToolCallLayout layout = {};

  /// Every marker above that is not empty. Control tokens with one of these texts are to be decoded as that
  /// text; all others (end of turn above all) stay hidden.
  std::vector<std::string_view> markers() const;
  bool reasons() const { return !reasoning_begin.empty(); }
};

/// All families, in the order in which they are looked for.
std::span<const AnswerFormat> answer_formats();

/// The family of a chat template. One that says nothing known gets the last row: plain text, calls as the
/// instructions of with_tool_instructions ask for them.
const AnswerFormat& detect_answer_format(std::string_view chat_template_source);

/// The rendered prompt ends inside a reasoning block, so the answer starts in it.
bool prompt_opens_reasoning(const AnswerFormat& format, std::string_view prompt);

/// `chat` ({"messages", "tools", ...}) for a template that prints no tools: they are described in the prompt,
/// earlier calls and results become text, and "tools" is gone.
io::Json with_tool_instructions(io::Json chat, const AnswerFormat& format);
/// The same for template variables as JSON, if the template needs it; else they are returned as they are.
std::string prepare_chat(std::string chat_json, const AnswerFormat& format, std::string_view template_source);

}  // namespace hearth::wire
