// Ranges, states, manifests, local imports, names; and pulls from a scripted server (the hostile one is in
// tests/e2e).
#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>

#include "base/progress_meter.h"
#include "base/rng.h"
#include "io/file.h"
#include "net/test_server.h"
#include "store/disk.h"
#include "store/download.h"
#include "store/part_file.h"
#include "store/range_set.h"
#include "store/transfer.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;
using net::http_answer;
using net::TestServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (fs::temp_directory_path() / "hearth-store-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
  }
  ~StoreTest() override {
    std::error_code error;
    fs::remove_all(scratch_, error);
  }

  fs::path write(const std::string& name, std::string_view text) {
    const fs::path path = scratch_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  Store open() { return Store::open(scratch_ / "home").value(); }

  fs::path scratch_;
};

/// Bytes that pass for a GGUF and differ everywhere.
std::string content(size_t bytes) {
  Rng rng(7);
  std::string out = "GGUF";
  while (out.size() < bytes) out += static_cast<char>(rng.next());
  return out;
}

PullOptions quick_options() {
  PullOptions options;
  options.http.backoff_first_s = 0.01;
  options.http.max_attempts = 4;
  options.piece_bytes = 10'000;
  return options;
}

TEST(RangeSet, AgainstABitmap) {
  Rng rng(3);
  for (int round = 0; round < 200; ++round) {
    RangeSet set;
    std::vector<bool> bits(64);
    for (int i = 0; i < 12; ++i) {
      const uint64_t a = rng.below(65);
      const uint64_t b = rng.below(65);
      set.add({a, b});
      for (uint64_t at = a; at < b; ++at) bits[at] = true;
    }
    EXPECT_EQ(set.covered(), static_cast<uint64_t>(std::count(bits.begin(), bits.end(), true)));
    std::vector<bool> filled = bits;
    for (const Range& hole : set.missing(64, 5)) {
      EXPECT_LE(hole.size(), 5u);
      for (uint64_t at = hole.begin; at < hole.end; ++at) {
        EXPECT_FALSE(filled[at]);
        filled[at] = true;
      }
    }
    EXPECT_EQ(std::count(filled.begin(), filled.end(), false), 0);
    const auto first_hole = static_cast<uint64_t>(std::find(bits.begin(), bits.end(), false) - bits.begin());
    EXPECT_EQ(set.prefix(), first_hole);
  }
}

TEST(ProgressMeter, RateAndTimeLeft) {
  ProgressMeter meter(1000, 100, 0.0);
  EXPECT_LT(meter.eta_s(), 0);
  for (int i = 1; i <= 4; ++i) meter.update(100 + static_cast<uint64_t>(i) * 100, i);
  EXPECT_DOUBLE_EQ(meter.rate(), 100.0);
  EXPECT_DOUBLE_EQ(meter.eta_s(), 5.0);
  EXPECT_DOUBLE_EQ(meter.fraction(), 0.5);
  meter.update(50, 5);  // started over
  EXPECT_DOUBLE_EQ(meter.rate(), 0.0);
}

TEST(PartState, RoundTripAndRefusals) {
  const PartState state{{uint64_t{100}, "etag:\"a\""}, {{0, 10}, {20, 100}}, ""};
  const std::string text = part_state_to_json(state);
  const Result<PartState> back = part_state_from_json(text, "s");
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->done, state.done);
  EXPECT_EQ(back->identity.validator, state.identity.validator);
  for (const char* done :
       {"[[0,101]]", "[[5,5]]", "[[5,10],[3,20]]", "[[0,10],[10,20]]", "[[-1,5]]", "[[0]]", "[7]", "{}"}) {
    const std::string bad =
        std::string(R"({"version":1,"size":100,"validator":"v","sha256":"","done":)") + done + "}";
    EXPECT_FALSE(part_state_from_json(bad, "s").ok()) << done;
  }
}

TEST(Manifest, RoundTripAndRefusals) {
  Manifest manifest{"o/r:T",
                    "hf:o/r:T",
                    "id",
                    "c",
                    "2025-01-01T00:00:00Z",
                    false,
                    {{"m.gguf", 5, std::string(64, 'a'), "\"e\""}}};
  const std::string text = manifest_to_json(manifest);
  const Result<Manifest> back = manifest_from_json(text, "m");
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(manifest_to_json(*back), text);
  auto broken = [&text](std::string_view from, std::string_view to) {
    std::string out = text;
    out.replace(out.find(from), from.size(), to);
    return manifest_from_json(out, "m");
  };
  EXPECT_FALSE(broken("m.gguf", "../m.gguf").ok());
  EXPECT_FALSE(broken("\"size\": 5", "\"size\": -5").ok());
  EXPECT_FALSE(broken("aaaa", "zzzz").ok());
  EXPECT_FALSE(broken("\"gguf\"", "\"exe\"").ok());
  EXPECT_EQ(broken("\"version\": 1", "\"version\": 2").error().code, ErrorCode::kUnsupported);
}

TEST_F(StoreTest, Sha256OfKnownText) {
  const fs::path path = write("abc", "abc");
  EXPECT_EQ(sha256_of_file(path, {}).value(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(StoreTest, PartFileKeepsOnlyWhatBelongsTogether) {
  const ContentIdentity identity{uint64_t{10}, "etag:1"};
  const fs::path target = scratch_ / "f";
  const std::string bytes = "01234";
  {
    const auto file = PartFile::open(target, identity).value();
    ASSERT_TRUE(file->write_at(5, std::as_bytes(std::span(bytes))).ok());
    ASSERT_TRUE(file->save().ok());
  }
  EXPECT_EQ(PartFile::open(target, identity).value()->covered(), 5u);
  fs::resize_file(scratch_ / "f.part", 7);  // the state claims more than there is
  EXPECT_EQ(PartFile::open(target, identity).value()->covered(), 0u);
  {
    const auto file = PartFile::open(target, identity).value();
    ASSERT_TRUE(file->write_at(0, std::as_bytes(std::span(bytes))).ok());
    ASSERT_TRUE(file->save().ok());
  }
  EXPECT_EQ(PartFile::open(target, ContentIdentity{uint64_t{10}, "etag:2"}).value()->covered(), 0u);
}

TEST_F(StoreTest, SwapReplacesInOneStep) {
  write("new/f", "new");
  ASSERT_TRUE(swap_in_folder(scratch_ / "new", scratch_ / "there").ok());
  write("new/f", "newer");
  ASSERT_TRUE(swap_in_folder(scratch_ / "new", scratch_ / "there").ok());
  EXPECT_EQ(io::read_file(scratch_ / "there/f", 100).value(), "newer");
  EXPECT_EQ(io::read_file(scratch_ / "new/f", 100).value(), "new");
}

TEST_F(StoreTest, DiskSpaceIsComparedWithNumbers) {
  const Status status = check_disk_space(scratch_, uint64_t{1} << 60);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kTooLarge);
  EXPECT_THAT(status.error().message, HasSubstr("not enough disk space"));
  EXPECT_THAT(status.error().message, HasSubstr("free"));
}

TEST_F(StoreTest, LocalFilesAndFolders) {
  Store store = open();
  const fs::path file = write("in/My Model.gguf", content(5000));
  const Result<PullOutcome> outcome = store.pull(file.string(), quick_options());
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->model.manifest.name, "My-Model");
  EXPECT_EQ(io::read_file(outcome->model.path(), 10000).value(), content(5000));
  EXPECT_TRUE(store.verify("my-model", {}).ok());
  EXPECT_TRUE(store.list_partial().empty());

  write("folder/config.json", "{}");
  write("folder/model.safetensors", "x");
  write("folder/notes.txt", "no");
  const Result<PullOutcome> folder = store.pull((scratch_ / "folder").string(), quick_options());
  ASSERT_TRUE(folder.ok()) << folder.error().message;
  EXPECT_TRUE(folder->model.manifest.is_folder);
  EXPECT_TRUE(fs::exists(folder->model.path() / "model.safetensors"));
  EXPECT_FALSE(fs::exists(folder->model.path() / "notes.txt"));

  const fs::path other = write("other/My Model.gguf", content(6000));
  EXPECT_THAT(store.pull(other.string(), quick_options()).error().message, HasSubstr("--name"));
  PullOptions named = quick_options();
  named.name = "second";
  EXPECT_TRUE(store.pull(other.string(), named).ok());
  named.name = "../second";
  EXPECT_EQ(store.pull(other.string(), named).error().code, ErrorCode::kUsage);
  EXPECT_FALSE(store.pull(write("in/text.gguf", "hello world").string(), quick_options()).ok());
  EXPECT_EQ(store.list()->size(), 3u);
}

TEST_F(StoreTest, FindAndRemove) {
  Store store = open();
  for (const char* name : {"alpha-one", "alpha-two", "beta"}) {
    ASSERT_TRUE(store.pull(write(std::string(name) + ".gguf", content(100)).string(), quick_options()).ok());
  }
  EXPECT_EQ(store.find("BETA")->manifest.name, "beta");
  EXPECT_EQ(store.find("alpha-t")->manifest.name, "alpha-two");
  EXPECT_THAT(store.find("alpha").error().message, HasSubstr("alpha-one, alpha-two"));
  EXPECT_THAT(store.find("bets").error().message, HasSubstr("nearest: beta"));
  EXPECT_FALSE(store.remove("alpha-t").ok());  // a beginning is not enough to delete
  EXPECT_EQ(store.remove("alpha-two").value() > 100, true);
  EXPECT_EQ(store.list()->size(), 2u);
  const Model beta = store.find("beta").value();
  fs::resize_file(beta.path(), 50);
  EXPECT_EQ(store.find("beta").error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreTest, VerifySeesOneFlippedBit) {
  Store store = open();
  ASSERT_TRUE(store.pull(write("m.gguf", content(100)).string(), quick_options()).ok());
  std::string damaged = content(100);
  damaged[60] = static_cast<char>(damaged[60] ^ 1);
  std::ofstream(store.find("m")->path(), std::ios::binary) << damaged;
  EXPECT_THAT(store.verify("m", {}).error().message, HasSubstr("damaged on disk: m.gguf"));
}

/// A file behind honest ranges, as a building block for dishonest ones.
TestServer::Answer serve_range(const std::string& request, const std::string& body, const std::string& etag) {
  size_t first = 0;
  size_t last = body.size() - 1;
  const size_t at = request.find("Range: bytes=");
  const std::string tag = "\r\nETag: " + etag;
  if (at == std::string::npos) return {http_answer("200 OK" + tag, body)};
  std::sscanf(request.c_str() + at, "Range: bytes=%zu-%zu", &first, &last);
  last = std::min(last, body.size() - 1);
  return {http_answer("206 Partial Content" + tag + "\r\nContent-Range: bytes " + std::to_string(first) +
                          "-" + std::to_string(last) + "/" + std::to_string(body.size()),
                      body.substr(first, last - first + 1))};
}

TEST_F(StoreTest, PullsAUrlInPiecesOverCuts) {
  const std::string body = content(100'000);
  std::atomic<int> count{0};
  TestServer server([&](const std::string& request) {
    TestServer::Answer answer = serve_range(request, body, "\"1\"");
    if (count++ % 3 == 1) answer.bytes.resize(answer.bytes.size() / 2 + 60);  // cut inside the body
    return answer;
  });
  Store store = open();
  PullOptions options = quick_options();
  uint64_t last_done = 0;
  options.progress = [&last_done](const PullProgress& progress) { last_done = progress.done_bytes; };
  const Result<PullOutcome> outcome = store.pull(server.url("/m.gguf?token=x"), options);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(io::read_file(outcome->model.path(), 1 << 20).value(), body);
  EXPECT_EQ(last_done, body.size());
  EXPECT_EQ(outcome->model.manifest.source, server.url("/m.gguf"));
  EXPECT_TRUE(store.pull(server.url("/m.gguf?token=x"), options)->already_there);
}

TEST_F(StoreTest, ChangedContentStartsOver) {
  const std::string old_body = content(50'000);
  std::string new_body = old_body;
  for (char& c : new_body) c = static_cast<char>(c ^ 0x55);
  new_body.replace(0, 4, "GGUF");
  std::atomic<int> count{0};
  TestServer server([&](const std::string& request) {
    return count++ < 3 ? serve_range(request, old_body, "\"old\"")
                       : serve_range(request, new_body, "\"new\"");
  });
  Store store = open();
  PullOptions options = quick_options();
  options.connections = 1;
  const Result<PullOutcome> outcome = store.pull(server.url("/m.gguf"), options);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(io::read_file(outcome->model.path(), 1 << 20).value(), new_body);
}

TEST_F(StoreTest, CancelKeepsThePartialAndItIsContinued) {
  const std::string body = content(100'000);
  std::atomic<bool> cancel{false};
  std::atomic<int> served{0};
  TestServer server([&](const std::string& request) {
    if (++served == 5) cancel = true;
    return serve_range(request, body, "\"1\"");
  });
  Store store = open();
  PullOptions options = quick_options();
  options.connections = 1;
  options.http.cancel = &cancel;
  EXPECT_EQ(store.pull(server.url("/m.gguf"), options).error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(store.list()->empty());
  ASSERT_EQ(store.list_partial().size(), 1u);
  const int before = served;
  options.http.cancel = nullptr;
  const Result<PullOutcome> outcome = store.pull(server.url("/m.gguf"), options);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_LT(served - before, 11);  // ten pieces and the probe would be everything again
  EXPECT_EQ(io::read_file(outcome->model.path(), 1 << 20).value(), body);
}

TEST_F(StoreTest, AWeakTagContinuesNothing) {
  const std::string old_body = content(100'000);
  std::string new_body = old_body;
  for (size_t i = 4; i < new_body.size(); ++i) new_body[i] = static_cast<char>(new_body[i] ^ 0x55);
  std::atomic<bool> cancel{false};
  std::atomic<bool> changed{false};
  std::atomic<int> served{0};
  TestServer server([&](const std::string& request) {
    if (++served == 5) cancel = true;
    return serve_range(request, changed ? new_body : old_body, "W/\"1\"");
  });
  Store store = open();
  PullOptions options = quick_options();
  options.connections = 1;
  options.http.cancel = &cancel;
  ASSERT_EQ(store.pull(server.url("/m.gguf"), options).error().code, ErrorCode::kCancelled);
  ASSERT_EQ(store.list_partial().size(), 1u);
  changed = true;
  options.http.cancel = nullptr;
  const Result<PullOutcome> outcome = store.pull(server.url("/m.gguf"), options);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(io::read_file(outcome->model.path(), 1 << 20).value(), new_body);
}

TEST_F(StoreTest, AnotherQueryIsAnotherFileUnlessTheContentIsTheSame) {
  const std::string first = content(30'000);
  const std::string second = content(40'000);
  const std::string updated = content(50'000);
  std::atomic<bool> is_updated{false};
  TestServer server([&](const std::string& request) {
    if (request.find("id=2") != std::string::npos) return serve_range(request, second, "\"2\"");
    return is_updated ? serve_range(request, updated, "\"3\"") : serve_range(request, first, "\"1\"");
  });
  Store store = open();
  const PullOptions options = quick_options();
  ASSERT_TRUE(store.pull(server.url("/get.gguf?id=1"), options).ok());

  const Result<PullOutcome> other = store.pull(server.url("/get.gguf?id=2"), options);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kUsage);
  EXPECT_THAT(other.error().message, HasSubstr("--name"));
  EXPECT_EQ(io::read_file(store.find("get")->path(), 1 << 20).value(), first);
  PullOptions named = options;
  named.name = "second";
  EXPECT_TRUE(store.pull(server.url("/get.gguf?id=2"), named).ok());

  const Result<PullOutcome> signed_anew = store.pull(server.url("/get.gguf?id=1&Signature=x"), options);
  ASSERT_TRUE(signed_anew.ok()) << signed_anew.error().message;
  EXPECT_TRUE(signed_anew->already_there);
  EXPECT_THAT(manifest_to_json(signed_anew->model.manifest), Not(HasSubstr("id=1")));

  is_updated = true;
  const Result<PullOutcome> update = store.pull(server.url("/get.gguf?id=1"), options);
  ASSERT_TRUE(update.ok()) << update.error().message;
  EXPECT_FALSE(update->already_there);
  EXPECT_EQ(io::read_file(store.find("get")->path(), 1 << 20).value(), updated);
}

/// A transfer of the file "m" from `server` into `folder`, to be started.
struct PreparedTransfer {
  PreparedTransfer(const TestServer& server, const fs::path& folder) {
    job.url = server.url("/m");
    job.what = "m";
    job.target = folder / "m";
    net::HttpClient client(options.http);
    remote = probe(client, job).value();
    file = PartFile::open(job.target, {remote.size, "etag:" + remote.etag}).value();
    transfer = std::make_unique<Transfer>(job, remote, options, *file, 10'000);
  }
  DownloadJob job;
  DownloadOptions options;
  RemoteFile remote;
  std::unique_ptr<PartFile> file;
  std::unique_ptr<Transfer> transfer;
};

TEST_F(StoreTest, ThreadsThatCannotStartLeaveTheWorkToTheOthers) {
  const std::string body = content(50'000);
  TestServer server([&body](const std::string& request) { return serve_range(request, body, "\"1\""); });
  PreparedTransfer some(server, scratch_);
  int started = 0;
  some.transfer->start([&started](const std::function<void()>& work) {
    if (started++ > 0) throw std::system_error(EAGAIN, std::generic_category());
    work();  // the first has done everything before the second is to start
    return std::thread([] {});
  });
  EXPECT_EQ(started, 2);
  EXPECT_EQ(some.transfer->wait_for(10), Transfer::Outcome::kDone);
  EXPECT_EQ(some.file->covered(), body.size());

  fs::create_directory(scratch_ / "none");
  PreparedTransfer none(server, scratch_ / "none");
  none.transfer->start([](const std::function<void()>&) -> std::thread {
    throw std::system_error(EAGAIN, std::generic_category());
  });
  EXPECT_EQ(none.transfer->wait_for(10), Transfer::Outcome::kFailed);
  EXPECT_THAT(none.transfer->error().message, HasSubstr("m: cannot start a thread"));
}

TEST_F(StoreTest, AcceptHasTheLastWord) {
  Store store = open();
  PullOptions options = quick_options();
  options.accept = [](const fs::path& path) {
    return Status(fail(ErrorCode::kCorrupt, path.filename().string(), ": no"));
  };
  EXPECT_THAT(store.pull(write("m.gguf", content(100)).string(), options).error().message,
              HasSubstr("m.gguf: no"));
  EXPECT_TRUE(store.list()->empty());
  EXPECT_TRUE(store.list_partial().empty());
}

}  // namespace
}  // namespace hearth::store
