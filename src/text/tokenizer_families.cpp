// The tables, and how a family is recognised by its vocabulary.
#include "text/tokenizer_families.h"

#include <algorithm>
#include <array>

namespace hearth::text {
namespace {

constexpr std::string_view kTurnEnders[] = {
    "</s>",                   // SentencePiece models
    "<|endoftext|>",          // GPT-2, Qwen, Phi, SmolLM
    "<|im_end|>",             // ChatML
    "<|end_of_text|>",        // Llama 3, Granite
    "<|eot_id|>",             // Llama 3
    "<|eom_id|>",             // Llama 3, when it waits for a tool
    "<|eot|>",                // Llama 4
    "<|eom|>",                //
    "<|end|>",                // Phi-3, Phi-4-mini
    "<end_of_turn>",          // Gemma
    "<turn|>",                // Gemma 4
    "<|EOT|>",                // DeepSeek Coder
    "<EOT>",                  //
    "_<EOT>",                 //
    "<｜end▁of▁sentence｜>",  // DeepSeek
    "<|END_OF_TURN_TOKEN|>",  // Command R
    "<|endofturn|>",          // EXAONE
    "[|endofturn|]",          //
    "<end_of_utterance>",     // SmolVLM
    "<|return|>",             // harmony
    "<|call|>",               //
    "<|assistant_end|>",      // Apertus
    "<eos>",                  // Gemma
};

/// Phi-3's tokenizer.json has rstrip on all added tokens but these; its GGUF files do not say so.
constexpr std::string_view kPhi3KeepsSpaceAfter[] = {"<unk>", "<s>", "<|endoftext|>"};
constexpr std::string_view kPhi3Signature[] = {"<|assistant|>", "<|placeholder1|>", "<|system|>",
                                               "<|end|>",       "<|user|>",         "▁the"};

bool has_all(const Vocabulary& vocabulary, std::span<const std::string_view> texts) {
  return std::all_of(texts.begin(), texts.end(),
                     [&](std::string_view text) { return vocabulary.index.find(text) >= 0; });
}

bool is_added(TokenType type) { return type == TokenType::kControl || type == TokenType::kUserDefined; }

}  // namespace

void mark_known_turn_enders(Vocabulary& vocabulary) {
  for (const std::string_view text : kTurnEnders) {
    const TokenId id = vocabulary.index.find(text);
    if (id >= 0 && is_added(vocabulary.type(id)))
      vocabulary.end_of_generation[static_cast<size_t>(id)] = true;
  }
  // In harmony <|end|> closes a message, and the turn goes on until <|return|> or <|call|>.
  constexpr std::string_view kHarmony[] = {"<|return|>", "<|call|>", "<|end|>"};
  if (has_all(vocabulary, kHarmony)) {
    vocabulary.end_of_generation[static_cast<size_t>(vocabulary.index.find("<|end|>"))] = false;
  }
}

void apply_family_flags(Vocabulary& vocabulary) {
  if (!vocabulary.flags.empty() || !has_all(vocabulary, kPhi3Signature)) return;
  vocabulary.flags.resize(vocabulary.texts.size());
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    const bool keeps = std::find(std::begin(kPhi3KeepsSpaceAfter), std::end(kPhi3KeepsSpaceAfter),
                                 vocabulary.text(id)) != std::end(kPhi3KeepsSpaceAfter);
    vocabulary.flags[static_cast<size_t>(id)].rstrip = is_added(vocabulary.type(id)) && !keeps;
  }
}

}  // namespace hearth::text
