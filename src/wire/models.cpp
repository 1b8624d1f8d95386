// Model lists in OpenAI's and Ollama's shapes. Source: platform.openai.com/docs/api-reference/models, ollama
// docs/api.md.
#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

io::Json openai_model(const ModelInfo& model) {
  io::Json json = {
      {"id", model.id}, {"object", "model"}, {"created", model.created_s}, {"owned_by", "hearth"}};
  if (model.context_tokens > 0) json["max_model_len"] = model.context_tokens;  // as vLLM says it
  return json;
}

io::Json ollama_details(const ModelInfo& model) {
  return {{"parent_model", ""},
          {"format", "gguf"},
          {"family", model.architecture},
          {"families", io::Json::array({model.architecture})},
          {"parameter_size", model.parameter_size},
          {"quantization_level", model.quantization}};
}

io::Json ollama_model(const ModelInfo& model) {
  return {{"name", model.id},
          {"model", model.id},
          {"size", model.size_bytes},
          {"digest", model.digest},
          {"details", ollama_details(model)}};
}

}  // namespace

std::string encode_models(std::span<const ModelInfo> models) {
  io::Json data = io::Json::array();
  for (const ModelInfo& model : models) data.push_back(openai_model(model));
  return io::dump_json({{"object", "list"}, {"data", std::move(data)}});
}

std::string encode_model(const ModelInfo& model) { return io::dump_json(openai_model(model)); }

std::string encode_ollama_tags(std::span<const ModelInfo> models) {
  io::Json list = io::Json::array();
  for (const ModelInfo& model : models) {
    io::Json json = ollama_model(model);
    json["modified_at"] = iso_time(static_cast<double>(model.created_s));
    list.push_back(std::move(json));
  }
  return io::dump_json(io::Json{{"models", std::move(list)}});
}

std::string encode_ollama_ps(std::span<const ModelInfo> models) {
  io::Json list = io::Json::array();
  for (const ModelInfo& model : models) {
    if (!model.loaded) continue;
    io::Json json = ollama_model(model);
    json["size"] = model.resident_bytes;
    json["size_vram"] = 0;
    json["context_length"] = model.context_tokens;
    // Ollama gives a model that stays a date far away.
    json["expires_at"] = model.expires_s > 0 ? iso_time(model.expires_s) : "2318-01-01T00:00:00Z";
    list.push_back(std::move(json));
  }
  return io::dump_json(io::Json{{"models", std::move(list)}});
}

std::string encode_ollama_show(const ModelInfo& model) {
  io::Json capabilities = io::Json::array();
  if (model.chat) capabilities.push_back("completion");
  if (model.tools) capabilities.push_back("tools");
  if (model.thinking) capabilities.push_back("thinking");
  if (model.embedding) capabilities.push_back("embedding");
  io::Json info = {{"general.architecture", model.architecture}};
  if (model.parameters > 0) info["general.parameter_count"] = model.parameters;
  if (model.context_tokens > 0) info[model.architecture + ".context_length"] = model.context_tokens;
  if (model.embedding_length > 0) info[model.architecture + ".embedding_length"] = model.embedding_length;
  return io::dump_json({{"license", model.license},
                        {"modelfile", ""},
                        {"parameters", ""},
                        {"template", model.chat_template},
                        {"details", ollama_details(model)},
                        {"model_info", std::move(info)},
                        {"capabilities", std::move(capabilities)},
                        {"modified_at", iso_time(static_cast<double>(model.created_s))}});
}

}  // namespace hearth::wire
