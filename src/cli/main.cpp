// The hearth binary: builds the command line from the verb table, runs one verb, maps its Status to an exit
// status. The only home of main and exit.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/nearest.h"
#include "cli/console.h"
#include "cli/verb.h"
#include "io/file.h"

namespace hearth::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

void say_error(std::string_view message) {
  std::string line = "hearth: ";
  for (const char c : message) line += (c == '\n' || c == '\r') ? ' ' : c;
  line += '\n';
  (void)!write(STDERR_FILENO, line.data(), line.size());
}

void on_truncated_file(const char* path) {
  static constexpr char kPrefix[] = "hearth: the file was cut short while it was in use: ";
  (void)!write(STDERR_FILENO, kPrefix, sizeof(kPrefix) - 1);
  (void)!write(STDERR_FILENO, path, __builtin_strlen(path));
  (void)!write(STDERR_FILENO, "\n", 1);
  _exit(kFailed);
}

struct Declared {
  const Verb* verb;
  CLI::App* app;
  std::unique_ptr<Command> command;
};

std::vector<Declared> declare_verbs(CLI::App& root) {
  std::vector<Declared> declared;
  for (const Verb* verb : verb_registry()) {
    CLI::App* app = root.add_subcommand(std::string(verb->name), std::string(verb->summary));
    auto command = verb->make();
    command->declare(*app);
    if (!verb->examples.empty()) app->footer("Examples:\n" + std::string(verb->examples));
    declared.push_back({verb, app, std::move(command)});
  }
  return declared;
}

/// CLI11 says "a subcommand is required" for a misspelt one; this says which was meant.
Status check_verb(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return {};
  std::vector<std::string> names;
  for (const Verb* verb : verb_registry()) names.emplace_back(verb->name);
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return {};
  return fail(ErrorCode::kUsage, "unknown verb '", argv[1], "'; did you mean '", nearest_name(argv[1], names),
              "'? (see hearth --help)");
}

int run(int argc, char** argv) {
  Console console;
  bool verbose = false;
  CLI::App root("hearth: small language models, fast and useful on the machine in front of you", "hearth");
  root.require_subcommand(1);
  root.set_version_flag("--version", "hearth " HEARTH_VERSION);
  root.add_flag("-v,--verbose", verbose, "Show debug lines on stderr");
  root.footer(
      "hearth VERB --help shows a verb's options and examples.\n"
      "Answers go to stdout, everything else to stderr. Exit status: 0 done, 1 failed, 2 wrong usage.");
  if (const Status known = check_verb(argc, argv); !known) {
    say_error(known.error().message);
    return kWrongUsage;
  }
  std::vector<Declared> verbs = declare_verbs(root);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return root.exit(error);  // --help, --version
    say_error(std::string(error.what()) + " (see hearth " +
              (argc > 1 && argv[1][0] != '-' ? std::string(argv[1]) + " " : "") + "--help)");
    return kWrongUsage;
  }
  set_log_sink([&console, verbose](LogLevel level, std::string_view line) {
    if (level >= LogLevel::kInfo || verbose) console.note(line);
  });
  for (Declared& declared : verbs) {
    if (!declared.app->parsed()) continue;
    Status status = declared.command->run(console);
    console.progress_done();
    if (status) status = console.out_status();
    if (status) return 0;
    say_error(status.error().message);
    return status.error().code == ErrorCode::kUsage ? kWrongUsage : kFailed;
  }
  return kWrongUsage;
}

}  // namespace
}  // namespace hearth::cli

int main(int argc, char** argv) {
  setlocale(LC_CTYPE, "");  // the line editor reads characters; numbers stay as in C
  hearth::cli::install_signal_handlers();
  hearth::io::install_mapping_guard(hearth::cli::on_truncated_file);
  try {
    return hearth::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    hearth::cli::say_error("out of memory; try a smaller model or a smaller --ctx");
  } catch (const std::exception& error) {
    hearth::cli::say_error(std::string("internal error: ") + error.what());
  }
  return 1;
}
