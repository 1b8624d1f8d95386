// Reads one GGUF file (or one part of a split one) from bytes. Nothing in the bytes is believed before it was
// checked, and what is allocated is bounded by a budget in proportion to the file.
#include <algorithm>
#include <cstring>
#include <limits>

#include "io/byte_reader.h"
#include "io/gguf.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

constexpr uint64_t kMaxNameBytes = 65535;  // of a key (GGUF documentation) or tensor name
constexpr uint64_t kMaxAlignment = 1 << 20;
constexpr uint32_t kMaxDims = 4;
// Decoded metadata may be larger than its bytes (an int8 becomes an int64_t); more than this is refused.
constexpr uint64_t kBudgetBase = 64 << 20;
constexpr uint64_t kBudgetPerByte = 2;
constexpr uint64_t kEntryBytes = 192;  // what a map node or a Tensor costs beside its payload
constexpr uint64_t kStringBytes = sizeof(std::string);
constexpr uint64_t kInlineStringBytes = 15;

/// Bytes of a scalar on disk; 0 for strings, arrays and unknown types.
uint64_t scalar_bytes(uint32_t type) {
  switch (static_cast<ValueType>(type)) {
    case ValueType::kUint8:
    case ValueType::kInt8:
    case ValueType::kBool:
      return 1;
    case ValueType::kUint16:
    case ValueType::kInt16:
      return 2;
    case ValueType::kUint32:
    case ValueType::kInt32:
    case ValueType::kFloat32:
      return 4;
    case ValueType::kUint64:
    case ValueType::kInt64:
    case ValueType::kFloat64:
      return 8;
    default:
      return 0;
  }
}

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string_view name, BlockLayoutOf block_layout)
      : reader_(bytes), bytes_(bytes), name_(name), block_layout_(block_layout) {
    budget_ = kBudgetBase + kBudgetPerByte * bytes.size();
  }

  Result<TensorFile> parse() {
    HEARTH_RETURN_IF_ERROR(read_header());
    HEARTH_RETURN_IF_ERROR(read_metadata());
    HEARTH_RETURN_IF_ERROR(read_alignment());
    HEARTH_RETURN_IF_ERROR(read_tensor_infos());
    HEARTH_RETURN_IF_ERROR(place_tensors());
    HEARTH_RETURN_IF_ERROR(check_unique_names());
    HEARTH_RETURN_IF_ERROR(check_overlap());
    return std::move(file_);
  }

 private:
  template <typename... Parts>
  Error corrupt(const Parts&... parts) const {
    return fail(ErrorCode::kCorrupt, name_, ": ", parts..., " (at byte ", reader_.offset(), " of ",
                bytes_.size(), "); the file is damaged or cut short, fetch it again");
  }
  template <typename... Parts>
  Error unsupported(const Parts&... parts) const {
    return fail(ErrorCode::kUnsupported, name_, ": ", parts...);
  }

  Status spend(uint64_t bytes) {
    if (bytes > budget_) {
      return fail(ErrorCode::kTooLarge, name_, ": its metadata needs more memory than a file of ",
                  bytes_.size(), " bytes may ask for");
    }
    budget_ -= bytes;
    return {};
  }

  Status read_header() {
    std::string_view magic;
    if (!reader_.read_text(4, &magic)) return corrupt("too short to be a GGUF file");
    if (magic != "GGUF") {
      return fail(ErrorCode::kCorrupt, name_, ": is not a GGUF file (it starts with ", printable(magic),
                  "); give a .gguf file or a Hugging Face folder");
    }
    uint32_t version = 0;
    if (!reader_.read(&version)) return corrupt("the version is missing");
    if ((version & 0xFFFF) == 0 && version != 0) {
      return unsupported("is a big-endian GGUF file; only little-endian files are supported, convert it");
    }
    if (version == 1)
      return unsupported("is GGUF version 1; versions 2 and 3 are supported, convert it again");
    if (version != 2 && version != 3) {
      return unsupported("is GGUF version ", version, "; versions 2 and 3 are supported");
    }
    if (!reader_.read(&tensor_count_) || !reader_.read(&entry_count_))
      return corrupt("the header is cut short");
    // Smallest possible entries: key length, one byte of key, type, one byte of value; and name length, name,
    // number of dimensions, type, offset.
    if (entry_count_ > reader_.remaining() / (8 + 1 + 4 + 1)) {
      return corrupt("promises ", entry_count_, " metadata entries, more than the file can hold");
    }
    if (tensor_count_ > reader_.remaining() / (8 + 1 + 4 + 4 + 8)) {
      return corrupt("promises ", tensor_count_, " tensors, more than the file can hold");
    }
    return {};
  }

  /// A length-prefixed string that stays in the file.
  Status read_string(std::string_view what, uint64_t max_bytes, std::string_view* text) {
    uint64_t length = 0;
    if (!reader_.read(&length)) return corrupt("the length of ", what, " is missing");
    if (length > reader_.remaining()) {
      return corrupt(what, " claims ", length, " bytes where ", reader_.remaining(), " are left");
    }
    if (length > max_bytes)
      return corrupt(what, " has ", length, " bytes, at most ", max_bytes, " are allowed");
    return reader_.read_text(length, text) ? Status() : Status(corrupt(what, " is cut short"));
  }

  Status read_name(std::string_view what, std::string_view* text) {
    HEARTH_RETURN_IF_ERROR(read_string(what, kMaxNameBytes, text));
    if (text->empty()) return corrupt(what, " is empty");
    if (!is_valid_utf8(*text)) return corrupt(what, " is not valid UTF-8: ", printable(*text));
    return {};
  }

  Status read_metadata() {
    for (uint64_t i = 0; i < entry_count_; ++i) {
      std::string_view key;
      HEARTH_RETURN_IF_ERROR(read_name(concat("the name of metadata entry ", i), &key));
      HEARTH_RETURN_IF_ERROR(spend(kEntryBytes + key.size()));
      uint32_t type = 0;
      if (!reader_.read(&type)) return corrupt("the type of metadata key ", printable(key), " is missing");
      if (file_.metadata.contains(key)) return corrupt("metadata key ", printable(key), " occurs twice");
      Value value;
      if (type == static_cast<uint32_t>(ValueType::kArray)) {
        HEARTH_RETURN_IF_ERROR(read_array(key, &value));
      } else {
        HEARTH_RETURN_IF_ERROR(read_scalar(key, type, &value));
      }
      file_.metadata.set(std::string(key), std::move(value));
    }
    return {};
  }

  Status read_scalar(std::string_view key, uint32_t type, Value* value) {
    value->type = static_cast<ValueType>(type);
    value->is_array = false;
    if (value->type == ValueType::kString) {
      std::string_view text;
      HEARTH_RETURN_IF_ERROR(
          read_string(concat("metadata key ", printable(key)), std::numeric_limits<uint64_t>::max(), &text));
      if (!is_valid_utf8(text))
        return corrupt("metadata key ", printable(key), " holds text that is not valid UTF-8");
      HEARTH_RETURN_IF_ERROR(spend(text.size()));
      value->data = std::string(text);
      return {};
    }
    if (scalar_bytes(type) == 0)
      return corrupt("metadata key ", printable(key), " has the unknown type ", type);
    if (reader_.remaining() < scalar_bytes(type)) {
      return corrupt("the value of metadata key ", printable(key), " is cut short");
    }
    bool well_formed = true;
    switch (value->type) {
      case ValueType::kBool:
        value->data = take_bool(&well_formed);
        break;
      case ValueType::kFloat32:
      case ValueType::kFloat64:
        value->data =
            value->type == ValueType::kFloat32 ? static_cast<double>(take<float>()) : take<double>();
        break;
      case ValueType::kInt8:
      case ValueType::kInt16:
      case ValueType::kInt32:
      case ValueType::kInt64:
        value->data = take_signed(value->type);
        break;
      default:
        value->data = take_unsigned(value->type);
    }
    if (!well_formed) return corrupt("metadata key ", printable(key), " is a bool that is neither 0 nor 1");
    return {};
  }

  Status read_array(std::string_view key, Value* value) {
    uint32_t type = 0;
    uint64_t count = 0;
    if (!reader_.read(&type) || !reader_.read(&count))
      return corrupt("array ", printable(key), " is cut short");
    if (type == static_cast<uint32_t>(ValueType::kArray)) {
      return unsupported("metadata key ", printable(key),
                         " is an array of arrays, which hearth does not read");
    }
    value->type = static_cast<ValueType>(type);
    value->is_array = true;
    if (value->type == ValueType::kString) return read_strings(key, count, value);
    const uint64_t element_bytes = scalar_bytes(type);
    if (element_bytes == 0) return corrupt("array ", printable(key), " has the unknown element type ", type);
    if (count > reader_.remaining() / element_bytes) {
      return corrupt("array ", printable(key), " promises ", count, " elements, more than the file can hold");
    }
    const auto n = static_cast<size_t>(count);
    HEARTH_RETURN_IF_ERROR(spend(value->type == ValueType::kBool ? n / 8 : n * sizeof(int64_t)));
    bool well_formed = true;
    switch (value->type) {
      case ValueType::kBool:
        value->data = take_many<bool>(n, [&] { return take_bool(&well_formed); });
        break;
      case ValueType::kFloat32:
        value->data = take_many<float>(n, [&] { return take<float>(); });
        break;
      case ValueType::kFloat64:
        value->data = take_many<double>(n, [&] { return take<double>(); });
        break;
      case ValueType::kInt8:
      case ValueType::kInt16:
      case ValueType::kInt32:
      case ValueType::kInt64:
        value->data = take_many<int64_t>(n, [&] { return take_signed(value->type); });
        break;
      default:
        value->data = take_many<uint64_t>(n, [&] { return take_unsigned(value->type); });
    }
    if (!well_formed) return corrupt("array ", printable(key), " has a bool that is neither 0 nor 1");
    return {};
  }

  Status read_strings(std::string_view key, uint64_t count, Value* value) {
    if (count > reader_.remaining() / 8) {
      return corrupt("array ", printable(key), " promises ", count, " strings, more than the file can hold");
    }
    HEARTH_RETURN_IF_ERROR(spend(count * kStringBytes));
    // Tokens of byte-level vocabularies may be raw bytes; every other text must be text.
    const bool raw_bytes = key.starts_with("tokenizer.");
    const std::string what = concat("a string of array ", printable(key));
    std::vector<std::string> strings;
    strings.reserve(static_cast<size_t>(count));
    for (uint64_t i = 0; i < count; ++i) {
      std::string_view text;
      HEARTH_RETURN_IF_ERROR(read_string(what, std::numeric_limits<uint64_t>::max(), &text));
      if (!raw_bytes && !is_valid_utf8(text)) return corrupt(what, " is not valid UTF-8");
      if (text.size() > kInlineStringBytes) HEARTH_RETURN_IF_ERROR(spend(text.size() + 1));
      strings.emplace_back(text);
    }
    value->data = std::move(strings);
    return {};
  }

  // The callers of take* have checked that the bytes are there.
  template <typename T>
  T take() {
    T value{};
    if (!reader_.read(&value)) return T{};
    return value;
  }
  bool take_bool(bool* well_formed) {
    const auto byte = take<uint8_t>();
    *well_formed = *well_formed && byte <= 1;
    return byte == 1;
  }
  int64_t take_signed(ValueType type) {
    if (type == ValueType::kInt8) return take<int8_t>();
    if (type == ValueType::kInt16) return take<int16_t>();
    return type == ValueType::kInt32 ? take<int32_t>() : take<int64_t>();
  }
  uint64_t take_unsigned(ValueType type) {
    if (type == ValueType::kUint8) return take<uint8_t>();
    if (type == ValueType::kUint16) return take<uint16_t>();
    return type == ValueType::kUint32 ? take<uint32_t>() : take<uint64_t>();
  }
  template <typename T, typename Next>
  static std::vector<T> take_many(size_t count, Next&& next) {
    std::vector<T> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = next();
    return values;
  }

  Status read_alignment() {
    const Value* value = file_.metadata.find("general.alignment");
    if (value == nullptr) return {};
    const auto* number = std::get_if<uint64_t>(&value->data);
    if (number == nullptr || value->type != ValueType::kUint32) {
      return corrupt("general.alignment is of type ", value->type_name(), " instead of uint32");
    }
    if (*number < 8 || *number > kMaxAlignment || (*number & (*number - 1)) != 0) {
      return corrupt("general.alignment is ", *number, ", a power of two from 8 to ", kMaxAlignment,
                     " is needed");
    }
    alignment_ = *number;
    return {};
  }

  Status read_tensor_infos() {
    HEARTH_RETURN_IF_ERROR(spend(tensor_count_ * (kEntryBytes + sizeof(uint64_t))));
    file_.tensors.reserve(static_cast<size_t>(tensor_count_));
    offsets_.reserve(static_cast<size_t>(tensor_count_));
    for (uint64_t i = 0; i < tensor_count_; ++i) {
      Tensor tensor;
      std::string_view name;
      HEARTH_RETURN_IF_ERROR(read_name(concat("the name of tensor ", i), &name));
      HEARTH_RETURN_IF_ERROR(spend(name.size()));
      tensor.name = std::string(name);
      uint32_t dims = 0;
      if (!reader_.read(&dims)) return corrupt("tensor ", printable(name), " is cut short");
      if (dims > kMaxDims)
        return corrupt("tensor ", printable(name), " has ", dims, " dimensions, at most 4 are allowed");
      for (uint32_t d = 0; d < dims; ++d) {
        uint64_t length = 0;
        if (!reader_.read(&length)) return corrupt("the shape of tensor ", printable(name), " is cut short");
        if (length == 0 || length > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
          return corrupt("tensor ", printable(name), " has a dimension of ", length);
        }
        tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(length));
      }
      if (dims == 0) tensor.shape.push_back(1);
      uint64_t offset = 0;
      if (!reader_.read(&tensor.type) || !reader_.read(&offset)) {
        return corrupt("tensor ", printable(name), " is cut short");
      }
      offsets_.push_back(offset);
      file_.tensors.push_back(std::move(tensor));
    }
    return {};
  }

  /// Size of a tensor in bytes, from its shape and type.
  Result<uint64_t> tensor_bytes(const Tensor& tensor) const {
    const std::optional<BlockLayout> layout = block_layout_(tensor.type);
    if (!layout || layout->elements <= 0 || layout->bytes <= 0) {
      return unsupported("tensor ", printable(tensor.name), " has weight type ", tensor.type,
                         ", which hearth does not know; get the model in another quantisation");
    }
    if (tensor.shape.back() % layout->elements != 0) {
      return corrupt("tensor ", printable(tensor.name), " has rows of ", tensor.shape.back(),
                     " values, its weight type needs a multiple of ", layout->elements);
    }
    uint64_t bytes = static_cast<uint64_t>(tensor.shape.back() / layout->elements);
    bool overflow = __builtin_mul_overflow(bytes, static_cast<uint64_t>(layout->bytes), &bytes);
    for (size_t d = 0; d + 1 < tensor.shape.size(); ++d) {
      overflow = overflow || __builtin_mul_overflow(bytes, static_cast<uint64_t>(tensor.shape[d]), &bytes);
    }
    if (overflow) return corrupt("tensor ", printable(tensor.name), " is larger than any file");
    return bytes;
  }

  Status place_tensors() {
    const uint64_t begin = (reader_.offset() + alignment_ - 1) / alignment_ * alignment_;
    const uint64_t available = begin < bytes_.size() ? bytes_.size() - begin : 0;
    file_.header = bytes_.first(static_cast<size_t>(std::min<uint64_t>(begin, bytes_.size())));
    for (size_t i = 0; i < file_.tensors.size(); ++i) {
      Tensor& tensor = file_.tensors[i];
      HEARTH_ASSIGN(const uint64_t size, tensor_bytes(tensor));
      if (offsets_[i] % alignment_ != 0) {
        return corrupt("tensor ", printable(tensor.name), " lies at ", offsets_[i], ", not aligned to ",
                       alignment_);
      }
      if (offsets_[i] > available || size > available - offsets_[i]) {
        return fail(ErrorCode::kCorrupt, name_, ": tensor ", printable(tensor.name), " needs ", size,
                    " bytes at offset ", offsets_[i], " of the data, which has ", available,
                    " bytes; the file is damaged or cut short, fetch it again");
      }
      tensor.data = bytes_.subspan(static_cast<size_t>(begin + offsets_[i]), static_cast<size_t>(size));
    }
    return {};
  }

  Status check_unique_names() const {
    std::vector<std::string_view> names;
    names.reserve(file_.tensors.size());
    for (const Tensor& tensor : file_.tensors) names.emplace_back(tensor.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) return corrupt("tensor ", printable(*twice), " occurs twice");
    return {};
  }

  Status check_overlap() const {
    std::vector<const Tensor*> order;
    order.reserve(file_.tensors.size());
    for (const Tensor& tensor : file_.tensors) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->data.data() < b->data.data(); });
    for (size_t i = 1; i < order.size(); ++i) {
      if (order[i - 1]->data.data() + order[i - 1]->data.size() > order[i]->data.data()) {
        return corrupt("tensors ", printable(order[i - 1]->name), " and ", printable(order[i]->name),
                       " overlap");
      }
    }
    return {};
  }

  ByteReader reader_;
  std::span<const std::byte> bytes_;
  std::string_view name_;
  BlockLayoutOf block_layout_;
  uint64_t budget_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t entry_count_ = 0;
  uint64_t alignment_ = 32;
  std::vector<uint64_t> offsets_;
  TensorFile file_;
};

}  // namespace

Result<TensorFile> parse_gguf(std::span<const std::byte> bytes, std::string_view name,
                              BlockLayoutOf block_layout) {
  return GgufParser(bytes, name, block_layout).parse();
}

}  // namespace hearth::io
