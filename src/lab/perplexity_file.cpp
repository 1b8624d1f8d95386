// JSON lines; numbers are written so that reading gives the same double again.
#include "lab/perplexity_file.h"

#include <string>
#include <string_view>

#include "io/file.h"

namespace hearth::lab {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{4} << 30;

io::Json header_of(const io::Json& run, bool with_base) {
  io::Json header = {{"hearth", "perplexity"}};
  for (const auto& [key, value] : run.items()) header[key] = value;
  header["columns"] = {"index", "id", "log_prob"};
  if (with_base) {
    for (const char* name : {"base_log_prob", "kld", "same_top1"}) header["columns"].push_back(name);
  }
  return header;
}

/// A logarithm of a probability.
bool read_log(const io::Json& value, double& out) {
  if (!value.is_number()) return false;
  out = value.get<double>();
  return out <= 0;
}

/// The score of ids[index].
bool read_score(const io::Json& line, bool with_base, std::span<const int32_t> ids, size_t index,
                TokenScore& score) {
  if (!line.is_array() || line.size() != (with_base ? 6u : 3u) || index >= ids.size()) return false;
  score.index = static_cast<int64_t>(index);
  score.id = ids[index];
  if (line[0] != score.index || line[1] != score.id || !read_log(line[2], score.log_prob)) return false;
  if (!with_base) return true;
  if (!read_log(line[3], score.base_log_prob) || !line[4].is_number() || !line[5].is_boolean()) return false;
  score.kld = line[4].get<double>();
  score.same_top1 = line[5].get<bool>();
  return true;
}

}  // namespace

Status write_scores(const std::filesystem::path& path, const io::Json& run, bool with_base,
                    std::span<const TokenScore> scores) {
  HEARTH_ASSIGN(io::AtomicFile file, io::AtomicFile::create(path));
  HEARTH_RETURN_IF_ERROR(file.write(io::dump_json(header_of(run, with_base)) + "\n"));
  for (const TokenScore& s : scores) {
    io::Json line = {s.index, s.id, s.log_prob};
    if (with_base) {
      line.push_back(s.base_log_prob);
      line.push_back(s.kld);
      line.push_back(s.same_top1);
    }
    HEARTH_RETURN_IF_ERROR(file.write(io::dump_json(line) + "\n"));
  }
  return file.commit();
}

Result<std::vector<TokenScore>> read_scores(const std::filesystem::path& path, const io::Json& run,
                                            bool with_base, std::span<const int32_t> ids, int64_t first) {
  HEARTH_ASSIGN(const std::string text, io::read_file(path, kMaxBytes));
  if (text.empty()) return fail(ErrorCode::kCorrupt, path.string(), " is empty; delete it");
  std::vector<TokenScore> scores;
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const auto json = io::parse_json(rest.substr(0, end), path.string());
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (number == 1) {
      if (!json || *json != header_of(run, with_base)) {
        return fail(ErrorCode::kUsage, path.string(),
                    " is of another run (text, models or options differ); name another file, or delete it");
      }
    } else if (const size_t index = static_cast<size_t>(first) + scores.size();
               !json || !read_score(*json, with_base, ids, index, scores.emplace_back())) {
      return fail(ErrorCode::kCorrupt, path.string(), ": line ", number, " is no score of token ", index,
                  " of the text; the file is damaged, delete it");
    }
  }
  return scores;
}

}  // namespace hearth::lab
