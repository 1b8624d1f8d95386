// Terminal detection, the progress line and signals.
#include "cli/console.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace hearth::cli {
namespace {

int terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

/// "2026-01-31T12:34:56.789Z "
std::string time_stamp() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof(text) - size, ".%03dZ ", static_cast<int>(now.tv_nsec / 1000000));
  return text;
}

/// systemd names the stream that it gave to the process: "device:inode".
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (!stream || fstat(STDERR_FILENO, &status) != 0) return false;
  return concat(uint64_t{status.st_dev}, ":", uint64_t{status.st_ino}) == stream;
}

void on_signal(int signal) {
  if (signal == SIGTERM) terminated().store(true);
  if (interrupted().exchange(true)) _exit(128 + signal);
}

}  // namespace

Console::Console()
    : out_is_terminal_(isatty(STDOUT_FILENO) != 0),
      err_is_terminal_(isatty(STDERR_FILENO) != 0),
      in_is_terminal_(isatty(STDIN_FILENO) != 0) {}

bool Console::out(std::string_view text) {
  if (out_error_ != 0) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0) out_error_ = errno != 0 ? errno : EIO;
  return out_error_ == 0;
}

Status Console::out_status() const {
  if (out_error_ == 0) return {};
  return fail(ErrorCode::kIo, "cannot write to standard output: ", std::strerror(out_error_));
}

void Console::note(std::string_view line) {
  const std::lock_guard lock(progress_mutex_);
  end_progress();
  const std::string time = stamps_ ? time_stamp() : "";
  std::fprintf(stderr, "%s%.*s\n", time.c_str(), static_cast<int>(line.size()), line.data());
}

void Console::stamp_notes() {
  const std::lock_guard lock(progress_mutex_);
  stamps_ = !stderr_is_journal();
}

void Console::dim(std::string_view line) {
  if (!err_is_terminal_) return;
  const std::lock_guard lock(progress_mutex_);
  end_progress();
  std::fprintf(stderr, "\033[2m%.*s\033[0m\n", static_cast<int>(line.size()), line.data());
}

void Console::progress(std::string_view label, double fraction, std::string_view detail) {
  const std::lock_guard lock(progress_mutex_);
  if (!err_is_terminal_) {
    const int decile = fraction < 0 ? 0 : static_cast<int>(fraction * 10);
    if (decile == last_decile_) return;
    last_decile_ = decile;
    std::fprintf(stderr, "%.*s %d%% %.*s\n", static_cast<int>(label.size()), label.data(),
                 std::max(0, decile * 10), static_cast<int>(detail.size()), detail.data());
    return;
  }
  constexpr int kBarWidth = 24;
  std::string bar;
  if (fraction >= 0) {
    const int filled = static_cast<int>(std::lround(std::min(1.0, fraction) * kBarWidth));
    bar = " [" + std::string(static_cast<size_t>(filled), '#') +
          std::string(static_cast<size_t>(kBarWidth - filled), '.') + "] " +
          std::to_string(static_cast<int>(std::min(1.0, fraction) * 100)) + "%";
  }
  std::string line = std::string(label) + bar + " " + std::string(detail);
  const auto width = static_cast<size_t>(std::max(20, terminal_columns() - 1));
  if (line.size() > width) line.resize(width);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  progress_open_ = true;
}

void Console::progress_done() {
  const std::lock_guard lock(progress_mutex_);
  end_progress();
}

void Console::end_progress() {
  if (progress_open_) std::fputs("\r\033[K", stderr);
  progress_open_ = false;
  last_decile_ = -1;
}

std::atomic<bool>& interrupted() {
  static std::atomic<bool> flag{false};
  return flag;
}

std::atomic<bool>& terminated() {
  static std::atomic<bool> flag{false};
  return flag;
}

void install_signal_handlers() {
  interrupted();  // constructed before a signal can arrive
  terminated();
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit then shows as a failed write with an error line
}

std::atomic<bool>& hangup() {
  static std::atomic<bool> flag{false};
  return flag;
}

void heed_hangups() {
  hangup();
  struct sigaction action {};
  action.sa_handler = [](int) { hangup().store(true); };
  sigemptyset(&action.sa_mask);
  sigaction(SIGHUP, &action, nullptr);
}

std::string format_bytes(double bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), (unit == 0 || bytes >= 100) ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
  return text;
}

std::string format_duration(double seconds) {
  char text[32];
  if (seconds < 60) {
    std::snprintf(text, sizeof(text), "%.1f s", seconds);
    return text;
  }
  const auto whole = static_cast<long>(seconds);
  if (whole < 3600) {
    std::snprintf(text, sizeof(text), "%ld:%02ld", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof(text), "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return text;
}

}  // namespace hearth::cli
