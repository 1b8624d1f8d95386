// One tool call in each of the ways models write them: where it ends (byte by byte), and what it says.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/answer_format.h"
#include "wire/json_scanner.h"
#include "wire/request.h"

namespace hearth::wire {

/// Finds the end of one call. After kDone or kBad nothing may be fed.
class CallScanner {
 public:
  virtual ~CallScanner() = default;
  virtual Scan feed(char byte) = 0;

  /// While the call is written: its name and where its arguments stand as JSON, if that is known already.
  struct Head {
    std::string name;
    std::string id;
    size_t arguments_begin = std::string::npos;  // of the call's text
    size_t arguments_end = std::string::npos;    // npos: not ended yet
  };
  /// nullptr until the arguments have begun, or when the syntax does not write them as JSON.
  virtual const Head* head() const { return nullptr; }
};

std::unique_ptr<CallScanner> make_call_scanner(CallSyntax syntax, const AnswerFormat& format);

struct ParsedCall {
  std::string name;
  std::string id;
  std::string arguments;  // a JSON object
};
/// The call that `text` is, as far as the scanner saw it done. nullopt: not a call of one of these tools.
std::optional<ParsedCall> parse_call(CallSyntax syntax, std::string_view text, const AnswerFormat& format,
                                     const std::vector<Tool>& tools);

/// f(a="b", 1): positional arguments get the names of the schema's properties in their order.
std::optional<ParsedCall> parse_pythonic_call(std::string_view text, const std::vector<Tool>& tools);
/// call:f{a:<|"|>b<|"|>}, strings between two `quote`.
std::optional<ParsedCall> parse_colon_call(std::string_view text, std::string_view quote);

const Tool* find_tool(const std::vector<Tool>& tools, std::string_view name);
bool is_call_name_byte(char c);

}  // namespace hearth::wire
