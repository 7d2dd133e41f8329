#include <array>

#include "fixed_source.h"
#include "stsfs/credentials/sources.h"

namespace stsfs::credentials {
namespace {

struct Names {
  const char* id;
  const char* secret;
  std::array<const char*, 2> tokens;  ///< The first that is set counts; "" is none.
};
constexpr std::array<Names, 2> kNames{{
    {"OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", {"OSS_SESSION_TOKEN", "OSSSESSIONTOKEN"}},
    {"ALIBABA_CLOUD_ACCESS_KEY_ID",
     "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
     {"ALIBABA_CLOUD_SECURITY_TOKEN", ""}},
}};

std::string_view value_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool is_key_text(std::string_view text) {
  for (char c : text)
    if (c <= ' ' || c >= 0x7f) return false;
  return true;
}

}  // namespace

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
    return fixed_source(Credential{std::string(id), Secret(secret), Secret(token), std::nullopt},
                        "environment (" + std::string(names.id) + ")",
                        "remedy: set the variables to a valid key and mount again");
  }
  return fail(Errc::kCredential,
              "no key in the environment; remedy: set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET "
              "(and OSS_SESSION_TOKEN for a temporary one)");
}

}  // namespace stsfs::credentials
