// Places of packed weights: one per model whatever way leads to it, and a source that changes when it does.
#include "store/packed.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "store/manifest.h"
#include "store/store.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

class PackedPlaces : public ::testing::Test {
 protected:
  PackedPlaces() {
    std::string pattern = (fs::temp_directory_path() / "hearth-packed-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
    home_ = scratch_ / "home";
  }
  ~PackedPlaces() override {
    std::error_code error;
    fs::remove_all(scratch_, error);
  }
  fs::path write(const std::string& name, std::string_view text) {
    const fs::path path = scratch_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  PackedPlace place(const fs::path& model) { return packed_place(home_, model).value(); }

  fs::path scratch_;
  fs::path home_;
};

TEST_F(PackedPlaces, AFileHasOnePlaceWhateverWayLeadsToIt) {
  const fs::path model = write("a/model.gguf", "one");
  fs::create_symlink(scratch_ / "a", scratch_ / "link");
  const PackedPlace straight = place(model);
  EXPECT_EQ(straight.folder.parent_path(), home_ / "packed" / "files");
  EXPECT_EQ(straight.weights().parent_path(), straight.folder);
  for (const fs::path& way : {scratch_ / "link/model.gguf", scratch_ / "a/../a/./model.gguf"}) {
    EXPECT_EQ(place(way).folder, straight.folder);
    EXPECT_EQ(place(way).source, straight.source);
  }
  EXPECT_NE(place(write("b/model.gguf", "one")).folder, straight.folder);
  EXPECT_FALSE(fs::exists(home_)) << "asking makes nothing";
}

TEST_F(PackedPlaces, AChangedFileIsAnotherSourceAtTheSamePlace) {
  const fs::path model = write("model.gguf", "one");
  const PackedPlace before = place(model);
  write("model.gguf", "three");
  EXPECT_EQ(place(model).folder, before.folder);
  EXPECT_NE(place(model).source, before.source);
  EXPECT_EQ(packed_place(home_, scratch_ / "absent.gguf").error().code, ErrorCode::kNotFound);
}

TEST_F(PackedPlaces, EveryPartOfAModelCounts) {
  const fs::path first = write("m-00001-of-00002.gguf", "one");
  write("m-00002-of-00002.gguf", "two");
  const std::string before = place(first).source;
  write("m-00002-of-00002.gguf", "other");
  EXPECT_NE(place(first).source, before);
  write("hf/config.json", "{}");
  write("hf/model.safetensors", "one");
  const std::string folder = place(scratch_ / "hf").source;
  write("hf/README.md", "x");
  EXPECT_EQ(place(scratch_ / "hf").source, folder);
  write("hf/model.safetensors", "other");
  EXPECT_NE(place(scratch_ / "hf").source, folder);
}

TEST_F(PackedPlaces, AFolderNamedByOneOfItsFilesIsTheFolder) {
  write("hf/config.json", "{}");
  const fs::path weights = write("hf/model.safetensors", "one");
  for (const fs::path& name : {scratch_ / "hf/config.json", weights}) {
    EXPECT_EQ(place(name).folder, place(scratch_ / "hf").folder);
    EXPECT_EQ(place(name).source, place(scratch_ / "hf").source);
  }
  const std::string before = place(scratch_ / "hf/config.json").source;
  write("hf/model.safetensors", "other");
  EXPECT_NE(place(scratch_ / "hf/config.json").source, before);
}

/// As caches of hubs lay files: names that link to contents.
TEST_F(PackedPlaces, PartsBehindLinksCount) {
  write("blobs/1", "one");
  write("blobs/2", "two");
  write("blobs/3", "three");
  for (const char* revision : {"a", "b"}) {
    fs::create_directories(scratch_ / revision);
    fs::create_symlink("../blobs/1", scratch_ / revision / "m-00001-of-00002.gguf");
    fs::create_symlink(*revision == 'a' ? "../blobs/2" : "../blobs/3", scratch_ / revision / "m-00002-of-00002.gguf");
  }
  const PackedPlace a = place(scratch_ / "a/m-00001-of-00002.gguf");
  const PackedPlace b = place(scratch_ / "b/m-00001-of-00002.gguf");
  EXPECT_NE(a.folder, b.folder);
  EXPECT_NE(a.source, b.source);
  EXPECT_EQ(place(scratch_ / "a/m-00002-of-00002.gguf").folder, a.folder) << "either part names the model";
  write("blobs/2", "changed");
  EXPECT_NE(place(scratch_ / "a/m-00001-of-00002.gguf").source, a.source);
}

TEST_F(PackedPlaces, AStoreModelGoesByItsContents) {
  Store store = Store::open(home_).value();
  const fs::path file = write("home/models/org--repo--Q4/model.gguf", "weights");
  Manifest manifest;
  manifest.name = "org/repo:Q4";
  manifest.source = "hf:org/repo:Q4";
  manifest.files = {{"model.gguf", 7, std::string(64, 'a'), {}}};
  ASSERT_TRUE(write_manifest(file.parent_path(), manifest).ok());
  const PackedPlace before = place(file);
  EXPECT_EQ(before.folder, home_ / "packed" / "models" / "org--repo--Q4");
  EXPECT_EQ(place(file.parent_path()).folder, before.folder);
  fs::last_write_time(file, fs::file_time_type::clock::now());
  EXPECT_EQ(place(file).source, before.source) << "the time of a store file means nothing";
  manifest.files[0].sha256[0] = 'b';
  ASSERT_TRUE(write_manifest(file.parent_path(), manifest).ok());
  EXPECT_NE(place(file).source, before.source);
}

}  // namespace
}  // namespace hearth::store
