#include "load_settings.h"

#include <cstdlib>

#include "stsfs/base/fd.h"
#include "stsfs/base/private_file.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

constexpr std::size_t kAdminTokenMinBytes = 32;
constexpr std::uint64_t kProviderAnswerMaxBytes = 256 * 1024;

Result<Secret> load_admin_token(const std::string& file) {
  if (file.empty()) return Secret();
  auto text = read_private_file(file);
  if (!text) return fail(std::move(text.error()), "admin_token_file");
  Secret token(trim(text->reveal().substr(0, text->reveal().find('\n'))));
  if (token.size_bytes() < kAdminTokenMinBytes)
    return fail(
        Errc::kInvalid,
        "admin_token_file: a token has 32 characters at least; remedy: openssl rand -hex 32");
  return token;
}

/// `key` names `ca_file` in the configuration.
Result<std::unique_ptr<http::Engine>> engine_for(const char* key, const std::string& ca_file,
                                                 std::uint64_t answer_max, const Clock& clock) {
  if (!ca_file.empty())
    if (auto readable = read_file(ca_file); !readable)
      return fail(std::move(readable.error()), key);
  return http::Engine::create(
      {.ca_file = ca_file, .user_agent = "stsfs-vend", .response_body_max_bytes = answer_max},
      clock);
}

/// A client for each endpoint that some folder names.
Result<void> make_clients(Settings& settings, const Clock& clock) {
  const Config& config = settings.config;
  std::vector<std::string> endpoints = {config.folder.sts_endpoint};
  for (const auto* rules : {&config.groups, &config.users})
    for (const FolderRule& rule : *rules) endpoints.push_back(rule.folder.sts_endpoint);
  for (const std::string& endpoint : endpoints) {
    if (settings.sts.contains(endpoint)) continue;
    sts::StsOptions options = config.sts.client;
    options.endpoint = endpoint;
    auto client = sts::Client::create(*settings.engine, clock, options);
    if (!client) return fail(std::move(client.error()));
    settings.sts.emplace(endpoint, std::move(*client));
  }
  return {};
}

/// Whether some folder has a quota of which the use is counted.
bool counts_usage(const Config& config) {
  const auto counted = [](const FolderConfig& folder) {
    return folder.quota_bytes > 0 && folder.usage_interval.count() > 0;
  };
  for (const auto* rules : {&config.groups, &config.users})
    for (const FolderRule& rule : *rules)
      if (counted(rule.folder)) return true;
  return counted(config.folder);
}

}  // namespace

Result<AccessKeys> load_keys(const Config& config) {
  return load_access_keys(config.access_key_file, [](const char* name) { return getenv(name); });
}

Result<Loaded> load_settings(const std::string& file, const Clock& clock) {
  auto config = load_config(file);
  if (!config) return fail(std::move(config.error()));
  const FileStamp keys_stamp = stamp_of(config->access_key_file);
  auto keys = load_keys(*config);
  if (!keys) return fail(std::move(keys.error()));
  auto admin_token = load_admin_token(config->admin_token_file);
  if (!admin_token) return fail(std::move(admin_token.error()));
  auto engine = engine_for("sts.ca_file", config->sts.ca_file, std::uint64_t{1} << 20, clock);
  if (!engine) return fail(std::move(engine.error()));
  auto settings = std::make_shared<Settings>();
  settings->config = std::move(*config);
  settings->admin_token = std::move(*admin_token);
  settings->engine = std::move(*engine);
  if (auto made = make_clients(*settings, clock); !made) return fail(std::move(made.error()));
  if (counts_usage(settings->config)) {
    // A page of a listing has 1,000 keys of up to a kilobyte, encoded.
    auto oss_engine =
        engine_for("sts.ca_file", settings->config.sts.ca_file, std::uint64_t{16} << 20, clock);
    if (!oss_engine) return fail(std::move(oss_engine.error()));
    settings->oss_engine = std::move(*oss_engine);
  }
  if (!settings->config.oidc.issuer.empty()) {
    auto oidc_engine =
        engine_for("oidc.ca_file", settings->config.oidc.ca_file, kProviderAnswerMaxBytes, clock);
    if (!oidc_engine) return fail(std::move(oidc_engine.error()));
    settings->oidc_engine = std::move(*oidc_engine);
    settings->oidc =
        std::make_unique<OidcVerifier>(settings->config.oidc, *settings->oidc_engine, clock);
  }
  return Loaded{std::move(settings), std::move(*keys), keys_stamp};
}

}  // namespace stsfs::vend
