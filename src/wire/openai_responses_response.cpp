// Answers of OpenAI's Responses API: an object with output items, or the stream of events that builds it.
// Source: platform.openai.com/docs/api-reference/{responses/object,responses-streaming}.
#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

class ResponsesEncoder : public ResponseEncoder {
 public:
  ResponsesEncoder(const GenerationRequest& request, EncoderOptions options)
      : options_(std::move(options)),
        id_(options_.ids("resp_")),
        created_s_(static_cast<int64_t>(options_.now_s())),
        stream_(request.stream),
        logprobs_(request.logprobs),
        reflected_(request.reflected) {}

  std::string begin() override {
    const io::Json response = envelope("in_progress");
    std::string out = event("response.created", {{"response", response}});
    out += event("response.in_progress", {{"response", response}});
    return out;
  }

  std::string push(int32_t, std::span<const AnswerEvent> events,
                   std::span<const engine::TokenSignal> tokens) override {
    if (logprobs_) tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    std::string out;
    for (const AnswerEvent& one : events) {
      switch (one.kind) {
        case AnswerEvent::Kind::kContent:
          out += open(Item::kMessage);
          out += text_delta(one.text);
          break;
        case AnswerEvent::Kind::kReasoning:
          out += open(Item::kReasoning);
          text_ += one.text;
          out += item_event("response.reasoning_text.delta", {{"content_index", 0}, {"delta", one.text}});
          break;
        case AnswerEvent::Kind::kToolCall:
          out += close("completed");
          call_ = {one.id.empty() ? options_.ids("call_") : one.id, one.name, ""};
          out += open(Item::kCall);
          break;
        case AnswerEvent::Kind::kToolArguments:
          call_.arguments += one.text;
          out += item_event("response.function_call_arguments.delta", {{"delta", one.text}});
          break;
      }
    }
    return out;
  }

  std::string end(int32_t, engine::FinishReason reason, const engine::Usage& usage,
                  int64_t reasoning_tokens) override {
    complete_ = reason == engine::FinishReason::kStop;
    usage_.add(0, 1, usage, reasoning_tokens);
    return close(status());
  }

  std::string finish() override {
    io::Json response = envelope(status());
    if (!complete_) response["incomplete_details"] = {{"reason", "max_output_tokens"}};
    response["usage"] = usage_.responses();
    if (!stream_) return io::dump_json(response);
    return event(complete_ ? "response.completed" : "response.incomplete",
                 {{"response", std::move(response)}});
  }

  std::string fail(const Error& error) override {
    io::Json response = envelope("failed");
    response["error"] = {{"code", "server_error"}, {"message", error.message}};
    return event("response.failed", {{"response", std::move(response)}});
  }
  std::string_view content_type() const override {
    return stream_ ? "text/event-stream" : "application/json";
  }

 private:
  enum class Item { kNone, kMessage, kReasoning, kCall };

  std::string_view status() const { return complete_ ? "completed" : "incomplete"; }

  io::Json envelope(std::string_view status) const {
    io::Json json = {
        {"id", id_},        {"object", "response"},          {"created_at", created_s_}, {"status", status},
        {"error", nullptr}, {"incomplete_details", nullptr}, {"model", options_.model},  {"output", output_}};
    for (const auto& [key, value] : reflected_.items()) json[key] = value;
    json["usage"] = nullptr;
    return json;
  }

  std::string event(std::string_view type, io::Json members) {
    if (!stream_) return "";
    io::Json json = {{"type", type}, {"sequence_number", sequence_++}};
    for (auto& [key, value] : members.items()) json[key] = std::move(value);
    return sse(type, json);
  }

  /// An event about the item being written.
  std::string item_event(std::string_view type, io::Json members) {
    if (!stream_) return "";
    io::Json json = {{"item_id", item_id_}, {"output_index", output_.size()}};
    for (auto& [key, value] : members.items()) json[key] = std::move(value);
    return event(type, std::move(json));
  }

  io::Json item_json(std::string_view status, bool with_content) const {
    io::Json json = {{"id", item_id_}};
    switch (item_) {
      case Item::kReasoning:
        json["type"] = "reasoning";
        json["summary"] = io::Json::array();
        json["content"] = io::Json::array();
        if (with_content) json["content"].push_back({{"type", "reasoning_text"}, {"text", text_}});
        break;
      case Item::kCall:
        json["type"] = "function_call";
        json["status"] = status;
        json["call_id"] = call_.id;
        json["name"] = call_.name;
        json["arguments"] = call_.arguments;
        break;
      default:
        json["type"] = "message";
        json["status"] = status;
        json["role"] = "assistant";
        json["content"] = io::Json::array();
        if (with_content) json["content"].push_back(text_part(text_, item_logprobs_));
        break;
    }
    return json;
  }

  static io::Json text_part(std::string_view text, io::Json logprobs) {
    return {{"type", "output_text"},
            {"text", text},
            {"annotations", io::Json::array()},
            {"logprobs", std::move(logprobs)}};
  }

  std::string open(Item item) {
    if (item_ == item && item != Item::kCall) return "";
    std::string out = close("completed");
    item_ = item;
    text_.clear();
    item_logprobs_ = io::Json::array();
    item_id_ = options_.ids(item == Item::kMessage ? "msg_" : item == Item::kReasoning ? "rs_" : "fc_");
    if (!stream_) return out;
    out += event("response.output_item.added",
                 {{"output_index", output_.size()}, {"item", item_json("in_progress", false)}});
    if (item == Item::kMessage) {
      out += item_event("response.content_part.added",
                        {{"content_index", 0}, {"part", text_part("", io::Json::array())}});
    } else if (item == Item::kReasoning) {
      out += item_event("response.content_part.added",
                        {{"content_index", 0}, {"part", {{"type", "reasoning_text"}, {"text", ""}}}});
    }
    return out;
  }

  std::string text_delta(std::string_view text) {
    text_ += text;
    io::Json logprobs = chat_logprobs(tokens_, options_);
    tokens_.clear();
    for (const io::Json& entry : logprobs) item_logprobs_.push_back(entry);
    return item_event("response.output_text.delta",
                      {{"content_index", 0}, {"delta", text}, {"logprobs", std::move(logprobs)}});
  }

  std::string close(std::string_view status) {
    if (item_ == Item::kNone) return "";
    std::string out;
    if (item_ == Item::kMessage) {
      out += item_event("response.output_text.done",
                        {{"content_index", 0}, {"text", text_}, {"logprobs", item_logprobs_}});
      out += item_event("response.content_part.done",
                        {{"content_index", 0}, {"part", text_part(text_, item_logprobs_)}});
    } else if (item_ == Item::kReasoning) {
      out += item_event("response.reasoning_text.done", {{"content_index", 0}, {"text", text_}});
      out += item_event("response.content_part.done",
                        {{"content_index", 0}, {"part", {{"type", "reasoning_text"}, {"text", text_}}}});
    } else {
      out += item_event("response.function_call_arguments.done",
                        {{"name", call_.name}, {"arguments", call_.arguments}});
    }
    io::Json item = item_json(status, true);
    out += event("response.output_item.done", {{"output_index", output_.size()}, {"item", item}});
    output_.push_back(std::move(item));
    item_ = Item::kNone;
    return out;
  }

  EncoderOptions options_;
  std::string id_;
  int64_t created_s_;
  bool stream_;
  bool logprobs_;
  io::Json reflected_;
  io::Json output_ = io::Json::array();  // finished items
  int64_t sequence_ = 0;
  bool complete_ = true;
  UsageSum usage_;
  // The item being written.
  Item item_ = Item::kNone;
  std::string item_id_;
  std::string text_;
  CallText call_;
  io::Json item_logprobs_ = io::Json::array();
  std::vector<engine::TokenSignal> tokens_;  // not reported yet
};

}  // namespace

std::unique_ptr<ResponseEncoder> make_openai_responses_encoder(const GenerationRequest& request,
                                                               EncoderOptions options) {
  return std::make_unique<ResponsesEncoder>(request, std::move(options));
}

}  // namespace hearth::wire
