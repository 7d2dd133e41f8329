#include "service.h"

#include <array>

#include "routes.h"

namespace stsfs::vend {
namespace {

struct Route {
  std::string_view method;
  std::string_view path;
  ServiceResponse (*handler)(Office&, const ServiceRequest&);
};
constexpr std::array kRoutes{
    Route{"GET", "/v1/credentials", &get_credentials},
    Route{"POST", "/v1/login", &post_login},
    Route{"POST", "/v1/token", &post_token},
    Route{"POST", "/v1/logout", &post_logout},
    Route{"GET", "/v1/whoami", &get_whoami},
    Route{"POST", "/v1/device/code", &post_device_code},
    Route{"POST", "/v1/device/token", &post_device_token},
    Route{"GET", "/device", &get_device_page},
    Route{"GET", "/device/style.css", &get_style},
    Route{"POST", "/device/sign-in", &post_sign_in},
    Route{"POST", "/device/confirm", &post_confirm},
    Route{"GET", "/healthz", &get_healthz},
    Route{"GET", "/readyz", &get_readyz},
    Route{"GET", "/metrics", &get_metrics},
};
constexpr std::string_view kAdmin = "/v1/admin/";

}  // namespace

ServiceResponse Service::route(const ServiceRequest& request) {
  if (request.path.starts_with(kAdmin)) return admin(*office_, request);
  const Route* same_path = nullptr;
  for (const Route& route : kRoutes) {
    if (request.path != route.path) continue;
    // Load balancers ask with HEAD; libmicrohttpd leaves the body out.
    if (request.method == route.method || (request.method == "HEAD" && route.method == "GET"))
      return route.handler(*office_, request);
    same_path = &route;
  }
  if (same_path == nullptr) return error_response(404, "NotFound", "there is nothing here");
  ServiceResponse response =
      error_response(405, "MethodNotAllowed", "use " + std::string(same_path->method));
  response.headers.push_back({"Allow", std::string(same_path->method)});
  return response;
}

ServiceResponse Service::handle(const ServiceRequest& request) {
  const SteadyTime start = office_->clock.steady();
  const int per_second = office_->settings()->config.limits.requests_per_second;
  ServiceResponse response;
  const auto verdict = office_->rate_limit.ask(throttle_address(request.address), per_second);
  office_->record_refusals(verdict.told, false, request.address);
  if (verdict.allowed) {
    response = route(request);
  } else {
    office_->metrics.add(Count::kRateLimited);
    response = error_response(429, "TooManyRequests", "too many requests from this address");
    add_retry_after(response, std::chrono::seconds(1));
  }
  office_->metrics.answered(response.status, office_->clock.steady() - start);
  return response;
}

bool Service::hashes(const ServiceRequest& request) {
  return request.path == "/v1/login" || request.path == "/device/sign-in" ||
         (request.path.starts_with(kAdmin) && !request.body.empty());
}

void Service::reload(std::shared_ptr<const Settings> settings) {
  office_->replace(std::move(settings));
  office_->metrics.add(Count::kReloads);
}

Result<std::unique_ptr<Service>> make_service(std::shared_ptr<const Settings> settings,
                                              AccessKeys keys, SqlDatabase& database,
                                              AuditLog& audit, const PasswordCost& cost,
                                              const Clock& clock) {
  auto checker = PasswordChecker::create(cost);
  if (!checker) return fail(std::move(checker.error()));
  return std::make_unique<Service>(std::make_unique<Office>(
      std::move(settings), std::move(keys), std::move(*checker), database, audit, clock));
}

}  // namespace stsfs::vend
