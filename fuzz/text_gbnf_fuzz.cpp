// GBNF grammars from hostile requests. The input is a grammar, and behind the first NUL byte the choices of
// tokens.
#include <cstddef>
#include <cstdint>

#include "grammar_fuzz.h"
#include "text/grammar/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), std::min<size_t>(size, 1 << 13));
  const size_t cut = input.find('\0');
  const std::string_view choices = cut == std::string_view::npos ? "" : input.substr(cut + 1);
  text::RuleSet rules;
  const auto root = text::gbnf_grammar(rules, input.substr(0, cut));
  if (root.ok()) text::drive_grammar(rules, *root, choices);
  return 0;
}
