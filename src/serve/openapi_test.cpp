// The description of the API (docs/openapi.json, GET /openapi.json) names the routes that there are, all of
// them and no others. That requests and answers are as it says: tests/e2e/openapi_test.py.
#include <set>

#include "serve/routes.h"
#include "serve/server_test_kit.h"

namespace hearth::serve {
namespace {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return text;
}

TEST_F(ServerTest, TheDescriptionNamesAllRoutesAndNoOthers) {
  start();
  const Reply reply = ask("GET", "/openapi.json");
  ASSERT_EQ(reply.status, 200);
  EXPECT_NE(reply.head.find("application/json"), std::string::npos);
  const io::Json document = reply.json();
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document, io::read_json(HEARTH_SOURCE_DIR "/docs/openapi.json").value());
  std::set<std::string> described, served;
  for (const auto& [path, item] : document["paths"].items()) {
    const std::string prefix = path.substr(0, path.find('{'));
    for (const auto& [method, operation] : item.items()) {
      EXPECT_TRUE(described.insert(concat(upper(method), " ", prefix)).second) << method << path;
      EXPECT_TRUE(operation.contains("operationId")) << path;
      EXPECT_TRUE(operation["responses"].contains("200")) << path;
      EXPECT_EQ(operation.contains("requestBody"), method == "post") << path;
    }
  }
  for (const Route& route : routes()) {
    const std::string name = concat(route.method, " ", route.path);
    served.insert(name);
    EXPECT_TRUE(described.contains(name)) << name << " is not described";
    if (!described.contains(name) || route.path.ends_with('/')) continue;
    const io::Json& operation =
        document["paths"][std::string(route.path)][route.method == "GET" ? "get" : "post"];
    EXPECT_EQ(route.is_open, operation.contains("security") && operation["security"].empty()) << name;
  }
  for (const std::string& name : described) EXPECT_TRUE(served.contains(name)) << name << " is not served";
}

}  // namespace
}  // namespace hearth::serve
