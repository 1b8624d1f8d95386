// The clock is the virtual time of fair queueing (Demers, Keshav, Shenker 1989): it goes on by the work done,
// shared among those who are here, and whoever comes is put at it, or where it was when it went, if that is
// later.
#include "engine/turns.h"

#include <algorithm>

namespace hearth::engine {
namespace {

constexpr double kBefore = 0.01;  // somebody new comes before those who have had as much
constexpr size_t kMostRemembered = 1024;

}  // namespace

void Turns::come(const std::string& client) {
  Client& one = clients_[client];
  if (one.here++ > 0) return;
  ++here_;
  one.work = std::max(one.work, here_ == 1 ? clock_ : clock_ - kBefore);
}

void Turns::go(const std::string& client) {
  const auto it = clients_.find(client);
  if (it == clients_.end() || --it->second.here > 0) return;
  if (--here_ == 0) {
    clients_.clear();
    clock_ = 0;
  } else if (clients_.size() > static_cast<size_t>(here_) + kMostRemembered) {
    std::erase_if(clients_, [](const auto& entry) { return entry.second.here == 0; });
  }
}

void Turns::charge(const std::string& client, double work) {
  const auto it = clients_.find(client);
  if (it == clients_.end() || it->second.here == 0) return;
  it->second.work += work;
  clock_ += work / static_cast<double>(here_);
}

double Turns::had(const std::string& client) const {
  const auto it = clients_.find(client);
  return it == clients_.end() ? 0 : it->second.work;
}

}  // namespace hearth::engine
