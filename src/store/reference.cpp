// Syntax of model references; see the header.
#include "store/reference.h"

#include <algorithm>

#include "io/utf8.h"
#include "net/url.h"

namespace hearth::store {
namespace {

/// The hub's own rule for each half of a repository name.
bool is_repo_part(std::string_view part) {
  const bool plain = std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  return plain && !part.empty() && part.size() <= 96 && part.front() != '.' && part.front() != '-' &&
         part.back() != '.' && part.back() != '-' && part.find("..") == std::string_view::npos &&
         part.find("--") == std::string_view::npos;
}

bool is_repo(std::string_view text) {
  const size_t slash = text.find('/');
  return slash != std::string_view::npos && is_repo_part(text.substr(0, slash)) &&
         is_repo_part(text.substr(slash + 1));
}

}  // namespace

Result<ModelReference> parse_reference(std::string_view text) {
  ModelReference out;
  if (text.starts_with("hf:")) {
    const std::string_view rest = text.substr(3);
    const size_t colon = rest.find(':');
    out.repo = rest.substr(0, colon);
    if (colon != std::string_view::npos) out.wanted = rest.substr(colon + 1);
    if (!is_repo(out.repo) || (colon != std::string_view::npos && out.wanted.empty())) {
      return fail(ErrorCode::kUsage, io::printable(text),
                  ": a model on the hub is written hf:ORG/REPO or hf:ORG/REPO:QUANT");
    }
    return out;
  }
  if (text.find("://") != std::string_view::npos) {
    HEARTH_ASSIGN(const net::Url url, net::parse_url(text));
    out.kind = ModelReference::Kind::kUrl;
    out.url = url.text;
    return out;
  }
  out.kind = ModelReference::Kind::kLocal;
  out.path = text;
  std::error_code error;
  if (!text.empty() && text.find('\0') == std::string_view::npos &&
      std::filesystem::exists(out.path, error)) {
    return out;
  }
  const std::string_view repo = text.substr(0, text.find(':'));
  if (is_repo(repo)) {
    return fail(ErrorCode::kNotFound, io::printable(text), ": no such file; did you mean hf:", repo, "?");
  }
  return fail(ErrorCode::kNotFound, io::printable(text),
              ": no such file; give hf:ORG/REPO[:QUANT], a URL, a GGUF file or a safetensors folder");
}

}  // namespace hearth::store
