#include "routes.h"

namespace stsfs::vend {
namespace {

ServiceResponse plain(int status, std::string body, const char* type = "text/plain;charset=utf-8") {
  return {status, {{"Content-Type", type}, {"Cache-Control", "no-store"}}, std::move(body)};
}

}  // namespace

ServiceResponse get_healthz(Office&, const ServiceRequest&) { return plain(200, "ok\n"); }

/// STS in trouble is in trouble for all replicas: to take all of them out of the balance would end
/// what still works, logins and the credentials that are kept. It is told, and no more.
ServiceResponse get_readyz(Office& office, const ServiceRequest&) {
  if (!office.database.run("SELECT value FROM meta WHERE name='schema'", {}))
    return plain(503, "not ready: the user database does not answer\n");
  return plain(200,
               office.metrics.sts_well() ? "ready\n" : "ready, but the last call of STS failed\n");
}

ServiceResponse get_metrics(Office& office, const ServiceRequest& request) {
  if (auto refusal = refuse_stranger(office, request)) return std::move(*refusal);
  return plain(200, office.metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace stsfs::vend
