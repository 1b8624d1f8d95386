// Layouts: llama.cpp tools/imatrix. GGUF: NAME.in_sum2 (matrices, columns) and NAME.counts (matrices, 1),
// both float32. Older: int32 entries; each an int32-counted name, int32 calls, int32-counted float32 values
// that are mean squares times calls; then int32 chunks and an int32-counted name of the text, which may be
// missing or empty.
#include "io/imatrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "io/byte_reader.h"
#include "io/file.h"
#include "io/gguf.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";
constexpr const char* kSource = "hearth.imatrix.source";
constexpr const char* kTokensHash = "hearth.imatrix.tokens_hash";
constexpr int32_t kMaxNameBytes = 65535;

std::optional<BlockLayout> float32_only(uint32_t type) {
  if (type != 0) return std::nullopt;
  return BlockLayout{1, 4};
}

/// That would blow the mean up, to infinity even.
bool holds_part_of_an_input(const std::vector<double>& counts) {
  return std::any_of(counts.begin(), counts.end(), [](double count) { return count > 0 && count < 1; });
}

/// Finite and not negative, as sums of squares and counts are.
bool append_values(std::span<const std::byte> bytes, std::vector<double>& out) {
  out.resize(bytes.size() / sizeof(float));
  bool good = true;
  for (size_t i = 0; i < out.size(); ++i) {
    float value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof(float), sizeof(value));
    good = good && std::isfinite(value) && value >= 0;
    out[i] = static_cast<double>(value);
  }
  return good;
}

Result<ImportanceMatrix> from_gguf(std::span<const std::byte> bytes, std::string_view name) {
  auto parsed = parse_gguf(bytes, name, float32_only);
  if (!parsed && parsed.error().code == ErrorCode::kUnsupported) {  // other weight types: most likely a model
    return fail(ErrorCode::kCorrupt, name, ": is a GGUF file, but no importance matrix");
  }
  HEARTH_ASSIGN(const TensorFile file, std::move(parsed));
  HEARTH_ASSIGN(const auto kind, file.metadata.get_string("general.type"));
  if (kind != "imatrix") return fail(ErrorCode::kCorrupt, name, ": is a GGUF file, but no importance matrix");
  ImportanceMatrix out;
  HEARTH_ASSIGN(const auto* datasets, file.metadata.get_strings("imatrix.datasets"));
  if (datasets != nullptr) out.datasets = *datasets;
  HEARTH_ASSIGN(const auto chunks, file.metadata.get_int("imatrix.chunk_count"));
  HEARTH_ASSIGN(const auto chunk_tokens, file.metadata.get_int("imatrix.chunk_size"));
  out.chunks = chunks.value_or(0);
  out.chunk_tokens = chunk_tokens.value_or(0);
  if (out.chunks < 0 || out.chunk_tokens < 0)
    return fail(ErrorCode::kCorrupt, name, ": a negative count of chunks or tokens");
  HEARTH_ASSIGN(const auto source, file.metadata.get_string(kSource));
  HEARTH_ASSIGN(const auto tokens_hash, file.metadata.get_string(kTokensHash));
  out.source = source.value_or("");
  out.tokens_hash = tokens_hash.value_or("");
  for (const Tensor& tensor : file.tensors) {
    const std::string_view full = tensor.name;
    const bool sums = full.ends_with(kSums);
    if (!sums && !full.ends_with(kCounts)) continue;
    const std::string_view stem = full.substr(0, full.size() - (sums ? kSums : kCounts).size());
    ImportanceEntry& entry = out.entries[std::string(stem)];
    if (!append_values(tensor.data, sums ? entry.sum_squares : entry.counts)) {
      return fail(ErrorCode::kCorrupt, name, ": ", printable(full),
                  " holds a value that is negative or not finite");
    }
  }
  for (const auto& [stem, entry] : out.entries) {
    if (entry.counts.empty() || entry.sum_squares.empty() ||
        entry.sum_squares.size() % entry.counts.size() != 0) {
      return fail(ErrorCode::kCorrupt, name, ": sums and counts of ", printable(stem),
                  " do not belong together (", entry.sum_squares.size(), " and ", entry.counts.size(), ')');
    }
    if (holds_part_of_an_input(entry.counts))
      return fail(ErrorCode::kCorrupt, name, ": the count of ", printable(stem), " is less than one input");
  }
  return out;
}

/// The older binary form.
class LegacyParser {
 public:
  LegacyParser(std::span<const std::byte> bytes, std::string_view name) : reader_(bytes), name_(name) {}

  Result<ImportanceMatrix> parse() {
    int32_t entries = 0;
    if (!reader_.read(&entries) || entries <= 0) return corrupt("does not begin with a number of tensors");
    for (int32_t i = 0; i < entries; ++i) HEARTH_RETURN_IF_ERROR(read_entry());
    if (reader_.remaining() == 0) return std::move(out_);
    int32_t chunks = 0;
    std::string_view dataset;
    if (!reader_.read(&chunks) || chunks < 0) return corrupt("the count of chunks is broken");
    out_.chunks = chunks;
    if (reader_.remaining() == 0) return std::move(out_);
    HEARTH_RETURN_IF_ERROR(read_name("the name of the text", 0, &dataset));
    if (!dataset.empty()) out_.datasets = {std::string(dataset)};
    return std::move(out_);
  }

 private:
  template <typename... Parts>
  Error corrupt(const Parts&... parts) const {
    return fail(ErrorCode::kCorrupt, name_, ": ", parts..., " (at byte ", reader_.offset(),
                "); it is no importance matrix, or damaged");
  }

  Status read_name(std::string_view what, int32_t min_bytes, std::string_view* text) {
    int32_t length = 0;
    if (!reader_.read(&length) || length < min_bytes || length > kMaxNameBytes ||
        !reader_.read_text(static_cast<uint64_t>(length), text)) {
      return corrupt(what, " is cut short or broken");
    }
    if (!is_valid_utf8(*text)) return corrupt(what, " is not valid UTF-8: ", printable(*text));
    return {};
  }

  Status read_entry() {
    std::string_view tensor;
    HEARTH_RETURN_IF_ERROR(read_name("the name of a tensor", 1, &tensor));
    int32_t calls = 0;
    int32_t count = 0;
    std::span<const std::byte> bytes;
    if (!reader_.read(&calls) || !reader_.read(&count) || calls < 0 || count <= 0 ||
        !reader_.read_bytes(static_cast<uint64_t>(count) * sizeof(float), &bytes)) {
      return corrupt("the values of ", printable(tensor), " are cut short or broken");
    }
    ImportanceEntry entry;
    if (!append_values(bytes, entry.sum_squares))
      return corrupt("a value of ", printable(tensor), " is negative or not finite");
    entry.counts = {static_cast<double>(calls)};
    if (!out_.entries.emplace(std::string(tensor), std::move(entry)).second)
      return corrupt("tensor ", printable(tensor), " occurs twice");
    return {};
  }

  ByteReader reader_;
  std::string_view name_;
  ImportanceMatrix out_;
};

bool fits_float(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) {
    return value >= 0 && value <= static_cast<double>(std::numeric_limits<float>::max());
  });
}

/// What the file's types cannot hold.
Status check_writable(const std::filesystem::path& path, const ImportanceMatrix& matrix) {
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
  if (matrix.chunks < 0 || matrix.chunks > kMost || matrix.chunk_tokens < 0 || matrix.chunk_tokens > kMost) {
    return fail(ErrorCode::kUnsupported, path.string(), ": ", matrix.chunks, " chunks of ",
                matrix.chunk_tokens, " tokens are more than the file can say");
  }
  for (const auto& [name, entry] : matrix.entries) {
    if (!fits_float(entry.sum_squares) || !fits_float(entry.counts)) {
      return fail(ErrorCode::kUnsupported, path.string(), ": a sum of ", printable(name),
                  " is too large for float32 or not a number");
    }
    if (holds_part_of_an_input(entry.counts))
      return fail(ErrorCode::kUnsupported, path.string(), ": the count of ", printable(name),
                  " is less than one input");
  }
  return {};
}

TensorToWrite values_to_write(std::string name, const std::vector<double>& values, size_t matrices) {
  const auto columns = static_cast<int64_t>(values.size() / matrices);
  TensorToWrite tensor{
      std::move(name), 0, {static_cast<int64_t>(matrices), columns}, values.size() * sizeof(float), nullptr};
  tensor.produce = [&values](const std::function<Status(std::span<const std::byte>)>& sink) {
    const std::vector<float> narrow(values.begin(), values.end());
    return sink(std::as_bytes(std::span(narrow)));
  };
  return tensor;
}

}  // namespace

std::vector<float> ImportanceEntry::mean_squares() const {
  std::vector<float> means(sum_squares.size(), 1.0f);
  for (size_t i = 0; i < means.size(); ++i) {
    const double count = counts[i / columns()];
    if (count > 0) means[i] = static_cast<float>(sum_squares[i] / count);
  }
  return means;
}

Result<ImportanceMatrix> parse_imatrix(std::span<const std::byte> bytes, std::string_view name) {
  const bool gguf = bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
  HEARTH_ASSIGN(ImportanceMatrix out, gguf ? from_gguf(bytes, name) : LegacyParser(bytes, name).parse());
  if (out.entries.empty()) return fail(ErrorCode::kCorrupt, name, ": names no tensor");
  return out;
}

Result<ImportanceMatrix> read_imatrix(const std::filesystem::path& path) {
  HEARTH_ASSIGN(const auto file, MappedFile::open(path));
  return parse_imatrix(file->bytes(), path.string());
}

Status write_imatrix(const std::filesystem::path& path, const ImportanceMatrix& matrix) {
  HEARTH_RETURN_IF_ERROR(check_writable(path, matrix));
  Metadata metadata;
  metadata.set("general.type", Value::of(std::string("imatrix")));
  metadata.set("imatrix.datasets", Value::of(matrix.datasets));
  metadata.set("imatrix.chunk_count", Value::of(static_cast<uint32_t>(matrix.chunks)));
  metadata.set("imatrix.chunk_size", Value::of(static_cast<uint32_t>(matrix.chunk_tokens)));
  if (!matrix.source.empty()) metadata.set(kSource, Value::of(matrix.source));
  if (!matrix.tokens_hash.empty()) metadata.set(kTokensHash, Value::of(matrix.tokens_hash));
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, entry] : matrix.entries) {
    tensors.push_back(values_to_write(name + std::string(kSums), entry.sum_squares, entry.counts.size()));
    tensors.push_back(values_to_write(name + std::string(kCounts), entry.counts, entry.counts.size()));
  }
  return write_gguf(path, metadata, tensors, nullptr);
}

}  // namespace hearth::io
