// Byte-level BPE (`tokenizer.ggml.model = gpt2`; Radford et al. 2019): words by the pre-tokenizer, bytes as
// symbols, merge ranks. Texts in the file spell bytes as printable characters; here tokens are kept as the
// bytes themselves.
#include <array>
#include <atomic>

#include "io/utf8.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_base.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

/// The character that stands for each byte: itself where it is printable in Latin-1, else the next of U+0100
/// and up.
std::array<char32_t, 256> byte_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    characters[byte] = printable ? byte : next++;
  }
  return characters;
}

/// Turns a token's text into its bytes.
class ByteDecoder {
 public:
  ByteDecoder() {
    bytes_.fill(-1);
    const auto characters = byte_characters();
    for (size_t byte = 0; byte < 256; ++byte) bytes_[characters[byte]] = static_cast<int16_t>(byte);
  }
  /// `exact` tells whether every character stands for a byte; others are kept as they are.
  std::string decode(std::string_view text, bool& exact) const {
    std::string out;
    exact = true;
    while (!text.empty()) {
      const Decoded c = decode_utf8(text);
      if (c.code_point < bytes_.size() && bytes_[c.code_point] >= 0) {
        out.push_back(static_cast<char>(bytes_[c.code_point]));
      } else {
        out += text.substr(0, c.bytes);
        exact = false;
      }
      text.remove_prefix(c.bytes);
    }
    return out;
  }

 private:
  std::array<int16_t, 0x144> bytes_;  // the last byte character is U+0143
};

class ByteBpe : public BaseTokenizer {
 public:
  ByteBpe(Vocabulary vocabulary, const Pretokenizer& pretokenizer)
      : BaseTokenizer(std::move(vocabulary)), pretokenizer_(pretokenizer) {}

  Status prepare(const io::Metadata& metadata);

 protected:
  std::string normalize(std::string_view text, bool) const override {
    return nfc_ ? to_nfc(text) : std::string(text);
  }
  void encode_plain(std::string_view normalized, std::vector<TokenId>& out) const override;
  std::string bytes_of(TokenId id) const override { return bytes_[static_cast<size_t>(id)]; }
  bool drops_leading_space() const override { return adds_space_; }

 private:
  Status read_settings(const io::Metadata& metadata);
  void encode_words(std::string_view text, std::vector<TokenId>& out) const;
  void encode_word(std::string_view word, BpeScratch& scratch, std::vector<TokenId>& out) const;
  bool is_own_encoding(TokenId id, std::string_view word, BpeScratch& scratch) const;
  void merge(std::string_view word, BpeScratch& scratch) const;

  const Pretokenizer& pretokenizer_;
  bool nfc_ = false;
  bool ignore_merges_ = false;
  bool adds_space_ = false;
  std::vector<std::string> bytes_;        // of every token
  StringIndex words_;                     // bytes of the tokens that plain text may become
  std::array<TokenId, 256> byte_tokens_;  // -1: the vocabulary lacks it
  MergeTable merges_;
  /// Whether merging a token's bytes gives that token: 0 not tried yet, 1 yes, 2 no. Filled as words turn up.
  mutable std::unique_ptr<std::atomic<uint8_t>[]> own_encoding_;
};

Status ByteBpe::read_settings(const io::Metadata& metadata) {
  nfc_ = pretokenizer_.nfc;
  ignore_merges_ = pretokenizer_.ignore_merges;
  adds_space_ = vocabulary().add_space_prefix.value_or(false);
  set_adds_bos(vocabulary().add_bos.value_or(pretokenizer_.adds_bos));
  HEARTH_ASSIGN(const auto ignore_merges, metadata.get_bool(keys::kIgnoreMerges));
  ignore_merges_ = ignore_merges.value_or(ignore_merges_);
  HEARTH_ASSIGN(const auto normalizer, metadata.get_string(keys::kNormalizer));
  if (!normalizer) return {};
  if (*normalizer != "none" && *normalizer != "nfc") {
    return fail(ErrorCode::kUnsupported, keys::kNormalizer, " is ", io::printable(*normalizer),
                "; known: none, nfc");
  }
  nfc_ = *normalizer == "nfc";
  return {};
}

Status ByteBpe::prepare(const io::Metadata& metadata) {
  HEARTH_RETURN_IF_ERROR(read_settings(metadata));
  const auto count = static_cast<size_t>(vocabulary().size());
  const ByteDecoder decoder;
  bytes_.resize(count);
  words_ = StringIndex(count);
  for (TokenId id = 0; id < vocabulary().size(); ++id) {
    std::string& bytes = bytes_[static_cast<size_t>(id)];
    const TokenType type = vocabulary().type(id);
    if (type == TokenType::kUserDefined) {
      bytes = vocabulary().text(id);
      continue;
    }
    bool exact = false;
    bytes = decoder.decode(vocabulary().text(id), exact);
    if (exact && type != TokenType::kControl && type != TokenType::kUnused) words_.insert(bytes, id);
  }
  const auto characters = byte_characters();
  for (size_t byte = 0; byte < 256; ++byte) {
    std::string text;
    append_utf8(text, characters[byte]);
    byte_tokens_[byte] = vocabulary().index.find(text);
  }
  const auto merges = metadata.get_strings("tokenizer.ggml.merges");
  if (!merges) return merges.error();
  if (*merges == nullptr)
    return fail(ErrorCode::kCorrupt, "byte-level BPE tokenizer without tokenizer.ggml.merges");
  if ((*merges)->size() >= kNoMerge / 2) return fail(ErrorCode::kTooLarge, "tokenizer.ggml.merges: too many");
  merges_ = MergeTable((*merges)->size());
  for (uint32_t rank = 0; rank < (*merges)->size(); ++rank) {
    HEARTH_ASSIGN(const MergeIds ids, parse_merge((**merges)[rank], vocabulary()));
    merges_.insert(ids.left, ids.right, {rank, ids.merged});
  }
  own_encoding_ = std::make_unique<std::atomic<uint8_t>[]>(count);
  return prepare_added_tokens();
}

void ByteBpe::encode_plain(std::string_view normalized, std::vector<TokenId>& out) const {
  if (normalized.empty()) return;
  if (!adds_space_ || normalized.starts_with(' ')) return encode_words(normalized, out);
  encode_words(concat(' ', normalized), out);
}

void ByteBpe::encode_words(std::string_view text, std::vector<TokenId>& out) const {
  std::vector<size_t> ends;
  std::vector<size_t> pieces;
  ends.reserve(text.size() / 4 + 1);
  pretokenize(pretokenizer_, text, ends, pieces);
  BpeScratch scratch;
  size_t begin = 0;
  for (const size_t end : ends) {
    encode_word(text.substr(begin, end - begin), scratch, out);
    begin = end;
  }
}

void ByteBpe::encode_word(std::string_view word, BpeScratch& scratch, std::vector<TokenId>& out) const {
  // Offsets inside a word are 32 bits; no merge reaches across a gigabyte.
  constexpr size_t kMaxWord = size_t{1} << 30;
  for (; word.size() > kMaxWord; word.remove_prefix(kMaxWord))
    encode_word(word.substr(0, kMaxWord), scratch, out);
  if (const TokenId id = words_.find(word); id >= 0 && is_own_encoding(id, word, scratch)) {
    out.push_back(id);
    return;
  }
  merge(word, scratch);
  for (const BpeSymbol& symbol : scratch.symbols) out.push_back(symbol.id);
}

bool ByteBpe::is_own_encoding(TokenId id, std::string_view word, BpeScratch& scratch) const {
  if (ignore_merges_) return true;
  std::atomic<uint8_t>& known = own_encoding_[static_cast<size_t>(id)];
  uint8_t answer = known.load(std::memory_order_relaxed);
  if (answer == 0) {
    merge(word, scratch);
    answer = scratch.symbols.size() == 1 && scratch.symbols[0].id == id ? 1 : 2;
    known.store(answer, std::memory_order_relaxed);
  }
  return answer == 1;
}

void ByteBpe::merge(std::string_view word, BpeScratch& scratch) const {
  scratch.symbols.clear();
  for (uint32_t i = 0; i < word.size(); ++i) {
    TokenId id = byte_tokens_[static_cast<uint8_t>(word[i])];
    if (id < 0) id = vocabulary().unknown.value_or(-1);
    if (id >= 0) scratch.symbols.push_back({id, i, i + 1});
  }
  merge_symbols(
      [this](const BpeSymbol& left, const BpeSymbol& right) { return merges_.find(left.id, right.id); },
      scratch);
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> create_byte_bpe(const io::Metadata& metadata, Vocabulary vocabulary) {
  HEARTH_ASSIGN(const auto name, metadata.get_string("tokenizer.ggml.pre"));
  const Pretokenizer* pretokenizer = find_pretokenizer(name.value_or("default"));
  if (pretokenizer == nullptr) {
    return fail(ErrorCode::kUnsupported, "unknown pre-tokenizer ", io::printable(*name),
                " (tokenizer.ggml.pre); known: ", known_pretokenizers());
  }
  auto tokenizer = std::make_unique<ByteBpe>(std::move(vocabulary), *pretokenizer);
  HEARTH_RETURN_IF_ERROR(tokenizer->prepare(metadata));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace hearth::text
