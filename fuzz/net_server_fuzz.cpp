// Everything a client may send to the HTTP server, through the whole connection but without sockets.
// Differential: the bytes in pieces (sizes from the first bytes of the input) mean the same requests as the
// bytes at once.
#include <cstdlib>
#include <string_view>
#include <vector>

#include "net/test_transport.h"

namespace {

using namespace hearth::net;

void answer(ServerRequest request, const std::shared_ptr<Responder>& responder) {
  if (request.path.find('\0') != std::string::npos || request.path.empty()) std::abort();
  if (request.path.size() % 4 == 1) return;  // unanswered
  if (request.path.size() % 4 == 2) {
    responder->begin(200, {{"X-Path", request.path}});
    for (const char c : request.body) responder->write(std::string_view(&c, 1));
    return responder->finish();
  }
  responder->respond(200, {{"X-Query", request.query}}, std::move(request.body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4 || size > 8000) return 0;
  ServerOptions options;
  options.max_body_bytes = 3000;
  options.max_header_bytes = 16384;  // limits that depend on pieces are not reached
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  std::vector<std::string_view> pieces;
  for (size_t at = 0, which = 0; at < bytes.size(); at += pieces.back().size(), ++which) {
    pieces.push_back(bytes.substr(at, 1 + data[which % 4]));
  }
  const Conversation whole = converse(options, {bytes}, answer);
  const Conversation split = converse(options, pieces, answer, 1 + data[0]);
  if (!whole.closed || !split.closed || whole.requests.size() != split.requests.size()) std::abort();
  for (size_t i = 0; i < whole.requests.size(); ++i) {
    const ServerRequest& a = whole.requests[i];
    const ServerRequest& b = split.requests[i];
    if (a.method != b.method || a.path != b.path || a.query != b.query || a.body != b.body ||
        a.headers.all().size() != b.headers.all().size()) {
      std::abort();
    }
  }
  if (!whole.answers.empty() && !whole.answers.starts_with("HTTP/1.1 ")) std::abort();
  return 0;
}
