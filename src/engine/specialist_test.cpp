// The specialist from its own bytes: the model in the binary belongs to this code's contract, and answers
// hold.
#include "engine/specialist.h"

#include <gtest/gtest.h>

#include "io/gguf.h"
#include "model/model.h"

namespace hearth::engine {
namespace {

TEST(Specialist, TheModelInTheBinaryIsMadeForThisContract) {
  const auto file = io::parse_gguf(builtin_model_bytes(), "built-in model", &model::block_layout);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->metadata.get_int("hearth.device.contract").value(), kSpecialistContract);
  EXPECT_LE(builtin_model_bytes().size(), size_t{8} << 20);
}

TEST(Specialist, AnswersCommandsAndEscalatesTheRest) {
  LoadOptions options;
  options.threads = 1;
  const auto specialist = Specialist::create("", "", options);
  ASSERT_TRUE(specialist.ok()) << specialist.error().message;
  const auto ask = [&](const char* text) {
    CompletionRequest request;
    request.prompt = text;
    const auto completion = (*specialist)->complete(request, {});
    return completion.ok() ? completion->text : completion.error().message;
  };
  EXPECT_EQ(ask("Dim the kitchen lights to 30 percent and lock the front door!"),
            R"([{"tool":"light","device":"kitchen lights","brightness":30},)"
            R"({"tool":"lock","device":"front door","state":"lock"}])");
  EXPECT_EQ(ask("who won the match in Lisbon?"), R"({"tool":"escalate","reason":"out_of_scope"})");
  EXPECT_EQ(ask("unlock the back door"), R"({"tool":"lock","device":"back door","state":"unlock"})");
  EXPECT_EQ(ask(" ?! "), R"({"tool":"escalate","reason":"out_of_scope"})");
}

}  // namespace
}  // namespace hearth::engine
