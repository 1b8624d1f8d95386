// Answers of OpenAI's chat completions: one object, or a stream of chunks.
// Source: platform.openai.com/docs/api-reference/chat/{object,streaming}; "reasoning_content" as DeepSeek and
// vLLM have it.
#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

class ChatEncoder : public ResponseEncoder {
 public:
  ChatEncoder(const GenerationRequest& request, EncoderOptions options)
      : options_(std::move(options)),
        id_(options_.ids("chatcmpl-")),
        created_s_(static_cast<int64_t>(options_.now_s())),
        stream_(request.stream),
        include_usage_(request.include_usage),
        logprobs_(request.logprobs),
        n_(request.n),
        answers_(static_cast<size_t>(request.n)) {}

  std::string begin() override {
    if (!stream_) return "";
    std::string out;
    for (int32_t choice = 0; choice < n_; ++choice) {
      out += chunk(choice, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
    }
    return out;
  }

  std::string push(int32_t choice, std::span<const AnswerEvent> events,
                   std::span<const engine::TokenSignal> tokens) override {
    AnswerText& answer = answers_[static_cast<size_t>(choice)];
    if (logprobs_) answer.tokens.insert(answer.tokens.end(), tokens.begin(), tokens.end());
    std::string out;
    for (const AnswerEvent& event : events) {
      if (!stream_) {
        answer.add(event, options_.ids);
        continue;
      }
      if (event.kind == AnswerEvent::Kind::kToolCall) answer.add(event, options_.ids);
      out += chunk(choice, delta(event, answer), take_logprobs(answer), nullptr);
    }
    return out;
  }

  std::string end(int32_t choice, engine::FinishReason reason, const engine::Usage& usage,
                  int64_t reasoning_tokens) override {
    AnswerText& answer = answers_[static_cast<size_t>(choice)];
    answer.reason = reason;
    usage_.add(choice, n_, usage, reasoning_tokens);
    if (!stream_) return "";
    return chunk(choice, io::Json::object(), take_logprobs(answer),
                 openai_finish_reason(reason, !answer.calls.empty()));
  }

  std::string finish() override {
    if (!stream_) return whole();
    std::string out;
    if (include_usage_) {
      io::Json last = envelope("chat.completion.chunk");
      last["choices"] = io::Json::array();
      last["usage"] = usage_.openai();
      out = sse(last);
    }
    return out + "data: [DONE]\n\n";
  }

  std::string fail(const Error& error) override {
    return concat("data: ", error_body(Protocol::kOpenAiChat, error).json, "\n\n");
  }
  std::string_view content_type() const override {
    return stream_ ? "text/event-stream" : "application/json";
  }

 private:
  io::Json envelope(std::string_view object) const {
    io::Json json = {{"id", id_}, {"object", object}, {"created", created_s_}, {"model", options_.model}};
    if (!options_.system_fingerprint.empty()) json["system_fingerprint"] = options_.system_fingerprint;
    return json;
  }

  std::string chunk(int32_t choice, io::Json delta, io::Json logprobs, io::Json finish_reason) const {
    io::Json json = envelope("chat.completion.chunk");
    json["choices"] = io::Json::array({{{"index", choice},
                                        {"delta", std::move(delta)},
                                        {"logprobs", std::move(logprobs)},
                                        {"finish_reason", std::move(finish_reason)}}});
    if (include_usage_) json["usage"] = nullptr;
    return sse(json);
  }

  static io::Json delta(const AnswerEvent& event, const AnswerText& answer) {
    switch (event.kind) {
      case AnswerEvent::Kind::kContent:
        return {{"content", event.text}};
      case AnswerEvent::Kind::kReasoning:
        return {{"reasoning_content", event.text}};
      case AnswerEvent::Kind::kToolCall:
        return {{"tool_calls", io::Json::array({{{"index", event.index},
                                                 {"id", answer.calls.back().id},
                                                 {"type", "function"},
                                                 {"function", {{"name", event.name}, {"arguments", ""}}}}})}};
      default:
        return {{"tool_calls",
                 io::Json::array({{{"index", event.index}, {"function", {{"arguments", event.text}}}}})}};
    }
  }

  /// Of the tokens since the last chunk; null when there are none.
  io::Json take_logprobs(AnswerText& answer) const {
    if (answer.tokens.empty()) return nullptr;
    io::Json list = chat_logprobs(answer.tokens, options_);
    answer.tokens.clear();
    return {{"content", std::move(list)}, {"refusal", nullptr}};
  }

  std::string whole() {
    io::Json json = envelope("chat.completion");
    io::Json& choices = json["choices"] = io::Json::array();
    for (int32_t choice = 0; choice < n_; ++choice) {
      AnswerText& answer = answers_[static_cast<size_t>(choice)];
      io::Json message = {{"role", "assistant"}, {"content", answer.content}, {"refusal", nullptr}};
      if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
      if (!answer.calls.empty()) {
        if (answer.content.empty()) message["content"] = nullptr;
        for (const CallText& call : answer.calls) {
          message["tool_calls"].push_back(
              {{"id", call.id},
               {"type", "function"},
               {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
        }
      }
      io::Json logprobs = nullptr;
      if (logprobs_) logprobs = {{"content", chat_logprobs(answer.tokens, options_)}, {"refusal", nullptr}};
      choices.push_back({{"index", choice},
                         {"message", std::move(message)},
                         {"logprobs", std::move(logprobs)},
                         {"finish_reason", openai_finish_reason(answer.reason, !answer.calls.empty())}});
    }
    json["usage"] = usage_.openai();
    return io::dump_json(json);
  }

  EncoderOptions options_;
  std::string id_;
  int64_t created_s_;
  bool stream_;
  bool include_usage_;
  bool logprobs_;
  int32_t n_;
  std::vector<AnswerText> answers_;
  UsageSum usage_;
};

}  // namespace

std::unique_ptr<ResponseEncoder> make_openai_chat_encoder(const GenerationRequest& request,
                                                          EncoderOptions options) {
  return std::make_unique<ChatEncoder>(request, std::move(options));
}

}  // namespace hearth::wire
