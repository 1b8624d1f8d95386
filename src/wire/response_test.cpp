// Answers in every protocol, whole and streamed, byte for byte with injected ids and time.
#include "wire/response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

using Kind = AnswerEvent::Kind;
using testing::HasSubstr;

EncoderOptions options() {
  EncoderOptions out;
  out.ids = [count = 0](std::string_view prefix) mutable { return concat(prefix, ++count); };
  out.now_s = [] { return 1700000000.25; };
  out.token_text = [](int32_t id) { return concat("t", id); };
  out.model = "tiny";
  return out;
}

engine::Usage usage(int64_t prompt = 10, int64_t generated = 5) {
  engine::Usage out;
  out.prompt_tokens = prompt;
  out.cached_tokens = 4;
  out.generated_tokens = generated;
  out.prefill_s = 0.5;
  out.decode_s = 0.25;
  return out;
}

GenerationRequest request(bool stream) {
  GenerationRequest out;
  out.stream = stream;
  out.prompts.resize(1);
  return out;
}

/// All bytes of one answer with these events.
std::string encode(Protocol protocol, const GenerationRequest& asked, const std::vector<AnswerEvent>& events,
                   const std::vector<engine::TokenSignal>& tokens = {},
                   engine::FinishReason reason = engine::FinishReason::kStop) {
  const auto encoder = make_encoder(protocol, asked, options());
  std::string out = encoder->begin();
  bool first = true;
  for (const AnswerEvent& event : events) {
    out += encoder->push(0, {&event, 1}, first ? tokens : std::vector<engine::TokenSignal>{});
    first = false;
  }
  out += encoder->end(0, reason, usage());
  return out + encoder->finish();
}

/// The JSON of each event of a stream; "[DONE]" as a string.
std::vector<io::Json> events_of(const std::string& stream) {
  std::vector<io::Json> out;
  size_t at = 0;
  while (at < stream.size()) {
    const size_t end = stream.find("\n\n", at);
    EXPECT_NE(end, std::string::npos) << stream;
    if (end == std::string::npos) break;
    std::string_view block = std::string_view(stream).substr(at, end - at);
    std::string name;
    if (block.starts_with("event: ")) {
      name = block.substr(7, block.find('\n') - 7);
      block.remove_prefix(block.find('\n') + 1);
    }
    EXPECT_TRUE(block.starts_with("data: ")) << block;
    block.remove_prefix(6);
    if (block == "[DONE]") {
      out.emplace_back("[DONE]");
    } else {
      auto json = io::parse_json(block, "event");
      EXPECT_TRUE(json.ok()) << block;
      out.push_back(json.ok() ? *json : io::Json());
      EXPECT_TRUE(name.empty() || out.back()["type"] == name) << block;
    }
    at = end + 2;
  }
  return out;
}

const std::vector<AnswerEvent> kCallEvents = {
    {Kind::kReasoning, "Hm."},         {Kind::kContent, "I look."},
    {Kind::kToolCall, "", 0, "", "f"}, {Kind::kToolArguments, "{\"a\":", 0},
    {Kind::kToolArguments, "1}", 0},   {Kind::kToolCall, "", 1, "own", "g"},
    {Kind::kToolArguments, "{}", 1}};

TEST(OpenAiChatResponse, Whole) {
  EXPECT_EQ(
      encode(Protocol::kOpenAiChat, request(false), {{Kind::kContent, "Hello"}}),
      R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"tiny","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":"Hello","refusal":null},"logprobs":null,"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},)"
      R"("completion_tokens_details":{"reasoning_tokens":0}}})");
  const auto json = io::parse_json(encode(Protocol::kOpenAiChat, request(false), kCallEvents), "").value();
  EXPECT_EQ(
      json["choices"][0]["message"].dump(),
      R"({"role":"assistant","content":"I look.","refusal":null,"reasoning_content":"Hm.","tool_calls":[)"
      R"({"id":"call_2","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},)"
      R"({"id":"own","type":"function","function":{"name":"g","arguments":"{}"}}]})");
  EXPECT_EQ(json["choices"][0]["finish_reason"], "tool_calls");
}

TEST(OpenAiChatResponse, Stream) {
  GenerationRequest asked = request(true);
  asked.include_usage = true;
  const std::string stream = encode(Protocol::kOpenAiChat, asked, kCallEvents);
  const std::vector<io::Json> events = events_of(stream);
  ASSERT_EQ(events.size(), 11u);
  EXPECT_EQ(
      events[0].dump(),
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"tiny","choices":[{"index":0,)"
      R"("delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null})");
  const auto delta = [&](size_t i) { return events[i]["choices"][0]["delta"].dump(); };
  EXPECT_EQ(delta(1), R"({"reasoning_content":"Hm."})");
  EXPECT_EQ(delta(2), R"({"content":"I look."})");
  EXPECT_EQ(
      delta(3),
      R"({"tool_calls":[{"index":0,"id":"call_2","type":"function","function":{"name":"f","arguments":""}}]})");
  EXPECT_EQ(delta(4), R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]})");
  EXPECT_EQ(
      delta(6),
      R"({"tool_calls":[{"index":1,"id":"own","type":"function","function":{"name":"g","arguments":""}}]})");
  EXPECT_EQ(delta(8), "{}");
  EXPECT_EQ(events[8]["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(events[9]["choices"].dump(), "[]");
  EXPECT_EQ(events[9]["usage"]["total_tokens"], 15);
  EXPECT_EQ(events[10], "[DONE]");
}

TEST(OpenAiChatResponse, SeveralAnswersShareAPrompt) {
  GenerationRequest asked = request(false);
  asked.n = 2;
  const auto encoder = make_encoder(Protocol::kOpenAiChat, asked, options());
  encoder->begin();
  const AnswerEvent a{Kind::kContent, "a"};
  const AnswerEvent b{Kind::kContent, "b"};
  encoder->push(1, {&b, 1}, {});
  encoder->push(0, {&a, 1}, {});
  encoder->end(1, engine::FinishReason::kLength, usage());
  encoder->end(0, engine::FinishReason::kStop, usage());
  const auto json = io::parse_json(encoder->finish(), "").value();
  EXPECT_EQ(json["choices"][0]["message"]["content"], "a");
  EXPECT_EQ(json["choices"][1]["message"]["content"], "b");
  EXPECT_EQ(json["choices"][1]["finish_reason"], "length");
  EXPECT_EQ(json["usage"]["prompt_tokens"], 10);
  EXPECT_EQ(json["usage"]["completion_tokens"], 10);
}

TEST(OpenAiChatResponse, Logprobs) {
  GenerationRequest asked = request(false);
  asked.logprobs = true;
  const std::vector<engine::TokenSignal> tokens = {
      {1, "\xC3", -0.5f, {{1, -0.5f}, {2, -std::numeric_limits<float>::infinity()}}}, {3, "b", -0.25f, {}}};
  const auto json =
      io::parse_json(encode(Protocol::kOpenAiChat, asked, {{Kind::kContent, "x"}}, tokens), "").value();
  EXPECT_EQ(json["choices"][0]["logprobs"].dump(),
            "{\"content\":[{\"token\":\"\xEF\xBF\xBD\",\"logprob\":-0.5,\"bytes\":[195],\"top_logprobs\":[{"
            "\"token\":\"t1\",\"logprob\":"
            "-0.5,\"bytes\":[116,49]},{\"token\":\"t2\",\"logprob\":-9999.0,\"bytes\":[116,50]}]},{\"token\":"
            "\"b\",\"logprob\":-0.25,"
            "\"bytes\":[98],\"top_logprobs\":[]}],\"refusal\":null}");
  asked.stream = true;
  const auto events = events_of(encode(Protocol::kOpenAiChat, asked, {{Kind::kContent, "x"}}, tokens));
  EXPECT_EQ(events[1]["choices"][0]["logprobs"]["content"].size(), 2u);
  EXPECT_TRUE(events[2]["choices"][0]["logprobs"].is_null());
}

TEST(OpenAiChatResponse, FailsInTheMiddle) {
  const auto encoder = make_encoder(Protocol::kOpenAiChat, request(true), options());
  encoder->begin();
  const auto events = events_of(encoder->fail(Error{ErrorCode::kInternal, "broke"}));
  EXPECT_EQ(events[0].dump(),
            R"({"error":{"message":"broke","type":"server_error","param":null,"code":"internal_error"}})");
}

TEST(OpenAiCompletionResponse, WholeAndStream) {
  GenerationRequest asked = request(false);
  asked.logprobs = true;
  asked.prompts.resize(2);
  const auto encoder = make_encoder(Protocol::kOpenAiCompletion, asked, options());
  const AnswerEvent a{Kind::kContent, "ab"};
  const std::vector<engine::TokenSignal> tokens = {{1, "a", -0.5f, {{1, -0.5f}}}, {2, "b", -1.0f, {}}};
  encoder->push(1, {&a, 1}, tokens);
  encoder->end(0, engine::FinishReason::kLength, usage());
  encoder->end(1, engine::FinishReason::kStop, usage());
  const auto json = io::parse_json(encoder->finish(), "").value();
  EXPECT_EQ(
      json["choices"][1].dump(),
      R"({"text":"ab","index":1,"logprobs":{"text_offset":[0,1],"token_logprobs":[-0.5,-1.0],"tokens":["a","b"],)"
      R"("top_logprobs":[{"t1":-0.5},{}]},"finish_reason":"stop"})");
  EXPECT_EQ(json["usage"]["prompt_tokens"], 20);
  const auto events = events_of(encode(Protocol::kOpenAiCompletion, request(true), {{Kind::kContent, "a"}}));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0]["choices"].dump(), R"([{"text":"a","index":0,"logprobs":null,"finish_reason":null}])");
  EXPECT_EQ(events[1]["choices"][0]["finish_reason"], "stop");
}

TEST(OpenAiResponsesResponse, WholeAndStreamAgree) {
  const auto parsed =
      parse_openai_responses(R"({"input":"x","stream":true,"temperature":0.5})", plain_defaults());
  ASSERT_TRUE(parsed.ok());
  const std::vector<io::Json> events = events_of(encode(Protocol::kOpenAiResponses, *parsed, kCallEvents));
  std::vector<std::string> types;
  for (size_t i = 0; i < events.size(); ++i) {
    types.push_back(events[i]["type"].get<std::string>());
    EXPECT_EQ(events[i]["sequence_number"], i);
  }
  EXPECT_THAT(
      types,
      testing::ElementsAre(
          "response.created", "response.in_progress", "response.output_item.added",
          "response.content_part.added", "response.reasoning_text.delta", "response.reasoning_text.done",
          "response.content_part.done", "response.output_item.done", "response.output_item.added",
          "response.content_part.added", "response.output_text.delta", "response.output_text.done",
          "response.content_part.done", "response.output_item.done", "response.output_item.added",
          "response.function_call_arguments.delta", "response.function_call_arguments.delta",
          "response.function_call_arguments.done", "response.output_item.done", "response.output_item.added",
          "response.function_call_arguments.delta", "response.function_call_arguments.done",
          "response.output_item.done", "response.completed"));
  const io::Json& last = events.back()["response"];
  GenerationRequest whole = *parsed;
  whole.stream = false;
  EXPECT_EQ(encode(Protocol::kOpenAiResponses, whole, kCallEvents), last.dump());
  EXPECT_EQ(
      last["output"].dump(),
      R"([{"id":"rs_2","type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"Hm."}]},)"
      R"({"id":"msg_3","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"I look.","annotations":[],"logprobs":[]}]},)"
      R"({"id":"fc_5","type":"function_call","status":"completed","call_id":"call_4","name":"f","arguments":"{\"a\":1}"},)"
      R"({"id":"fc_6","type":"function_call","status":"completed","call_id":"own","name":"g","arguments":"{}"}])");
  EXPECT_EQ(last["temperature"], 0.5);
  EXPECT_EQ(last["usage"]["input_tokens"], 10);
  const auto cut = events_of(encode(Protocol::kOpenAiResponses, *parsed, {{Kind::kContent, "x"}}, {},
                                    engine::FinishReason::kLength));
  EXPECT_EQ(cut.back()["type"], "response.incomplete");
  EXPECT_EQ(cut.back()["response"]["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(cut.back()["response"]["output"][0]["status"], "incomplete");
}

TEST(OllamaResponse, ChatAndGenerate) {
  const std::string stream = encode(Protocol::kOllamaChat, request(true), kCallEvents);
  EXPECT_THAT(
      stream,
      HasSubstr(
          R"({"model":"tiny","created_at":"2023-11-14T22:13:20.250000Z","message":{"role":"assistant","content":"","thinking":"Hm."},"done":false})"
          "\n"));
  EXPECT_THAT(
      stream,
      HasSubstr(
          R"("message":{"role":"assistant","content":"","tool_calls":[{"id":"call_1","function":{"name":"f","arguments":{"a":1}}}]},"done":false})"
          "\n"));
  EXPECT_THAT(
      stream,
      testing::EndsWith(
          R"("message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":0,)"
          R"("load_duration":0,"prompt_eval_count":10,"prompt_eval_duration":500000000,"eval_count":5,"eval_duration":250000000})"
          "\n"));
  EXPECT_EQ(std::count(stream.begin(), stream.end(), '\n'), 5);
  EXPECT_THAT(encode(Protocol::kOllamaGenerate, request(false), {{Kind::kContent, "Hi"}}),
              HasSubstr(R"("response":"Hi","done":true)"));
  // Arguments broken off are not lost.
  const std::vector<AnswerEvent> broken = {{Kind::kToolCall, "", 0, "", "f"},
                                           {Kind::kToolArguments, "{\"a\":", 0}};
  EXPECT_THAT(encode(Protocol::kOllamaChat, request(false), broken),
              HasSubstr(R"("content":"{\"name\": \"f\", \"arguments\": {\"a\":"})"));
  EXPECT_THAT(encode(Protocol::kOllamaChat, request(true), broken),
              HasSubstr(R"("content":"{\"name\": \"f\", \"arguments\": {\"a\":"})"));
}

TEST(ErrorBody, ShapesAndStatus) {
  const ErrorBody usage_error =
      error_body(Protocol::kOpenAiChat, Error{ErrorCode::kUsage, "messages[0].role: is wrong"});
  EXPECT_EQ(usage_error.status, 400);
  EXPECT_EQ(
      usage_error.json,
      R"({"error":{"message":"messages[0].role: is wrong","type":"invalid_request_error","param":"messages[0].role","code":null}})");
  const ErrorBody large = error_body(
      Protocol::kOpenAiChat, Error{ErrorCode::kTooLarge, "the prompt has 5 tokens but the context holds 4"});
  EXPECT_EQ(large.status, 400);
  EXPECT_THAT(large.json, HasSubstr(R"("param":null,"code":"context_length_exceeded")"));
  EXPECT_EQ(error_body(Protocol::kOpenAiChat, Error{ErrorCode::kNotFound, "x"}).status, 404);
  EXPECT_EQ(error_body(Protocol::kOpenAiChat, Error{ErrorCode::kInternal, "x"}).status, 500);
  EXPECT_THAT(error_body(Protocol::kOpenAiChat, 429, "later").json,
              HasSubstr(R"("type":"rate_limit_error")"));
  EXPECT_EQ(error_body(Protocol::kOllamaChat, 401, "no").json, R"({"error":"no"})");
}

TEST(Embeddings, FloatAndBase64) {
  const EmbeddingAnswer answer = {"\"m", {{1.0F, -2.0F}, {0.1F, 1e-10F}}, 3, 0.5, 0.25};
  EmbeddingRequest asked;
  EXPECT_EQ(
      encode_openai_embeddings(asked, answer),
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,-2]},{"object":"embedding","index":1,"embedding":[0.1,1e-10]}],"model":"\"m","usage":{"prompt_tokens":3,"total_tokens":3}})");
  asked.base64 = true;
  EXPECT_THAT(encode_openai_embeddings(asked, answer), HasSubstr(R"("index":0,"embedding":"AACAPwAAAMA=")"));
  EXPECT_EQ(
      encode_ollama_embed(asked, answer),
      R"({"model":"\"m","embeddings":[[1,-2],[0.1,1e-10]],"total_duration":500000000,"load_duration":250000000,"prompt_eval_count":3})");
  EXPECT_EQ(encode_ollama_embeddings(asked, answer), R"({"embedding":[1,-2]})");
}

TEST(Models, Lists) {
  ModelInfo model;
  model.id = "tiny";
  model.created_s = 0;
  model.architecture = "arch";
  model.context_tokens = 512;
  model.tools = true;
  EXPECT_EQ(
      encode_models({&model, 1}),
      R"({"object":"list","data":[{"id":"tiny","object":"model","created":0,"owned_by":"hearth","max_model_len":512}]})");
  EXPECT_THAT(encode_ollama_tags({&model, 1}), HasSubstr(R"({"models":[{"name":"tiny","model":"tiny")"));
  EXPECT_EQ(encode_ollama_ps({&model, 1}), R"({"models":[]})");
  model.loaded = true;
  model.expires_s = 951782400;  // a leap day
  EXPECT_THAT(encode_ollama_ps({&model, 1}), HasSubstr("2000-02-29T00:00:00.000000Z"));
  EXPECT_THAT(encode_ollama_show(model), HasSubstr(R"("capabilities":["completion","tools"])"));
}

TEST(Ids, AreRandomAndRepeatable) {
  IdSource a = random_ids(1);
  IdSource b = random_ids(1);
  const std::string first = a("call_");
  EXPECT_EQ(first, b("call_"));
  EXPECT_EQ(first.size(), 29u);
  EXPECT_NE(first, a("call_"));
}

}  // namespace
}  // namespace hearth::wire
