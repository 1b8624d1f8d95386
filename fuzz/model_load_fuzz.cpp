// Any bytes as a GGUF model: hyper-parameters, the derived tensor list and binding must end in a model whose
// matrices have the shapes of its spec, or in one line of error. Packed files get the fingerprints that this
// version wants, which no mutation would find.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "io/gguf.h"
#include "model/memory.h"
#include "model/model.h"
#include "model/packed.h"
#include "model/tensors.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_one_line(const hearth::Error& error) {
  require(!error.message.empty() && error.message.find('\n') == std::string::npos);
}

void set_fingerprints(hearth::io::Metadata& metadata) {
  using namespace hearth;  // NOLINT(google-build-using-namespace)
  const io::Value* types = metadata.find("hearth.packed.types");
  const auto* ids = types ? std::get_if<std::vector<uint64_t>>(&types->data) : nullptr;
  if (ids == nullptr) return;
  std::vector<uint64_t> fingerprints;
  for (const uint64_t id : *ids) {
    const kernels::Format* format = kernels::find_format(static_cast<uint32_t>(id));
    fingerprints.push_back(format ? kernels::packing_fingerprint(*format) : 0);
  }
  metadata.set("hearth.packed.fingerprints", {io::ValueType::kUint64, true, std::move(fingerprints)});
}

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;  // NOLINT(google-build-using-namespace)
  static ThreadPool pool(1);
  // As aligned as a mapped file.
  void* memory = nullptr;
  require(posix_memalign(&memory, 4096, std::max<size_t>(size, 1)) == 0);
  const std::unique_ptr<void, FreeDeleter> copy(memory);
  std::copy_n(data, size, static_cast<uint8_t*>(memory));
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(memory), size);
  auto file = io::parse_gguf(bytes, "fuzz", model::block_layout);
  if (!file) return 0;
  if (model::is_packed(*file)) {
    set_fingerprints(file->metadata);
    if (const Status presented = model::present_packed(*file); !presented) {
      require_one_line(presented.error());
      return 0;
    }
  }
  const auto spec = model::spec_of(*file);
  if (!spec) {
    require_one_line(spec.error());
    return 0;
  }
  const bool fast = size % 2 == 0;
  const auto precision = fast ? kernels::Precision::kFast : kernels::Precision::kReference;
  require(model::weight_bytes(*file, *spec, precision) >= 0);
  auto loaded = model::Model::load(std::move(*file), precision, pool);
  if (!loaded) {
    require_one_line(loaded.error());
    return 0;
  }
  const model::Model& bound = **loaded;
  require(bound.embedding().cols() == bound.spec().hp.dim && bound.output().rows() == bound.spec().hp.vocab);
  for (size_t i = 0; i < bound.spec().ropes.size(); ++i) {
    const auto table = bound.rope_table(static_cast<int>(i), bound.spec().hp.context_length);
    require(static_cast<int64_t>(table.frequency.size()) == table.dims / 2);
  }
  std::vector<float> row(static_cast<size_t>(bound.embedding().cols()));
  bound.embedding().decode_row(bound.embedding().rows() - 1, row.data());
  return 0;
}
