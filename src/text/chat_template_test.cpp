// Goldens: what transformers prints for real model templates over many conversations, and for one snippet per rule of the
// language. Then the limits, and the errors.
#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/chat_template_test_util.h"

namespace hearth::text {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

ordered_json golden(const std::string& name) {
  return ordered_json::parse(read_file(std::filesystem::path(HEARTH_SOURCE_DIR) / "tests" / "golden" / name));
}

/// The text of a template over a request, or "error: " and the message.
std::string render(const std::string& source, const std::string& request, int64_t now_s, const TemplateLimits& limits = {}) {
  Result<ChatTemplate> tmpl = ChatTemplate::parse(source);
  if (!tmpl.ok()) return "error: " + tmpl.error().message;
  Result<std::string> text = tmpl->render_at(request, now_s, limits);
  return text.ok() ? *text : "error: " + text.error().message;
}

std::string render(const std::string& source) { return render(source, "{}", 0); }

TEST(Sha256, KnownAnswers) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(ChatTemplate, SnippetsMatchTransformers) {
  const ordered_json file = golden("chat_template_snippets.json");
  ordered_json request = file["variables"];
  request["messages"] = ordered_json::array();
  const int64_t now_s = file["manifest"]["now_local_s"];
  for (const auto& row : file["snippets"]) {
    const std::string source = row[0];
    const std::string text = render(source, request.dump(), now_s);
    if (row[1].is_null()) {
      EXPECT_TRUE(text.starts_with("error: ")) << "jinja2 refuses this and hearth printed:\n" << source << "\n" << text;
    } else {
      EXPECT_EQ(text, row[1].get<std::string>()) << source;
    }
  }
}

TEST(ChatTemplate, ModelTemplatesMatchTransformers) {
  const std::filesystem::path folder = std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "chat-templates";
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << "LEFT OUT: the models' chat templates are not at " << folder << "; their goldens were not checked";
  }
  const ordered_json requests = golden("chat_template_conversations.json");
  const ordered_json file = golden("chat_template.json");
  const int64_t now_s = file["manifest"]["now_local_s"];
  int compared = 0;
  for (const auto& [name, row] : file["templates"].items()) {
    const std::string source = read_file(folder / (name + ".jinja"));
    ASSERT_EQ(sha256_hex(source), row["sha256"].get<std::string>()) << name << ": not the template of the golden";
    for (const auto& [conversation, expected] : row["rendered"].items()) {
      const std::string text = render(source, requests.at(conversation).dump(), now_s);
      const std::string got = text.starts_with("error: ") ? "error" : sha256_hex(text);
      EXPECT_EQ(got, expected.get<std::string>()) << name << " / " << conversation << ":\n" << text.substr(0, 3000);
      ++compared;
    }
  }
  EXPECT_GE(compared, 44 * 30);
}

}  // namespace
}  // namespace hearth::text
