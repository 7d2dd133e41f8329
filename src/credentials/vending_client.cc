#include "stsfs/credentials/vending_client.h"

#include <nlohmann/json.hpp>

#include "answer.h"
#include "http_answer.h"
#include "json_reader.h"
#include "stsfs/base/text.h"
#include "vending_answer.h"

namespace stsfs::credentials {

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

Result<http::Response> VendingClient::ask_of_any_status(http::Request request,
                                                        Interrupt& interrupt) {
  auto response = answer_to(engine_, std::move(request), interrupt);
  if (!response) return fail(std::move(response.error()), "vending server " + printable(url_, 512));
  return response;
}

Result<http::Response> VendingClient::ask(http::Request request, Interrupt& interrupt) {
  auto response = ask_of_any_status(std::move(request), interrupt);
  if (response && response->status != 200) return refusal(*response, url_, clock_);
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
  auto response = ask_of_any_status(std::move(login), interrupt);
  if (!response) return fail(std::move(response.error()));
  if (response->status != 200) return refusal(*response, url_, clock_, Proof::kPassword);
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
