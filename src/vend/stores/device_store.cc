#include "device_store.h"

#include <algorithm>

#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "user_store.h"

namespace stsfs::vend {
namespace {

// RFC 8628, section 6.1: no vowels, so no words; 20^8 codes.
constexpr std::string_view kLetters = "BCDFGHJKLMNPQRSTVWXZ";
constexpr std::size_t kCodeLetters = 8;
constexpr std::chrono::milliseconds kSlowDownBy{5'000};  // RFC 8628, section 3.5

std::string random_user_code() {
  std::string code;
  for (std::size_t i = 0; i < kCodeLetters; ++i) {
    if (i == kCodeLetters / 2) code += '-';
    code += kLetters[random_below(kLetters.size())];
  }
  return code;
}

Result<void> refuse_too_many(SqlSession& session, const std::string& address) {
  auto count = session.run(
      "SELECT COUNT(*), COALESCE(SUM(CASE WHEN address=$1 THEN 1 ELSE 0 END), 0) FROM devices",
      {address});
  if (!count) return fail(std::move(count.error()));
  if (count->number(0, 0) < DeviceStore::kPendingMax &&
      count->number(0, 1) < DeviceStore::kPendingPerAddressMax)
    return {};
  Error error{Errc::kThrottled, "too many devices wait to be let in, try again later",
              std::chrono::seconds(60)};
  return fail(std::move(error));
}

}  // namespace

std::string tidy_user_code(std::string_view typed) {
  std::string code;
  if (typed.size() > 32) return code;
  for (char c : typed) {
    if (c == '-' || c == ' ' || c == '\t') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (kLetters.find(c) == std::string_view::npos || code.size() > kCodeLetters) return {};
    if (code.size() == kCodeLetters / 2) code += '-';
    code += c;
  }
  return code.size() == kCodeLetters + 1 ? code : std::string();
}

Result<DeviceGrant> DeviceStore::start(const std::string& address, std::chrono::seconds lifetime,
                                       std::chrono::milliseconds pause) {
  DeviceGrant grant{Secret(random_hex(32)), random_user_code()};
  auto done = database_.transact("devices", [&](SqlSession& session) -> Result<void> {
    const std::int64_t now = to_unix_ms(clock_.wall());
    if (auto swept = session.run("DELETE FROM devices WHERE expires_at<=$1", {now}); !swept)
      return fail(std::move(swept.error()));
    if (auto room = refuse_too_many(session, address); !room) return room;
    for (int attempt = 0; attempt < 3; ++attempt) {
      auto put = session.run(
          "INSERT INTO "
          "devices(hash,user_code,address,created_at,expires_at,polled_at,pause_ms,state,name) "
          "VALUES($1,$2,$3,$4,$5,0,$6,'pending','') ON CONFLICT DO NOTHING",
          {hash_of(grant.device_code), grant.user_code, address, now,
           now + std::chrono::milliseconds(lifetime).count(), pause.count()});
      if (!put) return fail(std::move(put.error()));
      if (put->changed == 1) return {};
      grant.user_code = random_user_code();
    }
    return fail(Errc::kUnavailable, "no user code is free");
  });
  if (!done) return fail(std::move(done.error()));
  return grant;
}

Result<DevicePoll> DeviceStore::poll(const Secret& device_code) {
  const std::string hash = hash_of(device_code);
  DevicePoll poll;
  auto done = database_.transact("device:" + hash, [&](SqlSession& session) -> Result<void> {
    const std::int64_t now = to_unix_ms(clock_.wall());
    auto found = session.run(
        "SELECT state,name,polled_at,pause_ms FROM devices WHERE hash=$1 AND expires_at>$2",
        {hash, now});
    if (!found) return fail(std::move(found.error()));
    if (found->rows.empty()) return {};
    const std::string& state = found->rows[0][0];
    Result<SqlAnswer> changed = SqlAnswer{};
    if (state == "approved" || state == "denied") {
      poll = {state == "approved" ? DeviceAnswer::kApproved : DeviceAnswer::kDenied,
              found->rows[0][1]};
      changed = session.run("DELETE FROM devices WHERE hash=$1", {hash});
    } else {
      const bool early = now - found->number(0, 2) < found->number(0, 3);
      poll.answer = early ? DeviceAnswer::kSlowDown : DeviceAnswer::kPending;
      changed = session.run("UPDATE devices SET polled_at=$1, pause_ms=pause_ms+$2 WHERE hash=$3",
                            {now, early ? kSlowDownBy.count() : 0, hash});
    }
    if (!changed) return fail(std::move(changed.error()));
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return poll;
}

Result<std::optional<DeviceRequest>> DeviceStore::find(const std::string& user_code) {
  const std::string code = tidy_user_code(user_code);
  if (code.empty()) return std::nullopt;
  auto found = database_.run(
      "SELECT address FROM devices WHERE user_code=$1 AND state='pending' AND expires_at>$2",
      {code, to_unix_ms(clock_.wall())});
  if (!found) return fail(std::move(found.error()));
  if (found->rows.empty()) return std::nullopt;
  return DeviceRequest{code, found->rows[0][0]};
}

Result<bool> DeviceStore::decide(const std::string& user_code, const std::string& name,
                                 bool allowed, const Secret* by) {
  bool decided = false;
  // Under the lock of whoever ends this user's logins.
  auto done = database_.transact("user:" + name, [&](SqlSession& session) -> Result<void> {
    if (by != nullptr) {
      auto good = session.run("SELECT name FROM logins WHERE hash=$1 AND name=$2 AND ended_at=0",
                              {hash_of(*by), name});
      if (!good) return fail(std::move(good.error()));
      if (good->rows.empty()) return fail(Errc::kCredential, "the login has ended");
    }
    auto changed = session.run(
        "UPDATE devices SET state=$1, name=$2 WHERE user_code=$3 AND state='pending' AND "
        "expires_at>$4",
        {std::string(allowed ? "approved" : "denied"), name, tidy_user_code(user_code),
         to_unix_ms(clock_.wall())});
    if (!changed) return fail(std::move(changed.error()));
    decided = changed->changed == 1;
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return decided;
}

}  // namespace stsfs::vend
