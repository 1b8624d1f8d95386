// hearth show: what is in a model file, and what it would need.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "capi/heed_verdict.h"
#include "cli/model_check.h"
#include "cli/model_options.h"
#include "cli/packed_state.h"
#include "cli/verb.h"
#include "io/file.h"
#include "io/json.h"
#include "kernels/format.h"

namespace hearth::cli {
namespace {

constexpr size_t kShownItems = 4;
constexpr size_t kShownBytes = 96;

/// Text of a file is untrusted: control characters would move the cursor.
std::string printable(std::string_view text, size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) {
    if (c == '\n') {
      out += "\\n";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    }
  }
  return text.size() > limit ? out + "..." : out;
}

template <typename T>
io::Json array_json(const std::vector<T>& items, size_t limit) {
  io::Json out = io::Json::array();
  for (size_t i = 0; i < std::min(limit, items.size()); ++i) {
    if constexpr (std::is_same_v<T, std::string>) {
      out.push_back(printable(items[i], kShownBytes));
    } else {
      out.push_back(static_cast<T>(items[i]));
    }
  }
  return out;
}

/// The value as JSON; arrays and strings cut to what a person reads.
io::Json value_json(const io::Value& value) {
  return std::visit(
      [](const auto& data) -> io::Json {
        using Data = std::decay_t<decltype(data)>;
        if constexpr (std::is_same_v<Data, std::string>) {
          return printable(data, kShownBytes);
        } else if constexpr (std::is_arithmetic_v<Data>) {
          return data;
        } else {
          return {{"count", data.size()}, {"first", array_json(data, kShownItems)}};
        }
      },
      value.data);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out = "(";
  for (size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + ")";
}

std::string_view type_name(uint32_t type) {
  const kernels::Format* format = kernels::find_format(type);
  return format ? format->name : "?";
}

/// Of packed matrices, what they were packed from.
uint32_t type_of(const io::Tensor& tensor) { return tensor.packed_from.value_or(tensor.type); }

class ShowCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_flag("--json", json_, "Print one JSON object");
    load_.declare(app);
  }

  Status run(Console& console) override {
    HEARTH_ASSIGN(const auto path, resolve_model(model_));
    HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(path));
    HEARTH_ASSIGN(const engine::LoadOptions options, load_.options());
    HEARTH_ASSIGN(const engine::MemoryNeed need, engine::plan_memory(opened, options));
    if (const auto place = capi::place_of(path)) verdict_ = store::read_verdict(*place);
    packed_ = packed_state(path);
    console.out(json_ ? as_json(opened, need).dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n"
                      : as_text(opened, need));
    return {};
  }

 private:
  io::Json as_json(const engine::OpenedModel& opened, const engine::MemoryNeed& need) const {
    io::Json metadata = io::Json::object();
    for (const auto& [key, value] : opened.file.metadata.entries()) metadata[key] = value_json(value);
    io::Json tensors = io::Json::array();
    for (const io::Tensor& tensor : opened.file.tensors) {
      tensors.push_back({{"name", tensor.name},
                         {"type", type_name(type_of(tensor))},
                         {"shape", tensor.shape},
                         {"bytes", tensor.data.size()}});
    }
    return {{"model", model_},
            {"metadata", std::move(metadata)},
            {"tensors", std::move(tensors)},
            {"check", check_json()},
            {"packed", {{"state", packed_.state}, {"path", packed_.path.string()}, {"bytes", packed_.bytes}}},
            {"memory",
             {{"weights_bytes", need.plan.weight_bytes},
              {"kv_bytes", need.plan.kv_bytes},
              {"scratch_bytes", need.plan.scratch_bytes},
              {"context_tokens", need.plan.context},
              {"available_bytes", need.machine.available_bytes},
              {"largest_context_tokens", need.largest_context_tokens},
              {"fits", need.fits.ok()}}}};
  }

  std::string as_text(const engine::OpenedModel& opened, const engine::MemoryNeed& need) const {
    std::string out = "metadata\n";
    for (const auto& [key, value] : opened.file.metadata.entries()) {
      const io::Json json = value_json(value);
      out += concat("  ", printable(key, kShownBytes), " = ",
                    json.is_string() ? json.get<std::string>()
                                     : json.dump(-1, ' ', false, io::Json::error_handler_t::replace),
                    "\n");
    }
    out += concat("tensors (", opened.file.tensors.size(), ")\n");
    for (const io::Tensor& tensor : opened.file.tensors) {
      out += concat("  ", printable(tensor.name, kShownBytes), "  ", type_name(type_of(tensor)), "  ",
                    shape_text(tensor.shape), "  ", io::human_bytes(tensor.data.size()), "\n");
    }
    const auto bytes = [](int64_t n) {
      return io::human_bytes(static_cast<uint64_t>(std::max<int64_t>(0, n)));
    };
    const model::MemoryPlan& plan = need.plan;
    out +=
        concat("memory\n  weights ", bytes(plan.weight_bytes), ", KV cache ", bytes(plan.kv_bytes), " at ",
               plan.context, " tokens, scratch ", bytes(plan.scratch_bytes), ": ", bytes(plan.total_bytes()),
               " of ", bytes(need.machine.available_bytes), " available (", need.machine.limit,
               ")\n  largest context that fits: ", need.largest_context_tokens, " tokens\npacked weights\n  ",
               describe(packed_), "\n");
    return concat(out, "check\n  ", verdict_ ? describe(*verdict_) : "none yet; hearth check " + model_,
                  "\n");
  }

  io::Json check_json() const {
    if (!verdict_) return {};
    if (!verdict_->error.empty()) return {{"error", verdict_->error}};
    return {{"kld_mean", verdict_->kld_mean},
            {"top1_agreement", verdict_->top1_agreement},
            {"chosen_kld_mean", verdict_->chosen_kld_mean},
            {"chosen_top1_agreement", verdict_->chosen_top1_agreement},
            {"within_bounds", verdict_->within_bounds},
            {"kv_fallback", verdict_->kv_fallback},
            {"float32_tensors", verdict_->float32_tensors}};
  }

  std::string model_;
  PackedState packed_;
  bool json_ = false;
  LoadFlags load_;
  std::optional<store::Verdict> verdict_;
};

}  // namespace

const Verb& verb_show() {
  static const Verb kVerb{"show", "metadata, tensors and memory plan of a model",
                          "  hearth show model.gguf\n  hearth show ./my-model --ctx 32768 --json\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<ShowCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
