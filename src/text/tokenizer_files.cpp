// The folder: which files there are, and what the configuration files add to the vocabulary.
#include "text/tokenizer_files.h"

#include <set>
#include <utility>
#include <vector>

#include "io/file.h"
#include "io/json.h"
#include "io/utf8.h"
#include "text/tokenizer_structure.h"
#include "text/tokenizer_vocab.h"

namespace hearth::text {
namespace {

constexpr uint64_t kMaxTokenizerBytes = uint64_t{128} << 20;
constexpr uint64_t kMaxConfigBytes = uint64_t{32} << 20;
constexpr int64_t kMaxVocabulary = int64_t{1} << 24;

Status read_optional(const std::filesystem::path& path, std::optional<std::string>& out) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  HEARTH_ASSIGN(out, io::read_file(path, kMaxConfigBytes));
  return {};
}

Result<TokenizerConfigs> read_configs(const std::filesystem::path& folder) {
  TokenizerConfigs out;
  HEARTH_RETURN_IF_ERROR(read_optional(folder / "tokenizer_config.json", out.tokenizer_config));
  HEARTH_RETURN_IF_ERROR(read_optional(folder / "special_tokens_map.json", out.special_tokens_map));
  HEARTH_RETURN_IF_ERROR(read_optional(folder / "config.json", out.config));
  HEARTH_RETURN_IF_ERROR(read_optional(folder / "generation_config.json", out.generation_config));
  HEARTH_RETURN_IF_ERROR(read_optional(folder / "chat_template.json", out.template_json));
  HEARTH_RETURN_IF_ERROR(read_optional(folder / "chat_template.jinja", out.template_jinja));
  return out;
}

/// A special token of a configuration file: "text" or {"content": "text"}.
std::string token_text_of(const io::Json& config, std::string_view key) {
  const io::Json& value = member(config, key);
  return value.is_object() ? string_member(value, "content") : string_member(config, key);
}

/// The configuration files, and the metadata that they complete.
class Folder {
 public:
  Folder(std::filesystem::path path, const TokenizerConfigs& configs, io::Metadata metadata)
      : path_(std::move(path)), configs_(configs), metadata_(std::move(metadata)) {}

  Result<io::Metadata> complete() {
    HEARTH_ASSIGN(tokenizer_config_, parse(configs_.tokenizer_config, "tokenizer_config.json"));
    HEARTH_ASSIGN(special_tokens_, parse(configs_.special_tokens_map, "special_tokens_map.json"));
    HEARTH_ASSIGN(config_, parse(configs_.config, "config.json"));
    HEARTH_ASSIGN(generation_, parse(configs_.generation_config, "generation_config.json"));
    HEARTH_RETURN_IF_ERROR(read_tokens());
    HEARTH_RETURN_IF_ERROR(add_configured_tokens());
    HEARTH_RETURN_IF_ERROR(pad_vocabulary());
    set_special_ids();
    set_generation_ids();
    metadata_.set("tokenizer.ggml.tokens", io::Value::of(std::move(texts_)));
    metadata_.set("tokenizer.ggml.token_type", io::Value::of_int32s(std::move(types_)));
    if (!scores_.empty()) metadata_.set("tokenizer.ggml.scores", io::Value::of(std::move(scores_)));
    HEARTH_RETURN_IF_ERROR(read_chat_template());
    return std::move(metadata_);
  }

 private:
  Result<io::Json> parse(const std::optional<std::string>& text, std::string_view file) const;
  Status read_tokens();
  Status add_configured_tokens();
  Status pad_vocabulary();
  void resize(size_t count);
  void set_special_ids();
  void set_generation_ids();
  Status read_chat_template();
  void set_template(const io::Json& value);

  std::filesystem::path path_;
  const TokenizerConfigs& configs_;
  io::Metadata metadata_;
  io::Json tokenizer_config_, special_tokens_, config_, generation_;
  std::vector<std::string> texts_;
  std::vector<int64_t> types_;
  std::vector<float> scores_;
};

/// Null when the file is not there.
Result<io::Json> Folder::parse(const std::optional<std::string>& text, std::string_view file) const {
  if (!text) return io::Json();
  return io::parse_json(*text, (path_ / file).string());
}

Status Folder::read_tokens() {
  const auto texts = metadata_.get_strings("tokenizer.ggml.tokens");
  if (!texts) return texts.error();
  auto types = metadata_.get_ints("tokenizer.ggml.token_type");
  if (!types) return types.error();
  auto scores = metadata_.get_floats("tokenizer.ggml.scores");
  if (!scores) return scores.error();
  if (*texts == nullptr || !types.value())
    return fail(ErrorCode::kInternal, "tokenizer files without tokens");
  texts_ = **texts;
  types_ = std::move(**types);
  if (scores.value()) scores_ = std::move(**scores);
  return {};
}

/// Grows the tables by unused tokens.
void Folder::resize(size_t count) {
  while (texts_.size() < count) {
    texts_.push_back(concat("[PAD", texts_.size(), "]"));
    types_.push_back(static_cast<int64_t>(TokenType::kUnused));
    if (!scores_.empty()) scores_.push_back(scores_.back());
  }
}

/// tokenizer_config.json's "added_tokens_decoder" names tokens that a SentencePiece file does not know:
/// {"32000": {...}}. For a tokenizer.json it repeats what is there.
Status Folder::add_configured_tokens() {
  const io::Json& added = member(tokenizer_config_, "added_tokens_decoder");
  if (!added.is_object()) return {};
  std::vector<int64_t> rstrip, lstrip;
  // Ids may leave gaps, but not so many that a small file asks for much memory: counted from the tokens that
  // there were before, or each entry would make room for the next.
  const size_t limit = texts_.size() + added.size() + 65536;
  for (const auto& [key, token] : added.items()) {
    const bool is_number =
        !key.empty() && key.size() <= 8 && key.find_first_not_of("0123456789") == std::string::npos;
    const size_t id = is_number ? std::stoul(key) : SIZE_MAX;
    if (id > limit || !member(token, "content").is_string()) {
      return fail(ErrorCode::kCorrupt, (path_ / "tokenizer_config.json").string(), ": entry ",
                  io::printable(key), " of added_tokens_decoder has no sensible id or content");
    }
    if (metadata_.contains("tokenizer.ggml.merges") && id < texts_.size())
      continue;  // tokenizer.json has said so
    resize(id + 1);
    const bool is_unknown = types_[id] == static_cast<int64_t>(TokenType::kUnknown);
    texts_[id] = string_member(token, "content");
    const TokenType type =
        bool_member(token, "special", false) ? TokenType::kControl : TokenType::kUserDefined;
    if (!is_unknown) types_[id] = static_cast<int64_t>(type);
    if (bool_member(token, "rstrip", false)) rstrip.push_back(static_cast<int64_t>(id));
    if (bool_member(token, "lstrip", false)) lstrip.push_back(static_cast<int64_t>(id));
  }
  if (!rstrip.empty()) metadata_.set(std::string(keys::kRstrip), io::Value::of_int32s(std::move(rstrip)));
  if (!lstrip.empty()) metadata_.set(std::string(keys::kLstrip), io::Value::of_int32s(std::move(lstrip)));
  return {};
}

/// The model's embedding may have more rows than the tokenizer has tokens; both must agree in one file.
Status Folder::pad_vocabulary() {
  const io::Json* size = &member(config_, "vocab_size");
  if (size->is_null()) size = &member(member(config_, "text_config"), "vocab_size");
  if (!size->is_number_integer()) return {};
  const auto count = size->get<int64_t>();
  if (count < 0 || count > kMaxVocabulary || count > static_cast<int64_t>(texts_.size()) * 4 + 65536) {
    return fail(ErrorCode::kCorrupt, (path_ / "config.json").string(), ": vocab_size is ", count,
                ", the tokenizer has ", texts_.size(), " tokens");
  }
  resize(static_cast<size_t>(count));
  return {};
}

void Folder::set_special_ids() {
  const std::pair<std::string_view, std::string_view> kinds[] = {
      {"bos_token", "tokenizer.ggml.bos_token_id"},
      {"eos_token", "tokenizer.ggml.eos_token_id"},
      {"unk_token", "tokenizer.ggml.unknown_token_id"},
      {"pad_token", "tokenizer.ggml.padding_token_id"},
  };
  StringIndex index(texts_.size());
  for (size_t id = 0; id < texts_.size(); ++id) index.insert(texts_[id], static_cast<TokenId>(id));
  for (const auto& [name, key] : kinds) {
    std::string text = token_text_of(tokenizer_config_, name);
    if (text.empty()) text = token_text_of(special_tokens_, name);
    const TokenId id = text.empty() ? -1 : index.find(text);
    if (id >= 0) metadata_.set(std::string(key), io::Value::of(static_cast<uint32_t>(id)));
  }
  for (const auto& [name, key] : {std::pair("add_bos_token", "tokenizer.ggml.add_bos_token"),
                                  std::pair("add_eos_token", "tokenizer.ggml.add_eos_token")}) {
    const io::Json& value = member(tokenizer_config_, name);
    if (value.is_boolean()) metadata_.set(key, io::Value::of(value.get<bool>()));
  }
}

/// bos_token_id and eos_token_id of the model's configuration: the first fills a gap, all of eos end
/// generation.
void Folder::set_generation_ids() {
  std::set<int64_t> ends;
  for (const io::Json* config : {&std::as_const(generation_), &std::as_const(config_)}) {
    for (const auto& [name, key] : {std::pair("bos_token_id", "tokenizer.ggml.bos_token_id"),
                                    std::pair("eos_token_id", "tokenizer.ggml.eos_token_id")}) {
      const io::Json& value = member(*config, name);
      const io::Json list = value.is_array() ? value : io::Json::array({value});
      for (const io::Json& item : list) {
        if (!item.is_number_integer()) continue;
        const auto id = item.get<int64_t>();
        if (id < 0 || id >= static_cast<int64_t>(texts_.size())) continue;
        if (!metadata_.contains(key)) metadata_.set(key, io::Value::of(static_cast<uint32_t>(id)));
        if (std::string_view(name) == "eos_token_id") ends.insert(id);
      }
    }
  }
  if (ends.empty()) return;
  metadata_.set(std::string(keys::kEndOfGeneration), io::Value::of_int32s({ends.begin(), ends.end()}));
}

/// A template, or a list of named ones: [{"name": "default", "template": "..."}].
void Folder::set_template(const io::Json& value) {
  if (value.is_string()) metadata_.set("tokenizer.chat_template", io::Value::of(value.get<std::string>()));
  if (!value.is_array()) return;
  for (const io::Json& item : value) {
    const std::string name = string_member(item, "name");
    const std::string text = string_member(item, "template");
    if (name.empty() || text.empty()) continue;
    metadata_.set(name == "default" ? "tokenizer.chat_template" : concat("tokenizer.chat_template.", name),
                  io::Value::of(text));
  }
}

/// Later files win, as in transformers: tokenizer_config.json, chat_template.json, chat_template.jinja.
Status Folder::read_chat_template() {
  set_template(member(tokenizer_config_, "chat_template"));
  HEARTH_ASSIGN(const io::Json wrapped, parse(configs_.template_json, "chat_template.json"));
  set_template(member(wrapped, "chat_template"));
  if (configs_.template_jinja)
    metadata_.set("tokenizer.chat_template", io::Value::of(*configs_.template_jinja));
  return {};
}

}  // namespace

Result<io::Metadata> complete_tokenizer(io::Metadata metadata, const TokenizerConfigs& configs,
                                        const std::filesystem::path& folder) {
  return Folder(folder, configs, std::move(metadata)).complete();
}

Result<io::Metadata> read_tokenizer_folder(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& [file, parse] : {std::pair("tokenizer.json", &parse_tokenizer_json),
                                    std::pair("tokenizer.model", &parse_sentencepiece_model)}) {
    const auto path = folder / file;
    if (!std::filesystem::exists(path, error)) continue;
    HEARTH_ASSIGN(const std::string bytes, io::read_file(path, kMaxTokenizerBytes));
    HEARTH_ASSIGN(io::Metadata metadata, parse(bytes, path.string()));
    HEARTH_ASSIGN(const TokenizerConfigs configs, read_configs(folder));
    return complete_tokenizer(std::move(metadata), configs, folder);
  }
  return fail(ErrorCode::kNotFound, folder.string(), ": no tokenizer.json or tokenizer.model");
}

}  // namespace hearth::text
