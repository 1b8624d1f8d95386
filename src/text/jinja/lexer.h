// Template source to tokens: delimiters, white space control (trim_blocks, lstrip_blocks, - and +), literals,
// operators. The rules are those of jinja2 3.1 as transformers configures it. Must not know the grammar.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text::jinja {

enum class Token : uint8_t {
  kData,
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,  // text is the operator
  kEof,
};

struct LexedToken {
  Token type = Token::kEof;
  int32_t line = 0;
  std::string text;  // data, name, decoded string or operator
  int64_t integer = 0;
  double real = 0;
};

/// All tokens, the last is kEof. Errors: kCorrupt with the line.
Result<std::vector<LexedToken>> tokenize(std::string_view source);

}  // namespace hearth::text::jinja
