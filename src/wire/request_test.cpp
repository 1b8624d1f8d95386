// Requests as the real clients send them, and what is wrong with others, named.
#include "wire/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/config.h"

namespace hearth::wire {
namespace {

using testing::HasSubstr;

using Parser = Result<GenerationRequest> (*)(std::string_view, const SamplingDefaults&);

GenerationRequest parsed(Parser parse, std::string_view body) {
  auto request = parse(body, plain_defaults());
  EXPECT_TRUE(request.ok()) << (request.ok() ? "" : request.error().message) << "\n" << body;
  return request.ok() ? std::move(request).value() : GenerationRequest{};
}
GenerationRequest chat(std::string_view body) { return parsed(parse_openai_chat, body); }

std::string failure(Parser parse, std::string_view body, ErrorCode code = ErrorCode::kUsage) {
  const auto request = parse(body, plain_defaults());
  EXPECT_FALSE(request.ok()) << body;
  if (request.ok()) return "";
  EXPECT_EQ(request.error().code, code) << request.error().message;
  return request.error().message;
}
std::string chat_failure(std::string_view members, ErrorCode code = ErrorCode::kUsage) {
  return failure(parse_openai_chat, concat(R"({"messages":[{"role":"user","content":"x"}],)", members, "}"),
                 code);
}

std::string option(runtime::SamplingParams params, std::string_view name) {
  for (const OptionInfo& info : list_options(std::move(params))) {
    if (info.name == name) return info.default_value;
  }
  return "?";
}

io::Json variables(const GenerationRequest& request) {
  return io::parse_json(request.prompts.at(0).chat_json, "chat").value();
}

// openai-node, ai-sdk and others: what their examples put on the wire.
TEST(OpenAiChatRequest, EverythingAtOnce) {
  const GenerationRequest request = chat(R"({"model":"tiny","messages":[
    {"role":"developer","content":"Be brief."},
    {"role":"user","name":"ann","content":[{"type":"text","text":"Weather"},{"type":"text","text":"in Paris?"}]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\": \"Paris\"}"}}]},
    {"role":"tool","tool_call_id":"call_1","content":"sunny"}],
    "temperature":0.5,"top_p":0.9,"top_k":-1,"min_p":0,"seed":42,"frequency_penalty":0.1,"presence_penalty":-0.2,"logit_bias":{"50256":-100},
    "max_tokens":7,"max_completion_tokens":9,"stop":["\n","END"],"n":2,"stream":true,"stream_options":{"include_usage":true},
    "logprobs":true,"top_logprobs":3,"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object"}}},
    "tools":[{"type":"function","function":{"name":"get_weather","description":"d","parameters":{"type":"object","properties":{"city":{"type":"string"}}},"strict":true}}],
    "tool_choice":{"type":"function","function":{"name":"get_weather"}},"parallel_tool_calls":false,"user":"u","store":true,"metadata":{},"unknown":1})");
  EXPECT_EQ(request.model, "tiny");
  ASSERT_EQ(request.prompts.size(), 1u);
  const engine::CompletionRequest& prompt = request.prompts[0];
  EXPECT_EQ(option(prompt.sampling, "temp"), "0.5");
  EXPECT_EQ(option(prompt.sampling, "top_p"), "0.9");
  EXPECT_EQ(option(prompt.sampling, "top_k"), "0");
  EXPECT_EQ(option(prompt.sampling, "min_p"), "0");
  EXPECT_EQ(option(prompt.sampling, "frequency_penalty"), "0.1");
  EXPECT_EQ(option(prompt.sampling, "presence_penalty"), "-0.2");
  EXPECT_EQ(option(prompt.sampling, "logit_bias"), "50256:-100");
  EXPECT_EQ(prompt.sampling.seed, 42u);
  EXPECT_EQ(prompt.sampling.top_logprobs, 3);
  EXPECT_EQ(prompt.max_tokens, 9);
  EXPECT_THAT(prompt.stop, testing::ElementsAre("\n", "END"));
  EXPECT_EQ(request.n, 2);
  EXPECT_TRUE(request.stream && request.include_usage && request.logprobs && request.strict);
  EXPECT_EQ(request.format, ResponseFormat::kJsonSchema);
  EXPECT_EQ(request.response_schema.dump(), R"({"type":"object"})");
  ASSERT_EQ(request.tools.size(), 1u);
  EXPECT_TRUE(request.tools[0].strict);
  EXPECT_EQ(request.tool_choice.kind, ToolChoice::Kind::kNamed);
  EXPECT_EQ(request.tool_choice.name, "get_weather");
  EXPECT_FALSE(request.parallel_tool_calls);
  const io::Json vars = variables(request);
  EXPECT_EQ(
      vars["messages"].dump(),
      R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Weather\nin Paris?","name":"ann"},)"
      R"({"role":"assistant","content":"","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":{"city":"Paris"}}}]},)"
      R"({"role":"tool","content":"sunny","tool_call_id":"call_1","name":"get_weather"}])");
  EXPECT_EQ(vars["tools"][0]["function"]["name"], "get_weather");
}

TEST(OpenAiChatRequest, LittleIsEnough) {
  const GenerationRequest request = chat(R"({"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(request.model, "");
  EXPECT_EQ(request.n, 1);
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(request.prompts[0].max_tokens, -1);
  EXPECT_EQ(request.format, ResponseFormat::kText);
  EXPECT_EQ(variables(request).dump(), R"({"messages":[{"role":"user","content":"hi"}]})");
  // null is absent.
  chat(
      R"({"messages":[{"role":"user","content":"hi"}],"temperature":null,"stop":null,"tools":null,"response_format":null,"seed":null,"logit_bias":null})");
}

TEST(OpenAiChatRequest, DefaultsComeFromTheModel) {
  std::string asked;
  const SamplingDefaults defaults = [&](const std::string& model) -> Result<runtime::SamplingParams> {
    asked = model;
    if (model == "none") return fail(ErrorCode::kNotFound, "model 'none' does not exist");
    return runtime::SamplingParams::greedy();
  };
  const auto request =
      parse_openai_chat(R"({"model":"m","messages":[{"role":"user","content":"x"}]})", defaults);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(asked, "m");
  EXPECT_EQ(option(request->prompts[0].sampling, "temp"), "0");
  const auto missing =
      parse_openai_chat(R"({"model":"none","messages":[{"role":"user","content":"x"}]})", defaults);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(OpenAiChatRequest, SeedsAreAllFixed) {
  const auto seed = [](std::string_view text) {
    return chat(concat(R"({"messages":[{"role":"user","content":"x"}],"seed":)", text, "}"))
        .prompts[0]
        .sampling.seed;
  };
  EXPECT_NE(seed("0"), 0u);
  EXPECT_NE(seed("-1"), 0u);
  EXPECT_EQ(seed("18446744073709551615"), ~uint64_t{0});
}

TEST(OpenAiChatRequest, ToolChoicesAndOldForms) {
  const std::string_view tools =
      R"("tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"x"}])";
  EXPECT_FALSE(variables(chat(concat("{", tools, R"(,"tool_choice":"none"})"))).contains("tools"));
  EXPECT_EQ(chat(concat("{", tools, R"(,"tool_choice":"required"})")).tool_choice.kind,
            ToolChoice::Kind::kRequired);
  EXPECT_EQ(
      variables(chat(concat("{", tools, "}")))["tools"].dump(),
      R"([{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}])");
  const GenerationRequest old = chat(
      R"({"functions":[{"name":"f"}],"function_call":{"name":"f"},"messages":[{"role":"assistant","content":null,)"
      R"("function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"}]})");
  EXPECT_EQ(old.tool_choice.name, "f");
  EXPECT_EQ(
      variables(old)["messages"].dump(),
      R"([{"role":"assistant","content":"","tool_calls":[{"type":"function","function":{"name":"f","arguments":{}}}]},)"
      R"({"role":"tool","content":"1","name":"f"}])");
}

TEST(OpenAiChatRequest, ConstraintsOfOtherServers) {
  const auto with = [](std::string_view members) {
    return chat(concat(R"({"messages":[{"role":"user","content":"x"}],)", members, "}"));
  };
  EXPECT_EQ(with(R"("guided_regex":"a+")").pattern, "a+");
  EXPECT_EQ(with(R"x("guided_choice":["yes","no (1.5)"])x").pattern, "(yes|no \\(1\\.5\\))");
  EXPECT_EQ(with(R"("guided_json":"{\"type\":\"string\"}")").response_schema.dump(), R"({"type":"string"})");
  EXPECT_EQ(with(R"("structured_outputs":{"grammar":"root ::= \"a\""})").grammar, "root ::= \"a\"");
  EXPECT_EQ(with(R"("grammar":"root ::= [a]")").format, ResponseFormat::kGrammar);
  EXPECT_EQ(with(R"("response_format":{"type":"json_object"})").format, ResponseFormat::kJsonObject);
  EXPECT_EQ(with(R"("response_format":{"type":"json_object","schema":{"type":"object"}})").format,
            ResponseFormat::kJsonSchema);
  EXPECT_EQ(variables(with(R"("chat_template_kwargs":{"enable_thinking":false,"x":[1]})"))["enable_thinking"],
            false);
  EXPECT_EQ(variables(with(R"("reasoning_effort":"none")"))["enable_thinking"], false);
}

TEST(OpenAiChatRequest, WrongMembersAreNamed) {
  EXPECT_THAT(failure(parse_openai_chat, "{"), HasSubstr("line 1, column 2"));
  EXPECT_EQ(failure(parse_openai_chat, "[]"), "the request: must be a JSON object, not a list");
  EXPECT_EQ(failure(parse_openai_chat, "{}"), "messages: is missing");
  EXPECT_EQ(failure(parse_openai_chat, R"({"messages":[]})"),
            "messages: is empty; give at least one message");
  EXPECT_EQ(failure(parse_openai_chat, R"({"messages":["x"]})"),
            "messages[0]: must be an object, not a string");
  EXPECT_EQ(failure(parse_openai_chat, R"({"messages":[{"role":"user"}]})"),
            "messages[0].content: is missing; it must be a string");
  EXPECT_EQ(failure(parse_openai_chat, R"({"messages":[{"role":"king","content":""}]})"),
            "messages[0].role: must be system, developer, user, assistant or tool, not \"king\"");
  EXPECT_EQ(
      failure(parse_openai_chat,
              R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]})",
              ErrorCode::kUnsupported),
      "messages[0].content[0].type: only text parts are supported, not \"image_url\"");
  EXPECT_EQ(chat_failure(R"("temperature":"hot")"), "temperature: must be a number, not a string");
  EXPECT_THAT(chat_failure(R"("temperature":-1)"), HasSubstr("temperature: "));
  EXPECT_EQ(chat_failure(R"("max_tokens":0)"), "max_tokens: must be an integer from 1 to 1073741824");
  EXPECT_EQ(chat_failure(R"("n":1.5)"), "n: must be an integer from 1 to 128");
  EXPECT_EQ(chat_failure(R"("stream":1)"), "stream: must be true or false, not a number");
  EXPECT_EQ(chat_failure(R"("stop":[1])"), "stop: must be a string or a list of strings");
  EXPECT_EQ(chat_failure(R"("logit_bias":{"x":1})"), "logit_bias: its members must be token ids");
  EXPECT_EQ(chat_failure(R"("top_logprobs":2)"), "top_logprobs: needs logprobs to be true");
  EXPECT_EQ(chat_failure(R"("tools":[{"type":"function","function":{"name":"a b"}}])"),
            "tools[0].function.name: must be 1 to 128 letters, digits, '_', '-' or '.'");
  EXPECT_EQ(chat_failure(R"("tool_choice":"required")"), "tool_choice: is required, but there are no tools");
  EXPECT_EQ(chat_failure(R"("tool_choice":{"type":"function","function":{"name":"g"}})"),
            "tool_choice.function.name: names \"g\", which is not among the tools");
  EXPECT_EQ(chat_failure(R"("response_format":{"type":"json_schema","json_schema":{"name":"x"}})"),
            "response_format.json_schema.schema: is missing; it must be a JSON Schema");
  EXPECT_EQ(chat_failure(R"("modalities":["text","audio"])", ErrorCode::kUnsupported),
            "modalities[1]: only text is supported, not \"audio\"");
  EXPECT_EQ(chat_failure(R"("tools":[{"type":"web_search"}])", ErrorCode::kUnsupported),
            "tools[0].type: only tools of type function are known, not \"web_search\"");
}

TEST(OpenAiChatRequest, OptionsOfOtherServersAreRefusedOnlyWhereTheyMatter) {
  const auto with = [](std::string_view members) {
    return concat(R"({"messages":[{"role":"user","content":"x"}],)", members, "}");
  };
  chat(with(
      R"("mirostat":0,"typical_p":1.0,"min_tokens":0,"stop_token_ids":[],"use_beam_search":false,"top_a":null)"));
  EXPECT_EQ(failure(parse_openai_chat, with(R"("min_tokens":3)"), ErrorCode::kUnsupported),
            "min_tokens: hearth does not have this option");
  EXPECT_EQ(failure(parse_openai_chat, with(R"("typical_p":0.5)"), ErrorCode::kUnsupported),
            "typical_p: hearth does not have this option");
  EXPECT_FALSE(chat(with(R"("reasoning_format":"none")")).separate_reasoning);
}

TEST(OpenAiCompletionRequest, PromptsOfEveryKind) {
  const GenerationRequest request =
      parsed(parse_openai_completion,
             R"({"model":"m","prompt":["a",[1,2]],"n":2,"logprobs":2,"stop":"x","seed":1,"stream":true})");
  ASSERT_EQ(request.prompts.size(), 2u);
  EXPECT_EQ(request.prompts[0].prompt, "a");
  EXPECT_TRUE(request.prompt_ids[0].empty());
  EXPECT_THAT(request.prompt_ids[1], testing::ElementsAre(1, 2));
  EXPECT_EQ(request.prompts[0].max_tokens, 16);
  EXPECT_EQ(request.prompts[0].sampling.top_logprobs, 2);
  EXPECT_TRUE(request.logprobs);
  EXPECT_EQ(
      parsed(parse_openai_completion, R"({"prompt":[5,6],"max_tokens":0,"echo":true})").prompt_ids[0].size(),
      2u);
  EXPECT_EQ(failure(parse_openai_completion, "{}"), "prompt: is missing");
  EXPECT_EQ(failure(parse_openai_completion, R"({"prompt":["a",[1,-2]]})"),
            "prompt[1][1]: must be a token id");
  EXPECT_EQ(failure(parse_openai_completion, R"({"prompt":"a","best_of":3})", ErrorCode::kUnsupported),
            "best_of: only as many as n are made");
  EXPECT_EQ(failure(parse_openai_completion, R"({"prompt":"a","suffix":"b"})", ErrorCode::kUnsupported),
            "suffix: filling in the middle is not supported");
}

TEST(OpenAiResponsesRequest, ItemsBecomeMessages) {
  const GenerationRequest request =
      parsed(parse_openai_responses, R"({"model":"m","instructions":"Be brief.","input":[
    {"role":"user","content":[{"type":"input_text","text":"Hi"}]},
    {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"Hm"}]},
    {"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"Let me look.","annotations":[]}]},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
    {"type":"function_call","call_id":"c2","name":"f","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"one"},
    {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]}],
    "tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true}],"tool_choice":{"type":"function","name":"f"},
    "text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object"},"strict":true}},"max_output_tokens":5,
    "reasoning":{"effort":"low"},"stream":true,"include":["message.output_text.logprobs"],"top_logprobs":1,"store":true})");
  EXPECT_EQ(
      variables(request)["messages"].dump(),
      R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},{"role":"assistant","content":"Let me look.",)"
      R"("reasoning_content":"Hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":{"a":1}}},)"
      R"({"id":"c2","type":"function","function":{"name":"f","arguments":{}}}]},)"
      R"({"role":"tool","content":"one","tool_call_id":"c1","name":"f"},{"role":"tool","content":"two","tool_call_id":"c2","name":"f"}])");
  EXPECT_EQ(variables(request)["reasoning_effort"], "low");
  EXPECT_EQ(request.prompts[0].max_tokens, 5);
  EXPECT_TRUE(request.logprobs && request.strict && request.stream);
  EXPECT_EQ(request.tool_choice.name, "f");
  EXPECT_EQ(request.reflected["store"], false);
  EXPECT_EQ(request.reflected["max_output_tokens"], 5);
  EXPECT_EQ(variables(parsed(parse_openai_responses, R"({"input":"hi"})")).dump(),
            R"({"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(failure(parse_openai_responses, R"({"input":"x","previous_response_id":"resp_1"})",
                    ErrorCode::kUnsupported),
            "previous_response_id: answers are not kept; send the whole input");
  EXPECT_EQ(
      failure(parse_openai_responses, R"({"input":[{"type":"web_search_call"}]})", ErrorCode::kUnsupported),
      "input[0].type: items of type \"web_search_call\" are not supported");
}

TEST(EmbeddingsRequest, BothProtocols) {
  const auto request = parse_openai_embeddings(
      R"({"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":256})");
  ASSERT_TRUE(request.ok());
  EXPECT_THAT(request->inputs, testing::ElementsAre("a", "b"));
  EXPECT_TRUE(request->base64);
  EXPECT_EQ(request->dimensions, 256);
  EXPECT_FALSE(parse_openai_embeddings(R"({"input":[]})").ok());
  EXPECT_FALSE(parse_openai_embeddings(R"({"input":"a","encoding_format":"int8"})").ok());
  const auto ids = parse_openai_embeddings(R"({"input":[[1,2],[3]]})");
  EXPECT_THAT(ids->input_ids, testing::ElementsAre(testing::ElementsAre(1, 2), testing::ElementsAre(3)));
  EXPECT_THAT(parse_openai_embeddings(R"({"input":[7,8]})")->input_ids,
              testing::ElementsAre(testing::ElementsAre(7, 8)));
  EXPECT_EQ(parse_openai_embeddings(R"({"input":["a",""]})").error().message, "input[1]: is empty");
  EXPECT_EQ(parse_openai_embeddings(R"({"input":""})").error().message, "input: is empty");
  const auto many = [](int n) {
    std::string body = R"({"input":["a")";
    while (--n > 0) body += R"(,"a")";
    return parse_openai_embeddings(body + "]}");
  };
  EXPECT_EQ(many(2048)->inputs.size(), 2048U);
  EXPECT_EQ(many(2049).error().message, "input: has 2049 entries; from 1 to 2048 are allowed");
  const auto ollama = parse_ollama_embed(R"({"model":"m","input":["a","b"],"keep_alive":"1m"})");
  EXPECT_THAT(ollama->inputs, testing::ElementsAre("a", "b"));
  EXPECT_EQ(ollama->keep_alive_s, 60);
  EXPECT_FALSE(parse_ollama_embed(R"({"model":"m","prompt":"a"})").ok());
  EXPECT_THAT(parse_ollama_embeddings(R"({"model":"m","prompt":"a"})")->inputs, testing::ElementsAre("a"));
  EXPECT_FALSE(parse_ollama_embeddings(R"({"model":"m","prompt":["a"]})").ok());
}

TEST(OllamaRequest, ChatAndGenerate) {
  const GenerationRequest request =
      parsed(parse_ollama_chat, R"({"model":"m","messages":[{"role":"user","content":"x"},
    {"role":"assistant","content":"","thinking":"t","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},
    {"role":"tool","content":"1","tool_name":"f"}],"think":false,"format":{"type":"object"},"keep_alive":"1h30m",
    "options":{"temperature":0.2,"num_predict":-1,"repeat_penalty":1.1,"repeat_last_n":-1,"num_ctx":4096,"stop":["a"],"seed":3},
    "tools":[{"type":"function","function":{"name":"f","description":"","parameters":{"type":"object"}}}]})");
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(request.keep_alive_s, 5400);
  EXPECT_EQ(request.format, ResponseFormat::kJsonSchema);
  EXPECT_EQ(option(request.prompts[0].sampling, "repetition_penalty"), "1.1");
  EXPECT_EQ(option(request.prompts[0].sampling, "penalty_window"), "0");
  EXPECT_EQ(request.prompts[0].max_tokens, -1);
  const io::Json vars = variables(request);
  EXPECT_EQ(vars["enable_thinking"], false);
  EXPECT_EQ(
      vars["messages"][1].dump(),
      R"({"role":"assistant","content":"","reasoning_content":"t","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"a":1}}}]})");
  EXPECT_EQ(vars["messages"][2]["name"], "f");
  EXPECT_TRUE(parsed(parse_ollama_chat, R"({"model":"m"})").load_only);
  EXPECT_EQ(parsed(parse_ollama_chat, R"({"model":"m","keep_alive":-1})").keep_alive_s, -1);
  EXPECT_EQ(parsed(parse_ollama_chat, R"({"model":"m","keep_alive":"-1m"})").keep_alive_s, -60);
  const GenerationRequest generate = parsed(
      parse_ollama_generate, R"({"model":"m","prompt":"p","system":"s","format":"json","stream":false})");
  EXPECT_EQ(variables(generate).dump(),
            R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"p"}]})");
  EXPECT_EQ(generate.format, ResponseFormat::kJsonObject);
  EXPECT_EQ(parsed(parse_ollama_generate, R"({"model":"m","prompt":"p","raw":true})").prompts[0].prompt, "p");
  EXPECT_EQ(failure(parse_ollama_generate, R"({"prompt":"p"})"), "model: is missing; it must be a string");
  EXPECT_EQ(
      failure(parse_ollama_generate, R"({"model":"m","prompt":"p","images":["x"]})", ErrorCode::kUnsupported),
      "images: pictures are not supported");
  EXPECT_EQ(failure(parse_ollama_chat, R"({"model":"m","options":{"mirostat":1}})", ErrorCode::kUnsupported),
            "options.mirostat: hearth does not have this option");
  EXPECT_THAT(failure(parse_ollama_chat, R"({"model":"m","keep_alive":"5 minutes"})"),
              HasSubstr("keep_alive: "));
}

}  // namespace
}  // namespace hearth::wire
