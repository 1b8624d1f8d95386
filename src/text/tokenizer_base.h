// What both tokenizer models share: added tokens, BOS and EOS, decoding, look-ups. The model says how plain
// text becomes ids. Why a base class: the order "broken UTF-8, added tokens, normalisation, added tokens
// again, model" must be the same for all.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer_added.h"
#include "text/tokenizer_vocab.h"

namespace hearth::text {

class BaseTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view utf8, const EncodeOptions& options) const override;
  std::string decode(std::span<const TokenId> ids, bool special) const override;
  std::string piece(TokenId id, bool special) const override;
  std::string_view token_text(TokenId id) const override;
  std::optional<TokenId> find_token(std::string_view token_text) const override;
  int32_t vocab_size() const override { return vocabulary_.size(); }
  std::optional<TokenId> bos() const override { return vocabulary_.bos; }
  std::optional<TokenId> eos() const override { return vocabulary_.eos; }
  bool is_end_of_generation(TokenId id) const override;
  bool adds_bos() const override { return adds_bos_; }

 protected:
  explicit BaseTokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  /// Fills the matchers; to be called once the model can normalise.
  Status prepare_added_tokens();

  /// Text as the model's normaliser leaves it. `at_start`: nothing of the original text lies before it.
  virtual std::string normalize(std::string_view text, bool at_start) const = 0;
  /// Appends the ids of normalised text without added tokens.
  virtual void encode_plain(std::string_view normalized, std::vector<TokenId>& out) const = 0;
  /// Bytes of a token that is no control token.
  virtual std::string bytes_of(TokenId id) const = 0;
  /// Whether decoding drops one leading space, because encoding put it there.
  virtual bool drops_leading_space() const = 0;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  void set_adds_bos(bool adds) { adds_bos_ = adds; }

 private:
  /// What is recognised before (raw) and after (normalized) normalisation.
  struct Matchers {
    AddedTokens raw;
    AddedTokens normalized;
  };
  void encode_text(std::string_view text, const Matchers& matchers, std::vector<TokenId>& out) const;

  Vocabulary vocabulary_;
  Matchers user_defined_;  // what is always recognised
  Matchers all_;           // with control tokens
  bool adds_bos_ = false;
};

/// The models. `tokenizer.ggml.model` is already known to fit.
Result<std::unique_ptr<Tokenizer>> create_byte_bpe(const io::Metadata& metadata, Vocabulary vocabulary);
Result<std::unique_ptr<Tokenizer>> create_sentencepiece_bpe(const io::Metadata& metadata,
                                                            Vocabulary vocabulary);

/// Parses a line of tokenizer.ggml.merges, "LEFT RIGHT", into ids of both and of what they become. Errors:
/// kCorrupt.
struct MergeIds {
  TokenId left = -1;
  TokenId right = -1;
  TokenId merged = -1;
};
Result<MergeIds> parse_merge(std::string_view line, const Vocabulary& vocabulary);

}  // namespace hearth::text
