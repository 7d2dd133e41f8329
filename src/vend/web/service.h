#pragma once

#include <memory>

#include "office/office.h"
#include "stsfs/base/result.h"
#include "wire.h"

namespace stsfs::vend {

/// The vending wire, without a socket: which request goes where.
///
/// Threads:  `handle` may be called at once on any thread that may wait.
/// Lifetime: what the office is given outlives it.
class Service {
 public:
  explicit Service(std::unique_ptr<Office> office) : office_(std::move(office)) {}

  ServiceResponse handle(const ServiceRequest& request);
  /// Whether it hashes a password, and so is work for a CPU and not a wait.
  static bool hashes(const ServiceRequest& request);
  /// Takes effect with the next request; sessions are made anew.
  void reload(std::shared_ptr<const Settings> settings);
  /// The other half of a reload: only the keys.
  void replace_keys(AccessKeys keys) { office_->keys.replace(std::move(keys)); }
  /// Ends waits for STS: the server stops.
  void interrupt() { office_->interrupt.raise(); }

  Office& office() { return *office_; }

 private:
  ServiceResponse route(const ServiceRequest& request);

  const std::unique_ptr<Office> office_;
};

/// As it comes from a configuration. Hashes a password, for names that are unknown.
Result<std::unique_ptr<Service>> make_service(std::shared_ptr<const Settings> settings,
                                              AccessKeys keys, SqlDatabase& database,
                                              AuditLog& audit, const PasswordCost& cost,
                                              const Clock& clock);

}  // namespace stsfs::vend
