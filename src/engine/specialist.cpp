// Normalise, prompt, generate greedily, expand, check: the five steps of the contract.
#include "engine/specialist.h"

#include "io/gguf.h"
#include "model/model.h"

extern "C" {
extern const std::byte hearth_device_gguf_begin[];
extern const std::byte hearth_device_gguf_end[];
extern const char hearth_device_catalogue_begin[];
extern const char hearth_device_catalogue_end[];
}

namespace hearth::engine {
namespace {

constexpr size_t kMaxRequestBytes = 300;
constexpr int64_t kMaxPromptTokens = 448;
constexpr int64_t kMaxAnswerTokens = 64;  // prompt and answer fill the context
constexpr int64_t kContextTokens = 512;

std::string escalate(std::string_view reason) {
  return concat(R"({"tool":"escalate","reason":")", reason, "\"}");
}

}  // namespace

std::span<const std::byte> builtin_model_bytes() {
  return {hearth_device_gguf_begin, hearth_device_gguf_end};
}

std::string_view builtin_catalogue_toml() {
  return {hearth_device_catalogue_begin,
          static_cast<size_t>(hearth_device_catalogue_end - hearth_device_catalogue_begin)};
}

Result<std::unique_ptr<Specialist>> Specialist::create(std::string_view catalogue_toml,
                                                       std::string_view catalogue_name,
                                                       const LoadOptions& options) {
  const bool own = !catalogue_toml.empty();
  HEARTH_ASSIGN(Catalogue catalogue, Catalogue::parse(own ? catalogue_toml : builtin_catalogue_toml(),
                                                      own ? catalogue_name : "built-in catalogue"));
  HEARTH_ASSIGN(io::TensorFile file,
                io::parse_gguf(builtin_model_bytes(), "built-in model", &model::block_layout));
  HEARTH_ASSIGN(const std::optional<int64_t> contract, file.metadata.get_int("hearth.device.contract"));
  if (contract != kSpecialistContract) {
    return fail(ErrorCode::kCorrupt, "built-in model: made for contract ", contract.value_or(0), ", not ",
                kSpecialistContract, "; build again with the model that belongs to this version");
  }
  LoadOptions own_options = options;
  own_options.context_tokens = kContextTokens;
  std::unique_ptr<Specialist> specialist(new Specialist(std::move(catalogue)));
  HEARTH_ASSIGN(specialist->model_, LocalModel::load({std::move(file), "built-in model"}, own_options));
  if (!specialist->model_->tokenizer()) return fail(ErrorCode::kCorrupt, "built-in model: no tokenizer");
  HEARTH_ASSIGN(specialist->completer_, LocalCompleter::create(*specialist->model_));
  return specialist;
}

Result<Completion> Specialist::complete(const CompletionRequest& request, const TextSink& sink) {
  const std::string normalised = normalise_request(request.prompt);
  Completion completion;
  if (normalised.empty() || normalised.size() > kMaxRequestBytes) {
    completion.text = escalate(normalised.empty() ? "out_of_scope" : "unsupported");
  } else {
    CompletionRequest own;
    own.prompt = catalogue_.prompt(normalised);
    own.sampling = runtime::SamplingParams::greedy();
    own.sampling.top_logprobs = request.sampling.top_logprobs;
    own.max_tokens = kMaxAnswerTokens;
    own.cancel = request.cancel;
    HEARTH_ASSIGN(const std::vector<int32_t> ids, model_->encode_prompt(own.prompt, true));
    if (static_cast<int64_t>(ids.size()) > kMaxPromptTokens) {
      return fail(ErrorCode::kTooLarge, "catalogue and request need ", ids.size(),
                  " tokens, the built-in model reads ", kMaxPromptTokens,
                  "; use fewer or shorter device names");
    }
    HEARTH_ASSIGN(completion, completer_->complete(own, {}));
    if (completion.finish != FinishReason::kCancelled) {
      const std::optional<std::string> answer = catalogue_.expand(completion.text);
      const bool holds =
          completion.finish == FinishReason::kStop && answer && !catalogue_.find_fault(*answer, normalised);
      completion.text = holds ? *answer : escalate("invalid");
      completion.finish = FinishReason::kStop;
    }
  }
  if (sink) sink(completion.text);
  return completion;
}

}  // namespace hearth::engine
