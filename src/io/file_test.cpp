// Files: maps, limits, atomic writes (success, failure, full disk) and the guard against truncation under a
// map.
#include "io/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "io/metadata.h"
#include "io/test_util.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

using ::testing::HasSubstr;

TEST(Files, ReadsWithinTheLimit) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_file(folder / "f", "hello"));
  EXPECT_EQ(read_file(folder / "f", 5).value(), "hello");
  EXPECT_EQ(read_file(folder / "f", 4).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read_file(folder / "g", 4).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_file(folder / "f/g", 4).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(read_file(folder.path(), 4).error().message, HasSubstr("folder"));
  EXPECT_EQ(size_of_file(folder / "f").value(), 5u);
  EXPECT_FALSE(size_of_file(folder.path()));
  EXPECT_GT(free_disk_bytes(folder / "not/there/yet").value(), 0u);
  EXPECT_EQ(human_bytes(999), "999 bytes");
  EXPECT_EQ(human_bytes(1'234'567), "1.2 MB");
  EXPECT_EQ(human_bytes(999'999), "1.0 MB");
}

TEST(Files, MapsAndRefusesWhatIsNoFile) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_file(folder / "f", "hello"));
  const auto mapped = MappedFile::open(folder / "f");
  ASSERT_TRUE(mapped);
  EXPECT_EQ(std::memcmp((*mapped)->bytes().data(), "hello", 5), 0);
  ASSERT_TRUE(write_file(folder / "empty", ""));
  EXPECT_TRUE(MappedFile::open(folder / "empty").value()->bytes().empty());
  EXPECT_THAT(MappedFile::open(folder.path()).error().message, HasSubstr("folder"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(MappedFile::open(folder / "pipe").error().message, HasSubstr("regular"));
}

TEST(Files, ReleasedPagesReadTheSameAgainAndOtherMemoryIsLeftAlone) {
  const ScratchFolder folder;
  const std::string text(100000, 'x');
  ASSERT_TRUE(write_file(folder / "file", text).ok());
  auto file = MappedFile::open(folder / "file");
  ASSERT_TRUE(file.ok());
  const std::span<const std::byte> bytes = (*file)->bytes();
  const auto as_text = [&] {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  ASSERT_EQ(as_text(), text);
  MappedFile::release_pages(bytes.subspan(10));
  EXPECT_EQ(as_text(), text);
  const std::string copy = text;
  MappedFile::release_pages(std::as_bytes(std::span(copy)));
  EXPECT_EQ(copy, text);  // anonymous memory would have become zero
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_file(folder / "f", "old"));
  {
    auto file = AtomicFile::create(folder / "f");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write(std::string(3 << 20, 'x')));
    EXPECT_EQ(read_file(folder / "f", 100).value(), "old");
  }
  EXPECT_EQ(folder.count(), 1u);
  auto file = AtomicFile::create(folder / "f");
  ASSERT_TRUE(file->write("new"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_file(folder / "f", 100).value(), "new");
  EXPECT_EQ(folder.count(), 1u);
  EXPECT_FALSE(file->write("more"));
  EXPECT_FALSE(file->commit());
}

TEST(AtomicFile, RefusesBadPlaces) {
  const ScratchFolder folder;
  EXPECT_FALSE(AtomicFile::create(folder.path()));
  EXPECT_EQ(AtomicFile::create(folder / "no/such/folder").error().code, ErrorCode::kNotFound);
  const auto huge = AtomicFile::create(folder / "f", uint64_t{1} << 62);
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().code, ErrorCode::kTooLarge);
  EXPECT_THAT(huge.error().message, HasSubstr("free"));
  EXPECT_EQ(folder.count(), 0u);
}

TEST(AtomicFile, SizeLimitIsAnErrorAndLeavesNothing) {
  const ScratchFolder folder;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto file = AtomicFile::create(folder / "f");
    Status status = file->write(std::string(5 << 20, 'x'));
    if (status) status = file->commit();
    ::_exit(!status && status.error().code == ErrorCode::kTooLarge ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFEXITED(result));
  EXPECT_EQ(WEXITSTATUS(result), 0);
  EXPECT_EQ(folder.count(), 0u);
}

/// Maps a file in a child process, lets `spoil` happen, reads the last byte; returns the wait status.
int child_reading_a_map(const std::filesystem::path& path, bool truncate) {
  const pid_t child = ::fork();
  if (child == 0) {
    install_mapping_guard([](const char* name) {
      const bool right = std::strstr(name, "mapped") != nullptr;
      ::_exit(right ? 42 : 43);
    });
    const auto other = MappedFile::open(path.parent_path() / "other");
    const auto mapped = MappedFile::open(path);
    if (truncate && ::truncate(path.c_str(), 100) != 0) ::_exit(2);
    const volatile std::byte* last = (*mapped)->bytes().data() + (*mapped)->bytes().size() - 1;
    const std::byte value = *last;
    ::_exit(value == std::byte{'x'} ? 0 : 1);
  }
  int result = 0;
  ::waitpid(child, &result, 0);
  return result;
}

TEST(MappingGuard, TruncationUnderAMapCallsBack) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_file(folder / "mapped", std::string(100'000, 'x')));
  ASSERT_TRUE(write_file(folder / "other", std::string(100'000, 'y')));
  int result = child_reading_a_map(folder / "mapped", false);
  ASSERT_TRUE(WIFEXITED(result));
  EXPECT_EQ(WEXITSTATUS(result), 0);
  result = child_reading_a_map(folder / "mapped", true);
  ASSERT_TRUE(WIFEXITED(result)) << "signal " << WTERMSIG(result);
  EXPECT_EQ(WEXITSTATUS(result), 42);
}

TEST(Utf8, AcceptsOnlyWellFormedText) {
  for (const char* good : {"", "abc", "\u00e9", "\u20ac", "\U0001F525", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << printable(good);
  }
  for (const char* bad : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2\x82"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << printable(bad);
  }
  EXPECT_EQ(printable("a\nb\xFF\u00e9'\x7f"), "'a\\x0ab\\xff\u00e9\\x27\\x7f'");
  EXPECT_EQ(printable("\u20ac\u20ac", 4), "'\u20ac\u20ac'");
  EXPECT_EQ(printable("abcdef", 3), "'abc...'");
}

TEST(Metadata, GettersConvertAndNameWhatIsWrong) {
  Metadata metadata;
  metadata.set("u64", Value::of(uint64_t{1} << 63));
  metadata.set("bool", Value::of(true));
  metadata.set("i32", Value::of(int32_t{-3}));
  metadata.set("f", Value::of(0.5f));
  metadata.set("s", Value::of(std::string("text")));
  metadata.set("ss", Value::of(std::vector<std::string>{"a"}));
  metadata.set("ints", Value::of_int32s({1, 2}));
  metadata.set("floats", Value::of(std::vector<float>{0.5f}));
  EXPECT_EQ(metadata.get_int("none").value(), std::nullopt);
  EXPECT_FALSE(metadata.get_int("u64"));
  EXPECT_EQ(metadata.get_int("bool").value(), 1);
  EXPECT_EQ(metadata.get_int("i32").value(), -3);
  EXPECT_FALSE(metadata.get_int("f"));
  EXPECT_EQ(metadata.get_float("i32").value(), -3.0);
  EXPECT_EQ(metadata.get_float("f").value(), 0.5);
  EXPECT_EQ(metadata.get_bool("bool").value(), true);
  EXPECT_FALSE(metadata.get_bool("i32"));
  EXPECT_EQ(metadata.get_string("s").value(), "text");
  const auto wrong = metadata.get_string("i32");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(wrong.error().message, "metadata key 'i32' is of type int32, needed is string");
  EXPECT_EQ(metadata.get_strings("none").value(), nullptr);
  EXPECT_EQ(metadata.get_strings("ss").value()->at(0), "a");
  EXPECT_FALSE(metadata.get_strings("s"));
  EXPECT_EQ(metadata.get_ints("i32").value()->size(), 1u);
  EXPECT_EQ(metadata.get_ints("ints").value(), (std::vector<int64_t>{1, 2}));
  EXPECT_FALSE(metadata.get_ints("floats"));
  EXPECT_FALSE(metadata.get_ints("ss"));
  EXPECT_EQ(metadata.get_floats("ints").value(), (std::vector<float>{1, 2}));
  EXPECT_FALSE(metadata.get_floats("s"));
  metadata.erase("s");
  metadata.erase("s");
  EXPECT_FALSE(metadata.contains("s"));
}

}  // namespace
}  // namespace hearth::io
