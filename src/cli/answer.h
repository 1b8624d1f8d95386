// Printing one completion: streamed text or one JSON object, the dim line of numbers, and what must not stay
// silent.
#pragma once

#include <string>

#include "cli/console.h"
#include "engine/completer.h"

namespace hearth::cli {

struct AnswerStyle {
  bool json = false;
  bool newline = true;  // end the text with a newline (a raw continuation stays as it is)
};

/// Runs the request and prints the answer.
Status answer(engine::Completer& completer, const engine::CompletionRequest& request, Console& console,
              const AnswerStyle& style);

/// {"messages": [...]} for an optional system message and a user message.
std::string chat_request(const std::string& system, const std::string& user);

/// Everything on standard input (limited).
Result<std::string> read_standard_input();

}  // namespace hearth::cli
