// Prefixes on disk: what a model has made of the beginnings of prompts, kept over restarts. A folder holds
// the files of all models; which of them are a model's own follows from what the model is. Whoever drives the
// runtime asks and begins; the work is done by whoever calls run() on a thread of its own, so that nobody who
// computes waits for a disk. Must not know requests.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/local_model.h"
#include "engine/stats.h"

namespace hearth::engine {

struct ArchiveOptions {
  std::filesystem::path folder;  // made where it is not there yet
  std::string source;            // of the model: another text for another file (store::PackedPlace::source)
  /// Of all files in the folder; those used longest ago go first.
  int64_t most_bytes = int64_t{4} << 30;
  /// Tokens: shorter prefixes are computed again, and so much must a new file have over what is there.
  int64_t least_tokens = 256;
};

class PrefixArchive {
 public:
  /// A sequence that is free again, or holds what was read.
  struct Done {
    runtime::SeqId sequence = 0;
    std::vector<int32_t> tokens;
    bool restored = false;  // the sequence holds the tokens; else nobody needs it any more
  };

  /// Reads which files there are, and removes what a writer that died has left. `model` must outlive the
  /// archive. Errors: kIo (the folder cannot be made, or others could read it).
  static Result<std::unique_ptr<PrefixArchive>> create(LocalModel& model, ArchiveOptions options);

  // Of the thread that drives the runtime.

  /// Called, on any thread, when there is something to take(). To be set before the first job.
  void on_done(std::function<void()> call) { on_done_ = std::move(call); }
  /// To be set before the first job: sequences of more bytes are not worth reading, nobody keeps them. 0:
  /// all.
  void read_at_most(int64_t bytes) { most_read_ = bytes; }
  /// A job is under way, waits to be taken, or is being brought to its end on the disk. Only one at a time
  /// can be.
  bool busy() const;
  /// The first tokens of `prompt`, at most `limit`, that a file could give; 0: none.
  int64_t stored(std::span<const int32_t> prompt, int64_t limit) const;
  /// Those that are being read now.
  int64_t restoring(std::span<const int32_t> prompt, int64_t limit) const;
  /// Begins to read them. Errors: kBusy, kNotFound, and Runtime::open_image's.
  Status restore(std::span<const int32_t> prompt, int64_t limit);
  /// Whether a file of these tokens would be worth its bytes beside those that are there.
  bool worth_saving(std::span<const int32_t> tokens) const;
  /// Begins to write `sequence`, which holds `tokens` and is not to be changed nor closed before it is taken
  /// back; that is as soon as its bytes have been copied. False: not now.
  bool save(runtime::SeqId sequence, std::span<const int32_t> tokens);
  /// The same at once, until `deadline_s` (of now_s()), as one that was used last at `used`: files used later
  /// do not give way. False when the time is over or the disk refuses.
  bool save_now(runtime::SeqId sequence, std::span<const int32_t> tokens,
                std::filesystem::file_time_type used, double deadline_s);
  /// What the last job was about, once it is over.
  std::optional<Done> take();
  /// Waits until the job under way can be taken. One that cannot at `until_s` (of now_s()) is given up.
  void finish(double until_s);
  /// Waits until nothing is under way, not even the end of a save that was taken. False: at `until_s` there
  /// is.
  bool rest(double until_s);

  // Of any thread.
  /// Works until stop().
  void run();
  void stop();
  ArchiveStats stats() const;

 private:
  struct File {
    std::filesystem::path path;
    std::vector<int32_t> tokens;
    runtime::SequenceImage image;
    int64_t bytes = 0;
    int64_t body_bytes = 0;  // of its sequence
  };
  struct Job {
    bool reads = false;
    runtime::SeqId sequence = 0;
    std::vector<int32_t> tokens;
    File file;  // that is read
    bool over = false;
    bool good = false;
  };
  struct Found {
    size_t file = 0;
    int64_t tokens = 0;
  };

  PrefixArchive(LocalModel& model, ArchiveOptions options, std::string identity);
  void look_around();
  Found find(std::span<const int32_t> prompt, int64_t limit, int64_t most_bytes) const;
  int64_t usable(std::span<const int32_t> tokens, std::span<const int32_t> prompt, int64_t limit) const;
  int64_t sequence_bytes(const File& file, int64_t tokens) const;
  bool wait_for_job();
  bool work();
  void hand_back(bool good);
  Status fill(const Job& job) const;
  bool read(const Job& job);
  bool write(runtime::SeqId sequence, const std::vector<int32_t>& tokens,
             std::filesystem::file_time_type used, const std::function<bool()>& go_on,
             const std::function<void()>& on_copied);
  Status put(const File& file, std::span<const std::span<std::byte>> pieces,
             std::filesystem::file_time_type used, const std::function<bool()>& go_on,
             const std::function<void()>& on_copied);
  bool contains(const File& file, const File& other) const;
  void replace_by(File file);
  std::optional<std::vector<std::filesystem::path>> who_gives_way(const File& file,
                                                                  std::filesystem::file_time_type used) const;
  void forget(const std::filesystem::path& path);
  void discard(const std::filesystem::path& path, const Error& why);

  runtime::Runtime* runtime_;
  ArchiveOptions options_;
  std::string identity_;
  std::string start_;  // of the names of this model's files
  bool cuts_;          // a sequence can be shortened to any length
  std::function<void()> on_done_;
  int64_t most_read_ = 0;  // bytes of a sequence; 0: all

  mutable std::mutex mutex_;
  std::condition_variable wake_;   // a job, or the end
  std::condition_variable ended_;  // of a job, or of its work
  std::vector<File> files_;
  std::optional<Job> job_;
  bool working_ = false;  // at a job, which may have been taken
  ArchiveStats stats_;
  double try_again_s_ = 0;  // after the disk refused
  bool stopping_ = false;
  std::atomic<bool> give_up_{false};  // the job under way
};

}  // namespace hearth::engine
