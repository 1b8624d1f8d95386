// Completions over one live sequence: what is kept between calls, what ends an answer, who may call when. The
// model is the specialist's file; what it says does not matter here, only that the same comes out.
#include "engine/local_completer.h"

#include <gtest/gtest.h>

#include <thread>

#include "model/model.h"

namespace hearth::engine {
namespace {

constexpr const char* kModel = HEARTH_SOURCE_DIR "/models/device/device.gguf";
constexpr std::string_view kText = "turn the kitchen lights down to nine percent and lock the front door ";

std::unique_ptr<LocalModel> load(int64_t context_tokens, int64_t window = 0, int32_t sessions = 1) {
  OpenedModel opened = open_model(kModel).value();
  if (window > 0)
    opened.file.metadata.set("llama.attention.sliding_window", io::Value::of(static_cast<uint32_t>(window)));
  LoadOptions options;
  options.threads = 1;
  options.context_tokens = context_tokens;
  options.max_sequences = sessions;
  auto model = LocalModel::load(std::move(opened), options);
  EXPECT_TRUE(model.ok()) << model.error().message;
  return std::move(model).value();
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

CompletionRequest request(std::string prompt, int64_t max_tokens) {
  CompletionRequest out;
  out.prompt = std::move(prompt);
  out.sampling = runtime::SamplingParams::greedy();
  out.max_tokens = max_tokens;
  out.ignore_end = true;
  return out;
}

Completion complete(LocalCompleter& completer, const CompletionRequest& asked) {
  auto completion = completer.complete(asked, {});
  EXPECT_TRUE(completion.ok()) << completion.error().message;
  return completion.ok() ? std::move(completion).value() : Completion();
}

TEST(LocalCompleter, TheNextTurnReusesWhatIsInTheCache) {
  const auto model = load(512);
  const auto completer = LocalCompleter::create(*model).value();
  const std::string first = repeated(kText, 3);
  const Completion answer = complete(*completer, request(first, 8));
  EXPECT_EQ(answer.usage.cached_tokens, 0);
  EXPECT_EQ(answer.usage.generated_tokens, 8);
  EXPECT_EQ(answer.finish, FinishReason::kLength);

  // The second prompt keeps the first, but for its last words: the live answer has to be taken back.
  const std::string second = first + "then open the blinds ";
  const Completion warm = complete(*completer, request(second, 12));
  EXPECT_GE(warm.usage.cached_tokens, answer.usage.prompt_tokens - 2);
  EXPECT_LT(warm.usage.cached_tokens, warm.usage.prompt_tokens);
  const auto fresh_model = load(512);
  const auto fresh = LocalCompleter::create(*fresh_model).value();
  const Completion cold = complete(*fresh, request(second, 12));
  EXPECT_EQ(cold.usage.cached_tokens, 0);
  EXPECT_EQ(warm.text, cold.text);

  // The same prompt once more: all but its last token is there.
  const Completion again = complete(*completer, request(second, 12));
  EXPECT_EQ(again.usage.cached_tokens, again.usage.prompt_tokens - 1);
  EXPECT_EQ(again.text, cold.text);
}

TEST(LocalCompleter, StartsOverWhereAWindowHasForgotten) {
  const auto model = load(500, 16);
  const auto completer = LocalCompleter::create(*model).value();
  const std::string shared = repeated(kText, 2);
  complete(*completer, request(shared + repeated("play some jazz on the speaker ", 50), 8));
  ASSERT_GT(completer->context_used(), 16 + 256 + 64 + 30);
  const std::string other = shared + "and open the garage door ";
  const Completion warm = complete(*completer, request(other, 12));
  EXPECT_EQ(warm.usage.cached_tokens, 0);
  const auto fresh_model = load(500, 16);
  const auto fresh = LocalCompleter::create(*fresh_model).value();
  EXPECT_EQ(warm.text, complete(*fresh, request(other, 12)).text);
}

TEST(LocalCompleter, StopStringsEndTheAnswerBeforeThem) {
  const auto model = load(256);
  const auto completer = LocalCompleter::create(*model).value();
  const std::string whole = complete(*completer, request(std::string(kText), 16)).text;
  ASSERT_GT(whole.size(), 12U);
  for (const size_t length : {size_t{3}, size_t{7}}) {
    CompletionRequest asked = request(std::string(kText), 16);
    asked.stop = {whole.substr(whole.size() / 2, length)};
    std::string streamed;
    const auto completion = completer->complete(asked, [&](std::string_view text) {
      streamed += text;
      return true;
    });
    ASSERT_TRUE(completion.ok());
    EXPECT_EQ(completion->text, whole.substr(0, whole.find(asked.stop[0])));
    EXPECT_EQ(streamed, completion->text);
    EXPECT_EQ(completion->finish, FinishReason::kStop);
  }
}

TEST(LocalCompleter, SaysWhyAnAnswerEnded) {
  const auto model = load(64);
  const auto completer = LocalCompleter::create(*model).value();
  EXPECT_EQ(complete(*completer, request(std::string(kText), 0)).text, "");
  EXPECT_EQ(complete(*completer, request(std::string(kText), -1)).finish, FinishReason::kContextFull);
  EXPECT_EQ(completer->context_used(), 64);

  std::atomic<bool> cancel{true};
  CompletionRequest asked = request(std::string(kText), 4);
  asked.cancel = &cancel;
  EXPECT_EQ(complete(*completer, asked).finish, FinishReason::kCancelled);
  cancel = false;
  EXPECT_EQ(complete(*completer, asked).finish, FinishReason::kLength);
  const auto refused =
      completer->complete(request(std::string(kText), 20), [](std::string_view) { return false; });
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->finish, FinishReason::kCancelled);
  EXPECT_LT(refused->usage.generated_tokens, 20);

  const auto too_long = completer->complete(request(repeated(kText, 9), 4), {});
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.error().code, ErrorCode::kTooLarge);
}

TEST(LocalCompleter, EverySessionHasRoomForTheWholeContext) {
  const auto model = load(128, 0, 2);
  const auto a = LocalCompleter::create(*model).value();
  const auto b = LocalCompleter::create(*model).value();
  EXPECT_FALSE(LocalCompleter::create(*model).ok());
  for (LocalCompleter* session : {a.get(), b.get()}) {
    EXPECT_EQ(complete(*session, request(std::string(kText), -1)).finish, FinishReason::kContextFull);
  }
  EXPECT_EQ(a->context_used() + b->context_used(), 256);
}

TEST(LocalCompleter, SessionsOfOneModelTakeTurnsOnThreads) {
  const auto model = load(128, 0, 3);
  const auto alone = LocalCompleter::create(*model).value();
  const std::string expected = complete(*alone, request(std::string(kText), 24)).text;
  std::vector<std::string> texts(2);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&model, &text] {
      for (int round = 0; round < 6; ++round) {  // opens and frees while the other one computes
        const auto session = LocalCompleter::create(*model).value();
        text = session->complete(request(std::string(kText), 24), {}).value().text;
        (void)session->truncate(3);
        (void)session->reset();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) EXPECT_EQ(text, expected);
}

}  // namespace
}  // namespace hearth::engine
