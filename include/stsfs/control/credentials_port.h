#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "stsfs/credentials/renewer.h"

/// A credential for programs that are not ours: ossutil, ossfs 2, the SDKs of Alibaba Cloud.
namespace stsfs::control {

/// One JSON object in which each of them finds its own names: AccessKeyId, AccessKeySecret,
/// SecurityToken, Expiration (credentials URI, credential process), StatusCode and Code (app
/// servers, ECS metadata), mode, access_key_id, … (the external process of the command line tools).
/// What a long-term key lacks is left out. The caller wipes it.
///
/// Source: sts-and-ram reference, 5.1 and 5.4.
std::string credential_json(const credentials::Credential& credential);

/// A credentials URI of this user, on the loopback interface. That nobody else finds it is what the
/// path is for: 128 random bits, which no other path is near to.
///
/// GET gives `credential_json` of the present credential; 503 with the reason while there is none.
/// Requests that name another host are refused, so that no web page reads it through a browser.
class CredentialsPort {
 public:
  struct Options {
    std::uint16_t port = 0;  ///< 0: any that is free.
    std::string path;        ///< 32 hex digits; empty: new ones.
  };

  /// Lifetime: `provider` outlives it; the destructor ends what is being answered.
  /// Errors:   kInvalid (the path); kBusy (the port is taken).
  static Result<std::unique_ptr<CredentialsPort>> start(credentials::Provider& provider,
                                                        const Options& options);
  virtual ~CredentialsPort() = default;

  /// `http://127.0.0.1:4711/0123…`
  virtual std::string uri() const = 0;
};

/// What `uri()` gave, taken apart for the next start; nullopt when it is none of ours.
std::optional<CredentialsPort::Options> parse_credentials_uri(const std::string& uri);

}  // namespace stsfs::control
