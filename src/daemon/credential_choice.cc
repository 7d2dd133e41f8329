#include "credential_choice.h"

#include <utility>

#include "stsfs/base/command.h"
#include "stsfs/credentials/sources.h"
#include "stsfs/credentials/token_store.h"
#include "stsfs/credentials/vending_client.h"
#include "unattended_login.h"

namespace stsfs::daemon {
namespace {

using credentials::Source;
using SourceResult = Result<std::unique_ptr<Source>>;

std::string value_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool is_true(const std::string& text) { return text == "true" || text == "1"; }

/// As the official SDKs make it. Source: sts-and-ram reference, 3.4.
std::string sts_endpoint_of(const Environment& environment) {
  const std::string region = value_of(environment, "ALIBABA_CLOUD_STS_REGION");
  if (region.empty()) return "https://sts.aliyuncs.com";
  const bool vpc = is_true(value_of(environment, "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"));
  return std::string("https://sts") + (vpc ? "-vpc." : ".") + region + ".aliyuncs.com";
}

credentials::RoleOptions role_of(const MountOptions& options) {
  return {.role_arn = options.role_arn,
          .session_name = options.role_session,
          .sts_endpoint = options.sts_endpoint};
}

/// `credentials=static`: as `file`, but what it holds now is what the mount goes on with.
SourceResult read_once(const MountOptions& options, const Clock& clock) {
  Interrupt never;
  auto grant = credentials::file_source(options.credentials_file)
                   ->fetch({}, Deadline::in(clock, options.mount_timeout), never);
  if (!grant) return fail(std::move(grant.error()));
  return credentials::static_source(std::move(grant->credential),
                                    "static key of " + options.credentials_file);
}

SourceResult process(const MountOptions& options, const Clock& clock) {
  auto command = split_command(options.credentials_process);
  if (!command) return fail(std::move(command.error()), "credentials_process");
  return credentials::process_source(std::move(*command), clock);
}

SourceResult vending(const MountOptions& options, const std::string& state_directory,
                     const Environment& environment, http::Engine& engine, const Clock& clock) {
  auto client = credentials::VendingClient::create(
      engine, clock, {.url = options.vend, .insecure_http = options.insecure_http});
  if (!client) return fail(std::move(client.error()));
  auto login = unattended_login(options, environment, clock);
  if (!login) return fail(std::move(login.error()));
  return credentials::vending_source(std::move(*client),
                                     credentials::TokenStore(state_directory, options.token_store),
                                     clock, std::move(*login));
}

/// The key of the RAM user lies in `credentials_file` or in the environment.
SourceResult assume_role(const MountOptions& options, const Environment& environment,
                         http::Engine& engine, const Clock& clock) {
  SourceResult key = options.credentials_file.empty()
                         ? credentials::environment_source(environment)
                         : credentials::file_source(options.credentials_file);
  if (!key) return key;
  return credentials::assume_role_source(std::move(*key), engine, clock, role_of(options));
}

/// What `auto` falls to when nothing says where credentials come from: most who read its errors
/// meant another.
class LastResort final : public Source {
 public:
  explicit LastResort(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  std::string describe() const override { return source_->describe(); }
  Result<credentials::Grant> fetch(const std::string& rejected_access_key_id, Deadline deadline,
                                   Interrupt& interrupt) override {
    auto grant = source_->fetch(rejected_access_key_id, deadline, interrupt);
    if (!grant)
      grant.error().message +=
          "; no other source was given: set vend=, credentials_file=, or OSS_ACCESS_KEY_ID and "
          "OSS_ACCESS_KEY_SECRET";
    return grant;
  }

 private:
  const std::unique_ptr<Source> source_;
};

SourceResult ecs(const MountOptions& options, bool is_last_resort, const Environment& environment,
                 http::Engine& engine, const Clock& clock) {
  auto source = credentials::ecs_source(
      engine, clock,
      {.role = options.ecs_role,
       .address = options.ecs_metadata,
       .may_fall_back = !is_true(value_of(environment, "ALIBABA_CLOUD_IMDSV1_DISABLED"))});
  if (is_last_resort) return std::make_unique<LastResort>(std::move(source));
  return source;
}

}  // namespace

Result<void> check_credentials(const MountOptions& options) {
  const auto needs = [](const std::string& value, const char* what) -> Result<void> {
    if (!value.empty()) return {};
    return fail(Errc::kInvalid, std::string(what));
  };
  switch (options.credentials) {
    case CredentialKind::kStatic:
      return needs(options.credentials_file, "credentials=static needs credentials_file=FILE");
    case CredentialKind::kFile:
      return needs(options.credentials_file, "credentials=file needs credentials_file=FILE");
    case CredentialKind::kVending:
      return needs(options.vend, "credentials=vending needs a vending server: vend=URL");
    case CredentialKind::kProcess:
      return needs(options.credentials_process,
                   "credentials=process needs credentials_process=COMMAND");
    default:
      return {};
  }
}

CredentialKind choose_credentials(const MountOptions& options, const Environment& environment) {
  const auto is_set = [&](const char* name) { return !value_of(environment, name).empty(); };
  if (options.credentials != CredentialKind::kAutomatic) return options.credentials;
  if (!options.vend.empty()) return CredentialKind::kVending;
  if (!options.credentials_file.empty()) return CredentialKind::kFile;
  if (!options.credentials_process.empty()) return CredentialKind::kProcess;
  if (!options.credentials_uri.empty()) return CredentialKind::kUri;
  if (is_set("OSS_ACCESS_KEY_ID") || is_set("ALIBABA_CLOUD_ACCESS_KEY_ID"))
    return CredentialKind::kEnvironment;
  if (is_set("ALIBABA_CLOUD_OIDC_TOKEN_FILE")) return CredentialKind::kOidc;
  if (is_set("ALIBABA_CLOUD_CREDENTIALS_URI")) return CredentialKind::kUri;
  return CredentialKind::kEcs;
}

MountOptions with_environment(MountOptions options, const Environment& environment) {
  const auto fill = [&](std::string& option, const char* name) {
    if (option.empty()) option = value_of(environment, name);
  };
  fill(options.credentials_uri, "ALIBABA_CLOUD_CREDENTIALS_URI");
  fill(options.ecs_role, "ALIBABA_CLOUD_ECS_METADATA");
  fill(options.role_arn, "ALIBABA_CLOUD_ROLE_ARN");
  fill(options.role_session, "ALIBABA_CLOUD_ROLE_SESSION_NAME");
  fill(options.oidc_provider_arn, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN");
  fill(options.oidc_token_file, "ALIBABA_CLOUD_OIDC_TOKEN_FILE");
  if (options.role_session.empty()) options.role_session = "stsfs";
  if (options.sts_endpoint.empty()) options.sts_endpoint = sts_endpoint_of(environment);
  return options;
}

SourceResult make_source(const MountOptions& given, const std::string& state_directory,
                         const Environment& environment, http::Engine& engine, const Clock& clock) {
  if (auto whole = check_credentials(given); !whole) return fail(std::move(whole.error()));
  const CredentialKind kind = choose_credentials(given, environment);
  const MountOptions options = with_environment(given, environment);
  switch (kind) {
    case CredentialKind::kAutomatic:
    case CredentialKind::kVending:
      return vending(options, state_directory, environment, engine, clock);
    case CredentialKind::kEnvironment:
      return credentials::environment_source(environment);
    case CredentialKind::kStatic:
      return read_once(options, clock);
    case CredentialKind::kFile:
      return credentials::file_source(options.credentials_file);
    case CredentialKind::kProcess:
      return process(options, clock);
    case CredentialKind::kUri:
      return credentials::uri_source(
          engine, clock, {.url = options.credentials_uri, .insecure_http = options.insecure_http});
    case CredentialKind::kEcs:
      return ecs(options,
                 given.credentials == CredentialKind::kAutomatic && options.ecs_role.empty() &&
                     options.ecs_metadata.empty(),
                 environment, engine, clock);
    case CredentialKind::kOidc:
      return credentials::oidc_source(engine, clock,
                                      {.role = role_of(options),
                                       .provider_arn = options.oidc_provider_arn,
                                       .token_file = options.oidc_token_file});
    case CredentialKind::kAssumeRole:
      return assume_role(options, environment, engine, clock);
  }
  return fail(Errc::kInvalid, "no such source of credentials");
}

}  // namespace stsfs::daemon
