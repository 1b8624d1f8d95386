// Names and the JSON form of a completion.
#include "engine/completer.h"

#include "io/json.h"

namespace hearth::engine {

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContextFull:
      return "context_full";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string completion_json(const Completion& completion, bool with_tokens) {
  const Usage& usage = completion.usage;
  io::Json out = {{"text", completion.text},
                  {"finish_reason", to_string(completion.finish)},
                  {"usage",
                   {{"prompt_tokens", usage.prompt_tokens},
                    {"cached_tokens", usage.cached_tokens},
                    {"generated_tokens", usage.generated_tokens},
                    {"context_tokens", usage.context_tokens},
                    {"first_token_s", usage.first_token_s},
                    {"prefill_s", usage.prefill_s},
                    {"decode_s", usage.decode_s}}}};
  if (with_tokens) {
    io::Json tokens = io::Json::array();
    for (const TokenSignal& token : completion.tokens) {
      io::Json top = io::Json::array();
      for (const auto& [id, logprob] : token.top) top.push_back({{"id", id}, {"logprob", logprob}});
      tokens.push_back(
          {{"id", token.id}, {"text", token.text}, {"logprob", token.logprob}, {"top", std::move(top)}});
    }
    out["tokens"] = std::move(tokens);
  }
  return out.dump(-1, ' ', false, io::Json::error_handler_t::replace);
}

}  // namespace hearth::engine
