// Whose turn it is among clients that ask one engine for work: who has had least comes first, by weightless
// fair queueing. Somebody new does not wait for what others have heaped up, and those who always come back do
// not hold up who has heaped up much. Must not know what the work is.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace hearth::engine {

/// Not thread-safe.
class Turns {
 public:
  /// One more request of this client is here.
  void come(const std::string& client);
  /// One of them is over.
  void go(const std::string& client);
  /// So much was done for a client that has requests here.
  void charge(const std::string& client, double work);
  /// What a client that has requests here has had; the least comes first.
  double had(const std::string& client) const;

 private:
  struct Client {
    double work = -1;
    int64_t here = 0;
  };
  std::unordered_map<std::string, Client> clients_;  // also some that went, with what they had
  int64_t here_ = 0;                                 // clients
  double clock_ = 0;                                 // what each would have had, had it always been here
};

}  // namespace hearth::engine
