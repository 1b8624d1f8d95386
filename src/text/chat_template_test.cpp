// Goldens: what transformers prints for real model templates over many conversations, and for one snippet per
// rule of the language. Then the limits, and the errors.
#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/chat_template_test_util.h"
#include "text/cpu_time_test_util.h"

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

/// The default limits but for the time: that is the wall clock's, which runs on while the machine does
/// something else. Tests of time measure the processor's.
TemplateLimits patient_limits() {
  TemplateLimits limits;
  limits.time_s = 100;
  return limits;
}

/// The text of a template over a request, or "error: " and the message.
std::string render(const std::string& source, const std::string& request, int64_t now_s,
                   const TemplateLimits& limits = patient_limits()) {
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
      EXPECT_TRUE(text.starts_with("error: ")) << "jinja2 refuses this and hearth printed:\n"
                                               << source << "\n"
                                               << text;
    } else {
      EXPECT_EQ(text, row[1].get<std::string>()) << source;
    }
  }
}

TEST(ChatTemplate, ModelTemplatesMatchTransformers) {
  const std::filesystem::path folder = std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "chat-templates";
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << "LEFT OUT: the models' chat templates are not at " << folder
                 << "; their goldens were not checked";
  }
  const ordered_json requests = golden("chat_template_conversations.json");
  const ordered_json file = golden("chat_template.json");
  const int64_t now_s = file["manifest"]["now_local_s"];
  int compared = 0;
  for (const auto& [name, row] : file["templates"].items()) {
    const std::string source = read_file(folder / (name + ".jinja"));
    ASSERT_EQ(sha256_hex(source), row["sha256"].get<std::string>())
        << name << ": not the template of the golden";
    for (const auto& [conversation, expected] : row["rendered"].items()) {
      const std::string text = render(source, requests.at(conversation).dump(), now_s);
      const std::string got = text.starts_with("error: ") ? "error" : sha256_hex(text);
      EXPECT_EQ(got, expected.get<std::string>()) << name << " / " << conversation << ":\n"
                                                  << text.substr(0, 3000);
      ++compared;
    }
  }
  EXPECT_GE(compared, 44 * 30);
}

TEST(ChatTemplate, RequestDefaultsAreThoseOfTransformers) {
  EXPECT_EQ(render("{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}"), "TrueTrueFalse");
  EXPECT_EQ(render("{{ messages[0] }}", R"({"messages":[{"role":"a","reasoning":"r"}]})", 0),
            "{'thinking': 'r', 'role': 'a', 'reasoning': 'r', 'reasoning_content': 'r'}");
}

TEST(ChatTemplate, RequestMustBeAJsonObject) {
  const auto refused = [](const std::string& request) { return render("x", request, 0); };
  EXPECT_THAT(refused("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(refused("{"), HasSubstr("not JSON"));
  EXPECT_THAT(refused(R"({"a": "\ud800"})"), HasSubstr("not JSON"));
  EXPECT_THAT(refused("{\"a\": \"\xff\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(refused(R"({"a": 123456789012345678901234567890})"), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(refused(R"({"a": 18446744073709551615})"), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(refused("{\"a\": " + std::string(1000, '[') + std::string(1000, ']') + "}"),
              HasSubstr("nested"));
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  EXPECT_THAT(render("a\nb\n{{ x.y }}"), HasSubstr("line 3: 'x' is undefined"));
  EXPECT_THAT(render("\n{% if 1 %}"), HasSubstr("unexpected end of template"));
  EXPECT_THAT(render("\n\n{{ 1 + }}"), HasSubstr("line 3"));
  EXPECT_THAT(render("{{ raise_exception('only user and assistant') }}"),
              HasSubstr("only user and assistant"));
  EXPECT_THAT(render("{% include 'x' %}"), HasSubstr("not supported"));
  EXPECT_THAT(render("{{ 9223372036854775807 + 1 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(render("{{ (-9223372036854775807 - 1) // -1 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(render("{{ 2 ** 64 }}"), HasSubstr("64 bits"));
  EXPECT_EQ(ChatTemplate::parse("{% include 'x' %}").error().code, ErrorCode::kUnsupported);
}

/// Templates that would take for ever, or all memory, by what they compute.
std::vector<std::string> hostile_values() {
  const std::string loops = "{% for a in range(99999) %}{% for b in range(99999) %}";
  const std::string loop_ends = "{% endfor %}{% endfor %}";
  const std::string twice =
      "{% for a in range(150) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}";
  const std::string pairs =
      "{% for a in range(150) %}{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}";
  return {
      "{% set ns = namespace(x=[1], y=[1]) %}" + twice + "{{ ns.x == ns.y }}",
      "{% set ns = namespace(x=(1,), y=(1,)) %}" + pairs + "{{ {ns.x: 1}[ns.y] }}",
      "{% set a = 'a' * 1000000 %}{% for i in range(9999) %}{% if a[1:] in a ~ i %}{% endif %}{% endfor %}",
      "{% set a = 'a' * 1000000 %}{% set b = 'a' * 500000 ~ 'b' %}{% for i in range(999) %}{{ a.find(b) }}{{ "
      "a.rfind(b) }}{% endfor %}",
      "{% set a = 'a' * 1000000 %}{% for i in range(9999) %}{% set x = 'b'.strip(a) %}{% endfor %}",
      "{% set s = 'x' * 1500000 %}{% set t = 'x' * 1500000 %}{{ [s] * 100000 == [t] * 100000 }}",
      "{% set s = 'x' * 1500000 %}{% set t = 'x' * 1499999 ~ 'y' %}{{ s.startswith((t,) * 100000) }}",
      "{% set a = ('a ' * 500000).split() %}{% for i in range(9999) %}{% set x = a|sort %}{% endfor %}",
      "{{ 'x' * 1000000000000 }}",
      "{{ [1] * 1000000000000 }}",
      "{{ 'x'.ljust(1000000000000) }}",
      "{{ 'x'|center(1000000000) }}",
      "{{ '%1000000000d' % 1 }}",
      "{{ '{:1000000000}'.format(1) }}",
      "{{ 'x'|indent(1000000000) }}",
      "{{ [1]|tojson(indent=1000000000) }}",
      "{{ [1]|batch(1000000000000, 0)|list }}",
      "{{ [1]|slice(1000000000000)|list }}",
      "{{ 'x'.zfill(1000000000000) }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
      "{% set ns = namespace() %}{% set ns.f = ns %}{{ ns }}",
      "{% set ns = namespace() %}{% set ns.f = [ns] %}{{ ns }}",
      loops + loop_ends,
      loops + "{% set x = a ~ b %}" + loop_ends,
      loops + "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" + loop_ends,
      "{% set ns = namespace(s='x') %}{% for a in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{% set ns = namespace(s='x') %}{% for a in range(100) %}{% set ns.s = ns.s.replace('x', 'xxxx') %}{% "
      "endfor %}",
      "{% set ns = namespace(s=['x']) %}{% for a in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ "
      "ns.s }}",
      "{% set ns = namespace(s=['x']) %}{% for a in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ "
      "ns.s }}",
      "{% set ns = namespace(s=['x']) %}{% for a in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ "
      "ns.s|tojson }}",
  };
}

std::string repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// Templates whose text alone is hostile: nested or long beyond sense.
std::vector<std::string> hostile_texts() {
  std::string many_names;
  for (int i = 0; i < 5000; ++i) {
    many_names += "{% if a" + std::to_string(i) + " %}{% set b" + std::to_string(i) + " = 1 %}{% endif %}";
  }
  std::string keywords;
  for (int i = 0; i < 100000; ++i) keywords += "a" + std::to_string(i) + "=1,";
  std::string few_names;
  for (int i = 0; i < 5000; ++i) few_names += "a" + std::to_string(i) + ",";
  return {
      many_names,
      // Each nested if copies the names: hundreds of megabytes.
      "{% set x = [" + few_names + "] %}" + repeat("{% if 1 %}", 190) + repeat("{% endif %}", 190),
      "{{ dict(" + keywords + ") }}",
      "{% macro m(" + keywords + "z=1) %}{% endmacro %}",
      "{% macro m() %}" + repeat("{% if 1 %}", 100) + "{{ m() }}" + repeat("{% endif %}", 100) +
          "{% endmacro %}{{ m() }}",
      repeat("{% if 1 %}", 5000),
      "{{ " + repeat("(", 5000) + "1" + repeat(")", 5000) + " }}",
      "{{ 1" + repeat("+1", 5000) + " }}",
      "{{ " + repeat("-", 5000) + "1 }}",
      "{{ " + repeat("not ", 5000) + "1 }}",
      "{{ 1" + repeat(" if 1 else 1", 5000) + " }}",
      "{% set x = " + repeat("[", 5000) + repeat("]", 5000) + " %}",
      "{{ x" + repeat("[0]", 5000) + " }}",
      "{{ 1" + repeat("|string", 5000) + " }}",
  };
}

TEST(ChatTemplate, HostileTemplatesAreStopped) {
  const TemplateLimits limits{
      .time_s = 1.0, .output_bytes = 1 << 20, .memory_bytes = 8 << 20, .recursion = 50, .steps = 2'000'000};
  std::vector<std::string> hostile = hostile_values();
  for (std::string& source : hostile_texts()) hostile.push_back(std::move(source));
  for (const std::string& source : hostile) {
    const double start_s = thread_cpu_s();
    const std::string text = render(source, "{}", 0, limits);
    const double took_s = thread_cpu_s() - start_s;
    EXPECT_TRUE(text.starts_with("error: ")) << source.substr(0, 100) << "\n" << text.substr(0, 100);
    // Twice, since the text is parsed before the clock runs and the clock is not looked at all the time.
    EXPECT_LT(took_s, 2 * limits.time_s * kBuildSlowness) << source.substr(0, 100);
  }
}

/// What is not in a value (the items of a loop, texts being put together, arguments) counts as well.
TEST(ChatTemplate, TemporariesCountAsMemory) {
  const TemplateLimits limits{.memory_bytes = 8 << 20};
  const std::string list = "{% set L = [0] * 150000 %}";  // 2.4 MB
  const std::string text = "{% set s = 'x' * 2000000 %}";
  const std::string space = "{% set ns = namespace(l=[]) %}";
  for (const std::string& source :
       {list + repeat("{% for a in L %}", 9) + repeat("{% endfor %}", 9),
        list + "{% for a in L %}{{ loop.length }}{% set M = [0] * 100000 %}{% break %}{% endfor %}",
        list + "{{ dict(*[], **dict(*L, **dict(*L, **dict(*L, **dict())))) }}",
        list + space + "{% for i in range(9) %}{% set ns.l = [ns.l, cycler(*L)] %}{% endfor %}",
        std::string("{% set L = ([{}] * 150000)|map(attribute='get')|list %}"),
        text + "{{ s ~ (s ~ (s ~ (s ~ 1)|length)|length)|length }}",
        text + "{% macro m() %}{{ s }}{% set t = 'x' * 5000000 %}{% endmacro %}{{ m()|length }}"}) {
    EXPECT_THAT(render(source, "{}", 0, limits), HasSubstr("bytes of memory")) << source;
  }
  // Nothing is held any longer than it is there.
  EXPECT_EQ(
      render(list + "{% for i in range(10) %}{% for a in L %}{% if loop.last or loop.length %}{% break %}"
                    "{% endif %}{% endfor %}{% set x = cycler(*L) %}{% endfor %}ok",
             "{}", 0, limits),
      "ok");
  EXPECT_EQ(render(text + "{% macro m() %}{{ s }}{% endmacro %}{% for i in range(10) %}{% set x = m() ~ 1 %}"
                          "{% endfor %}ok",
                   "{}", 0, limits),
            "ok");
}

TEST(ChatTemplate, TheSameTextIsEqualWithoutLooking) {
  EXPECT_EQ(render("{% set s = 'x' * 2000000 %}{{ [s] * 100000 == [s] * 100000 }}"), "True");
}

/// Quadratic, this takes a minute and so its time limit.
TEST(ChatTemplate, SplittingFromTheRightIsLinear) {
  EXPECT_EQ(render("{% set s = 'x' * 3200000 %}{{ s.rsplit('x' * 32)|length }}"), "100001");
  const std::string wanted = "'" + repeat("ab", 20) + "c'";
  EXPECT_EQ(render("{% set w = " + wanted + " %}{{ ('1' ~ w ~ '2' ~ w ~ w ~ 'b3').rsplit(w) }}"),
            "['1', '2', '', 'b3']");
  EXPECT_EQ(render("{% set w = " + wanted + " %}{{ ('abc' ~ w ~ '-' ~ w).rfind(w) }}"), "45");
  EXPECT_EQ(render("{% set w = " + wanted + " %}{{ ('abc' ~ w ~ '-' ~ w).find(w) }}"), "3");
  EXPECT_EQ(render("{% set w = " + wanted + " %}{{ w[1:].rfind(w) }} {{ w.rfind(w) }}"), "-1 0");
}

/// The depth of an expression is that of all its arguments.
TEST(ChatTemplate, EveryArgumentCountsForDepth) {
  const std::string deep = "x" + repeat(".a", 195);
  std::string deepest = deep;
  while (ChatTemplate::parse("{{ " + deepest + ".a }}").ok()) deepest += ".a";
  for (const std::string sign : {"*", "**", "k="}) {
    std::string nested = deep;
    for (int i = 0; i < 10; ++i) nested = "f(" + sign + nested + ")";
    const auto tmpl = ChatTemplate::parse("{{ " + nested + " }}");
    ASSERT_FALSE(tmpl.ok()) << sign;
    EXPECT_EQ(tmpl.error().code, ErrorCode::kTooLarge);
    EXPECT_THAT(tmpl.error().message, HasSubstr("an expression nested more than")) << sign;
    EXPECT_TRUE(ChatTemplate::parse("{{ f(" + sign + deep + ") }}").ok()) << sign;
    EXPECT_FALSE(ChatTemplate::parse("{{ f(" + sign + deepest + ") }}").ok()) << sign;
  }
}

/// Python's integers have no end; nothing here may overflow (which the sanitizers see).
TEST(ChatTemplate, IntegersAtTheEdge) {
  const std::string range = "range(-9223372036854775807, 9223372036854775807, 9000000000000000000)";
  EXPECT_EQ(render("{{ " + range + "[2] }} {{ " + range + "|list }}"),
            "8776627963145224193 [-9223372036854775807, -223372036854775807, 8776627963145224193]");
  const std::string least = "-9223372036854775807 - 1";
  EXPECT_EQ(render("[{{ 'a'.ljust(" + least + ") }}{{ 'b'.rjust(" + least + ") }}{{ 'c'.center(" + least +
                   ") }}{{ '1'.zfill(" + least + ") }}]"),
            "[abc1]");
}

/// The deepest recursion that the default limits allow stays on the stack of a thread, under sanitizers too.
TEST(ChatTemplate, DeepestRecursionFitsTheStack) {
  const std::string ifs = repeat("{% if 1 %}", 100);
  const std::string ends = repeat("{% endif %}", 100);
  const std::string brackets = repeat("(", 90);
  const std::string closing = repeat(")", 90);
  for (const std::string& body :
       {ifs + "{{ m() }}" + ends, "{{ " + brackets + "m()" + closing + " }}", std::string("{{ m() }}"),
        std::string("{% for i in [1] %}{{ [m()]|map('upper')|list }}{% endfor %}"),
        std::string("{% call m() %}{{ m() }}{% endcall %}{{ caller }}")}) {
    EXPECT_THAT(render("{% macro m() %}" + body + "{% endmacro %}{{ m() }}"), HasSubstr("recursion"))
        << body.substr(0, 60);
  }
}

/// Cycles and very deep values are freed (leaks show under AddressSanitizer), and without recursion.
TEST(ChatTemplate, CyclesAndDeepValuesAreFreed) {
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.me = ns %}{% set ns.l = [ns, {'a': ns}] %}ok"), "ok");
  EXPECT_EQ(render("{% macro m() %}{% endmacro %}{% for x in [1, 2] %}{% macro k() %}{{ k }}{% endmacro %}{% "
                   "endfor %}ok"),
            "ok");
  EXPECT_EQ(render("{% for x in [1] %}{% set y = loop.changed(loop) %}{% endfor %}ok"), "ok");
  EXPECT_EQ(
      render(
          "{% set ns = namespace(s=[]) %}{% for a in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}ok"),
      "ok");
  EXPECT_EQ(
      render(
          "{% set ns = namespace() %}{% for x in [1, 2] %}{% set ns.l = loop %}{% endfor %}{{ ns.l.last }}"),
      "True");
}

TEST(ChatTemplate, LongConversationsAreWithinTheLimits) {
  std::string request = "{\"messages\":[";
  for (int i = 0; i < 20000; ++i)
    request +=
        std::string(i > 0 ? "," : "") + R"({"role":"user","content":")" + std::string(200, 'x') + "\"}";
  request += "]}";
  const double start_s = thread_cpu_s();
  const std::string text = render(
      "{% set ns = namespace(s='') %}{% for m in messages %}<|{{ m.role }}|>{{ m['content'] | trim }}\n"
      "{% endfor %}{{ messages|map(attribute='content')|join('\\n')|length }}",
      request, 0);
  const double took_s = thread_cpu_s() - start_s;
  EXPECT_EQ(text.size(), 20000u * (8 + 200 + 1) + 7) << text.substr(0, 200);
  EXPECT_LT(took_s, TemplateLimits{}.time_s * kBuildSlowness);
}

TEST(ChatTemplate, OneTemplateRendersTheSameTwice) {
  Result<ChatTemplate> tmpl = ChatTemplate::parse(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
      "{% endfor %}{{ ns.n }}{{ bos_token }}");
  ASSERT_TRUE(tmpl.ok());
  for (int i = 0; i < 3; ++i) {
    const Result<std::string> text = tmpl->render(R"({"messages":[{},{}],"bos_token":"<s>"})");
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_EQ(*text, "2<s>");
  }
}

}  // namespace
}  // namespace hearth::text
