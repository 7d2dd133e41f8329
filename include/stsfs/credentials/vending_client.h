#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/secret.h"
#include "stsfs/credentials/credential.h"
#include "stsfs/credentials/token_store.h"
#include "stsfs/http/engine.h"

namespace stsfs::credentials {

struct VendingOptions {
  std::string url;  ///< `https://vend.example.com`, a path allowed, no query, no user.
  /// Allows `http://` to another machine, where everybody on the way can read the token. To this
  /// machine (127.0.0.0/8, ::1, localhost) it is allowed anyway.
  bool insecure_http = false;
};

/// `url` without what does not matter: the host in lower case, no default port, no slash at the
/// end. kInvalid, with the remedy, when no token may be sent there.
Result<std::string> normalize_vending_url(const VendingOptions& options);

/// What a person has to do elsewhere to log in here (RFC 8628, 3.2).
struct DeviceCode {
  Secret device_code;
  std::string user_code;                  ///< Short, to be typed.
  std::string verification_uri;           ///< Where to type it.
  std::string verification_uri_complete;  ///< The same with the code in it; may be empty.
  std::chrono::seconds expires_in{0};
  std::chrono::seconds interval{5};  ///< Between two questions, at least.
};

/// What a token that is waited for is doing (RFC 8628, 3.5).
enum class DeviceState { kPending, kSlowDown, kExpired, kDenied };

/// Who a token speaks for.
struct Identity {
  std::string user;
  std::vector<std::string> groups;
  std::string bucket, prefix, permissions;
  std::optional<WallTime> token_expires_at;
};

/// The vending wire: login, credentials, exchange of tokens.
///
/// Redirects are refused, not followed: a token goes where the person said and nowhere else.
/// Threads:  every call on any thread that may wait; several at once.
/// Errors:   kCredential: the server does not know the password or token (log in again);
///           kDenied: it does, but does not allow it; kThrottled, kUnavailable, kTimedOut (with
///           `retry_after` where the server named one); kProtocol: not a vending server's answer.
class VendingClient {
 public:
  static Result<std::unique_ptr<VendingClient>> create(http::Engine& engine, const Clock& clock,
                                                       const VendingOptions& options);

  const std::string& url() const { return url_; }

  Result<LoginToken> login(const std::string& username, const Secret& password, Deadline deadline,
                           Interrupt& interrupt);
  /// Begins a login that is confirmed on another device.
  Result<DeviceCode> start_device_login(Deadline deadline, Interrupt& interrupt);
  /// Asks once whether it has been confirmed.
  Result<std::variant<LoginToken, DeviceState>> ask_device_login(const DeviceCode& code,
                                                                 Deadline deadline,
                                                                 Interrupt& interrupt);
  /// Makes `token` worthless. One that the server does not know is that already.
  Result<void> logout(const Secret& token, Deadline deadline, Interrupt& interrupt);
  Result<Identity> whoami(const Secret& token, Deadline deadline, Interrupt& interrupt);

  /// `rejected_access_key_id` may be empty; see `Source::fetch`.
  Result<Grant> credentials(const Secret& token, const std::string& rejected_access_key_id,
                            Deadline deadline, Interrupt& interrupt);
  /// The successor of `token`, which stays valid until the successor is first used: an answer that
  /// is lost loses nothing.
  Result<LoginToken> rotate(const LoginToken& token, Deadline deadline, Interrupt& interrupt);

 private:
  VendingClient(http::Engine& engine, const Clock& clock, std::string url)
      : engine_(engine), clock_(clock), url_(std::move(url)) {}

  Result<http::Response> ask(http::Request request, Interrupt& interrupt);
  Result<http::Response> ask_of_any_status(http::Request request, Interrupt& interrupt);
  http::Request request(http::Method method, const char* path, Deadline deadline) const;

  http::Engine& engine_;
  const Clock& clock_;
  const std::string url_;
};

}  // namespace stsfs::credentials
