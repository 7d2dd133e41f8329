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
  VendingSource(std::unique_ptr<VendingClient> client, TokenStore store, const Clock& clock)
      : client_(std::move(client)), store_(std::move(store)), clock_(clock) {}

  std::string describe() const override {
    return "vending server " + printable(client_->url(), 512);
  }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline deadline,
                      Interrupt& interrupt) override {
    auto token = store_.load(client_->url());
    if (!token) return fail(std::move(token.error()));
    if (is_due(*token, clock_)) token = exchanged(std::move(*token), deadline, interrupt);
    if (!token) return fail(std::move(token.error()));
    auto grant = client_->credentials(token->token, rejected_access_key_id, deadline, interrupt);
    if (grant || grant.error().code != Errc::kCredential) return grant;
    // Another process may have exchanged it, or the person logged in again, after we had read it.
    auto present = store_.load(client_->url());
    if (!present || present->token == token->token) return grant;
    return client_->credentials(present->token, rejected_access_key_id, deadline, interrupt);
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

  const std::unique_ptr<VendingClient> client_;
  const TokenStore store_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<Source> vending_source(std::unique_ptr<VendingClient> client, TokenStore store,
                                       const Clock& clock) {
  return std::make_unique<VendingSource>(std::move(client), std::move(store), clock);
}

}  // namespace stsfs::credentials
