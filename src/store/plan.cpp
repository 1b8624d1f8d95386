// Plans from the hub, from URLs and from local files; see the header.
#include "store/plan.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "io/file.h"
#include "io/utf8.h"
#include "store/disk.h"
#include "store/select.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGguf = ".gguf";

Error unsafe_name(std::string_view where, std::string_view name) {
  return fail(ErrorCode::kCorrupt, where, ": offers a file named ", io::printable(name),
              ", which is no plain file name; refused");
}

Status check_name(const std::string& name) {
  if (name.empty() || name == to_safe_name(name)) return {};
  return fail(ErrorCode::kUsage, io::printable(name),
              ": a model's name is made of letters, digits, '.', '_' and single '-'; try ",
              to_safe_name(name));
}

/// The name a lone GGUF gets: its file name without ending and part number.
std::string name_from_file(std::string_view file_name) { return to_safe_name(split_part(file_name).stem); }

/// "weights.GGUF" and "weights" are kept as "weights.gguf", so that everybody knows what it is.
std::string with_gguf_ending(std::string_view file_name) {
  std::string out(file_name);
  if (out.size() >= kGguf.size() &&
      net::equal_ignoring_case(std::string_view(out).substr(out.size() - kGguf.size()), kGguf)) {
    out.resize(out.size() - kGguf.size());
  }
  return out + std::string(kGguf);
}

Result<Plan> plan_hub(const ModelReference& reference, const PullOptions& options) {
  const std::string where = "hf:" + reference.repo;
  net::HttpClient client(options.http);
  HEARTH_ASSIGN(const net::HubRepo repo, net::list_hub_repo(client, options.hub, reference.repo));
  std::vector<std::string> names;
  for (const net::HubFile& file : repo.files) names.push_back(file.path);
  HEARTH_ASSIGN(const Selection selection, select_files(names, reference.wanted, options.preferred, where));
  Plan plan;
  plan.source = concat(where, ":", selection.tag);
  plan.name = concat(reference.repo, ":", selection.tag);
  plan.revision = repo.revision;
  plan.is_folder = !selection.is_gguf;
  for (const size_t index : selection.indices) {
    const net::HubFile& file = repo.files[index];
    PlannedFile planned;
    planned.name = base_name(file.path);
    // The folder inside the repository is only part of the address, but a name that climbs is a sign of
    // worse.
    if (!is_safe_file_name(planned.name) || file.path.front() == '/' ||
        ("/" + file.path).find("/..") != std::string::npos) {
      return unsafe_name(where, file.path);
    }
    planned.job.url = net::hub_file_url(options.hub, reference.repo, repo.revision, file.path);
    if (repo.revision != "main") {
      planned.fallback_url = net::hub_file_url(options.hub, reference.repo, "main", file.path);
    }
    planned.job.bearer_token = options.hub.token;
    planned.job.what = concat(where, " ", planned.name);
    planned.job.expected_size = file.size;
    planned.job.expected_sha256 = file.sha256;
    plan.files.push_back(std::move(planned));
  }
  return plan;
}

/// The address of another part: the last "-00001-of-" before the query, with another number.
std::string part_url(std::string url, int part) {
  const size_t path_end = std::min(url.find_first_of("?#"), url.size());
  const size_t at = url.rfind("-of-", path_end);
  if (at == std::string::npos || at < 5) return url;
  const std::string number = std::to_string(part);
  return url.replace(at - 5, 5, std::string(5 - std::min<size_t>(5, number.size()), '0') + number);
}

/// The hub's page about a file is what people copy from the browser; the file itself is one word away.
std::string file_address(const net::Url& url, bool on_hub) {
  std::string text = url.text;
  const size_t blob = text.find("/blob/");
  if (on_hub && blob != std::string::npos) text.replace(blob, 6, "/resolve/");
  return text;
}

/// Tells apart what differs only in its query (download?id=1) without keeping the query, where signatures
/// live.
std::string id_of_address(const net::Url& url) {
  const std::string_view address = std::string_view(url.text).substr(0, url.text.find('#'));
  const std::string_view query = address.substr(std::min(address.find('?'), address.size()));
  const std::string text = concat(url.origin, url.path, query);
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.finish();
}

Result<Plan> plan_url(const ModelReference& reference, const PullOptions& options) {
  HEARTH_ASSIGN(const net::Url url, net::parse_url(reference.url));
  const Result<net::Url> hub = net::parse_url(options.hub.base_url);
  const bool on_hub = hub && hub->origin == url.origin;
  const std::string address = file_address(url, on_hub);
  const std::string given = net::file_name_of(url);
  const std::string file_name = with_gguf_ending(given.empty() ? "model" : given);
  if (!is_safe_file_name(file_name)) return unsafe_name(net::printable_url(address), file_name);
  const SplitPart split = split_part(file_name);
  if (split.parts > 1 && !options.sha256.empty()) {
    return fail(ErrorCode::kUsage, net::printable_url(address), ": has ", split.parts,
                " parts, one SHA-256 cannot stand for all of them");
  }
  Plan plan;
  plan.name = name_from_file(file_name);
  HEARTH_ASSIGN(const net::Url first, net::parse_url(split.parts > 1 ? part_url(address, 1) : address));
  plan.source = net::public_url(first.text);
  plan.source_id = id_of_address(first);
  net::HttpClient client(options.http);
  for (int part = 1; part <= split.parts; ++part) {
    PlannedFile planned;
    planned.name = split.parts > 1 ? part_url(file_name, part) : file_name;
    planned.job.url = split.parts > 1 ? part_url(address, part) : address;
    if (on_hub) planned.job.bearer_token = options.hub.token;
    planned.job.what = net::printable_url(planned.job.url);
    planned.job.expected_sha256 = options.sha256;
    HEARTH_ASSIGN(planned.remote, probe(client, planned.job));
    if (planned.job.expected_sha256.empty() && on_hub) {
      planned.job.expected_sha256 = planned.remote->linked_sha256;
    }
    planned.job.expected_size = planned.remote->size;
    plan.files.push_back(std::move(planned));
  }
  return plan;
}

Result<bool> begins_like_gguf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> start{};
  file.read(start.data(), start.size());
  if (!file && !file.eof()) return fail(ErrorCode::kIo, path.string(), ": cannot be read");
  return std::string_view(start.data(), start.size()) == "GGUF";
}

Result<std::vector<std::string>> regular_files(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) names.push_back(it->path().filename());
  }
  if (error) return io::io_error(folder, "cannot list", error.value());
  std::sort(names.begin(), names.end());
  return names;
}

/// The files that go with a local path: a folder's choice, or a GGUF with all its parts.
Result<Selection> select_local(const fs::path& path, bool is_folder, std::vector<std::string>& names,
                               const PullOptions& options) {
  const std::string file_name = path.filename();
  if (is_folder || split_part(file_name).parts > 1) {
    HEARTH_ASSIGN(names, regular_files(is_folder ? path : path.parent_path()));
    return select_files(names, is_folder ? "" : file_name, options.preferred, path.string());
  }
  names = {file_name};
  return Selection{to_safe_name(file_name), true, {0}};
}

Result<Plan> plan_local(const ModelReference& reference, const PullOptions& options) {
  std::error_code error;
  const fs::path path = fs::canonical(reference.path, error);
  if (error) return io::io_error(reference.path, "cannot open", error.value());
  const bool is_folder = fs::is_directory(path, error);
  std::vector<std::string> names;
  HEARTH_ASSIGN(const Selection selection, select_local(path, is_folder, names, options));
  if (selection.indices.size() > 1 && !options.sha256.empty()) {
    return fail(ErrorCode::kUsage, path.string(),
                ": has several files, one SHA-256 cannot stand for all of them");
  }
  Plan plan;
  plan.source = path.string();
  plan.is_folder = !selection.is_gguf;
  plan.name = selection.is_gguf ? name_from_file(names[selection.indices.front()])
                                : to_safe_name(path.filename().string());
  for (const size_t index : selection.indices) {
    PlannedFile planned;
    planned.local = (is_folder ? path : path.parent_path()) / names[index];
    planned.name = selection.is_gguf ? with_gguf_ending(names[index]) : names[index];
    if (!is_safe_file_name(planned.name)) return unsafe_name(path.string(), planned.name);
    HEARTH_ASSIGN(planned.job.expected_size, io::size_of_file(planned.local));
    if (selection.is_gguf) {
      HEARTH_ASSIGN(const bool is_gguf, begins_like_gguf(planned.local));
      if (!is_gguf) {
        return fail(ErrorCode::kUnsupported, planned.local.string(),
                    ": is no GGUF file; give a GGUF file or a folder with config.json and *.safetensors");
      }
    }
    planned.job.what = planned.local.string();
    planned.job.expected_sha256 = options.sha256;
    plan.files.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace

std::optional<uint64_t> Plan::bytes() const {
  uint64_t total = 0;
  for (const PlannedFile& file : files) {
    if (!file.job.expected_size || *file.job.expected_size > UINT64_MAX - total) return std::nullopt;
    total += *file.job.expected_size;
  }
  return total;
}

bool Plan::is_what(const Manifest& manifest) const {
  if (manifest.source != source || manifest.files.size() != files.size()) return false;
  for (size_t i = 0; i < files.size(); ++i) {
    const PlannedFile& planned = files[i];
    const StoredFile& stored = manifest.files[i];
    if (stored.name != planned.name || planned.job.expected_size != stored.size) return false;
    const bool same_hash = planned.job.expected_sha256 == stored.sha256;
    const bool same_commit = !revision.empty() && revision != "main" && manifest.revision == revision;
    const bool same_tag =
        planned.remote && !planned.remote->etag.empty() && planned.remote->etag == stored.etag;
    const bool promised = !planned.job.expected_sha256.empty();
    if (promised ? !same_hash : !(same_commit || same_tag)) return false;
  }
  return true;
}

bool Plan::is_same_address(const Manifest& manifest) const {
  return source_id.empty() || manifest.source_id.empty() || manifest.source_id == source_id;
}

Result<Plan> make_plan(const ModelReference& reference, const PullOptions& options) {
  HEARTH_RETURN_IF_ERROR(check_name(options.name));
  auto make = [&]() -> Result<Plan> {
    switch (reference.kind) {
      case ModelReference::Kind::kHub:
        return plan_hub(reference, options);
      case ModelReference::Kind::kUrl:
        return plan_url(reference, options);
      case ModelReference::Kind::kLocal:
        break;
    }
    return plan_local(reference, options);
  };
  HEARTH_ASSIGN(Plan plan, make());
  if (!options.name.empty()) plan.name = options.name;
  return plan;
}

}  // namespace hearth::store
