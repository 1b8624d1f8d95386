// Streaming to stdout, numbers to stderr.
#include "cli/answer.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/model_options.h"
#include "io/json.h"

namespace hearth::cli {
namespace {

constexpr size_t kMaxInputBytes = size_t{64} << 20;

}  // namespace

Status answer(engine::Completer& completer, const engine::CompletionRequest& request, Console& console,
              const AnswerStyle& style) {
  engine::TextSink sink;
  if (!style.json) {
    sink = [&console](std::string_view text) { return console.out(text) && !interrupted().load(); };
  }
  HEARTH_ASSIGN(const engine::Completion completion, completer.complete(request, sink));
  if (style.json) {
    console.out(engine::completion_json(completion, request.sampling.top_logprobs > 0) + "\n");
  } else if (style.newline || console.out_is_terminal()) {
    console.out("\n");
  }
  const bool stopped = completion.finish == engine::FinishReason::kCancelled;
  if (const std::string finish = describe_finish(completion); !finish.empty() && !stopped)
    console.note(finish);
  console.dim(describe_usage(completion));
  HEARTH_RETURN_IF_ERROR(console.out_status());
  if (stopped) return fail(ErrorCode::kCancelled, "stopped; the answer is not complete");
  return {};
}

std::string chat_request(const std::string& system, const std::string& user) {
  io::Json messages = io::Json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  messages.push_back({{"role", "user"}, {"content", user}});
  return io::Json{{"messages", std::move(messages)}}.dump(-1, ' ', false, io::Json::error_handler_t::replace);
}

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[1 << 16];
  while (const size_t got = std::fread(buffer, 1, sizeof(buffer), stdin)) {
    text.append(buffer, got);
    if (text.size() > kMaxInputBytes)
      return fail(ErrorCode::kTooLarge, "standard input is longer than 64 MiB");
  }
  if (std::ferror(stdin) != 0)
    return fail(ErrorCode::kIo, "cannot read standard input: ", std::strerror(errno));
  return text;
}

}  // namespace hearth::cli
