#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "login_store.h"
#include "sql.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/secret.h"

namespace stsfs::vend {

/// A device that waits for a person to let it in.
struct DeviceRequest {
  std::string user_code;  ///< `BCDF-GHJK`
  std::string address;    ///< Where it asked from: shown to the person.
};

struct DeviceGrant {
  Secret device_code;
  std::string user_code;
};

/// What a polling device is told. Source: RFC 8628, section 3.5.
enum class DeviceAnswer { kPending, kSlowDown, kExpired, kDenied, kApproved };

struct DevicePoll {
  DeviceAnswer answer = DeviceAnswer::kExpired;
  std::string name;  ///< Of kApproved: who let it in.
};

/// Device codes: made for whoever asks, confirmed by a person who has signed in, good for one
/// token.
///
/// Threads:  every call on any thread, in several processes at once.
/// Errors:   those of SqlDatabase.
/// Lifetime: the database outlives it.
class DeviceStore {
 public:
  static constexpr std::int64_t kPendingMax = 10'000;
  static constexpr std::int64_t kPendingPerAddressMax = 20;

  DeviceStore(SqlDatabase& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Errors: kThrottled when too many wait already, in all or from this address.
  Result<DeviceGrant> start(const std::string& address, std::chrono::seconds lifetime,
                            std::chrono::milliseconds pause);
  /// An approved code is used up by it. Polling sooner than agreed makes the pause 5 s longer.
  Result<DevicePoll> poll(const Secret& device_code);

  /// What waits under this code, written as people do; nullopt when nothing does.
  Result<std::optional<DeviceRequest>> find(const std::string& user_code);
  /// False when it no longer waits. `by` (may be null): the login that decides, and that must not
  /// have been ended meanwhile.
  Result<bool> decide(const std::string& user_code, const std::string& name, bool allowed,
                      const Secret* by = nullptr);

 private:
  SqlDatabase& database_;
  const Clock& clock_;
};

/// `bcdf ghjk` → `BCDF-GHJK`; empty when it cannot be a code.
std::string tidy_user_code(std::string_view typed);

}  // namespace stsfs::vend
