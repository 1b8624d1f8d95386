// Listening, io threads and the Asio transport (plain and TLS) of the HTTP server; see the header file. The
// one place that includes Asio. What is said on a connection is http_connection.cpp's.
#if defined(__SANITIZE_THREAD__)  // GCC says that Asio's fences are not seen by the sanitizer; its locks are
#pragma GCC diagnostic ignored "-Wtsan"
#endif
#include "net/http_server.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.h"
#include "net/http_connection.h"

namespace hearth::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Code = boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr int kMaxRefused = 64;  // connections beyond the limit that are told so at the same time

Clock::duration seconds(double value) {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(std::clamp(value, 0.0, 1e8)));
}

/// What every socket lives on: held by each of them, so that it goes last.
struct Core {
  explicit Core(int threads) : io(threads) {}
  asio::io_context io;

  std::shared_ptr<asio::ssl::context> tls() {
    const std::lock_guard lock(mutex);
    return context;
  }
  void set_tls(asio::ssl::context made) {
    auto fresh = std::make_shared<asio::ssl::context>(std::move(made));
    const std::lock_guard lock(mutex);
    context.swap(fresh);
  }

 private:
  std::mutex mutex;
  std::shared_ptr<asio::ssl::context> context;  // none: no TLS
};

class AsioTransport final : public Transport {
 public:
  AsioTransport(std::shared_ptr<Core> core, Tcp::socket socket, std::string peer, double give_up_s)
      : core_(std::move(core)),
        socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        peer_(std::move(peer)),
        context_(core_->tls()) {
    if (context_) tls_.emplace(socket_, *context_);
    (void)::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);
    Code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    // A peer that lost power or network sends no farewell.
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    set_tcp(TCP_KEEPIDLE, 30);
    set_tcp(TCP_KEEPINTVL, 10);
    set_tcp(TCP_KEEPCNT, 3);
    set_tcp(TCP_USER_TIMEOUT, static_cast<int>(std::clamp(give_up_s, 1.0, 1e5) * 1000));
  }

  void attach(std::weak_ptr<void> owner, std::function<void()> on_deadline) override {
    owner_ = std::move(owner);
    on_deadline_ = std::move(on_deadline);
  }

  void handshake(std::function<void(bool)> done) override {
    if (tls_) {
      tls_->async_handshake(asio::ssl::stream_base::server,
                            [done = std::move(done)](Code error) { done(!error); });
    } else {
      post([done = std::move(done)] { done(true); });
    }
  }

  void read(std::span<char> into, Done done) override {
    reading_ = true;
    auto handler = [this, done = std::move(done)](Code error, size_t bytes) {
      reading_ = false;
      done(!error, bytes);
      if (ending_) begin_end();
    };
    const auto buffer = asio::buffer(into.data(), into.size());
    if (tls_) {
      tls_->async_read_some(buffer, std::move(handler));
    } else {
      socket_.async_read_some(buffer, std::move(handler));
    }
  }

  void write(std::string_view bytes, Done done) override {
    auto handler = [done = std::move(done)](Code error, size_t sent) { done(!error, sent); };
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    if (tls_) {
      tls_->async_write_some(buffer, std::move(handler));
    } else {
      socket_.async_write_some(buffer, std::move(handler));
    }
  }

  void end(std::function<void()> done) override {
    ending_ = std::move(done);
    Code ignored;
    if (reading_) {
      socket_.cancel(ignored);
    } else {
      begin_end();
    }
  }

  void close(bool reset) override {
    Code ignored;
    timer_.cancel();
    if (reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }

  void set_deadline(double after_s) override {
    due_ = Clock::now() + seconds(after_s);
    if (waiting_ && timer_.expiry() <= due_) return;  // it will look again when it wakes
    wait();
  }
  void clear_deadline() override { due_ = Clock::time_point::max(); }

  void post(std::function<void()> function) override {
    asio::post(socket_.get_executor(), std::move(function));
  }
  std::string peer() const override { return peer_; }
  bool tls() const override { return tls_.has_value(); }

 private:
  void set_tcp(int option, int value) {
    (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, option, &value, sizeof(value));
  }

  void wait() {
    waiting_ = true;
    const uint64_t wait = ++wait_;
    timer_.expires_at(due_);
    timer_.async_wait([this, wait, owner = owner_.lock()](Code error) {
      if (wait != wait_) return;  // a later one took its place
      waiting_ = false;
      if (error || due_ == Clock::time_point::max()) return;
      if (Clock::now() < due_) return this->wait();
      due_ = Clock::time_point::max();
      on_deadline_();
    });
  }

  /// No read is outstanding any more.
  void begin_end() {
    auto done = std::move(ending_);
    ending_ = nullptr;
    if (!tls_) return drain(std::move(done));
    tls_->async_shutdown([this, done = std::move(done)](Code) { drain(done); });
  }

  void drain(std::function<void()> done) {
    Code error;
    socket_.shutdown(Tcp::socket::shutdown_send, error);
    if (error) return post(std::move(done));
    drain_more(std::move(done));
  }

  void drain_more(std::function<void()> done) {
    socket_.async_read_some(asio::buffer(scrap_), [this, done = std::move(done)](Code error, size_t) {
      if (error) {
        done();
      } else {
        drain_more(done);
      }
    });
  }

  const std::shared_ptr<Core> core_;
  Tcp::socket socket_;
  asio::steady_timer timer_;
  const std::string peer_;
  const std::shared_ptr<asio::ssl::context> context_;  // that of its time
  std::optional<asio::ssl::stream<Tcp::socket&>> tls_;
  std::weak_ptr<void> owner_;
  std::function<void()> on_deadline_;
  Clock::time_point due_ = Clock::time_point::max();
  uint64_t wait_ = 0;
  bool waiting_ = false;
  bool reading_ = false;
  std::function<void()> ending_;
  std::array<char, 1024> scrap_;
};

/// OpenSSL's own words for the last error, which is taken away.
std::string openssl_reason() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason == nullptr ? "unreadable" : reason;
}

Result<asio::ssl::context> make_tls(const std::filesystem::path& certificate,
                                    const std::filesystem::path& key) {
  if (certificate.empty() || key.empty()) {
    return fail(ErrorCode::kUsage, "TLS needs both a certificate and a key file");
  }
  for (const auto& path : {certificate, key}) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      return fail(ErrorCode::kUsage, path.string(),
                  ": no such file; TLS needs a certificate and a key in PEM form");
    }
  }
  asio::ssl::context context(asio::ssl::context::tls_server);
  SSL_CTX* native = context.native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_options(native,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  // Without this OpenSSL would ask for the key's pass phrase on the terminal.
  ::SSL_CTX_set_default_passwd_cb(native, [](char*, int, int, void*) { return 0; });
  ::ERR_clear_error();
  if (::SSL_CTX_use_certificate_chain_file(native, certificate.c_str()) != 1) {
    return fail(ErrorCode::kUsage, certificate.string(), ": no certificate in PEM form (", openssl_reason(),
                ")");
  }
  if (::SSL_CTX_use_PrivateKey_file(native, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const std::string reason = openssl_reason();
    if (reason.find("mismatch") != std::string::npos) {
      return fail(ErrorCode::kUsage, key.string(), ": this key does not belong to the certificate in ",
                  certificate.string());
    }
    return fail(ErrorCode::kUsage, key.string(), ": no unencrypted private key in PEM form (", reason, ")");
  }
  return context;
}

Status check_options(const ServerOptions& options) {
  if (options.host.empty())
    return fail(ErrorCode::kUsage, "the server's host is empty; 127.0.0.1 is this machine only");
  const bool positive = options.max_body_bytes > 0 && options.max_receiving_bytes > 0 &&
                        options.max_header_bytes >= 256 && options.max_connections > 0 &&
                        options.header_timeout_s > 0 && options.body_timeout_s > 0 &&
                        options.keep_alive_s > 0 && options.write_timeout_s > 0 &&
                        options.max_unsent_bytes > 0 && options.io_threads > 0;
  if (!positive || options.io_threads > 256) {
    return fail(ErrorCode::kUsage,
                "the server's limits and timeouts must be above zero (head: at least 256 bytes, "
                "at most 256 threads)");
  }
  return {};
}

Error listen_error(const ServerOptions& options, uint16_t port, const Code& error) {
  const bool v6 = options.host.find(':') != std::string::npos && options.host.front() != '[';
  const std::string where = concat("cannot listen on ", v6 ? "[" : "", options.host, v6 ? "]" : "", ':',
                                   static_cast<int>(port), ": ");
  if (error == asio::error::address_in_use) {
    return fail(ErrorCode::kIo, where,
                "another program uses this port; stop it or choose another port (0: any free one)");
  }
  if (error == asio::error::access_denied) {
    return fail(ErrorCode::kIo, where,
                "not permitted; ports below 1024 need privileges, choose a higher one");
  }
  if (error == boost::system::errc::address_not_available) {
    return fail(
        ErrorCode::kNetwork, where,
        "this machine does not have that address; 127.0.0.1 is local only, 0.0.0.0 and :: are all it has");
  }
  return fail(ErrorCode::kIo, where, error.message());
}

}  // namespace

struct HttpServer::Impl {
  explicit Impl(ServerOptions options, Handler handler)
      : commons(std::make_shared<ConnectionCommons>()), core(std::make_shared<Core>(options.io_threads)) {
    commons->options = std::move(options);
    commons->handler = std::move(handler);
  }

  Status listen();
  Status listen_on(Tcp::endpoint endpoint);
  void run();
  void accept(Tcp::acceptor& acceptor);
  void on_accept(Tcp::acceptor& acceptor, const Code& error, Tcp::socket socket);
  void take_in(Tcp::socket socket);
  void closed(Connection* connection);
  void stop_connections(bool now);
  bool wait_until_empty(double wait_s);
  void stop(double deadline_s);

  struct Entry {
    std::weak_ptr<Connection> connection;
    bool refused = false;
  };

  const std::shared_ptr<ConnectionCommons> commons;
  const std::shared_ptr<Core> core;
  uint16_t port = 0;
  std::vector<std::unique_ptr<Tcp::acceptor>> acceptors;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::vector<std::thread> threads;

  mutable std::mutex mutex;  // what follows
  std::condition_variable closed_one;
  std::map<Connection*, Entry> connections;
  int32_t refused = 0;

  std::mutex stop_mutex;
  bool stopped = false;
};

Status HttpServer::Impl::listen() {
  const ServerOptions& options = commons->options;
  std::string host = options.host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  Code error;
  Tcp::resolver resolver(core->io);
  const auto found = resolver.resolve(host, std::to_string(options.port),
                                      Tcp::resolver::passive | Tcp::resolver::numeric_service, error);
  if (error || found.empty()) {
    return fail(ErrorCode::kNetwork, "cannot listen on ", options.host, ": no such address (",
                error.message(), "); 127.0.0.1 is this machine only");
  }
  port = options.port;
  for (const auto& entry : found) {
    Tcp::endpoint endpoint = entry.endpoint();
    endpoint.port(port);
    const Status status = listen_on(endpoint);
    // A name may have an address of a family that is switched off here.
    if (!status.ok() && (status.error().code != ErrorCode::kNetwork || found.size() == 1)) return status;
  }
  if (acceptors.empty())
    return fail(ErrorCode::kNetwork, "cannot listen on ", options.host, ": none of its addresses is here");
  return {};
}

Status HttpServer::Impl::listen_on(Tcp::endpoint endpoint) {
  auto acceptor = std::make_unique<Tcp::acceptor>(asio::any_io_executor(asio::make_strand(core->io)));
  Code error;
  acceptor->open(endpoint.protocol(), error);
  if (error)
    return fail(ErrorCode::kNetwork, "cannot listen on ", commons->options.host, ": ", error.message());
  (void)::fcntl(acceptor->native_handle(), F_SETFD, FD_CLOEXEC);
  acceptor->set_option(Tcp::acceptor::reuse_address(true), error);
  if (endpoint.address().is_v6()) {
    acceptor->set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  }
  acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return listen_error(commons->options, endpoint.port(), error);
  port = acceptor->local_endpoint().port();
  acceptors.push_back(std::move(acceptor));
  return {};
}

void HttpServer::Impl::run() {
  for (;;) {
    try {
      core->io.run();
      return;
    } catch (const std::exception& error) {
      log_line(LogLevel::kError, concat("http: an io thread went on after: ", error.what()));
    }
  }
}

void HttpServer::Impl::accept(Tcp::acceptor& acceptor) {
  acceptor.async_accept(asio::any_io_executor(asio::make_strand(core->io)),
                        [this, &acceptor](const Code& error, Tcp::socket socket) {
                          on_accept(acceptor, error, std::move(socket));
                        });
}

void HttpServer::Impl::on_accept(Tcp::acceptor& acceptor, const Code& error, Tcp::socket socket) {
  if (!acceptor.is_open()) return;
  if (!error) {
    try {
      take_in(std::move(socket));
    } catch (const std::exception& failure) {
      log_line(LogLevel::kError, concat("http: a connection could not be taken in: ", failure.what()));
    }
    return accept(acceptor);
  }
  if (error == asio::error::connection_aborted) return accept(acceptor);
  // Out of descriptors or memory: those that wait stay in the kernel's queue.
  log_line(LogLevel::kWarning, concat("http: cannot accept connections: ", error.message()));
  auto pause = std::make_shared<asio::steady_timer>(acceptor.get_executor(), std::chrono::milliseconds(200));
  pause->async_wait([this, &acceptor, pause](const Code&) {
    if (acceptor.is_open()) accept(acceptor);
  });
}

void HttpServer::Impl::take_in(Tcp::socket socket) {
  Code error;
  asio::ip::address remote = socket.remote_endpoint(error).address();
  if (error) return;                                      // already gone
  if (remote.is_v6() && remote.to_v6().is_v4_mapped()) {  // one form for each client, whatever we listen on
    remote = asio::ip::make_address_v4(asio::ip::v4_mapped, remote.to_v6());
  }
  auto transport = std::make_unique<AsioTransport>(core, std::move(socket), remote.to_string(),
                                                   commons->options.write_timeout_s);
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(mutex);
    if (commons->stopping->load()) return;
    const bool refuse =
        static_cast<int32_t>(connections.size()) - refused >= commons->options.max_connections;
    if (refuse && refused >= kMaxRefused) return;
    connection = std::make_shared<Connection>(std::move(transport), commons, refuse,
                                              [this](Connection* which) { closed(which); });
    connections[connection.get()] = {connection, refuse};
    refused += refuse ? 1 : 0;
  }
  connection->start();
}

void HttpServer::Impl::closed(Connection* connection) {
  const std::lock_guard lock(mutex);
  const auto found = connections.find(connection);
  if (found == connections.end()) return;
  refused -= found->second.refused ? 1 : 0;
  connections.erase(found);
  closed_one.notify_all();
}

void HttpServer::Impl::stop_connections(bool now) {
  std::vector<std::shared_ptr<Connection>> alive;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [key, entry] : connections) alive.push_back(entry.connection.lock());
  }
  for (const auto& connection : alive) {
    if (connection) connection->stop(now);
  }
}

bool HttpServer::Impl::wait_until_empty(double wait_s) {
  std::unique_lock lock(mutex);
  return closed_one.wait_until(lock, Clock::now() + seconds(wait_s), [this] { return connections.empty(); });
}

void HttpServer::Impl::stop(double deadline_s) {
  const std::lock_guard only_one(stop_mutex);
  if (stopped) return;
  stopped = true;
  commons->stopping->store(true);
  for (const auto& acceptor : acceptors) {
    asio::post(acceptor->get_executor(), [&acceptor] {
      Code ignored;
      acceptor->close(ignored);
    });
  }
  stop_connections(false);
  if (!wait_until_empty(deadline_s)) {
    stop_connections(true);
    wait_until_empty(1e8);
  }
  work.reset();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { stop(0); }
uint16_t HttpServer::port() const { return impl_->port; }
void HttpServer::stop(double deadline_s) { impl_->stop(deadline_s); }

Status HttpServer::replace_certificate(const std::filesystem::path& certificate,
                                       const std::filesystem::path& key) {
  if (!impl_->core->tls()) return fail(ErrorCode::kUsage, "this server was started without TLS");
  HEARTH_ASSIGN(auto tls, make_tls(certificate, key));
  impl_->core->set_tls(std::move(tls));
  return {};
}

int32_t HttpServer::open_connections() const {
  const std::lock_guard lock(impl_->mutex);
  return static_cast<int32_t>(impl_->connections.size()) - impl_->refused;
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(ServerOptions options, Handler handler) {
  HEARTH_CHECK(handler != nullptr);
  HEARTH_RETURN_IF_ERROR(check_options(options));
  try {
    auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
    const ServerOptions& kept = impl->commons->options;
    if (!kept.tls_certificate.empty() || !kept.tls_key.empty()) {
      HEARTH_ASSIGN(auto tls, make_tls(kept.tls_certificate, kept.tls_key));
      impl->core->set_tls(std::move(tls));
    }
    HEARTH_RETURN_IF_ERROR(impl->listen());
    impl->work.emplace(impl->core->io.get_executor());
    for (const auto& acceptor : impl->acceptors) impl->accept(*acceptor);
    std::unique_ptr<HttpServer> server(new HttpServer(std::move(impl)));
    for (int32_t i = 0; i < kept.io_threads; ++i) {
      server->impl_->threads.emplace_back([running = server->impl_.get()] { running->run(); });
    }
    return server;
  } catch (const std::exception& error) {
    return fail(ErrorCode::kIo, "the server could not start: ", error.what());
  }
}

}  // namespace hearth::net
