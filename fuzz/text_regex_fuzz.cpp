// Regular expressions from hostile requests, whole and searching. The input is a pattern, and behind the
// first NUL byte the choices of tokens.
#include <cstddef>
#include <cstdint>

#include "grammar_fuzz.h"
#include "text/grammar/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), std::min<size_t>(size, 1 << 12));
  const size_t cut = input.find('\0');
  const std::string_view choices = cut == std::string_view::npos ? "" : input.substr(cut + 1);
  for (const text::RegexMatch match : {text::RegexMatch::kWhole, text::RegexMatch::kSearch}) {
    text::grammar::Nfa::Limits limits;
    limits.max_states = 1 << 13;
    limits.max_work = 1 << 20;
    auto dfa = text::grammar::regex_automaton(input.substr(0, cut), match, limits);
    if (dfa.ok()) text::drive_grammar(text::RuleSet(), text::grammar::from_dfa(std::move(*dfa)), choices);
  }
  return 0;
}
