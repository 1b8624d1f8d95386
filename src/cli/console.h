// Where the command line writes: answers to stdout, everything else to stderr, progress only where a person
// is watching. Also the one interrupt flag (Ctrl-C) of the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::cli {

class Console {
 public:
  Console();

  /// Bytes of the answer, flushed. False from the first write that failed on (full disk, closed pipe).
  bool out(std::string_view text);
  /// Errors: kIo when a write to stdout failed.
  Status out_status() const;
  /// One line to stderr.
  void note(std::string_view line);
  /// Lines of note() begin with the time (UTC) from now on, unless stderr is the journal, which adds its own.
  void stamp_notes();
  /// One dim line to stderr, only on a terminal.
  void dim(std::string_view line);
  /// Redraws a progress line on a terminal; `fraction` in [0, 1] or negative when unknown. Elsewhere a plain
  /// line every ten per cent.
  void progress(std::string_view label, double fraction, std::string_view detail);
  /// Ends a progress line.
  void progress_done();

  bool out_is_terminal() const { return out_is_terminal_; }
  bool err_is_terminal() const { return err_is_terminal_; }
  bool in_is_terminal() const { return in_is_terminal_; }

 private:
  void end_progress();

  bool out_is_terminal_;
  bool err_is_terminal_;
  bool in_is_terminal_;
  bool stamps_ = false;
  int last_decile_ = -1;
  std::mutex progress_mutex_;  // a server loads on one thread and tells on others
  bool progress_open_ = false;
  int out_error_ = 0;  // errno of the first failed write
};

/// Set by the first Ctrl-C or SIGTERM; a second one within a verb that does not look at it ends the process.
std::atomic<bool>& interrupted();
/// Set by SIGTERM, never taken back: the process is asked to end.
std::atomic<bool>& terminated();
void install_signal_handlers();
/// Set by SIGHUP from heed_hangups() on; before, it ends the process.
std::atomic<bool>& hangup();
void heed_hangups();

/// "1.2 GiB", "417 MiB", "12 B".
std::string format_bytes(double bytes);
/// "1:02:03", "2:05", "0.4 s".
std::string format_duration(double seconds);

}  // namespace hearth::cli
