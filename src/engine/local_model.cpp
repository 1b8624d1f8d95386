// The loading pipeline, in the order in which things can be refused cheaply: metadata, plan, weights.
#include "engine/local_model.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/cpus.h"
#include "base/log.h"
#include "io/file.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "model/memory.h"
#include "model/packed.h"
#include "model/tensors.h"
#include "runtime/kv_formats.h"
#include "text/tokenizer_files.h"

namespace hearth::engine {
namespace {

runtime::RuntimeOptions runtime_options(const LoadOptions& options, int64_t context_tokens) {
  runtime::RuntimeOptions out;
  out.context_tokens = context_tokens;
  out.cache_tokens = std::max(options.cache_tokens, context_tokens);
  if (options.cache_tokens == 0) out.cache_tokens = context_tokens * options.max_sequences;
  out.max_sequences = options.max_sequences;
  out.max_batch_tokens = options.max_batch_tokens;
  const bool exact = options.precision == kernels::Precision::kReference;
  out.kv_format = exact && options.kv_format == "auto" ? "f32" : options.kv_format;
  return out;
}

int threads_of(const LoadOptions& options) {
  return options.threads > 0 ? options.threads : available_cpus();
}

/// What a writer that was killed left beside `path`. Another that still writes touches its file all the time.
void remove_stale_temporaries(const std::filesystem::path& path) {
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  const std::string start = concat(".", path.filename().string(), ".tmp-");
  std::error_code error;
  std::vector<std::filesystem::path> stale;
  std::filesystem::directory_iterator it(path.parent_path(), error);
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    const auto touched = it->last_write_time(unknown);
    if (!unknown && touched < long_ago && it->path().filename().string().starts_with(start))
      stale.push_back(it->path());
  }
  for (const auto& file : stale) std::filesystem::remove(file, error);
}

std::string why_unusable(const Error& error) {
  if (error.code == ErrorCode::kUnsupported) return "are of another version of hearth";
  if (error.code == ErrorCode::kCorrupt) return "are damaged";
  return concat("cannot be read (", error.message, ")");
}

/// The packed form of the model at `path`, if there is one to use; why not, if there is another.
std::optional<io::TensorFile> open_packed(const std::filesystem::path& path, const PackedCache& cache) {
  std::error_code error;
  if (cache.file.empty()) return std::nullopt;
  remove_stale_temporaries(cache.file);
  if (!std::filesystem::exists(cache.file, error)) return std::nullopt;
  auto file = model::open_source(cache.file);
  std::string why;
  if (!file) {
    why = why_unusable(file.error());
    log_line(LogLevel::kDebug, file.error().message);
  } else {
    const auto from = model::packed_from(*file);
    if (from && from->source == cache.source) return std::move(file).value();
    why = from ? "are of the model as it was before it changed" : why_unusable(from.error());
  }
  log_line(LogLevel::kInfo, concat(path.string(), ": its packed weights ", why, "; not used"));
  return std::nullopt;
}

/// The origin is kept absolute: whoever reads it later stands elsewhere.
Status write_packed(const OpenedModel& opened, ThreadPool& pool) {
  std::error_code error;
  const std::filesystem::path origin = std::filesystem::absolute(opened.name, error).lexically_normal();
  return model::write_packed(opened.file, {opened.cache.source, error ? opened.name : origin.string()},
                             opened.cache.file, pool, opened.cache.progress);
}

/// Writes the packed form and opens it in place of the file it was made from. A cache that cannot be written
/// costs one line; the model is then packed in memory.
Status pack_into_cache(OpenedModel& opened, ThreadPool& pool) {
  const PackedCache& cache = opened.cache;
  std::error_code error;
  std::filesystem::create_directories(cache.file.parent_path(), error);
  Status done = error
                    ? Status(io::io_error(cache.file.parent_path(), "cannot make the folder", error.value()))
                    : write_packed(opened, pool);
  const bool written = done.ok();
  if (written) {
    auto packed = model::open_source(cache.file);
    if (packed) {
      const auto from = model::packed_from(*packed);
      if (from && from->source == cache.source) {
        opened.file = std::move(packed).value();
        return {};
      }
      done = fail(ErrorCode::kIo, cache.file.string(),
                  " was replaced meanwhile by the packed weights of another version of the model");
    } else {
      done = packed.error();
    }
  }
  const ErrorCode code = done.error().code;
  if (code == ErrorCode::kCancelled) return done;
  if (written || code == ErrorCode::kIo || code == ErrorCode::kNotFound || code == ErrorCode::kTooLarge ||
      code == ErrorCode::kNoMemory) {
    log_line(LogLevel::kWarning, concat(opened.name, ": the packed weights cannot be kept (",
                                        done.error().message, "); packing in memory"));
  } else {  // the weights themselves: loading says it better
    log_line(LogLevel::kDebug, done.error().message);
  }
  return {};
}

}  // namespace

Result<OpenedModel> open_model(const std::filesystem::path& path, const PackedCache& cache) {
  if (auto packed = open_packed(path, cache)) return OpenedModel{std::move(*packed), path.string()};
  HEARTH_ASSIGN(io::TensorFile file, model::open_source(path));
  if (const std::filesystem::path folder = io::hf_folder_of(path); !folder.empty()) {
    const auto tokenizer = text::read_tokenizer_folder(folder);
    if (tokenizer) {
      for (const auto& [key, value] : tokenizer->entries()) file.metadata.set(key, value);
    } else if (tokenizer.error().code != ErrorCode::kNotFound) {  // without one, logits and the like work
      return tokenizer.error();
    }
  }
  return OpenedModel{std::move(file), path.string(), cache};
}

Result<MemoryNeed> plan_memory(const OpenedModel& opened, const LoadOptions& options) {
  HEARTH_ASSIGN(const model::ModelSpec spec, model::spec_of(opened.file));
  const int64_t weights = model::weight_bytes(opened.file, spec, options.precision);
  const int threads = threads_of(options);
  const model::PlanFor plan = [&](int64_t context) -> Result<model::MemoryPlan> {
    HEARTH_ASSIGN(const runtime::MemoryPlan own,
                  runtime::Runtime::plan(spec, runtime_options(options, context), threads));
    return model::MemoryPlan{weights, own.kv_bytes, own.scratch_bytes, context};
  };
  MemoryNeed need;
  HEARTH_ASSIGN(need.machine, model::machine_memory());
  const int64_t own = spec.hp.context_length > 0 ? spec.hp.context_length : kDefaultContextTokens;
  HEARTH_ASSIGN(need.largest_context_tokens, model::largest_context_that_fits(plan, own, need.machine));
  int64_t context = options.context_tokens.value_or(std::min(own, kDefaultContextTokens));
  if (context == 0) context = std::max<int64_t>(1, need.largest_context_tokens);
  HEARTH_ASSIGN(need.plan, plan(context));
  need.fits = model::check_fits(plan, context, need.machine);
  return need;
}

Result<std::unique_ptr<text::Tokenizer>> make_tokenizer(const io::Metadata& metadata) {
  auto tokenizer = text::Tokenizer::create(metadata);
  if (!tokenizer && tokenizer.error().code == ErrorCode::kNotFound) return std::unique_ptr<text::Tokenizer>();
  return tokenizer;
}

Result<std::optional<text::ChatTemplate>> make_chat_template(const io::Metadata& metadata) {
  HEARTH_ASSIGN(const std::optional<std::string> source, metadata.get_string("tokenizer.chat_template"));
  if (!source) return std::optional<text::ChatTemplate>();
  HEARTH_ASSIGN(text::ChatTemplate chat_template, text::ChatTemplate::parse(*source));
  return std::optional<text::ChatTemplate>(std::move(chat_template));
}

Result<std::string> render_chat(const text::ChatTemplate& chat_template, const text::Tokenizer* tokenizer,
                                const std::string& chat_json) {
  HEARTH_ASSIGN(io::Json request, io::parse_json(chat_json, "chat request"));
  if (!request.is_object()) return fail(ErrorCode::kCorrupt, "the chat request is not a JSON object");
  const auto fill = [&](const char* key, io::Json value) {
    if (!request.contains(key)) request[key] = std::move(value);
  };
  const auto token_text = [&](std::optional<text::TokenId> id) {
    return std::string(tokenizer && id ? tokenizer->token_text(*id) : std::string_view());
  };
  fill("add_generation_prompt", true);
  fill("bos_token", tokenizer ? token_text(tokenizer->bos()) : "");
  fill("eos_token", tokenizer ? token_text(tokenizer->eos()) : "");
  return chat_template.render(request.dump(-1, ' ', false, io::Json::error_handler_t::replace));
}

Result<std::unique_ptr<LocalModel>> LocalModel::load(OpenedModel opened, const LoadOptions& options) {
  if (options.threads < 0) return fail(ErrorCode::kUsage, "threads must be at least 1");
  HEARTH_ASSIGN(const MemoryNeed need, plan_memory(opened, options));
  if (!need.fits && !options.ignore_memory) {
    return fail(need.fits.error().code, opened.name, ": ", need.fits.error().message,
                " (--force tries anyway)");
  }
  std::unique_ptr<LocalModel> model(new LocalModel());
  model->name_ = opened.name;
  HEARTH_ASSIGN(model->tokenizer_, make_tokenizer(opened.file.metadata));
  if (auto chat_template = make_chat_template(opened.file.metadata); chat_template) {
    model->chat_template_ = std::move(chat_template).value();
    if (!model->chat_template_) {
      model->chat_template_status_ =
          fail(ErrorCode::kNotFound, opened.name, " has no chat template; a raw prompt works (--raw)");
    }
  } else {
    model->chat_template_status_ = fail(ErrorCode::kUnsupported, opened.name, ": ",
                                        chat_template.error().message, "; a raw prompt works (--raw)");
  }
  model->pool_ = std::make_unique<ThreadPool>(threads_of(options),
                                              options.pin_threads ? Affinity::kPinned : Affinity::kAny);
  const bool cached = options.precision == kernels::Precision::kFast && !opened.cache.file.empty() &&
                      !model::is_packed(opened.file);
  if (cached && need.plan.weight_bytes >= opened.cache.min_bytes) {
    HEARTH_RETURN_IF_ERROR(pack_into_cache(opened, *model->pool_));
  } else if (cached) {  // what lies there does not fit and will not be replaced: the next start need not tell
    std::error_code ignored;
    std::filesystem::remove(opened.cache.file, ignored);
  }
  HEARTH_ASSIGN(model->model_, model::Model::load(std::move(opened.file), options.precision, *model->pool_,
                                                  options.float32_tensors));
  model->float32_tensors_ = options.float32_tensors;
  model->precision_ = options.precision;
  HEARTH_ASSIGN(model->runtime_, runtime::Runtime::create(*model->model_, *model->pool_,
                                                          runtime_options(options, need.plan.context)));
  HEARTH_ASSIGN(const runtime::KvFormats kv,
                runtime::parse_kv_formats(model->runtime_->options().kv_format, model->model_->spec()));
  model->kv_format_ = kv.full->name;
  if (kv.windowed != kv.full) model->kv_format_ += concat(",windowed=", kv.windowed->name);
  return model;
}

runtime::SamplingParams LocalModel::sampling_defaults() const {
  static constexpr std::pair<std::string_view, std::string_view> kKeys[] = {
      {"general.sampling.temp", "temp"},
      {"general.sampling.top_k", "top_k"},
      {"general.sampling.top_p", "top_p"},
      {"general.sampling.min_p", "min_p"},
      {"general.sampling.penalty_repeat", "repetition_penalty"}};
  runtime::SamplingParams params;
  for (const auto& [key, option] : kKeys) {
    const auto value = metadata().get_float(key);
    if (!value || !*value) continue;
    const std::string text = option_text(static_cast<float>(**value));
    if (const Status set = set_option(params, option, text); !set) {
      log_line(LogLevel::kWarning, concat(name_, ": ", key, ": ", set.error().message, "; ignored"));
    }
  }
  return params;
}

Status LocalModel::chat_template_status() const { return chat_template_status_; }

Result<std::string> LocalModel::render_chat(const std::string& chat_json) const {
  HEARTH_RETURN_IF_ERROR(chat_template_status());
  return engine::render_chat(*chat_template_, tokenizer_.get(), chat_json);
}

std::shared_ptr<const text::VocabularyTrie> LocalModel::vocabulary_trie(
    std::span<const std::string_view> shown) {
  if (!tokenizer_) return nullptr;
  std::vector<text::TokenId> ids;
  for (const std::string_view text : shown) {
    if (const auto id = tokenizer_->find_token(text)) ids.push_back(*id);
  }
  const std::lock_guard lock(trie_mutex_);
  auto& trie = tries_[ids];
  if (!trie) trie = std::make_shared<const text::VocabularyTrie>(*tokenizer_, ids);
  return trie;
}

Result<std::vector<int32_t>> LocalModel::encode_prompt(const std::string& prompt, bool parse_special) const {
  if (!tokenizer_)
    return fail(ErrorCode::kUnsupported, name_, " has no tokenizer; hearth logits takes token ids");
  std::vector<int32_t> ids =
      tokenizer_->encode(prompt, {.add_special = true, .parse_special = parse_special});
  const std::optional<text::TokenId> bos = tokenizer_->bos();
  if (bos && ids.size() >= 2 && ids[0] == *bos && ids[1] == *bos)
    ids.erase(ids.begin());  // the template printed it too
  const auto too_large =
      std::find_if(ids.begin(), ids.end(), [&](int32_t id) { return id >= runtime_->vocabulary(); });
  if (too_large != ids.end()) {
    return fail(ErrorCode::kCorrupt, name_, ": the tokenizer gives id ", *too_large, " but the model knows ",
                runtime_->vocabulary());
  }
  return ids;
}

}  // namespace hearth::engine
