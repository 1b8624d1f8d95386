// JSON and TOML behind their limits: values, order, duplicates, errors with their place, depth and memory.
#include "io/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/clock.h"
#include "io/file.h"
#include "io/test_util.h"
#include "io/toml.h"

namespace hearth::io {
namespace {

using ::testing::HasSubstr;

std::string round_trip(std::string_view text) {
  const auto json = parse_json(text, "t");
  return json ? dump_json(*json) : json.error().message;
}

TEST(Json, KeepsValuesAndOrder) {
  for (const char* text : {"null", "true", "-1", "18446744073709551615", "1.5", "\"a\\n\\u00e9\"", "[]", "{}",
                           "[[],[{}]]", R"({"z":1,"a":[1,2,{"y":null,"b":"c"}],"m":{}})"}) {
    EXPECT_EQ(round_trip(text), dump_json(Json::parse(text)));
  }
  EXPECT_EQ(round_trip(" { \"b\" : 1 , \"a\" : 2 } "), R"({"b":1,"a":2})");
}

TEST(Json, DuplicateKeysAreResolvedOrRefused) {
  EXPECT_EQ(round_trip(R"({"a":1,"b":2,"a":3,"c":4,"a":{"x":5}})"), R"({"a":{"x":5},"b":2,"c":4})");
  const auto refused = parse_json(R"([{"a":1,"b":2,"a":3}])", "t", {.reject_duplicate_keys = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "t: the key 'a' occurs twice in one JSON object");
}

TEST(Json, ErrorsSayWhere) {
  const auto result = parse_json("{\n  \"a\": 1,\n  \"b\": tru\n}", "req");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(result.error().message, HasSubstr("req: line 3, column "));
  for (const char* bad : {"", "{", "[1,]", "{\"a\"}", "nul", "1 2", "\"\xff\"", "\"\\ud800\"", "1e999", "[1",
                          "\"a", "\x01", "{\"a\":1,}", "NaN", "\xEF\xBB"}) {
    const auto failed = parse_json(bad, "t");
    ASSERT_FALSE(failed) << bad;
    EXPECT_EQ(failed.error().message.find('\n'), std::string::npos);
    EXPECT_LT(failed.error().message.size(), 400u);
  }
}

TEST(Json, LimitsDepthSizeAndMemory) {
  const std::string deep = std::string(1'000'000, '[');
  EXPECT_EQ(parse_json(deep, "t").error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(parse_json("[[1]]", "t", {.max_depth = 2}));
  EXPECT_FALSE(parse_json("[[1]]", "t", {.max_depth = 1}));
  EXPECT_EQ(parse_json("[1,2]", "t", {.max_bytes = 4}).error().code, ErrorCode::kTooLarge);
  std::string wide = "[";
  for (int i = 0; i < 10'000; ++i) wide += "[],";
  wide += "0]";
  EXPECT_TRUE(parse_json(wide, "t"));
  EXPECT_EQ(parse_json(wide, "t", {.max_memory_bytes = 1000}).error().code, ErrorCode::kTooLarge);
}

TEST(Json, LargeObjectsTakeNoQuadraticTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += concat(i == 0 ? "" : ",", "\"token", i, "\":", i);
  text += "}";
  const double start_s = now_s();
  const auto json = parse_json(text, "t");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->size(), 200'000u);
  EXPECT_LT(now_s() - start_s, 10.0);  // quadratic insertion takes minutes
}

TEST(Json, GettersConvertAndNameWhatIsWrong) {
  const Json json = *parse_json(
      R"({"i":5,"n":-5,"e":1e3,"f":0.5,"big":1e300,"u":18446744073709551615,"s":"x","b":true,"z":null})",
      "t");
  EXPECT_EQ(json_int(json, "i").value(), 5);
  EXPECT_EQ(json_int(json, "n").value(), -5);
  EXPECT_EQ(json_int(json, "e").value(), 1000);
  EXPECT_EQ(json_int(json, "absent").value(), std::nullopt);
  EXPECT_EQ(json_int(json, "z").value(), std::nullopt);
  EXPECT_FALSE(json_int(json, "f"));
  EXPECT_FALSE(json_int(json, "big"));
  EXPECT_FALSE(json_int(json, "u"));
  EXPECT_EQ(json_int(json, "s").error().message, "JSON key 's' is of type string, needed is an integer");
  EXPECT_EQ(json_float(json, "i").value(), 5.0);
  EXPECT_FALSE(json_float(json, "b"));
  EXPECT_EQ(json_bool(json, "b").value(), true);
  EXPECT_FALSE(json_bool(json, "i"));
  EXPECT_EQ(json_string(json, "s").value(), "x");
  EXPECT_FALSE(json_string(json, "i"));
  EXPECT_EQ(json_find(Json(5), "i"), nullptr);
}

TEST(Json, DumpNeverFails) { EXPECT_EQ(dump_json(Json("a\xff")), "\"a\uFFFD\""); }

TEST(Toml, BecomesJson) {
  const auto json =
      parse_toml("b = 1\na = [1.5, true, \"x\"]\nd = 2024-05-06\n[t]\nk = 'v'\n[[u]]\nx = 1\n", "c.toml");
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(dump_json(*json), R"({"a":[1.5,true,"x"],"b":1,"d":"2024-05-06","t":{"k":"v"},"u":[{"x":1}]})");
}

TEST(Toml, ErrorsSayWhere) {
  const auto bad = parse_toml("a = 1\nb = \n", "c.toml");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("c.toml: line 2, column "));
  EXPECT_EQ(bad.error().message.find('\n'), std::string::npos);
  EXPECT_FALSE(parse_toml("a = " + std::string(100'000, '['), "c.toml"));
  EXPECT_FALSE(parse_toml("a = 1\na = 2\n", "c.toml"));
  EXPECT_FALSE(parse_toml("a = \"\xff\"", "c.toml"));
  const ScratchFolder folder;
  ASSERT_TRUE(write_file(folder / "c.toml", "x = 1"));
  EXPECT_TRUE(read_toml(folder / "c.toml"));
  EXPECT_EQ(read_json(folder / "none.json").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hearth::io
