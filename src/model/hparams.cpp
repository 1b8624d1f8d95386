// Reads hyper-parameters from metadata under "{architecture}.", with bounds that keep every later product of
// sizes far from overflow. Why one generic reader: an architecture then only says what is special about it.
// Must not know any architecture's name.
#include <cmath>
#include <optional>
#include <utility>

#include "model/spec.h"

namespace hearth::model {
namespace {

// Far above every published model, far below what could overflow or allocate absurdly.
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxDim = int64_t{1} << 18;
constexpr int64_t kMaxFfnDim = int64_t{1} << 20;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxHeadDim = 1024;
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxContext = int64_t{1} << 24;

/// Reads values and collects what is wrong with them, so that one error can say everything.
class Reader {
 public:
  Reader(const io::Metadata& metadata, std::string_view architecture)
      : metadata_(metadata), prefix_(concat(architecture, '.')) {}

  bool has(std::string_view suffix) const { return metadata_.contains(prefix_ + std::string(suffix)); }

  /// An integer in [low, high]; `fallback` when absent, or a problem when there is none.
  int64_t integer(std::string_view suffix, int64_t low, int64_t high, std::optional<int64_t> fallback = {}) {
    const std::string key = prefix_ + std::string(suffix);
    auto value = metadata_.get_int(key);
    if (!value) return note(value.error().message, low);
    if (!*value && !fallback) return note(concat(key, " is missing"), low);
    const int64_t n = value->value_or(fallback.value_or(0));
    if (*value && (n < low || n > high))
      return note(concat(key, " = ", n, " is not in ", low, "..", high), low);
    return n;
  }

  /// One integer per layer: an array of `layers` numbers, or one number for all.
  std::vector<int64_t> integers(std::string_view suffix, int64_t layers, int64_t low, int64_t high,
                                const std::vector<int64_t>* fallback = nullptr) {
    const std::string key = prefix_ + std::string(suffix);
    const std::vector<int64_t> broken(static_cast<size_t>(layers), low);
    auto value = metadata_.get_ints(key);
    if (!value) return note(value.error().message, broken);
    if (!*value) return fallback != nullptr ? *fallback : note(concat(key, " is missing"), broken);
    std::vector<int64_t> numbers = std::move(**value);
    if (numbers.size() == 1) numbers.assign(static_cast<size_t>(layers), numbers[0]);
    if (numbers.size() != static_cast<size_t>(layers)) {
      return note(concat(key, " has ", numbers.size(), " entries for ", layers, " layers"), broken);
    }
    for (int64_t n : numbers) {
      if (n < low || n > high) return note(concat(key, " holds ", n, ", not in ", low, "..", high), broken);
    }
    return numbers;
  }

  /// A finite number in [low, high]; `fallback` when absent, or a problem when there is none.
  float number(std::string_view suffix, double low, double high, std::optional<float> fallback = {}) {
    const std::string key = prefix_ + std::string(suffix);
    auto value = metadata_.get_float(key);
    if (!value) return note(value.error().message, static_cast<float>(low));
    if (!*value && !fallback) return note(concat(key, " is missing"), static_cast<float>(low));
    if (!*value) return *fallback;
    const double x = **value;
    if (!(x >= low && x <= high)) {
      return note(concat(key, " = ", x, " is not in ", low, "..", high), static_cast<float>(low));
    }
    return static_cast<float>(x);
  }

  /// A per-layer mask; empty when absent.
  std::vector<bool> mask(std::string_view suffix, int64_t layers) {
    const std::string key = prefix_ + std::string(suffix);
    auto value = metadata_.get_ints(key);
    if (!value) return note(value.error().message, std::vector<bool>{});
    if (!*value) return {};
    if ((*value)->size() != static_cast<size_t>(layers)) {
      return note(concat(key, " has ", (*value)->size(), " entries for ", layers, " layers"),
                  std::vector<bool>{});
    }
    std::vector<bool> bits;
    for (int64_t n : **value) bits.push_back(n != 0);
    return bits;
  }

  std::string text(std::string_view suffix) {
    auto value = metadata_.get_string(prefix_ + std::string(suffix));
    if (!value) return note(value.error().message, std::string{});
    return value->value_or("");
  }

  bool is_array(std::string_view suffix) const {
    const io::Value* value = metadata_.find(prefix_ + std::string(suffix));
    return value != nullptr && value->is_array;
  }

  template <typename T>
  T note(std::string_view problem, T instead) {
    problems_ += concat(problems_.empty() ? "" : "; ", problem);
    return instead;
  }
  const std::string& problems() const { return problems_; }

 private:
  const io::Metadata& metadata_;
  std::string prefix_;
  std::string problems_;
};

void read_sizes(Reader& reader, int64_t vocab_rows, HParams& hp) {
  hp.n_layers = reader.integer("block_count", 1, kMaxLayers);
  hp.dim = reader.integer("embedding_length", 1, kMaxDim);
  hp.context_length = reader.integer("context_length", 1, kMaxContext);
  const auto rows = vocab_rows > 0 ? std::optional<int64_t>(vocab_rows) : std::nullopt;
  hp.vocab = reader.integer("vocab_size", 1, kMaxVocab, rows);
  if (rows) hp.vocab = *rows;  // files pad the table; logits have as many entries as it has rows
  if (hp.vocab > kMaxVocab) hp.vocab = reader.note(concat(hp.vocab, " rows of token embeddings"), int64_t{1});
  hp.ffn_dim = reader.integers("feed_forward_length", hp.n_layers, 1, kMaxFfnDim);
  hp.norm_eps = reader.number("attention.layer_norm_rms_epsilon", 0, 1);
}

void read_attention(Reader& reader, HParams& hp) {
  hp.n_heads = reader.integers("attention.head_count", hp.n_layers, 1, kMaxHeads);
  hp.n_kv_heads = reader.integers("attention.head_count_kv", hp.n_layers, 1, kMaxHeads, &hp.n_heads);
  for (size_t i = 0; i < hp.n_heads.size(); ++i) {
    if (hp.n_heads[i] % hp.n_kv_heads[i] != 0) {
      reader.note(
          concat("layer ", i, ": ", hp.n_heads[i], " heads cannot share ", hp.n_kv_heads[i], " kv heads"), 0);
      break;
    }
  }
  if (!reader.has("attention.key_length") && hp.dim % hp.n_heads[0] != 0) {
    reader.note(concat("embedding_length ", hp.dim, " is no multiple of ", hp.n_heads[0], " heads"), 0);
  }
  hp.head_dim_k = reader.integer("attention.key_length", 1, kMaxHeadDim, hp.dim / hp.n_heads[0]);
  hp.head_dim_v = reader.integer("attention.value_length", 1, kMaxHeadDim, hp.head_dim_k);
  if (hp.head_dim_k < 1 || hp.head_dim_k > kMaxHeadDim || hp.head_dim_v > kMaxHeadDim) {
    reader.note(concat("head dimension ", hp.head_dim_k, " is not in 1..", kMaxHeadDim), 0);
  }
  hp.attention_scale = reader.number("attention.scale", 0, 1e6, 0.0F);
  hp.attention_softcap = reader.number("attn_logit_softcapping", 0, 1e9, 0.0F);
  hp.final_softcap = reader.number("final_logit_softcapping", 0, 1e9, 0.0F);
  hp.window = reader.integer("attention.sliding_window", 0, int64_t{1} << 32, 0);
  if (reader.is_array("attention.sliding_window_pattern")) {
    hp.windowed_layers = reader.mask("attention.sliding_window_pattern", hp.n_layers);
  } else {
    hp.window_period = reader.integer("attention.sliding_window_pattern", 0, kMaxLayers, 0);
  }
}

void read_rope(Reader& reader, HParams& hp) {
  hp.rope_dims = reader.integer("rope.dimension_count", 1, kMaxHeadDim, hp.head_dim_k);
  if (hp.rope_dims % 2 != 0 || hp.rope_dims > hp.head_dim_k) {
    reader.note(concat("rope.dimension_count ", hp.rope_dims, " must be even and at most the head dimension ",
                       hp.head_dim_k),
                0);
  }
  hp.rope_base = reader.number("rope.freq_base", 1, 1e12, 10000.0F);
  hp.rope_base_local = reader.number("rope.freq_base_swa", 1, 1e12, 0.0F);
  const std::string type = reader.text("rope.scaling.type");
  // Files older than the scaling keys say "rope.scale_linear"; a factor without a type means linear.
  hp.rope_factor = reader.number("rope.scale_linear", 0, 1e6, 1.0F);
  hp.rope_factor = reader.number("rope.scaling.factor", 0, 1e6, hp.rope_factor);
  if (!(hp.rope_factor > 0)) hp.rope_factor = 1;  // 0 is how some files say "none"
  if (type == "yarn") {
    hp.rope_scaling = RopeScaling::kYarn;
  } else if (type == "longrope" || type == "su") {
    hp.rope_scaling = RopeScaling::kLongRope;
  } else if (type == "linear" || (type.empty() && hp.rope_factor != 1)) {
    hp.rope_scaling = RopeScaling::kLinear;
  } else if (!type.empty() && type != "none") {
    reader.note(concat("rope.scaling.type '", type, "' is not supported (none, linear, yarn, longrope are)"),
                0);
  }
  hp.rope_original_context =
      reader.integer("rope.scaling.original_context_length", 1, kMaxContext, hp.context_length);
  hp.rope_attention_factor = reader.number("rope.scaling.attn_factor", 1e-6, 1e6, 1.0F);
  hp.yarn_beta_fast = reader.number("rope.scaling.yarn_beta_fast", 1e-6, 1e6, 32.0F);
  hp.yarn_beta_slow = reader.number("rope.scaling.yarn_beta_slow", 1e-6, 1e6, 1.0F);
  hp.rope_layers = reader.mask("rope.layers", hp.n_layers);
}

/// Well-formed models of a known name whose mathematics is another.
Status refuse_other_mathematics(const io::Metadata& metadata, const std::string& architecture) {
  HEARTH_ASSIGN(auto experts, metadata.get_int(architecture + ".expert_count"));
  if (experts.value_or(0) > 0) {
    return fail(ErrorCode::kUnsupported, "a mixture of ", *experts,
                " experts: hearth runs dense models only so far");
  }
  HEARTH_ASSIGN(auto causal, metadata.get_bool(architecture + ".attention.causal"));
  if (!causal.value_or(true)) {
    return fail(ErrorCode::kUnsupported,
                "attention that looks ahead (an encoder): hearth runs causal models only so far");
  }
  return {};
}

}  // namespace

bool HParams::windowed(int64_t i, int64_t default_period) const {
  if (!windowed_layers.empty()) return windowed_layers[static_cast<size_t>(i)];
  const int64_t period = window_period > 0 ? window_period : default_period;
  return period <= 0 || i % period != period - 1;
}

int64_t HParams::window_of(int64_t i, int64_t default_period) const {
  return window < kMaxContext && windowed(i, default_period) ? window : 0;
}

Result<HParams> read_hparams(const io::Metadata& metadata, int64_t vocab_rows, bool tied_output) {
  HParams hp;
  HEARTH_ASSIGN(auto architecture, metadata.get_string("general.architecture"));
  if (!architecture) {
    return fail(ErrorCode::kCorrupt, "the file names no architecture (general.architecture is missing)");
  }
  hp.architecture = *architecture;
  hp.tied_output = tied_output;
  HEARTH_RETURN_IF_ERROR(refuse_other_mathematics(metadata, hp.architecture));
  Reader reader(metadata, hp.architecture);
  read_sizes(reader, vocab_rows, hp);
  read_attention(reader, hp);
  read_rope(reader, hp);
  if (!reader.problems().empty()) {
    return fail(ErrorCode::kCorrupt, "bad hyper-parameters: ", reader.problems());
  }
  return hp;
}

}  // namespace hearth::model
