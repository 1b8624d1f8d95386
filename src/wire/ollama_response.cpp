// Answers of Ollama's /api/chat and /api/generate: one object, or one per line. Source: ollama docs/api.md.
#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

class OllamaEncoder : public ResponseEncoder {
 public:
  OllamaEncoder(bool chat, const GenerationRequest& request, EncoderOptions options)
      : options_(std::move(options)),
        chat_(chat),
        stream_(request.stream),
        logprobs_(request.logprobs),
        start_s_(options_.now_s()) {}

  std::string begin() override { return ""; }

  std::string push(int32_t, std::span<const AnswerEvent> events,
                   std::span<const engine::TokenSignal> tokens) override {
    if (logprobs_) answer_.tokens.insert(answer_.tokens.end(), tokens.begin(), tokens.end());
    std::string out;
    for (const AnswerEvent& event : events) {
      if (event.kind != AnswerEvent::Kind::kToolArguments) out += send_calls();
      answer_.add(event, options_.ids);
      if (!stream_) continue;
      if (event.kind == AnswerEvent::Kind::kContent) out += line(event.text, "", nullptr);
      if (event.kind == AnswerEvent::Kind::kReasoning) out += line("", event.text, nullptr);
    }
    return out;
  }

  std::string end(int32_t, engine::FinishReason reason, const engine::Usage& usage, int64_t) override {
    answer_.reason = reason;
    usage_ = usage;
    return send_calls();
  }

  std::string finish() override {
    io::Json calls = stream_ ? io::Json(nullptr) : whole_calls();
    io::Json json =
        stream_ ? body("", "", nullptr) : body(answer_.content, answer_.reasoning, std::move(calls));
    json["done"] = true;
    json["done_reason"] = answer_.reason == engine::FinishReason::kStop ? "stop" : "length";
    const auto nanoseconds = [](double seconds) { return static_cast<int64_t>(seconds * 1e9); };
    json["total_duration"] = nanoseconds(options_.now_s() - start_s_ + options_.load_s);
    json["load_duration"] = nanoseconds(options_.load_s);
    json["prompt_eval_count"] = usage_.prompt_tokens;
    json["prompt_eval_duration"] = nanoseconds(usage_.prefill_s);
    json["eval_count"] = usage_.generated_tokens;
    json["eval_duration"] = nanoseconds(usage_.decode_s);
    add_logprobs(json);
    return io::dump_json(json) + "\n";
  }

  std::string fail(const Error& error) override {
    return error_body(Protocol::kOllamaChat, error).json + "\n";
  }
  std::string_view content_type() const override {
    return stream_ ? "application/x-ndjson" : "application/json";
  }

 private:
  io::Json body(std::string_view content, std::string_view thinking, io::Json calls) const {
    io::Json json = {{"model", options_.model}, {"created_at", iso_time(options_.now_s())}};
    if (chat_) {
      io::Json message = {{"role", "assistant"}, {"content", content}};
      if (!thinking.empty()) message["thinking"] = thinking;
      if (!calls.is_null()) message["tool_calls"] = std::move(calls);
      json["message"] = std::move(message);
    } else {
      json["response"] = content;
      if (!thinking.empty()) json["thinking"] = thinking;
    }
    json["done"] = false;
    return json;
  }

  std::string line(std::string_view content, std::string_view thinking, io::Json calls) {
    io::Json json = body(content, thinking, std::move(calls));
    add_logprobs(json);
    return io::dump_json(json) + "\n";
  }

  void add_logprobs(io::Json& json) {
    if (!logprobs_ || answer_.tokens.empty()) return;
    json["logprobs"] = chat_logprobs(answer_.tokens, options_);
    answer_.tokens.clear();
  }

  /// The call as Ollama has it, its arguments an object; null when they were broken off.
  static io::Json call_json(const CallText& call) {
    auto arguments = io::parse_json(call.arguments.empty() ? "{}" : call.arguments, "arguments");
    if (!arguments || !arguments->is_object()) return nullptr;
    return {{"id", call.id},
            {"function", {{"name", call.name}, {"arguments", std::move(arguments).value()}}}};
  }

  /// In a stream a call goes out when it is complete; one that was broken off, as text.
  std::string send_calls() {
    std::string out;
    for (; stream_ && sent_ < answer_.calls.size(); ++sent_) {
      const CallText& call = answer_.calls[sent_];
      io::Json json = call_json(call);
      out +=
          json.is_null() ? line(broken(call), "", nullptr) : line("", "", io::Json::array({std::move(json)}));
    }
    return out;
  }

  static std::string broken(const CallText& call) {
    return concat("{\"name\": ", io::dump_json(call.name), ", \"arguments\": ", call.arguments);
  }

  io::Json whole_calls() {
    io::Json list = io::Json::array();
    for (const CallText& call : answer_.calls) {
      if (io::Json json = call_json(call); !json.is_null())
        list.push_back(std::move(json));
      else
        answer_.content += broken(call);
    }
    return list.empty() ? io::Json(nullptr) : list;
  }

  EncoderOptions options_;
  bool chat_;
  bool stream_;
  bool logprobs_;
  double start_s_;
  AnswerText answer_;
  size_t sent_ = 0;  // calls
  engine::Usage usage_;
};

}  // namespace

std::unique_ptr<ResponseEncoder> make_ollama_encoder(Protocol protocol, const GenerationRequest& request,
                                                     EncoderOptions options) {
  return std::make_unique<OllamaEncoder>(protocol == Protocol::kOllamaChat, request, std::move(options));
}

}  // namespace hearth::wire
