// Builds the tree from nlohmann-json's SAX events: its parser keeps its own stack, so depth and memory can be
// limited here.
#include "io/json.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "io/file.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

// The vector beneath an ordered object: its own operator[] and insertion search all keys, quadratic on a
// vocabulary.
using Members = Json::object_t::Container;

constexpr uint64_t kNodeBytes = 48;  // a value with its share of the container and of the allocator
constexpr uint64_t kMaxMessageBytes = 200;

/// "line 3, column 7" of a byte offset; columns count bytes from 1.
std::string place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t newline = before.rfind('\n');
  const size_t column = newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return concat("line ", line, ", column ", column);
}

/// nlohmann: "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while ... -
/// unexpected ...".
std::string_view reason_of(std::string_view what) {
  const size_t column = what.find("column ");
  const size_t colon = what.find(": ", column == std::string_view::npos ? 0 : column);
  return colon == std::string_view::npos ? what : what.substr(colon + 2);
}

/// The text of a library error on one printable line, without the quotes that printable() adds.
std::string one_line(std::string_view text) {
  const bool cut = text.size() > kMaxMessageBytes;
  std::string out;
  for (const char c : text.substr(0, kMaxMessageBytes)) out.push_back(c >= 0x20 && c < 0x7F ? c : '?');
  return cut ? out + "..." : out;
}

class TreeBuilder {
 public:
  TreeBuilder(std::string_view text, std::string_view name, const JsonLimits& limits)
      : text_(text),
        name_(name),
        limits_(limits),
        budget_(static_cast<uint64_t>(limits.max_memory_bytes) + 3 * text.size()) {}

  // SAX events of nlohmann-json; false stops the parser.
  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) {
    return spend(sizeof(std::string) + value.size()) && add(std::move(value));
  }
  bool binary(std::vector<uint8_t>&) { return false; }
  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool key(std::string& value) {
    if (!spend(sizeof(std::string) + value.size())) return false;
    // Straight into the vector beneath: the map's own insertion searches all earlier keys, quadratic on a
    // vocabulary.
    Members& members = *stack_.back()->get_ptr<Json::object_t*>();
    members.emplace_back(std::move(value), Json());
    return true;
  }
  bool end_object() {
    if (!resolve_duplicates(*stack_.back()->get_ptr<Json::object_t*>())) return false;
    stack_.pop_back();
    return true;
  }
  bool end_array() {
    stack_.pop_back();
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& exception) {
    const size_t offset = position == 0 ? text_.size() : position - 1;
    error_ = fail(ErrorCode::kCorrupt, name_, ": ", place_of(text_, offset),
                  ": not valid JSON: ", one_line(reason_of(exception.what())));
    return false;
  }

  Result<Json> finish(bool complete) {
    if (complete && !error_) return std::move(root_);
    return error_.value_or(fail(ErrorCode::kCorrupt, name_, ": not valid JSON"));
  }

 private:
  bool spend(uint64_t bytes) {
    if (bytes <= budget_) {
      budget_ -= bytes;
      return true;
    }
    error_ = fail(ErrorCode::kTooLarge, name_, ": this JSON of ", human_bytes(text_.size()),
                  " needs too much memory");
    return false;
  }

  /// Members were appended unchecked; sorting their indices finds equal keys in n log n.
  bool resolve_duplicates(Members& members) {
    std::vector<uint32_t> order(members.size());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      const int compared = members[a].first.compare(members[b].first);
      return compared != 0 ? compared < 0 : a < b;
    });
    std::vector<bool> drop(members.size());
    bool any = false;
    for (size_t i = order.size();
         i-- > 1;) {  // from the last of equal keys to the first, handing the value on
      auto& earlier = members[order[i - 1]];
      auto& later = members[order[i]];
      if (earlier.first != later.first) continue;
      if (limits_.reject_duplicate_keys) {
        error_ = fail(ErrorCode::kCorrupt, name_, ": the key ", printable(later.first),
                      " occurs twice in one JSON object");
        return false;
      }
      earlier.second = std::move(later.second);
      drop[order[i]] = true;
      any = true;
    }
    if (!any) return true;
    Members kept;
    for (size_t i = 0; i < members.size(); ++i) {
      if (!drop[i]) kept.emplace_back(members[i].first, std::move(members[i].second));
    }
    members.swap(kept);
    return true;
  }

  /// Where the next value belongs: the root, the end of an array, or the member whose key came last.
  Json* place(Json&& value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (auto* array = stack_.back()->get_ptr<Json::array_t*>()) return &array->emplace_back(std::move(value));
    Members& members = *stack_.back()->get_ptr<Json::object_t*>();
    members.back().second = std::move(value);
    return &members.back().second;
  }

  bool add(Json value) {
    if (!spend(kNodeBytes)) return false;
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (static_cast<int64_t>(stack_.size()) >= limits_.max_depth) {
      error_ = fail(ErrorCode::kTooLarge, name_, ": JSON nested deeper than ", limits_.max_depth, " levels");
      return false;
    }
    if (!spend(2 * kNodeBytes)) return false;
    stack_.push_back(place(std::move(container)));
    return true;
  }

  std::string_view text_;
  std::string_view name_;
  JsonLimits limits_;
  uint64_t budget_;
  Json root_;
  std::vector<Json*>
      stack_;  // open containers; a parent does not grow while its child is open, so pointers stay valid
  std::optional<Error> error_;
};

Error wrong_type(std::string_view key, const Json& value, std::string_view wanted) {
  return fail(ErrorCode::kCorrupt, "JSON key ", printable(key), " is of type ", value.type_name(),
              ", needed is ", wanted);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view name, const JsonLimits& limits) {
  if (static_cast<int64_t>(text.size()) > limits.max_bytes) {
    return fail(ErrorCode::kTooLarge, name, ": JSON of ", human_bytes(text.size()), ", at most ",
                human_bytes(static_cast<uint64_t>(limits.max_bytes)), " are allowed");
  }
  TreeBuilder builder(text, name, limits);
  try {
    const bool complete = Json::sax_parse(text.begin(), text.end(), &builder);
    return builder.finish(complete);
  } catch (const std::exception& exception) {
    return fail(ErrorCode::kCorrupt, name, ": not valid JSON: ", one_line(exception.what()));
  }
}

Result<Json> read_json(const std::filesystem::path& path, const JsonLimits& limits) {
  HEARTH_ASSIGN(const std::string text, read_file(path, static_cast<uint64_t>(limits.max_bytes)));
  return parse_json(text, path.string(), limits);
}

std::string dump_json(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* json_find(const Json& object, std::string_view key) {
  const auto* members = object.get_ptr<const Json::object_t*>();
  if (members == nullptr) return nullptr;
  for (const auto& member : *members) {
    if (member.first == key) return member.second.is_null() ? nullptr : &member.second;
  }
  return nullptr;
}

Result<std::optional<int64_t>> json_int(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (value == nullptr) return std::optional<int64_t>();
  if (const auto* number = value->get_ptr<const uint64_t*>()) {
    if (*number <= static_cast<uint64_t>(INT64_MAX)) return std::optional(static_cast<int64_t>(*number));
    return fail(ErrorCode::kCorrupt, "JSON key ", printable(key), " holds a number that is out of range");
  }
  if (const auto* number = value->get_ptr<const int64_t*>()) return std::optional(*number);
  // 1e6 and 4096.0 are integers too, as long as a double holds them exactly.
  if (const auto* number = value->get_ptr<const double*>()) {
    if (std::trunc(*number) == *number && std::fabs(*number) <= 0x1p53) {
      return std::optional(static_cast<int64_t>(*number));
    }
  }
  return wrong_type(key, *value, "an integer");
}

Result<std::optional<double>> json_float(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (value == nullptr) return std::optional<double>();
  if (value->is_number()) return std::optional(value->get<double>());
  return wrong_type(key, *value, "a number");
}

Result<std::optional<bool>> json_bool(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (value == nullptr) return std::optional<bool>();
  if (const auto* flag = value->get_ptr<const bool*>()) return std::optional(*flag);
  return wrong_type(key, *value, "true or false");
}

Result<std::optional<std::string>> json_string(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (value == nullptr) return std::optional<std::string>();
  if (const auto* text = value->get_ptr<const std::string*>()) return std::optional(*text);
  return wrong_type(key, *value, "a string");
}

}  // namespace hearth::io
