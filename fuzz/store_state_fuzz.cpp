// What the store reads back or is told: manifests, resume states, references and lists of file names. The
// first byte picks.
#include <cstdlib>

#include "store/manifest.h"
#include "store/part_file.h"
#include "store/reference.h"
#include "store/select.h"

namespace {

template <typename T>
void check_error(const hearth::Result<T>& result) {
  if (result.ok()) return;
  const std::string& message = result.error().message;
  if (message.empty() || message.find('\n') != std::string::npos) std::abort();
}

/// Lines as the file names of a repository; the first one is what was asked for.
void select_among(std::string_view text) {
  using namespace hearth::store;
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  const std::string wanted = lines.front();
  lines.erase(lines.begin());
  const auto selection = select_files(lines, wanted, preferred_labels(), "fuzz");
  check_error(selection);
  if (!selection) return;
  if (selection->indices.empty() || !is_safe_file_name(selection->tag)) std::abort();
  for (const size_t index : selection->indices) {
    if (index >= lines.size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::store;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: {
      const auto manifest = manifest_from_json(text, "fuzz");
      check_error(manifest);
      if (manifest && !manifest_from_json(manifest_to_json(*manifest), "fuzz")) std::abort();
      break;
    }
    case 1: {
      const auto state = part_state_from_json(text, "fuzz");
      check_error(state);
      if (state && part_state_from_json(part_state_to_json(*state), "fuzz")->done != state->done)
        std::abort();
      break;
    }
    case 2:
      check_error(parse_reference(text));
      break;
    default:
      select_among(text);
  }
  return 0;
}
