#include "stsfs/credentials/vending_client.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "answer.h"
#include "json_reader.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::credentials {
namespace {

constexpr std::size_t kTokenMaxBytes = 16 * 1024;
constexpr std::chrono::seconds kRetryAfterMax{3'600};

/// Seconds or a date (RFC 9110, 10.2.3); zero when there is none or it makes no sense.
std::chrono::milliseconds retry_after_of(const http::Headers& headers, const Clock& clock) {
  const std::string* value = http::find_header(headers, "Retry-After");
  if (value == nullptr) return {};
  if (const auto seconds = parse_u64(trim(*value)))
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, kRetryAfterMax.count()));
  const auto date = parse_http_date(*value);
  if (!date || *date <= clock.wall()) return {};
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*date - clock.wall());
  return std::min<std::chrono::milliseconds>(wait, kRetryAfterMax);
}

Errc errc_of(int status) {
  switch (status) {
    case 401:
      return Errc::kCredential;
    case 403:
      return Errc::kDenied;
    case 408:
      return Errc::kUnavailable;
    case 429:
      return Errc::kThrottled;
    default:
      return status >= 500 ? Errc::kUnavailable : Errc::kProtocol;
  }
}

std::string remedy_for(int status, const std::string& url) {
  if (status == 401) return "; remedy: stsfs login " + printable(url, 512);
  if (status == 403) return "; remedy: ask who runs the vending server";
  if (status == 404) return "; remedy: check the URL, there seems to be no vending server";
  if (status >= 300 && status < 400)
    return "; a redirect is not followed with a login; remedy: use the final URL";
  return "";
}

tl::unexpected<Error> refusal(const http::Response& response, const std::string& url,
                              const Clock& clock) {
  const std::string reason = describe_refusal(response.body);
  Error error{errc_of(response.status),
              "vending server " + printable(url, 512) + ": " + std::to_string(response.status) +
                  (reason.empty() ? "" : " " + reason) + remedy_for(response.status, url),
              retry_after_of(response.headers, clock)};
  return fail(std::move(error));
}

std::string bearer(const Secret& token) { return "Bearer " + std::string(token.reveal()); }

std::optional<WallTime> date_of(const http::Headers& headers) {
  const std::string* date = http::find_header(headers, "Date");
  return date == nullptr ? std::nullopt : parse_http_date(*date);
}

/// `{"token", "expires_at"}`. `obtained_at` is by the server's clock, as `expires_at` is.
Result<LoginToken> read_token(http::Response& response, const std::string& username,
                              const Clock& clock) {
  auto document = parse_object(response.body, kAnswerMaxBytes);
  wipe(response.body);
  if (!document) return fail(std::move(document.error()));
  MemberReader reader(*document);
  LoginToken token;
  token.token = reader.secret("token", kTokenMaxBytes, true);
  const auto expires = reader.time("expires_at", true);
  if (token.token.reveal().find_first_of("\"\\") != std::string_view::npos)
    reader.complain("token", "contains characters that no token has");
  if (auto read = reader.result(); !read) return fail(std::move(read.error()));
  token.expires_at = *expires;
  token.obtained_at = date_of(response.headers).value_or(clock.wall());
  token.username = username;
  return token;
}

}  // namespace

Result<std::unique_ptr<VendingClient>> VendingClient::create(http::Engine& engine,
                                                             const Clock& clock,
                                                             const VendingOptions& options) {
  auto url = normalize_vending_url(options);
  if (!url) return fail(std::move(url.error()));
  return std::unique_ptr<VendingClient>(new VendingClient(engine, clock, std::move(*url)));
}

http::Request VendingClient::request(http::Method method, const char* path,
                                     Deadline deadline) const {
  return http::Request{.method = method,
                       .url = url_ + path,
                       .headers = {{"Accept", "application/json"}},
                       .body = nullptr,
                       .deadline = deadline};
}

Result<http::Response> VendingClient::ask(http::Request request, Interrupt& interrupt) {
  auto response = await<http::Response>(&interrupt, [&](Callback<http::Response> done) {
    return engine_.start(std::move(request), std::move(done));
  });
  if (!response) return fail(std::move(response.error()), "vending server " + printable(url_, 512));
  if (response->status != 200) return refusal(*response, url_, clock_);
  return response;
}

Result<LoginToken> VendingClient::login(const std::string& username, const Secret& password,
                                        Deadline deadline, Interrupt& interrupt) {
  nlohmann::json document = {{"username", username}, {"password", password.reveal()}};
  auto& copy = document["password"].get_ref<std::string&>();
  // Bytes that are no UTF-8 cannot be in JSON; the server would only find the password wrong.
  std::string body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  wipe(copy);
  http::Request login = request(http::Method::kPost, "/v1/login", deadline);
  login.headers.push_back({"Content-Type", "application/json"});
  login.body = http::memory_body(std::move(body));
  auto response = ask(std::move(login), interrupt);
  if (!response) return fail(std::move(response.error()));
  auto token = read_token(*response, username, clock_);
  if (!token) return fail(std::move(token.error()), "vending server " + printable(url_, 512));
  return token;
}

Result<LoginToken> VendingClient::rotate(const LoginToken& token, Deadline deadline,
                                         Interrupt& interrupt) {
  http::Request rotate = request(http::Method::kPost, "/v1/token", deadline);
  rotate.headers.push_back({"Authorization", bearer(token.token)});
  rotate.body = http::memory_body({});
  auto response = ask(std::move(rotate), interrupt);
  if (!response) return fail(std::move(response.error()));
  auto successor = read_token(*response, token.username, clock_);
  if (!successor)
    return fail(std::move(successor.error()), "vending server " + printable(url_, 512));
  return successor;
}

Result<Grant> VendingClient::credentials(const Secret& token,
                                         const std::string& rejected_access_key_id,
                                         Deadline deadline, Interrupt& interrupt) {
  http::Request get = request(http::Method::kGet, "/v1/credentials", deadline);
  get.headers.push_back({"Authorization", bearer(token)});
  if (!rejected_access_key_id.empty())
    get.headers.push_back({"X-Stsfs-Rejected", rejected_access_key_id});
  auto response = ask(std::move(get), interrupt);
  if (!response) return fail(std::move(response.error()));
  auto grant = parse_grant(response->body, KeyKind::kTemporaryOnly);
  wipe(response->body);
  if (!grant) return fail(std::move(grant.error()), "vending server " + printable(url_, 512));
  grant->server_time = date_of(response->headers);
  return grant;
}

}  // namespace stsfs::credentials
