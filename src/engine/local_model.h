// A model loaded for use: file -> tensors -> packed weights -> runtime, with its tokenizer and chat template.
// Refuses before it loads what will not fit into memory. Must not know who asks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/tensor_source.h"
#include "model/memory.h"
#include "model/model.h"
#include "runtime/sampler.h"
#include "runtime/session.h"
#include "text/chat_template.h"
#include "text/grammar/vocabulary_trie.h"
#include "text/tokenizer.h"

namespace hearth::engine {

inline constexpr int64_t kDefaultContextTokens = 4096;

struct LoadOptions {
  /// Threads in all; 0: as many as this process may use.
  int32_t threads = 0;
  /// Each thread on a processor of its own: steadier on a machine with nothing else to do, slower on others.
  bool pin_threads = false;
  /// Tokens of context; nullopt: the model's own or kDefaultContextTokens, whichever is smaller; 0: the
  /// largest that fits.
  std::optional<int64_t> context_tokens;
  /// How keys and values are kept: see RuntimeOptions. "auto" with kReference is f32.
  std::string kv_format = "auto";
  kernels::Precision precision = kernels::Precision::kFast;
  /// Tensors whose products are computed in float32 although the rest is fast ("blk.3.ffn_down.weight").
  std::vector<std::string> float32_tensors;
  int32_t max_sequences = 1;
  /// Tokens that all sequences may hold together; 0: each may fill its context.
  int64_t cache_tokens = 0;
  int32_t max_batch_tokens = 512;
  /// Load although the plan says that memory will not do.
  bool ignore_memory = false;
};

/// Where the packed weights of a model are kept, and written when they are not there. Who asks knows the
/// places (the model store); the engine only uses them.
struct PackedCache {
  std::filesystem::path file;  // empty: pack in memory
  std::string source;          // what they must have been made from; a changed model is another source
  /// Models with less are packed in memory: that takes less time than anybody notices.
  int64_t min_bytes = int64_t{64} << 20;
  /// Told while the file is written; false cancels. May be empty.
  std::function<bool(uint64_t done_bytes, uint64_t total_bytes)> progress;
};

/// What a file holds before any weight is packed: enough to show it, plan it or tokenize with it.
struct OpenedModel {
  io::TensorFile file;     // GGUF vocabulary, whatever the file was; tokenizer keys included
  std::string name;        // for messages
  PackedCache cache = {};  // to be written when the model is loaded; no file: not wanted or there already
};

/// A GGUF file (any part of a split one) or a Hugging Face folder, tokenizer files included; or its packed
/// form where `cache` has one that belongs to it. One that is damaged, of another version or of another
/// source is named in one line of the log and written again by LocalModel::load.
Result<OpenedModel> open_model(const std::filesystem::path& path, const PackedCache& cache = {});

/// What a model needs of this machine's memory, and what there is.
struct MemoryNeed {
  model::MemoryPlan plan;
  model::MachineMemory machine;
  int64_t largest_context_tokens = 0;  // that fits, up to the model's own; 0: not even one
  Status fits;                         // kNoMemory with the numbers when the plan does not
};
/// The plan for loading with these options; nothing is loaded.
Result<MemoryNeed> plan_memory(const OpenedModel& opened, const LoadOptions& options);

/// The tokenizer of an opened model; nullptr (no error) when the file has none.
Result<std::unique_ptr<text::Tokenizer>> make_tokenizer(const io::Metadata& metadata);

/// Its chat template; nullopt when the file has none.
Result<std::optional<text::ChatTemplate>> make_chat_template(const io::Metadata& metadata);
/// Renders a chat request (template variables as JSON) with bos_token, eos_token and add_generation_prompt
/// filled in unless given.
Result<std::string> render_chat(const text::ChatTemplate& chat_template, const text::Tokenizer* tokenizer,
                                const std::string& chat_json);

class LocalModel {
 public:
  /// Errors: as open_model, model::Model::load and Runtime::create; kNoMemory with the numbers when it does
  /// not fit.
  static Result<std::unique_ptr<LocalModel>> load(OpenedModel opened, const LoadOptions& options);

  ThreadPool& pool() { return *pool_; }
  const model::Model& model() const { return *model_; }
  runtime::Runtime& runtime() { return *runtime_; }
  const std::string& name() const { return name_; }
  const io::Metadata& metadata() const { return model_->metadata(); }
  /// nullptr when the file has none.
  const text::Tokenizer* tokenizer() const { return tokenizer_.get(); }
  /// Held by whoever uses the runtime: several sessions of one model take turns.
  std::mutex& turn() { return turn_; }
  int64_t context_tokens() const { return runtime_->options().context_tokens; }
  /// How it was loaded: LoadOptions::kv_format with "auto" resolved, and the tensors named there.
  const std::string& kv_format() const { return kv_format_; }
  const std::vector<std::string>& float32_tensors() const { return float32_tensors_; }
  kernels::Precision precision() const { return precision_; }

  /// The sampling settings that the model's file recommends (`general.sampling.*`) over hearth's defaults.
  runtime::SamplingParams sampling_defaults() const;
  /// Why there is no chat template to use: none in the file, or one that does not parse. OK when there is
  /// one.
  Status chat_template_status() const;
  /// The prompt for a chat request. Errors: kUnsupported when the model has no chat template.
  Result<std::string> render_chat(const std::string& chat_json) const;
  /// The tokens by their bytes, for grammars; made on first use, so the first call takes some time. `shown`:
  /// control tokens, by their text, that a grammar may ask for. nullptr when there is no tokenizer.
  std::shared_ptr<const text::VocabularyTrie> vocabulary_trie(std::span<const std::string_view> shown);
  /// Ids of a finished prompt; BOS as the model asks for, never twice.
  Result<std::vector<int32_t>> encode_prompt(const std::string& prompt, bool parse_special) const;

 private:
  LocalModel() = default;
  std::string name_;
  std::string kv_format_;
  std::vector<std::string> float32_tensors_;
  kernels::Precision precision_ = kernels::Precision::kFast;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<model::Model> model_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::optional<text::ChatTemplate> chat_template_;
  Status chat_template_status_;  // a broken template must not keep raw prompts from working
  std::mutex turn_;
  std::mutex trie_mutex_;
  std::map<std::vector<text::TokenId>, std::shared_ptr<const text::VocabularyTrie>>
      tries_;  // by what is shown
};

}  // namespace hearth::engine
