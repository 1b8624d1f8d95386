// The HTTP server over real sockets: answers, streams, disconnects, many connections, stopping.
#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "net/http_client.h"
#include "net/server_test_kit.h"
#include "net/test_peer.h"

namespace hearth::net {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(HttpServer, WholeAnswerToTheClient) {
  ::setenv("no_proxy", "127.0.0.1", 1);
  const auto server = serve([](ServerRequest request, std::shared_ptr<Responder> responder) {
    EXPECT_EQ(request.peer, "127.0.0.1");
    EXPECT_FALSE(request.tls);
    echo(std::move(request), responder);
  });
  HttpOptions options;
  HttpClient client(options);
  const auto text = client.text({.url = concat("http://127.0.0.1:", server->port(), "/a%20b/c?x=1&y")}, 1000);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text->response.status, 200);
  EXPECT_EQ(text->body, "GET /a b/c?x=1&y ");
  EXPECT_EQ(text->response.headers.find("content-type"), "text/plain");
  EXPECT_FALSE(text->response.headers.find("date").empty());
}

TEST(HttpServer, KeepAliveAndPipelinedAnswersInOrder) {
  Held held;
  const auto server = serve([&](ServerRequest request, std::shared_ptr<Responder> responder) {
    if (request.path == "/later") return held.add(responder);
    echo(std::move(request), responder);
  });
  TestPeer peer(server->port());
  for (const char* path : {"/1", "/2"}) {
    peer.send(get(path));
    EXPECT_THAT(peer.read_answer(), EndsWith(concat("GET ", path, "? ")));
  }
  peer.send(get("/later") + get("/3") + "POST /4 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody" +
            "POST /5 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
  const auto later = held.wait();
  ASSERT_NE(later, nullptr);
  std::this_thread::sleep_for(20ms);
  later->respond(200, {}, "late");
  EXPECT_THAT(peer.read_answer(), EndsWith("late"));
  EXPECT_THAT(peer.read_answer(), EndsWith("GET /3? "));
  EXPECT_THAT(peer.read_answer(), EndsWith("POST /4? body"));
  EXPECT_THAT(peer.read_answer(), EndsWith("POST /5? abcde"));
  EXPECT_EQ(server->open_connections(), 1);
}

TEST(HttpServer, MoreIsPipelinedThanIsReadAhead) {
  const auto server = serve([](ServerRequest request, std::shared_ptr<Responder> responder) {
    std::thread([request = std::move(request), responder] { echo(request, responder); }).detach();
  });
  TestPeer peer(server->port());
  const std::string body(5000, 'b');
  std::thread sender([&] {
    for (int i = 0; i < 60; ++i) {
      peer.send(concat("POST /", i, " HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n", body));
    }
  });
  for (int i = 0; i < 60; ++i) ASSERT_THAT(peer.read_answer(), EndsWith(concat("POST /", i, "? ", body)));
  sender.join();
}

TEST(HttpServer, HeadHasLengthAndNoBody) {
  const auto server = serve([](ServerRequest request, std::shared_ptr<Responder> responder) {
    if (request.path == "/stream") {
      responder->begin(200, {});
      EXPECT_TRUE(responder->write("never seen"));
      return responder->finish();
    }
    responder->respond(200, {}, "0123456789");
  });
  TestPeer peer(server->port());
  peer.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n" + get("/"));
  EXPECT_THAT(peer.read_until("\r\n\r\n"), HasSubstr("Content-Length: 10\r\n"));
  const std::string stream = peer.read_until("\r\n\r\n");
  EXPECT_THAT(stream, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(stream, HasSubstr("Transfer-Encoding: chunked\r\n"));
  const std::string next = peer.read_answer();
  EXPECT_THAT(next, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(next, EndsWith("\r\n\r\n0123456789"));
}

TEST(HttpServer, Http10AndConnectionClose) {
  const auto server = serve([](ServerRequest request, std::shared_ptr<Responder> responder) {
    if (request.path != "/stream") return responder->respond(204, {{"Connection", request.query}}, "dropped");
    responder->begin(200, {});
    responder->write("one ");
    responder->write("two");
    responder->finish();
  });
  TestPeer old(server->port());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  const std::string answer = old.read_all();
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\none two"));
  EXPECT_TRUE(old.ended() && !old.was_reset());

  TestPeer kept(server->port());
  kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(kept.read_until("\r\n\r\n"), HasSubstr("Connection: keep-alive\r\n"));
  kept.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(kept.read_all(), Not(HasSubstr("Content-Length")));
  EXPECT_TRUE(kept.ended() && !kept.was_reset());

  TestPeer asked(server->port());
  asked.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(asked.read_all(), HasSubstr("204 No Content\r\n"));
  EXPECT_TRUE(asked.ended() && !asked.was_reset());

  TestPeer told(server->port());
  told.send(get("/?close"));
  EXPECT_THAT(told.read_all(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(told.ended() && !told.was_reset());
}

TEST(HttpServer, ClientThatOnlySendsAndEndsIsAnswered) {
  const auto server = serve(echo);
  TestPeer peer(server->port());
  peer.send(get("/1") + get("/2"));
  peer.end_sending();
  EXPECT_THAT(peer.read_answer(), EndsWith("GET /1? "));
  EXPECT_THAT(peer.read_answer(), EndsWith("GET /2? "));
  peer.read_all();
  EXPECT_TRUE(peer.ended() && !peer.was_reset());
}

TEST(HttpServer, StreamIsSeenPieceByPiece) {
  Held held;
  const auto server = serve([&](ServerRequest, std::shared_ptr<Responder> responder) {
    responder->begin(200, {{"Content-Type", "text/event-stream"}});
    held.add(responder);
  });
  TestPeer peer(server->port());
  peer.send(get("/"));
  const auto responder = held.wait();
  ASSERT_NE(responder, nullptr);
  EXPECT_THAT(peer.read_until("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 20; ++i) {
    const std::string piece = concat("data: ", i, "\n\n");
    EXPECT_TRUE(responder->write(piece));
    EXPECT_TRUE(responder->write(""));  // not the end of the stream
    EXPECT_EQ(peer.read_until("\n\n\r\n"), concat(piece.size() == 9 ? "9" : "a", "\r\n", piece, "\r\n"));
  }
  responder->finish();
  EXPECT_EQ(peer.read_until("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_FALSE(responder->write("too late"));
  EXPECT_FALSE(responder->gone());
  peer.send(get("/"));
  EXPECT_NE(held.wait(1), nullptr);
}

TEST(HttpServer, DisconnectBeforeTheFirstByte) {
  Held held;
  Signal gone;
  const auto server = serve([&](ServerRequest, std::shared_ptr<Responder> responder) {
    responder->on_gone([&] { gone.set(); });
    held.add(responder);
  });
  TestPeer ending(server->port());
  ending.send(get("/"));
  ASSERT_NE(held.wait(0), nullptr);
  EXPECT_FALSE(held.wait(0)->gone());
  ending.close();
  EXPECT_TRUE(gone.wait(1, 2s));
  TestPeer resetting(server->port());
  resetting.send(get("/"));
  ASSERT_NE(held.wait(1), nullptr);
  resetting.reset();
  EXPECT_TRUE(gone.wait(2, 2s));
  for (const size_t which : {size_t{0}, size_t{1}}) {
    EXPECT_TRUE(held.wait(which)->gone());
    held.wait(which)->respond(200, {}, "nobody");
    held.wait(which)->begin(200, {});
    EXPECT_FALSE(held.wait(which)->write("x"));
  }
  EXPECT_TRUE(eventually([&] { return server->open_connections() == 0; }));
  int late = 0;
  held.wait(0)->on_gone([&] { ++late; });
  EXPECT_EQ(late, 1);
  EXPECT_EQ(gone.count(), 2);
}

TEST(HttpServer, DisconnectMidStream) {
  Held held;
  Signal gone;
  const auto server = serve([&](ServerRequest, std::shared_ptr<Responder> responder) {
    responder->begin(200, {});
    responder->write("first");
    responder->on_gone([&] { gone.set(); });
    held.add(responder);
  });
  TestPeer peer(server->port());
  peer.send(get("/"));
  peer.read_until("first");
  peer.close();
  EXPECT_TRUE(gone.wait(1, 2s));
  EXPECT_FALSE(held.wait()->write("second"));
  held.wait()->finish();
  EXPECT_TRUE(held.wait()->gone());
}

TEST(HttpServer, FinishedAnswersNeverCallOnGone) {
  Signal gone;
  const auto server = serve([&](ServerRequest request, std::shared_ptr<Responder> responder) {
    responder->on_gone([&] { gone.set(); });
    echo(std::move(request), responder);
    responder->on_gone([&] { gone.set(); });
  });
  for (int i = 0; i < 20; ++i) {
    TestPeer peer(server->port());
    peer.send(get("/"));
    if (i % 2 == 0) peer.read_answer();
  }
  EXPECT_TRUE(eventually([&] { return server->open_connections() == 0; }));
  EXPECT_EQ(gone.count(), 0);
}

TEST(HttpServer, UnansweredAndFailingHandlers) {
  const auto server = serve([](ServerRequest request, std::shared_ptr<Responder> responder) {
    if (request.path == "/throw") throw std::runtime_error("broken");
    if (request.path == "/inject") return responder->respond(200, {{"X-Id", "a\r\nSet-Cookie: b"}}, "x");
    if (request.path == "/name") return responder->begin(200, {{"X Id", "a"}});
    if (request.path == "/cut") {
      responder->begin(200, {});
      responder->write("half of");
    }
  });
  TestPeer peer(server->port());
  for (const char* path : {"/", "/throw", "/inject", "/name"}) {
    peer.send(get(path));
    const std::string answer = peer.read_answer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 ")) << path;
    EXPECT_THAT(answer, HasSubstr("{\"error\":{\"message\":")) << path;
    EXPECT_THAT(answer, Not(HasSubstr("Set-Cookie"))) << path;
  }
  peer.send(get("/cut"));
  EXPECT_THAT(peer.read_all(), Not(HasSubstr("0\r\n\r\n")));
  EXPECT_TRUE(peer.was_reset());
}

TEST(HttpServer, TwoHundredStreamsAtOnce) {
  constexpr int kStreams = 200;
  constexpr int kPieces = 50;
  Held held;
  const auto server = serve([&](ServerRequest request, std::shared_ptr<Responder> responder) {
    responder->begin(200, {{"X-Path", request.path}});
    held.add(responder);
  });
  std::vector<std::unique_ptr<TestPeer>> peers;
  for (int i = 0; i < kStreams; ++i) {
    peers.push_back(std::make_unique<TestPeer>(server->port()));
    ASSERT_TRUE(peers.back()->send(get(concat("/", i))));
    ASSERT_NE(held.wait(static_cast<size_t>(i)), nullptr);  // so that stream i belongs to peer i
  }
  EXPECT_EQ(server->open_connections(), kStreams);
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      for (int piece = 0; piece < kPieces; ++piece) {
        for (int i = w; i < kStreams; i += 4) {
          held.wait(static_cast<size_t>(i))->write(concat('<', i, ':', piece, '>'));
        }
      }
      for (int i = w; i < kStreams; i += 4) held.wait(static_cast<size_t>(i))->finish();
    });
  }
  for (int i = 0; i < kStreams; ++i) {
    const std::string answer = peers[static_cast<size_t>(i)]->read_until("0\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr(concat("X-Path: /", i, "\r\n")));
    size_t at = 0;
    for (int piece = 0; piece < kPieces; ++piece) {
      at = answer.find(concat('<', i, ':', piece, '>'), at);
      ASSERT_NE(at, std::string::npos) << i << ' ' << piece;
    }
  }
  for (std::thread& writer : writers) writer.join();
  peers.clear();
  EXPECT_TRUE(eventually([&] { return server->open_connections() == 0; }));
}

TEST(HttpServer, StopLetsARunningStreamFinish) {
  Held held;
  const auto server = serve([&](ServerRequest, std::shared_ptr<Responder> responder) {
    responder->begin(200, {});
    held.add(responder);
  });
  TestPeer idle(server->port());
  TestPeer peer(server->port());
  peer.send(get("/"));
  ASSERT_NE(held.wait(), nullptr);
  ASSERT_TRUE(eventually([&] { return server->open_connections() == 2; }));
  auto stopping = std::async(std::launch::async, [&] { server->stop(20); });
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(eventually([&] { return !TestPeer(server->port()).connected(); }));
  EXPECT_EQ(stopping.wait_for(50ms), std::future_status::timeout);
  EXPECT_TRUE(held.wait()->write("the end"));
  held.wait()->finish();
  EXPECT_EQ(stopping.wait_for(5s), std::future_status::ready);
  EXPECT_THAT(peer.read_all(), EndsWith("the end\r\n0\r\n\r\n"));
  EXPECT_TRUE(peer.ended() && !peer.was_reset());
  EXPECT_EQ(server->open_connections(), 0);
  server->stop(1);
}

TEST(HttpServer, StopCutsAtTheDeadline) {
  Held held;
  Signal gone;
  const auto server = serve([&](ServerRequest, std::shared_ptr<Responder> responder) {
    responder->begin(200, {});
    responder->on_gone([&] { gone.set(); });
    held.add(responder);
  });
  TestPeer peer(server->port());
  peer.send(get("/"));
  ASSERT_NE(held.wait(), nullptr);
  const auto before = std::chrono::steady_clock::now();
  server->stop(0.2);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 200ms);
  EXPECT_EQ(gone.count(), 1);
  EXPECT_TRUE(held.wait()->gone());
}

TEST(HttpServer, DestroyedWhileStreamsRun) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> gone = 0;
    std::vector<std::thread> writers;
    std::mutex mutex;
    auto server = serve([&](ServerRequest, std::shared_ptr<Responder> responder) {
      responder->begin(200, {});
      responder->on_gone([&] { ++gone; });
      const std::lock_guard lock(mutex);
      writers.emplace_back([responder] {
        while (responder->write("piece")) std::this_thread::yield();
        responder->finish();
      });
    });
    std::vector<std::unique_ptr<TestPeer>> peers;
    for (int i = 0; i < 8; ++i) {
      peers.push_back(std::make_unique<TestPeer>(server->port()));
      peers.back()->send(get("/"));
    }
    for (const auto& peer : peers) EXPECT_THAT(peer->read_until("piece"), EndsWith("piece"));
    server.reset();
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(gone, 8);
  }
}

/// Clients that read everything, vanish, reset or read slowly, over answers from other threads, some of which
/// are dropped; then the server goes while all that runs. Nobody may get what belongs to another.
TEST(HttpServer, ClientsOfEveryKindAtOnce) {
  std::atomic<int> responders = 0;
  std::atomic<int> crossed = 0;
  std::atomic<int> answered = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> workers;
  std::mutex mutex;
  ServerOptions options = any_port();
  options.max_unsent_bytes = 20'000;
  options.write_timeout_s = 0.2;
  auto server = serve(
      [&](ServerRequest request, std::shared_ptr<Responder> responder) {
        ++responders;
        responder->on_gone([marker = std::make_shared<int>(0)] { ++*marker; });
        const std::lock_guard lock(mutex);
        workers.emplace_back([&, path = request.path, responder = std::move(responder)]() mutable {
          responder->begin(200, {{"X-Path", path}});
          for (int i = 0; i < 20 && responder->write(concat('<', path, '>', std::string(500, '.'))); ++i) {
            if (i % 7 == 0) std::this_thread::yield();
          }
          if (path.back() != '9') responder->finish();
          responder.reset();
          --responders;
        });
      },
      options);
  std::vector<std::thread> clients;
  for (int c = 0; c < 12; ++c) {
    clients.emplace_back([&, c] {
      for (int round = 0; !over && round < 60; ++round) {
        TestPeer peer(server->port(), c == 3 ? 2048 : 0);
        const std::string path = concat("/c", c, 'r', round);
        peer.send(get(path));
        if (c % 4 == 0) peer.read_until(path, 0.5);
        if (c % 4 == 1) peer.read_until("0\r\n\r\n", 0.5);
        if (c % 4 == 2) continue;
        const std::string all = c == 3 ? peer.read_bytes(1000, 0.05) : peer.read_until("\r\n0\r\n\r\n", 0.5);
        if (all.ends_with("\r\n0\r\n\r\n")) ++answered;
        for (size_t at = all.find('<'); at != std::string::npos; at = all.find('<', at + 1)) {
          if (all.compare(at + 1, path.size(), path) != 0) ++crossed;
        }
        if (round % 3 == 0) peer.reset();
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return answered > 20; }));
  over = true;
  for (std::thread& client : clients) client.join();
  server->stop(0);
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(crossed, 0);
  EXPECT_EQ(responders, 0);
  EXPECT_EQ(server->open_connections(), 0);
}

TEST(HttpServer, PortsAndHosts) {
  const auto first = serve(echo);
  ServerOptions options = any_port();
  options.port = first->port();
  const auto taken = HttpServer::start(options, echo);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::kIo);
  EXPECT_THAT(taken.error().message, HasSubstr(concat("127.0.0.1:", first->port(), ": another program")));
  first->stop(0);
  EXPECT_TRUE(HttpServer::start(options, echo).ok());  // at once: no waiting for old connections

  options = any_port();
  for (const char* bad : {"no such host", "256.1.1.1", "192.0.2.1"}) {
    options.host = bad;
    const auto server = HttpServer::start(options, echo);
    ASSERT_FALSE(server.ok()) << bad;
    EXPECT_EQ(server.error().code, ErrorCode::kNetwork);
    EXPECT_THAT(server.error().message, HasSubstr(bad));
  }
  options.host = "";
  EXPECT_EQ(HttpServer::start(options, echo).error().code, ErrorCode::kUsage);
  options = any_port();
  options.max_unsent_bytes = 0;
  EXPECT_EQ(HttpServer::start(options, echo).error().code, ErrorCode::kUsage);
}

TEST(HttpServer, Ipv6AndBothFamilies) {
  for (const char* host : {"::1", "[::1]", "::", "localhost"}) {
    ServerOptions options = any_port();
    options.host = host;
    const auto server = HttpServer::start(options, echo);
    if (!server.ok() && server.error().code == ErrorCode::kNetwork) GTEST_SKIP() << server.error().message;
    ASSERT_TRUE(server.ok()) << server.error().message;
    const bool v4_too = host == std::string_view("::") || host == std::string_view("localhost");
    TestPeer peer((*server)->port());
    EXPECT_EQ(peer.connected(), v4_too) << host;
    if (host == std::string_view("localhost")) continue;  // perhaps it has no IPv6 address
    ::setenv("no_proxy", "127.0.0.1,::1", 1);
    HttpOptions client_options;
    HttpClient client(client_options);
    const auto text = client.text({.url = concat("http://[::1]:", (*server)->port(), "/x")}, 1000);
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_EQ(text->body, "GET /x? ");
  }
}

}  // namespace
}  // namespace hearth::net
