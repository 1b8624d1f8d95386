// What the answer to a request must look like, as a grammar: its response format, calls of its tools in the
// way the model's family writes them, thoughts before either. Must not know vocabularies.
#pragma once

#include <memory>
#include <string>

#include "text/grammar/grammar.h"
#include "wire/answer_format.h"
#include "wire/request.h"

namespace hearth::wire {

/// Of a raw prompt's answer nobody takes thoughts apart, so there are none.
enum class Thoughts { kNone, kMayCome, kBegun };

/// Whether anything but free text is asked for.
bool needs_grammar(const GenerationRequest& request, const AnswerFormat& format);
/// The same for requests whose grammars are the same.
std::string grammar_key(const GenerationRequest& request, const AnswerFormat& format, Thoughts thoughts);
/// kBegun: the prompt has opened the thoughts, which may say anything up to their end. A tool whose
/// schema is not understood may be called with any object, unless it is strict. Errors: kUnsupported and
/// kUsage name the keyword; kTooLarge.
Result<std::shared_ptr<const text::Grammar>> answer_grammar(const GenerationRequest& request,
                                                            const AnswerFormat& format, Thoughts thoughts);

}  // namespace hearth::wire
