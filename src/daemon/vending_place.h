#pragma once

#include <memory>
#include <string>

#include "paths.h"
#include "settings.h"
#include "stsfs/credentials/token_store.h"
#include "stsfs/credentials/vending_client.h"
#include "stsfs/http/engine.h"

namespace stsfs::daemon {

/// What `login`, `logout` and `whoami` talk to a vending server with.
struct VendingPlace {
  Paths paths;
  MountOptions options;
  std::unique_ptr<http::Engine> engine;
  std::unique_ptr<credentials::VendingClient> client;

  credentials::TokenStore store() const {
    return credentials::TokenStore(paths.state, options.token_store);
  }
  const std::string& url() const { return client->url(); }
};

/// kInvalid: no URL, or one that no token may be sent to.
Result<VendingPlace> open_vending(const std::string& url, const Settings& settings);

/// An engine as `options` want it, for a command.
Result<std::unique_ptr<http::Engine>> command_engine(const MountOptions& options);

}  // namespace stsfs::daemon
