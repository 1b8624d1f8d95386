// Token buckets per key; comparison in constant time.
#include "serve/api_keys.h"

#include <sodium.h>

#include <algorithm>

namespace hearth::serve {

KeyHash hash_key(std::string_view key) {
  KeyHash out;
  static_assert(sizeof(out) == crypto_hash_sha256_BYTES);
  crypto_hash_sha256(out.data(), reinterpret_cast<const unsigned char*>(key.data()), key.size());
  return out;
}

Result<KeyHash> parse_key_hash(std::string_view hex) {
  KeyHash out;
  size_t written = 0;
  const char* end = nullptr;
  const bool ok = hex.size() == 2 * out.size() && sodium_hex2bin(out.data(), out.size(), hex.data(),
                                                                 hex.size(), nullptr, &written, &end) == 0;
  if (!ok || written != out.size())
    return fail(ErrorCode::kUsage, "a key's hash is 64 hexadecimal digits: printf %s KEY | sha256sum");
  return out;
}

void ApiKeys::Bucket::fill(double per_minute, double now_s) {
  left = at_s < 0 ? per_minute : std::min(per_minute, left + per_minute * (now_s - at_s) / 60);
  at_s = now_s;
}

ApiKeys::ApiKeys(std::vector<ApiKey> keys) { replace(std::move(keys)); }

void ApiKeys::replace(std::vector<ApiKey> keys) {
  const std::lock_guard lock(mutex_);
  std::vector<State> states;
  for (ApiKey& key : keys) {
    State state{std::move(key), {}, {}};
    for (const State& old : states_) {  // a key that stays keeps what it has spent
      if (old.key.hash == state.key.hash) state.requests = old.requests, state.tokens = old.tokens;
    }
    states.push_back(std::move(state));
  }
  states_ = std::move(states);
}

bool ApiKeys::required() const {
  const std::lock_guard lock(mutex_);
  return !states_.empty();
}

Admission ApiKeys::admit(std::string_view authorization, std::string_view peer, bool counts, double now_s) {
  const std::lock_guard lock(mutex_);
  if (states_.empty()) return {200, std::string(peer), "", 0};
  constexpr std::string_view kBearer = "Bearer ";
  const bool bearer = authorization.size() > kBearer.size() && authorization.starts_with(kBearer);
  const KeyHash hash = hash_key(bearer ? authorization.substr(kBearer.size()) : std::string_view());
  State* found = nullptr;
  for (State& state : states_) {
    if (sodium_memcmp(state.key.hash.data(), hash.data(), hash.size()) == 0) found = &state;
  }
  if (!bearer || !found) {
    return {401, "", bearer ? "unknown API key" : "an API key is needed: Authorization: Bearer KEY", 0};
  }
  Admission out{200, found->key.name, "", 0, found->key.priority};
  if (!counts) return out;
  const auto check = [&](Bucket& bucket, int64_t per_minute, double least, const char* what) {
    if (per_minute == 0 || out.status != 200) return;
    bucket.fill(static_cast<double>(per_minute), now_s);
    if (bucket.left >= least) return;
    out.status = 429;
    out.message = concat("over the limit of ", per_minute, " ", what, " per minute of this key");
    out.retry_after_s = (least - bucket.left) * 60 / static_cast<double>(per_minute);
  };
  check(found->requests, found->key.requests_per_minute, 1, "requests");
  check(found->tokens, found->key.tokens_per_minute, 0, "tokens");
  if (out.status == 200 && found->key.requests_per_minute > 0) found->requests.left -= 1;
  return out;
}

void ApiKeys::spend(const std::string& client, int64_t tokens) {
  const std::lock_guard lock(mutex_);
  for (State& state : states_) {
    if (state.key.name == client && state.key.tokens_per_minute > 0)
      state.tokens.left -= static_cast<double>(tokens);
  }
}

}  // namespace hearth::serve
