// One thread loads, and looks once a second for models that nobody has used for long.
#include "serve/model_directory.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <new>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace hearth::serve {
namespace {

constexpr size_t kMostWanted = 256;

// Exceptions (no memory, no threads) must not end the loading thread, and with it the server.

template <typename Load>
Result<std::unique_ptr<HostedModel>> safely(const std::string& name, const Load& load) {
  try {
    return load();
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kNoMemory, name, ": there is no memory to load it");
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, name, ": loading failed: ", error.what());
  }
}

void call_back(const ModelCallback& callback, Result<std::shared_ptr<HostedModel>> model, double load_s) {
  try {
    callback(std::move(model), load_s);
  } catch (const std::exception& error) {
    log_line(LogLevel::kError, concat("a request failed: ", error.what()));
  }
}

double unix_now_s() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

/// Exact under the lock: whoever is about to ask the model something holds it, and so does every request
/// until its answer is over.
bool ModelDirectory::is_used(const Slot& slot) { return slot.model.use_count() > 1; }

ModelDirectory::ModelDirectory(std::unique_ptr<ModelSource> source, const DirectoryOptions& options)
    : source_(std::move(source)), options_(options), loader_([this] { load_loop(); }) {}

ModelDirectory::~ModelDirectory() { stop(false); }

void ModelDirectory::with_model(const std::string& name, ModelCallback callback) {
  auto full = source_->resolve(name);
  if (!full) return callback(full.error(), 0);
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return callback(fail(ErrorCode::kUnavailable, "the server is shutting down"), 0);
  }
  if (const auto it = slots_.find(*full); it != slots_.end()) {
    it->second.used_s = now_s();
    const std::shared_ptr<HostedModel> model = it->second.model;
    lock.unlock();
    return callback(model, 0);
  }
  if (wanted_.size() >= kMostWanted) {
    lock.unlock();
    return callback(
        fail(ErrorCode::kBusy, "too many requests wait for a model to be loaded; try again later"), 0);
  }
  wanted_.push_back({*full, std::move(callback)});
  wake_.notify_all();
}

std::shared_ptr<HostedModel> ModelDirectory::loaded(const std::string& name) {
  const auto full = source_->resolve(name);
  const std::lock_guard lock(mutex_);
  const auto it = full ? slots_.find(*full) : slots_.end();
  return it == slots_.end() ? nullptr : it->second.model;
}

void ModelDirectory::keep(const std::string& name, double keep_alive_s) {
  const auto full = source_->resolve(name);
  const std::lock_guard lock(mutex_);
  if (const auto it = full ? slots_.find(*full) : slots_.end(); it != slots_.end()) {
    it->second.keep_alive_s = keep_alive_s;
    wake_.notify_all();
  }
}

void ModelDirectory::set_options(const DirectoryOptions& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
  wake_.notify_all();
}

std::vector<std::shared_ptr<HostedModel>> ModelDirectory::all_loaded() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<HostedModel>> out;
  for (const auto& [name, slot] : slots_) out.push_back(slot.model);
  return out;
}

bool ModelDirectory::any_loaded() {
  const std::lock_guard lock(mutex_);
  return !slots_.empty();
}

std::map<std::string, engine::SchedulerStats> ModelDirectory::stats() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, engine::SchedulerStats> out;
  for (const auto& [name, slot] : slots_) out[name] = slot.model->stats();
  for (const auto& model : leaving_) out[model->info().id] = model->stats();
  for (const auto& [name, past] : past_) out[name].add_past(past);
  return out;
}

/// Unloads models that are in leaving_ (so that their counts are seen all the time).
void ModelDirectory::end_leaving() {
  std::vector<std::shared_ptr<HostedModel>> gone;
  {
    const std::lock_guard lock(mutex_);
    gone = leaving_;
  }
  const double save_until_s = now_s() + engine::Scheduler::kSaveS;
  for (const auto& model : gone) model->stop(true, save_until_s);
  const std::lock_guard lock(mutex_);
  for (const auto& model : gone) past_[model->info().id].add_past(model->stats());
  leaving_.clear();
}

std::vector<wire::ModelInfo> ModelDirectory::list() {
  std::vector<wire::ModelInfo> out = source_->list();
  const std::lock_guard lock(mutex_);
  for (wire::ModelInfo& info : out) {
    const auto it = slots_.find(info.id);
    if (it == slots_.end()) continue;
    info = it->second.model->info();
    const double kept_s = keep_alive_s(it->second);
    const double left_s = it->second.used_s + kept_s - now_s();
    info.expires_s = kept_s < 0 ? 0 : unix_now_s() + std::max(0.0, left_s);
  }
  return out;
}

void ModelDirectory::stop(bool finish) {
  std::list<Wanted> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(wanted_);
    wake_.notify_all();
  }
  for (const Wanted& wanted : dropped)
    call_back(wanted.callback, fail(ErrorCode::kUnavailable, "the server is shutting down"), 0);
  if (loader_.joinable()) loader_.join();                           // what it loads now takes its time
  const double save_until_s = now_s() + engine::Scheduler::kSaveS;  // all of them together
  for (const auto& model : all_loaded()) model->stop(finish, save_until_s);
}

void ModelDirectory::load_loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (wanted_.empty()) wake_.wait_for(lock, std::chrono::seconds(1));
    if (stopping_) return;
    const std::string next = wanted_.empty() ? "" : wanted_.front().name;
    const bool any = !wanted_.empty();
    lock.unlock();
    if (any) load(next);
    give_up_expired();
    lock.lock();
  }
}

/// Within max_models and memory_bytes, for which the longest unused go; the bytes that are then left.
Result<int64_t> ModelDirectory::make_room(const std::string& name) {
  int64_t limit = 0;
  {
    const std::lock_guard lock(mutex_);
    limit = options_.memory_bytes;
  }
  int64_t least = 0;
  if (limit > 0) {
    HEARTH_ASSIGN(least, source_->least_memory(name));
    if (least > limit) {  // nobody needs to go for one that will never fit
      return fail(ErrorCode::kNoMemory, name, " needs ", least, " bytes of memory, but all models together ",
                  "may take ", limit, " (--memory)");
    }
  }
  while (true) {
    std::unique_lock lock(mutex_);
    int64_t taken = 0;
    for (const auto& [other, slot] : slots_) taken += slot.model->memory_bytes();
    const bool full = static_cast<int32_t>(slots_.size()) >= options_.max_models;
    if (!full && limit == 0) return std::numeric_limits<int64_t>::max();
    if (!full && taken + least <= limit) return limit - taken;
    if (give_up_longest_unused(lock)) continue;
    if (full) {
      return fail(ErrorCode::kBusy, slots_.size(),
                  " models are loaded and at work, which is the limit; try again later");
    }
    return fail(ErrorCode::kNoMemory, name, " needs ", least, " bytes of memory, but models at work take ",
                taken, " of the ", limit, " that all may take (--memory); try again later");
  }
}

Result<std::unique_ptr<HostedModel>> ModelDirectory::load_into_room(const std::string& name) {
  while (true) {
    HEARTH_ASSIGN(const int64_t most_bytes, make_room(name));
    auto loaded = safely(name, [&] { return source_->load(name, most_bytes); });
    if (loaded || loaded.error().code != ErrorCode::kNoMemory) return loaded;
    std::unique_lock lock(mutex_);
    if (!give_up_longest_unused(lock)) return loaded;
  }
}

void ModelDirectory::load(const std::string& name) {
  const double start_s = now_s();
  Result<std::unique_ptr<HostedModel>> loaded = safely(name, [&] { return load_into_room(name); });
  const double load_s = now_s() - start_s;
  std::shared_ptr<HostedModel> model;
  std::list<Wanted> served;
  {
    const std::lock_guard lock(mutex_);
    if (loaded) {
      model = std::move(loaded).value();
      slots_[name] = {model, now_s()};
    }
    for (auto it = wanted_.begin(); it != wanted_.end();) {
      const auto next = std::next(it);
      if (it->name == name) served.splice(served.end(), wanted_, it);
      it = next;
    }
  }
  if (model) {
    log_line(LogLevel::kInfo, concat("loaded ", name, " in ", load_s, " s"));
  } else {
    log_line(LogLevel::kWarning, concat(name, ": ", loaded.error().message));
  }
  for (const Wanted& wanted : served) {
    if (model) {
      call_back(wanted.callback, model, load_s);
    } else {
      call_back(wanted.callback, loaded.error(), load_s);
    }
  }
}

void ModelDirectory::give_up_expired() {
  {
    const std::lock_guard lock(mutex_);
    for (auto it = slots_.begin(); it != slots_.end();) {
      Slot& slot = it->second;
      const bool used = is_used(slot);
      if (used) slot.used_s = now_s();
      const double kept_s = keep_alive_s(slot);
      if (!used && kept_s >= 0 && now_s() - slot.used_s > kept_s) {
        log_line(LogLevel::kInfo, concat("unloading ", it->first, ": not used for ", kept_s, " s"));
        leaving_.push_back(slot.model);
        it = slots_.erase(it);
      } else {
        ++it;
      }
    }
  }
  end_leaving();
}

/// Drops the lock while the model ends. False when all are at work.
bool ModelDirectory::give_up_longest_unused(std::unique_lock<std::mutex>& lock) {
  auto oldest = slots_.end();
  for (auto it = slots_.begin(); it != slots_.end(); ++it) {
    if (!is_used(it->second) && (oldest == slots_.end() || it->second.used_s < oldest->second.used_s))
      oldest = it;
  }
  if (oldest == slots_.end()) return false;
  log_line(LogLevel::kInfo, concat("unloading ", oldest->first, " to make room"));
  leaving_.push_back(oldest->second.model);
  slots_.erase(oldest);
  lock.unlock();
  end_leaving();
  return true;
}

}  // namespace hearth::serve
