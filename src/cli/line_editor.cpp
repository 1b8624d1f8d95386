// libedit on a terminal, fgets elsewhere.
#include "cli/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cwchar>

#include "cli/console.h"

namespace hearth::cli {

struct LineEditor::Impl {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string prompt;
};

namespace {

constexpr int kHistoryLines = 500;

const char* current_prompt(EditLine* editor) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return static_cast<std::string*>(data)->c_str();
}

/// Waits for a byte on standard input; false when a signal came. The wait looks up now and then, because a
/// signal just before a read would not end it.
bool wait_for_input() {
  constexpr int kLookUp_ms = 100;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (!interrupted().load()) {
    if (poll(&input, 1, kLookUp_ms) > 0) return true;
  }
  errno = EINTR;
  return false;
}

/// One character for the editor: 1, 0 at the end of input, -1 when interrupted. What is no character is
/// skipped.
int read_character(EditLine*, wchar_t* out) {
  std::mbstate_t state{};
  while (wait_for_input()) {
    char byte = 0;
    const ssize_t got = read(STDIN_FILENO, &byte, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return static_cast<int>(got);
    const size_t used = std::mbrtowc(out, &byte, 1, &state);
    if (used == static_cast<size_t>(-1)) state = {};
    if (used <= 1) return 1;
  }
  return -1;
}

}  // namespace

LineEditor::LineEditor(bool editing) : impl_(std::make_unique<Impl>()) {
  if (!editing) return;
  impl_->editor = el_init("hearth", stdin, stdout, stderr);
  impl_->history = history_init();
  if (!impl_->editor || !impl_->history) return;
  HistEvent event;
  history(impl_->history, &event, H_SETSIZE, kHistoryLines);
  el_set(impl_->editor, EL_CLIENTDATA, &impl_->prompt);
  el_set(impl_->editor, EL_PROMPT, current_prompt);
  el_set(impl_->editor, EL_GETCFN, read_character);
  el_set(impl_->editor, EL_EDITOR, "emacs");
  el_set(impl_->editor, EL_HIST, history, impl_->history);
}

LineEditor::~LineEditor() {
  if (impl_->history) history_end(impl_->history);
  if (impl_->editor) el_end(impl_->editor);
}

LineEditor::Outcome LineEditor::read(const std::string& prompt, std::string& line) {
  line.clear();
  if (!impl_->editor) {
    int c = 0;
    while ((c = std::getc(stdin)) != EOF && c != '\n') line.push_back(static_cast<char>(c));
    if (interrupted().load()) return Outcome::kInterrupted;
    return c == EOF && line.empty() ? Outcome::kEnd : Outcome::kLine;
  }
  impl_->prompt = prompt;
  int length = 0;
  const char* text = el_gets(impl_->editor, &length);
  if (interrupted().load()) return Outcome::kInterrupted;
  if (!text || length <= 0) return Outcome::kEnd;
  line.assign(text, static_cast<size_t>(length));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  if (!line.empty()) {
    HistEvent event;
    history(impl_->history, &event, H_ENTER, text);
  }
  return Outcome::kLine;
}

}  // namespace hearth::cli
