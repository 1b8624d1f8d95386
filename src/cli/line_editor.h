// One line of input at a time: with editing and history on a terminal, plain elsewhere (so that chats can be
// scripted).
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace hearth::cli {

class LineEditor {
 public:
  /// `editing`: standard input is a terminal.
  explicit LineEditor(bool editing);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class Outcome { kLine, kInterrupted, kEnd };
  /// Reads one line (without its newline) into `line`.
  Outcome read(const std::string& prompt, std::string& line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::cli
