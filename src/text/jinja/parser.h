// Tokens to a syntax tree, by the grammar of jinja2 3.1 with the loopcontrols extension and the generation
// tag. Must not know values or scopes.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja/ast.h"

namespace hearth::text::jinja {

/// Parses and resolves names. Errors, with the line: kCorrupt for what jinja2 refuses, kUnsupported for what
/// it knows and hearth does not (inheritance, includes, recursive loops), kTooLarge for nesting beyond what
/// the interpreter will walk.
Result<Template> parse_template(std::string_view source);

}  // namespace hearth::text::jinja
