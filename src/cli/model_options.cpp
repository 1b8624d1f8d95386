// Flags become options; names become paths.
#include "cli/model_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "base/config.h"
#include "capi/heed_verdict.h"
#include "cli/model_check.h"
#include "cli/number_checks.h"
#include "io/file.h"
#include "store/store.h"

namespace hearth::cli {

void LoadFlags::declare(CLI::App& app) {
  app.add_option("--threads", threads, "Threads; default: all this process may use")
      ->check(CLI::Range(1, 1024).description("1 to 1024"))
      ->group("Loading");
  app.add_flag("--pin-threads", pin_threads,
               "Keep each worker thread on a processor of its own (the calling thread stays free); only for "
               "machines with nothing else to do")
      ->group("Loading");
  app.add_option("--ctx", context,
                 "Context in tokens, or 'auto' for the largest that fits (default: 4096, or the model's own)")
      ->group("Loading");
  app.add_option(
         "--kv", kv_format,
         "KV cache: f16, int8 (half the memory), f32, or auto: int8 from 500M parameters on, else f16; "
         "FORMAT,windowed=FORMAT: another one for layers with a sliding window")
      ->capture_default_str()
      ->group("Loading");
  app.add_flag("--reference", reference,
               "Compute in float32 from the weights as they are on disk (slow, exact)")
      ->group("Loading");
  auto* keep = app.add_flag("--pack-cache", pack_cache,
                            "Keep packed weights on disk for quick starts even if they are below 64 MiB");
  keep->group("Loading");
  app.add_flag("--no-pack-cache", no_pack_cache, "Pack the weights in memory, and write nothing")
      ->excludes(keep)
      ->group("Loading");
  app.add_flag("--no-check", no_check,
               "Do not heed what hearth check found, nor check the model in the background on its first use "
               "(HEARTH_NO_CHECK=1 says so for all)")
      ->group("Loading");
  app.add_flag("--force", force, "Load although the memory plan says it will not fit")->group("Loading");
}

Result<engine::LoadOptions> LoadFlags::options() const {
  engine::LoadOptions options;
  options.threads = threads;
  options.pin_threads = pin_threads;
  options.kv_format = kv_format;
  options.ignore_memory = force;
  options.max_sequences = max_sequences;
  if (reference) options.precision = kernels::Precision::kReference;
  if (context == "auto") {
    options.context_tokens = 0;
  } else if (!context.empty()) {
    int64_t tokens = 0;
    const auto [end, error] = std::from_chars(context.data(), context.data() + context.size(), tokens);
    if (error != std::errc() || end != context.data() + context.size() || tokens < 1) {
      return fail(ErrorCode::kUsage, "--ctx '", context,
                  "' is neither a positive number of tokens nor 'auto'");
    }
    options.context_tokens = tokens;
  }
  return options;
}

engine::PackedCache LoadFlags::packed_cache(const std::filesystem::path& path, Console& console) const {
  if (reference || no_pack_cache) return {};
  const auto place = capi::place_of(path);
  if (!place) return {};  // opening the model says what is wrong with it
  engine::PackedCache cache;
  cache.file = place->weights();
  cache.source = place->source;
  if (pack_cache) cache.min_bytes = 0;
  cache.progress = [&console](uint64_t done, uint64_t total) {
    console.progress("packing weights (once)", static_cast<double>(done) / static_cast<double>(total),
                     format_bytes(static_cast<double>(done)));
    return !interrupted().load();
  };
  return cache;
}

Result<std::unique_ptr<engine::LocalModel>> LoadFlags::load(const std::string& model,
                                                            Console& console) const {
  HEARTH_ASSIGN(engine::LoadOptions load_options, options());
  HEARTH_ASSIGN(const auto path, resolve_model(model));
  if (!no_check) capi::heed_verdict(path, load_options);
  if (says_fallbacks) {
    const std::string kv = load_options.kv_format == kv_format ? "" : load_options.kv_format;
    const std::string what = describe_fallbacks(kv, load_options.float32_tensors);
    if (!what.empty()) console.note(concat(model, ": loaded with ", what, ", as hearth check found"));
  }
  if (console.err_is_terminal()) console.progress("loading " + model, -1, "");
  HEARTH_ASSIGN(engine::OpenedModel opened, engine::open_model(path, packed_cache(path, console)));
  auto loaded = engine::LocalModel::load(std::move(opened), load_options);
  console.progress_done();
  return loaded;
}

Result<std::unique_ptr<engine::Specialist>> load_specialist(const std::string& catalogue,
                                                            const LoadFlags& flags) {
  constexpr int64_t kMaxCatalogueBytes = 1 << 20;
  HEARTH_ASSIGN(const engine::LoadOptions options, flags.options());
  std::string text;
  if (!catalogue.empty()) {
    HEARTH_ASSIGN(text, io::read_file(catalogue, kMaxCatalogueBytes));
  }
  return engine::Specialist::create(text, catalogue, options);
}

void GenerationFlags::declare(CLI::App& app) {
  app.add_option("-n,--max-tokens", max_tokens, "Tokens to generate at most; default: until the model ends")
      ->check(not_negative())
      ->group("Generation");
  app.add_option("--stop", stop, "End the answer at this text; may be given several times")
      ->allow_extra_args(false)
      ->group("Generation");
  app.add_flag("--ignore-end", ignore_end, "Go on past end-of-generation tokens")->group("Generation");
  for (const OptionInfo& option : list_options(runtime::SamplingParams())) {
    std::string dashed = option.name;
    for (char& c : dashed) c = c == '_' ? '-' : c;
    const std::string names = dashed == option.name ? "--" + dashed : "--" + dashed + ",--" + option.name;
    const auto set_from_flag = [this, name = option.name](const std::string& value) {
      if (const Status status = set(name, value); !status)
        throw CLI::ValidationError("--" + name, status.error().message);
    };
    app.add_option_function<std::string>(names, set_from_flag, option.help)
        ->type_name(option.type)
        ->default_str(option.default_value)
        ->group("Sampling");
  }
}

Status GenerationFlags::set(const std::string& name, const std::string& value) {
  runtime::SamplingParams probe;
  HEARTH_RETURN_IF_ERROR(set_option(probe, name, value));
  sampling_.emplace_back(name, value);
  return {};
}

engine::CompletionRequest GenerationFlags::request(const runtime::SamplingParams& model_defaults) const {
  engine::CompletionRequest request;
  request.sampling = model_defaults;
  for (const auto& [name, value] : sampling_) {
    const Status set = set_option(request.sampling, name, value);
    HEARTH_CHECK(set.ok());  // checked when it was given
  }
  request.max_tokens = max_tokens;
  request.stop = stop;
  request.ignore_end = ignore_end;
  request.cancel = &interrupted();
  return request;
}

Result<std::filesystem::path> resolve_model(const std::string& model) {
  std::error_code error;
  if (std::filesystem::exists(model, error)) return std::filesystem::path(model);
  const bool looks_like_path =
      model.find('/') == 0 || model.starts_with("./") || model.starts_with("../") || model.ends_with(".gguf");
  if (looks_like_path) return fail(ErrorCode::kNotFound, model, ": no such file or folder");
  HEARTH_ASSIGN(const auto home, store::Store::default_home());
  HEARTH_ASSIGN(const store::Store store, store::Store::open(home));
  HEARTH_ASSIGN(const store::Model found, store.find(model));
  return found.path();
}

std::string describe_usage(const engine::Completion& completion) {
  const engine::Usage& usage = completion.usage;
  // The first token comes out of the prefill; decode steps make the rest.
  const double rate =
      usage.generated_tokens > 1 ? static_cast<double>(usage.generated_tokens - 1) / usage.decode_s : 0;
  char text[160];
  std::snprintf(text, sizeof(text), "%lld tokens, %.1f tok/s, first token %.2f s, context %lld of %lld",
                static_cast<long long>(usage.generated_tokens), rate, usage.first_token_s,
                static_cast<long long>(usage.prompt_tokens + usage.generated_tokens),
                static_cast<long long>(usage.context_tokens));
  return text;
}

std::string describe_finish(const engine::Completion& completion) {
  switch (completion.finish) {
    case engine::FinishReason::kContextFull:
      return concat("[the context of ", completion.usage.context_tokens,
                    " tokens is full; --ctx makes it larger]");
    case engine::FinishReason::kCancelled:
      return "[stopped]";
    case engine::FinishReason::kStop:
    case engine::FinishReason::kLength:
      break;
  }
  return "";
}

}  // namespace hearth::cli
