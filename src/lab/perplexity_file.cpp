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

bool read_score(const io::Json& line, bool with_base, TokenScore& score) {
  if (!line.is_array() || line.size() != (with_base ? 6u : 3u)) return false;
  if (!line[0].is_number_integer() || !line[1].is_number_integer() || !line[2].is_number()) return false;
  score.index = line[0].get<int64_t>();
  score.id = line[1].get<int32_t>();
  score.log_prob = line[2].get<double>();
  if (!with_base) return true;
  if (!line[3].is_number() || !line[4].is_number() || !line[5].is_boolean()) return false;
  score.base_log_prob = line[3].get<double>();
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
                                            bool with_base) {
  HEARTH_ASSIGN(const std::string text, io::read_file(path, kMaxBytes));
  std::vector<TokenScore> scores;
  bool is_header = true;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    HEARTH_ASSIGN(const io::Json json, io::parse_json(line, path.string()));
    if (is_header) {
      if (json != header_of(run, with_base)) {
        return fail(ErrorCode::kUsage, path.string(),
                    " is of another run (text, models or options differ); name another file, or delete it");
      }
      is_header = false;
      continue;
    }
    if (!read_score(json, with_base, scores.emplace_back())) {
      return fail(ErrorCode::kCorrupt, path.string(), ": line ", scores.size() + 1,
                  " is no score of a token");
    }
  }
  if (is_header) return fail(ErrorCode::kCorrupt, path.string(), " is empty; delete it");
  return scores;
}

}  // namespace hearth::lab
