#pragma once

#include <memory>
#include <string>

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
  http::Request request(http::Method method, const char* path, Deadline deadline) const;

  http::Engine& engine_;
  const Clock& clock_;
  const std::string url_;
};

}  // namespace stsfs::credentials
