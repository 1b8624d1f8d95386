// File-name habits: labels, split files, choices, and names that must not reach a disk.
#include "store/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/reference.h"
#include "store/store.h"

namespace hearth::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Label, FoundInUsualNames) {
  const std::pair<const char*, const char*> cases[] = {{"qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"},
                                                       {"Llama-3.2-1B-Instruct-Q8_0.gguf", "Q8_0"},
                                                       {"gemma-3-1b-it-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"},
                                                       {"tinyllama-1.1b-chat-v1.0.Q5_K_S.gguf", "Q5_K_S"},
                                                       {"Phi-3-mini-4k-instruct-q4.gguf", "Q4"},
                                                       {"model-BF16-00001-of-00002.gguf", "BF16"},
                                                       {"SmolLM2_q8_0.gguf", "Q8_0"},
                                                       {"x-IQ3_XXS.GGUF", "IQ3_XXS"},
                                                       {"gpt-oss-20b-mxfp4.gguf", "MXFP4"},
                                                       {"stories260K.gguf", ""},
                                                       {"Qwen3-0.6B.gguf", ""},
                                                       {"quick-brown.gguf", ""},
                                                       {".gguf", ""}};
  for (const auto& [name, label] : cases) EXPECT_EQ(quant_label(name), label) << name;
}

TEST(Split, OnlyWellFormedNumbers) {
  const SplitPart part = split_part("m-00002-of-00003.gguf");
  EXPECT_EQ(part.stem, "m");
  EXPECT_EQ(part.part, 2);
  EXPECT_EQ(part.parts, 3);
  for (const char* plain :
       {"m-00004-of-00003.gguf", "m-0002-of-0003.gguf", "m-00000-of-00003.gguf", "-00001-of-00001.gguf"}) {
    EXPECT_EQ(split_part(plain).parts, 1) << plain;
  }
}

Result<Selection> pick(std::vector<std::string> names, std::string_view wanted = "") {
  return select_files(names, wanted, preferred_labels(), "hf:o/r");
}

TEST(Select, ByLabelInAnyCase) {
  const std::vector<std::string> names{"README.md", "m-Q8_0.gguf", "m-q4_k_m.gguf", "mmproj-m-Q8_0.gguf"};
  const Result<Selection> q8 = pick(names, "q8_0");
  ASSERT_TRUE(q8.ok()) << q8.error().message;
  EXPECT_THAT(q8->indices, ElementsAre(1));
  EXPECT_EQ(q8->tag, "Q8_0");
  EXPECT_THAT(pick(names)->indices, ElementsAre(2));  // preferred
  EXPECT_THAT(pick(names, "m-Q8_0.gguf")->indices, ElementsAre(1));
  const Result<Selection> none = pick(names, "Q2_K");
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("Q8_0"));
  EXPECT_THAT(none.error().message, HasSubstr("Q4_K_M"));
}

TEST(Select, SplitFilesAreWholeAndInOrder) {
  std::vector<std::string> names{"Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf"};
  EXPECT_THAT(pick(names)->indices, ElementsAre(1, 0));
  EXPECT_THAT(pick(names, "m-Q8_0-00002-of-00002.gguf")->indices, ElementsAre(1, 0));
  names.pop_back();
  const Result<Selection> torn = pick(names);
  ASSERT_FALSE(torn.ok());
  EXPECT_THAT(torn.error().message, HasSubstr("part 1 of 2"));
}

TEST(Select, AmbiguityNamesTheChoices) {
  const Result<Selection> two = pick({"a-IQ4_XS.gguf", "b-IQ3_S.gguf"});
  ASSERT_FALSE(two.ok());
  EXPECT_EQ(two.error().code, ErrorCode::kUsage);
  EXPECT_THAT(two.error().message, HasSubstr("IQ4_XS"));
  const Result<Selection> same = pick({"a-Q8_0.gguf", "b-Q8_0.gguf"});
  ASSERT_FALSE(same.ok());
  EXPECT_THAT(same.error().message, HasSubstr("a-Q8_0.gguf"));
  const Result<Selection> named = pick({"a-Q8_0.gguf", "b-Q8_0.gguf"}, "B-q8_0.gguf");
  ASSERT_TRUE(named.ok()) << named.error().message;
  EXPECT_EQ(named->tag, "b-Q8_0");  // the label alone would not tell them apart
}

TEST(Select, SafetensorsFolder) {
  const std::vector<std::string> names{"config.json",
                                       "model-00001-of-00002.safetensors",
                                       "consolidated.safetensors",
                                       "model-00002-of-00002.safetensors",
                                       "onnx/model.onnx",
                                       "tokenizer.json",
                                       "model.safetensors.index.json",
                                       "training_args.bin"};
  const Result<Selection> folder = pick(names);
  ASSERT_TRUE(folder.ok()) << folder.error().message;
  EXPECT_FALSE(folder->is_gguf);
  EXPECT_THAT(folder->indices, ElementsAre(0, 1, 3, 5, 6));
  const Result<Selection> neither = pick({"README.md", "pytorch_model.bin"});
  ASSERT_FALSE(neither.ok());
  EXPECT_THAT(neither.error().message, HasSubstr("pytorch_model.bin"));
}

TEST(SafeNames, RefusesWhatCouldEscape) {
  for (const char* good : {"a", "model-Q8_0.gguf", "\xc3\xa4.gguf", "a b.gguf"})
    EXPECT_TRUE(is_safe_file_name(good));
  for (const char* bad : {"", ".", "..", ".hidden", "a/b", "a\\b", "a\nb", "\x7f", "\xff"}) {
    EXPECT_FALSE(is_safe_file_name(bad)) << bad;
  }
  EXPECT_FALSE(is_safe_file_name(std::string("a\0b", 3)));
  EXPECT_FALSE(is_safe_file_name(std::string(201, 'a')));
  EXPECT_EQ(to_safe_name("../..//My Model--v1"), "My-Model-v1");
  EXPECT_EQ(to_safe_name("..."), "model");
}

TEST(Names, FoldersDoNotMeet) {
  EXPECT_EQ(folder_of_name("o/r:Q8_0"), "o--r--Q8_0");
  EXPECT_EQ(to_safe_name("o--r--Q8_0"), "o-r-Q8_0");
}

TEST(Reference, Forms) {
  const Result<ModelReference> hub = parse_reference("hf:o-g/r.1:Q4_K_M");
  ASSERT_TRUE(hub.ok()) << hub.error().message;
  EXPECT_EQ(hub->repo, "o-g/r.1");
  EXPECT_EQ(hub->wanted, "Q4_K_M");
  EXPECT_EQ(parse_reference("https://h/m.gguf")->kind, ModelReference::Kind::kUrl);
  EXPECT_EQ(parse_reference("/")->kind, ModelReference::Kind::kLocal);
  for (const char* bad : {"hf:", "hf:o", "hf:o/", "hf:/r", "hf:o/r/x", "hf:../r", "hf:o/..",
                          "hf:o/r:", "hf:o/a--b", "hf:o/r?x", "ftp://h/m.gguf", ""}) {
    EXPECT_FALSE(parse_reference(bad).ok()) << bad;
  }
  EXPECT_THAT(parse_reference("some-org/some-repo").error().message, HasSubstr("hf:some-org/some-repo"));
  EXPECT_EQ(parse_reference("o/r:x\ny").error().message.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace hearth::store
