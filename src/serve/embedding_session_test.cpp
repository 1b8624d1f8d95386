// Embeddings over HTTP from a real model: many texts in order however small the queue is, every form of input
// and answer, each protocol's errors, keys charged, and clients that go away.
#include "serve/embedding_session.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "io/json.h"
#include "model/model.h"
#include "net/server_test_kit.h"
#include "net/test_peer.h"
#include "serve/server.h"

namespace hearth::serve {
namespace {

constexpr int64_t kContext = 64;

/// "device" is the specialist's file as any other model, "specialist" the one that makes no embeddings.
class Models : public ModelSource {
 public:
  explicit Models(engine::SchedulerOptions options) : options_(options) {}
  std::vector<wire::ModelInfo> list() override {
    std::vector<wire::ModelInfo> out(2);
    out[0].id = "device", out[1].id = "specialist";
    return out;
  }
  Result<std::string> resolve(const std::string& name) override {
    if (name.empty()) return std::string("device");
    if (name == "device" || name == "specialist") return name;
    return fail(ErrorCode::kNotFound, "the model '", name, "' does not exist");
  }
  Result<int64_t> least_memory(const std::string&) override { return 0; }
  Result<std::unique_ptr<HostedModel>> load(const std::string& name, int64_t) override {
    wire::ModelInfo info;
    info.id = name;
    engine::LoadOptions options;
    options.threads = 1;
    if (name == "specialist") {
      HEARTH_ASSIGN(auto specialist, engine::Specialist::create("", "", options));
      return host_specialist(std::move(specialist), 4, info);
    }
    options.context_tokens = kContext;
    options.max_sequences = 4;
    HEARTH_ASSIGN(auto opened, engine::open_model(HEARTH_SOURCE_DIR "/models/device/device.gguf"));
    HEARTH_ASSIGN(auto model, engine::LocalModel::load(std::move(opened), options));
    return host_local_model(std::move(model), options_, info);
  }

 private:
  engine::SchedulerOptions options_;
};

float float_at(const std::vector<unsigned char>& bytes, size_t i) {
  uint32_t bits = 0;
  for (size_t k = 0; k < 4; ++k) bits |= uint32_t{bytes[4 * i + k]} << (8 * k);
  return std::bit_cast<float>(bits);
}

std::vector<float> floats_of_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned char> bytes;
  uint32_t held = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    held = held << 6 | static_cast<uint32_t>(digits.find(c));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<unsigned char>(held >> bits));
  }
  std::vector<float> out;
  for (size_t i = 0; i < bytes.size() / 4; ++i) out.push_back(float_at(bytes, i));
  return out;
}

class EmbeddingsTest : public testing::Test {
 protected:
  void start(engine::SchedulerOptions scheduler = {.max_running = 2, .max_waiting = 16},
             ServeOptions options = {}) {
    options.http.port = 0;
    server_ = Server::start(std::move(options), std::make_unique<Models>(scheduler)).value();
  }

  struct Reply {
    int status = 0;
    std::string head;
    std::string body;
    io::Json json() const { return io::parse_json(body, "reply").value(); }
  };
  static std::string post(const std::string& path, const io::Json& body, const std::string& headers = "") {
    const std::string text = io::dump_json(body);
    return concat("POST ", path,
                  " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ", text.size(),
                  "\r\n", headers, "\r\n", text);
  }
  Reply ask(const std::string& path, const io::Json& body, const std::string& headers = "") {
    net::TestPeer peer(server_->port());
    EXPECT_TRUE(peer.send(post(path, body, headers)));
    Reply reply;
    reply.head = peer.read_until("\r\n\r\n", 60);
    reply.status = reply.head.size() > 12 ? std::atoi(reply.head.c_str() + 9) : 0;
    reply.body = peer.read_until("no such mark", 60);
    return reply;
  }
  std::vector<std::vector<float>> embed(const io::Json& input, const io::Json& more = io::Json::object()) {
    io::Json body = {{"model", "device"}, {"input", input}};
    body.update(more);
    const Reply reply = ask("/v1/embeddings", body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    std::vector<std::vector<float>> out;
    const io::Json answer = reply.json();
    for (const io::Json& one : answer["data"]) {
      EXPECT_EQ(one["object"], "embedding");
      EXPECT_EQ(one["index"], out.size());
      out.push_back(one["embedding"].is_string() ? floats_of_base64(one["embedding"])
                                                 : one["embedding"].get<std::vector<float>>());
    }
    return out;
  }
  /// Of "device"; -1: there is none yet.
  int metric(const std::string& name) {
    net::TestPeer peer(server_->port());
    EXPECT_TRUE(peer.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    const std::string text = peer.read_until("no such mark");
    const size_t at = text.find("\n" + name + "{model_name=\"device\"} ");
    return at == std::string::npos ? -1 : std::atoi(text.c_str() + text.find("} ", at) + 2);
  }
  std::vector<int32_t> tokens(const std::string& text) {
    return ask("/tokenize", {{"content", text}, {"add_special", true}})
        .json()["tokens"]
        .get<std::vector<int32_t>>();
  }

  std::unique_ptr<Server> server_;
};

TEST_F(EmbeddingsTest, EveryFormOfInputAndAnswer) {
  start();
  const auto one = embed("lock the front door");
  ASSERT_EQ(one.size(), 1U);
  double squares = 0;
  for (const float x : one[0]) squares += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_EQ(embed({"dim the lights", "lock the front door"})[1], one[0]);
  EXPECT_EQ(embed("lock the front door", {{"encoding_format", "base64"}}), one);
  const std::vector<int32_t> ids = tokens("lock the front door");
  EXPECT_EQ(embed(ids), one);
  EXPECT_EQ(embed(io::Json::array({tokens("dim the lights"), ids}))[1], one[0]);
  const Reply reply = ask("/v1/embeddings", {{"model", "device"}, {"input", "lock the front door"}});
  EXPECT_EQ(reply.json()["usage"]["prompt_tokens"], ids.size());
  EXPECT_EQ(reply.json()["model"], "device");
  const Reply ollama =
      ask("/api/embed", {{"model", "device"}, {"input", {"dim the lights", "lock the front door"}}});
  EXPECT_EQ(ollama.json()["embeddings"][1].get<std::vector<float>>(), one[0]);
  EXPECT_EQ(ollama.json()["prompt_eval_count"], ids.size() + tokens("dim the lights").size());
  EXPECT_GT(ollama.json()["total_duration"], 0);
  const Reply older = ask("/api/embeddings", {{"model", "device"}, {"prompt", "lock the front door"}});
  EXPECT_EQ(older.json()["embedding"].get<std::vector<float>>(), one[0]);
}

TEST_F(EmbeddingsTest, FewerDimensionsHaveLengthOneAgain) {
  start();
  const auto whole = embed("lock the front door")[0];
  const auto cut = embed("lock the front door", {{"dimensions", 5}})[0];
  ASSERT_EQ(cut.size(), 5U);
  double squares = 0;
  for (const float x : cut) squares += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_NEAR(cut[3] * whole[1], cut[1] * whole[3], 1e-6);
  const Reply wide = ask("/v1/embeddings", {{"input", "x"}, {"dimensions", whole.size() + 1}});
  EXPECT_EQ(wide.status, 400);
  EXPECT_EQ(wide.json()["error"]["param"], "dimensions");
}

TEST_F(EmbeddingsTest, ManyTextsStayInOrderAlsoThroughASmallQueue) {
  start({.max_running = 2, .max_waiting = 1});
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(concat("dim light ", i * i % 37, " now"));
  const auto all = embed(texts);
  ASSERT_EQ(all.size(), texts.size());
  for (size_t i = 0; i < texts.size(); i += 41) EXPECT_EQ(all[i], embed(texts[i])[0]) << i;
  for (size_t i = 37; i < texts.size(); ++i) EXPECT_EQ(all[i], all[i - 37]);
  EXPECT_NE(all[0], all[1]);
  EXPECT_EQ(metric("hearth_answers_refused_total"), 0);  // waiting for room of one's own is none
}

TEST_F(EmbeddingsTest, ErrorsHaveTheShapeOfTheirProtocol) {
  start();
  std::string text;
  while (tokens(text).size() <= kContext) text += "kitchen lights ";
  const std::string numbers = concat(tokens(text).size(), " tokens but the context holds ", kContext);
  const Reply one = ask("/v1/embeddings", {{"model", "device"}, {"input", text}});
  EXPECT_EQ(one.status, 400);
  EXPECT_EQ(one.json()["error"]["code"], "context_length_exceeded");
  EXPECT_NE(one.body.find(numbers), std::string::npos);
  const Reply second = ask("/v1/embeddings", {{"model", "device"}, {"input", {"short", text}}});
  EXPECT_NE(second.body.find("input[1]: the prompt has " + numbers), std::string::npos) << second.body;
  const Reply ollama = ask("/api/embed", {{"model", "device"}, {"input", text}, {"truncate", true}});
  EXPECT_EQ(ollama.status, 400);
  EXPECT_NE(ollama.json()["error"].get<std::string>().find(numbers), std::string::npos);
  EXPECT_EQ(ask("/v1/embeddings", {{"model", "none"}, {"input", "x"}}).status, 404);
  EXPECT_EQ(ask("/v1/embeddings", {{"input", {{1, 2}, {1 << 30}}}}).status, 400);
  EXPECT_EQ(ask("/v1/embeddings", {{"input", io::Json::array()}}).status, 400);
  EXPECT_EQ(ask("/api/embeddings", {{"model", "device"}}).json()["error"],
            "prompt: is missing; it must be a string");
  const Reply specialist = ask("/v1/embeddings", {{"model", "specialist"}, {"input", "x"}});
  EXPECT_EQ(specialist.status, 400);
  EXPECT_EQ(specialist.json()["error"]["message"], "specialist makes no embeddings; name another model");
}

TEST_F(EmbeddingsTest, AreChargedToTheKey) {
  constexpr int kPerMinute = 30;
  ServeOptions options;
  options.keys = {{"kiosk", hash_key("k"), 0, kPerMinute}};
  start({.max_running = 2, .max_waiting = 16}, std::move(options));
  const auto again = [&] {
    return ask("/v1/embeddings", {{"input", {"lock the front door", "open the garage door please"}}},
               "Authorization: Bearer k\r\n");
  };
  EXPECT_EQ(ask("/v1/embeddings", {{"input", "x"}}).status, 401);
  const int tokens = again().json()["usage"]["prompt_tokens"];
  int answered = 1;
  while (answered < kPerMinute && again().status == 200) ++answered;
  EXPECT_LT((answered - 1) * tokens, kPerMinute + 5);  // that many come back in ten seconds
  EXPECT_GE(answered * tokens, kPerMinute);
}

TEST_F(EmbeddingsTest, WhoGoesAwayIsNoticed) {
  start();
  embed("x");
  const int before = metric("hearth_answers_total");
  {
    net::TestPeer peer(server_->port());
    const std::vector<std::string> texts(2048,
                                         "turn the kitchen lights down to nine percent and lock the door");
    ASSERT_TRUE(peer.send(post("/v1/embeddings", {{"input", texts}})));
    ASSERT_TRUE(net::eventually([&] { return metric("hearth_answers_total") > before; }));
  }
  EXPECT_TRUE(net::eventually([&] {
    return metric("hearth_answers_cancelled_total") > 0 && metric("hearth_answers_running") == 0 &&
           metric("hearth_answers_waiting") == 0;
  }));
  EXPECT_LT(metric("hearth_answers_total") - before, 2048);
}

}  // namespace
}  // namespace hearth::serve
