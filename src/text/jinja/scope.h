// Name resolution: which frame and slot each name of a template means. jinja2 decides this before it runs
// anything, and templates can see it (a set inside a loop is gone after it, a macro sees later sets of the
// frame it stands in). Must not know values.
#pragma once

#include "base/result.h"
#include "text/jinja/ast.h"

namespace hearth::text::jinja {

/// Fills the references and frame layouts of the tree. Errors: kCorrupt for filters and tests that do not
/// exist, where jinja2 refuses them before rendering.
Status resolve_names(Template& tmpl);

}  // namespace hearth::text::jinja
