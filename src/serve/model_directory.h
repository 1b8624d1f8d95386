// The models that can be asked for by name: loaded on first use on a thread of its own, so that nobody else
// waits, kept while they are used and for some time after, the longest unused given up where memory is
// needed. Must not know how models are found or loaded.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/hosted_model.h"

namespace hearth::serve {

/// Where models come from.
class ModelSource {
 public:
  virtual ~ModelSource() = default;
  /// All that can be asked for; the first is the one for requests that name none.
  virtual std::vector<wire::ModelInfo> list() = 0;
  /// The full name of what a client calls `name`. Errors: kNotFound.
  virtual Result<std::string> resolve(const std::string& name) = 0;
  /// Memory that the model needs at least, by its plan: nothing is loaded. Asked only where there is a limit.
  virtual Result<int64_t> least_memory(const std::string& full_name) = 0;
  /// Takes its time, and at most `most_bytes` of memory. kNoMemory when memory does not do: the directory
  /// then makes room and asks again.
  virtual Result<std::unique_ptr<HostedModel>> load(const std::string& full_name, int64_t most_bytes) = 0;
};

struct DirectoryOptions {
  double keep_alive_s = 300;  // after the last use; negative: for ever
  int32_t max_models = 4;     // loaded at a time
  int64_t memory_bytes = 0;   // that all may take together; 0: what the machine has
};

using ModelCallback = std::function<void(Result<std::shared_ptr<HostedModel>>, double load_s)>;

class ModelDirectory {
 public:
  ModelDirectory(std::unique_ptr<ModelSource> source, const DirectoryOptions& options);
  ~ModelDirectory();

  /// Calls back with the model: here and now when it is loaded, else later on the loading thread, which must
  /// not be held up. Errors: kNotFound, kNoMemory and those of loading; kBusy; kUnavailable after stop().
  void with_model(const std::string& name, ModelCallback callback);
  /// The model if it is loaded; nullptr otherwise, also when there is none of this name.
  std::shared_ptr<HostedModel> loaded(const std::string& name);
  /// From now on, also for models that are loaded.
  void set_options(const DirectoryOptions& options);
  /// Overrides keep_alive_s for one model from now on; 0: given up once its answers are over.
  void keep(const std::string& name, double keep_alive_s);

  /// All models, the loaded ones with what is known of them.
  std::vector<wire::ModelInfo> list();
  std::vector<std::shared_ptr<HostedModel>> all_loaded();
  bool any_loaded();
  /// Of every model that was ever loaded, by name: counts never fall, also when a model is unloaded and
  /// loaded again.
  std::map<std::string, engine::SchedulerStats> stats();

  /// Nothing more is loaded; every model stops (HostedModel::stop).
  void stop(bool finish);

 private:
  struct Slot {
    std::shared_ptr<HostedModel> model;
    double used_s = 0;                        // last asked for, or last seen at work
    std::optional<double> keep_alive_s = {};  // of its own
  };
  double keep_alive_s(const Slot& slot) const { return slot.keep_alive_s.value_or(options_.keep_alive_s); }

  struct Wanted {
    std::string name;
    ModelCallback callback;
  };

  static bool is_used(const Slot& slot);
  void load_loop();
  void load(const std::string& name);
  Result<std::unique_ptr<HostedModel>> load_into_room(const std::string& name);
  Result<int64_t> make_room(const std::string& name);
  void give_up_expired();
  bool give_up_longest_unused(std::unique_lock<std::mutex>& lock);
  void end_leaving();

  std::unique_ptr<ModelSource> source_;
  DirectoryOptions options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Slot> slots_;
  std::vector<std::shared_ptr<HostedModel>> leaving_;   // being unloaded
  std::map<std::string, engine::SchedulerStats> past_;  // of models unloaded
  std::list<Wanted> wanted_;
  bool stopping_ = false;
  std::thread loader_;
};

}  // namespace hearth::serve
