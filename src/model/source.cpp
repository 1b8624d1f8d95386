// Where model files come from: a GGUF file or a Hugging Face folder, told apart by what lies at the path.
// Must not know any architecture's name.
#include "io/gguf.h"
#include "kernels/format.h"
#include "model/hf_folder.h"
#include "model/model.h"

namespace hearth::model {

std::optional<io::BlockLayout> block_layout(uint32_t type) {
  const auto shape = kernels::block_of_type(type);
  if (!shape) return std::nullopt;
  return io::BlockLayout{shape->elems, shape->bytes};
}

Result<io::TensorFile> open_source(const std::filesystem::path& path) {
  const std::filesystem::path folder = hf_folder_of(path);
  return folder.empty() ? io::read_gguf(path, block_layout) : read_hf_folder(folder);
}

std::filesystem::path hf_folder_of(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return path;
  if (path.filename() != "config.json" && path.extension() != ".safetensors") return {};
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace hearth::model
