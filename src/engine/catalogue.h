// The household of the specialist in the box: rooms, devices, tools with typed arguments
// (models/device/README.md, contract version 2). Builds the model's prompt and checks its answers. Must not
// know models or how the answer was made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::engine {

enum class ArgumentType { kDevice, kRoom, kEnum, kInteger, kText };

struct ToolArgument {
  std::string name;
  ArgumentType type = ArgumentType::kText;
  bool required = false;
  bool groups = false;              // kDevice: a kind's group name is allowed too
  std::vector<std::string> kinds;   // kDevice
  std::vector<std::string> values;  // kEnum
  int64_t min = 0;                  // kInteger
  int64_t max = 0;
  int64_t max_bytes = 0;  // kText
};

struct Tool {
  std::string name;
  std::string help;
  std::vector<std::string> exactly_one;
  std::vector<std::string> at_least_one;
  std::vector<ToolArgument> arguments;
};

struct DeviceKind {
  std::string name;
  std::string group;  // "all lights"; empty: no group
};

struct Device {
  std::string name;
  std::string kind;
  std::string room;  // empty: none
};

/// One entry of the household in the prompt; the n-th, from 1, is what the answer's pointer <n> means.
struct CatalogueEntry {
  std::string kind;  // a device kind's name, or "room"
  std::string name;
  std::string room;  // empty: none, or told by the name
};

/// Version of the contract in models/device/README.md; model and catalogue both name theirs.
inline constexpr int64_t kSpecialistContract = 2;

class Catalogue {
 public:
  /// Errors: kCorrupt naming the entry that breaks the contract.
  static Result<Catalogue> parse(std::string_view toml, std::string_view source_name);

  const std::vector<std::string>& rooms() const { return rooms_; }
  const std::vector<DeviceKind>& kinds() const { return kinds_; }
  const std::vector<Device>& devices() const { return devices_; }
  const std::vector<Tool>& tools() const { return tools_; }

  /// The prompt for a normalised request, byte for byte as the model was trained.
  std::string prompt(std::string_view normalised_request) const;
  /// The JSON of an answer in the model's own form (contract section 4): pointers become names, several calls
  /// an array. Nothing for a pointer to no entry; whether the rest holds is find_fault's to say.
  std::optional<std::string> expand(std::string_view raw_answer) const;
  /// Checks an answer (contract section 4). Returns what is wrong, or nothing when it holds.
  std::optional<std::string> find_fault(std::string_view answer_json,
                                        std::string_view normalised_request) const;

 private:
  friend class CatalogueReader;
  std::vector<std::string> rooms_;
  std::vector<DeviceKind> kinds_;
  std::vector<Device> devices_;
  std::vector<Tool> tools_;
  std::vector<CatalogueEntry> entries_;
};

/// The request as the model knows requests: lower case, no control or bracket characters, single spaces.
std::string normalise_request(std::string_view request);

}  // namespace hearth::engine
