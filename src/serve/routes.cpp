// One function per route; what they have in common with others is in wire and in AnswerSession.
#include "serve/routes.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "io/json.h"
#include "serve/embedding_session.h"
#include "serve/page.h"
#include "wire/members.h"
#include "wire/request.h"
#include "wire/response_parts.h"

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

/// A request that memory runs out for is over like any other.
Result<wire::GenerationRequest> parse_safely(Parse parse, std::string_view body,
                                             const wire::SamplingDefaults& defaults) {
  try {
    return parse(body, defaults);
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, "the request failed: ", error.what());
  }
}

/// Once it is parsed: a long one should not stay in memory for the whole answer.
void drop_body(Call& call) { std::string().swap(call.request.body); }

/// The name of the model comes first: its settings are what the rest of the request changes. Errors: no JSON.
Result<std::string> model_named_in(const std::string& body) {
  HEARTH_ASSIGN(const io::Json json, io::parse_json(body, "request"));
  const auto name = io::json_string(json, "model");
  if (!name) return fail(ErrorCode::kUsage, "model: must be a string");
  return name->value_or("");
}

/// A model that cannot be had is mostly the server's fault.
wire::ErrorBody no_model(Protocol protocol, const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kBusy:
    case ErrorCode::kNoMemory:
    case ErrorCode::kUnavailable:
      return wire::error_body(protocol, error);
    default:
      return wire::error_body(protocol, 500, error.message);
  }
}

void respond_no_model(net::Responder& responder, const Error& error) {
  wire::ErrorBody body = no_model(Protocol::kOpenAiChat, error);
  respond_json(responder, body.status, std::move(body.json));
}

/// Refuses a request before its session, and says so to the log.
void refuse(Call& call, const wire::ErrorBody& body, const std::string& model, const std::string& why) {
  AnswerRecord record;
  record.status = body.status;
  record.model = model;
  record.error = why;
  call.context->over(call, record);
  respond_json(*call.responder, body.status, body.json);
}

double unix_now_s() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Ollama's way to load a model, or with keep_alive 0 to give it up.
void answer_load_only(Call& call, const std::string& model, bool unload) {
  AnswerRecord record;
  record.model = model;
  call.context->over(call, record);
  respond_json(*call.responder, 200,
               io::dump_json({{"model", model},
                              {"created_at", wire::iso_time(unix_now_s())},
                              {"response", ""},
                              {"done", true},
                              {"done_reason", unload ? "unload" : "load"}}));
}

template <Protocol kProtocol, Parse kParse>
void generate(Call asked) {
  const auto call = std::make_shared<Call>(std::move(asked));
  ModelDirectory& models = call->context->models();
  const Result<std::string> name = model_named_in(call->request.body);
  if (!name) return refuse(*call, wire::error_body(kProtocol, name.error()), "", name.error().message);
  models.with_model(
      *name, [call, &models, name = *name](Result<std::shared_ptr<HostedModel>> model, double load_s) {
        if (!model) return refuse(*call, no_model(kProtocol, model.error()), name, model.error().message);
        const std::string id = (*model)->info().id;
        auto request = parse_safely(kParse, call->request.body, defaults_of(models));
        drop_body(*call);
        if (!request)
          return refuse(*call, wire::error_body(kProtocol, request.error()), id, request.error().message);
        if (request->keep_alive_s) models.keep(name, *request->keep_alive_s);
        if (request->load_only) return answer_load_only(*call, id, request->keep_alive_s == 0.0);
        request->priority = std::max(request->priority, call->most_urgent);
        auto session = std::make_shared<AnswerSession>(
            kProtocol, std::move(request).value(), call->responder, call->client,
            [call](const AnswerRecord& record) { call->context->over(*call, record); });
        session->start(std::move(model).value(), load_s);
      });
}

template <Protocol kErrors, Result<wire::EmbeddingRequest> (*kParse)(std::string_view),
          EmbeddingSession::Encode kEncode>
void embed(Call asked) {
  const auto call = std::make_shared<Call>(std::move(asked));
  auto request = kParse(call->request.body);
  drop_body(*call);
  if (!request) return refuse(*call, wire::error_body(kErrors, request.error()), "", request.error().message);
  const std::string name = request->model;
  const auto keep_alive_s = request->keep_alive_s;
  request->priority = std::max(request->priority, call->most_urgent);
  const auto session = std::make_shared<EmbeddingSession>(
      kErrors, kEncode, std::move(request).value(), call->responder, call->client,
      [context = call->context](std::function<void()> work) { return context->post(std::move(work)); },
      [call](const AnswerRecord& record) { call->context->over(*call, record); });
  ModelDirectory& models = call->context->models();
  models.with_model(name, [=, &models](Result<std::shared_ptr<HostedModel>> model, double load_s) {
    if (!model) return refuse(*call, no_model(kErrors, model.error()), name, model.error().message);
    if (keep_alive_s) models.keep(name, *keep_alive_s);
    // The texts are many, and this may be the thread that loads models.
    const Status posted = call->context->post([=] { session->start(*model, load_s); });
    if (!posted) refuse(*call, wire::error_body(kErrors, posted.error()), name, posted.error().message);
  });
}

/// The model that a client calls so.
const wire::ModelInfo* find_model(const std::vector<wire::ModelInfo>& models, std::string name) {
  for (int i = 0; i < 2; ++i) {
    for (const wire::ModelInfo& info : models) {
      if (info.id == name) return &info;
    }
    if (name.ends_with(":latest")) name.resize(name.size() - 7);
  }
  return nullptr;
}

void list_models(Call call) {
  respond_json(*call.responder, 200, wire::encode_models(call.context->models().list()));
}

void show_model(Call call) {
  const auto models = call.context->models().list();
  if (const wire::ModelInfo* info = find_model(models, call.tail))
    return respond_json(*call.responder, 200, wire::encode_model(*info));
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
  const auto models = call.context->models().list();
  if (const wire::ModelInfo* info = find_model(models, **name))
    return respond_json(*call.responder, 200, wire::encode_ollama_show(*info));
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
  const Result<std::string> name = model_named_in(call.request.body);
  if (!name) return respond_error(*call.responder, Protocol::kOpenAiChat, name.error());
  call.context->models().with_model(*name, [call, answer](auto model, double) {
    if (!model) return respond_no_model(*call.responder, model.error());
    const Result<std::string> text = answer(call.request.body, **model);
    if (!text) return respond_error(*call.responder, Protocol::kOpenAiChat, text.error());
    respond_json(*call.responder, 200, *text);
  });
}

/// A chat request -> {"prompt": "..."}
void apply_template(Call call) {
  const Result<std::string> name = model_named_in(call.request.body);
  if (!name) return respond_error(*call.responder, Protocol::kOpenAiChat, name.error());
  call.context->models().with_model(*name, [call](auto model, double) {
    if (!model) return respond_no_model(*call.responder, model.error());
    const auto request = wire::parse_openai_chat(call.request.body, wire::plain_defaults());
    if (!request) return respond_error(*call.responder, Protocol::kOpenAiChat, request.error());
    const HostedModel& hosted = **model;
    const auto prompt = hosted.render_chat(
        wire::prepare_chat(request->prompts[0].chat_json, hosted.format(), hosted.info().chat_template));
    if (!prompt) return respond_error(*call.responder, Protocol::kOpenAiChat, prompt.error());
    respond_json(*call.responder, 200, io::dump_json({{"prompt", *prompt}}));
  });
}

void health(Call call) { respond_json(*call.responder, 200, R"({"status":"ok"})"); }

void ready(Call call) {
  const std::string_view state = call.context->readiness();
  respond_json(*call.responder, state == "ready" ? 200 : 503, io::dump_json({{"status", state}}));
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
    {"POST", "/v1/embeddings", Protocol::kOpenAiChat, false, true,
     embed<Protocol::kOpenAiChat, wire::parse_openai_embeddings, wire::encode_openai_embeddings>},
    {"GET", "/v1/models", Protocol::kOpenAiChat, false, false, list_models},
    {"GET", "/v1/models/", Protocol::kOpenAiChat, false, false, show_model},
    {"POST", "/api/chat", Protocol::kOllamaChat, false, true,
     generate<Protocol::kOllamaChat, wire::parse_ollama_chat>},
    {"POST", "/api/generate", Protocol::kOllamaGenerate, false, true,
     generate<Protocol::kOllamaGenerate, wire::parse_ollama_generate>},
    {"POST", "/api/embed", Protocol::kOllamaChat, false, true,
     embed<Protocol::kOllamaChat, wire::parse_ollama_embed, wire::encode_ollama_embed>},
    {"POST", "/api/embeddings", Protocol::kOllamaChat, false, true,
     embed<Protocol::kOllamaChat, wire::parse_ollama_embeddings, wire::encode_ollama_embeddings>},
    {"GET", "/api/tags", Protocol::kOllamaChat, false, false, ollama_tags},
    {"GET", "/api/ps", Protocol::kOllamaChat, false, false, ollama_ps},
    {"GET", "/api/version", Protocol::kOllamaChat, false, false, ollama_version},
    {"POST", "/api/show", Protocol::kOllamaChat, false, false, ollama_show},
    {"POST", "/tokenize", Protocol::kOpenAiChat, false, true, tokenize},
    {"POST", "/apply-template", Protocol::kOpenAiChat, false, true, apply_template},
    {"GET", "/health", Protocol::kOpenAiChat, true, false, health},
    {"GET", "/ready", Protocol::kOpenAiChat, true, false, ready},
    {"GET", "/metrics", Protocol::kOpenAiChat, false, false, metrics},
    {"GET", "/openapi.json", Protocol::kOpenAiChat, true, false, openapi_document},
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
