// Name habits of model repositories; see the header.
#include "store/select.h"

#include <algorithm>
#include <map>

#include "io/utf8.h"
#include "net/http_headers.h"

namespace hearth::store {
namespace {

using net::equal_ignoring_case;

constexpr std::string_view kGguf = ".gguf";
constexpr std::string_view kSafetensors = ".safetensors";

bool ends_with_ignoring_case(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         equal_ignoring_case(text.substr(text.size() - suffix.size()), suffix);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

/// Q or IQ or TQ and a digit, a plain float type, or a microscaling float.
bool looks_like_label(std::string_view token) {
  if (token.empty() || token.size() > 16 || !std::all_of(token.begin(), token.end(), is_word)) return false;
  const std::string text = upper(token);
  for (const std::string_view plain : {"F16", "F32", "BF16", "FP16", "FP32"}) {
    if (text == plain) return true;
  }
  if (text.starts_with("MXFP")) return true;
  const size_t q = (text[0] == 'I' || text[0] == 'T') ? 1 : 0;
  return text.size() > q + 1 && text[q] == 'Q' && is_digit(text[q + 1]);
}

/// A token, or what follows one of its underscores ("model_q8" style).
std::string_view label_in_token(std::string_view token) {
  if (looks_like_label(token)) return token;
  for (size_t at = token.find('_'); at != std::string_view::npos; at = token.find('_', at + 1)) {
    if (looks_like_label(token.substr(at + 1))) return token.substr(at + 1);
  }
  return {};
}

/// One model file with all its parts.
struct Group {
  std::string stem;   // file name without part number and ending
  std::string label;  // may be empty
  int parts = 1;
  std::map<int, size_t> members;  // part number -> index into names
  std::string first_path;
};

std::vector<Group> group_ggufs(std::span<const std::string> names) {
  std::map<std::string, Group> by_key;  // folder, stem and number of parts
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string_view file = base_name(names[i]);
    if (!ends_with_ignoring_case(file, kGguf)) continue;
    const SplitPart split = split_part(file);
    const std::string lower_start = upper(split.stem);
    // Projectors of vision models and importance matrices travel beside models without being one.
    if (lower_start.starts_with("MMPROJ") || lower_start.find("IMATRIX") != std::string::npos) continue;
    const std::string folder = names[i].substr(0, names[i].size() - file.size());
    Group& group = by_key[concat(folder, split.stem, '/', split.parts)];
    group.stem = split.stem;
    group.label = quant_label(file);
    group.parts = split.parts;
    if (group.members.empty()) group.first_path = names[i];
    group.members.emplace(split.part, i);
  }
  std::vector<Group> groups;
  for (auto& [key, group] : by_key) groups.push_back(std::move(group));
  return groups;
}

/// "Q8_0, F16 (2 parts), other-name": what can be asked for.
std::string describe(const std::vector<const Group*>& groups) {
  constexpr size_t kMaxShown = 24;
  std::string out;
  for (size_t i = 0; i < groups.size() && i < kMaxShown; ++i) {
    const Group& group = *groups[i];
    const auto same = std::count_if(groups.begin(), groups.end(),
                                    [&group](const Group* other) { return other->label == group.label; });
    const bool by_name = group.label.empty() || same > 1;
    if (i > 0) out += ", ";
    out += by_name ? io::printable(group.first_path, 120) : group.label;
  }
  if (groups.size() > kMaxShown) out += concat(", and ", groups.size() - kMaxShown, " more");
  return out;
}

Result<Selection> choose(const Group& group, const std::vector<Group>& all, std::string_view where) {
  Selection out;
  out.is_gguf = true;
  for (int part = 1; part <= group.parts; ++part) {
    const auto member = group.members.find(part);
    if (member == group.members.end()) {
      return fail(ErrorCode::kNotFound, where, ": part ", part, " of ", group.parts, " of ",
                  io::printable(group.stem), " is missing there");
    }
    out.indices.push_back(member->second);
  }
  const auto same = std::count_if(all.begin(), all.end(),
                                  [&group](const Group& other) { return other.label == group.label; });
  out.tag = to_safe_name(group.label.empty() || same > 1 ? group.stem : group.label);
  return out;
}

bool is_folder_file(std::string_view name) {
  static constexpr std::string_view kNames[] = {"config.json",
                                                "generation_config.json",
                                                "tokenizer.json",
                                                "tokenizer.model",
                                                "tokenizer_config.json",
                                                "special_tokens_map.json",
                                                "added_tokens.json",
                                                "vocab.json",
                                                "merges.txt",
                                                "chat_template.jinja",
                                                "chat_template.json",
                                                "model.safetensors.index.json"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

/// The top folder only: repositories keep other frameworks' copies in subfolders.
Result<Selection> choose_safetensors(std::span<const std::string> names, std::string_view where) {
  Selection out;
  out.tag = "safetensors";
  bool has_config = false;
  bool has_standard_weights = false;
  for (const std::string& name : names) {
    has_config = has_config || name == "config.json";
    has_standard_weights =
        has_standard_weights || (name.starts_with("model") && name.ends_with(kSafetensors));
  }
  bool has_weights = false;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (name.find('/') != std::string::npos) continue;
    // Some repositories hold the same weights twice under names of another program ("consolidated").
    const bool weights = name.ends_with(kSafetensors) && (!has_standard_weights || name.starts_with("model"));
    if (!weights && !is_folder_file(name)) continue;
    has_weights = has_weights || weights;
    out.indices.push_back(i);
  }
  if (has_config && has_weights) return out;
  std::string seen;
  for (size_t i = 0; i < names.size() && i < 12; ++i) seen += (i > 0 ? ", " : "") + io::printable(names[i]);
  if (names.size() > 12) seen += ", ...";
  return fail(ErrorCode::kNotFound, where,
              ": holds no GGUF file and no config.json with *.safetensors; it holds: ",
              seen.empty() ? std::string("nothing") : seen);
}

}  // namespace

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

SplitPart split_part(std::string_view file_name) {
  SplitPart out;
  std::string_view stem = file_name;
  if (ends_with_ignoring_case(stem, kGguf)) stem.remove_suffix(kGguf.size());
  out.stem = stem;
  constexpr size_t kSuffix = 15;  // "-00001-of-00003"
  if (stem.size() <= kSuffix) return out;
  const std::string_view tail = stem.substr(stem.size() - kSuffix);
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return out;
  const auto part = net::parse_decimal(tail.substr(1, 5));
  const auto parts = net::parse_decimal(tail.substr(10, 5));
  if (!part || !parts || *part < 1 || *part > *parts) return out;
  out.stem = stem.substr(0, stem.size() - kSuffix);
  out.part = static_cast<int>(*part);
  out.parts = static_cast<int>(*parts);
  return out;
}

std::string quant_label(std::string_view file_name) {
  const std::string stem = split_part(file_name).stem;
  std::string_view rest = stem;
  while (!rest.empty()) {
    const size_t cut = rest.find_last_of("-.");
    const std::string_view token = cut == std::string_view::npos ? rest : rest.substr(cut + 1);
    rest = cut == std::string_view::npos ? std::string_view() : rest.substr(0, cut);
    const std::string_view label = label_in_token(token);
    if (label.empty()) continue;
    const bool dynamic = label.size() == token.size() && ends_with_ignoring_case(rest, "-UD");
    return (dynamic ? "UD-" : "") + upper(label);
  }
  return {};
}

Result<Selection> select_files(std::span<const std::string> names, std::string_view wanted,
                               std::span<const std::string> preferred, std::string_view where) {
  const std::vector<Group> groups = group_ggufs(names);
  if (equal_ignoring_case(wanted, "safetensors")) return choose_safetensors(names, where);
  std::vector<const Group*> all;
  for (const Group& group : groups) all.push_back(&group);
  auto matching = [&all](auto matches) {
    std::vector<const Group*> out;
    std::copy_if(all.begin(), all.end(), std::back_inserter(out), matches);
    return out;
  };
  auto with_label = [&matching](std::string_view label) {
    return matching([label](const Group* group) { return equal_ignoring_case(group->label, label); });
  };
  std::vector<const Group*> found;
  if (!wanted.empty()) {
    found = with_label(wanted);
    if (found.size() != 1) {
      const auto named = matching([wanted, names](const Group* group) {
        return std::any_of(group->members.begin(), group->members.end(), [&](const auto& member) {
          const std::string& path = names[member.second];
          return path == wanted || equal_ignoring_case(base_name(path), wanted) ||
                 equal_ignoring_case(group->stem, wanted);
        });
      });
      if (!named.empty()) found = named;
    }
    if (found.empty()) {
      return fail(ErrorCode::kNotFound, where, ": has no variant ", io::printable(wanted),
                  "; there is: ", groups.empty() ? std::string("no GGUF file at all") : describe(all));
    }
  } else if (groups.empty()) {
    return choose_safetensors(names, where);
  } else {
    for (const std::string& label : preferred) {
      found = with_label(label);
      if (!found.empty()) break;
    }
    if (found.empty()) found = all;
  }
  if (found.size() > 1) {
    return fail(ErrorCode::kUsage, where, ": several files fit; name one after a colon: ", describe(found));
  }
  return choose(*found.front(), groups, where);
}

bool is_safe_file_name(std::string_view name) {
  constexpr size_t kMaxBytes = 200;  // endings are added to it, and file systems stop at 255
  const bool odd = std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '\\';
  });
  return !odd && !name.empty() && name.size() <= kMaxBytes && name.front() != '.' && io::is_valid_utf8(name);
}

std::string to_safe_name(std::string_view text) {
  constexpr size_t kMaxBytes = 100;
  std::string out;
  for (const char c : text) {
    const bool plain = is_word(c) || c == '.';
    if (plain) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (!out.empty() && (out.front() == '.' || out.front() == '-')) out.erase(0, 1);
  if (out.size() > kMaxBytes) out.resize(kMaxBytes);
  while (!out.empty() && (out.back() == '.' || out.back() == '-')) out.pop_back();
  return out.empty() ? "model" : out;
}

}  // namespace hearth::store
