// The JSON-Schema-Test-Suite (draft 2020-12): no invalid instance of a schema that compiles may be accepted;
// of the valid ones, written compactly in the schema's key order, the share is printed and those refused are
// listed (docs/structured-output.md quotes it).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include "io/file.h"
#include "text/grammar/grammar_test_util.h"

namespace hearth::text {
namespace {

const io::Json* resolve(const io::Json& root, const io::Json* schema) {
  for (int i = 0; i < 8 && schema->is_object() && schema->contains("$ref"); ++i) {
    const std::string ref = (*schema)["$ref"].get<std::string>();
    if (!ref.starts_with('#')) break;
    try {
      schema = &root.at(io::Json::json_pointer(ref.substr(1)));
    } catch (const std::exception&) {
      break;
    }
  }
  return schema;
}

/// Members in the order of every `properties` that applies to the value, then those required, then the rest.
io::Json ordered(const io::Json& root, const io::Json* schema, const io::Json& value) {
  schema = resolve(root, schema);
  if (value.is_array()) {
    io::Json out = io::Json::array();
    for (size_t i = 0; i < value.size(); ++i) {
      static const io::Json kAny = true;
      const io::Json* item = &kAny;
      if (schema->is_object() && schema->contains("items")) item = &(*schema)["items"];
      if (schema->is_object() && schema->contains("prefixItems") && i < (*schema)["prefixItems"].size()) {
        item = &(*schema)["prefixItems"][i];
      }
      out.push_back(ordered(root, item, value[i]));
    }
    return out;
  }
  if (!value.is_object() || !schema->is_object()) return value;
  std::vector<std::pair<std::string, const io::Json*>> order;
  static const io::Json kAny = true;
  const auto collect = [&](const auto& self, const io::Json* one, int depth) -> void {
    one = resolve(root, one);
    if (!one->is_object() || depth > 5) return;
    if (one->contains("properties")) {
      for (const auto& [name, property] : (*one)["properties"].items()) order.emplace_back(name, &property);
    }
    for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
      if (!one->contains(keyword)) continue;
      for (const io::Json& part : (*one)[keyword]) self(self, &part, depth + 1);
    }
    if (one->contains("required") && (*one)["required"].is_array()) {
      for (const io::Json& name : (*one)["required"]) {
        if (name.is_string()) order.emplace_back(name.get<std::string>(), &kAny);
      }
    }
  };
  collect(collect, schema, 0);
  for (const auto& [name, member] : value.items()) order.emplace_back(name, &kAny);
  io::Json out = io::Json::object();
  for (const auto& [name, property] : order) {
    if (value.contains(name) && !out.contains(name)) out[name] = ordered(root, property, value[name]);
  }
  return out;
}

struct Counts {
  int schemas = 0, compiled = 0, invalid = 0, invalid_taken = 0, valid = 0, valid_taken = 0;
};

class JsonSchemaSuite : public ::testing::Test {
 protected:
  const std::filesystem::path folder_ =
      std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "json-schema/tests/draft2020-12";
  std::map<std::string, Counts> by_file_;
  std::map<std::string, int> uncompiled_;
  std::vector<std::string> refused_;

  void group(const std::string& file, const io::Json& one) {
    Counts& counts = by_file_[file];
    ++counts.schemas;
    const auto grammar = compile_schema(one["schema"]);
    if (!grammar.ok()) {
      if (grammar.error().message.find("matches nothing") == std::string::npos) {
        ++uncompiled_[file + ": " + grammar.error().message.substr(0, 160)];
        return;
      }
    }
    ++counts.compiled;
    for (const io::Json& test : one["tests"]) {
      const std::string compact = io::dump_json(test["data"]);
      const std::string in_order = io::dump_json(ordered(one["schema"], &one["schema"], test["data"]));
      const bool taken = grammar.ok() && (accepts(*grammar, in_order) || accepts(*grammar, compact));
      const std::string what = file + ": " + one["description"].get<std::string>() + ": " +
                               test["description"].get<std::string>() + ": " + in_order.substr(0, 80);
      if (test["valid"] == true) {
        ++counts.valid;
        counts.valid_taken += taken ? 1 : 0;
        if (!taken) refused_.push_back(what);
      } else {
        ++counts.invalid;
        counts.invalid_taken += taken ? 1 : 0;
        EXPECT_FALSE(taken) << "invalid, but accepted: " << what << "\n" << io::dump_json(one["schema"]);
      }
    }
  }

  void folder(const std::filesystem::path& path, const std::string& prefix) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
      const Result<io::Json> groups = io::read_json(file);
      ASSERT_TRUE(groups.ok()) << groups.error().message;
      for (const io::Json& one : *groups) group(prefix + file.stem().string(), one);
    }
  }

  void report(int min_compiled, int min_valid_percent) const {
    Counts all;
    std::cout << "| file | schemas | compiled | invalid | of these accepted | valid | of these accepted "
                 "|\n|---|---|---|---|---|---|---|\n";
    for (const auto& [file, c] : by_file_) {
      std::cout << "| " << file << " | " << c.schemas << " | " << c.compiled << " | " << c.invalid << " | "
                << c.invalid_taken << " | " << c.valid << " | " << c.valid_taken << " |\n";
      all.schemas += c.schemas, all.compiled += c.compiled, all.invalid += c.invalid;
      all.invalid_taken += c.invalid_taken, all.valid += c.valid, all.valid_taken += c.valid_taken;
    }
    std::cout << "| all | " << all.schemas << " | " << all.compiled << " | " << all.invalid << " | "
              << all.invalid_taken << " | " << all.valid << " | " << all.valid_taken << " |\n";
    for (const std::string& one : refused_) std::cout << "refused: " << one << '\n';
    for (const auto& [message, count] : uncompiled_)
      std::cout << "not compiled (" << count << "): " << message << '\n';
    EXPECT_GE(all.compiled, min_compiled);
    EXPECT_GE(all.valid_taken * 100, all.valid * min_valid_percent);
  }
};

TEST_F(JsonSchemaSuite, NoInvalidInstanceIsAccepted) {
  if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "MISSING TEST DATA: no " << folder_;
  folder(folder_, "");
  report(150, 93);
}

TEST_F(JsonSchemaSuite, NoInvalidFormatIsAccepted) {
  if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "MISSING TEST DATA: no " << folder_;
  folder(folder_ / "optional/format", "format/");
  folder(folder_ / "optional", "optional/");
  report(30, 80);
}

}  // namespace
}  // namespace hearth::text
