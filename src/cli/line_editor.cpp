// libedit on a terminal, fgets elsewhere.
#include "cli/line_editor.h"

#include <histedit.h>

#include <cstdio>

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
