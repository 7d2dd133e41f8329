// The two sources that ask STS themselves: with a RAM user's key, or with an OIDC token.
#include <algorithm>
#include <utility>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/credentials/sources.h"
#include "stsfs/sts/assume_role.h"
#include "stsfs/sts/assume_role_with_oidc.h"

namespace stsfs::credentials {
namespace {

constexpr std::size_t kTokenFileMaxBytes = 64 * 1024;
constexpr std::chrono::seconds kDurationMin{900};

Result<void> check_role(const RoleOptions& role) {
  if (!role.role_arn.starts_with("acs:ram::"))
    return fail(Errc::kInvalid, "role_arn reads acs:ram::ACCOUNT:role/NAME, not " +
                                    (role.role_arn.empty() ? "nothing" : printable(role.role_arn)));
  if (role.duration < kDurationMin)
    return fail(Errc::kInvalid, "a role is assumed for at least 900 s");
  return sts::StsOptions{.endpoint = role.sts_endpoint}.validate();
}

Grant grant_of(sts::Session session) {
  Grant grant;
  grant.credential = {std::move(session.access_key_id), std::move(session.access_key_secret),
                      std::move(session.security_token), session.expiration};
  grant.identity = std::move(session.arn);
  return grant;
}

class AssumeRoleSource final : public Source {
 public:
  AssumeRoleSource(std::unique_ptr<Source> key, std::unique_ptr<sts::Client> client,
                   RoleOptions role)
      : key_(std::move(key)), client_(std::move(client)), role_(std::move(role)) {}

  std::string describe() const override {
    return "role " + printable(role_.role_arn) + " with the key of " + key_->describe();
  }

  /// STS gives a new key each time: a refused one never comes again.
  Result<Grant> fetch(const std::string&, Deadline deadline, Interrupt& interrupt) override {
    auto key = key_->fetch({}, deadline, interrupt);
    if (!key) return key;
    if (!key->credential.security_token.empty())
      return fail(Errc::kCredential, key_->describe() +
                                         " gives a temporary key, which assumes no role here; "
                                         "remedy: use the key of a RAM user");
    const sts::AccessKey caller{key->credential.access_key_id,
                                std::move(key->credential.access_key_secret)};
    auto session = client_->assume_role(caller,
                                        {.role_arn = role_.role_arn,
                                         .session_name = role_.session_name,
                                         .duration = role_.duration},
                                        deadline, interrupt);
    if (!session) return fail(std::move(session.error()));
    return grant_of(std::move(*session));
  }

  void watch(std::function<void()> changed) override { key_->watch(std::move(changed)); }

 private:
  const std::unique_ptr<Source> key_;
  const std::unique_ptr<sts::Client> client_;
  const RoleOptions role_;
};

class OidcSource final : public Source {
 public:
  OidcSource(http::Engine& engine, const Clock& clock, OidcOptions options)
      : engine_(engine), clock_(clock), options_(std::move(options)) {}

  std::string describe() const override {
    return "role " + printable(options_.role.role_arn) + " with the OIDC token in " +
           printable(options_.token_file);
  }

  Result<Grant> fetch(const std::string&, Deadline deadline, Interrupt& interrupt) override {
    const auto token = read_token();
    if (!token) return fail(token.error());
    auto session =
        sts::assume_role_with_oidc(engine_, clock_, {.endpoint = options_.role.sts_endpoint},
                                   {.provider_arn = options_.provider_arn,
                                    .role_arn = options_.role.role_arn,
                                    .session_name = options_.role.session_name,
                                    .duration = options_.role.duration},
                                   *token, deadline, interrupt);
    if (!session) return fail(std::move(session.error()));
    return grant_of(std::move(*session));
  }

 private:
  /// Its mode is whoever projected it into the pod's to say, not ours to judge.
  Result<Secret> read_token() const {
    auto text = read_file(options_.token_file, kTokenFileMaxBytes);
    if (!text) return fail(Errc::kCredential, "OIDC token: " + text.error().message);
    std::string_view token = *text;
    while (!token.empty() && (token.back() == '\n' || token.back() == ' ')) token.remove_suffix(1);
    Secret out(token);
    wipe(*text);
    return out;
  }

  http::Engine& engine_;
  const Clock& clock_;
  const OidcOptions options_;
};

}  // namespace

Result<std::unique_ptr<Source>> assume_role_source(std::unique_ptr<Source> key,
                                                   http::Engine& engine, const Clock& clock,
                                                   RoleOptions options) {
  if (auto good = check_role(options); !good) return fail(std::move(good.error()));
  auto client = sts::Client::create(engine, clock, {.endpoint = options.sts_endpoint});
  if (!client) return fail(std::move(client.error()));
  return std::make_unique<AssumeRoleSource>(std::move(key), std::move(*client), std::move(options));
}

Result<std::unique_ptr<Source>> oidc_source(http::Engine& engine, const Clock& clock,
                                            OidcOptions options) {
  if (auto good = check_role(options.role); !good) return fail(std::move(good.error()));
  if (!options.provider_arn.starts_with("acs:ram::"))
    return fail(Errc::kInvalid, "oidc_provider_arn reads acs:ram::ACCOUNT:oidc-provider/NAME");
  if (options.token_file.empty())
    return fail(Errc::kInvalid,
                "credentials=oidc needs oidc_token_file=FILE or ALIBABA_CLOUD_OIDC_TOKEN_FILE");
  return std::make_unique<OidcSource>(engine, clock, std::move(options));
}

}  // namespace stsfs::credentials
