// Text to token ids and back: SentencePiece BPE and byte-level BPE, described by GGUF tokenizer metadata
// (files of Hugging Face and SentencePiece are translated into it, see tokenizer_files.h). Must not know
// models or sessions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/metadata.h"

namespace hearth::text {

using TokenId = int32_t;

struct EncodeOptions {
  bool add_special = false;    // BOS/EOS as the model's metadata asks for
  bool parse_special = false;  // recognise control tokens such as <|im_end|> written in the text
};

/// Immutable and thread-safe.
class Tokenizer {
 public:
  /// Builds from `tokenizer.ggml.*` keys. Errors: kNotFound when there is no tokenizer, kUnsupported for an
  /// unknown model or pre-tokenizer (named, with those known), kCorrupt for inconsistent tables.
  static Result<std::unique_ptr<Tokenizer>> create(const io::Metadata& metadata);
  virtual ~Tokenizer() = default;

  /// Ids of UTF-8 text; invalid UTF-8 is replaced by U+FFFD as the reference implementations do. Never fails.
  virtual std::vector<TokenId> encode(std::string_view utf8, const EncodeOptions& options) const = 0;
  /// Bytes that the ids stand for (may be cut inside a character); control tokens give "" unless `special`.
  virtual std::string decode(std::span<const TokenId> ids, bool special) const = 0;
  /// Bytes of one token in mid-text (no leading-space stripping); out of range gives "".
  virtual std::string piece(TokenId id, bool special) const = 0;
  /// The token's text as stored (e.g. "<|im_end|>", "▁the"), out of range gives "".
  virtual std::string_view token_text(TokenId id) const = 0;
  virtual std::optional<TokenId> find_token(std::string_view token_text) const = 0;

  virtual int32_t vocab_size() const = 0;
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  /// True for every end-of-generation token: eos, eot, eom and the known turn enders of the families.
  virtual bool is_end_of_generation(TokenId id) const = 0;
  virtual bool adds_bos() const = 0;
};

/// Streams token ids to text without ever emitting part of a UTF-8 character.
class StreamDecoder {
 public:
  /// `continues`: the ids go on from earlier text, so the leading space of the first one is kept.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool special = false, bool continues = false)
      : tokenizer_(&tokenizer), special_(special), first_(!continues) {}
  /// Text that became complete with this token (possibly empty). `shown`: also if it is a control token.
  std::string push(TokenId id, bool shown = false);
  /// What is left at the end; incomplete bytes become U+FFFD.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool special_;
  bool first_;
  std::string pending_;
};

}  // namespace hearth::text
