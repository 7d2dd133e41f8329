#include <algorithm>

#include "routes.h"
#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"
#include "web_pages.h"

// A person signs in, sees which device asks, and confirms: RFC 8628, section 3.3.
//
// Forms and the sites of others: a form is believed when it brings back the key that our page put
// into it, which is a hash of a cookie that no script and no other site can read or set (HttpOnly,
// SameSite=Strict, and over TLS the
// __Host- prefix); and when the browser does not say that it comes from elsewhere (Origin,
// Sec-Fetch-Site). Before the sign-in that cookie is a random value, afterwards the token of a web
// login of ten minutes, which one decision ends.
namespace stsfs::vend {
namespace {

constexpr std::chrono::minutes kWebLogin{10};
constexpr std::size_t kCookieMaxBytes = 128;
// Guessing a code that somebody else waits with: 10 wrong ones, then pauses.
constexpr ThrottleOptions kCodeThrottle{.free_failures = 10};

std::string cookie_name(const ServiceRequest& request, const char* what) {
  return std::string(request.tls ? "__Host-" : "") + "stsfs-" + what;
}

void set_cookie(ServiceResponse& response, const ServiceRequest& request, const char* what,
                std::string_view value, std::chrono::seconds lifetime) {
  response.headers.push_back({"Set-Cookie", cookie_name(request, what) + "=" + std::string(value) +
                                                "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" +
                                                std::to_string(lifetime.count()) +
                                                (request.tls ? "; Secure" : "")});
}

Secret cookie_of(const ServiceRequest& request, const char* what) {
  const auto value = cookie_value(request.cookie.reveal(), cookie_name(request, what));
  return value.size() <= kCookieMaxBytes ? Secret(value) : Secret();
}

std::string form_key_of(const Secret& cookie) {
  std::string text = "stsfs form key ";
  text += cookie.reveal();
  const auto hash = sign::sha256(text);
  wipe(text);
  return hex_lower(hash);
}

/// From a page of ours, as far as the browser and the form's key can tell.
bool is_our_form(const Office& office, const ServiceRequest& request, const Secret& cookie) {
  if (!equals_ignoring_case(request.content_type.substr(0, request.content_type.find(';')),
                            "application/x-www-form-urlencoded"))
    return false;
  if (!request.fetch_site.empty() && request.fetch_site != "same-origin") return false;
  const std::string ours = (request.tls ? "https://" : "http://") + request.host;
  // A proxy may have changed Host: then what the configuration says counts.
  if (!request.origin.empty() && request.origin != ours &&
      request.origin != office.settings()->config.public_url)
    return false;
  const auto key = form_value(request.body.reveal(), "form_key");
  return !cookie.empty() && key && sign::equal_in_constant_time(*key, form_key_of(cookie));
}

ServiceResponse redirect(const std::string& where) {
  return {303, {{"Location", where}, {"Cache-Control", "no-store"}}, {}};
}

/// The sign-in form, with a cookie for its key when there is none yet.
ServiceResponse ask_to_sign_in(const ServiceRequest& request, int status,
                               const std::string& user_code, const std::string& complaint) {
  Secret cookie = cookie_of(request, "form");
  const bool fresh = cookie.empty();
  if (fresh) cookie = Secret(random_hex(16));
  ServiceResponse response = sign_in_page(status, form_key_of(cookie), user_code, complaint);
  if (fresh) set_cookie(response, request, "form", cookie.reveal(), std::chrono::hours(1));
  return response;
}

ServiceResponse unavailable(const Error& error) {
  log_error("vend", "{}", error.message);
  ServiceResponse response =
      message_page(503, "Not now", "The server cannot do that now. Try again soon.");
  add_retry_after(response, std::chrono::seconds(5));
  return response;
}

constexpr const char* kNoSuchCode = "No device waits with this code. It may have expired.";

/// The code, looked up at the price of a try.
Result<std::optional<DeviceRequest>> look_up(Office& office, const ServiceRequest& request,
                                             const std::string& code) {
  const std::string who = "code:" + throttle_address(request.address);
  auto verdict = office.throttle.attempt({{who, kCodeThrottle}});
  if (!verdict) return fail(std::move(verdict.error()));
  if (verdict->wait.count() > 0)
    return fail(Errc::kThrottled, "too many wrong codes, try again later");
  auto device = office.devices.find(code);
  if (device && *device)
    if (auto noted = office.throttle.passed({}, who); !noted) return fail(std::move(noted.error()));
  return device;
}

/// The device that waits under the code, or the page that says why there is none. A code can be
/// guessed where it is confirmed as well as where it is shown.
tl::expected<DeviceRequest, ServiceResponse> find_device(Office& office,
                                                         const ServiceRequest& request,
                                                         const std::string& user,
                                                         const std::string& code) {
  auto device = look_up(office, request, code);
  if (!device)
    return tl::unexpected(device.error().code == Errc::kThrottled
                              ? code_page(429, user, device.error().message)
                              : unavailable(device.error()));
  if (!*device) return tl::unexpected(code_page(404, user, kNoSuchCode));
  return std::move(**device);
}

ServiceResponse show_device(Office& office, const ServiceRequest& request, const std::string& user,
                            const Secret& web, const std::string& code) {
  if (code.empty()) return code_page(200, user, {});
  auto device = find_device(office, request, user, code);
  if (!device) return std::move(device.error());
  return confirm_page(form_key_of(web), user, device->user_code, device->address);
}

}  // namespace

ServiceResponse get_style(Office&, const ServiceRequest&) { return style_sheet(); }

ServiceResponse get_device_page(Office& office, const ServiceRequest& request) {
  const std::string code = tidy_user_code(form_value(request.query, "user_code").value_or(""));
  const Secret web = cookie_of(request, "web");
  if (web.empty()) return ask_to_sign_in(request, 200, code, {});
  auto login = office.logins.use(web, LoginKind::kWeb);
  if (!login) return unavailable(login.error());
  if (!*login) return ask_to_sign_in(request, 200, code, {});
  return show_device(office, request, (*login)->name, web, code);
}

ServiceResponse post_sign_in(Office& office, const ServiceRequest& request) {
  const std::string code =
      tidy_user_code(form_value(request.body.reveal(), "user_code").value_or(""));
  if (!is_our_form(office, request, cookie_of(request, "form")))
    return ask_to_sign_in(request, 403, code,
                          "This form was too old, or came from another page. Once more, please.");
  const std::string name = form_value(request.body.reveal(), "username").value_or("");
  const Secret password(form_value(request.body.reveal(), "password").value_or(""));
  auto web = office.sign_in.log_in(
      {.name = name,
       .password = password,
       .address = request.address,
       .action = "device.sign-in",
       .kind = LoginKind::kWeb,
       .lifetime = kWebLogin,
       .lockout_failures = office.settings()->config.limits.lockout_failures});
  if (!web) {
    const bool throttled = web.error().code == Errc::kThrottled;
    if (!throttled && web.error().code != Errc::kCredential) return unavailable(web.error());
    return ask_to_sign_in(request, throttled ? 429 : 401, code, web.error().message);
  }
  ServiceResponse response = redirect(code.empty() ? "/device" : "/device?user_code=" + code);
  set_cookie(response, request, "web", web->token.reveal(), kWebLogin);
  return response;
}

ServiceResponse post_confirm(Office& office, const ServiceRequest& request) {
  const Secret web = cookie_of(request, "web");
  if (!is_our_form(office, request, web))
    return message_page(403, "Not done", "This form was too old, or came from another page.");
  auto login = office.logins.use(web, LoginKind::kWeb);
  if (!login) return unavailable(login.error());
  if (!*login) return ask_to_sign_in(request, 401, {}, "You were signed out. Once more, please.");
  const std::string code = form_value(request.body.reveal(), "user_code").value_or("");
  const std::string decision = form_value(request.body.reveal(), "decision").value_or("");
  if (decision != "allow" && decision != "deny")
    return message_page(400, "Not done", "Choose one of the two.");
  if (auto device = find_device(office, request, (*login)->name, code); !device)
    return std::move(device.error());
  const bool allowed = decision == "allow";
  auto decided = office.devices.decide(code, (*login)->name, allowed, &web);
  if (!decided && decided.error().code == Errc::kCredential)
    return ask_to_sign_in(request, 401, {}, "You were signed out. Once more, please.");
  if (!decided) return unavailable(decided.error());
  if (!*decided) return code_page(404, (*login)->name, kNoSuchCode);
  office.metrics.add(allowed ? Count::kDeviceAllowed : Count::kDeviceDenied);
  office.audit.record({.action = "device.confirm",
                       .user = (*login)->name,
                       .address = request.address,
                       .allowed = allowed,
                       .reason = allowed ? "" : "the person refused"});
  if (auto ended = office.logins.end(web); !ended) return unavailable(ended.error());
  ServiceResponse response =
      allowed ? message_page(200, "Done", "The device is let in. You can close this page.")
              : message_page(200, "Refused", "The device is not let in. You can close this page.");
  set_cookie(response, request, "web", "", std::chrono::seconds(0));
  return response;
}

}  // namespace stsfs::vend
