// Look-ups in the generated list of formats. Knows no format by name.
#include "kernels/format.h"

#include <algorithm>
#include <cctype>

#include "kernels/formats/known_types.h"

namespace hearth::kernels {

const Format* find_format(uint32_t id) {
  for (const Format* format : format_registry()) {
    if (format->id == id) return format;
  }
  return nullptr;
}

const Format* find_format(std::string_view name) {
  auto same = [](char a, char b) {
    return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b));
  };
  for (const Format* format : format_registry()) {
    if (std::equal(name.begin(), name.end(), format->name.begin(), format->name.end(), same)) return format;
  }
  return nullptr;
}

std::optional<BlockShape> block_of_type(uint32_t id) {
  for (const KnownType& type : kKnownTypes) {
    if (type.id == id) return BlockShape{type.block_elems, type.block_bytes};
  }
  return std::nullopt;
}

std::string_view type_name(uint32_t id) {
  for (const KnownType& type : kKnownTypes) {
    if (type.id == id) return type.name;
  }
  return {};
}

}  // namespace hearth::kernels
