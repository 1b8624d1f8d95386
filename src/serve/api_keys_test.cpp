// Who gets in, and how often.
#include "serve/api_keys.h"

#include <gtest/gtest.h>

namespace hearth::serve {
namespace {

TEST(ApiKeys, WithoutKeysEverybodyIsAdmittedByAddress) {
  ApiKeys keys({});
  EXPECT_FALSE(keys.required());
  const Admission admission = keys.admit("", "10.0.0.7", true, 0);
  EXPECT_EQ(admission.status, 200);
  EXPECT_EQ(admission.client, "10.0.0.7");
}

TEST(ApiKeys, OnlyTheKeyItselfIsTaken) {
  ApiKeys keys({{"kiosk", hash_key("a secret"), 0, 0}});
  EXPECT_TRUE(keys.required());
  EXPECT_EQ(keys.admit("Bearer a secret", "p", true, 0).client, "kiosk");
  for (const char* wrong :
       {"", "a secret", "Bearer", "Bearer ", "Bearer a secre", "Bearer a secret ", "bearer"})
    EXPECT_EQ(keys.admit(wrong, "p", true, 0).status, 401) << wrong;
}

TEST(ApiKeys, HashesAreThoseOfSha256sum) {
  const auto hash = parse_key_hash("2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
  ASSERT_TRUE(hash.ok());
  EXPECT_EQ(*hash, hash_key("secret"));
  for (const char* wrong : {"", "2b", "zbb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"})
    EXPECT_EQ(parse_key_hash(wrong).error().code, ErrorCode::kUsage);
}

TEST(ApiKeys, RequestsPerMinuteComeBackSteadily) {
  ApiKeys keys({{"kiosk", hash_key("k"), 6, 0}});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(keys.admit("Bearer k", "p", true, 100).status, 200);
  const Admission refused = keys.admit("Bearer k", "p", true, 100);
  EXPECT_EQ(refused.status, 429);
  EXPECT_NEAR(refused.retry_after_s, 10, 1e-6);
  EXPECT_EQ(keys.admit("Bearer k", "p", false, 100).status, 200);  // what is not limited goes on
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 109).status, 429);
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 110.1).status, 200);
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 110.1).status, 429);
}

TEST(ApiKeys, TokensAreSpentWhenTheAnswerIsOver) {
  ApiKeys keys({{"kiosk", hash_key("k"), 0, 600}, {"other", hash_key("o"), 0, 600}});
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 0).status, 200);
  keys.spend("kiosk", 700);
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 0).status, 429);
  EXPECT_EQ(keys.admit("Bearer o", "p", true, 0).status, 200);
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 11).status, 200);  // ten tokens a second
}

TEST(ApiKeys, KeysThatStayKeepWhatTheyHaveSpent) {
  ApiKeys keys({{"kiosk", hash_key("k"), 1, 0}});
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 0).status, 200);
  keys.replace({{"kiosk", hash_key("k"), 1, 0}, {"new", hash_key("n"), 1, 0}});
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 0).status, 429);
  EXPECT_EQ(keys.admit("Bearer n", "p", true, 0).status, 200);
  keys.replace({{"new", hash_key("n"), 1, 0}});
  EXPECT_EQ(keys.admit("Bearer k", "p", true, 0).status, 401);
}

}  // namespace
}  // namespace hearth::serve
