// The named mixes: which weight type each tensor of a model gets, as GGUF tools understand names such as
// "q4_k_m". The rules are data, one row a mix. Must not know how anything is encoded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/tensor_source.h"
#include "kernels/format.h"

namespace hearth::lab {

/// What a tensor does in a model, as far as mixes care.
enum class Role : uint8_t {
  kKept,  // never quantised: vectors, norms, routers, convolutions, position tables
  kEmbedding,
  kOutput,  // the output matrix, or the embedding where the file ties them
  kQuery,
  kKey,
  kValue,  // also a fused q, k, v
  kAttentionOutput,
  kGate,
  kUp,
  kDown,
  kOther,
};
/// "attention output", for tables.
std::string_view to_string(Role role);

/// Which of the layers that have a tensor of this role a rule is for.
enum class Layers : uint8_t {
  kAll,
  kMoreBits,  // the first and last eighth, and every third between: those that need more bits most
  kFirstEighth,
  kFirstSixteenth,
  kFirstTwo,
  kFirstFour,
};

/// When a rule holds.
enum class When : uint8_t {
  kAlways,
  kImportance,    // an importance matrix is given
  kNoImportance,  // none is
  kGroupedHeads,  // at least four query heads share a key-value head, so values are small and dear
};

struct MixRule {
  Role role;
  Layers layers;
  When when;
  std::string_view format;
};

struct Mix {
  std::string_view name;       // as on the command line
  uint32_t file_type;          // GGUF's general.file_type
  std::string_view format;     // of every quantised tensor that no rule is for
  std::string_view output;     // of the output matrix
  std::vector<MixRule> rules;  // the first that holds decides
};

std::span<const Mix> mixes();
/// By name, any case; nullptr when unknown.
const Mix* find_mix(std::string_view name);

/// Types that an automatic choice climbs through, from the smallest; rows that are no whole blocks fall back.
std::span<const std::string_view> auto_types();
/// GGUF's general.file_type for a file most of whose bytes are of a tensor type; nothing where there is none.
std::optional<uint32_t> file_type_of(uint32_t tensor_type);

/// What to write instead of `format` for rows that are not whole blocks of it; empty: nothing smaller than
/// F16.
std::string_view fallback_of(std::string_view format);

/// The layer of a tensor named "blk.N.rest", and the rest; -1 and the whole name elsewhere.
std::pair<int64_t, std::string_view> layer_of(std::string_view name);

/// What a mix sees of a model.
struct MixInput {
  const io::TensorFile* file = nullptr;
  bool has_importance = false;
};

/// The choice for one tensor of the file.
struct TensorChoice {
  Role role = Role::kKept;
  int64_t index = 0;                        // among the tensors of its role, by layer
  int64_t count = 0;                        // tensors of its role
  const kernels::Format* format = nullptr;  // nullptr: stays in its type
  bool fell_back = false;                   // the mix wants another type, but rows are not whole blocks of it
};

/// Role and place among its equals of every tensor, in file order; formats are left unset.
std::vector<TensorChoice> survey(const io::TensorFile& file);
/// The formats too. Errors: kUnsupported (a type of the mix that this build cannot write).
Result<std::vector<TensorChoice>> choose_formats(const Mix& mix, const MixInput& input);
/// `wanted`, or what rows of this tensor allow instead of it. Errors: kUnsupported, as above.
Result<const kernels::Format*> fitting_format(std::string_view wanted, const io::Tensor& tensor);

}  // namespace hearth::lab
