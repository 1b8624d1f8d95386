// The connection's state machine; see the header file.
#include "net/http_connection.h"

#include "base/log.h"

namespace hearth::net {
namespace {

constexpr size_t kMaxReadAhead = 64 << 10;  // of pipelined requests while an answer is under way
constexpr size_t kKeptCapacity = 64 << 10;  // of buffers between answers
constexpr double kLingerSeconds = 2;  // for the peer to read an answer that came before its request's end
constexpr double kStoppingLingerSeconds = 0.25;

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport, std::shared_ptr<ConnectionCommons> commons,
                       bool refuse, std::function<void(Connection*)> on_closed)
    : transport_(std::move(transport)),
      commons_(std::move(commons)),
      refuse_(refuse),
      on_closed_(std::move(on_closed)),
      parser_(commons_->options.max_header_bytes, commons_->options.max_body_bytes) {}

Connection::~Connection() { close(); }

void Connection::start() {
  transport_->attach(weak_from_this(), [this] { on_deadline(); });
  transport_->post([self = shared_from_this()] { self->shake_hands(); });
}

void Connection::shake_hands() {
  if (phase_ == Phase::kClosed) return;
  transport_->set_deadline(commons_->options.header_timeout_s);
  transport_->handshake([self = shared_from_this()](bool ok) {
    if (self->phase_ != Phase::kHandshake) return;
    if (!ok) return self->close();
    self->phase_ = Phase::kIdle;
    if (self->refuse_) return self->refuse(503, "the server has too many connections");
    self->transport_->set_deadline(self->commons_->options.header_timeout_s);
    self->read();
  });
}

void Connection::stop(bool now) {
  transport_->post([self = shared_from_this(), now] {
    const bool under_way = self->phase_ == Phase::kHead || self->phase_ == Phase::kBody ||
                           self->phase_ == Phase::kAnswering ||
                           (self->phase_ == Phase::kClosing && !self->ending_);
    if (now || !under_way) self->close();
  });
}

void Connection::on_deadline() {
  switch (phase_) {
    case Phase::kHead:
      return refuse(408, "the request's head took too long to arrive");
    case Phase::kBody:
      return refuse(408, "the request's body took too long to arrive");
    case Phase::kIdle:
      phase_ = Phase::kClosing;
      return end();
    default:
      return close();
  }
}

/// The socket is always read, so that a peer that goes away is noticed; only what a client sends far ahead
/// has to wait in the kernel.
void Connection::read() {
  if (reading_ || ending_ || peer_ended_ || phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kAnswering && input_.size() >= kMaxReadAhead) return;
  reading_ = true;
  transport_->read(read_buffer_,
                   [self = shared_from_this()](bool ok, size_t bytes) { self->on_read(ok, bytes); });
}

void Connection::on_read(bool ok, size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::kClosed || ending_) return;
  if (!ok) return on_end();
  if (phase_ != Phase::kClosing) input_.append(read_buffer_.data(), bytes);
  if (phase_ == Phase::kAnswering || phase_ == Phase::kClosing) {
    read();
  } else {
    parse();
  }
}

void Connection::on_end() {
  peer_ended_ = true;
  const bool only_sending =
      phase_ == Phase::kClosing || (phase_ == Phase::kAnswering && exchange_->finished());
  if (!only_sending) close();
}

/// A request is not complete yet.
void Connection::read_more() {
  if (!peer_ended_) return read();
  phase_ = Phase::kClosing;
  end();
}

void Connection::parse() {
  input_.erase(0, parser_.feed(input_));
  if (!account_body()) return refuse(503, "the server is receiving too much at once");
  const ServerOptions& options = commons_->options;
  switch (parser_.state()) {
    case RequestParser::State::kNothingYet:
      return read_more();
    case RequestParser::State::kHead:
      if (phase_ != Phase::kHead) transport_->set_deadline(options.header_timeout_s);
      phase_ = Phase::kHead;
      return read_more();
    case RequestParser::State::kBody:
      if (phase_ != Phase::kBody) {
        phase_ = Phase::kBody;
        transport_->set_deadline(options.body_timeout_s);
        if (parser_.expects_continue() && parser_.body_bytes() == 0 && input_.empty()) {
          own_ += "HTTP/1.1 100 Continue\r\n\r\n";
          flush();
        }
      }
      return read_more();
    case RequestParser::State::kDone:
      return dispatch();
    case RequestParser::State::kFailed:
      return refuse(parser_.error().status, parser_.error().message);
  }
}

/// False when the bodies that are arriving everywhere are too much together.
bool Connection::account_body() {
  const bool arriving = parser_.state() == RequestParser::State::kBody;
  const int64_t bytes = arriving ? parser_.body_bytes() : 0;
  const int64_t total = commons_->receiving_bytes.fetch_add(bytes - counted_) + bytes - counted_;
  counted_ = bytes;
  return bytes == 0 || total <= commons_->options.max_receiving_bytes;
}

void Connection::dispatch() {
  phase_ = Phase::kAnswering;
  transport_->clear_deadline();
  ServerRequest request = parser_.take();
  request.peer = transport_->peer();
  request.tls = transport_->tls();
  ExchangeTerms terms{.head = request.method == "HEAD",
                      .http_1_1 = parser_.http_1_1(),
                      .keep_alive = parser_.keep_alive(),
                      .max_unsent_bytes = commons_->options.max_unsent_bytes,
                      .stopping = commons_->stopping};
  exchange_ = std::make_shared<Exchange>(
      std::move(terms), [self = shared_from_this()] { self->transport_->post([self] { self->flush(); }); });
  read();
  auto responder = std::make_shared<Responder>(exchange_);
  try {
    commons_->handler(std::move(request), responder);
  } catch (const std::exception& error) {
    log_line(LogLevel::kError, concat("http: a handler failed: ", error.what()));
    responder->respond(500, {{"Content-Type", "application/json"}}, error_body(500, "the server failed"));
  }
  if (peer_ended_ && !exchange_->finished()) close();
}

void Connection::flush() {
  if (writing_ || ending_ || phase_ == Phase::kClosed) return;
  output_.swap(own_);
  Exchange::Taken taken;
  if (exchange_) taken = exchange_->take(output_);
  if (taken.cut) return close();
  if (!output_.empty()) return write();
  if (phase_ == Phase::kAnswering) transport_->clear_deadline();
  if (taken.finished) return next_request(taken.keep_alive);
  if (phase_ == Phase::kClosing) end();
}

void Connection::write() {
  writing_ = true;
  const bool answering = phase_ == Phase::kAnswering || phase_ == Phase::kClosing;
  if (answering) transport_->set_deadline(commons_->options.write_timeout_s);
  transport_->write(std::string_view(output_).substr(written_),
                    [self = shared_from_this()](bool ok, size_t bytes) { self->on_write(ok, bytes); });
}

void Connection::on_write(bool ok, size_t bytes) {
  writing_ = false;
  if (phase_ == Phase::kClosed) return;
  if (!ok) return close();
  if (exchange_) exchange_->sent(bytes);
  written_ += bytes;
  if (written_ < output_.size()) return write();
  written_ = 0;
  output_.clear();
  if (output_.capacity() > kKeptCapacity) output_.shrink_to_fit();
  flush();
}

void Connection::next_request(bool keep_alive) {
  exchange_->release();
  exchange_.reset();
  if (!keep_alive || commons_->stopping->load()) {
    phase_ = Phase::kClosing;
    return end();
  }
  phase_ = Phase::kIdle;
  parser_.reset();
  transport_->set_deadline(commons_->options.keep_alive_s);
  parse();
}

void Connection::refuse(int status, std::string_view message) {
  phase_ = Phase::kClosing;
  own_ += error_answer(status, message);
  input_ = {};
  parser_.reset();  // and what it holds of a body
  commons_->receiving_bytes.fetch_sub(counted_);
  counted_ = 0;
  transport_->set_deadline(commons_->options.write_timeout_s);
  read();
  flush();
}

void Connection::end() {
  ending_ = true;
  transport_->set_deadline(commons_->stopping->load() ? kStoppingLingerSeconds : kLingerSeconds);
  transport_->end([self = shared_from_this()] { self->close(); });
}

void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  const bool unfinished = phase_ == Phase::kAnswering;
  phase_ = Phase::kClosed;
  transport_->close(unfinished);
  commons_->receiving_bytes.fetch_sub(counted_);
  counted_ = 0;
  const std::shared_ptr<Exchange> exchange = std::move(exchange_);
  if (exchange) exchange->release();
  if (on_closed_) on_closed_(this);
  on_closed_ = nullptr;
}

}  // namespace hearth::net
