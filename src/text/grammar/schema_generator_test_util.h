// Random JSON schemas of the supported kind, and an independent validator: a direct reading of the standard
// on parsed values, which shares no code with the compiler it judges.
#pragma once

#include <cmath>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "io/json.h"

namespace hearth::text {

class SchemaGenerator {
 public:
  explicit SchemaGenerator(uint64_t seed) : rng_(seed) {}

  io::Json schema() {
    io::Json out = any(3);
    if (rng_.below(3) == 0) {  // a recursive definition, always with a way out
      io::Json node = {{"type", "object"}};
      node["properties"]["v"] = any(1);
      node["properties"]["next"] = {{"anyOf", {{{"$ref", "#/$defs/node"}}, {{"type", "null"}}}}};
      node["properties"]["all"] = {{"type", "array"}, {"items", {{"$ref", "#/$defs/node"}}}, {"maxItems", 2}};
      node["required"] = {"v", "next"};
      if (rng_.below(2) == 0) node["additionalProperties"] = false;
      io::Json wrapped = {{"type", "object"}, {"$defs", {{"node", node}}}};
      wrapped["properties"]["tree"] = {{"$ref", "#/$defs/node"}};
      wrapped["properties"]["other"] = out;
      wrapped["required"] = {"tree"};
      return wrapped;
    }
    return out;
  }

 private:
  bool coin() { return rng_.below(2) == 0; }
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(high - low + 1)));
  }
  template <typename T>
  T pick(const std::vector<T>& from) {
    return from[rng_.below(from.size())];
  }

  io::Json any(int depth) {
    switch (rng_.below(depth > 0 ? 11 : 6)) {
      case 0:
        return {{"type", pick<std::string>({"null", "boolean", "integer", "number", "string"})}};
      case 1:
        return integer();
      case 2:
        return number();
      case 3:
      case 4:
        return string();
      case 5:
        return fixed();
      case 6:
      case 7:
        return object(depth);
      case 8:
        return array(depth);
      case 9:
        return combined(depth);
      default:
        return coin() ? io::Json(true) : io::Json{{"type", {"string", "null", "array"}}};
    }
  }

  io::Json integer() {
    io::Json out = {{"type", "integer"}};
    const int64_t low = between(-2000, 2000);
    const int64_t high = low + between(0, 3000);
    if (coin()) out[coin() ? "minimum" : "exclusiveMinimum"] = low - 1;
    if (coin()) out[coin() ? "maximum" : "exclusiveMaximum"] = high + 1;
    if (rng_.below(4) == 0 && !out.contains("maximum") && !out.contains("exclusiveMaximum")) {
      out["multipleOf"] = between(1, 40);
    }
    return out;
  }

  io::Json number() {
    io::Json out = {{"type", "number"}};
    const double low = static_cast<double>(between(-9999, 9999)) / pick<double>({1, 10, 100, 1000});
    if (coin()) out[coin() ? "minimum" : "exclusiveMinimum"] = low;
    if (coin())
      out[coin() ? "maximum" : "exclusiveMaximum"] = low + static_cast<double>(between(1, 5000)) / 100;
    return out;
  }

  io::Json string() {
    io::Json out = {{"type", "string"}};
    switch (rng_.below(5)) {
      case 0:
        out["pattern"] =
            pick<std::string>({"^[a-z]{1,5}$", "^(ab|c)+d?$", "[0-9]{3}", "^\\w+@\\w+\\.de$", "x", "^a.*z$"});
        break;
      case 1:
        out["format"] = pick<std::string>({"date", "uuid", "ipv4", "time"});
        break;
      case 2:
        out["pattern"] = "^[A-Z]";
        out["maxLength"] = between(1, 12);
        break;
      default:
        out["minLength"] = between(0, 4);
        if (coin()) out["maxLength"] = between(4, 9);
    }
    return out;
  }

  io::Json fixed() {
    const std::vector<io::Json> values = {
        "a", "b\"c\n", 1, -2.5, true, nullptr, {1, "x"}, {{"k", 1}, {"j", {2}}}, "\u00e9"};
    if (coin()) return {{"const", pick(values)}};
    io::Json out = {{"enum", io::Json::array()}};
    for (int64_t i = between(1, 4); i > 0; --i) out["enum"].push_back(pick(values));
    return out;
  }

  io::Json object(int depth) {
    io::Json out = {{"type", "object"}, {"properties", io::Json::object()}};
    io::Json required = io::Json::array();
    for (const char* name : {"a", "ab", "b c", "d\"", "\u00fc"}) {
      if (coin()) continue;
      out["properties"][name] = any(depth - 1);
      if (coin()) required.push_back(name);
    }
    if (rng_.below(6) == 0) required.push_back("extra");
    if (!required.empty()) out["required"] = required;
    if (coin())
      out["additionalProperties"] =
          required.size() > 0 && required.back() == "extra" ? any(depth - 1) : io::Json(false);
    return out;
  }

  io::Json array(int depth) {
    io::Json out = {{"type", "array"}};
    if (coin()) out["items"] = any(depth - 1);
    if (rng_.below(3) == 0) out["prefixItems"] = {any(depth - 1), any(depth - 1)};
    if (coin()) out["minItems"] = between(0, 2);
    if (coin()) out["maxItems"] = between(2, 4);
    return out;
  }

  io::Json combined(int depth) {
    switch (rng_.below(3)) {
      case 0:
        return {{"anyOf", {any(depth - 1), any(depth - 1)}}};
      case 1: {
        io::Json a = object(depth - 1);
        io::Json b = object(depth - 1);
        a["properties"]["kind"] = {{"const", "a"}};
        b["properties"]["kind"] = {{"enum", {"b", "c"}}};
        a["required"] = {"kind"};
        b["required"] = {"kind"};
        a.erase("additionalProperties");
        return {{"oneOf", {a, b}}};
      }
      default: {
        io::Json out = object(depth - 1);
        out["additionalProperties"] = true;
        out["allOf"] = {{{"properties", {{"more", any(depth - 1)}, {"a", true}}}}, {{"required", {"more"}}}};
        return out;
      }
    }
  }

  Rng rng_;
};

/// Whether a value is valid, by the words of the standard.
class ReferenceValidator {
 public:
  explicit ReferenceValidator(const io::Json& root) : root_(root) {}
  bool valid(const io::Json& v) const { return valid(v, root_); }

 private:
  static bool equal(const io::Json& a, const io::Json& b) {
    if (a.is_number() && b.is_number()) return a.get<double>() == b.get<double>();
    if (a.type() != b.type() || a.size() != b.size()) return false;
    if (a.is_array()) {
      for (size_t i = 0; i < a.size(); ++i) {
        if (!equal(a[i], b[i])) return false;
      }
      return true;
    }
    if (!a.is_object()) return a == b;
    for (const auto& [key, value] : a.items()) {
      if (!b.contains(key) || !equal(value, b[key])) return false;
    }
    return true;
  }

  static bool has_type(const io::Json& v, const std::string& type) {
    if (type == "null") return v.is_null();
    if (type == "boolean") return v.is_boolean();
    if (type == "string") return v.is_string();
    if (type == "array") return v.is_array();
    if (type == "object") return v.is_object();
    if (type == "number") return v.is_number();
    return v.is_number_integer() || (v.is_number_float() && std::trunc(v.get<double>()) == v.get<double>());
  }

  static size_t code_points(const std::string& s) {
    size_t count = 0;
    for (const char c : s) count += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
    return count;
  }

  static bool has_format(const std::string& s, const std::string& format) {
    int a = 0, b = 0, c = 0;
    char tail = 0;
    if (format == "uuid")
      return std::regex_match(s, std::regex("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"));
    if (format == "time") {
      return std::sscanf(s.c_str(), "%2d:%2d:%2d%c", &a, &b, &c, &tail) == 4 && a < 24 && b < 60 && c < 60;
    }
    if (format == "ipv4") {
      int d = 0;
      return std::sscanf(s.c_str(), "%3d.%3d.%3d.%3d%c", &a, &b, &c, &d, &tail) == 4 &&
             std::max({a, b, c, d}) < 256;
    }
    if (std::sscanf(s.c_str(), "%4d-%2d-%2d%c", &a, &b, &c, &tail) != 3 || b < 1 || b > 12 || c < 1)
      return false;
    const bool leap = (a % 4 == 0 && a % 100 != 0) || a % 400 == 0;
    const int days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return c <= days[b - 1];
  }

  bool valid(const io::Json& v, const io::Json& s) const {
    if (s.is_boolean()) return s.get<bool>();
    if (s.contains("$ref") &&
        !valid(v, root_.at(io::Json::json_pointer(s["$ref"].get<std::string>().substr(1)))))
      return false;
    if (s.contains("type")) {
      const io::Json& type = s["type"];
      bool any = type.is_string() && has_type(v, type.get<std::string>());
      for (size_t i = 0; type.is_array() && i < type.size(); ++i)
        any |= has_type(v, type[i].get<std::string>());
      if (!any) return false;
    }
    if (s.contains("const") && !equal(v, s["const"])) return false;
    if (s.contains("enum")) {
      bool any = false;
      for (const io::Json& one : s["enum"]) any |= equal(v, one);
      if (!any) return false;
    }
    return scalar_valid(v, s) && structure_valid(v, s) && combination_valid(v, s);
  }

  static bool scalar_valid(const io::Json& v, const io::Json& s) {
    if (v.is_number()) {
      const double x = v.get<double>();
      if (s.contains("minimum") && x < s["minimum"].get<double>()) return false;
      if (s.contains("maximum") && x > s["maximum"].get<double>()) return false;
      if (s.contains("exclusiveMinimum") && x <= s["exclusiveMinimum"].get<double>()) return false;
      if (s.contains("exclusiveMaximum") && x >= s["exclusiveMaximum"].get<double>()) return false;
      if (s.contains("multipleOf") && v.get<int64_t>() % s["multipleOf"].get<int64_t>() != 0) return false;
    }
    if (v.is_string()) {
      const std::string text = v.get<std::string>();
      if (s.contains("minLength") && code_points(text) < s["minLength"].get<size_t>()) return false;
      if (s.contains("maxLength") && code_points(text) > s["maxLength"].get<size_t>()) return false;
      if (s.contains("pattern") && !std::regex_search(text, std::regex(s["pattern"].get<std::string>())))
        return false;
      if (s.contains("format") && !has_format(text, s["format"].get<std::string>())) return false;
    }
    return true;
  }

  bool structure_valid(const io::Json& v, const io::Json& s) const {
    if (v.is_array()) {
      if (s.contains("minItems") && v.size() < s["minItems"].get<size_t>()) return false;
      if (s.contains("maxItems") && v.size() > s["maxItems"].get<size_t>()) return false;
      const size_t prefix = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
      for (size_t i = 0; i < v.size(); ++i) {
        if (i < prefix && !valid(v[i], s["prefixItems"][i])) return false;
        if (i >= prefix && s.contains("items") && !valid(v[i], s["items"])) return false;
      }
    }
    if (v.is_object()) {
      for (size_t i = 0; s.contains("required") && i < s["required"].size(); ++i) {
        if (!v.contains(s["required"][i].get<std::string>())) return false;
      }
      for (const auto& [key, member] : v.items()) {
        const bool named = s.contains("properties") && s["properties"].contains(key);
        if (named && !valid(member, s["properties"][key])) return false;
        if (!named && s.contains("additionalProperties") && !valid(member, s["additionalProperties"]))
          return false;
      }
    }
    return true;
  }

  bool combination_valid(const io::Json& v, const io::Json& s) const {
    const auto count = [&](const char* keyword) {
      size_t holds = 0;
      for (const io::Json& one : s[keyword]) holds += valid(v, one) ? 1 : 0;
      return holds;
    };
    return (!s.contains("allOf") || count("allOf") == s["allOf"].size()) &&
           (!s.contains("anyOf") || count("anyOf") > 0) && (!s.contains("oneOf") || count("oneOf") == 1);
  }

  const io::Json& root_;
};

}  // namespace hearth::text
