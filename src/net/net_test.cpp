// URLs, header grammar, hub listings, and the client against a scripted server that misbehaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/hub.h"
#include "net/test_server.h"

namespace hearth::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

HttpOptions quick_options() {
  HttpOptions options;
  options.backoff_first_s = 0.01;
  options.max_attempts = 3;
  options.stall_timeout_s = 1;
  return options;
}

TEST(Url, OriginsAndRefusals) {
  EXPECT_EQ(parse_url("https://Hub.Example/a/b.gguf?x=1")->origin, "https://hub.example:443");
  EXPECT_EQ(parse_url("http://h:8080/")->origin, "http://h:8080");
  for (const char* bad :
       {"", "hub", "ftp://h/x", "file:///etc/passwd", "http://", "http://h/a b", "http://h/\n"}) {
    const Result<Url> url = parse_url(bad);
    ASSERT_FALSE(url.ok()) << bad;
    EXPECT_EQ(url.error().code, ErrorCode::kUsage);
  }
}

TEST(Url, Redirects) {
  const Url base = parse_url("https://hub.example/a/b?q").value();
  EXPECT_EQ(resolve_redirect(base, "/c")->text, "https://hub.example/c");
  EXPECT_EQ(resolve_redirect(base, "d")->text, "https://hub.example/a/d");
  EXPECT_EQ(resolve_redirect(base, "//cdn.example/x")->origin, "https://cdn.example:443");
  for (const char* bad : {"http://hub.example/c", "file:///etc/passwd", "gopher://h/", "https://"}) {
    EXPECT_FALSE(resolve_redirect(base, bad).ok()) << bad;
  }
}

TEST(Url, PrintedWithoutSecrets) {
  EXPECT_EQ(printable_url("https://me:secret@h.example/f.gguf?Signature=s#f"), "https://h.example/f.gguf");
  EXPECT_EQ(printable_url("http://h/\x1b[31m"), "http://h/?[31m");
}

TEST(Url, FileNames) {
  EXPECT_EQ(file_name_of(parse_url("http://h/a/b%20c.gguf?x").value()), "b c.gguf");
  EXPECT_EQ(file_name_of(parse_url("http://h/a/..%2Fb.gguf").value()), "");
  EXPECT_EQ(file_name_of(parse_url("http://h/a/").value()), "");
  EXPECT_EQ(encode_path("a b/\xc3\xa4#?"), "a%20b/%C3%A4%23%3F");
}

TEST(Headers, ContentRange) {
  const auto range = parse_content_range("bytes 5-9/100");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->first, 5u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->total, 100u);
  EXPECT_TRUE(parse_content_range("bytes */0")->unsatisfied);
  EXPECT_FALSE(parse_content_range("bytes 5-9/*")->total.has_value());
  for (const char* bad : {"", "bytes", "bytes 9-5/100", "bytes 5-100/100", "bytes 5-9/", "bytes -9/100",
                          "items 0-1/2", "bytes 5-9/99999999999999999999", "bytes 5 -9/100"}) {
    EXPECT_FALSE(parse_content_range(bad).has_value()) << bad;
  }
}

TEST(Headers, RetryAfterAndTags) {
  EXPECT_EQ(parse_retry_after("7", 0), 7.0);
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40), 60.0);
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 400), 0.0);
  EXPECT_FALSE(parse_retry_after("soon", 0).has_value());
  EXPECT_EQ(sha256_from_etag(concat("\"", std::string(64, 'A'), "\"")), std::string(64, 'a'));
  EXPECT_EQ(sha256_from_etag(concat("W/\"", std::string(64, '1'), "\"")), std::string(64, '1'));
  EXPECT_EQ(sha256_from_etag(concat("\"", std::string(40, 'a'), "\"")), "");
  EXPECT_TRUE(is_weak_etag("W/\"1\""));
  EXPECT_FALSE(is_weak_etag("\"W/1\""));
  EXPECT_EQ(sha256_from_etag(std::string(63, 'a') + "g"), "");
}

TEST(Hub, Listings) {
  const std::string sha(64, 'c');
  const Result<HubRepo> repo =
      parse_hub_model(R"({"id":"o/r","sha":")" + std::string(40, 'b') +
                      R"(","siblings":[{"rfilename":"m.gguf","size":9,"lfs":{"sha256":")" + sha +
                      R"(","size":10}},{"rfilename":"config.json","size":2}]})");
  ASSERT_TRUE(repo.ok()) << repo.error().message;
  EXPECT_EQ(repo->revision, std::string(40, 'b'));
  ASSERT_EQ(repo->files.size(), 2u);
  EXPECT_EQ(repo->files[0].size, 10u);
  EXPECT_EQ(repo->files[0].sha256, sha);
  EXPECT_EQ(repo->files[1].sha256, "");
  const Result<std::vector<HubFile>> tree = parse_hub_tree(
      R"([{"type":"directory","path":"d"},{"type":"file","path":"d/m.gguf","size":3,"lfs":{"oid":")" + sha +
      "\"}}]");
  ASSERT_TRUE(tree.ok()) << tree.error().message;
  ASSERT_EQ(tree->size(), 1u);
  EXPECT_EQ((*tree)[0].sha256, sha);
  for (const char* bad :
       {"", "<html>", "[]", "{}", R"({"siblings":3})", R"({"siblings":[3]})", R"({"siblings":[{}]})"}) {
    EXPECT_FALSE(parse_hub_model(bad).ok()) << bad;
  }
  EXPECT_EQ(parse_hub_model(R"({"siblings":[{"rfilename":"a","size":-1,"lfs":"x"}]})")->files[0].size,
            std::nullopt);
}

TEST(Client, TextLimitsAndStatus) {
  TestServer server([](const std::string& request) -> TestServer::Answer {
    if (request.starts_with("GET /big")) return {http_answer("200 OK", std::string(1000, 'x'))};
    if (request.starts_with("GET /gone")) return {http_answer("404 Not Found", "no")};
    return {http_answer("200 OK\r\nX-A: 1", "hello")};
  });
  const HttpOptions options = quick_options();
  HttpClient client(options);
  const Result<HttpText> text = client.text({.url = server.url("/")}, 100);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text->body, "hello");
  EXPECT_EQ(text->response.headers.find("x-a"), "1");
  EXPECT_EQ(client.text({.url = server.url("/big")}, 100).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(client.text({.url = server.url("/gone")}, 100)->response.status, 404);
  EXPECT_THAT(
      http_status_error(client.text({.url = server.url("/gone")}, 100)->response, "it", false).message,
      HasSubstr("HTTP 404"));
}

TEST(Client, RetriesWhatMayPass) {
  std::atomic<int> count{0};
  TestServer server([&count](const std::string&) -> TestServer::Answer {
    const int n = count++;
    if (n == 0) return {http_answer("429 Too Many Requests\r\nRetry-After: 0", "")};
    if (n == 1) return {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"};  // cut
    return {http_answer("200 OK", "whole")};
  });
  const HttpOptions options = quick_options();
  HttpClient client(options);
  const Result<HttpText> text = client.text({.url = server.url("/")}, 100);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text->body, "whole");
  EXPECT_EQ(count.load(), 3);
}

TEST(Client, RetryAfterIsBounded) {
  TestServer server([](const std::string&) -> TestServer::Answer {
    return {http_answer("429 Too Many Requests\r\nRetry-After: 86400", "")};
  });
  const HttpOptions options = quick_options();
  HttpClient client(options);
  const double start_s = now_s();
  EXPECT_EQ(client.text({.url = server.url("/")}, 100)->response.status, 429);
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_LT(now_s() - start_s, 5.0);
}

TEST(Client, TokenStaysAtHome) {
  TestServer cdn([](const std::string&) -> TestServer::Answer { return {http_answer("200 OK", "data")}; });
  TestServer hub([&cdn](const std::string& request) -> TestServer::Answer {
    if (request.starts_with("GET /moved ")) return {http_answer("301 Moved\r\nLocation: /away", "")};
    return {http_answer("302 Found\r\nX-Linked-ETag: tag\r\nLocation: " + cdn.url("/x?sig=1"),
                        "body of the 302")};
  });
  const HttpOptions options = quick_options();
  HttpClient client(options);
  const Result<HttpText> text = client.text({.url = hub.url("/moved"), .bearer_token = "hf_secret"}, 100);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text->body, "data");
  ASSERT_EQ(hub.requests().size(), 2u);
  for (const std::string& request : hub.requests())
    EXPECT_THAT(request, HasSubstr("Authorization: Bearer hf_secret"));
  ASSERT_EQ(cdn.requests().size(), 1u);
  EXPECT_THAT(cdn.requests()[0], Not(HasSubstr("hf_secret")));
}

TEST(Client, TokenDoesNotComeBackAfterADetour) {
  std::string hub_url;
  TestServer cdn([&hub_url](const std::string&) -> TestServer::Answer {
    return {http_answer("302 Found\r\nLocation: " + hub_url, "")};
  });
  TestServer hub([&cdn](const std::string& request) -> TestServer::Answer {
    if (request.starts_with("GET /back ")) return {http_answer("200 OK", "data")};
    return {http_answer("302 Found\r\nLocation: " + cdn.url("/x"), "")};
  });
  hub_url = hub.url("/back");
  const HttpOptions options = quick_options();
  HttpClient client(options);
  ASSERT_TRUE(client.text({.url = hub.url("/start"), .bearer_token = "hf_secret"}, 100).ok());
  ASSERT_EQ(hub.requests().size(), 2u);
  EXPECT_THAT(hub.requests()[1], Not(HasSubstr("hf_secret")));
}

TEST(Client, RedirectLoopEnds) {
  TestServer server([](const std::string&) -> TestServer::Answer {
    return {http_answer("302 Found\r\nLocation: /again", "")};
  });
  const HttpOptions options = quick_options();
  HttpClient client(options);
  const Result<HttpText> text = client.text({.url = server.url("/")}, 100);
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(text.error().message, HasSubstr("redirected more than 8 times"));
  EXPECT_EQ(server.requests().size(), 9u);
}

TEST(Client, EndlessHeadersAreRefused) {
  TestServer server([](const std::string&) -> TestServer::Answer {
    std::string flood = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 20000; ++i) flood += "X-Header-" + std::to_string(i) + ": some value\r\n";
    return {flood + "\r\n"};
  });
  const HttpOptions options = quick_options();
  HttpClient client(options);
  EXPECT_THAT(client.text({.url = server.url("/")}, 100).error().message, HasSubstr("headers"));
}

TEST(Client, StallEndsInTime) {
  TestServer server([](const std::string&) -> TestServer::Answer {
    return {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", /*hold=*/true};
  });
  HttpOptions options = quick_options();
  options.max_attempts = 1;
  HttpClient client(options);
  const double start_s = now_s();
  EXPECT_EQ(client.text({.url = server.url("/")}, 100).error().code, ErrorCode::kNetwork);
  EXPECT_LT(now_s() - start_s, 10.0);
}

TEST(Client, CancelEndsAHeldConnection) {
  TestServer server([](const std::string&) -> TestServer::Answer { return {"HTTP/1.1 200 OK\r\n", true}; });
  std::atomic<bool> cancel{false};
  HttpOptions options = quick_options();
  options.stall_timeout_s = 60;
  options.cancel = &cancel;
  std::thread canceller([&cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancel = true;
  });
  HttpClient client(options);
  const double start_s = now_s();
  EXPECT_EQ(client.text({.url = server.url("/")}, 100).error().code, ErrorCode::kCancelled);
  EXPECT_LT(now_s() - start_s, 10.0);
  canceller.join();
}

TEST(Client, UnframedBodiesAreMarked) {
  TestServer server([](const std::string& request) -> TestServer::Answer {
    if (request.starts_with("GET /chunked")) {
      return {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n0\r\n\r\n"};
    }
    return {"HTTP/1.0 200 OK\r\n\r\ndata"};
  });
  const HttpOptions options = quick_options();
  HttpClient client(options);
  EXPECT_FALSE(client.text({.url = server.url("/")}, 100)->response.framed);
  EXPECT_TRUE(client.text({.url = server.url("/chunked")}, 100)->response.framed);
}

TEST(Backoff, GrowsWithJitterAndEnds) {
  HttpOptions options;
  options.backoff_first_s = 1;
  options.backoff_max_s = 4;
  options.max_attempts = 5;
  Backoff backoff(options);
  for (const double nominal_s : {1.0, 2.0, 4.0, 4.0}) {
    const std::optional<double> delay_s = backoff.next_s(std::nullopt);
    ASSERT_TRUE(delay_s.has_value());
    EXPECT_GE(*delay_s, nominal_s / 2);
    EXPECT_LE(*delay_s, nominal_s);
  }
  EXPECT_FALSE(backoff.next_s(std::nullopt).has_value());
}

}  // namespace
}  // namespace hearth::net
