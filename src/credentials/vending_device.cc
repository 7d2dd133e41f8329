// What a login does beside passwords: the device code of RFC 8628, its end, and whose it is.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "answer.h"
#include "http_answer.h"
#include "json_reader.h"
#include "stsfs/base/text.h"
#include "stsfs/credentials/vending_client.h"
#include "vending_answer.h"

namespace stsfs::credentials {
namespace {

// RFC 8628, 3.2: where the server says nothing.
constexpr std::uint64_t kIntervalDefault = 5;
constexpr std::uint64_t kIntervalMax = 300;
constexpr std::uint64_t kExpiresMax = 24 * 3'600;
constexpr std::size_t kCodeMaxBytes = 4096;
constexpr std::size_t kGroupsMax = 1000;

std::string in_front(const std::string& url) { return "vending server " + printable(url, 512); }

http::Request with_json(http::Request request, std::string body) {
  request.headers.push_back({"Content-Type", "application/json"});
  request.body = http::memory_body(std::move(body));
  return request;
}

Result<DeviceCode> read_device_code(http::Response& response) {
  auto document = parse_object(response.body, kAnswerMaxBytes);
  wipe(response.body);
  if (!document) return fail(std::move(document.error()));
  MemberReader reader(*document);
  DeviceCode code;
  code.device_code = reader.secret("device_code", kCodeMaxBytes, true);
  code.user_code = reader.text("user_code", 64, true);
  code.verification_uri = reader.text("verification_uri", 1024, true);
  code.verification_uri_complete = reader.text("verification_uri_complete", 1024);
  code.expires_in = std::chrono::seconds(std::min(reader.number("expires_in"), kExpiresMax));
  const std::uint64_t interval =
      reader.has("interval") ? reader.number("interval") : kIntervalDefault;
  code.interval = std::chrono::seconds(std::clamp<std::uint64_t>(interval, 1, kIntervalMax));
  if (code.expires_in.count() == 0) reader.complain("expires_in", "is missing");
  if (code.device_code.reveal().find_first_of("\"\\") != std::string_view::npos)
    reader.complain("device_code", "contains characters that no code has");
  if (auto read = reader.result(); !read) return fail(std::move(read.error()));
  return code;
}

/// nullopt: the answer is none of those that go on.
std::optional<DeviceState> read_state(const http::Response& response) {
  auto document = parse_object(response.body, kAnswerMaxBytes);
  if (response.status != 400 || !document) return std::nullopt;
  const std::string error = MemberReader(*document).text("error", 64);
  if (error == "authorization_pending") return DeviceState::kPending;
  if (error == "slow_down") return DeviceState::kSlowDown;
  if (error == "expired_token") return DeviceState::kExpired;
  if (error == "access_denied") return DeviceState::kDenied;
  return std::nullopt;
}

}  // namespace

Result<DeviceCode> VendingClient::start_device_login(Deadline deadline, Interrupt& interrupt) {
  auto response = ask(with_json(request(http::Method::kPost, "/v1/device/code", deadline),
                                R"({"client_id":"stsfs"})"),
                      interrupt);
  if (!response) return fail(std::move(response.error()));
  auto code = read_device_code(*response);
  if (!code) return fail(std::move(code.error()), in_front(url_));
  return code;
}

Result<std::variant<LoginToken, DeviceState>> VendingClient::ask_device_login(
    const DeviceCode& code, Deadline deadline, Interrupt& interrupt) {
  std::string body = R"({"client_id":"stsfs","device_code":")";
  body += code.device_code.reveal();
  body += "\"}";
  auto response = ask_of_any_status(
      with_json(request(http::Method::kPost, "/v1/device/token", deadline), std::move(body)),
      interrupt);
  if (!response) return fail(std::move(response.error()));
  if (const auto state = read_state(*response)) return *state;
  if (response->status != 200) return refusal(*response, url_, clock_);
  auto token = read_token(*response, {}, clock_);
  if (!token) return fail(std::move(token.error()), in_front(url_));
  return std::move(*token);
}

Result<void> VendingClient::logout(const Secret& token, Deadline deadline, Interrupt& interrupt) {
  http::Request post = request(http::Method::kPost, "/v1/logout", deadline);
  post.headers.push_back({"Authorization", bearer(token)});
  post.body = http::memory_body({});
  auto response = ask_of_any_status(std::move(post), interrupt);
  if (!response) return fail(std::move(response.error()));
  const int status = response->status;
  if (status == 204 || status == 200 || status == 401) return {};
  return refusal(*response, url_, clock_);
}

Result<Identity> VendingClient::whoami(const Secret& token, Deadline deadline,
                                       Interrupt& interrupt) {
  http::Request get = request(http::Method::kGet, "/v1/whoami", deadline);
  get.headers.push_back({"Authorization", bearer(token)});
  auto response = ask(std::move(get), interrupt);
  if (!response) return fail(std::move(response.error()));
  auto document = parse_object(response->body, kAnswerMaxBytes);
  if (!document) return fail(std::move(document.error()), in_front(url_));
  MemberReader reader(*document);
  Identity who;
  who.user = reader.text("user", 1024, true);
  who.bucket = reader.text("bucket", 1024);
  who.prefix = reader.text("prefix", 1024);
  who.permissions = reader.text("permissions", 64);
  who.token_expires_at = reader.time("token_expires_at");
  who.groups = reader.texts("groups", kGroupsMax, 1024);
  if (auto read = reader.result(); !read) return fail(std::move(read.error()), in_front(url_));
  return who;
}

}  // namespace stsfs::credentials
