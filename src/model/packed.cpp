// Reading, writing and checking packed models.
#include "model/packed.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/xxhash64.h"
#include "io/file.h"
#include "io/gguf.h"
#include "io/utf8.h"
#include "kernels/matrix.h"
#include "model/hf_folder.h"
#include "model/tensors.h"

namespace hearth::model {
namespace {

constexpr uint32_t kVersion = 2;
constexpr uint32_t kBytesType = 24;  // GGUF's I8
constexpr uint32_t kInt64Type = 27;
constexpr int64_t kPieceBytes = int64_t{8} << 20;  // packed at a time
constexpr std::string_view kPrefix = "hearth.packed.";
/// The last tensor: XXH64 of everything before the first tensor, and of everything before this one.
constexpr std::string_view kChecksums = "hearth.packed.checksums";

using Sink = std::function<Status(std::span<const std::byte>)>;

std::string key(std::string_view name) { return concat(kPrefix, name); }

Error other_version() {
  return fail(ErrorCode::kUnsupported,
              "its weights were packed by another version of hearth; pack them again from the model");
}

/// The version of the file, and of the translation it was made by where there was one.
Status check_version(const io::TensorFile& file) {
  HEARTH_ASSIGN(const std::optional<int64_t> version, file.metadata.get_int(key("version")));
  HEARTH_ASSIGN(const std::optional<int64_t> translation, file.metadata.get_int(key("translation")));
  if (version != kVersion || translation.value_or(kHfTranslation) != kHfTranslation) return other_version();
  return {};
}

/// How a packed tensor lies there: the packing of its format, and the rows of each of its parts.
uint64_t fingerprint_of(uint64_t packing, const TensorNeed& need) {
  XxHash64 hash;
  hash.update(std::as_bytes(std::span(&packing, 1)));
  for (const Part& part : need.parts) {
    const int64_t rows[] = {part.row, part.rows};
    hash.update(std::as_bytes(std::span(rows)));
  }
  return hash.digest();
}

/// The arrays of the metadata, one entry per packed matrix.
struct Rows {
  std::vector<std::string> names, tiles;
  std::vector<uint64_t> types, rows, cols, fingerprints;

  void add(const TensorNeed& need, const kernels::Format& format) {
    names.push_back(need.name);
    tiles.emplace_back(format.tile);
    types.push_back(format.id);
    rows.push_back(static_cast<uint64_t>(need.shape[0]));
    cols.push_back(static_cast<uint64_t>(need.shape[1]));
    fingerprints.push_back(fingerprint_of(kernels::packing_fingerprint(format), need));
  }

  void write(io::Metadata& metadata) const {
    const auto numbers = [](const std::vector<uint64_t>& values) {
      return io::Value{io::ValueType::kUint64, true, values};
    };
    metadata.set(key("tensors"), io::Value::of(names));
    metadata.set(key("tiles"), io::Value::of(tiles));
    metadata.set(key("types"), numbers(types));
    metadata.set(key("rows"), numbers(rows));
    metadata.set(key("cols"), numbers(cols));
    metadata.set(key("fingerprints"), numbers(fingerprints));
  }

  static Result<Rows> read(const io::Metadata& metadata) {
    Rows out;
    const auto get = [&](std::string_view name, auto& into) {
      const io::Value* value = metadata.find(key(name));
      const auto* data = value ? std::get_if<std::decay_t<decltype(into)>>(&value->data) : nullptr;
      if (data) into = *data;
      return data != nullptr && (out.names.empty() || into.size() == out.names.size());
    };
    if (get("tensors", out.names) && get("tiles", out.tiles) && get("types", out.types) &&
        get("rows", out.rows) && get("cols", out.cols) && get("fingerprints", out.fingerprints) &&
        out.tiles.size() == out.names.size()) {
      return out;
    }
    return fail(ErrorCode::kCorrupt, "the list of its packed weights is damaged");
  }
};

/// A matrix of the file on its way into its tile.
struct Packing {
  const io::Tensor* tensor;
  const kernels::Format* format;
  TensorNeed need;

  int64_t part_bytes(const Part& part) const {
    return packed_part_bytes(kernels::packed_bytes(*format, part.rows, need.shape[1]));
  }
  int64_t bytes() const {
    int64_t sum = 0;
    for (const Part& part : need.parts) sum += part_bytes(part);
    return sum;
  }
};

Status write_part(const Packing& job, const Part& part, ThreadPool& pool, std::vector<std::byte>& piece,
                  const Sink& sink) {
  const int64_t cols = job.need.shape[1];
  const int64_t row_bytes = cols / job.format->block_elems * job.format->block_bytes;
  const int64_t panel_bytes = kernels::packed_bytes(*job.format, 1, cols);
  const int64_t rows_at_once = std::max<int64_t>(1, kPieceBytes / panel_bytes) * kernels::kPackedRows;
  int64_t written = 0;
  for (int64_t row = 0; row < part.rows; row += rows_at_once) {
    const int64_t rows = std::min(rows_at_once, part.rows - row);
    const auto disk = job.tensor->data.subspan(static_cast<size_t>((part.row + row) * row_bytes),
                                               static_cast<size_t>(rows * row_bytes));
    piece.resize(static_cast<size_t>(kernels::packed_bytes(*job.format, rows, cols)));
    const Status packed = kernels::pack_rows(*job.format, part.row + row, rows, cols, disk, piece, pool);
    if (!packed) return Error{packed.error().code, concat(job.need.name, ": ", packed.error().message)};
    io::MappedFile::release_pages(disk);
    HEARTH_RETURN_IF_ERROR(sink(piece));
    written += static_cast<int64_t>(piece.size());
  }
  const std::vector<std::byte> padding(static_cast<size_t>(job.part_bytes(part) - written));
  return sink(padding);
}

/// Everything the model needs, in order, each with what produces it. What the binder would refuse is refused
/// here in fewer words.
Result<std::vector<io::TensorToWrite>> tensors_to_write(const io::TensorFile& file, ThreadPool& pool,
                                                        Rows& packed) {
  HEARTH_ASSIGN(const ModelSpec spec, spec_of(file));
  std::unordered_map<std::string_view, const io::Tensor*> by_name;
  for (const io::Tensor& tensor : file.tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<io::TensorToWrite> out;
  const auto piece = std::make_shared<std::vector<std::byte>>();
  for (TensorNeed& need : needed_tensors(spec)) {
    const auto found = by_name.find(need.name);
    if (found == by_name.end() && need.presence != Presence::kRequired) continue;
    if (found == by_name.end() || found->second->shape != need.shape) {
      return fail(ErrorCode::kCorrupt, need.name, " is missing or misshapen");
    }
    const io::Tensor& tensor = *found->second;
    const kernels::Format* format = kernels::find_format(tensor.type);
    if (format == nullptr) return fail(ErrorCode::kUnsupported, need.name, " is of an unknown weight type");
    if (need.shape.size() != 2 || kernels::packed_bytes(*format, need.shape[0], need.shape[1]) == 0) {
      out.push_back({tensor.name, tensor.type, tensor.shape, tensor.data.size(),
                     [&tensor](const Sink& sink) { return sink(tensor.data); }});
      continue;
    }
    packed.add(need, *format);
    const Packing job{&tensor, format, std::move(need)};
    const int64_t bytes = job.bytes();
    out.push_back({tensor.name,
                   kBytesType,
                   {bytes},
                   static_cast<uint64_t>(bytes),
                   [job, &pool, piece](const Sink& sink) -> Status {
                     for (const Part& part : job.need.parts) {
                       HEARTH_RETURN_IF_ERROR(write_part(job, part, pool, *piece, sink));
                     }
                     return {};
                   }});
  }
  return out;
}

/// The tensors of the file that are not in its packed form.
std::vector<std::string> left_out(const io::TensorFile& file, std::span<const io::TensorToWrite> written) {
  std::unordered_set<std::string_view> taken;
  for (const io::TensorToWrite& tensor : written) taken.insert(tensor.name);
  std::vector<std::string> out;
  for (const io::Tensor& tensor : file.tensors) {
    if (!taken.contains(tensor.name)) out.push_back(tensor.name);
  }
  return out;
}

/// Whether this version of hearth wants of the model what the one that packed it took, laid out as it was.
Status check_needs(const io::TensorFile& file, const Rows& rows) {
  HEARTH_ASSIGN(const ModelSpec spec, spec_of(file));
  HEARTH_ASSIGN(const std::vector<std::string>* unused, file.metadata.get_strings(key("unused")));
  if (unused == nullptr) return fail(ErrorCode::kCorrupt, "does not say what was left out of it");
  const std::unordered_set<std::string_view> left(unused->begin(), unused->end());
  std::unordered_map<std::string, TensorNeed> needs;
  for (TensorNeed& need : needed_tensors(spec)) {
    if (left.contains(need.name)) return other_version();
    std::string name = need.name;
    needs.emplace(std::move(name), std::move(need));
  }
  std::unordered_map<uint64_t, uint64_t> packings;  // by type: many matrices, few formats
  for (size_t i = 0; i < rows.names.size(); ++i) {
    const auto need = needs.find(rows.names[i]);
    if (need == needs.end()) return other_version();
    const auto [packing, added] = packings.emplace(rows.types[i], 0);
    if (added) {
      packing->second =
          kernels::packing_fingerprint(*kernels::find_format(static_cast<uint32_t>(rows.types[i])));
    }
    if (fingerprint_of(packing->second, need->second) != rows.fingerprints[i]) return other_version();
  }
  return {};
}

/// The checksum tensor of a packed file; nullptr when it has none.
const io::Tensor* checksums_of(const io::TensorFile& file) {
  for (const io::Tensor& tensor : file.tensors) {
    if (tensor.name == kChecksums && tensor.data.size() == 2 * sizeof(uint64_t)) return &tensor;
  }
  return nullptr;
}

uint64_t checksum_at(const io::Tensor& tensor, size_t index) {
  uint64_t sum;
  std::memcpy(&sum, tensor.data.data() + index * sizeof(sum), sizeof(sum));
  return sum;
}

Error damaged() { return fail(ErrorCode::kCorrupt, "its checksum is wrong"); }

}  // namespace

bool is_packed(const io::TensorFile& file) { return file.metadata.contains(key("version")); }

Result<PackedFrom> packed_from(const io::TensorFile& file) {
  HEARTH_ASSIGN(const std::optional<std::string> source, file.metadata.get_string(key("source")));
  HEARTH_ASSIGN(const std::optional<std::string> origin, file.metadata.get_string(key("origin")));
  if (!source || !origin) return fail(ErrorCode::kCorrupt, "does not say what it was packed from");
  return PackedFrom{*source, *origin};
}

int64_t packed_part_bytes(int64_t packed_bytes) {
  return (packed_bytes + kernels::kPackedAlignment - 1) / kernels::kPackedAlignment *
         kernels::kPackedAlignment;
}

Status check_packed_header(const io::TensorFile& file) {
  HEARTH_RETURN_IF_ERROR(check_version(file));  // another version may keep other checksums
  const io::Tensor* checksums = checksums_of(file);
  if (checksums == nullptr) return fail(ErrorCode::kCorrupt, "has no checksums");
  return checksum_at(*checksums, 0) == xxhash64(file.header) ? Status() : Status(damaged());
}

Status present_packed(io::TensorFile& file) {
  HEARTH_RETURN_IF_ERROR(check_version(file));
  HEARTH_ASSIGN(const Rows rows, Rows::read(file.metadata));
  std::unordered_map<std::string_view, io::Tensor*> by_name;
  for (io::Tensor& tensor : file.tensors) by_name.emplace(tensor.name, &tensor);
  for (size_t i = 0; i < rows.names.size(); ++i) {
    const kernels::Format* format =
        rows.types[i] <= UINT32_MAX ? kernels::find_format(static_cast<uint32_t>(rows.types[i])) : nullptr;
    if (format == nullptr || format->tile != rows.tiles[i]) return other_version();
    const auto found = by_name.find(rows.names[i]);
    constexpr uint64_t kMaxLength = INT64_MAX;
    if (found == by_name.end() || found->second->type != kBytesType || found->second->packed_from ||
        rows.rows[i] == 0 || rows.rows[i] > kMaxLength || rows.cols[i] == 0 || rows.cols[i] > kMaxLength) {
      return fail(ErrorCode::kCorrupt, "packed tensor ", io::printable(rows.names[i]),
                  " is not what the metadata says");
    }
    found->second->shape = {static_cast<int64_t>(rows.rows[i]), static_cast<int64_t>(rows.cols[i])};
    found->second->packed_from = format->id;
    io::MappedFile::expect_many_reads(found->second->data);
  }
  HEARTH_RETURN_IF_ERROR(check_needs(file, rows));
  std::erase_if(file.tensors, [](const io::Tensor& tensor) { return tensor.name == kChecksums; });
  for (const char* name : {"tensors", "tiles", "types", "rows", "cols", "fingerprints", "unused"}) {
    file.metadata.erase(key(name));
  }
  return {};
}

Status write_packed(const io::TensorFile& file, const PackedFrom& from, const std::filesystem::path& path,
                    ThreadPool& pool, const std::function<bool(uint64_t, uint64_t)>& progress) {
  if (is_packed(file)) return fail(ErrorCode::kUsage, "is packed already");
  Rows packed;
  HEARTH_ASSIGN(std::vector<io::TensorToWrite> tensors, tensors_to_write(file, pool, packed));
  io::Metadata metadata = file.metadata;
  metadata.set(key("version"), io::Value::of(kVersion));
  metadata.set(key("source"), io::Value::of(from.source));
  metadata.set(key("origin"), io::Value::of(from.origin));
  if (file.translation) metadata.set(key("translation"), io::Value::of(*file.translation));
  metadata.set(key("unused"), io::Value::of(left_out(file, tensors)));
  packed.write(metadata);
  XxHash64 all;
  std::optional<uint64_t> header;
  io::GgufWriteOptions options;
  options.alignment = kernels::kPackedAlignment;
  options.observe = [&](std::span<const std::byte> bytes) {
    all.update(bytes);
    if (!header) header = all.digest();
  };
  uint64_t sums[2];
  tensors.push_back({std::string(kChecksums), kInt64Type, {2}, sizeof(sums), [&](const Sink& sink) {
                       sums[0] = *header;
                       sums[1] = all.digest();
                       return sink(std::as_bytes(std::span(sums)));
                     }});
  return io::write_gguf(path, metadata, tensors, progress, options);
}

Status verify_packed(const std::filesystem::path& path, const std::function<bool(uint64_t, uint64_t)>& tick) {
  HEARTH_ASSIGN(io::TensorFile file, io::read_gguf(path, block_layout));
  if (const Status known = check_version(file); !known) {
    return Error{known.error().code, concat(path.string(), ": ", known.error().message)};
  }
  const io::Tensor* checksums = checksums_of(file);
  if (checksums == nullptr || file.header.empty()) {
    return fail(ErrorCode::kCorrupt, path.string(), ": has no checksums");
  }
  const std::span<const std::byte> bytes(file.header.data(), checksums->data.data());
  XxHash64 hash;
  for (size_t done = 0; done < bytes.size();) {
    const auto piece = bytes.subspan(done, std::min(bytes.size() - done, static_cast<size_t>(kPieceBytes)));
    hash.update(piece);
    io::MappedFile::release_pages(piece);
    done += piece.size();
    if (tick && !tick(done, bytes.size())) return fail(ErrorCode::kCancelled, "stopped");
  }
  if (hash.digest() != checksum_at(*checksums, 1) || !check_packed_header(file)) {
    return fail(ErrorCode::kCorrupt, path.string(), ": is damaged: its checksum is wrong");
  }
  if (const Status known = present_packed(file); !known) {
    return Error{known.error().code, concat(path.string(), ": ", known.error().message)};
  }
  return {};
}

}  // namespace hearth::model
