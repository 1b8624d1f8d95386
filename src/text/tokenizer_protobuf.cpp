// SentencePiece .model files: the protobuf wire format read by hand (protobuf.dev, "Encoding"), only the
// fields of sentencepiece_model.proto that BPE needs. Every length is checked against what is left.
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "io/utf8.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_vocab.h"

namespace hearth::text {
namespace {

/// One field of a message: number, and a varint or fixed value or a length-delimited payload.
struct Field {
  uint32_t number = 0;
  uint64_t value = 0;
  std::string_view payload;
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  /// nullopt for broken bytes.
  std::optional<Field> next() {
    const auto tag = varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1FFFFFFF) return std::nullopt;
    Field field{static_cast<uint32_t>(*tag >> 3), 0, {}};
    switch (*tag & 7) {
      case 0: {
        const auto value = varint();
        if (!value) return std::nullopt;
        field.value = *value;
        return field;
      }
      case 1:
        return fixed(field, 8);
      case 2: {
        const auto length = varint();
        if (!length || *length > bytes_.size()) return std::nullopt;
        field.payload = bytes_.substr(0, *length);
        bytes_.remove_prefix(*length);
        return field;
      }
      case 5:
        return fixed(field, 4);
      default:  // groups are obsolete and not in this format
        return std::nullopt;
    }
  }

 private:
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_[0]);
      bytes_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  std::optional<Field> fixed(Field field, size_t size) {
    if (bytes_.size() < size) return std::nullopt;
    for (size_t i = 0; i < size; ++i)
      field.value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes_[i])) << (8 * i);
    bytes_.remove_prefix(size);
    return field;
  }

  std::string_view bytes_;
};

struct Model {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int64_t> types;
  int64_t model_type = 1;  // TrainerSpec: UNIGRAM unless it says otherwise
  int64_t unknown = 0, bos = 1, eos = 2, pad = -1;
  bool suffix = false;
  bool has_charsmap = false;
  bool add_dummy_prefix = true, remove_extra_spaces = true, escape_spaces = true;
};

Error broken(std::string_view name, std::string_view where) {
  return fail(ErrorCode::kCorrupt, name, ": broken SentencePiece model (", where, ")");
}

/// SentencePiece: piece = 1, score = 2, type = 3 (NORMAL 1, UNKNOWN 2, CONTROL 3, USER_DEFINED 4, UNUSED 5,
/// BYTE 6: the same numbers as tokenizer.ggml.token_type).
Status read_piece(std::string_view bytes, std::string_view name, Model& model) {
  std::string text;
  float score = 0;
  int64_t type = 1;
  for (WireReader reader(bytes); !reader.done();) {
    const auto field = reader.next();
    if (!field) return broken(name, "piece");
    if (field->number == 1) text = field->payload;
    if (field->number == 2) score = std::bit_cast<float>(static_cast<uint32_t>(field->value));
    if (field->number == 3) type = static_cast<int64_t>(field->value);
  }
  if (type < 1 || type > 6 || !io::is_valid_utf8(text)) return broken(name, "text or type of a piece");
  model.texts.push_back(std::move(text));
  model.scores.push_back(score);
  model.types.push_back(type);
  return {};
}

/// TrainerSpec: model_type = 3, treat_whitespace_as_suffix = 24, unk_id = 40, bos_id = 41, eos_id = 42,
/// pad_id = 43.
Status read_trainer(std::string_view bytes, std::string_view name, Model& model) {
  for (WireReader reader(bytes); !reader.done();) {
    const auto field = reader.next();
    if (!field) return broken(name, "trainer specification");
    const auto value = static_cast<int64_t>(static_cast<int32_t>(field->value));
    if (field->number == 3) model.model_type = value;
    if (field->number == 24) model.suffix = value != 0;
    if (field->number == 40) model.unknown = value;
    if (field->number == 41) model.bos = value;
    if (field->number == 42) model.eos = value;
    if (field->number == 43) model.pad = value;
  }
  return {};
}

/// NormalizerSpec: precompiled_charsmap = 2, add_dummy_prefix = 3, remove_extra_whitespaces = 4,
/// escape_whitespaces = 5.
Status read_normalizer(std::string_view bytes, std::string_view name, Model& model) {
  for (WireReader reader(bytes); !reader.done();) {
    const auto field = reader.next();
    if (!field) return broken(name, "normalizer specification");
    if (field->number == 2) model.has_charsmap = !field->payload.empty();
    if (field->number == 3) model.add_dummy_prefix = field->value != 0;
    if (field->number == 4) model.remove_extra_spaces = field->value != 0;
    if (field->number == 5) model.escape_spaces = field->value != 0;
  }
  return {};
}

Status check_supported(const Model& model, std::string_view name) {
  const char* what = nullptr;
  if (model.model_type != 2) what = "a model type other than BPE (unigram, word or char)";
  if (model.suffix) what = "spaces as suffixes";
  if (model.has_charsmap) what = "a character map in the normalizer (NFKC)";
  if (model.remove_extra_spaces) what = "removal of extra spaces";
  if (!model.escape_spaces) what = "unescaped spaces";
  if (what == nullptr) return {};
  return fail(ErrorCode::kUnsupported, name, ": SentencePiece model with ", what,
              ", which hearth does not do");
}

}  // namespace

Result<io::Metadata> parse_sentencepiece_model(std::string_view bytes, std::string_view name) {
  Model model;
  for (WireReader reader(bytes);
       !reader.done();) {  // ModelProto: pieces = 1, trainer_spec = 2, normalizer_spec = 3
    const auto field = reader.next();
    if (!field) return broken(name, "top level");
    if (field->number == 1) HEARTH_RETURN_IF_ERROR(read_piece(field->payload, name, model));
    if (field->number == 2) HEARTH_RETURN_IF_ERROR(read_trainer(field->payload, name, model));
    if (field->number == 3) HEARTH_RETURN_IF_ERROR(read_normalizer(field->payload, name, model));
  }
  if (model.texts.empty()) return broken(name, "no pieces");
  HEARTH_RETURN_IF_ERROR(check_supported(model, name));
  for (size_t id = 0; id < model.texts.size(); ++id) {
    // User-defined pieces are matched in the text as the user wrote it.
    if (model.types[id] != static_cast<int64_t>(TokenType::kUserDefined)) continue;
    model.texts[id] = spaces_for_marks(model.texts[id]);
  }
  io::Metadata metadata;
  const auto put_id = [&](const char* key, int64_t id) {
    if (id >= 0 && id < static_cast<int64_t>(model.texts.size()))
      metadata.set(key, io::Value::of(static_cast<uint32_t>(id)));
  };
  put_id("tokenizer.ggml.unknown_token_id", model.unknown);
  put_id("tokenizer.ggml.bos_token_id", model.bos);
  put_id("tokenizer.ggml.eos_token_id", model.eos);
  put_id("tokenizer.ggml.padding_token_id", model.pad);
  metadata.set("tokenizer.ggml.model", io::Value::of(std::string("llama")));
  metadata.set("tokenizer.ggml.pre", io::Value::of(std::string("default")));
  metadata.set("tokenizer.ggml.add_space_prefix", io::Value::of(model.add_dummy_prefix));
  metadata.set("tokenizer.ggml.add_bos_token", io::Value::of(true));
  metadata.set("tokenizer.ggml.add_eos_token", io::Value::of(false));
  metadata.set("tokenizer.ggml.tokens", io::Value::of(std::move(model.texts)));
  metadata.set("tokenizer.ggml.scores", io::Value::of(std::move(model.scores)));
  metadata.set("tokenizer.ggml.token_type", io::Value::of_int32s(std::move(model.types)));
  return metadata;
}

}  // namespace hearth::text
