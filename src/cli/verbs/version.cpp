// hearth version: what was built.
#include <CLI/CLI.hpp>

#include "cli/verb.h"

namespace hearth::cli {
namespace {

class VersionCommand : public Command {
 public:
  void declare(CLI::App&) override {}
  Status run(Console& console) override {
    console.out("hearth " HEARTH_VERSION "\n");
    return {};
  }
};

}  // namespace

const Verb& verb_version() {
  static const Verb kVerb{"version", "print the version", "  hearth version\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<VersionCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
