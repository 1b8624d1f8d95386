// The filters of jinja2, with tojson as transformers replaces it. A filter is one row: its name and its
// function. Must not know the syntax tree.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/runtime.h"

namespace hearth::text::jinja {

struct FilterEntry {
  std::string_view name;
  Result<Value> (*apply)(Runtime& runtime, const Value& value, const Args& args);
};

/// Null when there is none.
const FilterEntry* find_filter(std::string_view name);
/// jinja2 has it and hearth does not: HTML and prose formatting that no chat template uses.
bool is_unsupported_filter(std::string_view name);

std::span<const FilterEntry> text_filters();      // filters_text.cpp
std::span<const FilterEntry> sequence_filters();  // filters_sequence.cpp
std::span<const FilterEntry> select_filters();    // filters_select.cpp

/// A value looked up along a dotted path ("function.name", 0): what the attribute arguments of filters mean.
class AttributePath {
 public:
  /// `attribute`: text, int, none or kMissing (the value itself). `comma_separated`: several paths, giving a
  /// list.
  static Result<AttributePath> create(Runtime& runtime, const Value& attribute, bool comma_separated = false);
  /// `fallback` replaces undefined values on the way unless it is kMissing or none.
  Result<Value> get(Runtime& runtime, const Value& item, const Value& fallback = Value::missing(),
                    bool lower_case = false) const;

 private:
  std::vector<std::vector<Value>> paths_;
  bool is_list_ = false;
};

}  // namespace hearth::text::jinja
