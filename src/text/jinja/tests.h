// The tests of jinja2 (`is defined`, `is mapping` ...). Must not know the syntax tree.
#pragma once

#include <string_view>

#include "text/jinja/runtime.h"

namespace hearth::text::jinja {

struct TestEntry {
  std::string_view name;
  size_t argument_count;  // beside the value
  Result<bool> (*check)(Runtime& runtime, const Value& value, const Args& args);
};

/// Null when there is none.
const TestEntry* find_test(std::string_view name);
Result<bool> run_test(Runtime& runtime, const TestEntry& test, const Value& value, const Args& args);

}  // namespace hearth::text::jinja
