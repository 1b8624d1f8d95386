// config.json and generation_config.json of a Hugging Face folder in GGUF's vocabulary of metadata. Pure
// translation: no sizes are judged here (read_hparams does), no files are opened. Must not know any
// architecture's name; what a class leaves out of its file comes from ArchSpec::hf_defaults.
#pragma once

#include <vector>

#include "io/json.h"
#include "io/metadata.h"
#include "model/spec.h"

namespace hearth::model {

/// What config.json says: the architecture, metadata, and tensors that GGUF stores but folders compute.
struct HfConfig {
  const ArchSpec* arch = nullptr;
  io::Metadata metadata;
  std::optional<bool> tied_output;  // tie_word_embeddings; true: lm_head is not to be read
  std::string activation;         // hidden_act or hidden_activation; empty: not given
  std::vector<float> rope_freqs;  // (dims / 2) or empty
  std::vector<float> rope_long;   // (dims / 2) or empty
  std::vector<float> rope_short;  // (dims / 2) or empty
};

/// `config` is the parsed config.json; a "text_config" inside it counts before its outer level.
/// Errors: kUnsupported (class, rope type, layer types), kCorrupt (a key of the wrong type).
Result<HfConfig> read_hf_config(const io::Json& config);

/// Adds the sampling defaults as `general.sampling.*`. Token ids are the tokenizer's business (text).
Status add_generation_config(const io::Json& generation, io::Metadata& metadata);

}  // namespace hearth::model
