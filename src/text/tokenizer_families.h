// Facts about published model families that their files do not state: which tokens end a turn, which eat
// following space. Why a table: names of families may stand only in such tables. Must not know how text is
// split.
#pragma once

#include <string_view>

#include "text/tokenizer_vocab.h"

namespace hearth::text {

/// Marks control and user-defined tokens whose text is a known turn or text ender.
void mark_known_turn_enders(Vocabulary& vocabulary);

/// Fills `flags` where the family's own tokenizer has attributes that its GGUF files lost. Does nothing if
/// flags are known.
void apply_family_flags(Vocabulary& vocabulary);

}  // namespace hearth::text
