// The option's grammar, and where "auto" changes over.
#include "runtime/kv_formats.h"

#include <gtest/gtest.h>

#include "runtime/test_model.h"

namespace hearth::runtime {
namespace {

TEST(KvFormats, AreReadAgainstTheModel) {
  ThreadPool pool(1);
  const TestModel made = make_test_model({.arch = std::string(model::arch_registry()[0]->name)}, pool);
  model::ModelSpec spec = made.model->spec();
  const auto names = [&spec](std::string_view option) -> std::string {
    const auto formats = parse_kv_formats(option, spec);
    return formats ? concat(formats->full->name, " ", formats->windowed->name) : formats.error().message;
  };
  EXPECT_EQ(names("int8"), "int8 int8");
  EXPECT_EQ(names("int8,windowed=f16"), "int8 f16");
  EXPECT_EQ(names("auto"), "f16 f16");
  EXPECT_EQ(names("int4"), "unknown KV cache format 'int4'; hearth knows auto, f16, f32, int8");
  EXPECT_EQ(names("f16,f32"), "KV cache format 'f16,f32' is neither FORMAT nor FORMAT,windowed=FORMAT");
  spec.hp.vocab = kInt8Parameters / spec.hp.dim;
  EXPECT_EQ(names("auto"), "int8 int8");
  EXPECT_EQ(names("f16,windowed=auto"), "f16 int8");
}

}  // namespace
}  // namespace hearth::runtime
