// Writes GGUF v3: header and metadata from memory, then the tensors streamed one by one into an atomic file.
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "io/file.h"
#include "io/gguf.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

constexpr uint32_t kDefaultAlignment = 32;
constexpr size_t kMaxTensorName = 63;  // llama.cpp keeps names in 64 bytes with the terminator
constexpr uint64_t kProgressStep = 1 << 20;

uint64_t align_up(uint64_t offset, uint64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

template <typename T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void put_string(std::string& out, std::string_view text) {
  put(out, static_cast<uint64_t>(text.size()));
  out += text;
}

/// An integer in the width that `type` says; false when it does not fit or the type is no integer.
template <typename Number>
bool put_integer(std::string& out, ValueType type, Number value) {
  auto put_as = [&]<typename T>(T) {
    if (!std::in_range<T>(value)) return false;
    put(out, static_cast<T>(value));
    return true;
  };
  switch (type) {
    case ValueType::kUint8:
      return put_as(uint8_t{});
    case ValueType::kInt8:
      return put_as(int8_t{});
    case ValueType::kUint16:
      return put_as(uint16_t{});
    case ValueType::kInt16:
      return put_as(int16_t{});
    case ValueType::kUint32:
      return put_as(uint32_t{});
    case ValueType::kInt32:
      return put_as(int32_t{});
    case ValueType::kUint64:
      return put_as(uint64_t{});
    case ValueType::kInt64:
      return put_as(int64_t{});
    default:
      return false;
  }
}

/// One element of any kind; false when what is held is not what `type` says.
template <typename T>
bool put_element(std::string& out, ValueType type, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (type != ValueType::kBool) return false;
    put(out, static_cast<uint8_t>(value ? 1 : 0));
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (type != ValueType::kString) return false;
    put_string(out, value);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (type == ValueType::kFloat32) {
      put(out, static_cast<float>(value));
    } else if (type == ValueType::kFloat64) {
      put(out, static_cast<double>(value));
    } else {
      return false;
    }
  } else {
    return put_integer(out, type, value);
  }
  return true;
}

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

Status put_value(std::string& out, std::string_view key, const Value& value) {
  const bool good = std::visit(
      [&](const auto& data) {
        using Data = std::decay_t<decltype(data)>;
        if constexpr (IsVector<Data>::value) {
          if (!value.is_array) return false;
          put(out, static_cast<uint32_t>(ValueType::kArray));
          put(out, static_cast<uint32_t>(value.type));
          put(out, static_cast<uint64_t>(data.size()));
          for (const auto& element : data) {
            if (!put_element<typename Data::value_type>(out, value.type, element)) return false;
          }
          return true;
        } else {
          if (value.is_array) return false;
          put(out, static_cast<uint32_t>(value.type));
          return put_element<Data>(out, value.type, data);
        }
      },
      value.data);
  if (good) return {};
  return fail(ErrorCode::kInternal, "metadata key ", printable(key), " does not hold the ", value.type_name(),
              " it claims");
}

Status check_tensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors) {
  std::vector<std::string_view> names;
  for (const TensorToWrite& tensor : tensors) {
    if (tensor.name.empty() || tensor.name.size() > kMaxTensorName || !is_valid_utf8(tensor.name)) {
      return fail(ErrorCode::kUnsupported, path.string(), ": GGUF cannot hold a tensor of the name ",
                  printable(tensor.name), " (1 to ", kMaxTensorName, " bytes of UTF-8)");
    }
    if (tensor.shape.empty() || tensor.shape.size() > 4 ||
        std::any_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t length) { return length <= 0; })) {
      return fail(ErrorCode::kUnsupported, path.string(), ": tensor ", printable(tensor.name),
                  " has a shape that GGUF cannot hold (1 to 4 dimensions)");
    }
    names.emplace_back(tensor.name);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    return fail(ErrorCode::kInternal, "tensor ", printable(*twice), " would be written twice");
  return {};
}

Result<std::string> make_header(Metadata metadata, const std::vector<TensorToWrite>& tensors,
                                uint32_t alignment) {
  metadata.erase("general.alignment");  // the source's
  if (alignment != kDefaultAlignment) metadata.set("general.alignment", Value::of(alignment));
  std::string out = "GGUF";
  put(out, uint32_t{3});
  put(out, static_cast<uint64_t>(tensors.size()));
  put(out, static_cast<uint64_t>(metadata.entries().size()));
  for (const auto& [key, value] : metadata.entries()) {
    if (key.empty() || !is_valid_utf8(key))
      return fail(ErrorCode::kInternal, "bad metadata key ", printable(key));
    put_string(out, key);
    HEARTH_RETURN_IF_ERROR(put_value(out, key, value));
  }
  uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    put_string(out, tensor.name);
    put(out, static_cast<uint32_t>(tensor.shape.size()));
    for (auto length = tensor.shape.rbegin(); length != tensor.shape.rend(); ++length) {
      put(out, static_cast<uint64_t>(*length));
    }
    put(out, tensor.type);
    put(out, offset);
    offset = align_up(offset + tensor.bytes, alignment);
  }
  if (!tensors.empty()) out.resize(align_up(out.size(), alignment), '\0');
  return out;
}

}  // namespace

Status write_gguf(const std::filesystem::path& path, const Metadata& metadata,
                  const std::vector<TensorToWrite>& tensors,
                  const std::function<bool(uint64_t, uint64_t)>& progress, const GgufWriteOptions& options) {
  HEARTH_RETURN_IF_ERROR(check_tensors(path, tensors));
  HEARTH_ASSIGN(const std::string header, make_header(metadata, tensors, options.alignment));
  uint64_t total = header.size();
  for (const TensorToWrite& tensor : tensors) total += align_up(tensor.bytes, options.alignment);
  HEARTH_ASSIGN(AtomicFile file, AtomicFile::create(path, total));
  const auto put_bytes = [&](std::span<const std::byte> bytes) {
    if (options.observe) options.observe(bytes);
    return file.write(bytes);
  };
  HEARTH_RETURN_IF_ERROR(put_bytes(std::as_bytes(std::span(header))));
  const std::vector<std::byte> zeros(options.alignment);
  uint64_t reported = 0;
  auto report = [&](bool always) -> Status {
    if (!progress || (!always && file.written() - reported < kProgressStep)) return {};
    reported = file.written();
    if (progress(file.written(), total)) return {};
    return fail(ErrorCode::kCancelled, path.string(), ": cancelled, nothing was written");
  };
  HEARTH_RETURN_IF_ERROR(report(true));
  for (const TensorToWrite& tensor : tensors) {
    uint64_t written = 0;
    const Status produced = tensor.produce([&](std::span<const std::byte> bytes) -> Status {
      if (bytes.size() > tensor.bytes - written) {
        return fail(ErrorCode::kInternal, "tensor ", printable(tensor.name), " has more than the announced ",
                    tensor.bytes, " bytes");
      }
      written += bytes.size();
      HEARTH_RETURN_IF_ERROR(put_bytes(bytes));
      return report(false);
    });
    HEARTH_RETURN_IF_ERROR(produced);
    if (written != tensor.bytes) {
      return fail(ErrorCode::kInternal, "tensor ", printable(tensor.name), " has ", written,
                  " of the announced ", tensor.bytes, " bytes");
    }
    const uint64_t padding = align_up(written, options.alignment) - written;  // after the last one too
    HEARTH_RETURN_IF_ERROR(put_bytes(std::span(zeros).first(static_cast<size_t>(padding))));
  }
  HEARTH_RETURN_IF_ERROR(report(true));
  return file.commit();
}

}  // namespace hearth::io
