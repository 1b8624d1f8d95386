// GGUF reader and writer: round trip of every value type, real files, split files, and one test per rule that
// bad bytes break.
#include "io/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/file.h"
#include "io/test_util.h"

namespace hearth::io {
namespace {

using ::testing::HasSubstr;

/// Bytes of a GGUF built by hand, so that each field can be wrong.
struct RawGguf {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::string> entries;
  std::vector<std::string> infos;
  std::optional<uint64_t> entry_count;
  std::optional<uint64_t> tensor_count;
  std::string data;
  size_t alignment = 32;

  std::string bytes() const {
    std::string out = magic + raw(version) + raw<uint64_t>(tensor_count.value_or(infos.size())) +
                      raw<uint64_t>(entry_count.value_or(entries.size()));
    for (const auto& entry : entries) out += entry;
    for (const auto& info : infos) out += info;
    out.resize((out.size() + alignment - 1) / alignment * alignment, '\0');
    return out + data;
  }
};

std::string u32_entry(std::string_view key, uint32_t value) {
  return raw_string(key) + raw<uint32_t>(4) + raw<uint32_t>(value);
}

std::string tensor_info(std::string_view name, std::vector<uint64_t> ne, uint32_t type, uint64_t offset) {
  std::string out = raw_string(name) + raw(static_cast<uint32_t>(ne.size()));
  for (const uint64_t length : ne) out += raw(length);
  return out + raw(type) + raw(offset);
}

RawGguf two_tensors() {
  RawGguf file;
  file.entries = {u32_entry("a.b", 7)};
  file.infos = {tensor_info("x", {4, 2}, 0, 0), tensor_info("y", {32}, 8, 32)};
  file.data = std::string(32, '\1') + std::string(34, '\2');
  return file;
}

Error error_of(const RawGguf& file) {
  const auto result = parse_gguf(as_bytes_of(file.bytes()), "f.gguf", test_layout);
  if (result) {
    ADD_FAILURE() << "the bad file was accepted";
    return {};
  }
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  EXPECT_THAT(result.error().message, HasSubstr("f.gguf"));
  return result.error();
}

TEST(GgufReader, ReadsTensorsOutermostDimensionFirst) {
  const std::string bytes = two_tensors().bytes();
  const auto file = parse_gguf(as_bytes_of(bytes), "f.gguf", test_layout);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors.size(), 2u);
  EXPECT_EQ(file->tensors[0].shape, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(file->tensors[0].data.size(), 32u);
  EXPECT_EQ(file->tensors[0].data[31], std::byte{1});
  EXPECT_EQ(file->tensors[1].data.size(), 34u);
  EXPECT_EQ(file->tensors[1].data[0], std::byte{2});
  EXPECT_EQ(file->metadata.get_int("a.b").value(), 7);
}

TEST(GgufReader, ReadsVersion2AndHonoursAlignment) {
  RawGguf file = two_tensors();
  file.version = 2;
  file.entries.push_back(u32_entry("general.alignment", 128));
  file.alignment = 128;
  file.infos[1] = tensor_info("y", {32}, 8, 128);
  file.data.resize(128);
  file.data += std::string(34, '\3');
  const std::string bytes = file.bytes();
  const auto parsed = parse_gguf(as_bytes_of(bytes), "f.gguf", test_layout);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->tensors[1].data[33], std::byte{3});
}

TEST(GgufReader, RefusesWhatIsNotSupported) {
  RawGguf file = two_tensors();
  file.version = 1;
  EXPECT_EQ(error_of(file).code, ErrorCode::kUnsupported);
  file.version = 4;
  EXPECT_EQ(error_of(file).code, ErrorCode::kUnsupported);
  file.version = 0x03000000;
  EXPECT_THAT(error_of(file).message, HasSubstr("big-endian"));
  file = two_tensors();
  file.infos[0] = tensor_info("x", {4, 2}, 77, 0);
  EXPECT_EQ(error_of(file).code, ErrorCode::kUnsupported);
  EXPECT_THAT(error_of(file).message, HasSubstr("type 77"));
  file = two_tensors();
  file.entries = {raw_string("k") + raw<uint32_t>(9) + raw<uint32_t>(9) + raw<uint64_t>(0)};
  EXPECT_EQ(error_of(file).code, ErrorCode::kUnsupported);
}

TEST(GgufReader, RefusesBadHeaderAndCounts) {
  RawGguf file = two_tensors();
  file.magic = "GGML";
  EXPECT_THAT(error_of(file).message, HasSubstr("not a GGUF file"));
  file = two_tensors();
  file.entry_count = 1ull << 60;
  EXPECT_THAT(error_of(file).message, HasSubstr("metadata entries"));
  file = two_tensors();
  file.tensor_count = 1ull << 60;
  EXPECT_THAT(error_of(file).message, HasSubstr("tensors"));
  file = two_tensors();
  file.entries = {raw_string("k") + raw<uint32_t>(9) + raw<uint32_t>(8) + raw<uint64_t>(1ull << 61)};
  EXPECT_THAT(error_of(file).message, HasSubstr("strings"));
  file.entries = {raw_string("k") + raw<uint32_t>(9) + raw<uint32_t>(10) + raw<uint64_t>(1ull << 61)};
  EXPECT_THAT(error_of(file).message, HasSubstr("elements"));
  file.entries = {raw<uint64_t>(~0ull) + "k"};
  EXPECT_THAT(error_of(file).message, HasSubstr("claims"));
}

TEST(GgufReader, RefusesBadMetadata) {
  RawGguf file = two_tensors();
  file.entries.push_back(file.entries[0]);
  EXPECT_THAT(error_of(file).message, HasSubstr("'a.b' occurs twice"));
  file.entries = {u32_entry("", 1)};
  EXPECT_THAT(error_of(file).message, HasSubstr("empty"));
  file.entries = {u32_entry("a\xFF", 1)};
  EXPECT_THAT(error_of(file).message, HasSubstr("UTF-8"));
  file.entries = {raw_string("k") + raw<uint32_t>(13) + raw<uint64_t>(0)};
  EXPECT_THAT(error_of(file).message, HasSubstr("unknown type 13"));
  file.entries = {raw_string("k") + raw<uint32_t>(7) + raw<uint8_t>(2)};
  EXPECT_THAT(error_of(file).message, HasSubstr("neither 0 nor 1"));
  file.entries = {raw_string("k") + raw<uint32_t>(8) + raw_string("\xC3\x28")};
  EXPECT_THAT(error_of(file).message, HasSubstr("UTF-8"));
  for (const uint32_t alignment : {0u, 4u, 48u, 1u << 30}) {
    file.entries = {u32_entry("general.alignment", alignment)};
    EXPECT_THAT(error_of(file).message, HasSubstr("general.alignment"));
  }
}

TEST(GgufReader, TokensMayBeRawBytesButOtherTextMayNot) {
  auto strings = [](std::string_view key) {
    return raw_string(key) + raw<uint32_t>(9) + raw<uint32_t>(8) + raw<uint64_t>(1) + raw_string("\xFF\xFE");
  };
  RawGguf file = two_tensors();
  file.entries = {strings("tokenizer.ggml.tokens")};
  const std::string bytes = file.bytes();
  const auto parsed = parse_gguf(as_bytes_of(bytes), "f.gguf", test_layout);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->metadata.get_strings("tokenizer.ggml.tokens").value()->at(0), "\xFF\xFE");
  file.entries = {strings("general.tags")};
  EXPECT_THAT(error_of(file).message, HasSubstr("UTF-8"));
}

TEST(GgufReader, RefusesBadTensors) {
  auto with = [](std::string info) {
    RawGguf file = two_tensors();
    file.infos[1] = std::move(info);
    return error_of(file).message;
  };
  EXPECT_THAT(with(tensor_info("x", {32}, 8, 32)), HasSubstr("tensor 'x' occurs twice"));
  EXPECT_THAT(with(tensor_info("y", {32, 1, 1, 1, 1}, 8, 32)), HasSubstr("5 dimensions"));
  EXPECT_THAT(with(tensor_info("y", {0}, 8, 32)), HasSubstr("dimension of 0"));
  EXPECT_THAT(with(tensor_info("y", {1ull << 63}, 8, 32)), HasSubstr("dimension of"));
  EXPECT_THAT(with(tensor_info("y", {31}, 8, 32)), HasSubstr("multiple of 32"));
  EXPECT_THAT(with(tensor_info("y", {1ull << 40, 1ull << 40}, 0, 32)), HasSubstr("larger than any file"));
  EXPECT_THAT(with(tensor_info("y", {32}, 8, 33)), HasSubstr("not aligned"));
  EXPECT_THAT(with(tensor_info("y", {32}, 8, 64)), HasSubstr("needs 34 bytes at offset 64"));
  EXPECT_THAT(with(tensor_info("y", {32}, 8, ~31ull)), HasSubstr("needs 34 bytes"));
  EXPECT_THAT(with(tensor_info("y", {32}, 8, 0)), HasSubstr("overlap"));
}

TEST(GgufReader, EveryTruncationIsAnError) {
  const std::string bytes = two_tensors().bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read past the end.
    const std::string cut = bytes.substr(0, size);
    const auto result = parse_gguf(as_bytes_of(cut), "f.gguf", test_layout);
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error().code, ErrorCode::kCorrupt);
  }
}

TEST(GgufReader, HostileArrayCannotAskForManyTimesTheFile) {
  // Each byte becomes an int64_t: eight times the file, refused beyond the allowance.
  RawGguf file;
  const size_t count = 32u << 20;
  file.entries = {raw_string("k") + raw<uint32_t>(9) + raw<uint32_t>(1) + raw<uint64_t>(count) +
                  std::string(count, '\1')};
  EXPECT_EQ(error_of(file).code, ErrorCode::kTooLarge);
}

Metadata every_value_type() {
  Metadata metadata;
  metadata.set("u8", {ValueType::kUint8, false, uint64_t{255}});
  metadata.set("i8", {ValueType::kInt8, false, int64_t{-128}});
  metadata.set("u16", {ValueType::kUint16, false, uint64_t{65535}});
  metadata.set("i16", {ValueType::kInt16, false, int64_t{-32768}});
  metadata.set("u32", Value::of(uint32_t{4294967295u}));
  metadata.set("i32", Value::of(int32_t{-2147483647}));
  metadata.set("u64", Value::of(uint64_t{1} << 63));
  metadata.set("i64", {ValueType::kInt64, false, int64_t{-1} << 62});
  metadata.set("f32", Value::of(0.1f));
  metadata.set("f64", {ValueType::kFloat64, false, 0.1});
  metadata.set("bool", Value::of(true));
  metadata.set("string", Value::of(std::string("h\u00e9arth")));
  metadata.set("bools", {ValueType::kBool, true, std::vector<bool>{true, false}});
  metadata.set("u8s", {ValueType::kUint8, true, std::vector<uint64_t>{1, 255}});
  metadata.set("i8s", {ValueType::kInt8, true, std::vector<int64_t>{-1, 127}});
  metadata.set("u16s", {ValueType::kUint16, true, std::vector<uint64_t>{1, 65535}});
  metadata.set("i16s", {ValueType::kInt16, true, std::vector<int64_t>{-1, 32767}});
  metadata.set("u32s", {ValueType::kUint32, true, std::vector<uint64_t>{1, 4294967295u}});
  metadata.set("i32s", Value::of_int32s({-1, 5}));
  metadata.set("u64s", {ValueType::kUint64, true, std::vector<uint64_t>{~0ull}});
  metadata.set("i64s", {ValueType::kInt64, true, std::vector<int64_t>{-5}});
  metadata.set("f32s", Value::of(std::vector<float>{0.5f, -1e30f}));
  metadata.set("f64s", {ValueType::kFloat64, true, std::vector<double>{0.1, 1e300}});
  metadata.set("strings",
               Value::of(std::vector<std::string>{"", "a", "a long string beyond the inline size"}));
  metadata.set("empty", Value::of(std::vector<std::string>{}));
  return metadata;
}

TensorToWrite tensor_of(std::string name, std::vector<int64_t> shape, std::string bytes, uint32_t type = 0) {
  TensorToWrite tensor{std::move(name), type, std::move(shape), bytes.size(), nullptr};
  tensor.produce = [bytes](const auto& sink) { return sink(as_bytes_of(bytes)); };
  return tensor;
}

TEST(GgufWriter, RoundTripsEveryValueTypeAndTensor) {
  const ScratchFolder folder;
  const Metadata metadata = every_value_type();
  uint64_t last = 0;
  uint64_t total = 0;
  const auto status = write_gguf(
      folder / "m.gguf", metadata,
      {tensor_of("a", {1, 2, 3}, std::string(24, '\1')), tensor_of("b", {2, 32}, std::string(68, '\2'), 8)},
      [&](uint64_t done, uint64_t all) {
        last = done;
        total = all;
        return true;
      });
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(last, total);
  EXPECT_EQ(folder.count(), 1u);
  EXPECT_EQ(size_of_file(folder / "m.gguf").value(), total);
  const auto file = read_gguf(folder / "m.gguf", test_layout);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->metadata.entries().size(), metadata.entries().size());
  for (const auto& [key, value] : metadata.entries()) {
    const Value* got = file->metadata.find(key);
    ASSERT_NE(got, nullptr) << key;
    EXPECT_EQ(got->type, value.type) << key;
    EXPECT_EQ(got->is_array, value.is_array) << key;
    EXPECT_TRUE(got->data == value.data) << key;
  }
  ASSERT_EQ(file->tensors.size(), 2u);
  EXPECT_EQ(file->tensors[0].shape, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(file->tensors[1].data.size(), 68u);
  EXPECT_EQ(file->tensors[1].data[67], std::byte{2});
}

TEST(GgufWriter, CancelAndFailureLeaveNothing) {
  const ScratchFolder folder;
  const auto cancelled = write_gguf(folder / "m.gguf", {}, {tensor_of("a", {1}, std::string(4, 'x'))},
                                    [](uint64_t, uint64_t) { return false; });
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  TensorToWrite bad = tensor_of("a", {1}, std::string(4, 'x'));
  bad.produce = [](const auto&) -> Status { return fail(ErrorCode::kIo, "source vanished"); };
  EXPECT_EQ(write_gguf(folder / "m.gguf", {}, {bad}, nullptr).error().message, "source vanished");
  bad = tensor_of("a", {1}, "12345678");
  bad.bytes = 4;
  EXPECT_EQ(write_gguf(folder / "m.gguf", {}, {bad}, nullptr).error().code, ErrorCode::kInternal);
  bad.bytes = 12;
  EXPECT_EQ(write_gguf(folder / "m.gguf", {}, {bad}, nullptr).error().code, ErrorCode::kInternal);
  EXPECT_EQ(folder.count(), 0u);
}

TEST(GgufWriter, RefusesWhatGgufCannotHold) {
  const ScratchFolder folder;
  Metadata metadata;
  metadata.set("k", {ValueType::kUint8, false, uint64_t{256}});
  EXPECT_FALSE(write_gguf(folder / "m.gguf", metadata, {}, nullptr));
  metadata.set("k", {ValueType::kUint8, false, std::string("text")});
  EXPECT_FALSE(write_gguf(folder / "m.gguf", metadata, {}, nullptr));
  EXPECT_FALSE(write_gguf(folder / "m.gguf", {}, {tensor_of(std::string(64, 'n'), {1}, "1234")}, nullptr));
  EXPECT_FALSE(write_gguf(folder / "m.gguf", {}, {tensor_of("a", {1, 1, 1, 1, 1}, "1234")}, nullptr));
  EXPECT_FALSE(
      write_gguf(folder / "m.gguf", {}, {tensor_of("a", {1}, "1"), tensor_of("a", {1}, "1")}, nullptr));
  EXPECT_EQ(folder.count(), 0u);
}

void write_part(const ScratchFolder& folder, int part, std::string tensor, int number, int count,
                int tensors) {
  Metadata metadata;
  if (part == 1) metadata.set("general.name", Value::of(std::string("split")));
  metadata.set("split.no", {ValueType::kUint16, false, static_cast<uint64_t>(number)});
  metadata.set("split.count", {ValueType::kUint16, false, static_cast<uint64_t>(count)});
  metadata.set("split.tensors.count", Value::of(int32_t{tensors}));
  const std::string name = concat("m-0000", part, "-of-00003.gguf");
  ASSERT_TRUE(write_gguf(folder / name, metadata, {tensor_of(std::move(tensor), {1}, "1234")}, nullptr));
}

TEST(GgufSplit, OpensAllPartsFromAnyAndNamesTheMissing) {
  const ScratchFolder folder;
  write_part(folder, 2, "b", 1, 3, 3);
  const auto missing = read_gguf(folder / "m-00002-of-00003.gguf", test_layout);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("m-00001-of-00003.gguf, m-00003-of-00003.gguf"));
  write_part(folder, 1, "a", 0, 3, 3);
  write_part(folder, 3, "c", 2, 3, 3);
  for (const char* name : {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    const auto file = read_gguf(folder / name, test_layout);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->tensors.size(), 3u);
    EXPECT_EQ(file->tensors[2].name, "c");
    EXPECT_EQ(file->metadata.entries().size(), 1u);
  }
}

TEST(GgufSplit, RefusesPartsThatDoNotBelongTogether) {
  const ScratchFolder folder;
  write_part(folder, 1, "a", 0, 3, 3);
  write_part(folder, 2, "a", 1, 3, 3);
  write_part(folder, 3, "c", 2, 3, 3);
  EXPECT_THAT(read_gguf(folder / "m-00001-of-00003.gguf", test_layout).error().message,
              HasSubstr("two parts"));
  write_part(folder, 2, "b", 2, 3, 3);
  EXPECT_THAT(read_gguf(folder / "m-00001-of-00003.gguf", test_layout).error().message,
              HasSubstr("mixed up"));
  write_part(folder, 2, "b", 1, 3, 3);
  write_part(folder, 1, "a", 0, 3, 4);
  EXPECT_THAT(read_gguf(folder / "m-00001-of-00003.gguf", test_layout).error().message,
              HasSubstr("promises 4"));
  std::filesystem::rename(folder / "m-00001-of-00003.gguf", folder / "alone.gguf");
  EXPECT_THAT(read_gguf(folder / "alone.gguf", test_layout).error().message, HasSubstr("one of 3 parts"));
}

TEST(GgufReader, ReadsRealFiles) {
  const std::filesystem::path data = HEARTH_SHARED_DATA_DIR;
  const std::filesystem::path model = data / "models/stories260k/stories260K.gguf";
  if (!std::filesystem::exists(model)) GTEST_SKIP() << "SKIPPED: no test material at " << data;
  const auto file = read_gguf(model, test_layout);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata.get_string("general.architecture").value(), "llama");
  EXPECT_EQ(file->metadata.get_strings("tokenizer.ggml.tokens").value()->size(), 512u);
  EXPECT_EQ(file->tensors.size(), 48u);
  for (const auto& entry : std::filesystem::directory_iterator(data / "tokenizers/gguf")) {
    if (entry.path().extension() != ".gguf") continue;
    const auto vocabulary = read_gguf(entry.path(), test_layout);
    EXPECT_TRUE(vocabulary) << vocabulary.error().message;
    EXPECT_TRUE(vocabulary->tensors.empty());
  }
}

TEST(GgufReader, NamesWhatCannotBeOpened) {
  const ScratchFolder folder;
  EXPECT_EQ(read_gguf(folder / "none.gguf", test_layout).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(read_gguf(folder.path(), test_layout).error().message, HasSubstr("folder"));
  ASSERT_TRUE(write_file(folder / "empty.gguf", ""));
  EXPECT_THAT(read_gguf(folder / "empty.gguf", test_layout).error().message, HasSubstr("is empty"));
}

}  // namespace
}  // namespace hearth::io
