// hearth serve: models over HTTP, in the protocols that programs speak already.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "cli/model_source.h"
#include "cli/number_checks.h"
#include "cli/serve_config.h"
#include "cli/verb.h"
#include "serve/server.h"

namespace hearth::cli {
namespace {

class ServeCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app_ = &app;
    app.add_option("-m,--model,MODEL", asked_.source.models,
                   "Models to offer besides those in the store, the default one first; none: the specialist");
    app.add_option("--config", config_, "Settings and API keys (TOML); options here come before them");
    app.add_option("--host", asked_.serve.http.host, "Address to listen on")->capture_default_str();
    app.add_option("--port", asked_.serve.http.port, "Port; 0: any free one")->capture_default_str();
    app.add_option("--parallel", asked_.source.scheduler.max_running, "Answers computed at a time, per model")
        ->check(CLI::Range(1, 256).description("1 to 256"))
        ->capture_default_str();
    app.add_option("--queue", asked_.source.scheduler.max_waiting,
                   "Answers that may wait; more are told to come back")
        ->check(CLI::Range(0, 65536).description("0 to 65536"))
        ->capture_default_str();
    app.add_option("--cache-tokens", asked_.source.cache_tokens,
                   "Tokens that all answers and kept prefixes of a model may hold together; default: what "
                   "fits, up to "
                   "a context for each answer")
        ->check(not_negative());
    app.add_option("--prefixes", asked_.source.prefixes, "Prompt beginnings kept for those that begin alike")
        ->check(CLI::Range(0, 4096).description("0 to 4096"))
        ->capture_default_str();
    app.add_option("--prefix-memory", asked_.source.scheduler.prefix_bytes,
                   "Memory for their keys and values (2GiB, 500MB); default: what answers leave")
        ->transform(CLI::AsSizeValue(true));
    app.add_flag("--save-prefixes", asked_.source.save_prefixes,
                 "Keep beginnings that several prompts share on disk, for after a restart; when a model is "
                 "unloaded or the server ends, all that is kept of prompts and answers");
    app.add_option("--prefix-disk", asked_.source.prefix_disk_bytes,
                   "Room for them on disk, all models together (4GiB)")
        ->transform(CLI::AsSizeValue(true))
        ->default_str("4GiB");
    app.add_option("--keep-alive", asked_.serve.models.keep_alive_s,
                   "Seconds that an unused model stays loaded; negative: for ever")
        ->capture_default_str();
    app.add_option("--max-models", asked_.serve.models.max_models, "Models loaded at a time")
        ->check(CLI::Range(1, 64).description("1 to 64"))
        ->capture_default_str();
    app.add_option("--memory", asked_.serve.models.memory_bytes,
                   "Memory that loaded models may take together (8GB); default: what the machine has")
        ->transform(CLI::AsSizeValue(true));
    app.add_flag("--no-speculation", no_speculation_, "Do not propose tokens by look-up");
    app.add_option("--tls-cert", asked_.serve.http.tls_certificate,
                   "Certificate chain (PEM): answers over HTTPS");
    app.add_option("--tls-key", asked_.serve.http.tls_key, "Its key (PEM)");
    app.add_option("--cors", asked_.serve.cors_origins, "Origins whose pages may ask; '*': all")
        ->allow_extra_args(false);
    app.add_flag("--insecure", asked_.serve.insecure, "Listen beyond this machine without an API key");
    app.add_flag("--quiet", quiet_, "No line per request");
    app.add_flag("--log-prompts", asked_.serve.log_prompts,
                 "The lines of requests have the beginning of their text (2,000 bytes)");
    app.add_option("--catalogue", asked_.source.catalogue, "The specialist's devices and rooms (TOML)");
    asked_.source.load.declare(app);
  }

  Status run(Console& console) override {
    asked_.source.scheduler.speculate = !no_speculation_;
    asked_.serve.log_requests = !quiet_;
    asked_.serve.preload = "";
    HEARTH_ASSIGN(Settings settings, with_config());
    const std::string first = settings.source.models.empty() ? "" : settings.source.models.front();
    HEARTH_ASSIGN(auto source, make_model_source(settings.source, console));
    console.stamp_notes();
    HEARTH_ASSIGN(const auto server, serve::Server::start(settings.serve, std::move(source)));
    heed_hangups();
    const net::ServerOptions& http = settings.serve.http;
    const std::string host =
        http.host.find(':') == std::string::npos ? http.host : concat("[", http.host, "]");
    console.note(concat("hearth serves ", first.empty() ? std::string(kSpecialistName) : first, " on ",
                        http.tls_certificate.empty() ? "http://" : "https://", host, ":", server->port(),
                        "  (Ctrl-C ends it)"));
    while (!interrupted().load() && !terminated().load()) {
      if (hangup().exchange(false)) reload(*server, settings, console);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    console.note("finishing the answers under way (Ctrl-C again: at once)");
    server->stop(kGraceS);
    return {};
  }

 private:
  static constexpr double kGraceS = 30;
  struct Settings {
    SourceOptions source;
    serve::ServeOptions serve;
  };

  /// That of the environment: nobody's limits, any priority.
  static serve::ApiKey own_key(const char* key) {
    return {"HEARTH_API_KEY", serve::hash_key(key), 0, 0, serve::kMostUrgent};
  }

  /// What was asked for on the command line, over what the configuration says.
  Result<Settings> with_config() const {
    Settings all = asked_;
    auto& [source, serve] = all;
    const char* key = std::getenv("HEARTH_API_KEY");
    if (key && *key) serve.keys.push_back(own_key(key));
    if (config_.empty()) return all;
    HEARTH_ASSIGN(const ServeConfig config, read_serve_config(config_));
    const auto take = [&](const char* option, const auto& from, auto& into) {
      if (from && app_->get_option(option)->count() == 0) into = *from;
    };
    take("--host", config.host, serve.http.host);
    take("--port", config.port, serve.http.port);
    take("--tls-cert", config.tls_certificate, serve.http.tls_certificate);
    take("--tls-key", config.tls_key, serve.http.tls_key);
    take("--parallel", config.parallel, source.scheduler.max_running);
    take("--queue", config.queue, source.scheduler.max_waiting);
    take("--keep-alive", config.keep_alive_s, serve.models.keep_alive_s);
    take("--max-models", config.max_models, serve.models.max_models);
    take("--memory", config.memory_bytes, serve.models.memory_bytes);
    take("--save-prefixes", config.save_prefixes, source.save_prefixes);
    take("--prefix-disk", config.prefix_disk_bytes, source.prefix_disk_bytes);
    take("--prefix-memory", config.prefix_memory_bytes, source.scheduler.prefix_bytes);
    take("--log-prompts", config.log_prompts, serve.log_prompts);
    if (app_->get_option("--model")->count() == 0) source.models = config.models;
    if (app_->get_option("--cors")->count() == 0) serve.cors_origins = config.cors_origins;
    serve.keys.insert(serve.keys.end(), config.keys.begin(), config.keys.end());
    return all;
  }

  /// Names of settings that differ and that a running server cannot change.
  static std::string needs_restart(const Settings& now, const Settings& wanted) {
    std::string out;
    const auto compare = [&](std::string_view name, bool same) {
      if (!same) out += concat(out.empty() ? "" : ", ", name);
    };
    compare("host", now.serve.http.host == wanted.serve.http.host);
    compare("port", now.serve.http.port == wanted.serve.http.port);
    compare("tls_certificate (TLS or none)",
            now.serve.http.tls_certificate.empty() == wanted.serve.http.tls_certificate.empty());
    compare("parallel", now.source.scheduler.max_running == wanted.source.scheduler.max_running);
    compare("queue", now.source.scheduler.max_waiting == wanted.source.scheduler.max_waiting);
    compare("models", now.source.models == wanted.source.models);
    compare("save_prefixes", now.source.save_prefixes == wanted.source.save_prefixes);
    compare("prefix_disk_bytes", now.source.prefix_disk_bytes == wanted.source.prefix_disk_bytes);
    compare("prefix_memory_bytes", now.source.scheduler.prefix_bytes == wanted.source.scheduler.prefix_bytes);
    return out;
  }

  /// SIGHUP. `now`: what the server runs with; settings that need a new start stay as they are there.
  void reload(serve::Server& server, Settings& now, Console& console) const {
    if (config_.empty()) return console.note("SIGHUP: there is no --config to read again");
    auto wanted = with_config();
    if (!wanted) return console.note("SIGHUP: " + wanted.error().message + "; the old settings stay");
    if (wanted->serve.keys.empty() && !now.serve.keys.empty()) {
      return console.note(
          "SIGHUP: the configuration has no API key any more, which needs a restart; the old settings stay");
    }
    const std::string left = needs_restart(now, *wanted);
    if (const bool tls = !now.serve.http.tls_certificate.empty();
        tls == wanted->serve.http.tls_certificate.empty()) {
      wanted->serve.http.tls_certificate = now.serve.http.tls_certificate;
      wanted->serve.http.tls_key = now.serve.http.tls_key;
    }
    const Status certificate = server.change(wanted->serve);
    now.serve.keys = wanted->serve.keys;
    if (certificate) {
      now.serve.http.tls_certificate = wanted->serve.http.tls_certificate;
      now.serve.http.tls_key = wanted->serve.http.tls_key;
    } else {
      console.note("SIGHUP: " + certificate.error().message + "; the old certificate stays");
    }
    console.note("SIGHUP: the configuration is read again" +
                 (left.empty() ? "" : "; changed too, but only with a restart: " + left));
  }

  CLI::App* app_ = nullptr;
  std::string config_;
  Settings asked_;  // on the command line
  bool no_speculation_ = false;
  bool quiet_ = false;
};

}  // namespace

const Verb& verb_serve() {
  static const Verb kVerb{
      "serve", "models over HTTP: the protocols of OpenAI and Ollama",
      "  hearth serve                                     # the specialist, on http://127.0.0.1:8080\n"
      "  hearth serve model.gguf --ctx 8192 --parallel 8\n"
      "  HEARTH_API_KEY=$(openssl rand -hex 24) hearth serve hf:ORG/REPO --host 0.0.0.0 --tls-cert c.pem "
      "--tls-key k.pem\n"
      "  curl http://127.0.0.1:8080/v1/chat/completions -d '{\"messages\": [{\"role\": \"user\", "
      "\"content\": \"lock the front door\"}]}'\n",
      [] { return std::unique_ptr<Command>(std::make_unique<ServeCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
