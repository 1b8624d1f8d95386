// The other end of a connection to our HTTP server, as raw bytes: what a well-behaved client would never
// send, and when. For tests only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::net {

class TestPeer {
 public:
  explicit TestPeer(uint16_t port, int receive_buffer = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      (void)::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) close();
  }
  ~TestPeer() { close(); }
  TestPeer(const TestPeer&) = delete;
  TestPeer& operator=(const TestPeer&) = delete;

  bool connected() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  /// Closes with a reset instead of an end.
  void reset() {
    const linger hard{1, 0};
    (void)::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close();
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }

  /// What arrives up to `mark` and no further; all there was when the mark does not come in time or at all.
  std::string read_until(std::string_view mark, double timeout_s = 10) {
    const auto give_up = after(timeout_s);
    size_t found = received_.find(mark);
    while (found == std::string::npos && receive_some(give_up)) found = received_.find(mark);
    const size_t length = found == std::string::npos ? received_.size() : found + mark.size();
    std::string out = received_.substr(0, length);
    received_.erase(0, length);
    return out;
  }
  std::string read_bytes(size_t count, double timeout_s = 10) {
    const auto give_up = after(timeout_s);
    while (received_.size() < count && receive_some(give_up)) continue;
    std::string out = received_.substr(0, count);
    received_.erase(0, out.size());
    return out;
  }
  /// Everything until the other side ends; ended() says whether it did.
  std::string read_all(double timeout_s = 10) {
    const auto give_up = after(timeout_s);
    while (receive_some(give_up)) continue;
    return std::move(received_);
  }
  /// Head and body of one answer with Content-Length.
  std::string read_answer(double timeout_s = 10) {
    std::string head = read_until("\r\n\r\n", timeout_s);
    const size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    return head + read_bytes(std::stoul(head.substr(at + 16)), timeout_s);
  }
  bool ended() const { return ended_; }
  bool was_reset() const { return reset_; }

 private:
  static std::chrono::steady_clock::time_point after(double seconds) {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  }
  bool receive_some(std::chrono::steady_clock::time_point give_up) {
    if (ended_ || fd_ < 0) return false;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now());
    pollfd waiting{fd_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return false;
    char buffer[16384];
    const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (got > 0) {
      received_.append(buffer, static_cast<size_t>(got));
      return true;
    }
    ended_ = true;
    reset_ = got < 0;
    return false;
  }

  int fd_ = -1;
  bool ended_ = false;
  bool reset_ = false;
  std::string received_;
};

}  // namespace hearth::net
