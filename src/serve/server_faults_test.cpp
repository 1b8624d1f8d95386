// What the server does at the edges: too much asked for, models that cannot be loaded, clients that leave,
// the end; and that what happened is counted and charged once.
#include "serve/server_test_kit.h"

namespace hearth::serve {
namespace {

/// Lines of the log while it lives.
class LogLines {
 public:
  LogLines() {
    set_log_sink([this](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    });
  }
  ~LogLines() { set_log_sink({}); }
  std::string find(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) return line;
    }
    return "";
  }
  bool wait(std::string_view part) const {
    return net::eventually([&] { return !find(part).empty(); });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

std::string post(std::string_view path, std::string_view body, std::string_view headers = "") {
  return concat("POST ", path,
                " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n",
                headers, "\r\n", body);
}

std::string chat_of(std::string_view text, std::string_view more = "") {
  return concat(R"({"messages":[{"role":"user","content":")", text, "\"}]", more, "}");
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_F(ServerTest, MoreAnswersThanThereIsEverRoomForAreAMistake) {
  start();
  EXPECT_EQ(chat("x", R"(,"n":16)").status, 200);
  const Reply chats = chat("x", R"(,"n":17)");
  EXPECT_EQ(chats.status, 400);
  EXPECT_EQ(chats.json()["error"]["param"], "n");
  EXPECT_TRUE(holds(chats.body, "17 answers")) << chats.body;
  EXPECT_EQ(ask("POST", "/v1/completions", R"({"prompt":["a","b","c","d","e"],"n":4})").status, 400);
  const Reply prompts =
      ask("POST", "/v1/completions",
          R"({"prompt":[[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]]})");
  EXPECT_EQ(prompts.status, 400);
  EXPECT_EQ(prompts.json()["error"]["param"], "prompt");
}

TEST_F(ServerTest, ReadyWhenThePreloadedModelIsThere) {
  loads_.held = true;
  ServeOptions options;
  options.preload = "";
  start(options);
  const Reply loading = ask("GET", "/ready");
  EXPECT_EQ(loading.status, 503);
  EXPECT_EQ(loading.json()["status"], "loading");
  EXPECT_TRUE(holds(loading.head, "Retry-After"));
  loads_.held = false;
  EXPECT_TRUE(net::eventually([&] { return ask("GET", "/ready").status == 200; }));
}

TEST_F(ServerTest, ReadyAfterAllWhenThePreloadFailedAndALaterOneDidNot) {
  loads_.no_memory = true;
  ServeOptions options;
  options.preload = "one";
  start(options);
  EXPECT_EQ(chat("x").status, 503);
  EXPECT_EQ(ask("GET", "/ready").status, 503);
  loads_.no_memory = false;
  EXPECT_EQ(chat("x").status, 200);
  EXPECT_EQ(ask("GET", "/ready").status, 200);
}

TEST_F(ServerTest, TellsWhichMethodsThereAre) {
  start();
  const Reply wrong = ask("GET", "/v1/chat/completions");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_TRUE(holds(wrong.head, "\r\nAllow: POST\r\n")) << wrong.head;
  EXPECT_TRUE(holds(ask("DELETE", "/v1/models/one").head, "\r\nAllow: GET, HEAD\r\n"));
  EXPECT_EQ(ask("PATCH", "/nothing").status, 404);
}

TEST_F(ServerTest, PagesMaySendTheHeadersThatOpenAisClientsSend) {
  ServeOptions options;
  options.cors_origins = {"https://good.example"};
  start(options);
  const auto preflight = [&](const std::string& wanted) {
    return ask("OPTIONS", "/v1/chat/completions", "",
               concat("Origin: https://good.example\r\nAccess-Control-Request-Method: POST\r\n",
                      "Access-Control-Request-Headers: ", wanted, "\r\n"))
        .head;
  };
  EXPECT_TRUE(holds(preflight("authorization,content-type,x-stainless-arch, x-stainless-retry-count"),
                    "Access-Control-Allow-Headers: Authorization, Content-Type, authorization, content-type, "
                    "x-stainless-arch, x-stainless-retry-count\r\n"));
  EXPECT_TRUE(holds(preflight("x-a,*,x b,\"q\",,x-c"), "Content-Type, x-a, x-c\r\n"));
}

TEST_F(ServerTest, APromptIsChargedOnceHoweverManyAnswersItGets) {
  const LogLines log;
  ServeOptions options;
  options.keys = {{"kiosk", hash_key("k"), 0, 20}};
  start(options);
  const auto with_key = [&](std::string_view body) {
    return ask("POST", "/v1/chat/completions", std::string(body), "Authorization: Bearer k\r\n").status;
  };
  EXPECT_EQ(with_key(chat_of("x", R"(,"n":8)")), 200);  // 3 + 8 * 2 of 20
  EXPECT_TRUE(log.wait("prompt=3 cached=0 generated=16")) << log.find("generated");
  EXPECT_EQ(with_key(chat_of("x")), 200);
  EXPECT_EQ(with_key(chat_of("x")), 429);
}

TEST_F(ServerTest, WhatAClientThatLeftHasUsedIsCharged) {
  const LogLines log;
  ServeOptions options;
  options.keys = {{"kiosk", hash_key("k"), 0, 4}};
  start(options);
  {
    net::TestPeer peer(server_->port());
    ASSERT_TRUE(peer.send(post("/v1/chat/completions", chat_of("hold", R"(,"stream":true,"n":2)"),
                               "Authorization: Bearer k\r\n")));
    EXPECT_TRUE(holds(peer.read_until("word"), "200 OK"));
  }
  EXPECT_TRUE(log.wait("prompt=3 cached=0 generated=2 cancelled")) << log.find("POST");
  EXPECT_EQ(ask("POST", "/v1/chat/completions", chat_of("x"), "Authorization: Bearer k\r\n").status, 429);
}

TEST_F(ServerTest, EveryTextOfAClientThatLeftIsCharged) {
  const LogLines log;
  start();
  {
    net::TestPeer peer(server_->port());
    ASSERT_TRUE(
        peer.send(post("/v1/embeddings", io::dump_json({{"input", std::vector<std::string>(100, "x")}}))));
    ASSERT_TRUE(net::eventually(
        [&] { return holds(ask("GET", "/metrics").body, "hearth_answers_total{model_name=\"one\"} 16\n"); }));
  }
  EXPECT_TRUE(log.wait("prompt=48 cached=0 generated=0 cancelled")) << log.find("POST");
}

TEST_F(ServerTest, PromptsAreLoggedWhereThatIsAskedForAndOnOneLine) {
  const LogLines log;
  ServeOptions options;
  start(options);
  EXPECT_EQ(chat("secret").status, 200);
  EXPECT_TRUE(log.wait("generated=2"));
  EXPECT_EQ(log.find("secret"), "");
  options.log_prompts = true;
  EXPECT_TRUE(server_->change(options));
  EXPECT_EQ(chat("a\\nb\xC3\xA9\xC2\x9B\x7F").status, 200);
  EXPECT_TRUE(log.wait("\\\"content\\\":\\\"a\\\\nb\xC3\xA9??\\\"")) << log.find("request=");
  EXPECT_EQ(ask("POST", "/v1/chat/completions", "\n\x1b[31m]").status, 400);
  EXPECT_TRUE(log.wait("request=\"\\n\\u001b[31m]\"")) << log.find("400");
  EXPECT_EQ(chat(concat("end", std::string(3000, 'y'))).status, 200);
  EXPECT_TRUE(log.wait("yyy\"...")) << log.find("end");
  EXPECT_LT(log.find("endyyy").size(), 2300U);
}

TEST_F(ServerTest, ARequestThatRunsOutOfMemoryIsOverAndLogged) {
  const LogLines log;
  start();
  EXPECT_EQ(chat("throw").status, 500);
  EXPECT_TRUE(log.wait("POST /v1/chat/completions 500")) << log.find("POST");
  EXPECT_EQ(chat("x").status, 200);
}

TEST_F(ServerTest, PrioritiesReachTheModelAndKeysHaveACeiling) {
  start();
  const auto sent = [&](const std::string& path, const std::string& body, const std::string& headers = "") {
    Echo::last_priority = 1000;
    EXPECT_EQ(ask("POST", path, body, headers).status, 200) << body;
    return Echo::last_priority.load();
  };
  const std::string chat_path = "/v1/chat/completions";
  EXPECT_EQ(sent(chat_path, chat_of("x")), 0);
  EXPECT_EQ(sent(chat_path, chat_of("x", R"(,"priority":-7)")), 7);  // less comes first, as vLLM has it
  EXPECT_EQ(sent(chat_path, chat_of("x", R"(,"priority":100)")), -100);
  EXPECT_EQ(sent("/v1/responses", R"({"input":"x","priority":3})"), -3);
  EXPECT_EQ(sent("/api/chat", R"({"model":"one","messages":[{"role":"user","content":"x"}],"priority":-3})"),
            3);
  EXPECT_EQ(chat("x", R"(,"priority":101)").status, 400);
  EXPECT_EQ(chat("x", R"(,"priority":-101)").status, 400);
  EXPECT_EQ(chat("x", R"(,"priority":"high")").json()["error"]["param"], "priority");

  ServeOptions changed;
  changed.keys = {{"plain", hash_key("p"), 0, 0},
                  {"urgent", hash_key("u"), 0, 0, -50},
                  {"batch", hash_key("b"), 0, 0, 20}};
  EXPECT_TRUE(server_->change(changed));
  const auto with = [&](const char* key, std::string_view more) {
    return sent(chat_path, chat_of("x", more), concat("Authorization: Bearer ", key, "\r\n"));
  };
  EXPECT_EQ(with("p", R"(,"priority":-7)"), 0);
  EXPECT_EQ(with("p", R"(,"priority":7)"), -7);
  EXPECT_EQ(with("u", R"(,"priority":-7)"), 7);
  EXPECT_EQ(with("u", R"(,"priority":-70)"), 50);
  EXPECT_EQ(with("u", ""), 0);
  EXPECT_EQ(with("b", ""), -20);
}

TEST_F(ServerTest, CountsNeverFall) {
  start();
  const auto count = [&](const std::string& model) {
    const std::string text = ask("GET", "/metrics").body;
    const std::string name = concat("\nhearth_answers_total{model_name=\"", model, "\"} ");
    const size_t at = text.find(name);
    return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + name.size());
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(chat("x").status, 200);
  EXPECT_EQ(count("one"), 3);
  EXPECT_EQ(ask("POST", "/api/generate", R"({"model":"one","keep_alive":0})").status, 200);
  EXPECT_TRUE(net::eventually([&] {
    EXPECT_EQ(count("one"), 3);
    return ask("GET", "/api/ps").json()["models"].empty();
  }));
  EXPECT_EQ(count("one"), 3);
  EXPECT_EQ(chat("x").status, 200);
  EXPECT_EQ(loads_.count, 2);
  EXPECT_EQ(count("one"), 4);
}

TEST_F(ServerTest, OnlyARefusalForMemoryUnloadsOthers) {
  start();
  EXPECT_EQ(chat("x").status, 200);
  loads_.too_large = true;
  const Reply broken = chat("x", R"(,"model":"large")");
  EXPECT_EQ(broken.status, 500);
  EXPECT_TRUE(holds(broken.body, "a million tensors"));
  EXPECT_EQ(loads_.count, 2);
  EXPECT_EQ(chat("x").status, 200);
  EXPECT_EQ(loads_.count, 2);  // "one" has stayed
  loads_.too_large = false;
  loads_.no_memory = true;
  EXPECT_EQ(chat("x", R"(,"model":"large")").status, 503);
  EXPECT_EQ(loads_.count, 4);  // asked again once "one" had gone
  loads_.no_memory = false;
  EXPECT_EQ(chat("x").status, 200);
  EXPECT_EQ(loads_.count, 5);
}

TEST_F(ServerTest, AnExceptionWhileLoadingIsToldAndTheNextRequestServed) {
  start();
  loads_.throws = true;
  const Reply failed = chat("x");
  EXPECT_EQ(failed.status, 500);
  EXPECT_TRUE(holds(failed.body, "no thread"));
  loads_.throws = false;
  EXPECT_EQ(chat("x").status, 200);
}

TEST_F(ServerTest, StreamsEndProperlyWhenTheServerStops) {
  start();
  const std::string stream = R"(,"stream":true)";
  const std::string ollama = R"({"model":"one","messages":[{"role":"user","content":"hold"}]})";
  struct Case {
    std::string request, begun, end;
  };
  const Case cases[] = {
      {post("/v1/chat/completions", chat_of("hold", stream)), "word",
       "\"error\":{\"message\":\"the server is shutting down\""},
      {post("/v1/responses", R"({"input":"hold","stream":true})"), "word", "event: response.failed"},
      {post("/api/chat", ollama), "word", "{\"error\":\"the server is shutting down\"}"},
      {post("/v1/chat/completions", chat_of("hold")), "", "503"},
  };
  std::vector<std::unique_ptr<net::TestPeer>> peers;
  for (const Case& one : cases) {
    peers.push_back(std::make_unique<net::TestPeer>(server_->port()));
    ASSERT_TRUE(peers.back()->send(one.request));
    if (one.begun.empty()) continue;
    EXPECT_TRUE(holds(peers.back()->read_until(one.begun), one.begun));
  }
  ASSERT_TRUE(net::eventually(
      [&] { return holds(ask("GET", "/metrics").body, "hearth_answers_total{model_name=\"one\"} 4"); }));
  std::thread stopping([&] { server_->stop(0.2); });
  for (size_t i = 0; i < peers.size(); ++i) {
    const std::string rest = peers[i]->read_until("no such mark");
    EXPECT_TRUE(holds(rest, cases[i].end)) << cases[i].end << " in " << rest;
    const bool stream_ended = rest.ends_with("0\r\n\r\n");  // the connection was not cut
    EXPECT_TRUE(i < 3 ? stream_ended : holds(rest, "Retry-After")) << rest;
  }
  stopping.join();
}

TEST_F(ServerTest, WhoWaitsForAModelWhenTheServerStopsIsToldToComeBack) {
  loads_.held = true;
  start();
  net::TestPeer first(server_->port()), second(server_->port()), idle(server_->port());
  ASSERT_TRUE(first.send(post("/v1/chat/completions", chat_of("x", R"(,"model":"one")"))));
  ASSERT_TRUE(second.send(post("/v1/chat/completions", chat_of("x", R"(,"model":"two")"))));
  const std::string late_request = post("/v1/chat/completions", chat_of("x"));
  ASSERT_TRUE(idle.send(late_request.substr(0, late_request.size() - 5)));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // until both wait
  std::thread stopping([&] { server_->stop(0.3); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(idle.send(late_request.substr(late_request.size() - 5)));  // all there when it is stopping
  const std::string late = idle.read_until("no such mark");
  EXPECT_TRUE(holds(late, "HTTP/1.1 503")) << late;
  EXPECT_TRUE(holds(late, "Retry-After")) << late;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  loads_.held = false;
  for (net::TestPeer* peer : {&first, &second}) {
    const std::string answer = peer->read_until("no such mark");
    EXPECT_TRUE(holds(answer, "HTTP/1.1 503")) << answer;
    EXPECT_TRUE(holds(answer, "Retry-After")) << answer;
    EXPECT_TRUE(holds(answer, "shutting down")) << answer;
  }
  stopping.join();
}

}  // namespace
}  // namespace hearth::serve
