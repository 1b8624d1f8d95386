// Who may ask, and how much: API keys, of which only hashes are kept, each with limits of requests and tokens
// per minute. Must not know HTTP but for the header's form.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::serve {

using KeyHash = std::array<unsigned char, 32>;

/// SHA-256: keys are long and random, so a slow hash would protect nothing.
KeyHash hash_key(std::string_view key);
/// 64 hexadecimal digits. Errors: kUsage.
Result<KeyHash> parse_key_hash(std::string_view hex);

inline constexpr int32_t kMostUrgent = -100;  // of the priorities that requests may have

struct ApiKey {
  std::string name;  // in logs and limits; never the key
  KeyHash hash{};
  int64_t requests_per_minute = 0;  // 0: no limit
  int64_t tokens_per_minute = 0;    // read and written
  int32_t priority = 0;             // requests are at most so urgent; less comes first
};

/// What came of a request's credentials.
struct Admission {
  int status = 200;     // 401: no such key; 429: over a limit
  std::string client;   // whose request it is
  std::string message;  // why not
  double retry_after_s = 0;
  int32_t most_urgent = kMostUrgent;  // ApiKey::priority
};

/// Thread-safe.
class ApiKeys {
 public:
  /// Without keys everybody is admitted.
  explicit ApiKeys(std::vector<ApiKey> keys);
  bool required() const;
  /// `authorization`: the header's value; `peer`: who asks, where no key is needed; `counts`: whether this is
  /// one of the requests that are limited. `now_s`: monotonic.
  Admission admit(std::string_view authorization, std::string_view peer, bool counts, double now_s);
  /// Tokens of an answer that is over.
  void spend(const std::string& client, int64_t tokens);
  void replace(std::vector<ApiKey> keys);

 private:
  /// Fills up to a minute's worth, steadily.
  struct Bucket {
    double left = 0;
    double at_s = -1;
    void fill(double per_minute, double now_s);
  };
  struct State {
    ApiKey key;
    Bucket requests;
    Bucket tokens;
  };

  mutable std::mutex mutex_;
  std::vector<State> states_;
};

}  // namespace hearth::serve
