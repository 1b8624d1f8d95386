// Ways to put grammars together as answers need them: thinking before a constrained answer, tool calls amid
// free text. sequence and choice are those of expr.h. Must not know which family uses which tags.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "text/grammar/expr.h"

namespace hearth::text {

/// Any bytes whatever, also none.
grammar::ExprPtr free_text();
/// Any bytes up to and including the first occurrence of `tag`. Errors: kUsage for an empty tag.
Result<grammar::ExprPtr> free_until(std::string_view tag);

/// Text in which `trigger` begins a body that `end` closes.
struct TaggedBody {
  std::string trigger;
  grammar::ExprPtr body;
  std::string end;
};
struct TaggedOptions {
  uint32_t min_bodies = 0;   // 1: the text may not end before the first body has
  bool one_body = false;     // nothing but free text without triggers follows it
  bool free_between = true;  // false: outside bodies only white space (of at most 16 bytes in a row)
};
/// Free text in which each trigger switches to its body, which must be completed by its end before the text
/// is free again or may end. A trigger is recognised wherever it first occurs, whatever the tokens. Errors:
/// kUsage for an empty trigger, or one that contains another.
Result<grammar::ExprPtr> free_text_or_tagged(RuleSet& rules, const std::vector<TaggedBody>& bodies,
                                             const TaggedOptions& options = {});

}  // namespace hearth::text
