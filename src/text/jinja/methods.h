// The methods and attributes of Python's str, list, tuple and dict that a sandboxed template can reach.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/runtime.h"

namespace hearth::text::jinja {

struct MethodEntry {
  std::string_view name;
  /// Null for methods that change the object: the immutable sandbox hides them behind an unusable undefined.
  Result<Value> (*call)(Runtime& runtime, const Value& self, const Args& args);
};

/// Null when objects of this kind have no such method.
const MethodEntry* find_method(Kind kind, std::string_view name);

/// str.replace; a negative limit is none.
Result<std::string> replace_text(Runtime& runtime, std::string_view text, std::string_view from,
                                 std::string_view to, int64_t limit);

std::span<const MethodEntry> string_methods();  // methods_string.cpp

}  // namespace hearth::text::jinja
