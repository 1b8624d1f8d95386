// Requests over Beast's parser; see the header file. The one place that includes Beast.
//
// Its assertions are switched off: one of them (n >= 5 in a last chunk that arrives byte by byte) is
// reachable from outside in builds without NDEBUG, and harmless without it.
#define BOOST_DISABLE_ASSERTS
#include "net/http_request_parser.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

namespace hearth::net {
namespace {

namespace http = boost::beast::http;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool decode_path(std::string_view text, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return false;
    out.push_back(c);
  }
  return true;
}

struct RequestParser::Impl {
  std::optional<http::request_parser<http::string_body>> parser;
};

RequestParser::RequestParser(int64_t max_header_bytes, int64_t max_body_bytes)
    : max_header_bytes_(max_header_bytes), max_body_bytes_(max_body_bytes), impl_(std::make_unique<Impl>()) {
  reset();
}

RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  state_ = State::kNothingYet;
  error_ = {};
  expects_continue_ = false;
  http_1_1_ = keep_alive_ = true;
  request_ = {};
  impl_->parser.emplace();
  impl_->parser->header_limit(static_cast<uint32_t>(max_header_bytes_));
  impl_->parser->body_limit(static_cast<uint64_t>(max_body_bytes_));
}

int64_t RequestParser::body_bytes() const { return static_cast<int64_t>(impl_->parser->get().body().size()); }

void RequestParser::fail(int status, std::string message) {
  state_ = State::kFailed;
  error_ = {status, std::move(message)};
  keep_alive_ = false;
}

size_t RequestParser::feed(std::string_view bytes) {
  size_t taken = 0;
  if (state_ == State::kNothingYet) {  // RFC 9112, 2.2: empty lines before a request are ignored
    while (taken + 1 < bytes.size() && bytes[taken] == '\r' && bytes[taken + 1] == '\n') taken += 2;
    if (taken == bytes.size() || bytes.substr(taken) == "\r") return taken;
    state_ = State::kHead;
  }
  auto& parser = *impl_->parser;
  while (taken < bytes.size() && (state_ == State::kHead || state_ == State::kBody)) {
    boost::beast::error_code error;
    const size_t used = parser.put({bytes.data() + taken, bytes.size() - taken}, error);
    taken += used;
    if (error == http::error::need_more) {
      // Chunk extensions and trailers have no limit of Beast's.
      if (static_cast<int64_t>(bytes.size() - taken) <= max_header_bytes_) break;
      error = http::error::header_limit;
    }
    if (error == http::error::header_limit) {
      fail(431, concat("the request's head is larger than ", max_header_bytes_, " bytes"));
    } else if (error == http::error::body_limit) {
      fail(413, concat("the request's body is larger than ", max_body_bytes_, " bytes"));
    } else if (error == http::error::bad_version) {
      fail(400, "the request is no HTTP/1.0 or HTTP/1.1");
    } else if (error) {
      fail(400, concat("the request is malformed (", error.message(), ")"));
    } else if (state_ == State::kHead && parser.is_header_done()) {
      read_head();
    } else if (used == 0 && !parser.is_done()) {
      break;
    }
    if (state_ == State::kBody && parser.is_done()) state_ = State::kDone;
  }
  return taken;
}

void RequestParser::read_head() {
  const auto& head = impl_->parser->get();
  state_ = State::kBody;
  http_1_1_ = head.version() >= 11;
  keep_alive_ = head.keep_alive();
  request_.method = std::string(view(head.method_string()));
  int hosts = 0;
  int encodings = 0;
  std::string_view encoding;
  std::string_view expect;
  for (const auto& field : head) {
    if (field.name() == http::field::host) ++hosts;
    if (field.name() == http::field::transfer_encoding) encoding = view(field.value()), ++encodings;
    if (field.name() == http::field::expect) expect = view(field.value());
    request_.headers.add(std::string(view(field.name_string())), std::string(view(field.value())));
  }
  if (check_head(hosts, encodings, encoding, expect)) read_target(view(head.target()));
}

bool RequestParser::check_head(int hosts, int encodings, std::string_view encoding, std::string_view expect) {
  if (hosts > 1 || (http_1_1_ && hosts == 0)) {
    fail(400, "the request must have one Host header");
  } else if (encodings > 0 && !http_1_1_) {
    fail(400, "HTTP/1.0 has no Transfer-Encoding");
  } else if (encodings > 1 || (encodings == 1 && !equal_ignoring_case(encoding, "chunked"))) {
    fail(501, "the only Transfer-Encoding understood is chunked");
  } else if (!expect.empty() && http_1_1_ && !equal_ignoring_case(expect, "100-continue")) {
    fail(417, "the only Expect understood is 100-continue");
  } else {
    expects_continue_ = !expect.empty() && http_1_1_ && !impl_->parser->is_done();
    return true;
  }
  return false;
}

/// origin-form, absolute-form and "*" (RFC 9112, 3.2); CONNECT has no use here.
bool RequestParser::read_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() > scheme.size() && equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      const size_t path = target.find_first_of("/?", scheme.size());
      target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
      break;
    }
  }
  const size_t question = target.find('?');
  if (question != std::string_view::npos) request_.query = std::string(target.substr(question + 1));
  std::string_view path = target.substr(0, question);
  if (path.empty() && question == 0) path = "/";
  const bool asterisk = path == "*" && request_.method == "OPTIONS";
  if ((!path.starts_with('/') && !asterisk) || !decode_path(path, request_.path)) {
    fail(400, "the request's target is no path");
    return false;
  }
  return true;
}

ServerRequest RequestParser::take() {
  HEARTH_CHECK(state_ == State::kDone);
  request_.body = std::move(impl_->parser->get().body());
  return std::move(request_);
}

}  // namespace hearth::net
