// hearth doctor: what this machine has, and which models fit; on request whether all that is kept is whole.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>

#include "base/cpus.h"
#include "cli/packed_state.h"
#include "cli/verb.h"
#include "io/file.h"
#include "io/json.h"
#include "kernels/isa.h"
#include "lab/machine_probe.h"
#include "model/memory.h"

namespace hearth::cli {
namespace {

/// Four-bit weights with a few six-bit tensors, and room for a few thousand tokens of context.
constexpr double kBytesPerParameter = 0.62;
constexpr double kOverheadBytes = 0.7e9;
constexpr std::array<double, 7> kSizesInBillions = {0.135, 0.6, 1.2, 3, 4, 8, 14};

class DoctorCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    auto* json = app.add_flag("--json", json_, "Print one JSON object");
    app.add_flag("--verify", verify_, "Read all models and packed weights in the store and check every byte")
        ->excludes(json);
  }

  Status run(Console& console) override {
    if (verify_) return verify_everything(console);
    const int threads = available_cpus();
    HEARTH_ASSIGN(const model::MachineMemory machine, model::machine_memory());
    const int64_t memory = machine.available_bytes;
    if (console.err_is_terminal()) console.progress("measuring memory bandwidth", -1, "");
    ThreadPool one(1), all(threads);
    const double one_gb_s = lab::measure_read_bandwidth_gb_s(one);
    const double all_gb_s = lab::measure_read_bandwidth_gb_s(all);
    console.progress_done();
    io::Json isas = io::Json::array();
    for (const kernels::Isa isa : kernels::available_isas()) isas.push_back(kernels::to_string(isa));
    if (json_) {
      const io::Json out = {{"isa", kernels::to_string(kernels::active_isa())},
                            {"isas", isas},
                            {"threads", threads},
                            {"memory_available_bytes", memory},
                            {"read_bandwidth_1_thread_gb_s", one_gb_s},
                            {"read_bandwidth_gb_s", all_gb_s}};
      console.out(out.dump() + "\n");
      return {};
    }
    console.out(concat("instruction set  ", kernels::to_string(kernels::active_isa()), "\nthreads          ",
                       threads, "\nmemory           ", io::human_bytes(static_cast<uint64_t>(memory)),
                       " available\n"));
    char line[160];
    std::snprintf(line, sizeof(line), "read bandwidth   %.1f GB/s with one thread, %.1f GB/s with %d\n\n",
                  one_gb_s, all_gb_s, threads);
    console.out(line);
    console.out("4-bit models of  need      decode at most\n");
    for (const double billions : kSizesInBillions) print_size(billions, memory, all_gb_s, console);
    console.out("need: a rule of thumb; hearth show MODEL counts what one model takes\n");
    return {};
  }

 private:
  static void print_size(double billions, int64_t memory, double gb_s, Console& console) {
    const double weights = billions * 1e9 * kBytesPerParameter;
    const double need = weights + kOverheadBytes;
    char line[160];
    std::snprintf(line, sizeof(line), "%6.3gB          %7s   %5.0f tok/s   %s\n", billions,
                  io::human_bytes(static_cast<uint64_t>(need)).c_str(), gb_s * 1e9 / weights,
                  need < static_cast<double>(memory) ? "fits" : "does not fit");
    console.out(line);
  }

  bool json_ = false;
  bool verify_ = false;
};

}  // namespace

const Verb& verb_doctor() {
  static const Verb kVerb{"doctor", "what this machine has: instruction set, threads, bandwidth, memory",
                          "  hearth doctor\n  hearth doctor --json\n  hearth doctor --verify\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<DoctorCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
