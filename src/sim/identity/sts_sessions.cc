#include "sts_sessions.h"

#include <array>
#include <functional>
#include <utility>

#include "random_letters.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"

namespace stsfs::sim {
namespace {

// The shapes of the documentation's samples: `STS.` and 24 characters in all, a secret of 40, a
// token that holds every character of base64, so that a client that forgets to encode one is found
// out.
constexpr std::size_t kKeyIdTail = 19;
constexpr std::size_t kSecretSize = 40;
constexpr std::size_t kTokenBytes = 192;

std::string digest_of(std::string_view token) { return std::string(as_text(sign::sha256(token))); }

Secret random_token() {
  std::array<std::byte, kTokenBytes> bytes{};
  fill_random(bytes);
  return Secret("CAIS" + base64_encode(bytes) + "+/==");
}

}  // namespace

std::string Session::arn() const { return role->arn + "/" + name; }

std::string Session::assumed_role_arn() const {
  return "arn:sts::" + role->account_id + ":assumed-role/" + role->name + "/" + name;
}

std::string Session::assumed_role_id() const { return role->id + ":" + name; }

bool Session::owns_token(std::string_view token) const {
  return sign::equal_in_constant_time(digest_of(token), token_digest);
}

IssuedSession SessionTable::create(NewSession wanted) {
  auto session = std::make_shared<Session>();
  Secret token = random_token();
  session->access_key_id = "STS.N" + random_letters(kKeyIdTail);
  session->secret = Secret(random_letters(kSecretSize));
  session->token_digest = digest_of(token.reveal());
  session->token_text = token.reveal();
  session->expires = wanted.expires;
  session->role = std::move(wanted.role);
  session->name = std::move(wanted.name);
  session->source_identity = std::move(wanted.source_identity);
  session->policy = std::move(wanted.policy);

  MutexLock lock(mutex_);
  while (!oldest_first_.empty() && sessions_.size() >= sessions_max_) {
    sessions_.erase(oldest_first_.front());
    revoked_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
  sessions_.emplace(session->access_key_id, session);
  oldest_first_.push_back(session->access_key_id);
  return {std::move(session), std::move(token)};
}

std::shared_ptr<const Session> SessionTable::find(std::string_view access_key_id) const {
  const std::string key(access_key_id);
  MutexLock lock(mutex_);
  const auto found = sessions_.find(key);
  return found == sessions_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Session>> SessionTable::all() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<const Session>> out;
  out.reserve(oldest_first_.size());
  for (const std::string& key : oldest_first_) out.push_back(sessions_.at(key));
  return out;
}

void SessionTable::revoke(std::string_view access_key_id) {
  MutexLock lock(mutex_);
  revoked_.emplace(access_key_id);
}

bool SessionTable::is_revoked(std::string_view access_key_id) const {
  MutexLock lock(mutex_);
  return !revoked_.empty() && revoked_.contains(access_key_id);
}

std::size_t SessionTable::size() const {
  MutexLock lock(mutex_);
  return sessions_.size();
}

}  // namespace stsfs::sim
