// Answers that a grammar constrains: they hold at any temperature, whatever their limits, also where tokens
// are skipped or proposed; and what is not constrained stays as it was.
#include <gtest/gtest.h>

#include <regex>
#include <thread>

#include "engine/grammar_cache.h"
#include "engine/local_completer.h"
#include "engine/scheduler.h"
#include "text/grammar/regex.h"

namespace hearth::engine {
namespace {

constexpr const char* kModel = HEARTH_SOURCE_DIR "/models/device/device.gguf";

std::unique_ptr<LocalModel> load() {
  LoadOptions options;
  options.threads = 2;
  options.context_tokens = 512;
  options.max_sequences = 12;
  return LocalModel::load(open_model(kModel).value(), options).value();
}

std::shared_ptr<const text::GrammarMasks> masks(LocalModel& model, std::string_view pattern) {
  GrammarCache cache(model, {});
  const auto compile = [&]() -> Result<std::shared_ptr<const text::Grammar>> {
    HEARTH_ASSIGN(const auto root, text::regex_grammar(pattern));
    return text::Grammar::compile({}, root);
  };
  auto out = cache.get(std::string(pattern), compile);
  EXPECT_TRUE(out.ok()) << out.error().message;
  return std::move(out).value();
}

CompletionRequest request(uint64_t seed, int64_t max_tokens) {
  CompletionRequest out;
  out.prompt = "turn on the lights";
  EXPECT_TRUE(set_option(out.sampling, "temp", "3"));
  out.sampling.seed = seed;
  out.max_tokens = max_tokens;
  return out;
}

/// All of them at once, by one scheduler.
std::vector<Completion> answers(LocalModel& model, const std::vector<CompletionRequest>& requests) {
  std::vector<Completion> out(requests.size());
  const auto scheduler = Scheduler::create(model, {.max_running = 4}).value();
  for (size_t i = 0; i < requests.size(); ++i) {
    Submission submission{requests[i], "", 0, {}, {}};
    submission.on_done = [&out, i](Result<Completion> result) {
      ASSERT_TRUE(result.ok()) << result.error().message;
      out[i] = std::move(result).value();
    };
    EXPECT_TRUE(scheduler->submit(std::move(submission)));
  }
  std::thread thread([&] { scheduler->run(); });
  scheduler->stop(true);
  thread.join();
  return out;
}

TEST(ConstrainedAnswers, HoldAtAnyTemperature) {
  const std::string pattern = "[a-z]{2,9}( [a-z]{1,5}){1,4}";
  const auto model = load();
  std::vector<CompletionRequest> requests;
  for (uint64_t seed = 1; seed <= 40; ++seed) requests.push_back(request(seed, -1));
  const auto grammar = masks(*model, pattern);
  for (auto& asked : requests) asked.grammar = grammar;
  std::vector<std::string> texts;
  for (const Completion& answer : answers(*model, requests)) {
    EXPECT_TRUE(std::regex_match(answer.text, std::regex(pattern))) << answer.text;
    EXPECT_EQ(answer.finish, FinishReason::kStop);
    texts.push_back(answer.text);
  }
  std::sort(texts.begin(), texts.end());
  EXPECT_GT(std::unique(texts.begin(), texts.end()) - texts.begin(), 30);

  const auto completer = LocalCompleter::create(*model).value();  // the other way to the same
  EXPECT_TRUE(std::regex_match(completer->complete(requests[0], {}).value().text, std::regex(pattern)));
}

TEST(ConstrainedAnswers, WhatIsCutIsClosed) {
  const std::string pattern = "[a-y]{0,900}( [a-y]{1,9})?zz";
  const auto model = load();
  std::vector<CompletionRequest> requests;
  for (int64_t most = 4; most < 24; ++most) {
    requests.push_back(request(static_cast<uint64_t>(most), most));
    requests.back().grammar = masks(*model, pattern);
  }
  const auto all = answers(*model, requests);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(std::regex_match(all[i].text, std::regex(pattern))) << all[i].text;
    EXPECT_LE(all[i].usage.generated_tokens, requests[i].max_tokens);
  }
}

TEST(ConstrainedAnswers, WithoutRoomToCloseTheFinishSaysSo) {
  const auto model = load();
  CompletionRequest asked = request(1, 2);
  asked.grammar = masks(*model, "[a-c]{40}");
  const auto all = answers(*model, {asked});
  EXPECT_EQ(all[0].finish, FinishReason::kLength);
  EXPECT_LT(all[0].text.size(), 40U);
}

TEST(ConstrainedAnswers, WhatMustComeIsSkippedTo) {
  const std::string fixed =
      "turn the kitchen lights down and lock the front door then play some jazz in the bedroom";
  const auto model = load();
  CompletionRequest asked = request(1, -1);
  asked.grammar = masks(*model, concat("[ab] ", fixed, " [ab]"));
  const auto scheduler = Scheduler::create(*model, {.speculate = false}).value();
  Completion answer;
  Submission submission{asked, "", 0, {}, {}};
  std::string streamed;
  size_t told = 0;
  submission.on_text = [&](std::string_view text, std::span<const TokenSignal> tokens) {
    streamed += text;
    told += tokens.size();
    return true;
  };
  submission.on_done = [&](Result<Completion> result) { answer = std::move(result).value(); };
  ASSERT_TRUE(scheduler->submit(std::move(submission)));
  std::thread thread([&] { scheduler->run(); });
  scheduler->stop(true);
  thread.join();
  EXPECT_EQ(answer.text.substr(1, fixed.size() + 2), concat(" ", fixed, " "));
  EXPECT_EQ(streamed, answer.text);
  EXPECT_LT(scheduler->stats().steps, 10);
  EXPECT_GT(answer.usage.generated_tokens, 15);
  EXPECT_EQ(scheduler->stats().generated_tokens, answer.usage.generated_tokens);
}

TEST(ConstrainedAnswers, WhatIsForcedNeverPassesTheContext) {
  const auto model = load();
  std::string prompt;
  while (model->encode_prompt(prompt, true).value().size() < 505) prompt += "lights ";
  std::string words = "play";
  for (int i = 0; i < 100; ++i) words += " some jazz";
  CompletionRequest full = request(1, -1);
  full.prompt = prompt;
  full.grammar = masks(*model, words);
  std::vector<CompletionRequest> requests = {full};
  for (uint64_t seed = 2; seed < 6; ++seed) requests.push_back(request(seed, 20));
  const auto all = answers(*model, requests);  // nobody waits for the one that has no room
  EXPECT_EQ(all[0].finish, FinishReason::kContextFull);
  EXPECT_EQ(all[0].text, words.substr(0, all[0].text.size()));
  for (size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].usage.generated_tokens > 0, true);
}

TEST(ConstrainedAnswers, ProposalsChangeNothing) {
  const auto model = load();
  std::vector<std::string> texts;
  for (const bool speculate : {false, true}) {
    const auto scheduler = Scheduler::create(*model, {.speculate = speculate}).value();
    CompletionRequest asked = request(3, 60);
    asked.grammar = masks(*model, "(ab ){200}");
    Submission submission{asked, "", 0, {}, {}};
    submission.on_done = [&](Result<Completion> result) { texts.push_back(result.value().text); };
    ASSERT_TRUE(scheduler->submit(std::move(submission)));
    std::thread thread([&] { scheduler->run(); });
    scheduler->stop(true);
    thread.join();
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST(GrammarCache, CompilesOnceAndPassesErrorsOn) {
  const auto model = load();
  GrammarCache cache(*model, {});
  int compiled = 0;
  const auto compile = [&]() -> Result<std::shared_ptr<const text::Grammar>> {
    ++compiled;
    HEARTH_ASSIGN(const auto root, text::regex_grammar("a+"));
    return text::Grammar::compile({}, root);
  };
  const auto first = cache.get("k", compile).value();
  EXPECT_EQ(cache.get("k", compile).value(), first);
  EXPECT_EQ(compiled, 1);
  const auto broken = cache.get("other", [] { return fail(ErrorCode::kUsage, "no"); });
  EXPECT_EQ(broken.error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace hearth::engine
