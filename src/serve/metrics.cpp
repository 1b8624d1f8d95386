// A table of names and values; histograms made cumulative.
#include "serve/metrics.h"

#include <charconv>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/result.h"

namespace hearth::serve {
namespace {

using engine::SchedulerStats;

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return {buffer, end};
}

std::string escaped(std::string_view label) {
  std::string out;
  for (const char c : label) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

struct Row {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*value)(const SchedulerStats&);
};

constexpr Row kRows[] = {
    {"hearth_answers_waiting", "gauge", "Answers that wait for their turn",
     [](const SchedulerStats& s) { return double(s.waiting); }},
    {"hearth_answers_running", "gauge", "Answers being computed",
     [](const SchedulerStats& s) { return double(s.running); }},
    {"hearth_answers_total", "counter", "Answers asked for",
     [](const SchedulerStats& s) { return double(s.accepted); }},
    {"hearth_answers_refused_total", "counter", "Answers refused because the queue was full",
     [](const SchedulerStats& s) { return double(s.refused); }},
    {"hearth_answers_cancelled_total", "counter", "Answers whose client went away",
     [](const SchedulerStats& s) { return double(s.cancelled); }},
    {"hearth_answers_failed_total", "counter", "Answers that failed",
     [](const SchedulerStats& s) { return double(s.failed); }},
    {"hearth_answers_preempted_total", "counter", "Answers whose keys and values had to go for others",
     [](const SchedulerStats& s) { return double(s.preempted); }},
    {"hearth_prompt_tokens_total", "counter", "Tokens of prompts",
     [](const SchedulerStats& s) { return double(s.prompt_tokens); }},
    {"hearth_prefix_hit_tokens_total", "counter", "Tokens of prompts that were not computed again",
     [](const SchedulerStats& s) { return double(s.cached_tokens); }},
    {"hearth_generated_tokens_total", "counter", "Tokens written",
     [](const SchedulerStats& s) { return double(s.generated_tokens); }},
    {"hearth_drafted_tokens_total", "counter", "Tokens proposed by look-up",
     [](const SchedulerStats& s) { return double(s.drafted_tokens); }},
    {"hearth_accepted_drafts_total", "counter", "Proposed tokens that the model drew too",
     [](const SchedulerStats& s) { return double(s.accepted_drafts); }},
    {"hearth_steps_total", "counter", "Passes over the weights",
     [](const SchedulerStats& s) { return double(s.steps); }},
    {"hearth_prefixes", "gauge", "Prefixes kept", [](const SchedulerStats& s) { return double(s.prefixes); }},
    {"hearth_prefixes_evicted_total", "counter", "Prefixes given up",
     [](const SchedulerStats& s) { return double(s.evicted_prefixes); }},
    {"hearth_prefix_bytes", "gauge", "Bytes of keys and values that kept prefixes hold",
     [](const SchedulerStats& s) { return double(s.prefix_bytes); }},
    {"hearth_prefixes_saved_total", "counter", "Prefixes written to disk",
     [](const SchedulerStats& s) { return double(s.archive.saved); }},
    {"hearth_prefixes_restored_total", "counter", "Prefixes read from disk",
     [](const SchedulerStats& s) { return double(s.archive.restored); }},
    {"hearth_prefix_restored_tokens_total", "counter", "Tokens of prefixes read from disk",
     [](const SchedulerStats& s) { return double(s.archive.restored_tokens); }},
    {"hearth_prefixes_damaged_total", "counter", "Files of prefixes found damaged, and removed",
     [](const SchedulerStats& s) { return double(s.archive.damaged); }},
    {"hearth_prefix_saves_failed_total", "counter", "Prefixes that could not be written",
     [](const SchedulerStats& s) { return double(s.archive.failed); }},
    {"hearth_prefix_disk_bytes", "gauge", "Bytes of this model's prefixes on disk",
     [](const SchedulerStats& s) { return double(s.archive.bytes); }},
    {"hearth_kv_bytes", "gauge", "Bytes of keys and values in use, shared pages counted once",
     [](const SchedulerStats& s) { return double(s.kv_bytes); }},
    {"hearth_kv_pages", "gauge", "Pages of keys and values in use",
     [](const SchedulerStats& s) { return double(s.kv_pages); }},
    {"hearth_kv_shared_pages", "gauge", "Of those, pages that more than one answer or prefix holds",
     [](const SchedulerStats& s) { return double(s.kv_shared_pages); }},
    {"hearth_kv_free_tokens", "gauge", "Tokens that fit into free pages",
     [](const SchedulerStats& s) { return double(s.kv_tokens_free); }},
    // Names that dashboards made for other servers ask for.
    {"vllm:num_requests_running", "gauge", "hearth_answers_running",
     [](const SchedulerStats& s) { return double(s.running); }},
    {"vllm:num_requests_waiting", "gauge", "hearth_answers_waiting",
     [](const SchedulerStats& s) { return double(s.waiting); }},
    {"vllm:prompt_tokens_total", "counter", "hearth_prompt_tokens_total",
     [](const SchedulerStats& s) { return double(s.prompt_tokens); }},
    {"vllm:generation_tokens_total", "counter", "hearth_generated_tokens_total",
     [](const SchedulerStats& s) { return double(s.generated_tokens); }},
    {"vllm:prefix_cache_queries_total", "counter", "hearth_prompt_tokens_total",
     [](const SchedulerStats& s) { return double(s.prompt_tokens); }},
    {"vllm:prefix_cache_hits_total", "counter", "hearth_prefix_hit_tokens_total",
     [](const SchedulerStats& s) { return double(s.cached_tokens); }},
    {"llamacpp:prompt_tokens_total", "counter", "hearth_prompt_tokens_total",
     [](const SchedulerStats& s) { return double(s.prompt_tokens); }},
    {"llamacpp:tokens_predicted_total", "counter", "hearth_generated_tokens_total",
     [](const SchedulerStats& s) { return double(s.generated_tokens); }},
    {"llamacpp:requests_processing", "gauge", "hearth_answers_running",
     [](const SchedulerStats& s) { return double(s.running); }},
    {"llamacpp:requests_deferred", "gauge", "hearth_answers_waiting",
     [](const SchedulerStats& s) { return double(s.waiting); }},
    {"llamacpp:n_decode_total", "counter", "hearth_steps_total",
     [](const SchedulerStats& s) { return double(s.steps); }},
};

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += concat("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

template <size_t N>
void histogram(std::string& out, std::string_view name, const std::string& label,
               const engine::Histogram<N>& values) {
  int64_t seen = 0;
  for (size_t i = 0; i <= N; ++i) {
    seen += values.counts[i];
    const std::string bound = i < N ? number(values.bounds[i]) : "+Inf";
    out += concat(name, "_bucket{", label, ",le=\"", bound, "\"} ", seen, "\n");
  }
  out +=
      concat(name, "_sum{", label, "} ", number(values.sum), "\n", name, "_count{", label, "} ", seen, "\n");
}

struct ModelStats {
  std::string label;
  SchedulerStats stats;
};

template <typename Member>
void histograms(std::string& out, std::initializer_list<std::string_view> names, std::string_view help,
                std::span<const ModelStats> models, Member member) {
  for (const std::string_view name : names) {
    head(out, name, "histogram", help);
    for (const ModelStats& model : models) histogram(out, name, model.label, model.stats.*member);
  }
}

}  // namespace

std::string prometheus_text(const std::map<std::string, SchedulerStats>& models, const ServerCounts& counts) {
  std::vector<ModelStats> all;
  for (const auto& [name, stats] : models)
    all.push_back({concat("model_name=\"", escaped(name), "\""), stats});
  std::string out;
  for (const Row& row : kRows) {
    head(out, row.name, row.type, row.help);
    for (const ModelStats& model : all)
      out += concat(row.name, "{", model.label, "} ", number(row.value(model.stats)), "\n");
  }
  histograms(out, {"hearth_time_to_first_token_seconds", "vllm:time_to_first_token_seconds"},
             "From the request to the first token", all, &SchedulerStats::first_token_s);
  histograms(out, {"hearth_inter_token_latency_seconds", "vllm:inter_token_latency_seconds"},
             "Between two tokens of an answer", all, &SchedulerStats::between_tokens_s);
  histograms(out, {"hearth_queue_time_seconds", "vllm:request_queue_time_seconds"},
             "From the request to its turn", all, &SchedulerStats::queue_s);
  histograms(out, {"hearth_answer_seconds", "vllm:e2e_request_latency_seconds"},
             "From the request to the end of its answer", all, &SchedulerStats::answer_s);
  histograms(out, {"hearth_batch_size"}, "Answers in a pass over the weights", all, &SchedulerStats::batch);
  const auto own = [&](std::string_view name, std::string_view type, std::string_view help, int64_t value) {
    head(out, name, type, help);
    out += concat(name, " ", value, "\n");
  };
  own("hearth_http_requests_total", "counter", "Requests of all kinds", counts.requests);
  own("hearth_http_refused_total", "counter", "Requests refused for their key, a limit or their path",
      counts.refused);
  own("hearth_http_connections", "gauge", "Open connections", counts.open_connections);
  own("hearth_resident_memory_bytes", "gauge", "Resident memory of the process", counts.resident_bytes);
  return out;
}

}  // namespace hearth::serve
