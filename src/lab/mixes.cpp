// The table of mixes and its interpreter. Rules and file type numbers are those of llama.cpp's quantiser, so
// that a name means the same everywhere; this is the one place outside kernels that names weight formats.
#include "lab/mixes.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "io/utf8.h"

namespace hearth::lab {
namespace {

constexpr auto kAll = Layers::kAll;
constexpr auto kMoreBits = Layers::kMoreBits;
constexpr auto kAlways = When::kAlways;

/// How names of tensors begin, by role: the part after "blk.N.".
constexpr std::pair<std::string_view, Role> kRoles[] = {
    {"attn_q.weight", Role::kQuery},    {"attn_k.weight", Role::kKey},
    {"attn_v.weight", Role::kValue},    {"attn_qkv.weight", Role::kValue},
    {"attn_kv_b.weight", Role::kValue}, {"attn_output.weight", Role::kAttentionOutput},
    {"ffn_gate", Role::kGate},          {"ffn_up", Role::kUp},
    {"ffn_down", Role::kDown},
};

/// Matrices that stay as they are: small, or not a product's weights.
constexpr std::string_view kKeptNames[] = {"_norm.weight",
                                           "ffn_gate_inp.weight",
                                           "ssm_conv1d",
                                           "shortconv.conv.weight",
                                           "position_embd",
                                           "token_types.weight",
                                           "attn_rel_b.weight",
                                           "time_mix_",
                                           "per_layer_model_proj",
                                           "altup",
                                           "laurel"};

struct Fallback {
  std::string_view from;
  std::string_view to;
};
constexpr Fallback kFallbacks[] = {{"Q2_K", "Q4_0"}, {"Q3_K", "Q4_0"}, {"Q4_K", "Q5_0"},
                                   {"Q5_K", "Q5_1"}, {"Q6_K", "Q8_0"}, {"IQ4_XS", "IQ4_NL"}};

std::vector<MixRule> more_bits() {
  return {{Role::kValue, kMoreBits, kAlways, "Q6_K"}, {Role::kDown, kMoreBits, kAlways, "Q6_K"}};
}

std::vector<MixRule> nonlinear() {
  return {{Role::kValue, kAll, When::kGroupedHeads, "Q5_K"},
          {Role::kDown, Layers::kFirstEighth, When::kNoImportance, "Q5_K"}};
}

std::vector<Mix> make_mixes() {
  const std::vector<MixRule> q2_k = {{Role::kValue, kAll, When::kGroupedHeads, "Q4_K"},
                                     {Role::kValue, kAll, kAlways, "Q3_K"},
                                     {Role::kDown, kAll, kAlways, "Q3_K"},
                                     {Role::kAttentionOutput, kAll, kAlways, "Q3_K"}};
  const std::vector<MixRule> q3_k_m = {{Role::kValue, Layers::kFirstTwo, kAlways, "Q5_K"},
                                       {Role::kValue, kAll, kAlways, "Q4_K"},
                                       {Role::kDown, Layers::kFirstSixteenth, kAlways, "Q5_K"},
                                       {Role::kDown, kAll, kAlways, "Q4_K"},
                                       {Role::kAttentionOutput, kAll, kAlways, "Q4_K"}};
  const std::vector<MixRule> q3_k_l = {{Role::kValue, kAll, kAlways, "Q5_K"},
                                       {Role::kDown, kAll, kAlways, "Q5_K"},
                                       {Role::kAttentionOutput, kAll, kAlways, "Q5_K"}};
  const std::vector<MixRule> q4_k_s = {{Role::kValue, Layers::kFirstFour, kAlways, "Q5_K"},
                                       {Role::kDown, Layers::kFirstEighth, kAlways, "Q5_K"}};
  auto first_down = [](std::string_view format) {
    return std::vector<MixRule>{{Role::kDown, Layers::kFirstEighth, When::kImportance, format}};
  };
  return {
      {"q2_k", 10, "Q2_K", "Q6_K", q2_k},
      {"q3_k_s", 11, "Q3_K", "Q6_K", {}},
      {"q3_k_m", 12, "Q3_K", "Q6_K", q3_k_m},
      {"q3_k_l", 13, "Q3_K", "Q6_K", q3_k_l},
      {"q4_0", 2, "Q4_0", "Q6_K", first_down("Q4_1")},
      {"q4_1", 3, "Q4_1", "Q6_K", {}},
      {"q4_k_s", 14, "Q4_K", "Q6_K", q4_k_s},
      {"q4_k_m", 15, "Q4_K", "Q6_K", more_bits()},
      {"iq4_nl", 25, "IQ4_NL", "Q6_K", nonlinear()},
      {"iq4_xs", 30, "IQ4_XS", "Q6_K", nonlinear()},
      {"mxfp4", 38, "MXFP4", "Q8_0", {{Role::kEmbedding, kAll, kAlways, "Q8_0"}}},
      {"q5_0", 8, "Q5_0", "Q6_K", first_down("Q5_1")},
      {"q5_1", 9, "Q5_1", "Q6_K", {}},
      {"q5_k_s", 16, "Q5_K", "Q6_K", {}},
      {"q5_k_m", 17, "Q5_K", "Q6_K", more_bits()},
      {"q6_k", 18, "Q6_K", "Q6_K", {}},
      {"q8_0", 7, "Q8_0", "Q8_0", {}},
  };
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

Role role_of(const io::Tensor& tensor, bool tied) {
  const std::string_view name = tensor.name;
  if (tensor.shape.size() < 2 || !name.ends_with("weight")) return Role::kKept;
  for (const std::string_view kept : kKeptNames) {
    if (name.find(kept) != std::string_view::npos) return Role::kKept;
  }
  if (name == "output.weight") return Role::kOutput;
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") {
    return tied ? Role::kOutput : Role::kEmbedding;
  }
  const std::string_view rest = layer_of(name).second;
  for (const auto& [known, role] : kRoles) {
    if (rest.starts_with(known)) return role;
  }
  return Role::kOther;
}

bool in_layers(Layers layers, int64_t index, int64_t count) {
  switch (layers) {
    case Layers::kAll:
      return true;
    case Layers::kMoreBits:
      return index < count / 8 || index >= 7 * count / 8 || (index - count / 8) % 3 == 2;
    case Layers::kFirstEighth:
      return index < count / 8;
    case Layers::kFirstSixteenth:
      return index < count / 16;
    case Layers::kFirstTwo:
      return index < 2;
    case Layers::kFirstFour:
      return index < 4;
  }
  return false;
}

/// Query heads per key-value head of the first layer; 1 where the file does not say.
int64_t query_heads_per_kv_head(const io::Metadata& metadata) {
  const auto architecture = metadata.get_string("general.architecture");
  if (!architecture || !*architecture) return 1;
  auto first = [&](std::string_view key) -> int64_t {
    const auto values = metadata.get_ints(concat(**architecture, ".attention.", key));
    return values && *values && !(*values)->empty() ? (**values)[0] : 0;
  };
  const int64_t heads = first("head_count");
  const int64_t kv_heads = first("head_count_kv");
  return heads > 0 && kv_heads > 0 ? heads / kv_heads : 1;
}

bool holds(When when, bool has_importance, int64_t grouping) {
  switch (when) {
    case When::kAlways:
      return true;
    case When::kImportance:
      return has_importance;
    case When::kNoImportance:
      return !has_importance;
    case When::kGroupedHeads:
      return grouping >= 4;
  }
  return false;
}

}  // namespace

std::string_view to_string(Role role) {
  static constexpr std::string_view kNames[] = {"kept",  "embedding",        "output", "query", "key",
                                                "value", "attention output", "gate",   "up",    "down",
                                                "other"};
  return kNames[static_cast<size_t>(role)];
}

std::span<const Mix> mixes() {
  static const std::vector<Mix> kMixes = make_mixes();
  return kMixes;
}

const Mix* find_mix(std::string_view name) {
  const auto found = std::find_if(mixes().begin(), mixes().end(),
                                  [&](const Mix& mix) { return same_ignoring_case(mix.name, name); });
  return found == mixes().end() ? nullptr : &*found;
}

std::span<const std::string_view> auto_types() {
  static constexpr std::string_view kTypes[] = {"Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0"};
  return kTypes;
}

std::optional<uint32_t> file_type_of(uint32_t tensor_type) {
  static const std::map<uint32_t, uint32_t> kTypes = {
      {0, 0},   {1, 1},   {2, 2},   {3, 3},   {6, 8},   {7, 9},   {8, 7},   {10, 10},
      {11, 12}, {12, 15}, {13, 17}, {14, 18}, {20, 25}, {23, 30}, {30, 32}, {39, 38}};
  const auto found = kTypes.find(tensor_type);
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
}

std::string_view fallback_of(std::string_view format) {
  for (const Fallback& fallback : kFallbacks) {
    if (fallback.from == format) return fallback.to;
  }
  return {};
}

std::pair<int64_t, std::string_view> layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return {-1, name};
  int64_t layer = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, layer);
  if (error != std::errc() || stop == end || *stop != '.') return {-1, name};
  return {layer, std::string_view(stop + 1, static_cast<size_t>(end - stop - 1))};
}

std::vector<TensorChoice> survey(const io::TensorFile& file) {
  const bool tied = std::none_of(file.tensors.begin(), file.tensors.end(),
                                 [](const io::Tensor& tensor) { return tensor.name == "output.weight"; });
  std::vector<TensorChoice> choices;
  std::map<Role, std::vector<std::pair<int64_t, size_t>>> layers;
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    choices.push_back({.role = role_of(file.tensors[i], tied)});
    layers[choices[i].role].emplace_back(layer_of(file.tensors[i].name).first, i);
  }
  for (auto& [role, members] : layers) {
    std::sort(members.begin(), members.end());
    for (size_t k = 0; k < members.size(); ++k) {
      choices[members[k].second].index = static_cast<int64_t>(k);
      choices[members[k].second].count = static_cast<int64_t>(members.size());
    }
  }
  return choices;
}

Result<const kernels::Format*> fitting_format(std::string_view wanted, const io::Tensor& tensor) {
  const int64_t columns = tensor.shape.back();
  for (std::string_view name = wanted; !name.empty(); name = fallback_of(name)) {
    const kernels::Format* format = kernels::find_format(name);
    if (format == nullptr || format->encode == nullptr) {
      return fail(ErrorCode::kUnsupported, "tensor ", io::printable(tensor.name), " wants weight type ", name,
                  ", which this build cannot write; choose another mix");
    }
    if (columns % format->block_elems == 0) return format;
  }
  return kernels::find_format("F16");
}

Result<std::vector<TensorChoice>> choose_formats(const Mix& mix, const MixInput& input) {
  std::vector<TensorChoice> choices = survey(*input.file);
  const int64_t grouping = query_heads_per_kv_head(input.file->metadata);
  for (size_t i = 0; i < choices.size(); ++i) {
    TensorChoice& choice = choices[i];
    const io::Tensor& tensor = input.file->tensors[i];
    if (choice.role == Role::kKept) continue;
    std::string_view wanted = mix.format;
    const auto rule = std::find_if(mix.rules.begin(), mix.rules.end(), [&](const MixRule& r) {
      return r.role == choice.role && in_layers(r.layers, choice.index, choice.count) &&
             holds(r.when, input.has_importance, grouping);
    });
    if (rule != mix.rules.end()) wanted = rule->format;
    if (choice.role == Role::kOutput) {
      const kernels::Format* base = kernels::find_format(mix.format);
      const bool odd = base != nullptr && tensor.shape.back() % base->block_elems != 0;
      wanted = odd ? "Q8_0" : mix.output;
      choice.fell_back = odd;
    }
    HEARTH_ASSIGN(choice.format, fitting_format(wanted, tensor));
    choice.fell_back = choice.fell_back || choice.format->name != wanted;
  }
  return choices;
}

}  // namespace hearth::lab
