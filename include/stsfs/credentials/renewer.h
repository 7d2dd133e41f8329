#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/transfer.h"
#include "stsfs/credentials/credential.h"
#include "stsfs/credentials/source.h"

namespace stsfs::credentials {

/// The credential to sign with now. The seam between those who sign and whatever renews.
///
/// Threads: every call on any thread; none of them waits.
class Provider {
 public:
  virtual ~Provider() = default;

  /// The present one, or why there is none (kCredential, with the remedy).
  virtual Result<CredentialSnapshot> current() = 0;

  /// OSS refused `access_key_id`: calls `done` with its successor. One renewal serves all who ask;
  /// if the present one is already another, at once. Empty: there was none, any that is usable will
  /// do. While the source is away the wait goes on until `deadline`; once it has been away for
  /// long, only as long as an attempt that is just being made takes. Fails with kCredential, with
  /// the reason, or kInterrupted when the provider goes. `done` may run before this returns;
  /// otherwise it runs on a thread of the provider.
  virtual Transfer replace(const std::string& access_key_id, Deadline deadline,
                           Callback<CredentialSnapshot> done) = 0;

  /// How far the server's clock is ahead of ours. Kept here because both who sign and who judges
  /// an expiry need it.
  virtual std::chrono::milliseconds clock_offset() const = 0;
  virtual void set_clock_offset(std::chrono::milliseconds offset) = 0;
};

struct RenewerOptions {
  double renew_at = 0.5;  ///< Of the life it had on arrival.
  double jitter = 0.1;    ///< Of that life, to spread a fleet; earlier, never later.
  std::chrono::milliseconds backoff{1'000};  ///< After a failure; doubles with full jitter, up to:
  std::chrono::milliseconds backoff_max{60'000};
  std::chrono::milliseconds fetch_timeout{20'000};
  /// With no usable credential, and renewal failing for so long: waiting is no good any more.
  std::chrono::milliseconds patience{30'000};
};

/// What `status` shows.
struct RenewalStatus {
  std::string source;
  std::string identity;  ///< Whose credential it is; empty when the source cannot say.
  std::string access_key_id;
  std::optional<WallTime> expiration;
  std::optional<WallTime> last_renewal;
  std::optional<WallTime> next_renewal;
  std::string last_error;      ///< Empty when the last attempt went well.
  std::uint64_t renewals = 0;  ///< The first one counts.
  std::uint64_t failures = 0;
  std::uint64_t replacements = 0;  ///< Forced, because OSS refused one.
  std::uint64_t replays = 0;       ///< Requests that went on with the successor of a refused one.
};

/// Keeps one credential fresh from one source, on a thread of its own.
///
/// While the source is away the present credential is used until it expires (by the server's
/// clock).
///
/// Threads:  every call on any thread.
/// Lifetime: outlives every store that signs through it. The destructor interrupts a fetch under
/// way.
class Renewer : public Provider {
 public:
  /// Fetches the first grant, so that a wrong password shows at once; then starts the thread.
  static Result<std::unique_ptr<Renewer>> start(std::unique_ptr<Source> source,
                                                const RenewerOptions& options, const Clock& clock,
                                                Deadline deadline);

  virtual RenewalStatus status() const = 0;
  /// The folder of the first grant; nullopt when the source does not say.
  virtual std::optional<Folder> folder() const = 0;
  /// Called on the renewal thread with each later grant's folder, when it has one.
  virtual void on_folder(std::function<void(const Folder&)> listener) = 0;
  /// Asks for a renewal now (`stsfs login` while mounted, SIGHUP). A source that knows of changes
  /// asks by itself.
  virtual void renew_now() = 0;
};

}  // namespace stsfs::credentials
