#pragma once

#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/credentials/token_store.h"
#include "stsfs/http/engine.h"

/// What the answers of a vending server have in common.
namespace stsfs::credentials {

/// What a request proves with whose it is.
enum class Proof { kToken, kPassword };

/// Status, reason and remedy.
tl::unexpected<Error> refusal(const http::Response& response, const std::string& url,
                              const Clock& clock, Proof proof = Proof::kToken);
std::string bearer(const Secret& token);
/// `{"token", "expires_at"}`; the body is wiped. `obtained_at` is by the server's clock, as
/// `expires_at` is.
Result<LoginToken> read_token(http::Response& response, const std::string& username,
                              const Clock& clock);

}  // namespace stsfs::credentials
