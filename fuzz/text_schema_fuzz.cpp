// JSON schemas from hostile requests: whatever compiles is then driven. The input is a schema, and behind the
// first NUL byte an option byte and the choices of tokens.
#include <cstddef>
#include <cstdint>

#include "grammar_fuzz.h"
#include "io/json.h"
#include "text/grammar/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  const std::string_view choices = cut == std::string_view::npos ? "" : input.substr(cut + 1);
  const Result<io::Json> schema =
      io::parse_json(input.substr(0, cut), "schema", {.max_bytes = 1 << 14, .max_depth = 40});
  if (!schema.ok()) return 0;
  const int option = choices.empty() ? 0 : choices[0] & 3;
  text::RuleSet rules;
  const auto root = text::json_schema_grammar(
      rules, *schema, {.strict = (option & 1) != 0, .max_whitespace = (option & 2) != 0 ? 2u : 0u});
  if (root.ok()) text::drive_grammar(rules, *root, choices.substr(std::min<size_t>(1, choices.size())));
  return 0;
}
