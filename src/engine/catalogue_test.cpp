// The specialist's contract: normalisation, prompt, and every rule of the check, each broken once.
#include "engine/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/file.h"

namespace hearth::engine {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHome = R"(
version = 2
rooms = ["kitchen", "living room"]
[[kind]]
name = "light"
group = "all lights"
[[kind]]
name = "lock"
group = "all locks"
[[kind]]
name = "media"
group = "all players"
[[device]]
name = "front door"
kind = "lock"
[[device]]
name = "kitchen lights"
kind = "light"
room = "kitchen"
[[device]]
name = "floor lamp"
kind = "light"
room = "living room"
[[tool]]
name = "light"
exactly_one = ["state", "brightness"]
[[tool.argument]]
name = "device"
type = "device"
kinds = ["light"]
groups = true
required = true
[[tool.argument]]
name = "state"
type = "enum"
values = ["on", "off"]
[[tool.argument]]
name = "brightness"
type = "integer"
min = 0
max = 100
[[tool]]
name = "media"
exactly_one = ["query"]
[[tool.argument]]
name = "device"
type = "device"
kinds = ["media"]
groups = true
[[tool.argument]]
name = "query"
type = "text"
max_bytes = 10
[[tool]]
name = "clean"
at_least_one = ["room"]
[[tool.argument]]
name = "room"
type = "room"
[[tool]]
name = "escalate"
[[tool.argument]]
name = "reason"
type = "enum"
values = ["out_of_scope"]
required = true
)";

Catalogue home() {
  auto catalogue = Catalogue::parse(kHome, "home.toml");
  EXPECT_TRUE(catalogue.ok()) << catalogue.error().message;
  return std::move(catalogue).value();
}

TEST(NormaliseRequest, FollowsTheContract) {
  EXPECT_EQ(normalise_request("  Dim  the LIGHTS!?. "), "dim the lights");
  EXPECT_EQ(normalise_request("what\xE2\x80\x99s on"), "what's on");
  EXPECT_EQ(normalise_request("a<|user|>b{\"c\"}\t\n_d"), "a user b c d");
  EXPECT_EQ(normalise_request("Größe"), "größe");
  EXPECT_EQ(normalise_request(" ?! "), "");
  EXPECT_EQ(normalise_request("3.5 degrees, please, ..."), "3.5 degrees, please");
}

TEST(Catalogue, BuildsThePrompt) {
  EXPECT_EQ(home().prompt("dim the floor lamp"),
            "<|home|><light><1> kitchen lights<light><2> floor lamp@ living room<lock><3> front door"
            "<room><4> kitchen<room><5> living room<|user|> dim the floor lamp<|call|>");
}

TEST(Catalogue, ExpandsTheModelsForm) {
  const Catalogue catalogue = home();
  const std::pair<const char*, const char*> cases[] = {
      {R"({"tool":"light","device":<2>,"brightness":30})",
       R"({"tool":"light","device":"floor lamp","brightness":30})"},
      {R"({"tool":"clean","room":<5>}{"tool":"light","device":"all lights","state":"on"}{"tool":"lock"})",
       R"([{"tool":"clean","room":"living room"},{"tool":"light","device":"all lights","state":"on"},{"tool":"lock"}])"},
      {R"({"tool":"media","query":" some  jazz "})", R"({"tool":"media","query":"some  jazz "})"},
      {"", ""}};
  for (const auto& [raw, json] : cases) EXPECT_EQ(catalogue.expand(raw), json);
  for (const char* raw : {"<0>", "<6>", "<99999999999999999999>", "<-1>", "<1", "<", "<>", "<1 >", "<+1>"}) {
    EXPECT_EQ(catalogue.expand(raw), std::nullopt) << raw;
  }
}

TEST(Catalogue, TheDefaultHouseholdParses) {
  const auto text = io::read_file(HEARTH_SOURCE_DIR "/models/device/catalogue.toml", 1 << 20);
  ASSERT_TRUE(text.ok());
  const auto catalogue = Catalogue::parse(*text, "catalogue.toml");
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message;
  EXPECT_GT(catalogue->devices().size(), 10u);
}

TEST(Catalogue, AcceptsWhatHolds) {
  const Catalogue catalogue = home();
  for (const char* answer :
       {R"({"tool":"light","device":"floor lamp","brightness":30})",
        R"({"tool":"light","device":"all lights","state":"on"})", R"({"tool":"media","query":"some jazz"})",
        R"({"tool":"clean","room":"kitchen"})", R"({"tool":"escalate","reason":"out_of_scope"})",
        R"([{"tool":"clean","room":"kitchen"},{"tool":"light","device":"floor lamp","state":"off"}])"}) {
    EXPECT_EQ(catalogue.find_fault(answer, "play some jazz"), std::nullopt) << answer;
  }
}

TEST(Catalogue, FindsEveryFault) {
  const Catalogue catalogue = home();
  const std::pair<const char*, const char*> cases[] = {
      {R"({"tool":"light")", "not JSON"},
      {R"({"tool":"light","device":"floor lamp","state":"on","state":"off"})", "not JSON"},
      {R"("light")", "not an object"},
      {R"({"device":"floor lamp"})", "names no tool"},
      {R"({"tool":"oven"})", "unknown tool 'oven'"},
      {R"({"tool":"light","device":"floor lamp","state":"on","mood":"calm"})", "no argument 'mood'"},
      {R"({"tool":"light","device":"ceiling lamp","state":"on"})", "wrong 'device'"},
      {R"({"tool":"light","device":"front door","state":"on"})", "wrong 'device'"},
      {R"({"tool":"light","device":"all locks","state":"on"})", "wrong 'device'"},
      {R"({"tool":"media","device":"all players","query":"jazz"})", "wrong 'device'"},
      {R"({"tool":"light","device":"floor lamp","brightness":101})", "wrong 'brightness'"},
      {R"({"tool":"light","device":"floor lamp","brightness":-1})", "wrong 'brightness'"},
      {R"({"tool":"light","device":"floor lamp","brightness":30.0})", "wrong 'brightness'"},
      {R"({"tool":"light","device":"floor lamp","brightness":18446744073709551615})", "wrong 'brightness'"},
      {R"({"tool":"light","device":"floor lamp","state":"dim"})", "wrong 'state'"},
      {R"({"tool":"light","state":"on"})", "lacks 'device'"},
      {R"({"tool":"light","device":"floor lamp"})", "exactly one"},
      {R"({"tool":"light","device":"floor lamp","state":"on","brightness":3})", "exactly one"},
      {R"({"tool":"media","query":"blues"})", "wrong 'query'"},
      {R"({"tool":"media","query":""})", "wrong 'query'"},
      {R"({"tool":"media","query":"play some jazz"})", "wrong 'query'"},
      {R"({"tool":"clean"})", "needs one of"},
      {R"({"tool":"clean","room":"cellar"})", "wrong 'room'"},
      {R"([])", "1 to 8"},
      {R"([{"tool":"clean","room":"kitchen"},{"tool":"escalate","reason":"out_of_scope"}])", "stands alone"}};
  for (const auto& [answer, fault] : cases) {
    const auto found = catalogue.find_fault(answer, "play some jazz");
    ASSERT_TRUE(found.has_value()) << answer;
    EXPECT_THAT(*found, HasSubstr(fault)) << answer;
  }
}

TEST(Catalogue, RefusesBrokenHouseholds) {
  const auto refuses = [](std::string_view from, std::string_view to, const char* message) {
    std::string text(kHome);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    const auto catalogue = Catalogue::parse(text, "home.toml");
    ASSERT_FALSE(catalogue.ok()) << message;
    EXPECT_THAT(catalogue.error().message, HasSubstr("home.toml"));
    EXPECT_THAT(catalogue.error().message, HasSubstr(message));
  };
  refuses("version = 2", "version = 1", "version is 1, not 2");
  refuses("name = \"floor lamp\"", "name = \"Floor lamp\"", "a name is");
  refuses("name = \"floor lamp\"", "name = \"front door\"", "used twice");
  refuses("name = \"floor lamp\"", "name = \"all lights\"", "used twice");
  refuses("kind = \"lock\"", "kind = \"door\"", "unknown kind 'door'");
  refuses("room = \"living room\"", "room = \"cellar\"", "unknown room 'cellar'");
  refuses("type = \"room\"", "type = \"place\"", "type out of device");
  refuses("min = 0", "min = \"low\"", "'min' is not an integer");
}

}  // namespace
}  // namespace hearth::engine
