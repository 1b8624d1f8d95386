// Answers of every family, whole and cut in every way: reasoning, text, calls; what is broken comes back.
#include "wire/answer_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace hearth::wire {
namespace {

Tool make_tool(std::string name, std::string_view parameters = "{}") {
  Tool tool;
  tool.name = std::move(name);
  tool.parameters = io::parse_json(parameters, "schema").value();
  return tool;
}

std::vector<Tool> tools() {
  return {
      make_tool("get_weather",
                R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},)"
                R"("zip":{"type":"string"},"units":{}}})"),
      make_tool("add", R"({"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}}})")};
}

const AnswerFormat& format(std::string_view name) {
  for (const AnswerFormat& row : answer_formats()) {
    if (row.name == name) return row;
  }
  ADD_FAILURE() << "no format " << name;
  return answer_formats().back();
}

/// Events as one line of text: C(text) R(text) T0:name A0(text); neighbours joined.
std::string show(const std::vector<AnswerEvent>& events) {
  std::string out;
  const AnswerEvent* last = nullptr;
  for (const AnswerEvent& event : events) {
    const bool same = last != nullptr && last->kind == event.kind && last->index == event.index &&
                      event.kind != AnswerEvent::Kind::kToolCall;
    if (same) {
      out.pop_back();
      out += event.text + ")";
    } else if (event.kind == AnswerEvent::Kind::kToolCall) {
      out += concat("T", event.index, ":", event.name, event.id.empty() ? "" : "#", event.id, " ");
    } else {
      out += event.kind == AnswerEvent::Kind::kContent     ? "C("
             : event.kind == AnswerEvent::Kind::kReasoning ? "R("
                                                           : concat("A", event.index, "(");
      out += event.text + ")";
    }
    last = &event;
  }
  return out;
}

std::string parse(const AnswerFormat& row, const AnswerOptions& options,
                  const std::vector<std::string>& pieces) {
  AnswerParser parser(row, options);
  std::vector<AnswerEvent> all;
  const auto take = [&](std::vector<AnswerEvent> events) {
    for (AnswerEvent& event : events) all.push_back(std::move(event));
  };
  for (const std::string& piece : pieces) take(parser.push(piece));
  take(parser.finish());
  return show(all);
}

/// Parsed whole; and checked to be the same for every cut into two, single bytes, and random cuts.
std::string parse_all_ways(const AnswerFormat& row, const AnswerOptions& options, const std::string& text) {
  const std::string whole = parse(row, options, {text});
  for (size_t cut = 1; cut < text.size(); ++cut)
    EXPECT_EQ(whole, parse(row, options, {text.substr(0, cut), text.substr(cut)}))
        << text << " cut at " << cut;
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  EXPECT_EQ(whole, parse(row, options, bytes)) << text;
  Rng rng(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> pieces(1);
    for (const char c : text) {
      if (rng.below(4) == 0) pieces.emplace_back();
      pieces.back() += c;
    }
    EXPECT_EQ(whole, parse(row, options, pieces)) << text;
  }
  return whole;
}

std::string run(std::string_view family, const std::string& text) {
  const std::string held = parse_all_ways(format(family), {.tools = tools()}, text);
  parse_all_ways(format(family), {.tools = tools(), .stream_arguments = true}, text);
  return held;
}

TEST(AnswerParser, Hermes) {
  EXPECT_EQ(
      run("Hermes",
          "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>"),
      "T0:get_weather A0({\"city\":\"Paris\"})");
  EXPECT_EQ(
      run("Hermes",
          "<think>\nWhere?\n\nParis.\n</think>\n\nOne moment.\n<tool_call>\n{\"name\": \"add\", "
          "\"arguments\": "
          "{\"a\": 1, \"b\": 2.50}}\n</tool_call>\n<tool_call>{\"arguments\": {}, \"name\": \"get_weather\"}"
          "</tool_call>"),
      "R(Where?\n\nParis.)C(One moment.)T0:add A0({\"a\":1,\"b\":2.5})T1:get_weather A1({})");
  EXPECT_EQ(run("Hermes", "<think>\n\n</think>\n\nHello <b> there\n"), "C(Hello <b> there\n)");
  EXPECT_EQ(run("Hermes", "No call, 1 < 2."), "C(No call, 1 < 2.)");
}

TEST(AnswerParser, BareJsonAndPythonic) {
  EXPECT_EQ(run("Llama 3", "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"S\\u00e3o\"}}"),
            "T0:get_weather A0({\"city\":\"São\"})");
  EXPECT_EQ(
      run("Llama 3",
          "<|python_tag|>{\"type\": \"function\", \"name\": \"add\", \"parameters\": {\"a\": 1, \"b\": 2}}; "
          "{\"name\": \"add\", \"parameters\": {\"a\": 3, \"b\": 4}}"),
      "T0:add A0({\"a\":1,\"b\":2})T1:add A1({\"a\":3,\"b\":4})");
  EXPECT_EQ(run("Llama 3", "[get_weather(city='Paris, \"FR\"', days=3), add(1, b=-2.5e1)]"),
            "T0:get_weather A0({\"city\":\"Paris, \\\"FR\\\"\",\"days\":3})T1:add A1({\"a\":1,\"b\":-25.0})");
  EXPECT_EQ(run("Llama 3", "[link](http://x.y) is text"), "C([link](http://x.y) is text)");
  EXPECT_EQ(run("Llama 3", "{\"answer\": 42}"), "C({\"answer\": 42})");
  EXPECT_EQ(run("Llama 3", "Later {\"name\": \"add\", \"parameters\": {}}"),
            "C(Later {\"name\": \"add\", \"parameters\": {}})");
  EXPECT_EQ(run("Gemma", "```tool_code\nadd(a=1, b=2)\n```\nDone?"), "T0:add A0({\"a\":1,\"b\":2})C(Done?)");
  EXPECT_EQ(run("Gemma", "```python\nadd(a=1)\n```"), "C(```python\nadd(a=1)\n```)");
}

TEST(AnswerParser, OtherFamilies) {
  EXPECT_EQ(
      run("Mistral, JSON list",
          "[TOOL_CALLS] [{\"name\": \"add\", \"arguments\": {\"a\": 1}, \"id\": \"9Ae3bDc2F\"}, {\"name\": "
          "\"get_weather\", \"arguments\": {}}]"),
      "T0:add#9Ae3bDc2F A0({\"a\":1})T1:get_weather A1({})");
  EXPECT_EQ(run("Mistral, names and arguments",
                "[THINK]Hm.[/THINK]I look.[TOOL_CALLS]get_weather[ARGS]{\"city\": "
                "\"Oslo\"}[TOOL_CALLS]add[CALL_ID]x1[ARGS]"
                "{\"a\": 1}"),
            "R(Hm.)C(I look.)T0:get_weather A0({\"city\":\"Oslo\"})T1:add#x1 A1({\"a\":1})");
  EXPECT_EQ(run("LFM2",
                "<|tool_call_start|>[get_weather(city=\"a\\nb\"), add(a=[1, {'x': None}], "
                "b=True)]<|tool_call_end|>Now."),
            "T0:get_weather A0({\"city\":\"a\\nb\"})T1:add A1({\"a\":[1,{\"x\":null}],\"b\":true})C(Now.)");
  EXPECT_EQ(run("OLMo", "<function_calls>add(a=1)\nadd(a=2)</function_calls>"),
            "T0:add A0({\"a\":1})T1:add A1({\"a\":2})");
  EXPECT_EQ(run("Phi-4-mini", "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}]<|/tool_call|>"),
            "T0:add A0({\"a\":1})");
  EXPECT_EQ(run("Phi-4-mini", "functools[{\"name\": \"add\", \"arguments\": {\"a\": 1}}]"),
            "T0:add A0({\"a\":1})");
  EXPECT_EQ(run("Phi-4-mini", "functools is a module"), "C(functools is a module)");
  EXPECT_EQ(run("Granite 3",
                "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}, {\"name\": \"add\", "
                "\"arguments\": {}}]"),
            "T0:add A0({\"a\":1})T1:add A1({})");
  EXPECT_EQ(
      run("Gemma 4",
          "<|channel>thought\nHm.<channel|><|tool_call>call:get_weather{city:<|\"|>a, {b}<|\"|>,days:2,units:"
          "[<|\"|>c<|\"|>,{k:true}]}<tool_call|>"),
      "R(Hm.)T0:get_weather A0({\"city\":\"a, {b}\",\"days\":2,\"units\":[\"c\",{\"k\":true}]})");
  EXPECT_EQ(run("FunctionGemma",
                "<start_function_call>call:get_weather{city:<escape>Paris<escape>}<end_function_call>"),
            "T0:get_weather A0({\"city\":\"Paris\"})");
  EXPECT_EQ(
      run("XML parameters",
          "<think>\nHm "
          "<tool_call>\n<function=get_weather>\n<parameter=city>\nNew\nYork\n</"
          "parameter>\n<parameter=days>\n3\n"
          "</parameter>\n<parameter=zip>\n01234\n</parameter>\n<parameter=units>\n[1, 2]\n</parameter>\n"
          "</function>\n</tool_call>"),
      "R(Hm)T0:get_weather A0({\"city\":\"New\\nYork\",\"days\":3,\"zip\":\"01234\",\"units\":[1,2]})");
}

TEST(AnswerParser, BrokenCallsAreText) {
  for (const std::string& text : {
           std::string("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1,}}\n</tool_call>"),
           std::string("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1"),
           std::string("<tool_call>\n{\"name\": \"nobody\", \"arguments\": {}}\n</tool_call>"),
           std::string("<tool_call>\n{\"name\": \"add\", \"arguments\": [1]}\n</tool_call>"),
           std::string("<tool_call>"),
           std::string("Text <tool_call> and more"),
           std::string("<tool_ca"),
           std::string("<tool_call>\n<function=add>\n<parameter=a>\n1\n</function>\n</tool_call>"),
       }) {
    EXPECT_EQ(parse_all_ways(format("Hermes"), {.tools = tools()}, text), "C(" + text + ")");
  }
  EXPECT_EQ(parse_all_ways(format("Llama 3"), {.tools = tools()}, "[add(a=1), add(a=@)]"),
            "T0:add A0({\"a\":1})C(, add(a=@)])");
  EXPECT_EQ(parse_all_ways(format("Gemma 4"), {.tools = tools()}, "<|tool_call>call:add{a:}<tool_call|>"),
            "C(<|tool_call>call:add{a:}<tool_call|>)");
  // The good call after the broken one is found.
  EXPECT_EQ(
      parse_all_ways(format("Hermes"), {.tools = tools()},
                     "<tool_call>{\"name\": add}</tool_call>\n<tool_call>{\"name\": \"add\"}</tool_call>"),
      "C(<tool_call>{\"name\": add}</tool_call>)T0:add A0({})");
}

TEST(AnswerParser, ArgumentsAreStreamed) {
  AnswerParser parser(format("Hermes"), {.tools = tools(), .stream_arguments = true});
  EXPECT_EQ(show(parser.push("<tool_call>\n{\"name\": \"add\", \"argum")), "");
  EXPECT_EQ(show(parser.push("ents\": {\"a\"")), "T0:add A0({\"a\")");
  EXPECT_EQ(show(parser.push(": 1.0")), "A0(: 1.0)");
  EXPECT_EQ(show(parser.push("0}, \"id\": 1")), "A0(0})");
  EXPECT_EQ(show(parser.push("}\n</tool_call>")), "");
  EXPECT_EQ(show(parser.finish()), "");
  const AnswerOptions streamed{.tools = tools(), .stream_arguments = true};
  EXPECT_EQ(parse_all_ways(format("Hermes"), streamed,
                           "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1,}}</tool_call>"),
            "T0:add A0({\"a\": 1,)C(}}</tool_call>)");
  EXPECT_EQ(
      parse_all_ways(format("Hermes"), streamed, "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1"),
      "T0:add A0({\"a\": 1)");
  EXPECT_EQ(
      parse_all_ways(format("Mistral, names and arguments"), streamed, "[TOOL_CALLS]add[ARGS]{\"a\": 1 }"),
      "T0:add A0({\"a\": 1 })");
}

TEST(AnswerParser, Reasoning) {
  const AnswerFormat& hermes = format("Hermes");
  EXPECT_TRUE(prompt_opens_reasoning(hermes, "<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(prompt_opens_reasoning(hermes, "<think>\n\n</think>\n\n"));
  EXPECT_EQ(parse_all_ways(hermes, {.in_reasoning = true}, "So.\n</think>\n\nYes </think> <think>."),
            "R(So.)C(Yes </think> <think>.)");
  EXPECT_EQ(parse_all_ways(hermes, {.in_reasoning = true}, "So it is"), "R(So it is)");
  EXPECT_EQ(parse_all_ways(hermes, {.separate_reasoning = false}, "<think>\nSo.\n</think>\n\nYes"),
            "C(<think>\nSo.\n</think>\n\nYes)");
  EXPECT_EQ(parse_all_ways(hermes, {}, " \n Yes \n"), "C( \n Yes \n)");
  // Without tools a call is text.
  EXPECT_EQ(parse_all_ways(hermes, {}, "<tool_call>{\"name\": \"add\"}</tool_call>"),
            "C(<tool_call>{\"name\": \"add\"}</tool_call>)");
}

TEST(AnswerParser, TextIsNotHeldBack) {
  AnswerParser parser(format("Hermes"), {.tools = tools()});
  EXPECT_EQ(show(parser.push("Hello")), "C(Hello)");
  EXPECT_EQ(show(parser.push(" a <")), "C( a)");
  EXPECT_EQ(show(parser.push(" b")), "C( < b)");
  EXPECT_EQ(show(parser.push(" <tool_")), "");
  EXPECT_EQ(show(parser.push("x")), "C( <tool_x)");
}

}  // namespace
}  // namespace hearth::wire
