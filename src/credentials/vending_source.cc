#include <chrono>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/credentials/sources.h"

// A token is exchanged for its successor when half of its life is over. What can go wrong on the
// way:
//  - the answer is lost: the old token is still good, the next fetch tries again;
//  - we are killed before the successor is on disk: the same;
//  - the successor cannot be written (disk full): it is dropped unused, the old one stays good;
//  - another process of this user does it at the same moment: the file lock makes it one after the
//    other, and the second finds a young token in the file and leaves it.
namespace stsfs::credentials {
namespace {

bool is_due(const LoginToken& token, const Clock& clock) {
  const WallTime half = token.obtained_at + (token.expires_at - token.obtained_at) / 2;
  return clock.wall() >= half;
}

class VendingSource final : public Source {
 public:
  VendingSource(std::unique_ptr<VendingClient> client, TokenStore store, const Clock& clock,
                UnattendedLogin login)
      : client_(std::move(client)),
        store_(std::move(store)),
        clock_(clock),
        login_(std::move(login)) {}

  std::string describe() const override {
    return "vending server " + printable(client_->url(), 512);
  }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline deadline,
                      Interrupt& interrupt) override {
    auto token = store_.load(client_->url());
    if (!token) return after_login(std::move(token.error()), deadline, interrupt);
    if (is_due(*token, clock_)) token = exchanged(std::move(*token), deadline, interrupt);
    if (!token) return fail(std::move(token.error()));
    auto grant = with_token(*token, rejected_access_key_id, deadline, interrupt);
    if (grant || grant.error().code != Errc::kCredential) return grant;
    // Another process may have exchanged it, or the person logged in again, after we had read it.
    auto present = store_.load(client_->url());
    if (!present || present->token == token->token)
      return after_login(std::move(grant.error()), deadline, interrupt);
    return with_token(*present, rejected_access_key_id, deadline, interrupt);
  }

 private:
  /// The successor, or the token itself when there is no getting one now.
  Result<LoginToken> exchanged(LoginToken token, Deadline deadline, Interrupt& interrupt) {
    auto lock = store_.lock(client_->url(), clock_, deadline, interrupt);
    if (!lock) return kept(std::move(token), lock.error());
    auto present = store_.load(client_->url());
    if (!present) return fail(std::move(present.error()));
    if (!is_due(*present, clock_)) return present;
    auto successor = client_->rotate(*present, deadline, interrupt);
    if (!successor) return kept(std::move(*present), successor.error());
    if (auto saved = store_.save(client_->url(), *successor); !saved)
      return kept(std::move(*present), saved.error());
    return successor;
  }

  Result<LoginToken> kept(LoginToken token, const Error& why) const {
    log_warning("credentials", "the login token was not exchanged, going on with it: {}",
                why.message);
    return token;
  }

  Result<Grant> with_token(const LoginToken& token, const std::string& rejected_access_key_id,
                           Deadline deadline, Interrupt& interrupt) {
    auto grant = client_->credentials(token.token, rejected_access_key_id, deadline, interrupt);
    if (grant) grant->identity = token.username;
    return grant;
  }

  /// Logs in by ourselves, if we can; else `why` is the reason.
  Result<Grant> after_login(Error why, Deadline deadline, Interrupt& interrupt) {
    if (!login_.password || why.code != Errc::kCredential) return fail(std::move(why));
    auto password = login_.password(deadline, interrupt);
    if (!password) return fail(std::move(password.error()), why.message + "; password");
    // A server locks out who tries a wrong password over and over.
    if (*password == refused_)
      return fail(Errc::kCredential, why.message + "; the server refused the password");
    auto token = client_->login(login_.username, *password, deadline, interrupt);
    if (!token) {
      if (token.error().code == Errc::kCredential) refused_ = std::move(*password);
      return fail(std::move(token.error()), "logging in as " + printable(login_.username));
    }
    if (auto saved = store_.save(client_->url(), *token); !saved) return fail(saved.error());
    log_info("credentials", "logged in at {} as {}", printable(client_->url(), 512),
             printable(login_.username));
    return with_token(*token, {}, deadline, interrupt);
  }

  const std::unique_ptr<VendingClient> client_;
  const TokenStore store_;
  const Clock& clock_;
  const UnattendedLogin login_;
  Secret refused_;  // the last password that the server did not take
};

}  // namespace

std::unique_ptr<Source> vending_source(std::unique_ptr<VendingClient> client, TokenStore store,
                                       const Clock& clock, UnattendedLogin login) {
  return std::make_unique<VendingSource>(std::move(client), std::move(store), clock,
                                         std::move(login));
}

}  // namespace stsfs::credentials
