// Every way an option can be set, and every way it can be refused.
#include "base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::HasSubstr;

struct Example {
  int32_t port = 8080;
  uint64_t seed = 0;
  float temperature = 0.5f;
  std::string name = "x";

  void visit(OptionVisitor& v) {
    v.option("port", port, {1, 65535}, "TCP port");
    v.option("seed", seed, {}, "seed");
    v.option("top_temperature", temperature, {0, 2}, "spread");
    v.option("name", name, "who");
  }
};

TEST(Config, SetsEachType) {
  Example config;
  EXPECT_TRUE(set_option(config, "port", "1").ok());
  EXPECT_TRUE(set_option(config, "seed", "18446744073709551615").ok());
  EXPECT_TRUE(set_option(config, "top-temperature", "1e-1").ok()) << "dashes are underscores";
  EXPECT_TRUE(set_option(config, "name", "").ok());
  EXPECT_EQ(config.port, 1);
  EXPECT_EQ(config.seed, UINT64_MAX);
  EXPECT_EQ(config.temperature, 0.1f);
  EXPECT_EQ(config.name, "");
}

TEST(Config, RefusesAndKeepsTheOldValue) {
  Example config;
  const auto message = [&](std::string_view name, std::string_view value) {
    const Status status = set_option(config, name, value);
    EXPECT_FALSE(status.ok()) << name << "=" << value;
    return status.ok() ? std::string() : status.error().message;
  };
  for (const char* value : {"0", "65536", "99999999999999999999", "8o", "", " 80", "1.5", "-1"}) {
    EXPECT_THAT(message("port", value), HasSubstr("is not an integer from 1 to 65535")) << value;
  }
  for (const char* value : {"hot", "nan", "inf", "-0.1", "2.1", "1e999", "", "0.5x"}) {
    EXPECT_THAT(message("top_temperature", value), HasSubstr("is not a number from 0 to 2")) << value;
  }
  EXPECT_THAT(message("seed", "-1"), HasSubstr("is not an integer"));
  EXPECT_THAT(message("potr", "1"),
              HasSubstr("unknown option 'potr'; there are port, seed, top_temperature, name"));
  EXPECT_EQ(config.port, 8080);
  EXPECT_EQ(config.temperature, 0.5f);
}

TEST(Config, ListsInOrderWhatSetOptionReads) {
  Example config;
  config.temperature = 0.95f;
  const std::vector<OptionInfo> options = list_options(config);
  ASSERT_EQ(options.size(), 4u);
  EXPECT_EQ(options[0].name, "port");
  EXPECT_EQ(options[0].type, "integer");
  EXPECT_EQ(options[0].default_value, "8080");
  EXPECT_EQ(options[0].help, "TCP port");
  EXPECT_EQ(options[2].default_value, "0.95");
  EXPECT_EQ(options[3].type, "text");
  for (const OptionInfo& option : options)
    EXPECT_TRUE(set_option(config, option.name, option.default_value).ok()) << option.name;
}

}  // namespace
}  // namespace hearth
