// Follows JSON byte by byte as it is written, and tells at each byte whether it is still right and when the
// value is complete. Builds nothing: for text that must be passed on before it is all there.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

namespace hearth::wire {

enum class Scan {
  kMore,  // right so far
  kDone,  // this byte was the last
  kBad,   // this byte cannot stand here
};

/// One object or list (a bare number has no last byte). After kDone or kBad nothing may be fed.
class JsonScanner {
 public:
  static constexpr int kMaxDepth = 120;

  Scan feed(char byte);
  int depth() const { return depth_; }  // open objects and lists
  /// The byte just fed: opened or closed a string; and whether that is a member's name.
  bool in_string() const {
    return state_ == State::kString || state_ == State::kEscape || state_ == State::kHex;
  }
  bool string_is_key() const { return key_; }
  bool in_object() const { return depth_ > 0 && object_[static_cast<size_t>(depth_ - 1)]; }

 private:
  enum class State {
    kValue,
    kValueOrEnd,
    kKey,
    kKeyOrEnd,
    kColon,
    kCommaOrEnd,
    kString,
    kEscape,
    kHex,
    kLiteral,
    kMinus,
    kZero,
    kInteger,
    kDot,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
  };
  Scan value(char byte);
  Scan open(bool object);
  Scan close(bool object);
  Scan string(char byte);
  Scan number(char byte);
  Scan structure(char byte);
  Scan go(State state) {
    state_ = state;
    return Scan::kMore;
  }

  State state_ = State::kValue;
  int depth_ = 0;
  std::bitset<kMaxDepth> object_;
  bool key_ = false;
  int hex_left_ = 0;
  std::string_view literal_left_;
};

}  // namespace hearth::wire
