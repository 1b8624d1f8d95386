// The server around models that are scripted: routes, keys, origins, loading on first use, giving up, and
// what clients are told when something fails.
#include "serve/server.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "serve/server_test_kit.h"

namespace hearth::serve {
namespace {

TEST_F(ServerTest, AnswersInTheShapeOfItsProtocol) {
  start();
  const Reply whole = chat("hello");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.json()["choices"][0]["message"]["content"], "hello");
  EXPECT_EQ(whole.json()["usage"]["total_tokens"], 5);
  EXPECT_EQ(whole.json()["model"], "one");
  const Reply stream = chat("hello", R"(,"stream":true,"model":"two")");
  EXPECT_NE(stream.head.find("text/event-stream"), std::string::npos);
  EXPECT_NE(stream.body.find("data: [DONE]"), std::string::npos);
  const Reply ollama = ask("POST", "/api/chat",
                           R"({"model":"two","messages":[{"role":"user","content":"x"}],"stream":false})");
  EXPECT_EQ(ollama.json()["message"]["content"], "x");
}

TEST_F(ServerTest, SaysWhatIsWrong) {
  start();
  EXPECT_EQ(ask("GET", "/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/v1/chat/completions").status, 405);
  EXPECT_EQ(ask("POST", "/v1/chat/completions", "{").status, 400);
  EXPECT_EQ(ask("POST", "/v1/chat/completions", R"({"messages":[]})").status, 400);
  const Reply unknown = chat("x", R"(,"model":"none")");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.json()["error"]["code"], "model_not_found");
  const Reply busy = chat("busy");
  EXPECT_EQ(busy.status, 429);
  EXPECT_NE(busy.head.find("Retry-After"), std::string::npos);
  EXPECT_EQ(chat("fail").status, 500);
  EXPECT_EQ(chat("x", R"(,"response_format":{"type":"json_object"})").status,
            400);  // this model has no grammars
  EXPECT_EQ(ask("POST", "/api/chat", "{").json()["error"].is_string(), true);
}

TEST_F(ServerTest, LoadsOnFirstUseOnce) {
  start();
  EXPECT_EQ(loads_.count, 0);
  std::vector<std::thread> clients;
  std::atomic<int> answered{0};
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] { answered += chat("x").status == 200; });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 6);
  EXPECT_EQ(loads_.count, 1);
}

TEST_F(ServerTest, GivesUpTheLongestUnusedModelForAnother) {
  ServeOptions options;
  options.models.max_models = 2;
  start(options);
  for (const char* model : {"one", "two", "one", "large", "one"})
    EXPECT_EQ(chat("x", concat(R"(,"model":")", model, "\"")).status, 200);
  EXPECT_EQ(loads_.count, 3);  // "two" went, "one" stayed
  EXPECT_EQ(chat("x", R"(,"model":"two")").status, 200);
  EXPECT_EQ(loads_.count, 4);
}

TEST_F(ServerTest, ModelsStayWithinTheirMemoryAndNobodyGoesForOneThatNeverFits) {
  const auto status = [&](const char* model) {
    return chat("x", concat(R"(,"model":")", model, "\"")).status;
  };
  ServeOptions options;
  options.models.memory_bytes = 25;
  start(options);
  EXPECT_EQ(status("one"), 200);
  EXPECT_EQ(status("two"), 200);
  EXPECT_EQ(status("large"), 503);
  EXPECT_EQ(ask("GET", "/api/ps").json()["models"].size(), 2U);
  EXPECT_EQ(loads_.count, 2);
  options.models.memory_bytes = 105;
  EXPECT_TRUE(server_->change(options));
  EXPECT_EQ(status("large"), 200);  // both others go
  EXPECT_EQ(ask("GET", "/api/ps").json()["models"].size(), 1U);
  EXPECT_EQ(status("one"), 200);
  EXPECT_EQ(ask("GET", "/api/ps").json()["models"].size(), 1U);
}

TEST_F(ServerTest, UnloadsWhatNobodyUses) {
  ServeOptions options;
  options.models.keep_alive_s = 0;
  start(options);
  EXPECT_EQ(chat("x").status, 200);
  EXPECT_TRUE(net::eventually([&] { return ask("GET", "/api/ps").json()["models"].empty(); }));
  EXPECT_EQ(chat("x").status, 200);
  EXPECT_EQ(loads_.count, 2);
}

TEST_F(ServerTest, ARefusalForMemoryIsToldAndTriedAgain) {
  start();
  loads_.no_memory = true;
  const Reply refused = chat("x");
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("memory"), std::string::npos);
  loads_.no_memory = false;
  EXPECT_EQ(chat("x").status, 200);
}

TEST_F(ServerTest, NeedsAKeyBeyondThisMachine) {
  ServeOptions options;
  options.http.host = "0.0.0.0";
  options.http.port = 0;
  const auto refused = Server::start(options, std::make_unique<Scripted>(loads_));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
  EXPECT_NE(refused.error().message.find("--insecure"), std::string::npos);
  options.insecure = true;
  EXPECT_TRUE(Server::start(options, std::make_unique<Scripted>(loads_)).ok());
}

TEST_F(ServerTest, KeysAreAskedForAndLimitsHeld) {
  ServeOptions options;
  options.keys = {{"kiosk", hash_key("k"), 2, 0}};
  start(options);
  EXPECT_EQ(chat("x").status, 401);
  EXPECT_EQ(ask("GET", "/health").status, 200);
  EXPECT_EQ(ask("GET", "/v1/models").status, 401);
  const auto with_key = [&] {
    return ask("POST", "/v1/chat/completions", R"({"messages":[{"role":"user","content":"x"}]})",
               "Authorization: Bearer k\r\n");
  };
  EXPECT_EQ(with_key().status, 200);
  EXPECT_EQ(with_key().status, 200);
  const Reply limited = with_key();
  EXPECT_EQ(limited.status, 429);
  EXPECT_NE(limited.head.find("Retry-After"), std::string::npos);
  options.keys = {{"kiosk", hash_key("new"), 0, 0}};
  EXPECT_TRUE(server_->change(options));
  EXPECT_EQ(with_key().status, 401);
}

TEST_F(ServerTest, PagesOfOtherSitesAreRefusedUnlessListed) {
  ServeOptions options;
  options.cors_origins = {"https://good.example"};
  start(options);
  EXPECT_EQ(ask("GET", "/v1/models", "", "Origin: https://evil.example\r\n").status, 403);
  EXPECT_EQ(ask("GET", "/v1/models", "", "Origin: http://localhost\r\n").status, 200);  // its own page
  const Reply good = ask("GET", "/v1/models", "", "Origin: https://good.example\r\n");
  EXPECT_EQ(good.status, 200);
  EXPECT_NE(good.head.find("Access-Control-Allow-Origin: https://good.example"), std::string::npos);
  const Reply preflight = ask("OPTIONS", "/v1/chat/completions", "",
                              "Origin: https://good.example\r\nAccess-Control-Request-Method: POST\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_NE(preflight.head.find("Access-Control-Allow-Methods"), std::string::npos);
  EXPECT_EQ(ask("OPTIONS", "/v1/models", "", "Origin: https://evil.example\r\n").status, 403);
}

TEST_F(ServerTest, WhatMayChangeChangesWhileItRuns) {
  ServeOptions options;
  options.cors_origins = {"https://old.example"};
  start(options);
  EXPECT_EQ(chat("x").status, 200);
  options.cors_origins = {"https://new.example"};
  options.models.keep_alive_s = 0;
  EXPECT_TRUE(server_->change(options));
  EXPECT_EQ(ask("GET", "/v1/models", "", "Origin: https://old.example\r\n").status, 403);
  EXPECT_EQ(ask("GET", "/v1/models", "", "Origin: https://new.example\r\n").status, 200);
  EXPECT_TRUE(net::eventually([&] { return ask("GET", "/api/ps").json()["models"].empty(); }));
}

TEST_F(ServerTest, NamesThatWereMadeToLeadHereAreRefused) {
  start();
  for (const char* name : {"localhost", "localhost:8080", "127.0.0.1", "127.3.2.1:80", "[::1]:8080"}) {
    host_ = name;
    EXPECT_EQ(ask("GET", "/v1/models").status, 200) << name;
  }
  for (const char* name : {"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::2]"}) {
    host_ = name;
    EXPECT_EQ(ask("GET", "/v1/models", "", concat("Origin: http://", name, "\r\n")).status, 403) << name;
    EXPECT_EQ(ask("POST", "/v1/chat/completions", "{}").status, 403) << name;
  }
}

TEST_F(ServerTest, OllamaLoadsAndUnloadsWithoutAQuestion) {
  start();
  const Reply loaded = ask("POST", "/api/generate", R"({"model":"two"})");
  EXPECT_EQ(loaded.json()["done_reason"], "load");
  EXPECT_GT(loaded.json()["created_at"].get<std::string>(), "2026");
  EXPECT_EQ(loads_.count, 1);
  EXPECT_EQ(ask("POST", "/api/generate", R"({"model":"two","keep_alive":0})").json()["done_reason"],
            "unload");
  EXPECT_TRUE(net::eventually([&] { return ask("GET", "/api/ps").json()["models"].empty(); }));
}

TEST_F(ServerTest, KeepAliveZeroStillAnswers) {
  start();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(chat("x", R"(,"model":"two","keep_alive":0)").status, 200);
  const std::string body =
      R"({"model":"two","messages":[{"role":"user","content":"x"}],"stream":false,"keep_alive":0})";
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask("POST", "/api/chat", body).status, 200);
}

TEST_F(ServerTest, ClientsCannotForgeLinesOfTheLog) {
  std::mutex mutex;
  std::string log;
  set_log_sink([&](LogLevel, std::string_view line) {
    const std::lock_guard lock(mutex);
    log += concat(line, "\n");
  });
  start();
  EXPECT_EQ(ask("GET", "/a%0Aforged%1B[31m").status, 404);
  EXPECT_TRUE(net::eventually([&] {
    const std::lock_guard lock(mutex);
    return log.find("/a?forged?[31m") != std::string::npos;
  }));
  set_log_sink({});
  EXPECT_EQ(log.find("\nforged"), std::string::npos);
  EXPECT_EQ(log.find('\x1b'), std::string::npos);
}

TEST_F(ServerTest, MetricsHaveTheNamesThatDashboardsAskFor) {
  start();
  EXPECT_EQ(chat("x").status, 200);
  const std::string text = ask("GET", "/metrics").body;
  for (const char* name : {"hearth_answers_running{model_name=\"one\"} 0", "vllm:num_requests_waiting{",
                           "llamacpp:n_decode_total{",
                           "hearth_time_to_first_token_seconds_bucket{model_name=\"one\",le=\"+Inf\"} 0",
                           "hearth_http_requests_total 2"}) {
    EXPECT_NE(text.find(name), std::string::npos) << name;
  }
}

TEST_F(ServerTest, PlumbingForPeopleWhoDebugModels) {
  start();
  EXPECT_EQ(ask("POST", "/tokenize", R"({"content":"ab"})").json()["tokens"], io::Json({97, 98}));
  EXPECT_EQ(ask("POST", "/tokenize", R"({})").status, 400);
  const std::string prompt =
      ask("POST", "/apply-template", R"({"messages":[{"role":"user","content":"x"}]})").json()["prompt"];
  EXPECT_TRUE(prompt.starts_with('<'));
  EXPECT_EQ(ask("GET", "/ready").status, 200);
}

}  // namespace
}  // namespace hearth::serve
