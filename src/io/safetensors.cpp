// Reads safetensors headers and sharded indexes; see the header. Offsets must tile the data exactly, as the
// format demands, so overlaps, holes and truncation all show.
#include "io/safetensors.h"

#include <algorithm>
#include <optional>
#include <set>

#include "io/byte_reader.h"
#include "io/file.h"
#include "io/json.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr size_t kMaxDims = 8;
constexpr std::string_view kIndexName = "model.safetensors.index.json";
constexpr std::string_view kSingleName = "model.safetensors";

/// Bytes of one value, nullopt for a dtype that hearth does not know.
std::optional<uint64_t> dtype_bytes(std::string_view dtype) {
  struct Row {
    std::string_view name;
    uint64_t bytes;
  };
  static constexpr Row kRows[] = {{"F64", 8},     {"F32", 4},    {"F16", 2},  {"BF16", 2}, {"I64", 8},
                                  {"U64", 8},     {"I32", 4},    {"U32", 4},  {"I16", 2},  {"U16", 2},
                                  {"I8", 1},      {"U8", 1},     {"BOOL", 1}, {"C64", 8},  {"F8_E4M3", 1},
                                  {"F8_E5M2", 1}, {"F8_E8M0", 1}};
  for (const Row& row : kRows) {
    if (row.name == dtype) return row.bytes;
  }
  return std::nullopt;
}

template <typename... Parts>
Error corrupt(std::string_view name, const Parts&... parts) {
  return fail(ErrorCode::kCorrupt, name, ": ", parts..., "; the file is damaged, fetch it again");
}

/// A non-negative JSON integer below 2^63.
std::optional<uint64_t> as_size(const Json& value) {
  const auto* number = value.get_ptr<const uint64_t*>();
  if (number == nullptr || *number > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return *number;
}

/// One entry of the header; `data` is everything behind the header.
Result<SafeTensor> parse_entry(std::string_view file, const std::string& name, const Json& entry,
                               std::span<const std::byte> data) {
  SafeTensor tensor;
  tensor.name = name;
  const Json* dtype = json_find(entry, "dtype");
  const Json* shape = json_find(entry, "shape");
  const Json* offsets = json_find(entry, "data_offsets");
  if (dtype == nullptr || !dtype->is_string() || shape == nullptr || !shape->is_array() ||
      offsets == nullptr || !offsets->is_array() || offsets->size() != 2) {
    return corrupt(file, "tensor ", printable(name), " lacks a proper dtype, shape or data_offsets");
  }
  tensor.dtype = dtype->get_ref<const std::string&>();
  const std::optional<uint64_t> value_bytes = dtype_bytes(tensor.dtype);
  if (!value_bytes) {
    return fail(ErrorCode::kUnsupported, file, ": tensor ", printable(name), " has the dtype ",
                printable(tensor.dtype), ", which hearth does not know");
  }
  if (shape->size() > kMaxDims) return corrupt(file, "tensor ", printable(name), " has too many dimensions");
  uint64_t bytes = *value_bytes;
  for (const Json& length : *shape) {
    const std::optional<uint64_t> size = as_size(length);
    if (!size || __builtin_mul_overflow(bytes, *size, &bytes)) {
      return corrupt(file, "tensor ", printable(name), " has an impossible shape");
    }
    tensor.shape.push_back(static_cast<int64_t>(*size));
  }
  const std::optional<uint64_t> begin = as_size((*offsets)[0]);
  const std::optional<uint64_t> end = as_size((*offsets)[1]);
  if (!begin || !end || *begin > *end)
    return corrupt(file, "tensor ", printable(name), " has impossible offsets");
  if (*end > data.size()) {
    return corrupt(file, "tensor ", printable(name), " ends at byte ", *end, " of the data, which has ",
                   data.size());
  }
  if (*end - *begin != bytes) {
    return corrupt(file, "tensor ", printable(name), " has ", *end - *begin,
                   " bytes where its shape and dtype need ", bytes);
  }
  tensor.data = data.subspan(static_cast<size_t>(*begin), static_cast<size_t>(bytes));
  return tensor;
}

/// Sorted by offset, the tensors must cover the data without overlap, hole or rest.
Status check_tiling(std::string_view file, std::vector<SafeTensor>* tensors,
                    std::span<const std::byte> data) {
  std::stable_sort(tensors->begin(), tensors->end(), [](const SafeTensor& a, const SafeTensor& b) {
    // Empty tensors share the offset of the one behind them.
    return a.data.data() != b.data.data() ? a.data.data() < b.data.data() : a.data.size() < b.data.size();
  });
  const std::byte* expected = data.data();
  for (const SafeTensor& tensor : *tensors) {
    if (tensor.data.data() != expected) {
      return corrupt(file, "tensor ", printable(tensor.name), " overlaps another or leaves a hole before it");
    }
    expected += tensor.data.size();
  }
  const auto rest = static_cast<uint64_t>(data.data() + data.size() - expected);
  if (rest != 0) return corrupt(file, rest, " bytes after the last tensor");
  return {};
}

Status parse_metadata(std::string_view file, const Json& value, SafeTensorsFile* out) {
  if (!value.is_object()) return corrupt(file, "__metadata__ is no object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) return corrupt(file, "__metadata__ key ", printable(key), " is no string");
    out->metadata[key] = text.get<std::string>();
  }
  return {};
}

Status append_file(const std::filesystem::path& path, SafeTensorsFile* out) {
  HEARTH_ASSIGN(std::shared_ptr<const MappedFile> mapped, MappedFile::open(path));
  HEARTH_ASSIGN(SafeTensorsFile file, parse_safetensors(mapped->bytes(), mapped->path()));
  for (SafeTensor& tensor : file.tensors) {
    tensor.owner = mapped;
    out->tensors.push_back(std::move(tensor));
  }
  out->metadata.merge(file.metadata);
  return {};
}

/// The shard files that the index names, in order. Names that leave the folder are refused.
Result<std::set<std::string>> shards_of(const std::filesystem::path& index_path, const Json& weights) {
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weights.items()) {
    if (!shard.is_string())
      return corrupt(index_path.string(), "tensor ", printable(tensor), " names no shard");
    const auto& name = shard.get_ref<const std::string&>();
    // One plain file name: no separators, no "..", nothing hidden, no NUL that would cut it.
    if (name.empty() || name[0] == '.' ||
        name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      return corrupt(index_path.string(), "the shard name ", printable(name), " is no plain file name");
    }
    shards.insert(name);
  }
  return shards;
}

Result<SafeTensorsFile> read_sharded(const std::filesystem::path& index_path) {
  HEARTH_ASSIGN(const Json index, read_json(index_path, {.reject_duplicate_keys = true}));
  const Json* weights = json_find(index, "weight_map");
  if (weights == nullptr || !weights->is_object() || weights->empty()) {
    return corrupt(index_path.string(), "there is no weight_map");
  }
  HEARTH_ASSIGN(const std::set<std::string> shards, shards_of(index_path, *weights));
  const std::filesystem::path folder = index_path.parent_path();
  std::string missing;
  for (const std::string& shard : shards) {
    std::error_code error;
    if (!std::filesystem::exists(folder / shard, error))
      missing += concat(missing.empty() ? "" : ", ", printable(shard));
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kNotFound, index_path.string(), ": shards of this model are missing: ", missing,
                "; put them into the same folder");
  }
  SafeTensorsFile file;
  for (const std::string& shard : shards) HEARTH_RETURN_IF_ERROR(append_file(folder / shard, &file));
  std::vector<std::string_view> names;
  for (const SafeTensor& tensor : file.tensors) names.emplace_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    return corrupt(index_path.string(), "tensor ", printable(*twice), " occurs in two shards");
  }
  std::string absent;
  for (const auto& [tensor, shard] : weights->items()) {
    if (!std::binary_search(names.begin(), names.end(), tensor)) {
      absent += concat(absent.empty() ? "" : ", ", printable(tensor));
    }
  }
  if (!absent.empty())
    return corrupt(index_path.string(), "the shards lack tensors that the index lists: ", absent);
  return file;
}

}  // namespace

Result<SafeTensorsFile> parse_safetensors(std::span<const std::byte> bytes, std::string_view name) {
  ByteReader reader(bytes);
  uint64_t header_bytes = 0;
  std::string_view header_text;
  if (!reader.read(&header_bytes)) return corrupt(name, "too short to be a safetensors file");
  if (header_bytes > kMaxHeaderBytes) {
    return corrupt(name, "claims a header of ", header_bytes, " bytes, at most ", kMaxHeaderBytes,
                   " are allowed");
  }
  if (!reader.read_text(header_bytes, &header_text)) {
    return corrupt(name, "claims a header of ", header_bytes, " bytes where ", reader.remaining(),
                   " are left");
  }
  const JsonLimits limits{.max_bytes = kMaxHeaderBytes,
                          .max_depth = 4,
                          .reject_duplicate_keys = true,
                          .max_memory_bytes = 64 << 20};
  HEARTH_ASSIGN(const Json header, parse_json(header_text, concat(name, " (header)"), limits));
  if (!header.is_object()) return corrupt(name, "its header is no JSON object");
  const std::span<const std::byte> data = bytes.subspan(static_cast<size_t>(reader.offset()));
  SafeTensorsFile file;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") {
      HEARTH_RETURN_IF_ERROR(parse_metadata(name, entry, &file));
      continue;
    }
    if (key.empty()) return corrupt(name, "a tensor has no name");
    HEARTH_ASSIGN(SafeTensor tensor, parse_entry(name, key, entry, data));
    file.tensors.push_back(std::move(tensor));
  }
  HEARTH_RETURN_IF_ERROR(check_tiling(name, &file.tensors, data));
  return file;
}

std::filesystem::path hf_folder_of(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return path;
  if (path.filename() != "config.json" && path.extension() != ".safetensors") return {};
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Result<SafeTensorsFile> read_safetensors(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    if (std::filesystem::exists(path / kSingleName, error)) return read_safetensors(path / kSingleName);
    if (std::filesystem::exists(path / kIndexName, error)) return read_sharded(path / kIndexName);
    return fail(ErrorCode::kNotFound, path.string(), ": holds neither ", kSingleName, " nor ", kIndexName);
  }
  if (path.string().ends_with(".index.json")) return read_sharded(path);
  SafeTensorsFile file;
  HEARTH_RETURN_IF_ERROR(append_file(path, &file));
  return file;
}

}  // namespace hearth::io
