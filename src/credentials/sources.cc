#include "stsfs/credentials/sources.h"

#include <array>
#include <utility>

#include "answer.h"
#include "stsfs/base/private_file.h"
#include "stsfs/base/text.h"

namespace stsfs::credentials {
namespace {

Credential copy_of(const Credential& credential) {
  return Credential{credential.access_key_id, credential.access_key_secret.clone(),
                    credential.security_token.clone(), credential.expiration};
}

/// A credential that is what it is.
class FixedSource final : public Source {
 public:
  FixedSource(Credential credential, std::string name, std::string remedy)
      : credential_(std::move(credential)), name_(std::move(name)), remedy_(std::move(remedy)) {}

  std::string describe() const override { return name_; }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline, Interrupt&) override {
    if (rejected_access_key_id == credential_.access_key_id)
      return fail(Errc::kCredential,
                  "OSS refused the key of " + name_ + ", and it has no other; " + remedy_);
    return Grant{copy_of(credential_), std::nullopt};
  }

 private:
  const Credential credential_;
  const std::string name_;
  const std::string remedy_;
};

class FileSource final : public Source {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}

  std::string describe() const override { return "file " + printable(path_); }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline, Interrupt&) override {
    const auto text = read_private_file(path_, kAnswerMaxBytes);
    if (!text) return fail(text.error(), "credentials");
    auto grant = parse_grant(text->reveal(), KeyKind::kAny);
    if (!grant) return fail(std::move(grant.error()), printable(path_));
    if (grant->credential.access_key_id == rejected_access_key_id)
      return fail(Errc::kCredential,
                  "OSS refused the key in " + printable(path_) + "; remedy: put a valid one there");
    return grant;
  }

 private:
  const std::string path_;
};

struct Names {
  const char* id;
  const char* secret;
  std::array<const char*, 2> tokens;  ///< The first that is set counts.
};
constexpr std::array<Names, 2> kNames{{
    {"OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", {"OSS_SESSION_TOKEN", "OSSSESSIONTOKEN"}},
    {"ALIBABA_CLOUD_ACCESS_KEY_ID",
     "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
     {"ALIBABA_CLOUD_SECURITY_TOKEN", nullptr}},
}};

std::string_view value_of(const Environment& environment, const char* name) {
  const char* value = name == nullptr ? nullptr : environment(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool is_key_text(std::string_view text) {
  for (char c : text)
    if (c <= ' ' || c >= 0x7f) return false;
  return true;
}

}  // namespace

std::unique_ptr<Source> static_source(Credential credential) {
  return std::make_unique<FixedSource>(std::move(credential), "static key",
                                       "remedy: mount with a valid one");
}

std::unique_ptr<Source> file_source(std::string path) {
  return std::make_unique<FileSource>(std::move(path));
}

Result<std::unique_ptr<Source>> environment_source(const Environment& environment) {
  for (const Names& names : kNames) {
    const std::string_view id = value_of(environment, names.id);
    const std::string_view secret = value_of(environment, names.secret);
    if (id.empty() && secret.empty()) continue;
    if (id.empty() || secret.empty())
      return fail(Errc::kCredential, std::string(id.empty() ? names.id : names.secret) +
                                         " is not set, but the other half of the key is");
    std::string_view token = value_of(environment, names.tokens[0]);
    if (token.empty()) token = value_of(environment, names.tokens[1]);
    if (!is_key_text(id) || !is_key_text(secret) || !is_key_text(token))
      return fail(Errc::kCredential,
                  std::string(names.id) + " or what belongs to it has characters that no key has");
    return std::make_unique<FixedSource>(
        Credential{std::string(id), Secret(secret), Secret(token), std::nullopt},
        "environment (" + std::string(names.id) + ")",
        "remedy: set the variables to a valid key and mount again");
  }
  return fail(Errc::kCredential,
              "no key in the environment; remedy: set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET "
              "(and OSS_SESSION_TOKEN for a temporary one)");
}

}  // namespace stsfs::credentials
