// Takes a model's answer apart as it is written: reasoning, text, tool calls. Works byte by byte, so the
// events do not depend on how the text was cut; holds back only what may still become a marker or part of a
// call. A call that is broken comes back as text: nothing a model writes is lost, except markers and the
// white space beside them. Knows no protocol.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/answer_format.h"
#include "wire/call_syntax.h"
#include "wire/request.h"

namespace hearth::wire {

struct AnswerEvent {
  enum class Kind {
    kContent,        // text: more of the answer
    kReasoning,      // text: more of the thoughts before it
    kToolCall,       // call `index` of function `name` begins; id: as the model wrote it, mostly ""
    kToolArguments,  // text: more of the arguments (JSON) of call `index`
  };
  Kind kind = Kind::kContent;
  std::string text = {};
  int32_t index = 0;
  std::string id = {};
  std::string name = {};
  bool operator==(const AnswerEvent&) const = default;
};

struct AnswerOptions {
  /// Calls are looked for when there are any, and only of these: the name of another comes back as text.
  std::vector<Tool> tools = {};
  bool in_reasoning = false;       // the prompt has opened the reasoning block
  bool separate_reasoning = true;  // false: reasoning stays in the text with its markers
  /// Arguments written as JSON are passed on while they are written. What breaks later cannot be taken back
  /// then: the rest comes as text. Otherwise a call is one piece, and is text as a whole if it is broken.
  /// For answers that a grammar forces.
  bool stream_arguments = false;
};

class AnswerParser {
 public:
  AnswerParser(const AnswerFormat& format, AnswerOptions options);

  /// The events that this text makes certain. Neighbouring pieces of text are one event.
  std::vector<AnswerEvent> push(std::string_view text);
  /// The rest, at the end of the answer. Nothing may follow.
  std::vector<AnswerEvent> finish();

  int32_t calls() const { return calls_; }  // complete or begun so far

 private:
  enum class State { kStart, kReasoning, kContent, kOpenCalls, kCall, kBetweenCalls };
  enum class Step { kGoOn, kNeedMore };
  enum class Match { kYes, kNo, kPartly };

  bool looks_for_calls() const { return !options_.tools.empty() && format_->syntax != CallSyntax::kNone; }
  Match match(std::string_view literal) const;
  Step step();
  Step start();
  Step bare_start();
  Step reasoning();
  Step content();
  /// Passes text on up to the first of the markers; true when pending_ then begins with one.
  bool pass_text(AnswerEvent::Kind kind, std::span<const std::string_view> markers);
  Step open_calls();
  Step call();
  Step between_calls();
  void enter_calls(std::string_view marker);
  void begin_call(CallSyntax syntax);
  bool announce();
  void pass_arguments(size_t length);
  bool complete_call(size_t length);
  void broken(size_t length);
  void leave_calls();
  void emit(AnswerEvent event);
  void emit_text(AnswerEvent::Kind kind, std::string_view text);

  const AnswerFormat* format_;
  AnswerOptions options_;
  State state_ = State::kStart;
  bool at_end_ = false;
  std::vector<AnswerEvent> events_;
  std::string pending_;        // not decided yet
  std::string space_;          // white space that is text only if text follows
  bool drop_space_ = false;    // beside a marker: until text comes
  bool reasoned_ = false;      // the reasoning block, if any, is over
  std::string_view call_end_;  // that belongs to the marker seen
  std::string opened_with_;    // raw text that goes back into the answer's text if no call follows
  bool in_list_ = false;       // [call, call]
  CallSyntax syntax_ = CallSyntax::kNone;
  std::unique_ptr<CallScanner> scanner_;
  size_t scanned_ = 0;      // bytes of pending_ that the scanner has seen
  size_t sent_ = 0;         // bytes of pending_ passed on as arguments
  bool announced_ = false;  // the present call
  int32_t calls_ = 0;
};

}  // namespace hearth::wire
