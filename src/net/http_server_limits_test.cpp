// The HTTP server against peers that send too much, too slowly or nonsense, or do not read; and TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/rng.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/server_test_kit.h"
#include "net/test_peer.h"

namespace hearth::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Time = std::chrono::steady_clock;

TEST(HttpLimits, BodyTooLargeIsRefusedBeforeItIsRead) {
  ServerOptions options = any_port();
  options.max_body_bytes = 1000;
  const auto server = serve(echo, options);
  TestPeer exact(server->port());
  exact.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
  EXPECT_THAT(exact.read_answer(), StartsWith("HTTP/1.1 200 "));

  TestPeer announced(server->port());
  announced.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  const std::string answer = announced.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer,
              EndsWith("\r\n\r\n{\"error\":{\"message\":\"the request's body is larger than 1000 bytes\","
                       "\"code\":413}}\n"));

  // A client that sends on before it reads must see the answer, not a reset.
  TestPeer sending(server->port());
  sending.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000000\r\n\r\n");
  EXPECT_TRUE(sending.send(std::string(4 << 20, 'x')));
  EXPECT_THAT(sending.read_answer(), StartsWith("HTTP/1.1 413 "));

  TestPeer chunked(server->port());
  chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n" +
               std::string(500, 'x') + "\r\n1f5\r\n");
  EXPECT_THAT(chunked.read_answer(), StartsWith("HTTP/1.1 413 "));
}

TEST(HttpLimits, BodiesOfAllConnectionsTogether) {
  ServerOptions options = any_port();
  options.max_receiving_bytes = 150'000;
  const auto server = serve(echo, options);
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
  TestPeer first(server->port());
  first.send(head + std::string(99'999, 'x'));
  std::this_thread::sleep_for(50ms);
  TestPeer second(server->port());
  second.send(head + std::string(99'999, 'x'));
  EXPECT_THAT(second.read_answer(), StartsWith("HTTP/1.1 503 "));
  first.send("x");
  EXPECT_THAT(first.read_answer(), StartsWith("HTTP/1.1 200 "));
  for (int i = 0; i < 3; ++i) {  // what was counted is given back
    first.send(head + std::string(100'000, 'x'));
    EXPECT_THAT(first.read_answer(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST(HttpLimits, HeaderBombs) {
  ServerOptions options = any_port();
  options.max_header_bytes = 4096;
  const auto server = serve(echo, options);
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string many;
  for (int i = 0; i < 1000; ++i) many += concat("H", i, ": v\r\n");
  for (const std::string& bomb :
       {start + "X: " + std::string(100'000, 'a'), start + many, "GET /" + std::string(100'000, 'a'),
        std::string(100'000, 'A'), chunked + "1;" + std::string(100'000, 'e'),
        chunked + "0\r\nX: " + std::string(100'000, 'e')}) {
    TestPeer peer(server->port());
    peer.send(bomb);
    EXPECT_THAT(peer.read_answer(), StartsWith("HTTP/1.1 431 ")) << bomb.substr(0, 60);
    peer.read_all();
    EXPECT_TRUE(peer.ended());
  }
}

TEST(HttpLimits, ExpectContinue) {
  ServerOptions options = any_port();
  options.max_body_bytes = 1000;
  const auto server = serve(echo, options);
  TestPeer peer(server->port());
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-Continue\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("body");
  EXPECT_THAT(peer.read_answer(), EndsWith("POST /? body"));
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
  EXPECT_THAT(peer.read_answer(), EndsWith("POST /? body"));  // it did not wait
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(peer.read_answer(), StartsWith("HTTP/1.1 413 "));
  TestPeer other(server->port());
  other.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: miracles\r\n\r\n");
  EXPECT_THAT(other.read_answer(), StartsWith("HTTP/1.1 417 "));
}

TEST(HttpLimits, Timeouts) {
  ServerOptions options = any_port();
  options.header_timeout_s = 0.15;
  options.body_timeout_s = 0.25;
  options.keep_alive_s = 0.35;
  const auto server = serve(echo, options);
  const auto start = Time::now();
  TestPeer silent(server->port());
  TestPeer head(server->port());
  head.send("GET / HT");
  TestPeer body(server->port());
  body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
  TestPeer idle(server->port());
  idle.send(get("/"));
  EXPECT_THAT(idle.read_answer(), StartsWith("HTTP/1.1 200 "));

  EXPECT_EQ(silent.read_all(), "");
  EXPECT_TRUE(silent.ended() && !silent.was_reset());
  EXPECT_THAT(head.read_all(), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(head.ended() && !head.was_reset());
  EXPECT_THAT(body.read_all(), StartsWith("HTTP/1.1 408 "));
  EXPECT_GE(Time::now() - start, 250ms);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(idle.ended() && !idle.was_reset());
  EXPECT_GE(Time::now() - start, 350ms);
  EXPECT_LT(Time::now() - start, 5s);
}

TEST(HttpLimits, SlowLorisIsBoundedAsAWhole) {
  ServerOptions options = any_port();
  options.header_timeout_s = 0.3;
  const auto server = serve(echo, options);
  TestPeer peer(server->port());
  const auto start = Time::now();
  peer.send("GET / HTTP/1.1\r\n");
  while (peer.send("X: y\r\n") && !peer.ended() && Time::now() - start < 5s) peer.read_all(0.02);
  EXPECT_TRUE(peer.ended());
  EXPECT_LT(Time::now() - start, 4s);
}

TEST(HttpLimits, AnswersMayTakeLongerThanAnyTimeoutOfRequests) {
  ServerOptions options = any_port();
  options.header_timeout_s = options.body_timeout_s = options.keep_alive_s = options.write_timeout_s = 0.1;
  const auto server = serve(
      [](ServerRequest, std::shared_ptr<Responder> responder) {
        std::thread([responder] {
          responder->begin(200, {});
          for (int i = 0; i < 4; ++i) {
            std::this_thread::sleep_for(100ms);
            EXPECT_TRUE(responder->write("x"));
          }
          responder->finish();
        }).detach();
      },
      options);
  TestPeer peer(server->port());
  peer.send(get("/"));
  EXPECT_THAT(peer.read_until("0\r\n\r\n"), EndsWith("x\r\n0\r\n\r\n"));
}

TEST(HttpLimits, OneConnectionTooMany) {
  ServerOptions options = any_port();
  options.max_connections = 3;
  const auto server = serve(echo, options);
  std::vector<std::unique_ptr<TestPeer>> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<TestPeer>(server->port()));
    peers.back()->send(get("/"));
    EXPECT_THAT(peers.back()->read_answer(), StartsWith("HTTP/1.1 200 "));
  }
  for (int i = 0; i < 3; ++i) {
    TestPeer refused(server->port());
    refused.send(get("/"));
    const std::string answer = refused.read_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_FALSE(refused.was_reset());
  }
  EXPECT_EQ(server->open_connections(), 3);
  peers.pop_back();
  EXPECT_TRUE(eventually([&] {
    auto next = std::make_unique<TestPeer>(server->port());
    next->send(get("/"));
    if (!next->read_answer().starts_with("HTTP/1.1 200 ")) return false;
    peers.push_back(std::move(next));
    return true;
  }));
  std::vector<std::unique_ptr<TestPeer>> flood;  // more than are told so: the rest is closed
  for (int i = 0; i < 100; ++i) flood.push_back(std::make_unique<TestPeer>(server->port()));
  for (const auto& peer : flood) peer->read_all();
  EXPECT_TRUE(peers.front()->send(get("/")));
  EXPECT_THAT(peers.front()->read_answer(), StartsWith("HTTP/1.1 200 "));
}

int64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

TEST(HttpLimits, ReaderTooSlowForItsStreamIsCut) {
  ServerOptions options = any_port();
  options.max_unsent_bytes = 256 << 10;
  Held held;
  Signal gone;
  const auto server = serve(
      [&](ServerRequest, std::shared_ptr<Responder> responder) {
        responder->begin(200, {});
        responder->on_gone([&] { gone.set(); });
        held.add(responder);
      },
      options);
  TestPeer peer(server->port(), 4096);
  peer.send(get("/"));
  const auto responder = held.wait();
  ASSERT_NE(responder, nullptr);
  const int64_t before = peak_rss_bytes();
  const std::string piece(8 << 10, 'x');
  int64_t accepted = 0;
  while (responder->write(piece) && accepted < (int64_t{1} << 30))
    accepted += static_cast<int64_t>(piece.size());
  EXPECT_LT(accepted, 32 << 20);  // what the kernel buffers, and max_unsent_bytes
  EXPECT_LT(peak_rss_bytes() - before, 16 << 20);
  EXPECT_TRUE(gone.wait(1, 2s));
  EXPECT_TRUE(responder->gone());
  EXPECT_TRUE(eventually([&] { return server->open_connections() == 0; }));
  peer.read_all();
  EXPECT_TRUE(peer.was_reset());
}

TEST(HttpLimits, ReaderThatStopsIsCutAfterTheWriteTimeout) {
  ServerOptions options = any_port();
  options.max_unsent_bytes = 1 << 30;
  options.write_timeout_s = 0.2;
  Signal gone;
  Held held;
  const auto server = serve(
      [&](ServerRequest request, std::shared_ptr<Responder> responder) {
        held.add(responder);
        if (request.path == "/whole") return responder->respond(200, {}, std::string(32 << 20, 'x'));
        responder->on_gone([&] { gone.set(); });
        responder->begin(200, {});
        EXPECT_TRUE(responder->write(std::string(32 << 20, 'x')));
      },
      options);
  TestPeer stream(server->port(), 4096);
  stream.send(get("/"));
  TestPeer whole(server->port(), 4096);
  whole.send(get("/whole"));
  EXPECT_TRUE(gone.wait(1, 5s));
  EXPECT_TRUE(eventually([&] { return server->open_connections() == 0; }, 5s));
}

TEST(HttpLimits, NonsenseIsAnswered400) {
  const auto server = serve(echo);
  for (const char* bytes :
       {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    TestPeer peer(server->port());
    peer.send(bytes);
    EXPECT_THAT(peer.read_all(), StartsWith("HTTP/1.1 400 ")) << bytes;
    EXPECT_FALSE(peer.was_reset()) << bytes;
  }
  for (const char* coding : {"gzip", "gzip, chunked", "chunked, gzip", "identity"}) {
    TestPeer peer(server->port());
    peer.send(concat("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ", coding, "\r\n\r\n0\r\n\r\n"));
    EXPECT_THAT(peer.read_answer(), StartsWith("HTTP/1.1 501 ")) << coding;
  }
  TestPeer well(server->port());
  well.send("\r\n\r\n" + get("http://h.example/a?b") + get("http://h.example") + get("/?") +
            "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  for (const char* end : {"GET /a?b ", "GET /? ", "GET /? ", "OPTIONS *? "})
    EXPECT_THAT(well.read_answer(), EndsWith(end));
}

/// Requests with bytes changed, lost and repeated never harm the connections of others.
TEST(HttpLimits, MutatedRequests) {
  const auto server = serve(echo);
  const std::string seed =
      "POST /v1/x%20y?q=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
      "3\r\nabc\r\n5;e=\"v\"\r\ndefgh\r\n0\r\nT: r\r\n\r\nPUT / HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "3\r\n\r\nxyz";
  Rng rng(7);
  TestPeer good(server->port());
  for (int round = 0; round < 400; ++round) {
    std::string bytes = seed;
    for (uint64_t changes = 1 + rng.next() % 4; changes > 0; --changes) {
      const size_t at = rng.next() % bytes.size();
      switch (rng.next() % 4) {
        case 0:
          bytes[at] = static_cast<char>(rng.next());
          break;
        case 1:
          bytes.erase(at, 1 + rng.next() % 8);
          break;
        case 2:
          bytes.insert(at, bytes.substr(rng.next() % bytes.size(), 1 + rng.next() % 16));
          break;
        default:
          bytes.insert(at, 1, "\r\n:; \0%"[rng.next() % 7]);
      }
    }
    TestPeer bad(server->port());
    const size_t cut = rng.next() % bytes.size();
    bad.send(bytes.substr(0, cut));
    bad.send(bytes.substr(cut));
    bad.end_sending();
    const std::string answer = bad.read_all();
    EXPECT_TRUE(bad.ended()) << bytes;
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << answer;
    if (round % 20 == 0) {
      good.send(get("/still"));
      EXPECT_THAT(good.read_answer(), EndsWith("GET /still? "));
    }
  }
  EXPECT_TRUE(eventually([&] { return server->open_connections() == 1; }));
}

/// A key and a certificate that signs itself, for 127.0.0.1.
class Certificate {
 public:
  explicit Certificate(const std::string& name) {
    folder_ = std::filesystem::path(::testing::TempDir()) / concat("hearth_tls_", ::getpid(), '_', name);
    std::filesystem::create_directories(folder_);
    EVP_PKEY* key = ::EVP_EC_gen("P-256");
    X509* x509 = ::X509_new();
    ::X509_set_version(x509, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(x509), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(x509), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(x509), 3600);
    ::X509_set_pubkey(x509, key);
    X509_NAME* subject = ::X509_get_subject_name(x509);
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("hearth test"), -1, -1, 0);
    ::X509_set_issuer_name(x509, subject);
    X509_EXTENSION* names = ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    ::X509_add_ext(x509, names, -1);
    ::X509_EXTENSION_free(names);
    ::X509_sign(x509, key, ::EVP_sha256());
    write("cert.pem", [&](FILE* file) { return ::PEM_write_X509(file, x509); });
    write("key.pem", [&](FILE* file) {
      return ::PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    write("locked.pem", [&](FILE* file) {
      return ::PEM_write_PrivateKey(file, key, ::EVP_aes_128_cbc(), nullptr, 0, nullptr,
                                    const_cast<char*>("secret"));
    });
    std::ofstream(folder_ / "text.pem") << "no pem\n";
    ::X509_free(x509);
    ::EVP_PKEY_free(key);
  }
  ~Certificate() { std::filesystem::remove_all(folder_); }
  std::filesystem::path file(const char* name) const { return folder_ / name; }

 private:
  void write(const char* name, const std::function<int(FILE*)>& function) {
    FILE* file = ::fopen((folder_ / name).c_str(), "w");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(function(file), 1);
    ::fclose(file);
  }
  std::filesystem::path folder_;
};

TEST(HttpTls, RoundTripStreamAndDisconnect) {
  ::setenv("no_proxy", "127.0.0.1", 1);
  const Certificate certificate("round");
  ServerOptions options = any_port();
  options.tls_certificate = certificate.file("cert.pem");
  options.tls_key = certificate.file("key.pem");
  options.header_timeout_s = 0.5;
  Signal gone;
  Signal seen;
  const auto server = serve(
      [&](ServerRequest request, std::shared_ptr<Responder> responder) {
        EXPECT_TRUE(request.tls);
        if (request.path == "/big") return responder->respond(200, {}, std::string(3 << 20, 'b'));
        if (request.path == "/wait") return responder->on_gone([&, responder] { gone.set(); });
        if (request.path != "/stream") return echo(std::move(request), responder);
        std::thread([&, responder] {
          responder->begin(200, {});
          for (int i = 0; i < 5; ++i) {
            responder->write(concat('<', i, '>'));
            EXPECT_TRUE(seen.wait(i + 1));  // each piece arrives before the next is written
          }
          responder->finish();
        }).detach();
      },
      options);
  const std::string url = concat("https://127.0.0.1:", server->port());
  HttpOptions client_options;
  client_options.ca_bundle = certificate.file("cert.pem").string();
  client_options.max_attempts = 1;
  HttpClient client(client_options);
  for (int i = 0; i < 3; ++i) {  // over one connection
    const auto text = client.text({.url = url + "/x"}, 1000);
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_EQ(text->body, "GET /x? ");
  }
  EXPECT_EQ(server->open_connections(), 1);
  const auto big = client.text({.url = url + "/big"}, 4 << 20);
  ASSERT_TRUE(big.ok()) << big.error().message;
  EXPECT_EQ(big->body.size(), 3U << 20);
  std::string pieces;
  const HttpExchange stream = client.exchange(
      {.url = url + "/stream"}, {.on_head = nullptr, .on_body = [&](std::span<const std::byte> bytes) {
                                   pieces.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                                   seen.set();
                                   return Status();
                                 }});
  EXPECT_TRUE(stream.status.ok());
  EXPECT_EQ(pieces, "<0><1><2><3><4>");

  HttpOptions hasty = client_options;
  hasty.low_speed_bytes_per_s = 1000;
  hasty.stall_timeout_s = 1;
  EXPECT_FALSE(HttpClient(hasty).text({.url = url + "/wait"}, 1000).ok());
  EXPECT_TRUE(gone.wait(1, 3s));

  HttpOptions stranger;  // does not know the certificate
  stranger.max_attempts = 1;
  EXPECT_FALSE(HttpClient(stranger).text({.url = url + "/x"}, 1000).ok());
  TestPeer plain(server->port());
  plain.send(get("/"));
  plain.read_all();
  EXPECT_TRUE(plain.ended());
  TestPeer silent(server->port());
  silent.read_all(5);
  EXPECT_TRUE(silent.ended());  // handshakes have a timeout
  server->stop(1);
}

TEST(HttpTls, BadFilesAreNamed) {
  const Certificate one("one");
  const Certificate other("other");
  const struct {
    std::filesystem::path certificate;
    std::filesystem::path key;
    const char* says;
  } cases[] = {
      {one.file("cert.pem"), {}, "both a certificate and a key"},
      {{}, one.file("key.pem"), "both a certificate and a key"},
      {one.file("none.pem"), one.file("key.pem"), "none.pem: no such file"},
      {one.file("cert.pem"), one.file("none.pem"), "none.pem: no such file"},
      {one.file("text.pem"), one.file("key.pem"), "text.pem: no certificate"},
      {one.file("cert.pem"), one.file("text.pem"), "text.pem: no unencrypted private key"},
      {one.file("cert.pem"), one.file("locked.pem"), "locked.pem: no unencrypted private key"},
      {one.file("cert.pem"), one.file("cert.pem"), "cert.pem: no unencrypted private key"},
      {one.file("cert.pem"), other.file("key.pem"), "does not belong to the certificate"},
  };
  for (const auto& row : cases) {
    ServerOptions options = any_port();
    options.tls_certificate = row.certificate;
    options.tls_key = row.key;
    const auto server = HttpServer::start(options, echo);
    ASSERT_FALSE(server.ok()) << row.says;
    EXPECT_EQ(server.error().code, ErrorCode::kUsage);
    EXPECT_THAT(server.error().message, HasSubstr(row.says));
  }
}

}  // namespace
}  // namespace hearth::net
