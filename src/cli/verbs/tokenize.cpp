// hearth tokenize: text to ids and back, for tests and for people who debug models.
#include <CLI/CLI.hpp>

#include "cli/answer.h"
#include "cli/model_options.h"
#include "cli/verb.h"
#include "io/json.h"

namespace hearth::cli {
namespace {

class TokenizeCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_flag("--add-bos", options_.add_special, "Add BOS (and EOS) as the model's metadata asks for");
    app.add_flag("--parse-special", options_.parse_special, "Recognise control tokens written in the text");
    app.add_flag("--decode", decode_, "Read a JSON array of ids and print the bytes they stand for");
    app.add_flag("--special", special_, "With --decode: print control tokens too");
  }

  Status run(Console& console) override {
    HEARTH_ASSIGN(const auto path, resolve_model(model_));
    HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(path));
    HEARTH_ASSIGN(const auto tokenizer, engine::make_tokenizer(opened.file.metadata));
    if (!tokenizer) return fail(ErrorCode::kUnsupported, opened.name, " has no tokenizer");
    HEARTH_ASSIGN(const std::string input, read_standard_input());
    if (decode_) return decode(*tokenizer, input, console);
    console.out(io::Json(tokenizer->encode(input, options_)).dump() + "\n");
    return {};
  }

 private:
  Status decode(const text::Tokenizer& tokenizer, const std::string& input, Console& console) const {
    HEARTH_ASSIGN(const io::Json ids, io::parse_json(input, "standard input"));
    if (!ids.is_array()) return fail(ErrorCode::kUsage, "standard input is not a JSON array of token ids");
    std::vector<text::TokenId> tokens;
    for (const io::Json& id : ids) {
      const bool fits =
          id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < tokenizer.vocab_size();
      if (!fits) {
        return fail(ErrorCode::kUsage, "token id ", id.dump(), " is out of range; the vocabulary has ",
                    tokenizer.vocab_size(), " tokens");
      }
      tokens.push_back(id.get<text::TokenId>());
    }
    console.out(tokenizer.decode(tokens, special_));
    return {};
  }

  std::string model_;
  text::EncodeOptions options_;
  bool decode_ = false;
  bool special_ = false;
};

}  // namespace

const Verb& verb_tokenize() {
  static const Verb kVerb{"tokenize", "text to token ids, and back",
                          "  echo -n 'Hello world' | hearth tokenize model.gguf --add-bos\n"
                          "  echo '[1, 15043]' | hearth tokenize model.gguf --decode\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<TokenizeCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
