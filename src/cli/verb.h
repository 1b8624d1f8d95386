// The verb table of the command line: one file per verb in src/cli/verbs, found by CMake. A verb declares its
// options and runs; only this module prints or ends the process.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/console.h"

namespace CLI {
class App;
}

namespace hearth::cli {

/// One invocation of a verb: declare() binds options to members, run() acts on them.
class Command {
 public:
  virtual ~Command() = default;
  virtual void declare(CLI::App& app) = 0;
  /// Errors are printed by main as one line; kUsage exits with 2, everything else with 1.
  virtual Status run(Console& console) = 0;
};

/// A row of the table.
struct Verb {
  std::string_view name;
  std::string_view summary;   // one line, lower case, no full stop
  std::string_view examples;  // lines shown under "Examples:" in --help
  std::unique_ptr<Command> (*make)();
};

/// All verbs, generated from src/cli/verbs/*.cpp; each defines `const Verb& verb_<file name>()`.
std::span<const Verb* const> verb_registry();

}  // namespace hearth::cli
