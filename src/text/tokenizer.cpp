// Choice of the tokenizer model, and what the models share.
#include "text/tokenizer.h"

#include <algorithm>

#include "io/utf8.h"
#include "text/tokenizer_base.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

/// UTF-8 text up to its last complete character, with broken sequences replaced.
std::string take_complete(std::string& pending) {
  const size_t complete = pending.size() - incomplete_utf8_suffix(pending);
  std::string out = replace_invalid_utf8(std::string_view(pending).substr(0, complete));
  pending.erase(0, complete);
  return out;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::create(const io::Metadata& metadata) {
  HEARTH_ASSIGN(const auto model, metadata.get_string("tokenizer.ggml.model"));
  if (!model) return fail(ErrorCode::kNotFound, "no tokenizer: tokenizer.ggml.model is absent");
  const bool is_sentencepiece = *model == "llama";
  if (!is_sentencepiece && *model != "gpt2") {
    return fail(ErrorCode::kUnsupported, "unknown tokenizer model ", io::printable(*model),
                "; known: llama, gpt2");
  }
  HEARTH_ASSIGN(Vocabulary vocabulary, Vocabulary::read(metadata));
  return is_sentencepiece ? create_sentencepiece_bpe(metadata, std::move(vocabulary))
                          : create_byte_bpe(metadata, std::move(vocabulary));
}

Result<MergeIds> parse_merge(std::string_view line, const Vocabulary& vocabulary) {
  const size_t space = line.find(' ', 1);
  if (line.size() < 3 || space == std::string_view::npos || space + 1 == line.size()) {
    return fail(ErrorCode::kCorrupt, "tokenizer.ggml.merges holds ", io::printable(line),
                ", which is no pair of tokens");
  }
  const std::string_view left = line.substr(0, space);
  const std::string_view right = line.substr(space + 1);
  const MergeIds ids = {vocabulary.index.find(left), vocabulary.index.find(right),
                        vocabulary.index.find(concat(left, right))};
  if (ids.left < 0 || ids.right < 0 || ids.merged < 0) {
    return fail(ErrorCode::kCorrupt, "merge ", io::printable(line),
                " uses or makes a token that is not in the vocabulary");
  }
  return ids;
}

Status BaseTokenizer::prepare_added_tokens() {
  const auto add = [this](TokenId id, AddedFlags flags, Matchers& matchers) -> Status {
    if (!flags.normalized) return matchers.raw.add(vocabulary_.text(id), id, flags);
    return matchers.normalized.add(normalize(vocabulary_.text(id), true), id, flags);
  };
  for (TokenId id = 0; id < vocabulary_.size(); ++id) {
    const TokenType type = vocabulary_.type(id);
    const bool is_user_defined = type == TokenType::kUserDefined;
    if (!is_user_defined && type != TokenType::kControl && vocabulary_.unknown != id) continue;
    const AddedFlags flags =
        vocabulary_.flags.empty() ? AddedFlags{} : vocabulary_.flags[static_cast<size_t>(id)];
    HEARTH_RETURN_IF_ERROR(add(id, flags, all_));
    if (is_user_defined) HEARTH_RETURN_IF_ERROR(add(id, flags, user_defined_));
  }
  return {};
}

std::vector<TokenId> BaseTokenizer::encode(std::string_view utf8, const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  ids.reserve(utf8.size() / 4 + 2);
  const bool want_bos = options.add_special && adds_bos_ && vocabulary_.bos;
  if (want_bos) ids.push_back(*vocabulary_.bos);
  const Matchers& matchers = options.parse_special ? all_ : user_defined_;
  if (io::is_valid_utf8(utf8)) {
    encode_text(utf8, matchers, ids);
  } else {
    encode_text(replace_invalid_utf8(utf8), matchers, ids);
  }
  // A chat template that prints BOS itself must not lead to two of them.
  if (want_bos && ids.size() > 1 && ids[1] == ids[0] && options.parse_special) ids.erase(ids.begin());
  if (options.add_special && vocabulary_.add_eos.value_or(false) && vocabulary_.eos)
    ids.push_back(*vocabulary_.eos);
  return ids;
}

void BaseTokenizer::encode_text(std::string_view text, const Matchers& matchers,
                                std::vector<TokenId>& out) const {
  for (const TextPart& part : matchers.raw.split(text)) {
    if (part.id >= 0) {
      out.push_back(part.id);
      continue;
    }
    const std::string normalized = normalize(text.substr(part.begin, part.end - part.begin), part.begin == 0);
    if (matchers.normalized.empty()) {
      encode_plain(normalized, out);
      continue;
    }
    for (const TextPart& inner : matchers.normalized.split(normalized)) {
      if (inner.id >= 0) {
        out.push_back(inner.id);
      } else {
        encode_plain(std::string_view(normalized).substr(inner.begin, inner.end - inner.begin), out);
      }
    }
  }
}

std::string BaseTokenizer::decode(std::span<const TokenId> ids, bool special) const {
  std::string out;
  for (const TokenId id : ids) out += piece(id, special);
  if (drops_leading_space() && out.starts_with(' ')) out.erase(0, 1);
  return out;
}

std::string BaseTokenizer::piece(TokenId id, bool special) const {
  if (!vocabulary_.contains(id)) return "";
  switch (vocabulary_.type(id)) {
    case TokenType::kControl:
    case TokenType::kUnknown:
    case TokenType::kUnused:
      return special ? std::string(vocabulary_.text(id)) : "";
    default:
      return bytes_of(id);
  }
}

std::string_view BaseTokenizer::token_text(TokenId id) const {
  return vocabulary_.contains(id) ? vocabulary_.text(id) : std::string_view();
}

std::optional<TokenId> BaseTokenizer::find_token(std::string_view token_text) const {
  const TokenId id = vocabulary_.index.find(token_text);
  return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

bool BaseTokenizer::is_end_of_generation(TokenId id) const {
  return vocabulary_.contains(id) && vocabulary_.end_of_generation[static_cast<size_t>(id)];
}

std::string StreamDecoder::push(TokenId id, bool shown) {
  const bool special = special_ || shown;
  const std::string piece =
      first_ ? tokenizer_->decode(std::span(&id, 1), special) : tokenizer_->piece(id, special);
  // A first token that is nothing but the space that encoding puts in front is used up by dropping it.
  if (first_ && !tokenizer_->piece(id, special).empty()) first_ = false;
  pending_ += piece;
  return take_complete(pending_);
}

std::string StreamDecoder::finish() {
  std::string out = replace_invalid_utf8(pending_);
  pending_.clear();
  return out;
}

}  // namespace hearth::text
