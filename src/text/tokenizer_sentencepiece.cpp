// SentencePiece BPE (`tokenizer.ggml.model = llama`; Kudo and Richardson 2018): characters as symbols, pairs
// joined by the score of what they become, unknown characters as byte tokens. With tokenizer.ggml.merges
// (which hearth writes when a Hugging Face file has them) the rank of the pair decides instead, because the
// two differ where one piece can be made of several pairs.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>

#include "io/utf8.h"
#include "text/bpe.h"
#include "text/tokenizer_base.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

/// Where a space mark is put before text.
enum class SpacePrefix {
  kNone,
  kEach,              // before every stretch between added tokens
  kEachUnlessSpace,   // the same, if the stretch does not begin with a space
  kFirstUnlessSpace,  // before the beginning of the text only
};

std::string with_space_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (c == ' ') {
      out += kSpaceMark;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

/// Maps scores to keys: higher scores to lower keys, never kNoMerge. NaN is refused on reading.
uint32_t key_of_score(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 becomes 0
  const uint32_t ascending = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
  return std::min(~ascending, kNoMerge - 1);
}

class SentencePieceBpe : public BaseTokenizer {
 public:
  explicit SentencePieceBpe(Vocabulary vocabulary) : BaseTokenizer(std::move(vocabulary)) {}
  Status prepare(const io::Metadata& metadata);

 protected:
  std::string normalize(std::string_view text, bool at_start) const override;
  void encode_plain(std::string_view normalized, std::vector<TokenId>& out) const override;
  std::string bytes_of(TokenId id) const override;
  bool drops_leading_space() const override { return prefix_ != SpacePrefix::kNone; }

 private:
  Status read_prefix(const io::Metadata& metadata);
  Status read_merges(const io::Metadata& metadata);
  Status read_byte_tokens();
  void find_inner_spaces();
  bool is_boundary(std::string_view text, size_t pos) const;
  void encode_word(std::string_view word, BpeScratch& scratch, std::vector<TokenId>& out) const;
  bool is_own_encoding(TokenId id, std::string_view word, BpeScratch& scratch) const;
  void merge(std::string_view word, BpeScratch& scratch) const;
  void emit_bytes(std::string_view bytes, bool& after_unknown, std::vector<TokenId>& out) const;

  SpacePrefix prefix_ = SpacePrefix::kEach;
  StringIndex pieces_;          // what plain text may become
  std::vector<uint32_t> keys_;  // of every token, by score
  std::array<TokenId, 256> byte_tokens_;
  bool has_all_bytes_ = false;
  MergeTable merges_;
  bool uses_merges_ = false;
  std::vector<char32_t> before_inner_space_;  // characters that some piece has before a space mark
  mutable std::unique_ptr<std::atomic<uint8_t>[]>
      own_encoding_;  // see byte-level BPE: 0 not tried, 1 yes, 2 no
};

Status SentencePieceBpe::read_prefix(const io::Metadata& metadata) {
  prefix_ = vocabulary().add_space_prefix.value_or(true) ? SpacePrefix::kEach : SpacePrefix::kNone;
  HEARTH_ASSIGN(const auto name, metadata.get_string(keys::kSpacePrefix));
  if (!name) return {};
  if (*name == "each_unless_space") {
    prefix_ = SpacePrefix::kEachUnlessSpace;
  } else if (*name == "first_unless_space") {
    prefix_ = SpacePrefix::kFirstUnlessSpace;
  } else {
    return fail(ErrorCode::kUnsupported, keys::kSpacePrefix, " is ", io::printable(*name),
                "; known: each_unless_space, first_unless_space");
  }
  return {};
}

Status SentencePieceBpe::read_merges(const io::Metadata& metadata) {
  const auto merges = metadata.get_strings("tokenizer.ggml.merges");
  if (!merges) return merges.error();
  uses_merges_ = *merges != nullptr;
  if (!uses_merges_) {
    if (vocabulary().scores.empty())
      return fail(ErrorCode::kCorrupt, "SentencePiece tokenizer without tokenizer.ggml.scores");
    keys_.reserve(vocabulary().scores.size());
    for (size_t id = 0; id < vocabulary().scores.size(); ++id) {
      if (std::isnan(vocabulary().scores[id])) {
        return fail(ErrorCode::kCorrupt, "tokenizer.ggml.scores of token ", id, " is not a number");
      }
      keys_.push_back(key_of_score(vocabulary().scores[id]));
    }
    return {};
  }
  if ((*merges)->size() >= kNoMerge / 2) return fail(ErrorCode::kTooLarge, "tokenizer.ggml.merges: too many");
  merges_ = MergeTable((*merges)->size());
  for (uint32_t rank = 0; rank < (*merges)->size(); ++rank) {
    HEARTH_ASSIGN(const MergeIds ids, parse_merge((**merges)[rank], vocabulary()));
    merges_.insert(ids.left, ids.right, {rank, ids.merged});
  }
  return {};
}

/// Byte tokens are spelled <0x00> to <0xFF>.
Status SentencePieceBpe::read_byte_tokens() {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  has_all_bytes_ = true;
  for (size_t byte = 0; byte < 256; ++byte) {
    const TokenId id = vocabulary().index.find(concat("<0x", kHex[byte >> 4], kHex[byte & 15], ">"));
    const bool is_byte = id >= 0 && vocabulary().type(id) == TokenType::kByte;
    byte_tokens_[byte] = is_byte ? id : -1;
    has_all_bytes_ = has_all_bytes_ && is_byte;
  }
  for (TokenId id = 0; id < vocabulary().size(); ++id) {
    if (vocabulary().type(id) != TokenType::kByte) continue;
    if (std::find(byte_tokens_.begin(), byte_tokens_.end(), id) == byte_tokens_.end()) {
      return fail(ErrorCode::kCorrupt, "byte token ", id, " is ", io::printable(vocabulary().text(id)),
                  "; expected a text such as <0x0A>, each once");
    }
  }
  return {};
}

/// Pieces hardly ever have a space mark behind another character. Where none does, text can be cut before its
/// space marks: no merge reaches across, and the words are short.
void SentencePieceBpe::find_inner_spaces() {
  for (TokenId id = 0; id < vocabulary().size(); ++id) {
    const std::string_view text = vocabulary().text(id);
    if (pieces_.find(text) < 0) continue;
    for (size_t pos = text.find(kSpaceMark, 1); pos != std::string_view::npos;
         pos = text.find(kSpaceMark, pos + 1)) {
      size_t start = pos - 1;
      while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
      before_inner_space_.push_back(decode_utf8(text.substr(start)).code_point);
    }
  }
  std::sort(before_inner_space_.begin(), before_inner_space_.end());
  before_inner_space_.erase(std::unique(before_inner_space_.begin(), before_inner_space_.end()),
                            before_inner_space_.end());
}

Status SentencePieceBpe::prepare(const io::Metadata& metadata) {
  set_adds_bos(vocabulary().add_bos.value_or(true));
  HEARTH_RETURN_IF_ERROR(read_prefix(metadata));
  HEARTH_RETURN_IF_ERROR(read_merges(metadata));
  HEARTH_RETURN_IF_ERROR(read_byte_tokens());
  const auto count = static_cast<size_t>(vocabulary().size());
  pieces_ = StringIndex(count);
  for (TokenId id = 0; id < vocabulary().size(); ++id) {
    const TokenType type = vocabulary().type(id);
    const bool is_plain =
        type == TokenType::kNormal || type == TokenType::kUserDefined || type == TokenType::kUndefined;
    if (is_plain && !vocabulary().text(id).empty()) pieces_.insert(vocabulary().text(id), id);
  }
  find_inner_spaces();
  own_encoding_ = std::make_unique<std::atomic<uint8_t>[]>(count);
  return prepare_added_tokens();
}

std::string SentencePieceBpe::normalize(std::string_view text, bool at_start) const {
  std::string marked = with_space_marks(text);
  if (marked.empty()) return marked;
  const bool begins_with_space = marked.starts_with(kSpaceMark);
  const bool wants_prefix = prefix_ == SpacePrefix::kEach ||
                            (prefix_ == SpacePrefix::kEachUnlessSpace && !begins_with_space) ||
                            (prefix_ == SpacePrefix::kFirstUnlessSpace && !begins_with_space && at_start);
  return wants_prefix ? concat(kSpaceMark, marked) : marked;
}

/// Whether the space mark at `pos` (> 0) can be cut off from what stands before it.
bool SentencePieceBpe::is_boundary(std::string_view text, size_t pos) const {
  size_t start = pos - 1;
  while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
  const char32_t before = decode_utf8(text.substr(start)).code_point;
  return !std::binary_search(before_inner_space_.begin(), before_inner_space_.end(), before);
}

void SentencePieceBpe::encode_plain(std::string_view normalized, std::vector<TokenId>& out) const {
  BpeScratch scratch;
  constexpr size_t kMaxWord = size_t{1} << 30;  // offsets inside a word are 32 bits
  size_t begin = 0;
  while (begin < normalized.size()) {
    size_t end = normalized.find(kSpaceMark, begin + 1);
    while (end != std::string_view::npos && !is_boundary(normalized, end))
      end = normalized.find(kSpaceMark, end + 1);
    end = std::min({end, normalized.size(), begin + kMaxWord});
    encode_word(normalized.substr(begin, end - begin), scratch, out);
    begin = end;
  }
}

void SentencePieceBpe::encode_word(std::string_view word, BpeScratch& scratch,
                                   std::vector<TokenId>& out) const {
  if (const TokenId id = pieces_.find(word); id >= 0 && is_own_encoding(id, word, scratch)) {
    out.push_back(id);
    return;
  }
  merge(word, scratch);
  bool after_unknown = false;
  for (const BpeSymbol& symbol : scratch.symbols) {
    if (symbol.id >= 0) {
      out.push_back(symbol.id);
      after_unknown = false;
    } else {
      emit_bytes(word.substr(symbol.begin, symbol.end - symbol.begin), after_unknown, out);
    }
  }
}

bool SentencePieceBpe::is_own_encoding(TokenId id, std::string_view word, BpeScratch& scratch) const {
  std::atomic<uint8_t>& known = own_encoding_[static_cast<size_t>(id)];
  uint8_t answer = known.load(std::memory_order_relaxed);
  if (answer == 0) {
    merge(word, scratch);
    answer = scratch.symbols.size() == 1 && scratch.symbols[0].id == id ? 1 : 2;
    known.store(answer, std::memory_order_relaxed);
  }
  return answer == 1;
}

void SentencePieceBpe::merge(std::string_view word, BpeScratch& scratch) const {
  scratch.symbols.clear();
  for (size_t pos = 0; pos < word.size();) {
    const size_t end = pos + decode_utf8(word.substr(pos)).bytes;
    scratch.symbols.push_back(
        {pieces_.find(word.substr(pos, end - pos)), static_cast<uint32_t>(pos), static_cast<uint32_t>(end)});
    pos = end;
  }
  if (uses_merges_) {
    const auto by_rank = [this](const BpeSymbol& left, const BpeSymbol& right) {
      return left.id < 0 || right.id < 0 ? BpeMerge{} : merges_.find(left.id, right.id);
    };
    return merge_symbols(by_rank, scratch);
  }
  const auto by_score = [this, word](const BpeSymbol& left, const BpeSymbol& right) -> BpeMerge {
    const TokenId id = pieces_.find(word.substr(left.begin, right.end - left.begin));
    return id < 0 ? BpeMerge{} : BpeMerge{keys_[static_cast<size_t>(id)], id};
  };
  merge_symbols(by_score, scratch);
}

/// Byte tokens, or one unknown token for a run of unknown characters.
void SentencePieceBpe::emit_bytes(std::string_view bytes, bool& after_unknown,
                                  std::vector<TokenId>& out) const {
  if (has_all_bytes_) {
    for (const char byte : bytes) out.push_back(byte_tokens_[static_cast<uint8_t>(byte)]);
    return;
  }
  if (vocabulary().unknown && !after_unknown) out.push_back(*vocabulary().unknown);
  after_unknown = true;
}

std::string SentencePieceBpe::bytes_of(TokenId id) const {
  if (vocabulary().type(id) == TokenType::kByte) {
    const auto found = std::find(byte_tokens_.begin(), byte_tokens_.end(), id);
    return std::string(1, static_cast<char>(found - byte_tokens_.begin()));
  }
  return spaces_for_marks(vocabulary().text(id));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> create_sentencepiece_bpe(const io::Metadata& metadata,
                                                            Vocabulary vocabulary) {
  auto tokenizer = std::make_unique<SentencePieceBpe>(std::move(vocabulary));
  HEARTH_RETURN_IF_ERROR(tokenizer->prepare(metadata));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace hearth::text
