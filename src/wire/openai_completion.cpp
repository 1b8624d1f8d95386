// OpenAI's older text completions, both ways. Source: platform.openai.com/docs/api-reference/completions.
#include "wire/request_parts.h"
#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

constexpr int64_t kDefaultMaxTokens = 16;  // OpenAI's
constexpr int64_t kMaxPrompts = 1024;

Result<std::vector<int32_t>> read_ids(const io::Json& list, const std::string& path) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::optional<int64_t> id = as_integer(list[i]);
    if (!id || *id < 0 || *id > std::numeric_limits<int32_t>::max())
      return fail(ErrorCode::kUsage, path, "[", i, "]: must be a token id");
    ids.push_back(static_cast<int32_t>(*id));
  }
  return ids;
}

class CompletionEncoder : public ResponseEncoder {
 public:
  CompletionEncoder(const GenerationRequest& request, EncoderOptions options)
      : options_(std::move(options)),
        id_(options_.ids("cmpl-")),
        created_s_(static_cast<int64_t>(options_.now_s())),
        stream_(request.stream),
        include_usage_(request.include_usage),
        logprobs_(request.logprobs),
        n_(request.n),
        answers_(static_cast<size_t>(request.n) * request.prompts.size()),
        offsets_(answers_.size()) {}

  std::string begin() override { return ""; }

  std::string push(int32_t choice, std::span<const AnswerEvent> events,
                   std::span<const engine::TokenSignal> tokens) override {
    AnswerText& answer = answers_[static_cast<size_t>(choice)];
    if (logprobs_) answer.tokens.insert(answer.tokens.end(), tokens.begin(), tokens.end());
    std::string text;
    for (const AnswerEvent& event : events) text += event.text;
    if (!stream_) answer.content += text;
    if (!stream_ || text.empty()) return "";
    return chunk(choice, text, take_logprobs(choice), nullptr);
  }

  std::string end(int32_t choice, engine::FinishReason reason, const engine::Usage& usage,
                  int64_t reasoning_tokens) override {
    answers_[static_cast<size_t>(choice)].reason = reason;
    usage_.add(choice, n_, usage, reasoning_tokens);
    if (!stream_) return "";
    return chunk(choice, "", take_logprobs(choice), openai_finish_reason(reason, false));
  }

  std::string finish() override {
    io::Json json = envelope();
    json["choices"] = io::Json::array();
    if (stream_) {
      json["usage"] = usage_.openai();
      return (include_usage_ ? sse(json) : std::string()) + "data: [DONE]\n\n";
    }
    for (size_t i = 0; i < answers_.size(); ++i) {
      const auto choice = static_cast<int32_t>(i);
      json["choices"].push_back(entry(choice, answers_[i].content, take_logprobs(choice),
                                      openai_finish_reason(answers_[i].reason, false)));
    }
    json["usage"] = usage_.openai();
    return io::dump_json(json);
  }

  std::string fail(const Error& error) override {
    return concat("data: ", error_body(Protocol::kOpenAiCompletion, error).json, "\n\n");
  }
  std::string_view content_type() const override {
    return stream_ ? "text/event-stream" : "application/json";
  }

 private:
  io::Json envelope() const {
    io::Json json = {
        {"id", id_}, {"object", "text_completion"}, {"created", created_s_}, {"model", options_.model}};
    if (!options_.system_fingerprint.empty()) json["system_fingerprint"] = options_.system_fingerprint;
    return json;
  }

  static io::Json entry(int32_t choice, std::string_view text, io::Json logprobs, io::Json reason) {
    return {{"text", text},
            {"index", choice},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", std::move(reason)}};
  }

  std::string chunk(int32_t choice, std::string_view text, io::Json logprobs, io::Json reason) const {
    io::Json json = envelope();
    json["choices"] = io::Json::array({entry(choice, text, std::move(logprobs), std::move(reason))});
    if (include_usage_) json["usage"] = nullptr;
    return sse(json);
  }

  io::Json take_logprobs(int32_t choice) {
    AnswerText& answer = answers_[static_cast<size_t>(choice)];
    size_t& offset = offsets_[static_cast<size_t>(choice)];
    if (!logprobs_ || (stream_ && answer.tokens.empty())) return nullptr;
    io::Json out = {{"text_offset", io::Json::array()},
                    {"token_logprobs", io::Json::array()},
                    {"tokens", io::Json::array()},
                    {"top_logprobs", io::Json::array()}};
    for (const engine::TokenSignal& token : answer.tokens) {
      out["text_offset"].push_back(offset);
      out["token_logprobs"].push_back(finite_logprob(token.logprob));
      out["tokens"].push_back(token.text);
      io::Json top = io::Json::object();
      for (const auto& [id, logprob] : token.top)
        top[options_.token_text ? options_.token_text(id) : std::to_string(id)] = finite_logprob(logprob);
      out["top_logprobs"].push_back(std::move(top));
      offset += token.text.size();
    }
    answer.tokens.clear();
    return out;
  }

  EncoderOptions options_;
  std::string id_;
  int64_t created_s_;
  bool stream_;
  bool include_usage_;
  bool logprobs_;
  int32_t n_;
  std::vector<AnswerText> answers_;
  std::vector<size_t> offsets_;  // bytes of text so far
  UsageSum usage_;
};

Status refuse_the_rest(const Members& body, const GenerationRequest& request) {
  HEARTH_RETURN_IF_ERROR(body.refuse("suffix", "filling in the middle is not supported"));
  HEARTH_ASSIGN(const std::optional<int64_t> best_of, body.integer("best_of", 0, 1024));
  if (best_of.value_or(1) > request.n)
    return fail(ErrorCode::kUnsupported, "best_of: only as many as n are made");
  if (request.echo && request.logprobs)
    return fail(ErrorCode::kUnsupported, "echo: log-probabilities of the prompt are not reported");
  return {};
}

}  // namespace

Status read_inputs(const Members& body, std::string_view key, int64_t most, std::vector<std::string>& texts,
                   std::vector<std::vector<int32_t>>& ids) {
  const io::Json* value = body.find(key);
  if (value == nullptr) return body.wrong(key, "is missing");
  const auto add = [&](const io::Json& item, const std::string& path) -> Status {
    if (item.is_array()) {
      HEARTH_ASSIGN(ids.emplace_back(), read_ids(item, path));
      texts.emplace_back();
      if (ids.back().empty()) return hearth::fail(ErrorCode::kUsage, path, ": is an empty list");
      return {};
    }
    if (!item.is_string()) {
      return hearth::fail(ErrorCode::kUsage, path, ": must be text or a list of token ids, not ",
                          kind_of(item));
    }
    texts.push_back(item.get<std::string>());
    ids.emplace_back();
    return {};
  };
  const bool many = value->is_array() && (value->empty() || !value->front().is_number());
  if (!many) return add(*value, body.path(key));
  if (value->empty() || static_cast<int64_t>(value->size()) > most)
    return body.wrong(key, "has ", value->size(), " entries; from 1 to ", most, " are allowed");
  for (size_t i = 0; i < value->size(); ++i) {
    HEARTH_RETURN_IF_ERROR(add((*value)[i], concat(body.path(key), "[", i, "]")));
  }
  return {};
}

Result<GenerationRequest> parse_openai_completion(std::string_view text, const SamplingDefaults& defaults) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  GenerationRequest request;
  HEARTH_ASSIGN(request.model, body.string_or_empty("model"));
  engine::CompletionRequest prompt;
  HEARTH_ASSIGN(prompt.sampling, defaults(request.model));
  HEARTH_RETURN_IF_ERROR(refuse_foreign_options(body));
  HEARTH_RETURN_IF_ERROR(read_sampling(body, openai_sampling_members(), prompt.sampling));
  HEARTH_RETURN_IF_ERROR(read_seed(body, prompt.sampling));
  HEARTH_RETURN_IF_ERROR(read_logit_bias(body, prompt.sampling));
  HEARTH_ASSIGN(prompt.stop, read_stop(body));
  HEARTH_ASSIGN(prompt.ignore_end, body.boolean_or("ignore_eos", false));
  HEARTH_ASSIGN(const std::optional<int64_t> max_tokens, read_max_tokens(body, "max_tokens", 0));
  prompt.max_tokens = max_tokens.value_or(kDefaultMaxTokens);
  HEARTH_ASSIGN(const std::optional<int64_t> n, body.integer("n", 1, 128));
  request.n = static_cast<int32_t>(n.value_or(1));
  HEARTH_RETURN_IF_ERROR(read_stream(body, request));
  HEARTH_ASSIGN(request.echo, body.boolean_or("echo", false));
  HEARTH_ASSIGN(const std::optional<int64_t> logprobs, body.integer("logprobs", 0, kMaxTopLogprobs));
  request.logprobs = logprobs.has_value();
  prompt.sampling.top_logprobs = static_cast<int32_t>(logprobs.value_or(0));
  HEARTH_RETURN_IF_ERROR(refuse_the_rest(body, request));
  HEARTH_RETURN_IF_ERROR(read_response_format(body, request));
  HEARTH_ASSIGN(request.user, body.string_or_empty("user"));
  HEARTH_ASSIGN(request.priority, read_priority(body));
  request.separate_reasoning = false;
  std::vector<std::string> texts;
  HEARTH_RETURN_IF_ERROR(read_inputs(body, "prompt", kMaxPrompts, texts, request.prompt_ids));
  for (std::string& one : texts) {
    request.prompts.push_back(prompt);
    request.prompts.back().prompt = std::move(one);
  }
  return request;
}

std::unique_ptr<ResponseEncoder> make_openai_completion_encoder(const GenerationRequest& request,
                                                                EncoderOptions options) {
  return std::make_unique<CompletionEncoder>(request, std::move(options));
}

}  // namespace hearth::wire
