// What any protocol's request comes down to, and one parser per endpoint. A parser checks every member it
// knows and names the one that is wrong; members it does not know are passed over, as the original services
// do; members that would change the answer in a way hearth does not do are refused. Must not know sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/completer.h"
#include "io/json.h"

namespace hearth::wire {

/// A function that the model may ask to have called.
struct Tool {
  std::string name;
  std::string description;
  io::Json parameters = io::Json::object();  // JSON Schema of the arguments
  bool strict = false;
};

struct ToolChoice {
  enum class Kind { kAuto, kNone, kRequired, kNamed };
  Kind kind = Kind::kAuto;
  std::string name;  // of kNamed
};

/// What the text of the answer must look like.
enum class ResponseFormat { kText, kJsonObject, kJsonSchema, kRegex, kGrammar };

struct GenerationRequest {
  std::string model;  // as asked for; may be empty
  /// One for a chat; as many as there are prompts for /v1/completions. A chat has chat_json in the form that
  /// Hugging Face templates expect, with "tools" in it unless the model must not call any.
  std::vector<engine::CompletionRequest> prompts;
  /// Prompts given as token ids: one list per entry of `prompts`, empty where that is text.
  std::vector<std::vector<int32_t>> prompt_ids;
  int32_t n = 1;  // answers per prompt; the index of an answer is prompt * n + k
  bool stream = false;
  bool include_usage = false;  // a last event with the usage
  bool echo = false;           // the answer starts with the prompt
  bool logprobs = false;       // report them; how many is sampling.top_logprobs

  ResponseFormat format = ResponseFormat::kText;
  io::Json response_schema;  // of kJsonSchema
  bool strict = false;
  std::string pattern;  // of kRegex
  std::string grammar;  // of kGrammar: GBNF

  std::vector<Tool> tools;  // empty: no calls are looked for in the answer
  ToolChoice tool_choice;
  bool parallel_tool_calls = true;
  bool separate_reasoning = true;

  std::string user;                    // as the client calls who asks; turns and limits go by key or address
  int32_t priority = 0;                // as vLLM means it: less comes first
  std::optional<double> keep_alive_s;  // negative: for ever
  bool load_only = false;  // Ollama: nothing to answer, the model shall be loaded (or, at 0, unloaded)
  io::Json reflected = io::Json::object();  // members that the answer repeats (Responses)
};

struct EmbeddingRequest {
  std::string model;
  std::vector<std::string> inputs;
  std::vector<std::vector<int32_t>> input_ids;  // one list per entry of `inputs`, empty where that is text
  bool base64 = false;
  std::optional<int64_t> dimensions;  // fewer than the model's
  std::string user;
  std::optional<double> keep_alive_s;  // negative: for ever
  int32_t priority = 0;                // as vLLM means it: less comes first
};

/// Sampling settings to start from, for the model named in the request (which may be ""). Its error, such as
/// kNotFound for an unknown model, is the parser's.
using SamplingDefaults = std::function<Result<runtime::SamplingParams>(const std::string& model)>;
/// hearth's own defaults for any model.
SamplingDefaults plain_defaults();

// Errors of all: kUsage ("messages[2].content: ..."; also for text that is no JSON), kUnsupported, and those
// of `defaults`.
Result<GenerationRequest> parse_openai_chat(std::string_view body, const SamplingDefaults& defaults);
Result<GenerationRequest> parse_openai_completion(std::string_view body, const SamplingDefaults& defaults);
Result<GenerationRequest> parse_openai_responses(std::string_view body, const SamplingDefaults& defaults);
Result<EmbeddingRequest> parse_openai_embeddings(std::string_view body);
Result<GenerationRequest> parse_ollama_chat(std::string_view body, const SamplingDefaults& defaults);
Result<GenerationRequest> parse_ollama_generate(std::string_view body, const SamplingDefaults& defaults);
/// /api/embed: "input", one or many.
Result<EmbeddingRequest> parse_ollama_embed(std::string_view body);
/// The older /api/embeddings: one "prompt".
Result<EmbeddingRequest> parse_ollama_embeddings(std::string_view body);

}  // namespace hearth::wire
