// JSON Schema keyword by keyword: what is accepted, what is refused, and the errors that name what cannot be
// decided.
#include "text/grammar/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/grammar/grammar_test_util.h"

namespace hearth::text {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Case {
  std::string_view schema;
  std::vector<std::string_view> valid;
  std::vector<std::string_view> invalid;
};

void check(const std::vector<Case>& cases, const JsonOptions& options = {}) {
  for (const Case& one : cases) {
    const auto grammar = compile_schema(json_of(one.schema), options);
    ASSERT_TRUE(grammar.ok()) << one.schema << ": " << grammar.error().message;
    for (const auto text : one.valid)
      EXPECT_TRUE(accepts(*grammar, text)) << one.schema << " refuses " << text;
    for (const auto text : one.invalid)
      EXPECT_FALSE(accepts(*grammar, text)) << one.schema << " takes " << text;
  }
}

TEST(JsonSchema, Types) {
  check({
      {"true",
       {"null", "true", "1.5e3", "\"a\"", "[1,[]]", R"({"a":{"b":[]}})"},
       {"", "nul", "{]", "[1,]", "01"}},
      {R"({"type":"null"})", {"null"}, {"0", "\"null\""}},
      {R"({"type":"boolean"})", {"true", "false"}, {"null", "1"}},
      {R"({"type":"integer"})", {"0", "-1", "123456789012345678"}, {"1.5", "1e3", "00", "+1", "\"1\""}},
      {R"({"type":"number"})", {"0", "-0.5", "1e-9", "12.25E+7"}, {".5", "1.", "1e", "1e999", "- 1"}},
      {R"({"type":["string","null"]})", {"null", "\"\""}, {"0", "[]"}},
      {R"({"type":"array"})", {"[]", "[1,\"a\",null]"}, {"{}", "[1 ,2]", "[,]"}},
      {R"({"type":"object"})", {"{}", R"({"a":1,"b":[]})"}, {"[]", R"({"a":1,})", R"({a:1})"}},
  });
}

TEST(JsonSchema, StringsHaveOneCanonicalSpelling) {
  check({{R"({"type":"string"})",
          {R"("")", R"("a\"\\\n\u001f")", "\"h\xC3\xA9 \xF0\x9F\x98\x80 / \x7F\""},
          {R"("\/")", R"("\u0041")", R"("\u000a")", R"("\u001F")", "\"\n\"", "\"\xC3\"", "\"\xED\xA0\x80\"",
           R"("\x")"}}});
}

TEST(JsonSchema, StringLengthsCountCodePoints) {
  check({
      {R"({"type":"string","minLength":2,"maxLength":3})",
       {R"("ab")", R"("abc")", R"("\n\"")", "\"\xF0\x9F\x98\x80\xC3\xA9\""},
       {R"("a")", R"("abcd")", "\"\xF0\x9F\x98\x80\"", R"("\n")"}},
      {R"({"type":"string","minLength":2})", {R"("ab")", R"("abcdefgh")"}, {R"("")", R"("a")"}},
      {R"({"type":"string","maxLength":0})", {R"("")"}, {R"("a")"}},
      {R"({"maxLength":1})", {"12345", R"("a")", "[]"}, {R"("ab")"}},
  });
}

TEST(JsonSchema, PatternsSearchTheDecodedText) {
  check({
      {R"({"type":"string","pattern":"b+"})", {R"("abbc")", R"("b")"}, {R"("ac")"}},
      {R"({"type":"string","pattern":"^[a-z]{2,4}$"})",
       {R"("ab")", R"("abcd")"},
       {R"("a")", R"("abcde")", R"("aB")"}},
      {R"({"type":"string","pattern":"^a$|^b"})", {R"("a")", R"("bx")"}, {R"("ax")", R"("xb")"}},
      {"{\"type\":\"string\",\"pattern\":\"^\\\"\\\\n$\"}", {"\"\\\"\\n\""}, {"\"n\""}},
      {R"({"type":"string","pattern":"^.$","maxLength":1})", {R"("x")", "\"\xC3\xA9\""}, {R"("\n")"}},
      {R"({"type":"string","pattern":"a","minLength":3})", {R"("xxa")"}, {R"("a")", R"("xxx")"}},
  });
  EXPECT_THAT(schema_error(R"s({"properties":{"a":{"pattern":"(?=x)"}}})s"),
              AllOf(HasSubstr("#/properties/a/pattern"), HasSubstr("look-ahead")));
}

TEST(JsonSchema, Formats) {
  check({
      {R"({"type":"string","format":"date"})",
       {R"("2024-02-29")", R"("2023-12-31")"},
       {R"("2023-02-29")", R"("2023-04-31")", R"("2023-13-01")", R"("1900-02-29")"}},
      {R"({"type":"string","format":"date-time"})",
       {R"("2024-02-29T23:59:59Z")", R"("2024-01-01T00:00:00.123+02:00")"},
       {R"("2024-01-01T24:00:00Z")", R"("2024-01-01 00:00:00Z")", R"("2024-01-01T00:00:00")"}},
      {R"({"type":"string","format":"time"})", {R"("12:00:00Z")"}, {R"("12:00Z")"}},
      {R"({"type":"string","format":"uuid"})",
       {R"("2eb8aa08-aa98-11ea-b4aa-73b441d16380")"},
       {R"("2eb8aa08aa9811eab4aa73b441d16380")"}},
      {R"({"type":"string","format":"email"})",
       {R"("joe.b@example.co.uk")"},
       {R"("joe")", R"(".j@x")", R"("j@-x")"}},
      {R"({"type":"string","format":"ipv4"})",
       {R"("255.0.0.1")"},
       {R"("256.0.0.1")", R"("1.2.3")", R"("01.2.3.4")"}},
      {R"({"type":"string","format":"ipv6"})",
       {R"("::1")", R"("1:2:3:4:5:6:7:8")", R"("1::8")"},
       {R"("1::2::3")", R"("1:2")"}},
      {R"({"type":"string","format":"uri"})",
       {"\"https://example.com:80/a?b=c#d\"", R"("urn:x:y")"},
       {"\"//x\"", R"("a b")"}},
      {R"({"type":"string","format":"hostname"})", {R"("a-b.example")"}, {R"("-a")", R"("a..b")"}},
      {R"({"type":"string","format":"duration"})",
       {R"("P3Y6M4DT12H")", R"("PT5S")", R"("P2W")"},
       {R"("P")", R"("PT")"}},
  });
  EXPECT_THAT(schema_error(R"({"format":"colour"})"), AllOf(HasSubstr("#/format"), HasSubstr("colour")));
}

TEST(JsonSchema, IntegerBounds) {
  for (const auto& [low, high] :
       {std::pair(-120, 345), {0, 9}, {7, 7}, {-9, -3}, {10, 1000}, {-1, 0}, {95, 105}}) {
    const std::string schema = concat(R"({"type":"integer","minimum":)", low, R"(,"maximum":)", high, "}");
    const auto grammar = compile_schema(json_of(schema));
    ASSERT_TRUE(grammar.ok()) << grammar.error().message;
    for (int i = -1500; i <= 1500; ++i) {
      ASSERT_EQ(accepts(*grammar, std::to_string(i)), i >= low && i <= high) << schema << ' ' << i;
    }
  }
  check({{R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":5})", {"4"}, {"3", "5"}},
         {R"({"type":"integer","minimum":0.5,"maximum":2.5})", {"1", "2"}, {"0", "3"}},
         {R"({"type":"integer","minimum":1000000})", {"1000000", "9999999999"}, {"999999", "-1000001"}}});
}

TEST(JsonSchema, NumberBounds) {
  check({
      {R"({"type":"number","minimum":-1.5,"maximum":2.25})",
       {"-1.5", "-1.50", "-1.4999", "0", "-0", "2", "2.25", "2.2499", "2.0"},
       {"-1.51", "-2", "2.251", "2.26", "3", "10", "1e0"}},
      {R"({"type":"number","exclusiveMinimum":0})", {"0.1", "0.0001", "1"}, {"0", "0.0", "-0", "-1"}},
      {R"({"type":"number","exclusiveMaximum":0})", {"-0.1", "-3"}, {"0", "0.0", "-0", "-0.0", "1"}},
      {R"({"type":"number","exclusiveMinimum":0.1,"exclusiveMaximum":0.2})",
       {"0.11", "0.1001"},
       {"0.1", "0.10", "0.2"}},
      {R"({"type":"number","minimum":0,"maximum":1})", {"0", "1", "1.0", "0.5"}, {"1.01", "-0.1", "2"}},
  });
}

TEST(JsonSchema, MultipleOf) {
  const auto grammar = compile_schema(json_of(R"({"type":"integer","multipleOf":7,"minimum":-100})"));
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  for (int i = -300; i <= 300; ++i) {
    ASSERT_EQ(accepts(*grammar, std::to_string(i)), i % 7 == 0 && i >= -100) << i;
  }
  check({{R"({"type":"number","multipleOf":0.01})", {"1", "1.5", "1.25", "-0.01"}, {"1.255", "0.001"}},
         {R"({"type":"number","multipleOf":1.5})", {"0", "3", "4.5", "1.5"}, {"1", "2.5", "1.55"}},
         {R"({"type":"integer","multipleOf":0.5})", {"3"}, {"1.5"}}});
  EXPECT_THAT(schema_error(R"({"multipleOf":123457.1})"), HasSubstr("multipleOf"));
}

TEST(JsonSchema, EnumAndConst) {
  check({
      {R"({"enum":["a","b\n",1,null,[1,2],{"x":1}]})",
       {R"("a")", R"("b\n")", "1", "null", "[1,2]", R"({"x":1})"},
       {"2", R"("c")"}},
      {R"({"const":{"b":[1],"a":"x"}})", {R"({"b":[1],"a":"x"})"}, {R"({"a":"x","b":[1]})"}},
      {R"({"type":"string","enum":["a",1,"bb"],"minLength":2})", {R"("bb")"}, {R"("a")", "1"}},
      {R"({"type":"integer","enum":[1,2.5,3.0,"x"],"minimum":2})", {"3.0"}, {"1", "2.5"}},
  });
  EXPECT_THAT(schema_error(R"({"type":"string","enum":[1]})"), HasSubstr("matches nothing"));
}

TEST(JsonSchema, ObjectsInTheOrderOfProperties) {
  const std::string_view schema =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"type":"null"}},)"
      R"("required":["b"],"additionalProperties":false})";
  check({{schema,
          {R"({"b":""})", R"({"a":1,"b":"x"})", R"({"b":"x","c":null})", R"({"a":1,"b":"","c":null})"},
          {"{}", R"({"a":1})", R"({"b":"","a":1})", R"({"b":"","d":1})", R"({"a":1,,"b":""})",
           R"({,"b":""})"}}});
}

TEST(JsonSchema, AdditionalProperties) {
  check({
      {R"({"type":"object","properties":{"a":{"type":"integer"},"ab":{}},"required":["a"]})",
       {R"({"a":1})", R"({"a":1,"x":[],"y":2})", R"({"a":1,"":0,"abc":0,"aa":0})"},
       {R"({"x":1,"a":1})", R"({"a":1,"a":"s"})", R"({"a":1,"x":1,"ab":1})"}},
      {R"({"type":"object","additionalProperties":{"type":"integer"}})",
       {"{}", R"({"x":1,"y":2})"},
       {R"({"x":"a"})"}},
      {R"({"type":"object","required":["z","y"]})",
       {R"({"z":1,"y":2})", R"({"z":1,"y":2,"x":3})"},
       {R"({"z":1})"}},
      {R"({"properties":{"a":false},"type":"object"})", {"{}", R"({"b":1})"}, {R"({"a":1})"}},
  });
  check({{R"({"type":"object","properties":{"a":{}}})", {"{}", R"({"a":{}})"}, {R"({"b":1})"}}},
        {.strict = true});
  check({{R"({"type":"object","properties":{},"additionalProperties":true})", {R"({"b":1})"}, {}}},
        {.strict = true});
  check({{R"({"const":{"k":1,"j":[{"i":2}]}})", {R"({"k":1,"j":[{"i":2}]})"}, {R"({"k":1})"}},
         {R"({"enum":[{"k":1},3],"additionalProperties":false})", {"3"}, {R"({"k":1})"}}},
        {.strict = true});
}

TEST(JsonSchema, ManyOptionalProperties) {
  io::Json schema = {{"type", "object"}, {"additionalProperties", false}};
  for (int i = 0; i < 100; ++i) schema["properties"][concat("key", i)] = {{"type", "integer"}};
  const auto grammar = compile_schema(schema);
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, "{}"));
  EXPECT_TRUE(accepts(*grammar, R"({"key1":1,"key10":2,"key99":3})"));
  EXPECT_FALSE(accepts(*grammar, R"({"key10":1,"key1":2})"));
  EXPECT_FALSE(accepts(*grammar, R"({"key1":1,"key1":2})"));
}

TEST(JsonSchema, LargeEnumerations) {
  io::Json schema = {{"type", "string"}, {"pattern", "^v[0-9]+$"}};
  for (int i = 0; i < 5000; ++i) schema["enum"].push_back(concat("v", i, i % 2 == 0 ? "" : "!"));
  const auto grammar = compile_schema(schema);
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, "\"v4998\""));
  EXPECT_FALSE(accepts(*grammar, "\"v4999!\""));
}

TEST(JsonSchema, Arrays) {
  check({
      {R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})",
       {"[1]", "[1,2,3]"},
       {"[]", "[1,2,3,4]", "[\"a\"]"}},
      {R"({"type":"array","items":{"type":"integer"},"minItems":2})",
       {"[1,2]", "[1,2,3,4,5]"},
       {"[]", "[1]"}},
      {R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}]})",
       {"[]", "[1]", "[1,\"a\"]", "[1,\"a\",null]"},
       {"[\"a\"]", "[1,2]"}},
      {R"({"type":"array","prefixItems":[{"type":"integer"}],"items":false,"minItems":1})",
       {"[1]"},
       {"[]", "[1,2]"}},
      {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
      {R"({"type":"array","prefixItems":[{"const":1},{"const":2},{"const":3}],"maxItems":2,"minItems":1})",
       {"[1]", "[1,2]"},
       {"[]", "[1,2,3]"}},
      {R"({"type":"array","items":{"const":1},"maxItems":1})", {"[]", "[1]"}, {"[1,1]"}},
  });
}

TEST(JsonSchema, ReferencesAndRecursion) {
  const std::string_view tree =
      R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},)"
      R"("next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}}})";
  check({
      {tree,
       {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
       {R"({"v":1})", R"({"v":1,"next":{}})"}},
      {R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"}},
      {R"({"$ref":"#/$defs/a~1b%25","$defs":{"a/b%":{"type":"null"}}})", {"null"}, {"1"}},
      {R"({"$ref":"#/definitions/x","definitions":{"x":{"type":"integer"}},"minimum":5})",
       {"5"},
       {"4", "\"a\""}},
  });
  EXPECT_THAT(schema_error(R"({"$ref":"#"})"), HasSubstr("refers to itself"));
  EXPECT_THAT(schema_error(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})"), HasSubstr("refers to itself"));
  EXPECT_THAT(schema_error(R"({"$ref":"#/$defs/x"})"), HasSubstr("nothing is at"));
  EXPECT_THAT(schema_error(R"({"$ref":"https://x/y"})"), HasSubstr("#/$ref"));
  EXPECT_THAT(schema_error(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"),
              HasSubstr("matches nothing"));
}

TEST(JsonSchema, Combinators) {
  check({
      {R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})",
       {"1", R"("a")"},
       {"1.5", R"("ab")"}},
      {R"({"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":3},"b":{}}}],"type":"object"})",
       {R"({"a":3})", R"({"a":4,"b":1})"},
       {"{}", R"({"a":2})", R"({"a":"x"})"}},
      {R"({"oneOf":[{"type":"integer"},{"type":"string"}]})", {"1", R"("a")"}, {"null"}},
      {R"({"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"integer"}},"required":["k","x"]},)"
       R"({"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]})",
       {R"({"k":"a","x":1})", R"({"k":"b"})"},
       {R"({"k":"a"})", R"({"k":"c"})"}},
      {R"({"type":"integer","oneOf":[{"maximum":3},{"minimum":5}]})", {"3", "5"}, {"4"}},
      {R"({"type":"object","properties":{"a":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]})",
       {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":2})"},
       {"{}", R"({"c":1})"}},
  });
  EXPECT_THAT(schema_error(R"({"oneOf":[{"type":"integer"},{"minimum":2}]})"),
              AllOf(HasSubstr("#/oneOf"), HasSubstr("alternatives 0 and 1")));
  EXPECT_THAT(schema_error("false"), HasSubstr("matches nothing"));
}

TEST(JsonSchema, UnknownKeywordsAreErrorsWithTheirPlace) {
  for (const std::string_view keyword :
       {"not", "if", "contains", "uniqueItems", "minProperties", "patternProperties", "dependentRequired",
        "propertyNames", "unevaluatedProperties", "$anchor", "$dynamicRef", "nullable", "x-order"}) {
    const std::string schema = concat(R"({"properties":{"a":{"items":{")", keyword, R"(":true}}}})");
    EXPECT_THAT(schema_error(schema), HasSubstr(concat("#/properties/a/items/", keyword))) << schema;
  }
  EXPECT_EQ(
      schema_error(R"({"title":"t","description":"d","default":1,"examples":[],"$schema":"s","$id":"i",)"
                   R"("$comment":"c","deprecated":true,"readOnly":true,"writeOnly":false})"),
      "");
}

TEST(JsonSchema, WrongKeywordValuesAreErrors) {
  for (const std::string_view schema :
       {"1", R"({"type":"strin"})", R"({"type":[1]})", R"({"enum":1})", R"({"required":"a"})",
        R"({"properties":[]})", R"({"minimum":"1"})", R"({"multipleOf":0})", R"({"minLength":-1})",
        R"({"maxItems":1.5})", R"({"pattern":1})", R"({"items":[true]})", R"({"prefixItems":{}})",
        R"({"anyOf":[]})", R"({"allOf":{}})", R"({"$ref":1})",
        R"({"additionalProperties":1,"type":"object"})", R"s({"pattern":"("})s"}) {
    EXPECT_NE(schema_error(schema), "") << schema;
  }
}

TEST(JsonSchema, WhiteSpaceIsAnOption) {
  const std::string_view schema =
      R"({"type":"object","properties":{"a":{"type":"array"},"b":{"const":[1,{}]}},"required":["a","b"]})";
  check({{schema,
          {"{ \"a\" : [ ] ,\n\"b\": [1, {}]}", R"({"a":[],"b":[1,{}]})"},
          {R"({   "a":[],"b":[1,{}]})", R"( {"a":[],"b":[1,{}]})"}}},
        {.max_whitespace = 2});
  EXPECT_FALSE(schema_accepts(schema, R"({"a": [],"b":[1,{}]})"));
}

}  // namespace
}  // namespace hearth::text
