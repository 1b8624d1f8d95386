// tokenizer.json: vocabulary, merges, added tokens and template of BOS and EOS into metadata.
#include <algorithm>
#include <map>
#include <vector>

#include "io/json.h"
#include "io/utf8.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_structure.h"
#include "text/tokenizer_vocab.h"

namespace hearth::text {
namespace {

constexpr int64_t kMaxJsonBytes = int64_t{128} << 20;

/// Reads one file; the members are what is known so far.
class JsonReader {
 public:
  JsonReader(const io::Json& root, std::string_view name)
      : root_(root), model_(member(root, "model")), name_(name) {}

  Result<io::Metadata> read() {
    HEARTH_RETURN_IF_ERROR(check_model());
    const bool ignore_merges = bool_member(model_, "ignore_merges", false);
    HEARTH_ASSIGN(structure_, recognise_structure(root_, name_, ignore_merges));
    HEARTH_RETURN_IF_ERROR(read_vocabulary());
    HEARTH_RETURN_IF_ERROR(read_added_tokens());
    HEARTH_RETURN_IF_ERROR(read_merges());
    fill_gaps();
    write_settings(ignore_merges);
    read_template();
    if (!structure_.byte_level) write_scores();
    metadata_.set("tokenizer.ggml.tokens", io::Value::of(std::move(texts_)));
    metadata_.set("tokenizer.ggml.token_type", io::Value::of_int32s(std::move(types_)));
    metadata_.set("tokenizer.ggml.merges", io::Value::of(std::move(merges_)));
    return std::move(metadata_);
  }

 private:
  Status check_model();
  Status read_vocabulary();
  Status read_added_tokens();
  Status read_merges();
  Status put_token(int64_t id, std::string text, TokenType type);
  void fill_gaps();
  void write_settings(bool ignore_merges);
  void read_template();
  void write_scores();

  const io::Json& root_;
  const io::Json& model_;
  std::string_view name_;
  TokenizerStructure structure_;
  int64_t max_id_ = 0;
  std::vector<std::string> texts_;
  std::vector<int64_t> types_;
  std::vector<std::string> merges_;
  std::vector<bool> present_;
  std::map<std::string_view, std::vector<int64_t>> flagged_;  // by metadata key
  io::Metadata metadata_;
};

Status JsonReader::check_model() {
  if (!root_.is_object() || !model_.is_object())
    return fail(ErrorCode::kCorrupt, name_, ": no \"model\" object");
  const std::string type = string_member(model_, "type", "BPE");  // old files leave it out
  if (type != "BPE") {
    return fail(ErrorCode::kUnsupported, name_, ": tokenizer model ", io::printable(type),
                "; hearth reads BPE");
  }
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!string_member(model_, key).empty())
      return fail(ErrorCode::kUnsupported, name_, ": \"", key, "\" is not supported");
  }
  if (!member(model_, "vocab").is_object())
    return fail(ErrorCode::kCorrupt, name_, ": \"model.vocab\" is no object");
  if (!member(model_, "merges").is_array())
    return fail(ErrorCode::kCorrupt, name_, ": \"model.merges\" is no array");
  // Ids may have gaps, but not so many that a small file asks for much memory.
  max_id_ =
      static_cast<int64_t>(member(model_, "vocab").size() + member(root_, "added_tokens").size()) * 2 + 65536;
  return {};
}

Status JsonReader::put_token(int64_t id, std::string text, TokenType type) {
  if (id < 0 || id > max_id_)
    return fail(ErrorCode::kCorrupt, name_, ": token ", io::printable(text), " has the id ", id);
  const auto index = static_cast<size_t>(id);
  if (index >= texts_.size()) {
    texts_.resize(index + 1);
    types_.resize(index + 1);
    present_.resize(index + 1);
  }
  texts_[index] = std::move(text);
  types_[index] = static_cast<int64_t>(type);
  present_[index] = true;
  return {};
}

/// <0x00> to <0xFF>
bool is_byte_token(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return text.size() == 6 && text.starts_with("<0x") && is_hex(text[3]) && is_hex(text[4]) && text[5] == '>';
}

Status JsonReader::read_vocabulary() {
  const bool byte_fallback = bool_member(model_, "byte_fallback", false);
  const std::string unknown = string_member(model_, "unk_token");
  for (const auto& [text, id] : member(model_, "vocab").items()) {
    if (!id.is_number_integer())
      return fail(ErrorCode::kCorrupt, name_, ": id of ", io::printable(text), " is no integer");
    const bool is_byte = byte_fallback && is_byte_token(text);
    HEARTH_RETURN_IF_ERROR(
        put_token(id.get<int64_t>(), text, is_byte ? TokenType::kByte : TokenType::kNormal));
    if (!unknown.empty() && text == unknown) {
      metadata_.set("tokenizer.ggml.unknown_token_id",
                    io::Value::of(static_cast<uint32_t>(id.get<int64_t>())));
    }
  }
  if (texts_.empty()) return fail(ErrorCode::kCorrupt, name_, ": the vocabulary is empty");
  return {};
}

Status JsonReader::read_added_tokens() {
  const io::Json& added = member(root_, "added_tokens");
  if (!added.is_array()) return {};
  const std::string unknown = string_member(model_, "unk_token");
  for (const io::Json& token : added) {
    const io::Json& id = member(token, "id");
    if (!id.is_number_integer() || !member(token, "content").is_string()) {
      return fail(ErrorCode::kCorrupt, name_, ": an entry of \"added_tokens\" has no id or content");
    }
    const std::string content = string_member(token, "content");
    TokenType type = bool_member(token, "special", false) ? TokenType::kControl : TokenType::kUserDefined;
    if (!unknown.empty() && content == unknown) type = TokenType::kUnknown;
    HEARTH_RETURN_IF_ERROR(put_token(id.get<int64_t>(), content, type));
    const auto flag = [&](std::string_view json_key, std::string_view key) {
      if (bool_member(token, json_key, false)) flagged_[key].push_back(id.get<int64_t>());
    };
    flag("lstrip", keys::kLstrip);
    flag("rstrip", keys::kRstrip);
    flag("single_word", keys::kSingleWord);
    if (structure_.two_phase) flag("normalized", keys::kNormalized);
  }
  return {};
}

Status JsonReader::read_merges() {
  const io::Json& merges = member(model_, "merges");
  merges_.reserve(merges.size());
  for (const io::Json& merge : merges) {
    if (merge.is_string()) {
      merges_.push_back(merge.get<std::string>());
      continue;
    }
    if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
      return fail(ErrorCode::kCorrupt, name_, ": merge ", merges_.size(), " is no pair of tokens");
    }
    const std::string left = merge[0].get<std::string>();
    const std::string right = merge[1].get<std::string>();
    if (left.find(' ') != std::string::npos || right.find(' ') != std::string::npos) {
      return fail(ErrorCode::kUnsupported, name_, ": merge ", merges_.size(),
                  " has a token with a space in it");
    }
    merges_.push_back(concat(left, " ", right));
  }
  return {};
}

void JsonReader::fill_gaps() {
  for (size_t id = 0; id < texts_.size(); ++id) {
    if (present_[id]) continue;
    texts_[id] = concat("[PAD", id, "]");
    types_[id] = static_cast<int64_t>(TokenType::kUnused);
  }
}

void JsonReader::write_settings(bool ignore_merges) {
  metadata_.set("tokenizer.ggml.model", io::Value::of(std::string(structure_.byte_level ? "gpt2" : "llama")));
  metadata_.set("tokenizer.ggml.pre",
                io::Value::of(structure_.byte_level ? structure_.pre : std::string("default")));
  metadata_.set("tokenizer.ggml.add_space_prefix", io::Value::of(structure_.add_space_prefix));
  if (!structure_.space_prefix_mode.empty()) {
    metadata_.set(std::string(keys::kSpacePrefix), io::Value::of(structure_.space_prefix_mode));
  }
  if (structure_.byte_level) {
    const Pretokenizer& row = *find_pretokenizer(structure_.pre);
    if (row.ignore_merges != ignore_merges)
      metadata_.set(std::string(keys::kIgnoreMerges), io::Value::of(ignore_merges));
    if (row.nfc != structure_.nfc) {
      metadata_.set(std::string(keys::kNormalizer),
                    io::Value::of(std::string(structure_.nfc ? "nfc" : "none")));
    }
  }
  for (auto& [key, ids] : flagged_) metadata_.set(std::string(key), io::Value::of_int32s(std::move(ids)));
}

/// The post-processor's template for one text says whether BOS and EOS are put around it, and which they are.
void JsonReader::read_template() {
  const io::Json& processor = member(root_, "post_processor");
  const io::Json* found = string_member(processor, "type") == "TemplateProcessing" ? &processor : nullptr;
  const io::Json& processors = member(processor, "processors");
  if (processors.is_array()) {
    for (const io::Json& inner : processors) {
      if (string_member(inner, "type") == "TemplateProcessing") found = &inner;
    }
  }
  bool after_text = false;
  bool adds[2] = {false, false};
  if (found != nullptr && member(*found, "single").is_array()) {
    for (const io::Json& item : member(*found, "single")) {
      if (!member(item, "Sequence").is_null()) after_text = true;
      const std::string token = string_member(member(item, "SpecialToken"), "id");
      const auto at = token.empty() ? texts_.end() : std::find(texts_.begin(), texts_.end(), token);
      if (at == texts_.end()) continue;
      adds[after_text] = true;
      metadata_.set(after_text ? "tokenizer.ggml.eos_token_id" : "tokenizer.ggml.bos_token_id",
                    io::Value::of(static_cast<uint32_t>(at - texts_.begin())));
    }
  }
  metadata_.set("tokenizer.ggml.add_bos_token", io::Value::of(adds[0]));
  metadata_.set("tokenizer.ggml.add_eos_token", io::Value::of(adds[1]));
}

/// Scores that give the order of the merges to readers that know only scores: the first merge that makes a
/// piece counts.
void JsonReader::write_scores() {
  StringIndex index(texts_.size());
  for (size_t id = 0; id < texts_.size(); ++id) index.insert(texts_[id], static_cast<TokenId>(id));
  const auto never = -static_cast<float>(merges_.size() + 1);
  std::vector<float> scores(texts_.size(), never);
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    std::string piece = merges_[rank];
    if (const size_t space = piece.find(' ', 1); space != std::string::npos) piece.erase(space, 1);
    const TokenId id = index.find(piece);
    if (id >= 0 && scores[static_cast<size_t>(id)] == never)
      scores[static_cast<size_t>(id)] = -static_cast<float>(rank);
  }
  metadata_.set("tokenizer.ggml.scores", io::Value::of(std::move(scores)));
}

}  // namespace

Result<io::Metadata> parse_tokenizer_json(std::string_view json, std::string_view name) {
  HEARTH_ASSIGN(const io::Json root, io::parse_json(json, name, {.max_bytes = kMaxJsonBytes}));
  return JsonReader(root, name).read();
}

}  // namespace hearth::text
