// One function per route; what they have in common with others is in wire and in AnswerSession.
#include "serve/routes.h"

#include <utility>

#include "io/json.h"
#include "serve/answer_session.h"
#include "serve/page.h"
#include "wire/members.h"
#include "wire/request.h"

namespace hearth::serve {
namespace {

using wire::Protocol;

/// Parses with the named model's own sampling settings where it is loaded.
wire::SamplingDefaults defaults_of(ModelDirectory& models) {
  return [&models](const std::string& name) -> Result<runtime::SamplingParams> {
    const auto model = models.loaded(name);
    return model ? model->sampling_defaults() : runtime::SamplingParams();
  };
}

using Parse = Result<wire::GenerationRequest> (*)(std::string_view body,
                                                  const wire::SamplingDefaults& defaults);

/// The name of the model comes first: its settings are what the rest of the request changes.
std::string model_named_in(const std::string& body) {
  const auto json = io::parse_json(body, "request");
  if (!json) return "";
  const auto name = io::json_string(*json, "model");
  return name && *name ? **name : "";
}

template <Protocol kProtocol, Parse kParse>
void generate(Call call) {
  Context& context = *call.context;
  const std::string name = model_named_in(call.request.body);
  auto shared = std::make_shared<Call>(std::move(call));
  context.models().with_model(
      name, [shared, &context, name](Result<std::shared_ptr<HostedModel>> model, double load_s) {
        if (!model) {
          const bool memory = model.error().code == ErrorCode::kTooLarge;
          const wire::ErrorBody body = memory ? wire::error_body(kProtocol, 503, model.error().message)
                                              : wire::error_body(kProtocol, model.error());
          context.over(*shared, {body.status, "", 0, 0, 0, false, model.error().message});
          return respond_json(*shared->responder, body.status, body.json);
        }
        auto request = kParse(shared->request.body, defaults_of(context.models()));
        if (!request) {
          const wire::ErrorBody body = wire::error_body(kProtocol, request.error());
          context.over(*shared, {body.status, (*model)->info().id, 0, 0, 0, false, request.error().message});
          return respond_json(*shared->responder, body.status, body.json);
        }
        if (request->keep_alive_s) context.models().keep(name, *request->keep_alive_s);
        auto session = std::make_shared<AnswerSession>(
            kProtocol, std::move(request).value(), shared->responder, shared->client,
            [shared, &context](const AnswerRecord& record) { context.over(*shared, record); });
        session->start(std::move(model).value(), load_s);
      });
}

void list_models(Call call) {
  respond_json(*call.responder, 200, wire::encode_models(call.context->models().list()));
}

void show_model(Call call) {
  for (const wire::ModelInfo& info : call.context->models().list()) {
    if (info.id == call.tail) return respond_json(*call.responder, 200, wire::encode_model(info));
  }
  respond_error(*call.responder, Protocol::kOpenAiChat,
                fail(ErrorCode::kNotFound, "the model '", call.tail, "' does not exist"));
}

void ollama_tags(Call call) {
  respond_json(*call.responder, 200, wire::encode_ollama_tags(call.context->models().list()));
}
void ollama_ps(Call call) {
  respond_json(*call.responder, 200, wire::encode_ollama_ps(call.context->models().list()));
}
void ollama_version(Call call) { respond_json(*call.responder, 200, R"({"version":")" HEARTH_VERSION "\"}"); }

void ollama_show(Call call) {
  const auto json = io::parse_json(call.request.body, "request");
  const auto name = json ? io::json_string(*json, json->contains("model") ? "model" : "name")
                         : Result<std::optional<std::string>>(json.error());
  if (!name || !*name) {
    return respond_error(*call.responder, Protocol::kOllamaChat,
                         name ? fail(ErrorCode::kUsage, "model: is missing") : Error(name.error()));
  }
  for (const wire::ModelInfo& info : call.context->models().list()) {
    if (info.id == **name) return respond_json(*call.responder, 200, wire::encode_ollama_show(info));
  }
  respond_error(*call.responder, Protocol::kOllamaChat,
                fail(ErrorCode::kNotFound, "model '", **name, "' not found"));
}

/// {"model", "content", "add_special", "parse_special"} -> {"tokens": [...]}
void tokenize(Call call) {
  const auto answer = [](const std::string& body, HostedModel& model) -> Result<std::string> {
    HEARTH_ASSIGN(const io::Json json, io::parse_json(body, "request"));
    HEARTH_ASSIGN(const auto content, io::json_string(json, "content"));
    HEARTH_ASSIGN(const auto add, io::json_bool(json, "add_special"));
    HEARTH_ASSIGN(const auto parse, io::json_bool(json, "parse_special"));
    if (!content) return fail(ErrorCode::kUsage, "content: is missing");
    HEARTH_ASSIGN(const auto ids, model.tokenize(*content, add.value_or(false), parse.value_or(true)));
    return io::dump_json({{"tokens", ids}});
  };
  const std::string name = model_named_in(call.request.body);
  call.context->models().with_model(name, [call, answer](auto model, double) {
    if (!model) return respond_error(*call.responder, Protocol::kOpenAiChat, model.error());
    const Result<std::string> text = answer(call.request.body, **model);
    if (!text) return respond_error(*call.responder, Protocol::kOpenAiChat, text.error());
    respond_json(*call.responder, 200, *text);
  });
}

/// A chat request -> {"prompt": "..."}
void apply_template(Call call) {
  const std::string name = model_named_in(call.request.body);
  call.context->models().with_model(name, [call](auto model, double) {
    if (!model) return respond_error(*call.responder, Protocol::kOpenAiChat, model.error());
    const auto request = wire::parse_openai_chat(call.request.body, wire::plain_defaults());
    if (!request) return respond_error(*call.responder, Protocol::kOpenAiChat, request.error());
    const auto prompt = (*model)->render_chat(request->prompts[0].chat_json);
    if (!prompt) return respond_error(*call.responder, Protocol::kOpenAiChat, prompt.error());
    respond_json(*call.responder, 200, io::dump_json({{"prompt", *prompt}}));
  });
}

void health(Call call) { respond_json(*call.responder, 200, R"({"status":"ok"})"); }

void ready(Call call) {
  const bool is_ready = call.context->ready();
  respond_json(*call.responder, is_ready ? 200 : 503,
               is_ready ? R"({"status":"ready"})" : R"({"status":"loading"})");
}

void metrics(Call call) {
  call.responder->respond(200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                          call.context->metrics());
}

constexpr Route kRoutes[] = {
    {"GET", "/", Protocol::kOpenAiChat, true, false, page},
    {"GET", "/app.js", Protocol::kOpenAiChat, true, false, page_script},
    {"GET", "/app.css", Protocol::kOpenAiChat, true, false, page_style},
    {"POST", "/v1/chat/completions", Protocol::kOpenAiChat, false, true,
     generate<Protocol::kOpenAiChat, wire::parse_openai_chat>},
    {"POST", "/v1/completions", Protocol::kOpenAiCompletion, false, true,
     generate<Protocol::kOpenAiCompletion, wire::parse_openai_completion>},
    {"POST", "/v1/responses", Protocol::kOpenAiResponses, false, true,
     generate<Protocol::kOpenAiResponses, wire::parse_openai_responses>},
    {"GET", "/v1/models", Protocol::kOpenAiChat, false, false, list_models},
    {"GET", "/v1/models/", Protocol::kOpenAiChat, false, false, show_model},
    {"POST", "/api/chat", Protocol::kOllamaChat, false, true,
     generate<Protocol::kOllamaChat, wire::parse_ollama_chat>},
    {"POST", "/api/generate", Protocol::kOllamaGenerate, false, true,
     generate<Protocol::kOllamaGenerate, wire::parse_ollama_generate>},
    {"GET", "/api/tags", Protocol::kOllamaChat, false, false, ollama_tags},
    {"GET", "/api/ps", Protocol::kOllamaChat, false, false, ollama_ps},
    {"GET", "/api/version", Protocol::kOllamaChat, false, false, ollama_version},
    {"POST", "/api/show", Protocol::kOllamaChat, false, false, ollama_show},
    {"POST", "/tokenize", Protocol::kOpenAiChat, false, true, tokenize},
    {"POST", "/apply-template", Protocol::kOpenAiChat, false, true, apply_template},
    {"GET", "/health", Protocol::kOpenAiChat, true, false, health},
    {"GET", "/ready", Protocol::kOpenAiChat, true, false, ready},
    {"GET", "/metrics", Protocol::kOpenAiChat, false, false, metrics},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

void respond_json(net::Responder& responder, int status, std::string json) {
  net::AnswerHeaders headers = {{"Content-Type", "application/json"}};
  if (status == 429 || status == 503) headers.emplace_back("Retry-After", "1");
  responder.respond(status, std::move(headers), std::move(json));
}

void respond_error(net::Responder& responder, Protocol protocol, const Error& error) {
  wire::ErrorBody body = wire::error_body(protocol, error);
  respond_json(responder, body.status, std::move(body.json));
}

}  // namespace hearth::serve
