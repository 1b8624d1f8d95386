// A pushdown automaton for RFC 8259. See json_scanner.h.
#include "wire/json_scanner.h"

namespace hearth::wire {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

Scan JsonScanner::open(bool object) {
  if (depth_ == kMaxDepth) return Scan::kBad;
  object_[static_cast<size_t>(depth_++)] = object;
  return go(object ? State::kKeyOrEnd : State::kValueOrEnd);
}

Scan JsonScanner::close(bool object) {
  if (in_object() != object) return Scan::kBad;
  --depth_;
  state_ = State::kCommaOrEnd;
  return depth_ == 0 ? Scan::kDone : Scan::kMore;
}

Scan JsonScanner::value(char byte) {
  if (byte == '{' || byte == '[') return open(byte == '{');
  if (depth_ == 0) return Scan::kBad;
  if (byte == '"') {
    key_ = false;
    return go(State::kString);
  }
  if (byte == '-') return go(State::kMinus);
  if (byte == '0') return go(State::kZero);
  if (is_digit(byte)) return go(State::kInteger);
  literal_left_ = byte == 't' ? "rue" : byte == 'f' ? "alse" : byte == 'n' ? "ull" : "";
  return literal_left_.empty() ? Scan::kBad : go(State::kLiteral);
}

Scan JsonScanner::string(char byte) {
  if (state_ == State::kHex) {
    if (!is_hex(byte)) return Scan::kBad;
    return --hex_left_ == 0 ? go(State::kString) : Scan::kMore;
  }
  if (state_ == State::kEscape) {
    hex_left_ = 4;
    if (byte == 'u') return go(State::kHex);
    return std::string_view("\"\\/bfnrt").find(byte) == std::string_view::npos ? Scan::kBad
                                                                               : go(State::kString);
  }
  if (byte == '"') return go(key_ ? State::kColon : State::kCommaOrEnd);
  if (byte == '\\') return go(State::kEscape);
  return static_cast<unsigned char>(byte) < 0x20 ? Scan::kBad : Scan::kMore;
}

Scan JsonScanner::number(char byte) {
  const bool digit = is_digit(byte);
  switch (state_) {
    case State::kMinus:
      if (!digit) return Scan::kBad;
      return go(byte == '0' ? State::kZero : State::kInteger);
    case State::kDot:
      return digit ? go(State::kFraction) : Scan::kBad;
    case State::kExponent:
      if (byte == '+' || byte == '-') return go(State::kExponentSign);
      return digit ? go(State::kExponentDigits) : Scan::kBad;
    case State::kExponentSign:
      return digit ? go(State::kExponentDigits) : Scan::kBad;
    default:
      break;
  }
  // Here the number may end.
  if (digit && state_ != State::kZero) return Scan::kMore;
  const bool before_point = state_ == State::kZero || state_ == State::kInteger;
  if (byte == '.' && before_point) return go(State::kDot);
  if ((byte == 'e' || byte == 'E') && state_ != State::kExponentDigits) return go(State::kExponent);
  state_ = State::kCommaOrEnd;
  return structure(byte);
}

Scan JsonScanner::structure(char byte) {
  if (is_space(byte)) return Scan::kMore;
  switch (state_) {
    case State::kValueOrEnd:
      if (byte == ']') return close(false);
      return value(byte);
    case State::kKeyOrEnd:
      if (byte == '}') return close(true);
      [[fallthrough]];
    case State::kKey:
      key_ = true;
      return byte == '"' ? go(State::kString) : Scan::kBad;
    case State::kColon:
      return byte == ':' ? go(State::kValue) : Scan::kBad;
    case State::kCommaOrEnd:
      if (byte == ',') return go(in_object() ? State::kKey : State::kValue);
      return byte == '}' || byte == ']' ? close(byte == '}') : Scan::kBad;
    default:
      return value(byte);
  }
}

Scan JsonScanner::feed(char byte) {
  switch (state_) {
    case State::kString:
    case State::kEscape:
    case State::kHex:
      return string(byte);
    case State::kLiteral:
      if (byte != literal_left_.front()) return Scan::kBad;
      literal_left_.remove_prefix(1);
      return literal_left_.empty() ? go(State::kCommaOrEnd) : Scan::kMore;
    case State::kValue:
    case State::kValueOrEnd:
    case State::kKey:
    case State::kKeyOrEnd:
    case State::kColon:
    case State::kCommaOrEnd:
      return structure(byte);
    default:
      return number(byte);
  }
}

}  // namespace hearth::wire
