// Starting, heeding and describing checks.
#include "cli/model_check.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "store/store.h"

extern char** environ;

namespace hearth::cli {
namespace {

bool switched_off() {
  const char* value = std::getenv("HEARTH_NO_CHECK");
  return value && *value != '\0' && std::string_view(value) != "0";
}

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

}  // namespace

Result<store::PackedPlace> place_of(const std::filesystem::path& path) {
  HEARTH_ASSIGN(const auto home, store::Store::default_home());
  return store::packed_place(home, path);
}

void heed_verdict(const std::filesystem::path& path, engine::LoadOptions& options) {
  if (switched_off()) return;
  const auto place = place_of(path);
  if (!place) return;
  const auto verdict = store::read_verdict(*place);
  if (!verdict || !verdict->error.empty()) return;
  options.float32_tensors = verdict->float32_tensors;
  if (options.kv_format == "auto" && !verdict->kv_fallback.empty()) options.kv_format = verdict->kv_fallback;
}

void check_in_background(const std::string& model, const LoadFlags& flags) {
  if (flags.no_check || flags.reference || switched_off()) return;
  const auto path = resolve_model(model);
  if (!path) return;
  const auto place = place_of(*path);
  if (!place || store::read_verdict(*place)) return;
  std::string program = "/proc/self/exe", verb = "check", option = "--background", end = "--";
  std::string target = std::filesystem::absolute(*path).string();
  char* arguments[] = {program.data(), verb.data(), option.data(), end.data(), target.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  if (::posix_spawn_file_actions_init(&files) != 0) return;
  if (::posix_spawnattr_init(&attributes) == 0) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY,
                                         0);
    // A session of its own: closing the terminal or Ctrl-C there does not reach it.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    pid_t child = 0;
    ::posix_spawn(&child, program.c_str(), &files, &attributes, arguments, environ);
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

std::string describe(const store::Verdict& v) {
  if (!v.error.empty()) return concat("could not be checked: ", v.error);
  std::string text =
      concat(figures(v.kld_mean, v.top1_agreement), " against float32 on ", v.tokens, " tokens");
  if (v.kv_fallback.empty() && v.float32_tensors.empty()) {
    return text + (v.within_bounds ? "; the fast path is good" : "; beyond the bounds, and nothing helps");
  }
  text += "; loaded with";
  if (!v.kv_fallback.empty()) text += concat(" a KV cache of ", v.kv_fallback);
  if (!v.float32_tensors.empty()) {
    text += concat(v.kv_fallback.empty() ? " " : " and ", v.float32_tensors.size(),
                   v.float32_tensors.size() == 1 ? " tensor in float32 (" : " tensors in float32 (",
                   v.float32_tensors.front(), v.float32_tensors.size() == 1 ? ")" : ", ...)");
  }
  return concat(text, ": ", figures(v.chosen_kld_mean, v.chosen_top1_agreement),
                v.within_bounds ? "" : ", still beyond the bounds");
}

}  // namespace hearth::cli
