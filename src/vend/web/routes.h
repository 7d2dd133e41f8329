#pragma once

#include "office/office.h"
#include "wire.h"

// What the server answers, by area. `service.cc` says which request comes here; each function may
// wait.
namespace stsfs::vend {

// --- login_routes.cc: the wire of a mount's login ---
ServiceResponse post_login(Office& office, const ServiceRequest& request);
ServiceResponse post_token(Office& office, const ServiceRequest& request);
ServiceResponse post_logout(Office& office, const ServiceRequest& request);
ServiceResponse get_whoami(Office& office, const ServiceRequest& request);

// --- credential_routes.cc ---
ServiceResponse get_credentials(Office& office, const ServiceRequest& request);
/// The session of a user that nobody is: whether STS lets us. Dry: what it gives is dropped.
Result<void> try_sts(Office& office);

// --- device_routes.cc: RFC 8628, the device's side ---
ServiceResponse post_device_code(Office& office, const ServiceRequest& request);
ServiceResponse post_device_token(Office& office, const ServiceRequest& request);

// --- web_routes.cc: RFC 8628, the person's side ---
ServiceResponse get_device_page(Office& office, const ServiceRequest& request);
ServiceResponse get_style(Office& office, const ServiceRequest& request);
ServiceResponse post_sign_in(Office& office, const ServiceRequest& request);
ServiceResponse post_confirm(Office& office, const ServiceRequest& request);

// --- health_routes.cc: for load balancers and Prometheus ---
ServiceResponse get_healthz(Office& office, const ServiceRequest& request);
ServiceResponse get_readyz(Office& office, const ServiceRequest& request);
ServiceResponse get_metrics(Office& office, const ServiceRequest& request);

// --- admin_routes.cc: behind a token of its own ---
ServiceResponse admin(Office& office, const ServiceRequest& request);
/// The response that refuses, or nullopt: the administrator's token came with the request.
std::optional<ServiceResponse> refuse_stranger(Office& office, const ServiceRequest& request);

/// `{"token", "expires_at"}`, put together by hand: a JSON library would leave copies of the secret
/// in freed memory.
std::string token_json(const IssuedToken& issued);

}  // namespace stsfs::vend
