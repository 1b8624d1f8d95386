// Answers of models, differential: cut at random they must give the same events as whole, nothing may be
// lost, and what is called arguments must be JSON. Bytes: family, flags, seed of the cuts, then the answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "wire/answer_parser.h"

namespace {

using hearth::wire::AnswerEvent;
using hearth::wire::AnswerFormat;
using hearth::wire::AnswerOptions;
using hearth::wire::AnswerParser;

void expect(bool holds) {
  if (!holds) std::abort();
}

void append(std::vector<AnswerEvent>& all, std::vector<AnswerEvent> events) {
  for (AnswerEvent& event : events) {
    const bool joins = !all.empty() && all.back().kind == event.kind && all.back().index == event.index &&
                       event.kind != AnswerEvent::Kind::kToolCall;
    if (joins) {
      all.back().text += event.text;
    } else {
      all.push_back(std::move(event));
    }
  }
}

std::vector<AnswerEvent> parse(const AnswerFormat& format, const AnswerOptions& options,
                               std::string_view text, uint64_t seed, uint64_t mean) {
  AnswerParser parser(format, options);
  std::vector<AnswerEvent> all;
  hearth::Rng rng(seed);
  while (!text.empty()) {
    const size_t length = mean == 0 ? text.size() : static_cast<size_t>(rng.below(2 * mean));
    append(all, parser.push(text.substr(0, length)));
    text.remove_prefix(std::min(length, text.size()));
  }
  append(all, parser.finish());
  return all;
}

std::string without_space(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view(" \t\r\n").find(c) == std::string_view::npos) out += c;
  }
  return out;
}

void erase_first(std::string& text, std::string_view part) {
  const size_t at = text.find(part);
  if (!part.empty() && at != std::string::npos) text.erase(at, part.size());
}

/// Texts come out in the order in which they went in; and all of them, when there was no call.
void check_nothing_lost(const AnswerFormat& format, const AnswerOptions& options, std::string_view text,
                        const std::vector<AnswerEvent>& events) {
  std::string emitted;
  bool calls = false;
  bool reasoned = options.in_reasoning;
  size_t at = 0;
  for (const AnswerEvent& event : events) {
    calls = calls || event.kind == AnswerEvent::Kind::kToolCall;
    if (event.kind == AnswerEvent::Kind::kToolCall || event.kind == AnswerEvent::Kind::kToolArguments)
      continue;
    reasoned = reasoned || event.kind == AnswerEvent::Kind::kReasoning;
    emitted += event.text;
    for (const char c : without_space(event.text)) {
      at = text.find(c, at);
      expect(at++ != std::string_view::npos);
    }
  }
  if (calls) return;
  std::string given = without_space(text);
  emitted = without_space(emitted);
  if (given == emitted) return;
  expect(options.separate_reasoning && format.reasons());
  if (!options.in_reasoning) {
    expect(given.starts_with(format.reasoning_begin));
    given.erase(0, format.reasoning_begin.size());
  }
  if (given == emitted) return;
  erase_first(given, format.reasoning_end);
  expect(given == emitted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const auto formats = hearth::wire::answer_formats();
  const AnswerFormat& format = formats[data[0] % formats.size()];
  AnswerOptions options;
  if ((data[1] & 1) == 0) {
    for (const char* name : {"f", "get_weather"}) {
      hearth::wire::Tool tool;
      tool.name = name;
      tool.parameters = {{"properties", {{"a", {{"type", "string"}}}, {"b", {{"type", "integer"}}}}}};
      options.tools.push_back(std::move(tool));
    }
  }
  options.in_reasoning = (data[1] & 2) != 0 && format.reasons();
  options.separate_reasoning = (data[1] & 4) == 0;
  options.stream_arguments = (data[1] & 8) != 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::vector<AnswerEvent> whole = parse(format, options, text, 0, 0);
  for (const uint64_t mean : {1u, 3u, 17u}) expect(parse(format, options, text, data[2], mean) == whole);
  check_nothing_lost(format, options, text, whole);
  for (const AnswerEvent& event : whole) {
    if (event.kind != AnswerEvent::Kind::kToolArguments || options.stream_arguments) continue;
    expect(hearth::io::parse_json(event.text, "arguments").ok());
  }
  return 0;
}
