// Where model files come from: a GGUF file or a Hugging Face folder, told apart by what lies at the path.
// Must not know any architecture's name.
#include "io/gguf.h"
#include "io/safetensors.h"
#include "kernels/format.h"
#include "model/hf_folder.h"
#include "model/model.h"
#include "model/packed.h"

namespace hearth::model {

std::optional<io::BlockLayout> block_layout(uint32_t type) {
  const auto shape = kernels::block_of_type(type);
  if (!shape) return std::nullopt;
  return io::BlockLayout{shape->elems, shape->bytes};
}

Result<io::TensorFile> open_source(const std::filesystem::path& path) {
  const std::filesystem::path folder = io::hf_folder_of(path);
  if (!folder.empty()) return read_hf_folder(folder);
  HEARTH_ASSIGN(io::TensorFile file, io::read_gguf(path, block_layout));
  if (!is_packed(file)) return file;
  Status status = check_packed_header(file);
  if (status) status = present_packed(file);
  if (!status) return Error{status.error().code, concat(path.string(), ": ", status.error().message)};
  return file;
}

}  // namespace hearth::model
