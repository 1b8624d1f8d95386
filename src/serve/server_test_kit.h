// A server around models that are scripted, and what tests ask it. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "io/json.h"
#include "net/server_test_kit.h"
#include "net/test_peer.h"
#include "serve/server.h"

namespace hearth::serve {

/// Repeats the last user message; "fail" fails, "busy" is refused, "throw" runs out of memory, and "hold"
/// says a word and goes on until it is cancelled, as every embedding does.
class Echo : public HostedModel {
 public:
  explicit Echo(wire::ModelInfo info) : HostedModel(std::move(info)) {}
  Status submit(engine::Submission submission) override {
    ++accepted;
    last_priority = submission.priority;
    if (submission.embed) return hold(std::move(submission));
    const io::Json chat = io::parse_json(submission.request.chat_json, "chat").value();
    const std::string text = chat["messages"].back()["content"];
    if (text == "busy") return fail(ErrorCode::kBusy, "the queue is full");
    engine::Completion completion;
    completion.text = text;
    completion.usage.prompt_tokens = 3;
    completion.usage.generated_tokens = 2;
    completion.tokens = {{1, text, -0.5F, {}}};
    if (text == "throw") throw std::bad_alloc();
    if (text == "hold") {
      submission.on_text("word", {});
      return hold(std::move(submission));
    }
    if (text == "fail") {
      submission.on_done(fail(ErrorCode::kInternal, "it broke"));
      return {};
    }
    submission.on_text(text, completion.tokens);
    submission.on_done(std::move(completion));
    return {};
  }
  void wake() override {
    cut([](const engine::Submission& held) { return held.request.cancel->load(); });
  }
  void stop(bool, double) override {
    cut([](const engine::Submission&) { return true; });
  }
  engine::SchedulerStats stats() const override {
    engine::SchedulerStats out;
    out.accepted = accepted;
    return out;
  }
  int64_t most_answers() const override { return 16; }
  runtime::SamplingParams sampling_defaults() const override { return {}; }
  Result<std::string> render_chat(const std::string& chat_json) const override {
    return "<" + chat_json + ">";
  }
  Result<std::vector<int32_t>> tokenize(const std::string& text, bool, bool) const override {
    return std::vector<int32_t>(text.begin(), text.end());
  }
  Result<std::vector<int32_t>> embedding_ids(const engine::CompletionRequest&) const override {
    return std::vector<int32_t>(3);
  }
  std::string token_text(int32_t) const override { return "t"; }
  std::string detokenize(std::span<const int32_t>) const override { return "d"; }
  Result<std::shared_ptr<const text::GrammarMasks>> grammar(const std::string&,
                                                            const engine::CompileGrammar&) override {
    return fail(ErrorCode::kUnsupported, "no grammars here");
  }

  static inline std::atomic<int32_t> last_priority{0};
  std::atomic<int64_t> accepted{0};

 private:
  Status hold(engine::Submission submission) {
    {
      const std::lock_guard lock(mutex_);
      held_.push_back(std::move(submission));
    }
    wake();
    return {};
  }
  template <typename Which>
  void cut(Which which) {
    std::list<engine::Submission> over;
    {
      const std::lock_guard lock(mutex_);
      for (auto it = held_.begin(); it != held_.end();) {
        const auto next = std::next(it);
        if (which(*it)) over.splice(over.end(), held_, it);
        it = next;
      }
    }
    for (const engine::Submission& one : over) {
      engine::Completion completion;
      completion.finish = engine::FinishReason::kCancelled;
      completion.usage.prompt_tokens = 3;
      completion.usage.generated_tokens = 1;
      one.on_done(std::move(completion));
    }
  }

  std::mutex mutex_;
  std::list<engine::Submission> held_;
};

struct Loads {
  std::atomic<int> count{0};
  std::atomic<bool> no_memory{false};
  std::atomic<bool> too_large{false};
  std::atomic<bool> throws{false};
  std::atomic<bool> held{false};  // loading waits
};

class Scripted : public ModelSource {
 public:
  explicit Scripted(Loads& loads) : loads_(&loads) {}
  std::vector<wire::ModelInfo> list() override {
    std::vector<wire::ModelInfo> out(3);
    out[0].id = "one", out[1].id = "two", out[2].id = "large";
    return out;
  }
  Result<std::string> resolve(const std::string& name) override {
    if (name.empty()) return std::string("one");
    if (name == "one" || name == "two" || name == "large") return name;
    return fail(ErrorCode::kNotFound, "the model '", name, "' does not exist");
  }
  Result<int64_t> least_memory(const std::string& name) override { return name == "large" ? 100 : 10; }
  Result<std::unique_ptr<HostedModel>> load(const std::string& name, int64_t) override {
    ++loads_->count;
    while (loads_->held) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (loads_->no_memory) return fail(ErrorCode::kNoMemory, name, " needs more memory than there is");
    if (loads_->too_large) return fail(ErrorCode::kTooLarge, name, " has a million tensors");
    if (loads_->throws) throw std::runtime_error("no thread");
    wire::ModelInfo info;
    info.id = name;
    info.loaded = true;
    info.embedding_length = 8;
    auto model = std::make_unique<Echo>(info);
    model->set_memory_bytes(name == "large" ? 100 : 10);
    return std::unique_ptr<HostedModel>(std::move(model));
  }

 private:
  Loads* loads_;
};

class ServerTest : public testing::Test {
 protected:
  void start(ServeOptions options = {}) {
    options.http.port = 0;
    auto server = Server::start(std::move(options), std::make_unique<Scripted>(loads_));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
  }

  struct Reply {
    int status = 0;
    std::string head;
    std::string body;
    io::Json json() const { return io::parse_json(body, "reply").value(); }
  };
  /// One request over a new connection.
  Reply ask(const std::string& method, const std::string& path, const std::string& body = "",
            const std::string& headers = "") {
    net::TestPeer peer(server_->port());
    EXPECT_TRUE(peer.send(concat(method, " ", path, " HTTP/1.1\r\nHost: ", host_,
                                 "\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n", headers,
                                 "\r\n", body)));
    const std::string head = peer.read_until("\r\n\r\n");
    Reply reply;
    reply.status = head.size() > 12 ? std::atoi(head.c_str() + 9) : 0;
    reply.head = head;
    reply.body = peer.read_until("no such mark");
    return reply;
  }

  Reply chat(const std::string& text, const std::string& more = "") {
    return ask("POST", "/v1/chat/completions",
               concat(R"({"messages":[{"role":"user","content":")", text, "\"}]", more, "}"));
  }

  Loads loads_;
  std::string host_ = "localhost";
  std::unique_ptr<Server> server_;
};

}  // namespace hearth::serve
