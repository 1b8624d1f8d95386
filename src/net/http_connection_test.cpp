// The server's connections and exchanges without sockets: what follows from which bytes, in any pieces.
#include "net/http_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "net/test_transport.h"

namespace hearth::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

void answer_by_path(ServerRequest request, const std::shared_ptr<Responder>& responder) {
  if (request.path == "/drop") return;
  if (request.path == "/throw") throw std::runtime_error("broken");
  if (request.path != "/stream") {
    return responder->respond(200, {{"X-Path", request.path}}, std::move(request.body));
  }
  responder->begin(200, {});
  responder->write(request.query);
  responder->write("end");
  responder->finish();
}

const char* const kRequests =
    "GET /a%20b?q HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n"
    "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"
    "POST /chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nTrailer: dropped\r\n\r\n"
    "GET /stream?text HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /drop HTTP/1.1\r\nHost: h\r\n\r\nGET /throw HTTP/1.1\r\nHost: h\r\n\r\n"
    "POST /none HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    "POST /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

TEST(HttpConnection, AnySplitOfTheBytesMeansTheSame) {
  const std::string_view all = kRequests;
  const Conversation whole = converse({}, {all}, answer_by_path);
  ASSERT_EQ(whole.requests.size(), 9U);
  EXPECT_EQ(whole.requests[0].path, "/a b");
  EXPECT_EQ(whole.requests[0].query, "q");
  EXPECT_EQ(whole.requests[1].body, "hello world");
  EXPECT_EQ(whole.requests[2].body, "hello world");
  EXPECT_EQ(whole.requests[2].headers.find("Trailer"), "");
  EXPECT_TRUE(whole.closed);
  EXPECT_THAT(whole.answers,
              StartsWith("HTTP/1.1 200 OK\r\nX-Path: /a b\r\nContent-Length: 0\r\n\r\nHTTP/1.1 "));
  EXPECT_THAT(whole.answers, HasSubstr("chunked\r\n\r\n4\r\ntext\r\n3\r\nend\r\n0\r\n\r\n"));
  EXPECT_THAT(whole.answers, EndsWith("X-Path: /last\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));

  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < all.size(); ++i) bytes.push_back(all.substr(i, 1));
  EXPECT_EQ(converse({}, bytes, answer_by_path).answers, whole.answers);
  for (size_t i = 1; i < all.size(); ++i) {
    const Conversation split = converse({}, {all.substr(0, i), all.substr(i)}, answer_by_path, 1 + i % 100);
    ASSERT_EQ(split.answers, whole.answers) << i;
  }
}

TEST(HttpConnection, MutatedBytesInAnySplit) {
  Rng rng(3);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = kRequests;
    for (uint64_t changes = 1 + rng.below(3); changes > 0; --changes) {
      const size_t at = rng.below(bytes.size());
      if (rng.below(2) == 0) {
        bytes[at] = "\r\n:; %0aZ\0\xff,"[rng.below(12)];
      } else {
        bytes.erase(at, 1 + rng.below(3));
      }
    }
    const Conversation whole = converse({}, {bytes}, answer_by_path);
    const std::string_view all = bytes;
    const size_t cut = 1 + rng.below(bytes.size() - 1);
    const Conversation split = converse({}, {all.substr(0, cut), all.substr(cut)}, answer_by_path);
    ASSERT_EQ(whole.requests.size(), split.requests.size()) << cut << " in " << bytes;
    for (size_t i = 0; i < whole.requests.size(); ++i) {
      ASSERT_EQ(whole.requests[i].path, split.requests[i].path) << bytes;
      ASSERT_EQ(whole.requests[i].body, split.requests[i].body) << bytes;
    }
    EXPECT_TRUE(whole.closed && split.closed);
  }
}

struct Lines {
  std::shared_ptr<TestLine> line = std::make_shared<TestLine>();
  std::shared_ptr<ConnectionCommons> commons = std::make_shared<ConnectionCommons>();
  std::shared_ptr<Responder> responder;
  bool closed = false;

  ~Lines() { line->end(); }  // else the line keeps the connection, and it the line

  std::shared_ptr<Connection> start() {
    commons->handler = [this](ServerRequest, std::shared_ptr<Responder> given) {
      responder = std::move(given);
    };
    auto connection = std::make_shared<Connection>(std::make_unique<TestTransport>(line), commons, false,
                                                   [this](Connection*) { closed = true; });
    connection->start();
    line->run();
    return connection;
  }
};

TEST(HttpConnection, DeadlinesRunOnlyWhileSomethingIsDueFromThePeer) {
  Lines lines;
  lines.start();
  EXPECT_TRUE(lines.line->deadline);
  lines.line->say("GET / HTTP/1.1\r\nHost: h\r\n");
  EXPECT_TRUE(lines.line->deadline);
  lines.line->say("\r\n");
  EXPECT_FALSE(lines.line->deadline);
  lines.responder->begin(200, {});
  lines.line->run();
  EXPECT_FALSE(lines.line->deadline);
  lines.responder->finish();
  lines.line->run();
  EXPECT_TRUE(lines.line->deadline);
  lines.line->on_deadline();
  lines.line->run();
  EXPECT_TRUE(lines.closed);
  EXPECT_THAT(lines.line->sent, Not(HasSubstr("408")));
}

TEST(HttpConnection, APeerThatTakesNothingIsCutAtTheDeadline) {
  Lines lines;
  lines.start();
  lines.line->say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  lines.line->stalled = true;
  int gone = 0;
  lines.responder->on_gone([&] { ++gone; });
  lines.responder->begin(200, {});
  lines.line->run();
  EXPECT_TRUE(lines.line->deadline);
  lines.line->on_deadline();
  lines.line->run();
  EXPECT_TRUE(lines.closed);
  EXPECT_EQ(gone, 1);
  EXPECT_FALSE(lines.responder->write("x"));
}

TEST(HttpConnection, OnlySoMuchIsReadAhead) {
  Lines lines;
  lines.start();
  const std::string request =
      concat("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n", std::string(50'000, 'b'));
  std::string many;
  for (int i = 0; i < 20; ++i) many += request;
  lines.line->say(many);
  size_t left = lines.line->incoming.size();
  EXPECT_GT(left, 17 * request.size());  // one in hand, and at most 64 + 16 KiB of the next
  for (int i = 0; i < 20; ++i) {
    ASSERT_NE(lines.responder, nullptr) << i;
    const auto responder = std::move(lines.responder);
    responder->respond(200, {}, "");
    lines.line->run();
    EXPECT_LE(lines.line->incoming.size(), left);
    left = lines.line->incoming.size();
  }
  EXPECT_EQ(left, 0U);
  EXPECT_FALSE(lines.closed);
}

TEST(HttpConnection, BytesThatArriveAreCountedOnlyWhileTheyArrive) {
  Lines lines;
  lines.start();
  lines.line->say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  EXPECT_EQ(lines.commons->receiving_bytes, 5);
  lines.line->say("67890");
  EXPECT_EQ(lines.commons->receiving_bytes, 0);
  lines.responder->respond(200, {}, "");
  lines.line->say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n123");
  EXPECT_EQ(lines.commons->receiving_bytes, 3);
  lines.line->end();
  EXPECT_EQ(lines.commons->receiving_bytes, 0);
  EXPECT_TRUE(lines.closed);
}

TEST(HttpConnection, StoppingSaysSo) {
  Lines lines;
  const auto connection = lines.start();
  lines.line->say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  lines.commons->stopping->store(true);
  connection->stop(false);
  lines.line->run();
  EXPECT_FALSE(lines.closed);
  lines.responder->respond(200, {}, "done");
  lines.line->run();
  EXPECT_THAT(lines.line->sent, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(lines.line->sent, EndsWith("done"));
  EXPECT_TRUE(lines.closed);
}

TEST(HttpExchange, UnsentBytesAreBounded) {
  int woken = 0;
  Exchange exchange({.max_unsent_bytes = 1000}, [&] { ++woken; });
  EXPECT_FALSE(exchange.write("before begin"));
  exchange.begin(200, {});
  std::string out;
  EXPECT_FALSE(exchange.take(out).finished);
  exchange.sent(out.size());
  EXPECT_TRUE(
      exchange.write(std::string(5000, 'x')));  // what the caller has in hand anyway, when nothing waits
  EXPECT_FALSE(exchange.write("y"));
  EXPECT_TRUE(exchange.gone());
  EXPECT_TRUE(exchange.take(out).cut);
  bool called = false;
  exchange.on_gone([&] { called = true; });
  EXPECT_FALSE(called);  // the connection says it
  exchange.release();
  EXPECT_TRUE(called);
  EXPECT_GE(woken, 2);

  Exchange slow({.max_unsent_bytes = 1000}, [] {});
  slow.begin(200, {});
  int pieces = 0;
  while (slow.write(std::string(90, 'x'))) ++pieces;
  EXPECT_GT(pieces, 5);
  EXPECT_LE(pieces, 11);
}

TEST(HttpExchange, HeadersOfTheTransportAreItsOwn) {
  Exchange exchange({}, [] {});
  exchange.respond(
      404, {{"content-length", "1"}, {"Transfer-Encoding", "chunked"}, {"date", "x"}, {"A", "b\tc\xc3\xa4"}},
      "four");
  std::string out;
  EXPECT_TRUE(exchange.take(out).finished);
  EXPECT_THAT(out, StartsWith("HTTP/1.1 404 Not Found\r\nDate: "));
  EXPECT_THAT(out, EndsWith(" GMT\r\nA: b\tc\xc3\xa4\r\nContent-Length: 4\r\n\r\nfour"));
  exchange.respond(200, {}, "again");
  out.clear();
  exchange.take(out);
  EXPECT_EQ(out, "");
}

TEST(HttpExchange, IllegalAnswersBecome500) {
  const std::string nul("a\0b", 3);
  for (const AnswerHeaders& headers :
       {AnswerHeaders{{"A", "b\r\nC: d"}}, AnswerHeaders{{"A", "b\n"}}, AnswerHeaders{{"A\r\nB", "c"}},
        AnswerHeaders{{"", "c"}}, AnswerHeaders{{"A b", "c"}}, AnswerHeaders{{"A", nul}},
        AnswerHeaders{{"A:", "c"}}}) {
    Exchange exchange({}, [] {});
    exchange.respond(200, headers, "secret");
    std::string out;
    EXPECT_TRUE(exchange.take(out).finished);
    EXPECT_THAT(out, StartsWith("HTTP/1.1 500 "));
    EXPECT_THAT(out, Not(HasSubstr("secret")));
  }
  for (const int status : {0, 99, 100, 600, -1}) {
    Exchange exchange({}, [] {});
    exchange.begin(status, {});
    std::string out;
    EXPECT_TRUE(exchange.take(out).finished);
    EXPECT_THAT(out, StartsWith("HTTP/1.1 500 ")) << status;
  }
}

TEST(Requests, Paths) {
  std::string out;
  EXPECT_TRUE(decode_path("/a%2Fb%c3%A4+", out));
  EXPECT_EQ(out, "/a/b\xc3\xa4+");
  for (const char* bad : {"/%", "/%2", "/%2x", "/%00", "/a%%"}) EXPECT_FALSE(decode_path(bad, out)) << bad;
}

}  // namespace
}  // namespace hearth::net
