// Any bytes as tokenizer.json, SentencePiece model, GGUF file, tokenizer metadata or the configuration files
// of a folder, and any bytes as text for the tokenizer that comes out: one line of error, or ids inside the
// vocabulary that decode and stream to the same text. The first byte chooses the container, the last 64 bytes
// are the text.
#include <cstdint>
#include <cstdlib>

#include "io/gguf.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"
#include "text/unicode.h"

namespace {

using namespace hearth;
using text::TokenId;

void require(bool condition) {
  if (!condition) std::abort();
}

void require_one_line(const Error& error) {
  require(!error.message.empty() && error.message.find('\n') == std::string::npos);
}

/// Reads small values from the bytes; zeros when they are used up.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  uint8_t next() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string text(size_t size) {
    const std::string out(bytes_.substr(0, size));
    bytes_.remove_prefix(out.size());
    return out;
  }
  bool done() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

/// Tokens, merges and settings that are mostly well formed, so that the tokenizers themselves are reached.
io::Metadata metadata_of(std::string_view data) {
  Bytes bytes(data);
  const uint8_t settings = bytes.next();
  const bool byte_level = (settings & 1) != 0;
  const char* const pres[] = {"gpt-2",  "smollm", "llama-bpe",   "qwen2",
                              "gpt-4o", "tekken", "deepseek-v3", "deepseek-coder"};
  const char* const prefixes[] = {"each_unless_space", "first_unless_space"};
  std::vector<std::string> tokens = {"a", "b", "ab", byte_level ? "Ġ" : "\u2581", "<s>"};
  std::vector<int64_t> types = {1, 1, 1, 1, 3};
  std::vector<float> scores = {-5, -6, -1, -4, 0};
  std::vector<std::string> merges = {"a b"};
  for (int left = bytes.next() % 32; left > 0 && !bytes.done(); --left) {
    const uint8_t kind = bytes.next();
    tokens.push_back((kind & 0x80) != 0
                         ? tokens[bytes.next() % tokens.size()] + tokens[bytes.next() % tokens.size()]
                         : bytes.text(kind % 8));
    types.push_back(kind / 8 % 7);
    scores.push_back(static_cast<float>(static_cast<int8_t>(bytes.next())));
  }
  for (int left = bytes.next() % 16; left > 0 && !bytes.done(); --left) {
    merges.push_back(tokens[bytes.next() % tokens.size()] + " " + tokens[bytes.next() % tokens.size()]);
  }
  io::Metadata metadata;
  metadata.set("tokenizer.ggml.model", io::Value::of(std::string(byte_level ? "gpt2" : "llama")));
  metadata.set("tokenizer.ggml.pre", io::Value::of(std::string(pres[bytes.next() % std::size(pres)])));
  metadata.set("tokenizer.ggml.add_space_prefix", io::Value::of((settings & 2) != 0));
  metadata.set("tokenizer.ggml.bos_token_id", io::Value::of(uint32_t{bytes.next()}));
  metadata.set("tokenizer.ggml.unknown_token_id", io::Value::of(uint32_t{0}));
  for (const char* flag : {"lstrip", "rstrip", "single_word", "normalized"}) {
    const int64_t id = bytes.next() % static_cast<int64_t>(tokens.size());
    metadata.set(concat("tokenizer.hearth.", flag, "_token_ids"), io::Value::of_int32s({4, id}));
  }
  if ((settings & 4) != 0) {
    metadata.set("tokenizer.hearth.space_prefix", io::Value::of(std::string(prefixes[settings >> 7])));
  }
  if (byte_level || (settings & 8) != 0)
    metadata.set("tokenizer.ggml.merges", io::Value::of(std::move(merges)));
  metadata.set("tokenizer.ggml.tokens", io::Value::of(std::move(tokens)));
  metadata.set("tokenizer.ggml.token_type", io::Value::of_int32s(std::move(types)));
  metadata.set("tokenizer.ggml.scores", io::Value::of(std::move(scores)));
  return metadata;
}

/// The configuration files, separated by NUL bytes; an empty one is not there. The first byte makes the small
/// vocabulary that they add to.
Result<io::Metadata> folder_of(std::string_view data) {
  io::Metadata metadata = metadata_of(data.substr(0, 1));
  data = data.substr(std::min<size_t>(data.size(), 1));
  const size_t size = data.size();
  text::TokenizerConfigs configs;
  for (std::optional<std::string>* file :
       {&configs.tokenizer_config, &configs.special_tokens_map, &configs.config, &configs.generation_config,
        &configs.template_json, &configs.template_jinja}) {
    const size_t end = std::min(data.find('\0'), data.size());
    if (end > 0) *file = std::string(data.substr(0, end));
    data = data.substr(std::min(end + 1, data.size()));
  }
  HEARTH_ASSIGN(io::Metadata out, text::complete_tokenizer(std::move(metadata), configs, "fuzz"));
  // A small file must not ask for a large vocabulary: added tokens may leave one gap of 65536, and the
  // model's vocab_size may then be four times that and another gap.
  const auto tokens = out.get_strings("tokenizer.ggml.tokens");
  require(tokens.ok() && *tokens != nullptr && (*tokens)->size() <= 4 * (size + 65536 + 64) + 65536);
  return out;
}

Result<io::Metadata> read(uint8_t kind, std::string_view data) {
  switch (kind % 5) {
    case 0:
      return text::parse_tokenizer_json(data, "fuzz");
    case 1:
      return text::parse_sentencepiece_model(data, "fuzz");
    case 2: {
      const auto bytes = std::as_bytes(std::span(data.data(), data.size()));
      HEARTH_ASSIGN(io::TensorFile file,
                    io::parse_gguf(bytes, "fuzz", [](uint32_t) { return std::optional<io::BlockLayout>(); }));
      return std::move(file.metadata);
    }
    case 3:
      return metadata_of(data);
    default:
      return folder_of(data);
  }
}

void use(const text::Tokenizer& tokenizer, std::string_view input) {
  for (const bool special : {false, true}) {
    const std::vector<TokenId> ids =
        tokenizer.encode(input, {.add_special = special, .parse_special = special});
    std::string pieces;
    text::StreamDecoder stream(tokenizer, special);
    std::string streamed;
    for (const TokenId id : ids) {
      require(id >= 0 && id < tokenizer.vocab_size());
      pieces += tokenizer.piece(id, special);
      streamed += stream.push(id);
    }
    streamed += stream.finish();
    const std::string decoded = tokenizer.decode(ids, special);
    require(decoded == pieces || " " + decoded == pieces);
    require(streamed == text::replace_invalid_utf8(decoded));
  }
  (void)tokenizer.is_end_of_generation(0);
  (void)tokenizer.find_token(input);
}

/// Every scanner must end at the end, go forward, and cut between characters only.
void scan(std::string_view input) {
  const std::string valid = text::replace_invalid_utf8(input);
  require(text::to_nfc(text::to_nfc(valid)) == text::to_nfc(valid));
  for (const char* name : {"gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "gpt-4o", "tekken",
                           "deepseek-v3", "deepseek-coder"}) {
    std::vector<size_t> ends;
    std::vector<size_t> scratch;
    text::pretokenize(*text::find_pretokenizer(name), valid, ends, scratch);
    size_t begin = 0;
    for (const size_t end : ends) {
      require(end > begin && end <= valid.size());
      require(end == valid.size() || (static_cast<uint8_t>(valid[end]) & 0xC0) != 0x80);
      begin = end;
    }
    require(begin == valid.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view input = bytes.substr(size - std::min<size_t>(size, 64));
  scan(input);
  const auto metadata = read(data[0], bytes.substr(1));
  if (!metadata) {
    require_one_line(metadata.error());
    return 0;
  }
  const auto tokenizer = text::Tokenizer::create(*metadata);
  if (!tokenizer) {
    require_one_line(tokenizer.error());
    return 0;
  }
  use(**tokenizer, input);
  use(**tokenizer, "ab  <s>\u2581ab \xF0\x9F");
  return 0;
}
