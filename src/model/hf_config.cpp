// Translates Hugging Face configurations (transformers 4: rope_theta, rope_scaling; 5: rope_parameters) into
// GGUF metadata keys. Must not know any architecture's name.
#include "model/hf_config.h"

#include <algorithm>
#include <cmath>

#include "model/rope.h"

namespace hearth::model {
namespace {

using io::Json;
using io::Value;

constexpr int64_t kMaxEntries = 4096;  // of lists in a configuration: layers, rotation factors

/// config.json with defaults below it and "text_config" above it.
Result<Json> flatten(const Json& config, std::string_view defaults) {
  HEARTH_ASSIGN(Json flat, io::parse_json(defaults, "hf_defaults"));
  const auto overlay = [&flat](const Json& level) {
    for (const auto& [key, value] : level.items()) flat[key] = value;
  };
  overlay(config);
  const Json* text = io::json_find(config, "text_config");
  if (text != nullptr && text->is_object()) overlay(*text);
  return flat;
}

Result<const ArchSpec*> arch_of(const Json& config) {
  const Json* classes = io::json_find(config, "architectures");
  if (classes == nullptr || !classes->is_array() || classes->empty() || !classes->front().is_string()) {
    return fail(ErrorCode::kCorrupt, "config.json names no class in \"architectures\"");
  }
  const auto& name = classes->front().get_ref<const std::string&>();
  const ArchSpec* arch = find_arch_by_hf_class(name);
  if (arch == nullptr) return unknown_architecture(name);
  return arch;
}

Result<std::vector<float>> numbers(const Json& object, std::string_view key) {
  const Json* list = io::json_find(object, key);
  if (list == nullptr) return std::vector<float>{};
  if (!list->is_array() || list->size() > static_cast<size_t>(kMaxEntries)) {
    return fail(ErrorCode::kCorrupt, "config.json: ", key, " is not a list of numbers");
  }
  std::vector<float> out;
  for (const Json& item : *list) {
    if (!item.is_number())
      return fail(ErrorCode::kCorrupt, "config.json: ", key, " holds something that is no number");
    out.push_back(item.get<float>());
  }
  return out;
}

Value mask_value(std::vector<bool> bits) { return {io::ValueType::kBool, true, std::move(bits)}; }

class Translator {
 public:
  Translator(const Json& config, const ArchSpec& arch, HfConfig& out)
      : config_(config), prefix_(concat(arch.name, '.')), out_(out) {}

  Status translate() {
    HEARTH_RETURN_IF_ERROR(sizes());
    HEARTH_RETURN_IF_ERROR(windows());
    HEARTH_RETURN_IF_ERROR(unrotated_layers());
    return rope();
  }

 private:
  void set(std::string_view suffix, Value value) {
    out_.metadata.set(prefix_ + std::string(suffix), std::move(value));
  }

  Status integer(std::string_view from, std::initializer_list<std::string_view> to) {
    HEARTH_ASSIGN(auto value, io::json_int(config_, from));
    if (!value) return {};
    if (*value < 0 || *value > UINT32_MAX)
      return fail(ErrorCode::kCorrupt, "config.json: ", from, " = ", *value, " is absurd");
    for (std::string_view suffix : to) set(suffix, Value::of(static_cast<uint32_t>(*value)));
    return {};
  }
  Status number(std::string_view from, std::string_view to) {
    HEARTH_ASSIGN(auto value, io::json_float(config_, from));
    if (value) set(to, Value::of(static_cast<float>(*value)));
    return {};
  }

  Status sizes() {
    HEARTH_RETURN_IF_ERROR(integer("num_hidden_layers", {"block_count"}));
    HEARTH_RETURN_IF_ERROR(integer("max_position_embeddings", {"context_length"}));
    HEARTH_RETURN_IF_ERROR(integer("hidden_size", {"embedding_length"}));
    HEARTH_RETURN_IF_ERROR(integer("intermediate_size", {"feed_forward_length"}));
    HEARTH_RETURN_IF_ERROR(
        integer("num_attention_heads", {"attention.head_count", "attention.head_count_kv"}));
    HEARTH_RETURN_IF_ERROR(integer("num_key_value_heads", {"attention.head_count_kv"}));
    HEARTH_RETURN_IF_ERROR(integer("head_dim", {"attention.key_length", "attention.value_length"}));
    HEARTH_RETURN_IF_ERROR(integer("vocab_size", {"vocab_size"}));
    HEARTH_RETURN_IF_ERROR(number("rms_norm_eps", "attention.layer_norm_rms_epsilon"));
    HEARTH_RETURN_IF_ERROR(number("attn_logit_softcapping", "attn_logit_softcapping"));
    HEARTH_RETURN_IF_ERROR(number("final_logit_softcapping", "final_logit_softcapping"));
    HEARTH_ASSIGN(auto query_scalar, io::json_float(config_, "query_pre_attn_scalar"));
    if (query_scalar && *query_scalar > 0) {
      set("attention.scale", Value::of(static_cast<float>(1 / std::sqrt(*query_scalar))));
    }
    HEARTH_ASSIGN(out_.tied_output, io::json_bool(config_, "tie_word_embeddings"));
    HEARTH_ASSIGN(auto looks_ahead, io::json_bool(config_, "use_bidirectional_attention"));
    if (looks_ahead.value_or(false)) set("attention.causal", Value::of(false));
    for (std::string_view key : {"hidden_act", "hidden_activation"}) {
      HEARTH_ASSIGN(auto activation, io::json_string(config_, key));
      if (activation) out_.activation = *activation;
    }
    return {};
  }

  Status windows() {
    HEARTH_ASSIGN(auto used, io::json_bool(config_, "use_sliding_window"));
    HEARTH_ASSIGN(auto window, io::json_int(config_, "sliding_window"));
    if (!used.value_or(true) || !window || *window <= 0) return {};
    HEARTH_ASSIGN(auto layers, io::json_int(config_, "num_hidden_layers"));
    if (!layers || *layers < 1 || *layers > kMaxEntries) return {};  // read_hparams says what is wrong
    std::vector<bool> windowed;
    const Json* types = io::json_find(config_, "layer_types");
    HEARTH_ASSIGN(auto first, io::json_int(config_, "max_window_layers"));
    if (types != nullptr) {
      HEARTH_ASSIGN(windowed, windowed_layers(*types));
      if (std::find(windowed.begin(), windowed.end(), true) == windowed.end()) return {};
    } else if (first) {
      for (int64_t i = 0; i < *layers; ++i) windowed.push_back(i >= *first);
      if (*first >= *layers) return {};
    }
    HEARTH_RETURN_IF_ERROR(integer("sliding_window", {"attention.sliding_window"}));
    if (windowed.empty()) return integer("sliding_window_pattern", {"attention.sliding_window_pattern"});
    set_pattern(windowed);
    return {};
  }

  Result<std::vector<bool>> windowed_layers(const Json& types) const {
    std::vector<bool> windowed;
    if (!types.is_array()) return fail(ErrorCode::kCorrupt, "config.json: layer_types is not a list");
    for (const Json& type : types) {
      const std::string name = type.is_string() ? type.get<std::string>() : "";
      if (name != "sliding_attention" && name != "full_attention") {
        return fail(ErrorCode::kUnsupported, "config.json: layer type '", name.substr(0, 40),
                    "' is not supported (full_attention and sliding_attention are)");
      }
      windowed.push_back(name == "sliding_attention");
    }
    return windowed;
  }

  /// As "every n-th layer is full" where it is that regular, which older readers of GGUF understand too.
  void set_pattern(const std::vector<bool>& windowed) {
    const auto full = std::find(windowed.begin(), windowed.end(), false);
    const int64_t period = full - windowed.begin() + 1;
    bool regular = period > 1;
    for (size_t i = 0; i < windowed.size(); ++i) {
      regular = regular && windowed[i] == (static_cast<int64_t>(i) % period != period - 1);
    }
    set("attention.sliding_window_pattern",
        regular ? Value::of(static_cast<uint32_t>(period)) : mask_value(windowed));
  }

  Status unrotated_layers() {
    HEARTH_ASSIGN(auto rotated,
                  numbers(config_, "no_rope_layers"));  // 1 where the layer rotates, whatever the name says
    HEARTH_ASSIGN(auto interval, io::json_int(config_, "no_rope_layer_interval"));
    HEARTH_ASSIGN(auto layers, io::json_int(config_, "num_hidden_layers"));
    std::vector<bool> bits;
    for (float r : rotated) bits.push_back(r != 0);
    if (bits.empty() && interval && *interval > 0 && layers && *layers <= kMaxEntries) {
      for (int64_t i = 0; i < *layers; ++i) bits.push_back((i + 1) % *interval != 0);
    }
    if (!bits.empty()) set("rope.layers", mask_value(std::move(bits)));
    return {};
  }

  /// The object that holds the rope settings of full layers (`local`: of windowed ones); empty when there is
  /// none.
  Json rope_object(bool local) const {
    const Json* parameters = io::json_find(config_, "rope_parameters");
    if (parameters != nullptr && parameters->is_object()) {
      const Json* inner = io::json_find(*parameters, local ? "sliding_attention" : "full_attention");
      if (inner != nullptr && inner->is_object()) return *inner;
      return local ? Json::object() : *parameters;
    }
    const Json* scaling = io::json_find(config_, "rope_scaling");
    return !local && scaling != nullptr && scaling->is_object() ? *scaling : Json::object();
  }

  /// A number of the rope object, or of the configuration itself.
  Result<std::optional<double>> rope_number(const Json& rope, std::string_view key) const {
    HEARTH_ASSIGN(auto inner, io::json_float(rope, key));
    if (inner) return inner;
    return io::json_float(config_, key);
  }

  Status rope() {
    const Json rope = rope_object(false);
    HEARTH_ASSIGN(auto theta, rope_number(rope, "rope_theta"));
    base_ = theta.value_or(10000.0);
    set("rope.freq_base", Value::of(static_cast<float>(base_)));
    HEARTH_ASSIGN(auto local, io::json_float(rope_object(true), "rope_theta"));
    HEARTH_ASSIGN(auto local_old, io::json_float(config_, "rope_local_base_freq"));
    if (local || local_old)
      set("rope.freq_base_swa", Value::of(static_cast<float>(local ? *local : *local_old)));

    HEARTH_ASSIGN(auto head_dim, io::json_int(config_, "head_dim"));
    HEARTH_ASSIGN(auto dim, io::json_int(config_, "hidden_size"));
    HEARTH_ASSIGN(auto heads, io::json_int(config_, "num_attention_heads"));
    HEARTH_ASSIGN(auto partial, rope_number(rope, "partial_rotary_factor"));
    const int64_t width = head_dim.value_or(dim && heads && *heads > 0 ? *dim / *heads : 0);
    if (width < 1 || width > kMaxEntries || !(partial.value_or(1) > 0 && partial.value_or(1) <= 1)) {
      return fail(
          ErrorCode::kCorrupt,
          "config.json: head_dim, hidden_size / num_attention_heads or partial_rotary_factor is absurd");
    }
    dims_ = static_cast<int64_t>(static_cast<double>(width) * partial.value_or(1));
    set("rope.dimension_count", Value::of(static_cast<uint32_t>(dims_)));

    HEARTH_ASSIGN(auto original, rope_number(rope, "original_max_position_embeddings"));
    HEARTH_ASSIGN(auto longest, io::json_float(config_, "max_position_embeddings"));
    HEARTH_ASSIGN(auto factor, io::json_float(rope, "factor"));
    original_ = original.value_or(longest.value_or(0));
    factor_ = factor.value_or(original_ > 0 ? longest.value_or(0) / original_ : 1);
    return scaling(rope);
  }

  Status scaling(const Json& rope) {
    HEARTH_ASSIGN(auto new_name, io::json_string(rope, "rope_type"));
    HEARTH_ASSIGN(auto old_name, io::json_string(rope, "type"));
    const std::string type = new_name ? *new_name : old_name.value_or("default");
    if (type == "default" || type == "dynamic") return {};  // dynamic: as default up to the trained context
    if (!(factor_ > 0 && factor_ < 1e6 && original_ >= 2 && original_ < 4e9)) {
      return fail(ErrorCode::kCorrupt,
                  "config.json: the factor or original context of its rope scaling is absurd");
    }
    if (io::json_find(rope, "long_factor") != nullptr) return longrope(rope);
    if (type == "llama3") return stepped(rope);
    if (type != "linear" && type != "yarn") {
      return fail(ErrorCode::kUnsupported, "config.json: rope type '", type.substr(0, 40),
                  "' is not supported (default, dynamic, linear, yarn, llama3, longrope are)");
    }
    set("rope.scaling.type", Value::of(type));
    set("rope.scaling.factor", Value::of(static_cast<float>(factor_)));
    return type == "yarn" ? yarn(rope) : Status{};
  }

  Status yarn(const Json& rope) {
    set("rope.scaling.original_context_length", Value::of(static_cast<uint32_t>(original_)));
    HEARTH_ASSIGN(auto fast, io::json_float(rope, "beta_fast"));
    HEARTH_ASSIGN(auto slow, io::json_float(rope, "beta_slow"));
    if (fast) set("rope.scaling.yarn_beta_fast", Value::of(static_cast<float>(*fast)));
    if (slow) set("rope.scaling.yarn_beta_slow", Value::of(static_cast<float>(*slow)));
    HEARTH_ASSIGN(auto truncate, io::json_bool(rope, "truncate"));
    if (!truncate.value_or(true))
      return fail(ErrorCode::kUnsupported, "config.json: yarn without truncation is not supported");
    // GGUF readers multiply by 0.1 ln(factor) + 1 themselves; the key holds what is left.
    HEARTH_ASSIGN(auto attention, io::json_float(rope, "attention_factor"));
    HEARTH_ASSIGN(auto mscale, io::json_float(rope, "mscale"));
    HEARTH_ASSIGN(auto mscale_all, io::json_float(rope, "mscale_all_dim"));
    const auto magnitude = [&](double m) { return factor_ > 1 ? 0.1 * m * std::log(factor_) + 1 : 1.0; };
    double wanted = magnitude(1);
    if (mscale.value_or(0) > 0 && mscale_all.value_or(0) > 0)
      wanted = magnitude(*mscale) / magnitude(*mscale_all);
    if (attention) wanted = *attention;
    set("rope.scaling.attn_factor", Value::of(static_cast<float>(wanted / magnitude(1))));
    return {};
  }

  Status longrope(const Json& rope) {
    HEARTH_ASSIGN(out_.rope_long, numbers(rope, "long_factor"));
    HEARTH_ASSIGN(out_.rope_short, numbers(rope, "short_factor"));
    set("rope.scaling.type", Value::of(std::string("longrope")));
    set("rope.scaling.original_context_length", Value::of(static_cast<uint32_t>(original_)));
    HEARTH_ASSIGN(auto attention, io::json_float(rope, "attention_factor"));
    const double by_length = factor_ > 1 ? std::sqrt(1 + std::log(factor_) / std::log(original_)) : 1;
    set("rope.scaling.attn_factor", Value::of(static_cast<float>(attention.value_or(by_length))));
    return {};
  }

  Status stepped(const Json& rope) {
    HEARTH_ASSIGN(auto low, io::json_float(rope, "low_freq_factor"));
    HEARTH_ASSIGN(auto high, io::json_float(rope, "high_freq_factor"));
    if (!low || !high || !(*high > *low)) {
      return fail(ErrorCode::kCorrupt, "config.json: rope scaling needs low_freq_factor < high_freq_factor");
    }
    out_.rope_freqs = llama3_factors(dims_, base_, factor_, *low, *high, original_);
    return {};
  }

  const Json& config_;
  std::string prefix_;
  HfConfig& out_;
  double base_ = 10000;
  int64_t dims_ = 0;
  double original_ = 0;
  double factor_ = 1;
};

}  // namespace

Result<HfConfig> read_hf_config(const Json& config) {
  if (!config.is_object()) return fail(ErrorCode::kCorrupt, "config.json is not an object");
  HfConfig out;
  HEARTH_ASSIGN(out.arch, arch_of(config));
  HEARTH_ASSIGN(const Json flat, flatten(config, out.arch->hf_defaults));
  out.metadata.set("general.architecture", Value::of(std::string(out.arch->name)));
  HEARTH_RETURN_IF_ERROR(Translator(flat, *out.arch, out).translate());
  return out;
}

Status add_generation_config(const Json& generation, io::Metadata& metadata) {
  if (!generation.is_object()) return fail(ErrorCode::kCorrupt, "generation_config.json is not an object");
  constexpr std::pair<std::string_view, std::string_view> kFloats[] = {
      {"temperature", "general.sampling.temp"},
      {"top_p", "general.sampling.top_p"},
      {"min_p", "general.sampling.min_p"},
      {"repetition_penalty", "general.sampling.penalty_repeat"},
  };
  for (const auto& [from, to] : kFloats) {
    HEARTH_ASSIGN(auto value, io::json_float(generation, from));
    if (value) metadata.set(std::string(to), Value::of(static_cast<float>(*value)));
  }
  HEARTH_ASSIGN(auto top_k, io::json_int(generation, "top_k"));
  if (top_k && *top_k >= 0 && *top_k <= INT32_MAX) {
    metadata.set("general.sampling.top_k", Value::of(static_cast<int32_t>(*top_k)));
  }
  return {};
}

}  // namespace hearth::model
