// Constrained decoding on a real vocabulary (151k tokens): time to compile a schema, to build the trie, and
// per token of an answer to make the mask, cold (first answer of a grammar) and warm (tables filled), as
// medians. Names: compile/SCHEMA, trie, mask_cold/SCHEMA, mask_warm/SCHEMA. Results are checked in tests.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "io/gguf.h"
#include "text/grammar/compose.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer.h"

namespace {

using namespace hearth;

struct Example {
  std::string name;
  std::string schema;  // empty: tool calls amid free text
  std::string answer;
};

const std::string kPerson =
    R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},)"
    R"("email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string"},"maxItems":10},)"
    R"("role":{"enum":["admin","editor","viewer"]},"active":{"type":"boolean"},"score":{"type":"number"}},)"
    R"("required":["name","age","email","tags","role","active","score"],"additionalProperties":false})";
const std::string kPersonAnswer =
    R"({"name":"Ada Lovelace of London","age":36,"email":"ada.lovelace@example.com","tags":["mathematics","poetry",)"
    R"("engines"],"role":"admin","active":true,"score":12.75})";
const std::string kBounded =
    R"({"type":"object","properties":{"id":{"type":"string","pattern":"^[A-Za-z0-9_-]{1,64}$"},)"
    R"("title":{"type":"string","minLength":1,"maxLength":100},"body":{"type":"string","maxLength":4000},)"
    R"("when":{"type":"string","format":"date-time"}},"required":["id","title","body","when"],"additionalProperties":false})";
const std::string kBoundedAnswer =
    R"({"id":"user-account_settings-2024","title":"Reset of the password and the second factor","body":"A customer cannot)"
    R"( sign in any more. She has lost her phone, and the codes that were sent to it do not help.\nWhat now?",)"
    R"("when":"2024-05-17T09:30:00+02:00"})";
const std::string kTree =
    R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"label":{"type":"string"},"kind":{"anyOf":)"
    R"([{"const":"leaf"},{"const":"branch"}]},"children":{"type":"array","items":{"$ref":"#/$defs/node"}},"extra":{}},)"
    R"("required":["label","children"]}}})";
const std::string kTreeAnswer =
    R"({"label":"root of all","kind":"branch","children":[{"label":"left one","children":[{"label":"deep","kind":"leaf",)"
    R"("children":[]}]},{"label":"right","children":[],"extra":{"a":[1,2.5,null],"note":"free"}}],"extra":7,"more":"x"})";
const std::string kOptional = [] {
  std::string out = R"({"type":"object","properties":{)";
  for (int i = 0; i < 40; ++i) {
    out += concat(i > 0 ? "," : "", R"("setting_)", i, R"(":{"type":["string","integer","null"]})");
  }
  return out + R"(},"additionalProperties":false})";
}();
const std::string kOptionalAnswer =
    R"({"setting_0":"on","setting_3":12,"setting_11":null,"setting_12":"some text here","setting_39":5})";
const std::string kTools =
    "I will look that up for you, one moment "
    "please.\n<tool_call>{\"name\":\"search\",\"arguments\":{\"query\":\"weather "
    "in Berlin tomorrow\",\"limit\":5}}</tool_call>\nand that is all.";
const std::string kToolSchema =
    R"({"type":"object","properties":{"name":{"const":"search"},"arguments":{"type":"object","properties":{"query":)"
    R"({"type":"string"},"limit":{"type":"integer"}},"required":["query"],"additionalProperties":false}},)"
    R"("required":["name","arguments"],"additionalProperties":false})";

const std::vector<Example> kExamples = {
    {"person", kPerson, kPersonAnswer}, {"bounded", kBounded, kBoundedAnswer},
    {"tree", kTree, kTreeAnswer},       {"optional", kOptional, kOptionalAnswer},
    {"any", "true", kTreeAnswer},       {"tools", "", kTools}};

Result<std::shared_ptr<const text::Grammar>> compile(const Example& example) {
  using namespace text;
  RuleSet rules;
  HEARTH_ASSIGN(const io::Json schema,
                io::parse_json(example.schema.empty() ? kToolSchema : example.schema, "schema"));
  HEARTH_ASSIGN(grammar::ExprPtr root, json_schema_grammar(rules, schema));
  if (example.schema.empty()) {
    HEARTH_ASSIGN(root, free_text_or_tagged(rules, {{"<tool_call>", root, "</tool_call>"}}));
  }
  return Grammar::compile(rules, root);
}

const std::shared_ptr<const text::VocabularyTrie>& trie() {
  static const auto made = []() -> std::shared_ptr<const text::VocabularyTrie> {
    const auto gguf =
        io::read_gguf(std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "tokenizers/gguf/ggml-vocab-qwen2.gguf",
                      [](uint32_t) { return std::optional<io::BlockLayout>(); });
    if (!gguf) return nullptr;
    const auto tokenizer = text::Tokenizer::create(gguf->metadata);
    if (!tokenizer) return nullptr;
    return std::make_shared<const text::VocabularyTrie>(**tokenizer);
  }();
  return made;
}

void compile_schema(benchmark::State& state, const Example& example) {
  for (auto _ : state) benchmark::DoNotOptimize(compile(example));
  const auto grammar = compile(example);
  if (!grammar) return state.SkipWithError(grammar.error().message.c_str());
  state.counters["states"] = (*grammar)->size();
  state.counters["kB"] = static_cast<double>((*grammar)->bytes()) / 1e3;
}

void mask(benchmark::State& state, const Example& example, bool warm) {
  if (trie() == nullptr) return state.SkipWithError("the shared data folder is missing");
  const auto grammar = compile(example);
  if (!grammar) return state.SkipWithError(grammar.error().message.c_str());
  const auto tokens = trie()->spell(example.answer);
  auto masks = std::make_shared<const text::GrammarMasks>(*grammar, trie());
  std::vector<uint64_t> bits(trie()->mask_words());
  std::vector<double> mask_us, accept_us;
  const auto answer = [&](bool record) {
    text::GrammarMatcher matcher(masks);
    for (const text::TokenId token : *tokens) {
      const auto begin = std::chrono::steady_clock::now();
      matcher.fill_mask(bits);
      const auto made = std::chrono::steady_clock::now();
      if (!matcher.accept(token)) return false;
      const auto end = std::chrono::steady_clock::now();
      if (!record) continue;
      mask_us.push_back(std::chrono::duration<double, std::micro>(made - begin).count());
      accept_us.push_back(std::chrono::duration<double, std::micro>(end - made).count());
    }
    return matcher.can_end();
  };
  if (!answer(false)) return state.SkipWithError("the answer is not of the grammar");
  for (auto _ : state) {
    if (!warm) masks = std::make_shared<const text::GrammarMasks>(*grammar, trie());
    answer(true);
  }
  std::ranges::sort(mask_us);
  std::ranges::sort(accept_us);
  state.counters["median_us"] = mask_us[mask_us.size() / 2];
  state.counters["p90_us"] = mask_us[mask_us.size() * 9 / 10];
  state.counters["p99_us"] = mask_us[mask_us.size() * 99 / 100];
  state.counters["accept_us"] = accept_us[accept_us.size() / 2];
  state.counters["tokens"] = static_cast<double>(tokens->size());
  state.counters["cache_kB"] = static_cast<double>(masks->cache_bytes()) / 1e3;
}

void make_trie(benchmark::State& state) {
  const auto gguf =
      io::read_gguf(std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "tokenizers/gguf/ggml-vocab-qwen2.gguf",
                    [](uint32_t) { return std::optional<io::BlockLayout>(); });
  if (!gguf) return state.SkipWithError("the shared data folder is missing");
  const auto tokenizer = text::Tokenizer::create(gguf->metadata);
  for (auto _ : state) benchmark::DoNotOptimize(text::VocabularyTrie(**tokenizer));
  state.counters["nodes"] = trie()->node_count();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("trie", make_trie)->Unit(benchmark::kMillisecond);
  for (const Example& example : kExamples) {
    benchmark::RegisterBenchmark(("compile/" + example.name).c_str(), compile_schema, example)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("mask_cold/" + example.name).c_str(), mask, example, false)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("mask_warm/" + example.name).c_str(), mask, example, true)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
