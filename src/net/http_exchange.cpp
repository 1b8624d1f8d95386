// Framing of answers and the hand-over between threads; see the header file.
#include "net/http_exchange.h"

#include <time.h>

#include <algorithm>
#include <array>

#include "base/log.h"

namespace hearth::net {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

/// Thu, 01 Jan 1970 00:00:00 GMT: whatever the locale.
std::string http_date() {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const time_t now = ::time(nullptr);
  tm utc{};
  ::gmtime_r(&now, &utc);
  auto two = [](int value) {
    return concat(static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10));
  };
  return concat(kDays.substr(static_cast<size_t>(utc.tm_wday) * 3, 3), ", ", two(utc.tm_mday), ' ',
                kMonths.substr(static_cast<size_t>(utc.tm_mon) * 3, 3), ' ', utc.tm_year + 1900, ' ',
                two(utc.tm_hour), ':', two(utc.tm_min), ':', two(utc.tm_sec), " GMT");
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

bool is_legal(int status, const AnswerHeaders& headers) {
  if (status < 200 || status > 599) return false;
  return std::all_of(headers.begin(), headers.end(),
                     [](const auto& header) { return is_token(header.first) && is_value(header.second); });
}

bool is_transports(std::string_view name) {
  for (const std::string_view own : {"Date", "Content-Length", "Transfer-Encoding", "Connection"}) {
    if (equal_ignoring_case(name, own)) return true;
  }
  return false;
}

std::string hex(size_t value) {
  std::array<char, 16> digits{};
  size_t at = digits.size();
  do {
    digits[--at] = "0123456789abcdef"[value % 16];
    value /= 16;
  } while (value != 0);
  return {digits.data() + at, digits.size() - at};
}

const AnswerHeaders kJson = {{"Content-Type", "application/json"}};

}  // namespace

Exchange::Exchange(ExchangeTerms terms, std::function<void()> wake)
    : terms_(std::move(terms)), wake_(std::move(wake)), keep_alive_(terms_.keep_alive) {}

void Exchange::respond(int status, const AnswerHeaders& headers, std::string_view body) {
  const std::lock_guard lock(mutex_);
  if (begun_ || released_) return;
  respond_locked(status, headers, body);
}

void Exchange::respond_locked(int status, const AnswerHeaders& headers, std::string_view body) {
  if (!is_legal(status, headers)) {
    log_line(LogLevel::kError,
             concat("http: an answer with status ", status, " and illegal headers became a 500"));
    respond_locked(500, kJson, error_body(500, "the server made an illegal answer"));
    return;
  }
  open_head(status, headers);
  if (status != 204 && status != 304) pending_ += concat("Content-Length: ", body.size(), "\r\n");
  pending_ += "\r\n";
  if (!bodiless_) pending_ += body;
  finished_ = true;
  unsent_ += static_cast<int64_t>(pending_.size());
  wake_locked();
}

void Exchange::begin(int status, const AnswerHeaders& headers) {
  const std::lock_guard lock(mutex_);
  if (begun_ || released_) return;
  if (!is_legal(status, headers)) {
    respond_locked(status, headers, "");
    return;
  }
  chunked_ = terms_.http_1_1;
  if (!chunked_) keep_alive_ = false;
  open_head(status, headers);
  if (chunked_ && status != 204 && status != 304) pending_ += "Transfer-Encoding: chunked\r\n";
  pending_ += "\r\n";
  unsent_ += static_cast<int64_t>(pending_.size());
  wake_locked();
}

/// Status line and headers up to those of framing.
void Exchange::open_head(int status, const AnswerHeaders& headers) {
  begun_ = true;
  bodiless_ = terms_.head || status == 204 || status == 304;
  pending_ += concat("HTTP/1.1 ", status, ' ', reason_of(status), "\r\nDate: ", http_date(), "\r\n");
  for (const auto& [name, value] : headers) {
    if (equal_ignoring_case(name, "Connection") && equal_ignoring_case(value, "close")) keep_alive_ = false;
    if (!is_transports(name)) pending_ += concat(name, ": ", value, "\r\n");
  }
  if (terms_.stopping && terms_.stopping->load()) keep_alive_ = false;
  if (!keep_alive_) {
    pending_ += "Connection: close\r\n";
  } else if (!terms_.http_1_1) {
    pending_ += "Connection: keep-alive\r\n";
  }
}

bool Exchange::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (!begun_ || finished_ || cut_ || released_) return false;
  if (bytes.empty() || bodiless_) return true;
  if (unsent_ > 0 && unsent_ + static_cast<int64_t>(bytes.size()) > terms_.max_unsent_bytes) {
    cut_ = true;
    pending_ = {};
    wake_locked();
    return false;
  }
  const size_t before = pending_.size();
  if (chunked_) pending_ += concat(hex(bytes.size()), "\r\n");
  pending_ += bytes;
  if (chunked_) pending_ += "\r\n";
  unsent_ += static_cast<int64_t>(pending_.size() - before);
  wake_locked();
  return true;
}

void Exchange::finish() {
  const std::lock_guard lock(mutex_);
  if (!begun_ || finished_ || cut_ || released_) return;
  if (chunked_ && !bodiless_) pending_ += "0\r\n\r\n";
  finished_ = true;
  wake_locked();
}

void Exchange::on_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!released_) {
      callback_.swap(callback);  // the earlier one is destroyed outside the lock
      return;
    }
  }
  if (callback) callback();
}

bool Exchange::gone() const {
  const std::lock_guard lock(mutex_);
  return !finished_ && (cut_ || released_);
}

void Exchange::dropped() {
  const std::lock_guard lock(mutex_);
  if (finished_ || released_) return;
  if (!begun_) {
    respond_locked(500, kJson, error_body(500, "the server did not answer this request"));
    return;
  }
  cut_ = true;
  wake_locked();
}

Exchange::Taken Exchange::take(std::string& out) {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  if (out.empty()) {
    out.swap(pending_);
  } else {
    out += pending_;
  }
  pending_.clear();
  return {cut_, finished_, keep_alive_};
}

void Exchange::sent(size_t bytes) {
  const std::lock_guard lock(mutex_);
  unsent_ = std::max<int64_t>(0, unsent_ - static_cast<int64_t>(bytes));
}

bool Exchange::finished() const {
  const std::lock_guard lock(mutex_);
  return finished_;
}

void Exchange::release() {
  std::function<void()> callback;
  std::function<void()> wake;  // keeps the connection: let go of outside the lock
  {
    const std::lock_guard lock(mutex_);
    if (released_) return;
    released_ = true;
    pending_ = {};
    callback.swap(callback_);
    wake.swap(wake_);
    if (finished_) callback = nullptr;
  }
  if (!callback) return;
  try {
    callback();
  } catch (const std::exception& error) {
    log_line(LogLevel::kError, concat("http: a callback failed: ", error.what()));
  }
}

void Exchange::wake_locked() {
  if (woken_ || !wake_) return;
  woken_ = true;
  wake_();
}

std::string error_body(int status, std::string_view message) {
  return concat("{\"error\":{\"message\":\"", message, "\",\"code\":", status, "}}\n");
}

std::string error_answer(int status, std::string_view message) {
  const std::string body = error_body(status, message);
  return concat("HTTP/1.1 ", status, ' ', reason_of(status), "\r\nDate: ", http_date(),
                "\r\nContent-Type: application/json\r\n", status == 503 ? "Retry-After: 1\r\n" : "",
                "Content-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", body);
}

Responder::Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
Responder::~Responder() { exchange_->dropped(); }
void Responder::add_header(std::string name, std::string value) {
  added_.emplace_back(std::move(name), std::move(value));
}
void Responder::respond(int status, AnswerHeaders headers, std::string body) {
  headers.insert(headers.end(), added_.begin(), added_.end());
  exchange_->respond(status, headers, body);
}
void Responder::begin(int status, AnswerHeaders headers) {
  headers.insert(headers.end(), added_.begin(), added_.end());
  exchange_->begin(status, headers);
}
bool Responder::write(std::string_view bytes) { return exchange_->write(bytes); }
void Responder::finish() { exchange_->finish(); }
void Responder::on_gone(std::function<void()> callback) { exchange_->on_gone(std::move(callback)); }
bool Responder::gone() const { return exchange_->gone(); }

}  // namespace hearth::net
