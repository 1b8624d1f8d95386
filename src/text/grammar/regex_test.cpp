// Regular expressions: the texts that match, by construct, against std::regex where both read the same, and
// the constructs refused by name.
#include "text/grammar/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "base/rng.h"

namespace hearth::text {
namespace {

using ::testing::HasSubstr;

bool matches(std::string_view pattern, std::string_view text, RegexMatch match = RegexMatch::kWhole) {
  const auto dfa = grammar::regex_automaton(pattern, match);
  EXPECT_TRUE(dfa.ok()) << pattern << ": " << dfa.error().message;
  return dfa.ok() && dfa->matches(text);
}

std::string error(std::string_view pattern) {
  const auto dfa = grammar::regex_automaton(pattern, RegexMatch::kWhole);
  return dfa.ok() ? "" : dfa.error().message;
}

TEST(Regex, RandomPatternsAgreeWithTheStandardLibrary) {
  const std::vector<std::string> atoms = {"a", "b",   "ab",  "[ab]", "[^a]", "(a|b)", "(?:ab|c)",
                                          "c", "\\w", "\\d", ".",    "^",    "$",     "1"};
  const std::vector<std::string> quantifiers = {"", "", "", "*", "+", "?", "{2}", "{1,2}", "{1,}", "*?"};
  Rng rng(5);
  for (int i = 0; i < 400; ++i) {
    std::string pattern;
    for (uint64_t part = 1 + rng.below(4); part > 0; --part) {
      const std::string& atom = atoms[rng.below(atoms.size())];
      pattern += atom;
      if (atom != "^" && atom != "$") pattern += quantifiers[rng.below(quantifiers.size())];
      if (rng.below(8) == 0) pattern += "|";
    }
    const std::regex reference(pattern);
    const auto whole = grammar::regex_automaton(pattern, RegexMatch::kWhole);
    const auto search = grammar::regex_automaton(pattern, RegexMatch::kSearch);
    ASSERT_TRUE(whole.ok() && search.ok()) << pattern;
    for (int j = 0; j < 60; ++j) {
      std::string text;
      for (uint64_t length = rng.below(6); length > 0; --length) text.push_back("aabbc1 "[rng.below(7)]);
      EXPECT_EQ(whole->matches(text), std::regex_match(text, reference)) << pattern << " on '" << text << "'";
      EXPECT_EQ(search->matches(text), std::regex_search(text, reference))
          << pattern << " in '" << text << "'";
    }
  }
}

TEST(Regex, CharactersAreCodePoints) {
  EXPECT_TRUE(matches("^.$", "\xF0\x9F\x98\x80"));
  EXPECT_TRUE(matches("[\xC3\xA0-\xC3\xBC]{2}", "\xC3\xA9\xC3\xBC"));
  EXPECT_FALSE(matches("[\xC3\xA0-\xC3\xBC]", "e"));
  EXPECT_TRUE(matches("\\u00e9\\u{1F600}\\uD83D\\uDE00", "\xC3\xA9\xF0\x9F\x98\x80\xF0\x9F\x98\x80"));
  EXPECT_FALSE(matches(".*", "\xFF"));
  EXPECT_FALSE(matches("[^a]", "\xED\xA0\x80"));  // a surrogate
  EXPECT_TRUE(matches("[^]", "\n"));
  EXPECT_FALSE(matches("[]", "a"));
  EXPECT_TRUE(matches("\\s", "\xE2\x80\xA8"));
  EXPECT_TRUE(matches("\\S\\D\\W", "xx-"));
  EXPECT_TRUE(matches("[\\w-.]+", "a-b.c"));
  EXPECT_TRUE(matches("\\x41\\cA\\0\\t[\\b]\\/", std::string_view("A\1\0\t\b/", 6)));
}

TEST(Regex, AnchorsAreTheEndsOfTheText) {
  EXPECT_TRUE(matches("a^|b$", "xb", RegexMatch::kSearch));
  EXPECT_FALSE(matches("a^", "a", RegexMatch::kSearch));
  EXPECT_TRUE(matches("^$", "", RegexMatch::kSearch));
  EXPECT_FALSE(matches("^$", "a", RegexMatch::kSearch));
  EXPECT_FALSE(matches("^a$", "a\n", RegexMatch::kSearch));
  EXPECT_TRUE(matches("(^a|b)c", "xbc", RegexMatch::kSearch));
  EXPECT_FALSE(matches("(^a|b)c", "xac", RegexMatch::kSearch));
}

TEST(Regex, UnsupportedConstructsAreNamed) {
  EXPECT_THAT(error("a(?=b)"), HasSubstr("look-ahead"));
  EXPECT_THAT(error("(?!b)"), HasSubstr("look-ahead"));
  EXPECT_THAT(error("(?<=b)"), HasSubstr("look-behind"));
  EXPECT_THAT(error("(a)\\1"), HasSubstr("back reference"));
  EXPECT_THAT(error("(?<n>a)\\k<n>"), HasSubstr("named back reference"));
  EXPECT_THAT(error("\\bx"), HasSubstr("word boundary"));
  EXPECT_THAT(error("\\p{L}"), HasSubstr("Unicode property"));
  EXPECT_THAT(error("(?i)a"), HasSubstr("this kind of group"));
  for (const std::string_view pattern : {"(", ")", "[a", "*a", "a**", "a{2,1}", "a{", "\\", "\\x4",
                                         "\\u{110000}", "\\ud800", "[b-a]", "\\y"}) {
    EXPECT_NE(error(pattern), "") << pattern;
  }
  EXPECT_THAT(error("(((a{1,999}){1,999}){1,999}){1,999}"), HasSubstr("states"));
  EXPECT_THAT(error("(a|b)*a(a|b){24}"), HasSubstr("states"));
}

}  // namespace
}  // namespace hearth::text
