#include "stsfs/sts/assume_role.h"

#include <algorithm>

#include "answer.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/this_machine.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/digest.h"
#include "stsfs/sign/rpc.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::sts {
namespace {

constexpr const char* kAction = "AssumeRole";
constexpr const char* kVersion = "2015-04-01";

std::string host_of(const std::string& endpoint) {
  const auto scheme = endpoint.find("://");
  return scheme == std::string::npos ? std::string() : endpoint.substr(scheme + 3);
}

sign::Pairs parameters_of(const AssumeRoleRequest& request) {
  sign::Pairs parameters = {{"DurationSeconds", std::to_string(request.duration.count())},
                            {"RoleArn", request.role_arn},
                            {"RoleSessionName", request.session_name}};
  if (!request.policy.empty()) parameters.emplace_back("Policy", request.policy);
  if (!request.external_id.empty()) parameters.emplace_back("ExternalId", request.external_id);
  return parameters;
}

std::string encoded(const sign::Pairs& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out += percent_encode(name) + '=' + percent_encode(value);
  }
  return out;
}

/// As the official clients do it: parameters in the query, an empty body (sts20150401).
http::Request acs3_request(const StsOptions& options, const AccessKey& key,
                           const sign::Pairs& parameters, WallTime now) {
  const std::string nothing = hex_lower(sign::sha256(""));
  const sign::Pairs headers = {{"host", host_of(options.endpoint)},
                               {"x-acs-action", kAction},
                               {"x-acs-version", kVersion},
                               {"x-acs-date", format_iso8601(now)},
                               {"x-acs-signature-nonce", random_hex(16)},
                               {"x-acs-content-sha256", nothing}};
  http::Request request{.method = http::Method::kPost,
                        .url = options.endpoint + "/?" + encoded(parameters),
                        .body = http::memory_body({}),
                        .deadline = Deadline::at({})};
  for (const auto& [name, value] : headers) request.headers.push_back({name, value});
  request.headers.push_back(
      {"Authorization", sign::acs3::authorization("POST", "/", parameters, headers, nothing,
                                                  {key.id, key.secret.reveal()})});
  return request;
}

http::Request rpc_request(const StsOptions& options, const AccessKey& key, sign::Pairs parameters,
                          WallTime now) {
  parameters.insert(parameters.end(), {{"Action", kAction},
                                       {"Version", kVersion},
                                       {"Format", "JSON"},
                                       {"AccessKeyId", key.id},
                                       {"SignatureMethod", "HMAC-SHA1"},
                                       {"SignatureVersion", "1.0"},
                                       {"SignatureNonce", random_hex(16)},
                                       {"Timestamp", format_iso8601(now)}});
  const std::string text = sign::rpc::string_to_sign("POST", parameters);
  parameters.emplace_back("Signature", sign::rpc::signature(key.secret.reveal(), text));
  return http::Request{.method = http::Method::kPost,
                       .url = options.endpoint + "/",
                       .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                       .body = http::memory_body(encoded(parameters)),
                       .deadline = Deadline::at({})};
}

Result<void> check(const AssumeRoleRequest& request) {
  if (auto good = check_user_name(request.session_name); !good)
    return fail(std::move(good.error()), "RoleSessionName");
  if (request.policy.size() > kPolicyMaxBytes)
    return fail(Errc::kInvalid, "the session policy is longer than 2,048 bytes");
  if (!request.role_arn.starts_with("acs:ram::"))
    return fail(Errc::kInvalid,
                "the role reads acs:ram::ACCOUNT:role/NAME, not " + printable(request.role_arn));
  return {};
}

}  // namespace

Result<void> StsOptions::validate() const {
  const std::string host = host_of(endpoint);
  const bool good = (endpoint.starts_with("https://") || endpoint.starts_with("http://")) &&
                    !host.empty() && host.size() <= 255 &&
                    std::all_of(host.begin(), host.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                             c == '-' || c == ':' || c == '[' || c == ']';
                    });
  if (!good)
    return fail(Errc::kInvalid,
                "the STS endpoint reads https://HOST[:PORT], not " + printable(endpoint));
  if (is_readable_on_the_way(endpoint))
    return fail(Errc::kInvalid, "the STS endpoint " + printable(endpoint) +
                                    " is http:// to another machine, where everybody on the way "
                                    "reads the keys that it gives; remedy: use https://");
  return {};
}

Result<std::unique_ptr<Client>> Client::create(http::Engine& engine, const Clock& clock,
                                               const StsOptions& options) {
  if (auto good = options.validate(); !good) return fail(std::move(good.error()));
  return std::unique_ptr<Client>(new Client(engine, clock, options));
}

Result<Session> Client::assume_role(const AccessKey& key, const AssumeRoleRequest& request,
                                    Deadline deadline, Interrupt& interrupt) {
  if (auto good = check(request); !good) return fail(std::move(good.error()));
  const sign::Pairs parameters = parameters_of(request);
  http::Request wire = options_.signature == SignatureKind::kAcs3
                           ? acs3_request(options_, key, parameters, clock_.wall())
                           : rpc_request(options_, key, parameters, clock_.wall());
  wire.deadline = deadline;
  auto response = await<http::Response>(&interrupt, [&](Callback<http::Response> done) {
    return engine_.start(std::move(wire), std::move(done));
  });
  if (!response) return fail(std::move(response.error()), "STS");
  auto session = read_answer(*response);
  wipe(response->body);
  return session;
}

}  // namespace stsfs::sts
