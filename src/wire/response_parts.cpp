// See response_parts.h and response.h.
#include "wire/response_parts.h"

#include <array>
#include <cmath>

#include "base/rng.h"

namespace hearth::wire {
namespace {

constexpr double kLowestLogprob = -9999;

struct CivilTime {
  int64_t year, month, day, hour, minute, second, microsecond;
};

/// Gregorian date of seconds since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
CivilTime civil_time(double time_s) {
  const auto micros = static_cast<int64_t>(std::floor(time_s * 1e6));
  constexpr int64_t kDay = int64_t{86400} * 1000000;
  int64_t days = micros / kDay;
  int64_t rest = micros % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const int64_t z = days + 719468;
  const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const int64_t day_of_era = z - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  return {year, month, day, rest / 3600000000, rest / 60000000 % 60, rest / 1000000 % 60, rest % 1000000};
}

std::string padded(int64_t number, size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

}  // namespace

IdSource random_ids(uint64_t seed) {
  return [rng = Rng(seed)](std::string_view prefix) mutable {
    constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string id(prefix);
    for (int i = 0; i < 24; ++i) id += kLetters[static_cast<size_t>(rng.below(kLetters.size()))];
    return id;
  };
}

std::string sse(const io::Json& json) { return concat("data: ", io::dump_json(json), "\n\n"); }

std::string sse(std::string_view event, const io::Json& json) {
  return concat("event: ", event, "\ndata: ", io::dump_json(json), "\n\n");
}

std::string iso_time(double time_s) {
  const CivilTime t = civil_time(time_s);
  return concat(padded(t.year, 4), "-", padded(t.month, 2), "-", padded(t.day, 2), "T", padded(t.hour, 2),
                ":", padded(t.minute, 2), ":", padded(t.second, 2), ".", padded(t.microsecond, 6), "Z");
}

std::string base64(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < left ? bytes[i + k] : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= left ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

io::Json byte_list(std::string_view text) {
  io::Json list = io::Json::array();
  for (const char c : text) list.push_back(static_cast<unsigned char>(c));
  return list;
}

double finite_logprob(float logprob) {
  // Six digits are more than a float16 computation knows, and half the bytes.
  if (!std::isfinite(logprob)) return kLowestLogprob;
  return std::round(static_cast<double>(logprob) * 1e6) / 1e6;
}

io::Json logprob_entry(std::string_view text, float logprob) {
  return {{"token", text}, {"logprob", finite_logprob(logprob)}, {"bytes", byte_list(text)}};
}

io::Json chat_logprobs(std::span<const engine::TokenSignal> tokens, const EncoderOptions& options) {
  io::Json list = io::Json::array();
  for (const engine::TokenSignal& token : tokens) {
    io::Json entry = logprob_entry(token.text, token.logprob);
    io::Json& top = entry["top_logprobs"] = io::Json::array();
    for (const auto& [id, logprob] : token.top)
      top.push_back(logprob_entry(options.token_text ? options.token_text(id) : std::string(), logprob));
    list.push_back(std::move(entry));
  }
  return list;
}

void AnswerText::add(const AnswerEvent& event, const IdSource& ids) {
  switch (event.kind) {
    case AnswerEvent::Kind::kContent:
      content += event.text;
      break;
    case AnswerEvent::Kind::kReasoning:
      reasoning += event.text;
      break;
    case AnswerEvent::Kind::kToolCall:
      calls.push_back({event.id.empty() ? ids("call_") : event.id, event.name, ""});
      break;
    case AnswerEvent::Kind::kToolArguments:
      if (!calls.empty()) calls.back().arguments += event.text;
      break;
  }
}

void UsageSum::add(int32_t choice, int32_t answers_per_prompt, const engine::Usage& usage,
                   int64_t reasoning) {
  if (choice % std::max(answers_per_prompt, 1) == 0) {
    prompt_tokens += usage.prompt_tokens;
    cached_tokens += usage.cached_tokens;
  }
  generated_tokens += usage.generated_tokens;
  reasoning_tokens += reasoning;
}

io::Json UsageSum::openai() const {
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", generated_tokens},
          {"total_tokens", prompt_tokens + generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", reasoning_tokens}}}};
}

io::Json UsageSum::responses() const {
  return {{"input_tokens", prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", cached_tokens}}},
          {"output_tokens", generated_tokens},
          {"output_tokens_details", {{"reasoning_tokens", reasoning_tokens}}},
          {"total_tokens", prompt_tokens + generated_tokens}};
}

std::string_view openai_finish_reason(engine::FinishReason reason, bool calls) {
  // An answer that was cut off, for whatever reason, must not pass as complete.
  if (reason != engine::FinishReason::kStop) return "length";
  return calls ? "tool_calls" : "stop";
}

std::unique_ptr<ResponseEncoder> make_encoder(Protocol protocol, const GenerationRequest& request,
                                              EncoderOptions options) {
  switch (protocol) {
    case Protocol::kOpenAiChat:
      return make_openai_chat_encoder(request, std::move(options));
    case Protocol::kOpenAiCompletion:
      return make_openai_completion_encoder(request, std::move(options));
    case Protocol::kOpenAiResponses:
      return make_openai_responses_encoder(request, std::move(options));
    default:
      return make_ollama_encoder(protocol, request, std::move(options));
  }
}

}  // namespace hearth::wire
