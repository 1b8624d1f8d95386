// Opens GGUF from disk: a single file, or all parts of a split one (*-00001-of-0000N.gguf), mapped and
// merged.
#include <algorithm>
#include <cstdio>

#include "io/file.h"
#include "io/gguf.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

constexpr int kMaxParts = 1000;

/// What the name NAME-00002-of-00005.gguf says.
struct SplitName {
  std::string stem;  // up to "-00002-of-..."
  int part = 0;      // from 1
  int parts = 0;
};

std::optional<SplitName> parse_split_name(const std::string& filename) {
  static constexpr std::string_view kForm = "-#####-of-#####.gguf";
  if (filename.size() < kForm.size()) return std::nullopt;
  const size_t start = filename.size() - kForm.size();
  SplitName name{filename.substr(0, start), 0, 0};
  int* number = &name.part;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char c = filename[start + i];
    if (kForm[i] == '#') {
      if (c < '0' || c > '9') return std::nullopt;
      *number = *number * 10 + (c - '0');
    } else {
      if (c != kForm[i]) return std::nullopt;
      if (c == 'o') number = &name.parts;
    }
  }
  if (name.part < 1 || name.parts < name.part) return std::nullopt;
  return name;
}

std::string part_name(const SplitName& name, int part) {
  char suffix[32];
  std::snprintf(suffix, sizeof(suffix), "-%05d-of-%05d.gguf", part, name.parts);
  return name.stem + suffix;
}

Result<TensorFile> read_one(const std::filesystem::path& path, BlockLayoutOf block_layout) {
  HEARTH_ASSIGN(std::shared_ptr<const MappedFile> mapped, MappedFile::open(path));
  if (mapped->bytes().empty()) return fail(ErrorCode::kCorrupt, path.string(), ": is empty, fetch it again");
  HEARTH_ASSIGN(TensorFile file, parse_gguf(mapped->bytes(), mapped->path(), block_layout));
  for (Tensor& tensor : file.tensors) tensor.owner = mapped;
  return file;
}

/// The metadata of a part must agree with its name; files split by other tools may lack it.
Status check_part(const std::filesystem::path& path, const Metadata& metadata, int part, int parts) {
  HEARTH_ASSIGN(const std::optional<int64_t> number, metadata.get_int("split.no"));
  HEARTH_ASSIGN(const std::optional<int64_t> count, metadata.get_int("split.count"));
  if ((count && *count != parts) || (number && *number != part - 1)) {
    return fail(ErrorCode::kCorrupt, path.string(), ": its name says part ", part, " of ", parts,
                " but its metadata says part ", number.value_or(part - 1) + 1, " of ", count.value_or(parts),
                "; the parts are mixed up, fetch them again");
  }
  return {};
}

Result<TensorFile> read_split(const std::filesystem::path& folder, const SplitName& name,
                              BlockLayoutOf block_layout) {
  if (name.parts > kMaxParts) {
    return fail(ErrorCode::kUnsupported, part_name(name, name.part), ": more than ", kMaxParts, " parts");
  }
  std::string missing;
  for (int part = 1; part <= name.parts; ++part) {
    std::error_code error;
    if (!std::filesystem::exists(folder / part_name(name, part), error)) {
      missing += concat(missing.empty() ? "" : ", ", part_name(name, part));
    }
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kNotFound, (folder / part_name(name, name.part)).string(),
                ": parts of this model are missing: ", missing, "; put them into the same folder");
  }
  TensorFile merged;
  std::optional<int64_t> promised;
  for (int part = 1; part <= name.parts; ++part) {
    const std::filesystem::path path = folder / part_name(name, part);
    HEARTH_ASSIGN(TensorFile file, read_one(path, block_layout));
    HEARTH_RETURN_IF_ERROR(check_part(path, file.metadata, part, name.parts));
    std::move(file.tensors.begin(), file.tensors.end(), std::back_inserter(merged.tensors));
    if (part == 1) {
      HEARTH_ASSIGN(promised, file.metadata.get_int("split.tensors.count"));
      merged.metadata = std::move(file.metadata);
    }
  }
  if (promised && *promised != static_cast<int64_t>(merged.tensors.size())) {
    return fail(ErrorCode::kCorrupt, (folder / part_name(name, 1)).string(), ": promises ", *promised,
                " tensors but the parts hold ", merged.tensors.size(), "; fetch them again");
  }
  std::vector<std::string_view> names;
  for (const Tensor& tensor : merged.tensors) names.emplace_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    return fail(ErrorCode::kCorrupt, (folder / part_name(name, 1)).string(), ": tensor ", printable(*twice),
                " occurs in two parts");
  }
  // The merged model is one file as far as anybody else knows.
  for (const char* key : {"split.no", "split.count", "split.tensors.count"}) merged.metadata.erase(key);
  return merged;
}

}  // namespace

std::vector<std::filesystem::path> gguf_parts(const std::filesystem::path& path) {
  const auto name = parse_split_name(path.filename().string());
  if (!name || name->parts > kMaxParts) return {path};
  std::vector<std::filesystem::path> parts;
  for (int part = 1; part <= name->parts; ++part) parts.push_back(path.parent_path() / part_name(*name, part));
  return parts;
}

Result<TensorFile> read_gguf(const std::filesystem::path& path, BlockLayoutOf block_layout) {
  if (const auto name = parse_split_name(path.filename().string())) {
    return read_split(path.parent_path(), *name, block_layout);
  }
  HEARTH_ASSIGN(TensorFile file, read_one(path, block_layout));
  HEARTH_ASSIGN(const std::optional<int64_t> parts, file.metadata.get_int("split.count"));
  if (parts && *parts > 1) {
    return fail(ErrorCode::kUnsupported, path.string(), ": is one of ", *parts,
                " parts of a model; name them NAME-00001-of-0000N.gguf and so on, in one folder");
  }
  return file;
}

}  // namespace hearth::io
