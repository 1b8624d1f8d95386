// Renames and rearranges the tensors of a Hugging Face folder. Only what a transform changes is copied: q and
// k rows for interleaved rotation, norms stored as w - 1; everything else stays in the map. Must not know any
// architecture's name.
#include "model/hf_folder.h"

#include <cstring>

#include "io/safetensors.h"
#include "kernels/format.h"
#include "model/hf_config.h"
#include "model/tensors.h"

namespace hearth::model {
namespace {

/// Names that nearly every class shares; ArchSpec::hf_names come before these.
constexpr HfName kCommonNames[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {"model.layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {"model.layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {"model.layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {"model.layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {"model.layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {"model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"},
    {"model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {"model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {"model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {"model.layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {"model.layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
};

/// Matches `name` against a pattern with at most one "{}" (digits); gives the layer number as text.
bool matches(std::string_view pattern, std::string_view name, std::string_view& number) {
  const size_t hole = pattern.find("{}");
  if (hole == std::string_view::npos) return pattern == name;
  const std::string_view head = pattern.substr(0, hole);
  const std::string_view tail = pattern.substr(hole + 2);
  if (name.size() <= head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail))
    return false;
  number = name.substr(head.size(), name.size() - head.size() - tail.size());
  return number.size() <= 4 && number.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The GGUF name of a tensor, or nothing when this model does not use it.
std::optional<std::string> gguf_name(std::string_view name, const ArchSpec& arch) {
  // Language models inside multimodal ones: "language_model.model.…" (transformers 4),
  // "model.language_model.…" (5).
  std::string plain(name);
  if (plain.starts_with("language_model.")) plain.erase(0, std::strlen("language_model."));
  if (plain.starts_with("model.language_model."))
    plain.erase(std::strlen("model."), std::strlen("language_model."));
  const size_t dot = plain.rfind('.');
  if (dot == std::string::npos) return std::nullopt;
  const std::string_view stem = std::string_view(plain).substr(0, dot);
  const std::string_view suffix = std::string_view(plain).substr(dot);
  if (suffix != ".weight" && suffix != ".bias") return std::nullopt;
  const auto try_row = [&](const HfName& row) -> std::optional<std::string> {
    std::string_view number;
    if (!matches(row.hf, stem, number)) return std::nullopt;
    std::string out(row.gguf);
    if (const size_t hole = out.find("{}"); hole != std::string::npos) out.replace(hole, 2, number);
    return out + std::string(suffix);
  };
  for (const HfName& row : arch.hf_names) {
    if (auto found = try_row(row)) return found;
  }
  for (const HfName& row : kCommonNames) {
    if (auto found = try_row(row)) return found;
  }
  return std::nullopt;
}

/// Gives the tensor bytes of its own.
void own(io::Tensor& tensor, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  tensor.data = *owner;
  tensor.owner = std::move(owner);
}

/// Rows from half-split pairs (j, j + d / 2) to interleaved ones (2j, 2j + 1) within each head of d rows.
Status interleave_rows(io::Tensor& tensor, int64_t head_dim) {
  const int64_t rows = tensor.shape.empty() ? 0 : tensor.shape[0];
  if (rows == 0 || head_dim % 2 != 0 || rows % head_dim != 0) return {};  // misshapen: the binder says so
  const size_t row_bytes = tensor.data.size() / static_cast<size_t>(rows);
  std::vector<std::byte> bytes(tensor.data.size());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t in_head = row % head_dim;
    const int64_t from = row - in_head + in_head % 2 * (head_dim / 2) + in_head / 2;
    std::memcpy(bytes.data() + static_cast<size_t>(row) * row_bytes,
                tensor.data.data() + static_cast<size_t>(from) * row_bytes, row_bytes);
  }
  own(tensor, std::move(bytes));
  return {};
}

void set_floats(io::Tensor& tensor, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  tensor.type = kernels::find_format("f32")->id;
  own(tensor, std::move(bytes));
}

void add_one(io::Tensor& tensor) {
  const kernels::Format& format = *kernels::find_format(tensor.type);
  std::vector<float> values(tensor.data.size() / static_cast<size_t>(format.block_bytes));
  format.decode(tensor.data.data(), values.data(), static_cast<int64_t>(values.size()));
  for (float& value : values) value += 1;
  set_floats(tensor, values);
}

bool is_norm(std::string_view name) { return name.ends_with("norm.weight"); }

Status transform(io::Tensor& tensor, const ModelSpec& spec) {
  const HfTransforms& wanted = spec.arch->hf_transforms;
  if (wanted.norm_plus_one && is_norm(tensor.name)) add_one(tensor);
  const bool query_or_key =
      tensor.name.find(".attn_q.") != std::string::npos || tensor.name.find(".attn_k.") != std::string::npos;
  if (!wanted.permute_qk || !query_or_key) return {};
  if (spec.hp.rope_dims != spec.hp.head_dim_k) {
    return fail(ErrorCode::kUnsupported, "rotating a part of each head is not supported for this class");
  }
  return interleave_rows(tensor, spec.hp.head_dim_k);
}

void append_factors(io::TensorFile& file, std::string_view name, const std::vector<float>& values) {
  if (values.empty()) return;
  io::Tensor tensor;
  tensor.name = name;
  tensor.shape = {static_cast<int64_t>(values.size())};
  set_floats(tensor, values);
  file.tensors.push_back(std::move(tensor));
}

/// The folder's own activation must be what the table computes.
Status check_activation(const HfConfig& config, const ModelSpec& spec) {
  if (config.activation.empty()) return {};
  const bool gelu = config.activation == "gelu_pytorch_tanh" || config.activation == "gelu_new";
  const bool silu = config.activation == "silu" || config.activation == "swish";
  const Activation computed = spec.layers[0].activation;
  if ((computed == Activation::kSilu && silu) || (computed == Activation::kGeluTanh && gelu)) return {};
  return fail(ErrorCode::kUnsupported, "config.json: activation '", config.activation.substr(0, 40),
              "' is not what this class computes");
}

Result<io::TensorFile> translate(const HfConfig& config, io::SafeTensorsFile&& weights) {
  io::TensorFile file;
  file.metadata = config.metadata;
  append_factors(file, "rope_freqs.weight", config.rope_freqs);
  append_factors(file, "rope_factors_long.weight", config.rope_long);
  append_factors(file, "rope_factors_short.weight", config.rope_short);
  for (io::SafeTensor& weight : weights.tensors) {
    const auto name = gguf_name(weight.name, *config.arch);
    if (!name || (config.tied_output == true && *name == "output.weight")) continue;
    const kernels::Format* format = kernels::find_format(weight.dtype);
    if (format == nullptr || format->block_elems != 1) {
      return fail(ErrorCode::kUnsupported, "tensor ", weight.name.substr(0, 80), " has type ", weight.dtype,
                  "; hearth reads F32, F16 and BF16 from folders");
    }
    file.tensors.push_back(
        {*name, format->id, std::move(weight.shape), weight.data, std::move(weight.owner)});
  }
  HEARTH_ASSIGN(const ModelSpec spec, spec_of(file));
  if (config.tied_output == false && spec.hp.tied_output) {
    return fail(ErrorCode::kCorrupt, "missing tensor lm_head.weight (tie_word_embeddings is false)");
  }
  HEARTH_RETURN_IF_ERROR(check_activation(config, spec));
  for (io::Tensor& tensor : file.tensors) HEARTH_RETURN_IF_ERROR(transform(tensor, spec));
  return file;
}

}  // namespace

Result<io::TensorFile> read_hf_folder(const std::filesystem::path& folder) {
  const auto at_folder = [&](const Error& error) {
    return Error{error.code, concat(folder.string(), ": ", error.message)};
  };
  HEARTH_ASSIGN(const io::Json json, io::read_json(folder / "config.json"));
  auto config = read_hf_config(json);
  if (!config) return at_folder(config.error());
  std::error_code ignored;
  if (std::filesystem::exists(folder / "generation_config.json", ignored)) {
    HEARTH_ASSIGN(const io::Json generation, io::read_json(folder / "generation_config.json"));
    const Status added = add_generation_config(generation, config->metadata);
    if (!added) return at_folder(added.error());
  }
  std::filesystem::path name = std::filesystem::weakly_canonical(folder, ignored).filename();
  config->metadata.set("general.name", io::Value::of(name.string()));
  HEARTH_ASSIGN(io::SafeTensorsFile weights, io::read_safetensors(folder));
  auto file = translate(*config, std::move(weights));
  if (!file) return at_folder(file.error());
  file->translation = kHfTranslation;
  return file;
}

}  // namespace hearth::model
