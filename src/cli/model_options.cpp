// Flags become options; names become paths.
#include "cli/model_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "base/config.h"
#include "store/store.h"

namespace hearth::cli {

void LoadFlags::declare(CLI::App& app) {
  app.add_option("--threads", threads, "Threads; default: all this process may use")
      ->check(CLI::Range(1, 1024).description("1 to 1024"))
      ->group("Loading");
  app.add_option("--ctx", context,
                 "Context in tokens, or 'auto' for the largest that fits (default: 4096, or the model's own)")
      ->group("Loading");
  app.add_option("--kv", kv_format, "KV cache: f16 or f32")->capture_default_str()->group("Loading");
  app.add_flag("--reference", reference,
               "Compute in float32 from the weights as they are on disk (slow, exact)")
      ->group("Loading");
  app.add_flag("--force", force, "Load although the memory plan says it will not fit")->group("Loading");
}

Result<engine::LoadOptions> LoadFlags::options() const {
  engine::LoadOptions options;
  options.threads = threads;
  options.kv_format = kv_format;
  options.ignore_memory = force;
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

Result<std::unique_ptr<engine::LocalModel>> LoadFlags::load(const std::string& model,
                                                            Console& console) const {
  HEARTH_ASSIGN(const engine::LoadOptions load_options, options());
  HEARTH_ASSIGN(const auto path, resolve_model(model));
  if (console.err_is_terminal()) console.progress("loading " + model, -1, "");
  HEARTH_ASSIGN(engine::OpenedModel opened, engine::open_model(path));
  auto loaded = engine::LocalModel::load(std::move(opened), load_options);
  console.progress_done();
  return loaded;
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
