// Starting and describing checks.
#include "cli/model_check.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string_view>
#include <vector>

#include "capi/heed_verdict.h"

extern char** environ;

namespace hearth::cli {
namespace {

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f%%", 100 * share);
  return text;
}

std::string figures(double kld, double top1) {
  char text[48];
  std::snprintf(text, sizeof(text), "KL %.2g", kld);
  return concat(text, ", first choice ", percent(top1));
}

/// The environment for a process in another folder.
std::vector<std::string> environment_elsewhere() {
  constexpr std::string_view kHome = "HEARTH_HOME=";
  std::vector<std::string> out;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    std::error_code error;
    out.emplace_back(text);
    if (!text.starts_with(kHome) || text.size() == kHome.size()) continue;
    const auto home = std::filesystem::absolute(text.substr(kHome.size()), error);
    if (!error) out.back() = concat(kHome, home.string());
  }
  return out;
}

}  // namespace

void check_in_background(const std::string& model, const LoadFlags& flags) {
  if (flags.no_check || flags.no_pack_cache || flags.reference || capi::checks_switched_off()) return;
  const auto path = resolve_model(model);
  if (!path) return;
  const auto place = capi::place_of(*path);
  if (!place || store::read_verdict(*place)) return;
  std::string program = "hearth", verb = "check", option = "--background", end = "--";
  std::string target = std::filesystem::absolute(*path).string();
  char* arguments[] = {program.data(), verb.data(), option.data(), end.data(), target.data(), nullptr};
  std::vector<std::string> variables = environment_elsewhere();
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  if (::posix_spawn_file_actions_init(&files) != 0) return;
  if (::posix_spawnattr_init(&attributes) == 0) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY,
                                         0);
    // Nothing of this process is held: no pipe or lock of whoever started it, no folder.
    ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    ::posix_spawn_file_actions_addchdir_np(&files, "/");
    // A session of its own: closing the terminal or Ctrl-C there does not reach it.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    pid_t child = 0;
    ::posix_spawn(&child, "/proc/self/exe", &files, &attributes, arguments, environment.data());
    ::posix_spawnattr_destroy(&attributes);
  }
  ::posix_spawn_file_actions_destroy(&files);
}

void run_in_background() {
  ::setpriority(PRIO_PROCESS, 0, 19);
  const sched_param none = {};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
  constexpr int kIoProcess = 1, kIoIdle = 3 << 13;
  ::syscall(SYS_ioprio_set, kIoProcess, 0, kIoIdle);
}

std::string describe_fallbacks(const std::string& kv_format,
                               const std::vector<std::string>& float32_tensors) {
  std::string text = kv_format.empty() ? "" : "a KV cache of " + kv_format;
  if (float32_tensors.empty()) return text;
  const bool one = float32_tensors.size() == 1;
  return concat(text, text.empty() ? "" : " and ", float32_tensors.size(), one ? " tensor" : " tensors",
                " in float32 (", float32_tensors.front(), one ? ")" : ", ...)");
}

std::string describe(const store::Verdict& v) {
  if (!v.error.empty()) return concat("could not be checked: ", v.error);
  std::string text =
      concat(figures(v.kld_mean, v.top1_agreement), " against float32 on ", v.tokens, " tokens");
  if (v.kv_fallback.empty() && v.float32_tensors.empty()) {
    return text + (v.within_bounds ? "; the fast path is good" : "; beyond the bounds, and nothing helps");
  }
  return concat(text, "; loaded with ", describe_fallbacks(v.kv_fallback, v.float32_tensors), ": ",
                figures(v.chosen_kld_mean, v.chosen_top1_agreement),
                v.within_bounds ? "" : ", still beyond the bounds");
}

}  // namespace hearth::cli
