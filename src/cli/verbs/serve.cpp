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
    app.add_option("-m,--model,MODEL", source_.models,
                   "Models to offer besides those in the store, the default one first; none: the specialist");
    app.add_option("--config", config_, "Settings and API keys (TOML); options here come before them");
    app.add_option("--host", serve_.http.host, "Address to listen on")->capture_default_str();
    app.add_option("--port", serve_.http.port, "Port; 0: any free one")->capture_default_str();
    app.add_option("--parallel", source_.scheduler.max_running, "Answers computed at a time, per model")
        ->check(CLI::Range(1, 256).description("1 to 256"))
        ->capture_default_str();
    app.add_option("--queue", source_.scheduler.max_waiting,
                   "Answers that may wait; more are told to come back")
        ->check(CLI::Range(0, 65536).description("0 to 65536"))
        ->capture_default_str();
    app.add_option("--cache-tokens", source_.cache_tokens,
                   "Tokens that all answers and kept prefixes of a model may hold together; default: what "
                   "fits, up to "
                   "a context for each answer")
        ->check(not_negative());
    app.add_option("--prefixes", source_.prefixes, "Prompt beginnings kept for those that begin alike")
        ->check(CLI::Range(0, 4096).description("0 to 4096"))
        ->capture_default_str();
    app.add_option("--prefix-memory", source_.scheduler.prefix_bytes,
                   "Memory for their keys and values (2GiB, 500MB); default: what answers leave")
        ->transform(CLI::AsSizeValue(true));
    app.add_flag("--save-prefixes", source_.save_prefixes,
                 "Keep beginnings that several prompts share on disk, for after a restart; when a model is "
                 "unloaded or the server ends, all that is kept of prompts and answers");
    app.add_option("--prefix-disk", source_.prefix_disk_bytes,
                   "Room for them on disk, all models together (4GiB)")
        ->transform(CLI::AsSizeValue(true))
        ->default_str("4GiB");
    app.add_option("--keep-alive", serve_.models.keep_alive_s,
                   "Seconds that an unused model stays loaded; negative: for ever")
        ->capture_default_str();
    app.add_option("--max-models", serve_.models.max_models, "Models loaded at a time")
        ->check(CLI::Range(1, 64).description("1 to 64"))
        ->capture_default_str();
    app.add_flag("--no-speculation", no_speculation_, "Do not propose tokens by look-up");
    app.add_option("--tls-cert", serve_.http.tls_certificate, "Certificate chain (PEM): answers over HTTPS");
    app.add_option("--tls-key", serve_.http.tls_key, "Its key (PEM)");
    app.add_option("--cors", serve_.cors_origins, "Origins whose pages may ask; '*': all")
        ->allow_extra_args(false);
    app.add_flag("--insecure", serve_.insecure, "Listen beyond this machine without an API key");
    app.add_flag("--quiet", quiet_, "No line per request");
    app.add_option("--catalogue", source_.catalogue, "The specialist's devices and rooms (TOML)");
    source_.load.declare(app);
  }

  Status run(Console& console) override {
    HEARTH_RETURN_IF_ERROR(read_config());
    source_.scheduler.speculate = !no_speculation_;
    serve_.log_requests = !quiet_;
    serve_.preload = "";
    const std::string first = source_.models.empty() ? "" : source_.models.front();
    HEARTH_ASSIGN(auto source, make_model_source(source_, console));
    HEARTH_ASSIGN(const auto server, serve::Server::start(serve_, std::move(source)));
    heed_hangups();
    const std::string host = serve_.http.host.find(':') == std::string::npos
                                 ? serve_.http.host
                                 : concat("[", serve_.http.host, "]");
    console.note(concat("hearth serves ", first.empty() ? std::string(kSpecialistName) : first, " on ",
                        serve_.http.tls_certificate.empty() ? "http://" : "https://", host, ":",
                        server->port(), "  (Ctrl-C ends it)"));
    while (!interrupted().load() && !terminated().load()) {
      if (hangup().exchange(false)) reload(*server, console);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    console.note("finishing the answers under way (Ctrl-C again: at once)");
    server->stop(kGraceS);
    return {};
  }

 private:
  static constexpr double kGraceS = 30;

  /// That of the environment: nobody's limits, any priority.
  static serve::ApiKey own_key(const char* key) {
    return {"HEARTH_API_KEY", serve::hash_key(key), 0, 0, serve::kMostUrgent};
  }

  Status read_config() {
    const char* key = std::getenv("HEARTH_API_KEY");
    if (key && *key) serve_.keys.push_back(own_key(key));
    if (config_.empty()) return {};
    HEARTH_ASSIGN(const ServeConfig config, read_serve_config(config_));
    const auto given = [&](const char* option) { return app_->get_option(option)->count() > 0; };
    if (config.host && !given("--host")) serve_.http.host = *config.host;
    if (config.port && !given("--port")) serve_.http.port = *config.port;
    if (config.tls_certificate && !given("--tls-cert")) serve_.http.tls_certificate = *config.tls_certificate;
    if (config.tls_key && !given("--tls-key")) serve_.http.tls_key = *config.tls_key;
    if (config.parallel && !given("--parallel")) source_.scheduler.max_running = *config.parallel;
    if (config.queue && !given("--queue")) source_.scheduler.max_waiting = *config.queue;
    if (config.keep_alive_s && !given("--keep-alive")) serve_.models.keep_alive_s = *config.keep_alive_s;
    if (config.max_models && !given("--max-models")) serve_.models.max_models = *config.max_models;
    if (config.save_prefixes && !given("--save-prefixes")) source_.save_prefixes = *config.save_prefixes;
    if (config.prefix_disk_bytes && !given("--prefix-disk"))
      source_.prefix_disk_bytes = *config.prefix_disk_bytes;
    if (config.prefix_memory_bytes && !given("--prefix-memory"))
      source_.scheduler.prefix_bytes = *config.prefix_memory_bytes;
    if (!given("--model")) source_.models = config.models;
    if (!given("--cors")) serve_.cors_origins = config.cors_origins;
    serve_.keys.insert(serve_.keys.end(), config.keys.begin(), config.keys.end());
    return {};
  }

  /// SIGHUP: new keys; the rest needs a new start.
  void reload(serve::Server& server, Console& console) {
    if (config_.empty()) return console.note("SIGHUP: there is no --config to read again");
    const auto config = read_serve_config(config_);
    if (!config) return console.note("SIGHUP: " + config.error().message + "; the old keys stay");
    std::vector<serve::ApiKey> keys = config->keys;
    const char* key = std::getenv("HEARTH_API_KEY");
    if (key && *key) keys.push_back(own_key(key));
    if (keys.empty() && !serve_.keys.empty())
      return console.note("SIGHUP: the configuration has no API key any more; the old keys stay");
    server.replace_keys(std::move(keys));
    console.note("SIGHUP: API keys read again");
  }

  CLI::App* app_ = nullptr;
  std::string config_;
  SourceOptions source_;
  serve::ServeOptions serve_;
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
