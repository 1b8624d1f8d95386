// Where one call ends, for each syntax. See call_syntax.h.
#include <algorithm>
#include <array>
#include <utility>

#include "wire/call_syntax.h"

namespace hearth::wire {
namespace {

constexpr size_t kMaxHeadBytes = 512;
constexpr int kMaxDepth = 120;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// {"name": "f", "arguments": {...}}, members in any order; the first one must be such as calls have, so that
/// an answer that is JSON for its own sake is known as text early.
class JsonCallScanner : public CallScanner {
 public:
  Scan feed(char byte) override {
    const bool was_string = json_.in_string();
    const int was_depth = json_.depth();
    const Scan scan = json_.feed(byte);
    const size_t at = length_++;
    if (scan == Scan::kBad) return scan;
    if (was_depth == 0 && byte != '{') return Scan::kBad;
    if (json_.in_string() && !was_string) {
      text_.clear();
    } else if (was_string && json_.in_string()) {
      if (was_depth == 1 && text_.size() <= kMaxHeadBytes) text_ += byte;
    } else if (was_string && was_depth == 1) {
      if (!string_ended()) return Scan::kBad;
    }
    const bool is_arguments = key_ == "arguments" || key_ == "parameters";
    if (was_depth == 1 && json_.depth() == 2 && byte == '{' && is_arguments && !head_.name.empty() &&
        head_.arguments_begin == std::string::npos) {
      head_.arguments_begin = at;
    } else if (was_depth == 2 && json_.depth() == 1 && head_.arguments_begin != std::string::npos &&
               head_.arguments_end == std::string::npos) {
      head_.arguments_end = at + 1;
    }
    return scan;
  }
  const Head* head() const override { return head_.arguments_begin == std::string::npos ? nullptr : &head_; }

 private:
  bool string_ended() {
    if (json_.string_is_key()) {
      key_ = text_;
      static constexpr std::array<std::string_view, 6> kKeys = {"name", "arguments", "parameters",
                                                                "type", "function",  "id"};
      const bool known = std::find(kKeys.begin(), kKeys.end(), key_) != kKeys.end();
      const bool first = !std::exchange(any_key_, true);
      return known || !first;
    }
    // A name with escapes is left to the whole call's parse.
    if (key_ == "name" && text_.find('\\') == std::string::npos) head_.name = text_;
    if (key_ == "id" && text_.find('\\') == std::string::npos) head_.id = text_;
    return true;
  }

  JsonScanner json_;
  Head head_;
  std::string text_;  // of the string at depth 1
  std::string key_;   // the member at depth 1
  bool any_key_ = false;
  size_t length_ = 0;
};

/// f[ARGS]{...} and f[CALL_ID]x[ARGS]{...}; the markers may be hidden control tokens: f{...}.
class NameArgsScanner : public CallScanner {
 public:
  Scan feed(char byte) override {
    const size_t at = length_++;
    if (head_.arguments_begin == std::string::npos) {
      if (byte != '{') {
        const bool right = is_call_name_byte(byte) || byte == '[' || byte == ']' || is_space(byte);
        text_ += byte;
        return right && text_.size() <= kMaxHeadBytes ? Scan::kMore : Scan::kBad;
      }
      if (!read_head()) return Scan::kBad;
      head_.arguments_begin = at;
    }
    const Scan scan = json_.feed(byte);
    if (scan == Scan::kDone) head_.arguments_end = at + 1;
    return scan;
  }
  const Head* head() const override { return head_.arguments_begin == std::string::npos ? nullptr : &head_; }

 private:
  static std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
  }
  bool read_head() {
    std::string_view rest = trim(text_);
    constexpr std::string_view kArgs = "[ARGS]";
    constexpr std::string_view kId = "[CALL_ID]";
    if (rest.ends_with(kArgs)) rest = trim(rest.substr(0, rest.size() - kArgs.size()));
    if (const size_t id = rest.find(kId); id != std::string_view::npos) {
      head_.id = trim(rest.substr(id + kId.size()));
      rest = trim(rest.substr(0, id));
    }
    head_.name = rest;
    return !rest.empty() && rest.find_first_of("[] \t\r\n") == std::string_view::npos;
  }

  JsonScanner json_;
  Head head_;
  std::string text_;
  size_t length_ = 0;
};

/// f(...) with brackets and quoted strings inside.
class PythonicScanner : public CallScanner {
 public:
  Scan feed(char byte) override {
    if (depth_ == 0) {
      if (byte == '(' && length_ > 0) {
        ++depth_;
        return Scan::kMore;
      }
      const bool right = is_space(byte) ? length_ > 0 : is_call_name_byte(byte) && !spaced_;
      spaced_ = spaced_ || is_space(byte);
      return right && ++length_ <= kMaxHeadBytes ? Scan::kMore : Scan::kBad;
    }
    if (quote_ != 0) {
      if (escaped_) {
        escaped_ = false;
      } else if (byte == '\\') {
        escaped_ = true;
      } else if (byte == quote_) {
        quote_ = 0;
      }
      return Scan::kMore;
    }
    if (byte == '"' || byte == '\'') quote_ = byte;
    if (byte == '(' || byte == '[' || byte == '{') return ++depth_ <= kMaxDepth ? Scan::kMore : Scan::kBad;
    if (byte == ')' || byte == ']' || byte == '}')
      return --depth_ > 0 ? Scan::kMore : byte == ')' ? Scan::kDone : Scan::kBad;
    return Scan::kMore;
  }

 private:
  size_t length_ = 0;
  bool spaced_ = false;
  int depth_ = 0;
  char quote_ = 0;
  bool escaped_ = false;
};

/// Looks for a literal whose first byte does not occur in it again.
class LiteralFinder {
 public:
  explicit LiteralFinder(std::string_view literal) : literal_(literal) {}
  /// True when the literal has just been completed.
  bool feed(char byte) {
    matched_ = byte == literal_[matched_] ? matched_ + 1 : byte == literal_[0] ? 1 : 0;
    if (matched_ < literal_.size()) return false;
    matched_ = 0;
    return true;
  }

 private:
  std::string_view literal_;
  size_t matched_ = 0;
};

/// <function=f> ... </function>
class XmlScanner : public CallScanner {
 public:
  Scan feed(char byte) override {
    const size_t at = length_++;
    if (at < kOpen.size()) return byte == kOpen[at] ? Scan::kMore : Scan::kBad;
    if (in_name_) {
      if (byte == '>' && at > kOpen.size()) {
        in_name_ = false;
        return Scan::kMore;
      }
      return is_call_name_byte(byte) && at < kMaxHeadBytes ? Scan::kMore : Scan::kBad;
    }
    return end_.feed(byte) ? Scan::kDone : Scan::kMore;
  }

 private:
  static constexpr std::string_view kOpen = "<function=";
  size_t length_ = 0;
  bool in_name_ = true;
  LiteralFinder end_{"</function>"};
};

/// call:f{...} with strings between quote marks.
class ColonScanner : public CallScanner {
 public:
  explicit ColonScanner(std::string_view quote) : quote_(quote) {}
  Scan feed(char byte) override {
    const size_t at = length_++;
    if (at < kOpen.size()) return byte == kOpen[at] ? Scan::kMore : Scan::kBad;
    if (depth_ == 0) {
      if (byte == '{' && at > kOpen.size()) {
        ++depth_;
        return Scan::kMore;
      }
      return is_call_name_byte(byte) && at < kMaxHeadBytes ? Scan::kMore : Scan::kBad;
    }
    if (quote_.feed(byte)) {
      quoted_ = !quoted_;
      return Scan::kMore;
    }
    if (quoted_) return Scan::kMore;
    if (byte == '{' || byte == '[') return ++depth_ <= kMaxDepth ? Scan::kMore : Scan::kBad;
    if (byte == '}' || byte == ']')
      return --depth_ > 0 ? Scan::kMore : byte == '}' ? Scan::kDone : Scan::kBad;
    return Scan::kMore;
  }

 private:
  static constexpr std::string_view kOpen = "call:";
  size_t length_ = 0;
  int depth_ = 0;
  LiteralFinder quote_;
  bool quoted_ = false;
};

}  // namespace

bool is_call_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

std::unique_ptr<CallScanner> make_call_scanner(CallSyntax syntax, const AnswerFormat& format) {
  switch (syntax) {
    case CallSyntax::kNameArgs:
      return std::make_unique<NameArgsScanner>();
    case CallSyntax::kPythonic:
      return std::make_unique<PythonicScanner>();
    case CallSyntax::kXml:
      return std::make_unique<XmlScanner>();
    case CallSyntax::kColon:
      return std::make_unique<ColonScanner>(format.quote);
    default:
      return std::make_unique<JsonCallScanner>();
  }
}

}  // namespace hearth::wire
