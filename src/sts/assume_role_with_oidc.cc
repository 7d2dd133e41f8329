#include "stsfs/sts/assume_role_with_oidc.h"

#include "answer.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::sts {
namespace {

constexpr std::size_t kTokenMinBytes = 4;
constexpr std::size_t kTokenMaxBytes = 20'000;

std::string form_of(const OidcRequest& request, const Secret& token, WallTime now) {
  std::string form = "Action=AssumeRoleWithOIDC&Version=2015-04-01&Format=JSON";
  const auto add = [&form](const char* name, std::string_view value) {
    form += std::string("&") + name + "=" + percent_encode(value);
  };
  add("Timestamp", format_iso8601(now));
  add("SignatureNonce", random_hex(16));
  add("OIDCProviderArn", request.provider_arn);
  add("RoleArn", request.role_arn);
  add("RoleSessionName", request.session_name);
  add("DurationSeconds", std::to_string(request.duration.count()));
  add("OIDCToken", token.reveal());
  return form;
}

}  // namespace

Result<Session> assume_role_with_oidc(http::Engine& engine, const Clock& clock,
                                      const StsOptions& options, const OidcRequest& request,
                                      const Secret& token, Deadline deadline,
                                      Interrupt& interrupt) {
  if (token.size_bytes() < kTokenMinBytes || token.size_bytes() > kTokenMaxBytes)
    return fail(Errc::kCredential, "an OIDC token has 4 to 20,000 characters, this one " +
                                       std::to_string(token.size_bytes()));
  http::Request post{.method = http::Method::kPost,
                     .url = options.endpoint + "/",
                     .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                     .body = http::memory_body(form_of(request, token, clock.wall())),
                     .deadline = deadline};
  auto response = await<http::Response>(&interrupt, [&](Callback<http::Response> done) {
    return engine.start(std::move(post), std::move(done));
  });
  if (!response) return fail(std::move(response.error()), "STS");
  auto session = read_answer(*response);
  wipe(response->body);
  return session;
}

}  // namespace stsfs::sts
