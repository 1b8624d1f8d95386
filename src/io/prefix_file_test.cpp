// A file of a prefix is what was written, or is refused: every bit of it counts, and every length.
#include "io/prefix_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "io/file.h"
#include "io/test_util.h"

namespace hearth::io {
namespace {

struct Made {
  PrefixHeader header{"model x", {5, 6, 7, 5}, {0, 3}, {}, {}};
  std::vector<std::vector<std::byte>> bodies;
  std::vector<std::span<std::byte>> pieces;

  Made() {
    for (const size_t size : {size_t{40}, size_t{0}, size_t{64}, size_t{7}}) {
      std::vector<std::byte>& body = bodies.emplace_back(size);
      for (size_t i = 0; i < size; ++i) body[i] = static_cast<std::byte>(size + 3 * i);
    }
    for (auto& body : bodies) pieces.emplace_back(body);
  }
};

Status write(const std::filesystem::path& path, const Made& made) {
  HEARTH_ASSIGN(AtomicFile file, write_prefix_file(path, made.header, made.pieces, [] { return true; }));
  return file.commit();
}

/// "" where every piece is read and right.
std::string fault(const std::filesystem::path& path, const Made& made) {
  auto file = PrefixFile::open(path);
  if (!file) return file.error().message;
  if (file->header().tokens != made.header.tokens || file->header().marks != made.header.marks ||
      file->header().identity != made.header.identity)
    return "another header";
  for (const auto& body : made.bodies) {
    std::vector<std::byte> piece(body.size());
    if (const Status read = file->read_next(piece); !read) return read.error().message;
    if (piece != body) return "other bytes";
  }
  return "";
}

std::string contents(const std::filesystem::path& path) { return read_file(path, 1 << 20).value(); }

void replace(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(PrefixFile, IsWhatWasWritten) {
  const ScratchFolder folder;
  const Made made;
  ASSERT_TRUE(write(folder / "a", made));
  EXPECT_EQ(fault(folder / "a", made), "");
  EXPECT_EQ(PrefixFile::open(folder / "a")->bytes(), contents(folder / "a").size());
  EXPECT_EQ(folder.count(), 1U);
}

TEST(PrefixFile, AppearsWithItsCommitForItsOwnerAlone) {
  const ScratchFolder folder;
  Made made;
  {
    auto file = write_prefix_file(folder / "a", made.header, made.pieces, [] { return true; });
    ASSERT_TRUE(file);
    const Made same;
    for (auto& body : made.bodies) std::fill(body.begin(), body.end(), std::byte{0});  // not needed any more
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
    ASSERT_TRUE(file->sync());
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(fault(folder / "a", same), "");
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(folder / "a").permissions(), perms::owner_read | perms::owner_write);
  }
  std::filesystem::remove(folder / "a");
  EXPECT_TRUE(write_prefix_file(folder / "a", made.header, made.pieces, [] { return true; }));
  EXPECT_EQ(folder.count(), 0U);  // it was not committed
}

TEST(PrefixFile, EveryBitCounts) {
  const ScratchFolder folder;
  const Made made;
  ASSERT_TRUE(write(folder / "a", made));
  const std::string whole = contents(folder / "a");
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string bad = whole;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    replace(folder / "b", bad);
    const std::string message = fault(folder / "b", made);
    EXPECT_NE(message, "") << i;
    EXPECT_NE(message, "another header") << i;
    EXPECT_NE(message, "other bytes") << i;
    EXPECT_NE(message.find("/b"), std::string::npos) << message;
  }
}

TEST(PrefixFile, EveryLengthCounts) {
  const ScratchFolder folder;
  const Made made;
  ASSERT_TRUE(write(folder / "a", made));
  const std::string whole = contents(folder / "a");
  for (size_t length = 0; length < whole.size(); ++length) {
    replace(folder / "b", whole.substr(0, length));
    const auto file = PrefixFile::open(folder / "b");
    ASSERT_FALSE(file) << length;
    EXPECT_EQ(file.error().code, ErrorCode::kCorrupt);
  }
  replace(folder / "b", whole + "x");
  EXPECT_FALSE(PrefixFile::open(folder / "b"));
}

TEST(PrefixFile, AnotherVersionIsSaidToBeOne) {
  const ScratchFolder folder;
  const Made made;
  ASSERT_TRUE(write(folder / "a", made));
  std::string other = contents(folder / "a");
  other[8] = 9;
  replace(folder / "a", other);
  EXPECT_EQ(PrefixFile::open(folder / "a").error().code, ErrorCode::kUnsupported);
}

TEST(PrefixFile, ThatIsCutWhileItIsReadIsDamaged) {
  const ScratchFolder folder;
  const Made made;
  ASSERT_TRUE(write(folder / "a", made));
  auto file = PrefixFile::open(folder / "a");
  ASSERT_TRUE(file);
  std::filesystem::resize_file(folder / "a", contents(folder / "a").size() - 20);
  std::vector<std::byte> first(made.bodies[0].size()), second, third(made.bodies[2].size());
  EXPECT_TRUE(file->read_next(first));
  EXPECT_TRUE(file->read_next(second));
  EXPECT_EQ(file->read_next(third).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(file->read_next(first).error().code, ErrorCode::kCorrupt);  // not the size that comes next
}

TEST(PrefixFile, ThatIsGivenUpLeavesNothing) {
  const ScratchFolder folder;
  const Made made;
  for (int most = 0; most < 8; ++most) {
    int asked = 0;
    const auto written =
        write_prefix_file(folder / "a", made.header, made.pieces, [&] { return asked++ < most; });
    EXPECT_EQ(written.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(folder.count(), 0U);
  }
}

}  // namespace
}  // namespace hearth::io
