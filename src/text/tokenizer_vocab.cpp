// Reading the vocabulary keys, with every table's length and every id checked against the number of tokens.
#include "text/tokenizer_vocab.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "text/tokenizer_families.h"

namespace hearth::text {
namespace {

constexpr size_t kMaxTokens = size_t{1} << 24;
constexpr size_t kMaxVocabularyBytes = size_t{1} << 30;

uint64_t hash_bytes(std::string_view bytes) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
  uint64_t hash = bytes.size() * kMultiplier;
  const auto mix = [&hash](uint64_t word) {
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  };
  while (bytes.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    mix(word);
    bytes.remove_prefix(8);
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  mix(word);
  return hash * kMultiplier;
}

/// An id-valued key; absent, or the "no such token" values that some writers use, give nullopt.
Result<std::optional<TokenId>> read_id(const io::Metadata& metadata, std::string_view key, TokenId size) {
  HEARTH_ASSIGN(const auto value, metadata.get_int(key));
  if (!value || *value == -1 || *value == UINT32_MAX) return std::optional<TokenId>();
  if (*value < 0 || *value >= size) {
    return fail(ErrorCode::kCorrupt, key, " is ", *value, ", but the vocabulary has ", size, " tokens");
  }
  return std::optional<TokenId>(static_cast<TokenId>(*value));
}

/// Calls `mark(id)` for every id of an array-valued key.
template <typename Mark>
Status read_ids(const io::Metadata& metadata, std::string_view key, TokenId size, const Mark& mark) {
  auto ids = metadata.get_ints(key);
  if (!ids) return ids.error();
  if (!ids.value()) return {};
  for (const int64_t id : **ids) {
    if (id < 0 || id >= size) {
      return fail(ErrorCode::kCorrupt, key, " names token ", id, ", but the vocabulary has ", size,
                  " tokens");
    }
    mark(static_cast<TokenId>(id));
  }
  return {};
}

Status read_tables(const io::Metadata& metadata, Vocabulary& vocabulary) {
  const auto tokens = metadata.get_strings("tokenizer.ggml.tokens");
  if (!tokens) return tokens.error();
  if (*tokens == nullptr || (*tokens)->empty()) {
    return fail(ErrorCode::kNotFound, "no tokenizer: tokenizer.ggml.tokens is absent or empty");
  }
  vocabulary.texts = **tokens;
  const size_t count = vocabulary.texts.size();
  size_t bytes = 0;
  for (const std::string& text : vocabulary.texts) bytes += text.size();
  if (count > kMaxTokens || bytes > kMaxVocabularyBytes) {
    return fail(ErrorCode::kTooLarge, "vocabulary of ", count, " tokens and ", bytes,
                " bytes; hearth reads up to ", kMaxTokens, " tokens and ", kMaxVocabularyBytes, " bytes");
  }
  auto types = metadata.get_ints("tokenizer.ggml.token_type");
  if (!types) return types.error();
  vocabulary.types.assign(count, TokenType::kNormal);
  if (types.value()) {
    if ((*types)->size() != count) {
      return fail(ErrorCode::kCorrupt, "tokenizer.ggml.token_type has ", (*types)->size(), " entries for ",
                  count, " tokens");
    }
    for (size_t i = 0; i < count; ++i) {
      const int64_t type = (**types)[i];
      if (type < 0 || type > 6)
        return fail(ErrorCode::kCorrupt, "tokenizer.ggml.token_type of token ", i, " is ", type);
      vocabulary.types[i] = static_cast<TokenType>(type);
    }
  }
  auto scores = metadata.get_floats("tokenizer.ggml.scores");
  if (!scores) return scores.error();
  if (scores.value()) {
    if ((*scores)->size() != count) {
      return fail(ErrorCode::kCorrupt, "tokenizer.ggml.scores has ", (*scores)->size(), " entries for ",
                  count, " tokens");
    }
    vocabulary.scores = std::move(**scores);
  }
  return {};
}

Status read_special_ids(const io::Metadata& metadata, Vocabulary& vocabulary) {
  const TokenId size = vocabulary.size();
  HEARTH_ASSIGN(vocabulary.bos, read_id(metadata, "tokenizer.ggml.bos_token_id", size));
  HEARTH_ASSIGN(vocabulary.eos, read_id(metadata, "tokenizer.ggml.eos_token_id", size));
  HEARTH_ASSIGN(vocabulary.unknown, read_id(metadata, "tokenizer.ggml.unknown_token_id", size));
  vocabulary.end_of_generation.assign(vocabulary.texts.size(), false);
  for (const std::string_view key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    HEARTH_ASSIGN(const auto id, read_id(metadata, key, size));
    if (id) vocabulary.end_of_generation[static_cast<size_t>(*id)] = true;
  }
  mark_known_turn_enders(vocabulary);
  return read_ids(metadata, keys::kEndOfGeneration, size,
                  [&](TokenId id) { vocabulary.end_of_generation[static_cast<size_t>(id)] = true; });
}

Status read_flags(const io::Metadata& metadata, Vocabulary& vocabulary) {
  const std::pair<std::string_view, bool AddedFlags::*> columns[] = {
      {keys::kLstrip, &AddedFlags::lstrip},
      {keys::kRstrip, &AddedFlags::rstrip},
      {keys::kSingleWord, &AddedFlags::single_word},
      {keys::kNormalized, &AddedFlags::normalized}};
  for (const auto& [key, member] : columns) {
    if (!metadata.contains(key)) continue;
    vocabulary.flags.resize(vocabulary.texts.size());
    HEARTH_RETURN_IF_ERROR(read_ids(metadata, key, vocabulary.size(), [&, column = member](TokenId id) {
      vocabulary.flags[static_cast<size_t>(id)].*column = true;
    }));
  }
  apply_family_flags(vocabulary);
  return {};
}

}  // namespace

std::string spaces_for_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t mark = text.find(kSpaceMark); mark != std::string_view::npos; mark = text.find(kSpaceMark)) {
    out += text.substr(0, mark);
    out.push_back(' ');
    text.remove_prefix(mark + kSpaceMark.size());
  }
  out += text;
  return out;
}

StringIndex::StringIndex(size_t count) : entries_(std::bit_ceil(count * 2 + 1)), mask_(entries_.size() - 1) {}

void StringIndex::insert(std::string_view key, TokenId id) {
  const uint64_t hash = hash_bytes(key);
  size_t i = static_cast<size_t>(hash >> 20) & mask_;
  for (; entries_[i].id >= 0; i = (i + 1) & mask_) {
    const Entry& entry = entries_[i];
    if (entry.hash == hash && std::string_view(bytes_).substr(entry.begin, entry.size) == key) return;
  }
  entries_[i] = {hash, static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(key.size()), id};
  bytes_ += key;
  longest_ = std::max(longest_, key.size());
}

TokenId StringIndex::find(std::string_view key) const {
  if (key.size() > longest_) return -1;
  const uint64_t hash = hash_bytes(key);
  for (size_t i = static_cast<size_t>(hash >> 20) & mask_; entries_[i].id >= 0; i = (i + 1) & mask_) {
    const Entry& entry = entries_[i];
    if (entry.hash == hash && entry.size == key.size() &&
        std::memcmp(bytes_.data() + entry.begin, key.data(), key.size()) == 0) {
      return entry.id;
    }
  }
  return -1;
}

Result<Vocabulary> Vocabulary::read(const io::Metadata& metadata) {
  Vocabulary vocabulary;
  HEARTH_RETURN_IF_ERROR(read_tables(metadata, vocabulary));
  vocabulary.index = StringIndex(vocabulary.texts.size());
  for (TokenId id = 0; id < vocabulary.size(); ++id) vocabulary.index.insert(vocabulary.text(id), id);
  HEARTH_RETURN_IF_ERROR(read_special_ids(metadata, vocabulary));
  HEARTH_RETURN_IF_ERROR(read_flags(metadata, vocabulary));
  HEARTH_ASSIGN(vocabulary.add_bos, metadata.get_bool("tokenizer.ggml.add_bos_token"));
  HEARTH_ASSIGN(vocabulary.add_eos, metadata.get_bool("tokenizer.ggml.add_eos_token"));
  HEARTH_ASSIGN(vocabulary.add_space_prefix, metadata.get_bool("tokenizer.ggml.add_space_prefix"));
  return vocabulary;
}

}  // namespace hearth::text
