// The RAII wrapper over the C API: values in and out, errors as exceptions.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "hearth/hearth.hpp"
#include "store/verdict.h"

namespace {

constexpr const char* kDevice = HEARTH_SOURCE_DIR "/models/device/device.gguf";

hearth_api::Model device_model() {
  return hearth_api::Model(HEARTH_SOURCE_DIR "/models/device/device.gguf",
                           hearth_api::Options().set("ctx", "256").set("threads", "1"));
}

TEST(Wrapper, TokenizesAndBack) {
  const hearth_api::Model model = device_model();
  const auto ids = model.tokenize("open the blinds");
  EXPECT_FALSE(ids.empty());
  EXPECT_EQ(model.detokenize(ids), "open the blinds");
}

TEST(Wrapper, StepsLikeItCompletes) {
  hearth_api::Model model = device_model();
  const std::string prompt = "<|home|>lock:front door;<|user|>lock the front door<|call|>";
  std::string stepped;
  {
    hearth_api::Session session(model, hearth_api::Options().set("temp", "0"));
    session.step(model.tokenize(prompt, HEARTH_ADD_SPECIAL | HEARTH_PARSE_SPECIAL));
    std::vector<int32_t> answer;
    for (int32_t token = session.sample(); !model.is_end(token) && answer.size() < 64;
         token = session.sample()) {
      answer.push_back(token);
      session.step({token});
    }
    stepped = model.detokenize(answer);
  }
  hearth_api::Session session(model);
  std::string streamed;
  session.complete(R"({"prompt": ")" + prompt + R"(", "temp": 0, "max_tokens": 64})",
                   [&](std::string_view text) {
                     streamed += text;
                     return true;
                   });
  EXPECT_EQ(streamed, stepped);
  EXPECT_FALSE(streamed.empty());
}

TEST(Wrapper, HeedsWhatHearthCheckFound) {
  std::string home = (std::filesystem::temp_directory_path() / "hearth-capi-XXXXXX").string();
  ASSERT_NE(::mkdtemp(home.data()), nullptr);
  ::setenv("HEARTH_HOME", home.c_str(), 1);
  ::unsetenv("HEARTH_NO_CHECK");
  const auto logits = [](const hearth_api::Options& options) {
    hearth_api::Model model(kDevice, options);
    hearth_api::Session session(model);
    session.step({5, 17, 42});
    return session.logits();
  };
  using hearth_api::Options;
  const std::vector<float> fast = logits(Options());
  const auto place = hearth::store::packed_place(home, kDevice);
  ASSERT_TRUE(place.ok());
  hearth::store::Verdict verdict;
  verdict.float32_tensors = {"blk.0.ffn_up.weight"};
  ASSERT_TRUE(hearth::store::write_verdict(*place, verdict).ok());
  EXPECT_NE(logits(Options()), fast);
  EXPECT_EQ(logits(Options().set("check", "off")), fast);
  EXPECT_THROW(logits(Options().set("check", "maybe")), hearth_api::Exception);
  ::setenv("HEARTH_NO_CHECK", "1", 1);
  EXPECT_EQ(logits(Options()), fast);
  ::unsetenv("HEARTH_NO_CHECK");
  ::unsetenv("HEARTH_HOME");
  std::filesystem::remove_all(home);
}

TEST(Wrapper, ThrowsTheLibrarysMessage) {
  try {
    hearth_api::Model("/nonexistent.gguf");
    FAIL() << "loading a file that does not exist must throw";
  } catch (const hearth_api::Exception& error) {
    EXPECT_EQ(error.status(), HEARTH_NOT_FOUND);
    EXPECT_NE(std::string(error.what()).find("/nonexistent.gguf"), std::string::npos);
  }
}

}  // namespace
