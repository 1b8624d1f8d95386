// A state machine over the answer's bytes. Every decision waits until no continuation could change it, which
// is why the events do not depend on how the text was cut. See answer_parser.h.
#include "wire/answer_parser.h"

#include <algorithm>
#include <array>

namespace hearth::wire {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kMaxCallBytes = 1 << 20;
constexpr size_t kSliceBytes = 4096;

bool is_space(char c) { return kSpace.find(c) != std::string_view::npos; }
bool is_name_start(char c) { return is_call_name_byte(c) && c != '-' && c != '.' && (c < '0' || c > '9'); }

}  // namespace

AnswerParser::AnswerParser(const AnswerFormat& format, AnswerOptions options)
    : format_(&format), options_(std::move(options)) {
  if (options_.in_reasoning && format.reasons()) {
    state_ = State::kReasoning;
    drop_space_ = options_.separate_reasoning;
  }
}

std::vector<AnswerEvent> AnswerParser::push(std::string_view text) {
  // In slices, because what is decided is cut off the front of pending_.
  do {
    pending_ += text.substr(0, kSliceBytes);
    text.remove_prefix(std::min(kSliceBytes, text.size()));
    while (step() == Step::kGoOn) {
    }
  } while (!text.empty());
  return std::exchange(events_, {});
}

AnswerParser::Step AnswerParser::step() {
  switch (state_) {
    case State::kStart:
      return start();
    case State::kReasoning:
      return reasoning();
    case State::kContent:
      return content();
    case State::kOpenCalls:
      return open_calls();
    case State::kCall:
      return call();
    case State::kBetweenCalls:
      return between_calls();
  }
  return Step::kNeedMore;
}

std::vector<AnswerEvent> AnswerParser::finish() {
  at_end_ = true;
  std::vector<AnswerEvent> events = push("");
  if (state_ == State::kContent || state_ == State::kStart) {
    if (!drop_space_ && !space_.empty()) emit({AnswerEvent::Kind::kContent, std::exchange(space_, {})});
  }
  for (AnswerEvent& event : events_) events.push_back(std::move(event));
  events_.clear();
  return events;
}

AnswerParser::Match AnswerParser::match(std::string_view literal) const {
  if (std::string_view(pending_).starts_with(literal)) return Match::kYes;
  return !at_end_ && literal.starts_with(pending_) ? Match::kPartly : Match::kNo;
}

AnswerParser::Step AnswerParser::start() {
  size_t space = pending_.find_first_not_of(kSpace);
  if (space == std::string::npos) space = pending_.size();
  if (!drop_space_) space_ += pending_.substr(0, space);
  pending_.erase(0, space);
  if (pending_.empty()) return Step::kNeedMore;
  if (format_->reasons() && !reasoned_) {
    const Match found = match(format_->reasoning_begin);
    if (found == Match::kPartly) return Step::kNeedMore;
    reasoned_ = true;
    if (found == Match::kYes) {
      if (options_.separate_reasoning) {
        pending_.erase(0, format_->reasoning_begin.size());
        space_.clear();
        drop_space_ = true;
      }
      state_ = State::kReasoning;
      return Step::kGoOn;
    }
  }
  if (looks_for_calls()) return bare_start();
  state_ = State::kContent;
  return Step::kGoOn;
}

AnswerParser::Step AnswerParser::bare_start() {
  state_ = State::kContent;
  if (pending_[0] == '{' && format_->bare_json) {
    opened_with_ = std::exchange(space_, {});
    call_end_ = {};
    in_list_ = false;
    begin_call(CallSyntax::kJson);
  } else if (pending_[0] == '[' && (format_->bare_pythonic || format_->bare_json)) {
    opened_with_ = std::exchange(space_, {});
    call_end_ = {};
    in_list_ = false;
    state_ = State::kOpenCalls;
  }
  return Step::kGoOn;
}

AnswerParser::Step AnswerParser::reasoning() {
  reasoned_ = true;
  std::array<std::string_view, 3> markers = {format_->reasoning_end, {}, {}};
  if (format_->call_ends_reasoning && looks_for_calls()) {
    markers[1] = format_->call_begin[0];
    markers[2] = format_->call_begin[1];
  }
  const bool separate = options_.separate_reasoning;
  if (!pass_text(separate ? AnswerEvent::Kind::kReasoning : AnswerEvent::Kind::kContent, markers))
    return Step::kNeedMore;
  if (!std::string_view(pending_).starts_with(format_->reasoning_end)) {
    state_ = State::kContent;  // a call inside the block
    if (separate) space_.clear();
    return Step::kGoOn;
  }
  state_ = State::kStart;
  if (!separate) {
    emit_text(AnswerEvent::Kind::kContent, format_->reasoning_end);
  } else {
    space_.clear();
    drop_space_ = true;
  }
  pending_.erase(0, format_->reasoning_end.size());
  return Step::kGoOn;
}

AnswerParser::Step AnswerParser::content() {
  if (!looks_for_calls()) {
    pass_text(AnswerEvent::Kind::kContent, {});
    return Step::kNeedMore;
  }
  if (!pass_text(AnswerEvent::Kind::kContent, format_->call_begin)) return Step::kNeedMore;
  // Of markers that begin alike the longest counts; none of the table is the start of another.
  for (size_t i = 0; i < 2; ++i) {
    const std::string_view marker = format_->call_begin[i];
    if (marker.empty() || !std::string_view(pending_).starts_with(marker)) continue;
    call_end_ = format_->call_end[i];
    enter_calls(marker);
    break;
  }
  return Step::kGoOn;
}

bool AnswerParser::pass_text(AnswerEvent::Kind kind, std::span<const std::string_view> markers) {
  size_t at = 0;
  bool whole = false;
  for (; at < pending_.size() && !whole; ++at) {
    const std::string_view rest = std::string_view(pending_).substr(at);
    bool partly = false;
    for (const std::string_view marker : markers) {
      if (marker.empty() || marker[0] != rest[0]) continue;
      whole = whole || rest.starts_with(marker);
      partly = partly || (!at_end_ && marker.starts_with(rest));
    }
    if (whole || partly) break;
  }
  emit_text(kind, std::string_view(pending_).substr(0, at));
  pending_.erase(0, at);
  return whole;
}

void AnswerParser::enter_calls(std::string_view marker) {
  opened_with_ = std::exchange(space_, {});
  opened_with_ += marker;
  pending_.erase(0, marker.size());
  in_list_ = false;
  state_ = State::kOpenCalls;
}

AnswerParser::Step AnswerParser::open_calls() {
  const size_t space = std::min(pending_.find_first_not_of(kSpace), pending_.size());
  opened_with_ += pending_.substr(0, space);
  pending_.erase(0, space);
  if (pending_.empty()) {
    if (!at_end_) return Step::kNeedMore;
    broken(0);
    return Step::kGoOn;
  }
  const char first = pending_[0];
  if (first == '[' && !in_list_) {
    in_list_ = true;
    opened_with_ += '[';
    pending_.erase(0, 1);
    return Step::kGoOn;
  }
  if (first == '{') {
    begin_call(CallSyntax::kJson);
  } else if (first == '<' && format_->syntax != CallSyntax::kColon) {
    begin_call(CallSyntax::kXml);
  } else if (is_name_start(first)) {
    const bool own = format_->syntax == CallSyntax::kNameArgs || format_->syntax == CallSyntax::kColon;
    begin_call(own && !in_list_ ? format_->syntax : CallSyntax::kPythonic);
  } else {
    broken(0);
  }
  return Step::kGoOn;
}

void AnswerParser::begin_call(CallSyntax syntax) {
  syntax_ = syntax;
  scanner_ = make_call_scanner(syntax, *format_);
  scanned_ = 0;
  sent_ = 0;
  announced_ = false;
  state_ = State::kCall;
}

AnswerParser::Step AnswerParser::call() {
  while (scanned_ < pending_.size()) {
    const Scan scan = scanned_ < kMaxCallBytes ? scanner_->feed(pending_[scanned_]) : Scan::kBad;
    if (scan == Scan::kBad) {
      broken(scanned_ < kMaxCallBytes ? 0 : scanned_);
      return Step::kGoOn;
    }
    ++scanned_;
    if (options_.stream_arguments && !announced_ && scanner_->head() != nullptr && !announce()) {
      broken(0);
      return Step::kGoOn;
    }
    if (scan == Scan::kMore) continue;
    if (!complete_call(scanned_)) broken(0);
    return Step::kGoOn;
  }
  if (announced_) pass_arguments(scanned_);
  if (!at_end_) return Step::kNeedMore;
  broken(pending_.size());
  return Step::kGoOn;
}

bool AnswerParser::announce() {
  const CallScanner::Head& head = *scanner_->head();
  if (find_tool(options_.tools, head.name) == nullptr) return false;
  emit({AnswerEvent::Kind::kToolCall, "", calls_++, head.id, head.name});
  announced_ = true;
  sent_ = head.arguments_begin;
  return true;
}

void AnswerParser::pass_arguments(size_t length) {
  const size_t end = std::min(scanner_->head()->arguments_end, length);
  if (end <= sent_) return;
  emit({AnswerEvent::Kind::kToolArguments, pending_.substr(sent_, end - sent_), calls_ - 1});
  sent_ = end;
}

bool AnswerParser::complete_call(size_t length) {
  if (announced_) {
    pass_arguments(length);
  } else {
    std::optional<ParsedCall> call =
        parse_call(syntax_, std::string_view(pending_).substr(0, length), *format_, options_.tools);
    if (!call) return false;
    emit({AnswerEvent::Kind::kToolCall, "", calls_++, std::move(call->id), std::move(call->name)});
    emit({AnswerEvent::Kind::kToolArguments, std::move(call->arguments), calls_ - 1});
  }
  announced_ = false;
  pending_.erase(0, length);
  opened_with_.clear();
  state_ = State::kBetweenCalls;
  return true;
}

/// No call after all: what led here is text, and so are the first `length` bytes of pending_, which are not
/// looked at again; the rest is. What was passed on as arguments already cannot be taken back.
void AnswerParser::broken(size_t length) {
  std::string text = std::exchange(opened_with_, {});
  if (announced_) {
    pass_arguments(scanned_);
    pending_.erase(0, scanned_);
    text.clear();
    length -= std::min(length, scanned_);
  }
  announced_ = false;
  text += pending_.substr(0, length);
  pending_.erase(0, length);
  leave_calls();
  emit_text(AnswerEvent::Kind::kContent, text);
}

AnswerParser::Step AnswerParser::between_calls() {
  const size_t space = std::min(pending_.find_first_not_of(kSpace), pending_.size());
  opened_with_ += pending_.substr(0, space);
  pending_.erase(0, space);
  if (pending_.empty()) {
    if (at_end_) leave_calls();
    return at_end_ ? Step::kGoOn : Step::kNeedMore;
  }
  const char first = pending_[0];
  if (in_list_ ? first == ',' : first == ';' && call_end_.empty()) {
    opened_with_ += first;
    pending_.erase(0, 1);
    state_ = State::kOpenCalls;
    return Step::kGoOn;
  }
  if (in_list_ && first == ']') {
    in_list_ = false;
    pending_.erase(0, 1);
    opened_with_.clear();
    return Step::kGoOn;
  }
  if (!call_end_.empty()) {
    const Match found = match(call_end_);
    if (found == Match::kPartly) return Step::kNeedMore;
    if (found == Match::kYes) {
      pending_.erase(0, call_end_.size());
      leave_calls();
      return Step::kGoOn;
    }
    // Another call before the end marker, without a separator.
    const bool another = !in_list_ && (syntax_ == CallSyntax::kPythonic ? is_name_start(first)
                                       : syntax_ == CallSyntax::kJson   ? first == '{'
                                       : syntax_ == CallSyntax::kXml    ? first == '<'
                                                                        : false);
    if (another) {
      state_ = State::kOpenCalls;
      return Step::kGoOn;
    }
  }
  leave_calls();
  return Step::kGoOn;
}

void AnswerParser::leave_calls() {
  scanner_.reset();
  opened_with_.clear();
  in_list_ = false;
  drop_space_ = calls_ > 0 || drop_space_;
  state_ = State::kContent;
}

void AnswerParser::emit_text(AnswerEvent::Kind kind, std::string_view text) {
  if (drop_space_) {
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return;
    text.remove_prefix(begin);
    drop_space_ = false;
  }
  const bool hold = kind == AnswerEvent::Kind::kReasoning || looks_for_calls() || state_ == State::kStart;
  size_t end = text.size();
  while (hold && end > 0 && is_space(text[end - 1])) --end;
  if (end > 0) {
    std::string out = std::exchange(space_, {});
    out += text.substr(0, end);
    emit({kind, std::move(out)});
  }
  space_ += text.substr(end);
}

void AnswerParser::emit(AnswerEvent event) {
  const bool text = event.kind != AnswerEvent::Kind::kToolCall;
  if (text && event.text.empty()) return;
  if (text && !events_.empty() && events_.back().kind == event.kind && events_.back().index == event.index) {
    events_.back().text += event.text;
    return;
  }
  events_.push_back(std::move(event));
}

}  // namespace hearth::wire
