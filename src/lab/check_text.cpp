// The text of hearth check, written for it: several kinds of writing, so that most of a model has something
// to do. Changing it changes every verdict.
#include "lab/check.h"

namespace hearth::lab {

std::string_view check_text() {
  return R"(The ferry left at ten past six, when the harbour was still grey and the gulls had not yet decided whether to be
awake. Marta stood at the rail with her collar up and counted the islands as they came out of the mist: first the long one
with the lighthouse, then the two that everyone called the Sisters, and last the small round one where her grandmother
had been born in a house that no longer stood.

"You will catch cold," said the man beside her.
"I have caught worse," she answered, and they both laughed.

Water boils at 100 degrees Celsius at sea level, and at about 90 degrees on a mountain of 3,000 metres, because the air
above it weighs less. A recipe that takes 20 minutes in the valley may therefore take half an hour in a hut. The same law,
written as an equation, tells an engineer how thick the wall of a boiler must be.

To find the largest number in a list, look at each one in turn and remember the best so far:

def largest(numbers):
    best = numbers[0]
    for n in numbers[1:]:
        if n > best:
            best = n
    return best

Three rules for a good letter: say what you want in the first line, say why in the second, and stop before the reader
does. Question: What is the capital of France? Answer: The capital of France is Paris, which lies on the river Seine.
)";
}

}  // namespace hearth::lab
