// The families are recognised by the real templates, and what the grammar writes, the parser reads.
#include "wire/answer_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "text/chat_template.h"
#include "wire/answer_parser.h"

namespace hearth::wire {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const std::filesystem::path& templates() {
  static const std::filesystem::path kFolder =
      std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "chat-templates";
  return kFolder;
}

TEST(AnswerFormat, RealTemplates) {
  if (!std::filesystem::exists(templates())) GTEST_SKIP() << "no chat templates in " << templates();
  const std::map<std::string, std::string> expected = {
      {"meta-llama-Llama-3.1-8B-Instruct", "Llama 3"},
      {"meta-llama-Llama-3.2-3B-Instruct", "Llama 3"},
      {"fireworks-ai-llama-3-firefunction-v2", "Firefunction"},
      {"Qwen-Qwen2.5-7B-Instruct", "Hermes"},
      {"Qwen-Qwen3-0.6B", "Hermes"},
      {"Qwen-QwQ-32B", "Hermes"},
      {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "Hermes"},
      {"ibm-granite-granite-4.0", "Hermes"},
      {"ibm-granite-granite-4.1", "Hermes"},
      {"MiMo-VL", "Hermes"},
      {"Qwen3-Coder", "XML parameters"},
      {"Qwen3.5-4B", "XML parameters"},
      {"NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "XML parameters"},
      {"google-gemma-2-2b-it", "Gemma"},
      {"google-gemma-4-31B-it", "Gemma 4"},
      {"google-gemma-4-31B-it-interleaved", "Gemma 4"},
      {"mistralai-Ministral-3-14B-Reasoning-2512", "Mistral, names and arguments"},
      {"LFM2-8B-A1B", "LFM2"},
      {"LFM2.5-8B-A1B", "LFM2"},
      {"LFM2.5-Instruct", "LFM2"},
      {"ibm-granite-granite-3.3-2B-Instruct", "Granite 3"},
      {"HuggingFaceTB-SmolLM3-3B", "plain"},
      {"microsoft-Phi-3.5-mini-instruct", "plain"},
      {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "plain"},
  };
  for (const auto& [file, family] : expected) {
    const std::string source = read_file(templates() / (file + ".jinja"));
    ASSERT_FALSE(source.empty()) << file;
    EXPECT_EQ(detect_answer_format(source).name, family) << file;
  }
}

TEST(AnswerFormat, KnownTemplatesByWhatTheySay) {
  // As published; the files may not be redistributed, so only what decides stands here.
  EXPECT_EQ(detect_answer_format("'[AVAILABLE_TOOLS] [' ... '[TOOL_CALLS] ['").name, "Mistral, JSON list");
  EXPECT_EQ(detect_answer_format("{{ '[INST] ' + message['content'] + '[/INST]' }} [AVAILABLE_TOOLS]").name,
            "Mistral, JSON list");
  EXPECT_EQ(detect_answer_format("message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>'").name,
            "Phi-4-mini");
  EXPECT_EQ(detect_answer_format("<start_of_turn> <start_function_call>call:").name, "FunctionGemma");
  EXPECT_EQ(detect_answer_format("<function_calls>").name, "OLMo");
  EXPECT_EQ(detect_answer_format("").name, "plain");
}

/// A call as the layout says it.
std::string write_calls(const AnswerFormat& format, int count) {
  const ToolCallLayout& layout = format.layout;
  const std::string arguments = layout.arguments == CallSyntax::kPythonic ? "a=1"
                                : layout.arguments == CallSyntax::kXml    ? "<parameter=a>\n1\n</parameter>\n"
                                : layout.arguments == CallSyntax::kColon  ? "a:1"
                                                                          : "{\"a\": 1}";
  const std::string call =
      concat(layout.before_name, "f", layout.after_name, arguments, layout.after_arguments);
  std::string out;
  if (layout.each_call_wrapped) {
    for (int i = 0; i < count; ++i)
      out += concat(i > 0 ? layout.separator : "", layout.begin, call, layout.end);
    return out;
  }
  out = concat(layout.begin, layout.list_open);
  for (int i = 0; i < count; ++i) out += concat(i > 0 ? layout.separator : "", call);
  return out + concat(layout.list_close, layout.end);
}

TEST(AnswerFormat, LayoutsAreWhatTheParserReads) {
  Tool tool;
  tool.name = "f";
  for (const AnswerFormat& format : answer_formats()) {
    const bool several = format.layout.each_call_wrapped || !format.layout.separator.empty();
    for (int count = 1; count <= (several ? 3 : 1); ++count) {
      for (const bool streamed : {false, true}) {
        AnswerParser parser(format, {.tools = {tool}, .stream_arguments = streamed});
        std::vector<AnswerEvent> events = parser.push(write_calls(format, count));
        for (AnswerEvent& event : parser.finish()) events.push_back(std::move(event));
        ASSERT_EQ(events.size(), static_cast<size_t>(2 * count))
            << format.name << ": " << write_calls(format, count);
        for (int i = 0; i < count; ++i) {
          EXPECT_EQ(events[static_cast<size_t>(2 * i)].name, "f");
          EXPECT_EQ(io::parse_json(events[static_cast<size_t>(2 * i + 1)].text, "").value().dump(),
                    "{\"a\":1}");
        }
      }
    }
  }
}

TEST(AnswerFormat, MarkersAreListedOnce) {
  for (const AnswerFormat& format : answer_formats()) {
    std::vector<std::string_view> markers = format.markers();
    std::sort(markers.begin(), markers.end());
    EXPECT_EQ(std::adjacent_find(markers.begin(), markers.end()), markers.end()) << format.name;
    for (const std::string_view marker : markers) EXPECT_FALSE(marker.empty());
  }
}

io::Json messages_of(std::string_view family, std::string_view messages) {
  io::Json chat = io::parse_json(messages, "messages").value();
  for (const AnswerFormat& format : answer_formats()) {
    if (format.name == family) return with_tool_instructions(chat, format)["messages"];
  }
  return nullptr;
}

TEST(ToolInstructions, ForTemplatesWithoutTools) {
  const std::string_view chat =
      R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"I look.","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"a":1}}}]},)"
      R"({"role":"tool","content":"7","name":"f"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]})";
  const io::Json plain = messages_of("plain", chat);
  EXPECT_EQ(plain[0]["role"], "system");
  EXPECT_THAT(plain[0]["content"].get<std::string>(),
              testing::HasSubstr(R"({"type":"function","function":{"name":"f","parameters":{}}})"));
  EXPECT_EQ(plain[2]["content"],
            "I look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":1}}\n</tool_call>");
  EXPECT_FALSE(plain[2].contains("tool_calls"));
  EXPECT_EQ(plain[3]["role"], "user");
  EXPECT_EQ(plain[3]["content"], "<tool_response>\n7\n</tool_response>");
  // A family without system turns.
  const io::Json gemma = messages_of("Gemma", chat);
  EXPECT_EQ(gemma[0]["role"], "user");
  EXPECT_THAT(gemma[0]["content"].get<std::string>(), testing::EndsWith("\n\nx"));
  EXPECT_EQ(gemma[1]["content"], "I look.\n[f(a=1)]");
  // Phi-4-mini's template prints the tools from the system message.
  const io::Json phi = messages_of("Phi-4-mini", chat);
  EXPECT_EQ(phi[0]["tools"], R"([{"name":"f","parameters":{}}])");
  EXPECT_EQ(phi[0]["role"], "system");
}

TEST(ToolInstructions, RealTemplatesShowTheTools) {
  if (!std::filesystem::exists(templates())) GTEST_SKIP() << "no chat templates in " << templates();
  const io::Json chat =
      io::parse_json(
          R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"","tool_calls":[{"id":"c23456789","type":"function",)"
          R"("function":{"name":"get_rain","arguments":{"city":"Oslo"}}}]},{"role":"tool","tool_call_id":"c23456789","name":"get_rain","content":"wet"}],)"
          R"("tools":[{"type":"function","function":{"name":"get_rain","description":"d","parameters":{"type":"object",)"
          R"("properties":{"city":{"type":"string","description":"where"}},"required":["city"]}}}],"add_generation_prompt":true,)"
          R"("bos_token":"","eos_token":""})",
          "chat")
          .value();
  for (const std::string file :
       {"meta-llama-Llama-3.2-3B-Instruct", "Qwen-Qwen3-0.6B", "HuggingFaceTB-SmolLM3-3B",
        "google-gemma-2-2b-it", "google-gemma-4-31B-it", "LFM2.5-Instruct", "microsoft-Phi-3.5-mini-instruct",
        "Qwen3.5-4B", "mistralai-Ministral-3-14B-Reasoning-2512", "ibm-granite-granite-4.0"}) {
    const std::string source = read_file(templates() / (file + ".jinja"));
    const AnswerFormat& format = detect_answer_format(source);
    const auto parsed = text::ChatTemplate::parse(source);
    ASSERT_TRUE(parsed.ok()) << file;
    const auto prompt = parsed->render(prepare_chat(chat.dump(), format, source));
    ASSERT_TRUE(prompt.ok()) << file << ": " << prompt.error().message;
    EXPECT_THAT(*prompt, testing::HasSubstr("get_rain")) << file;
    EXPECT_THAT(*prompt, testing::HasSubstr("Oslo")) << file;
    EXPECT_THAT(*prompt, testing::HasSubstr("wet")) << file;
    EXPECT_EQ(prompt_opens_reasoning(format, *prompt), file == "Qwen3.5-4B") << file;
  }
}

}  // namespace
}  // namespace hearth::wire
