#include "oidc.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "stores/user_store.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"
#include "stsfs/sign/strict_json.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {
namespace {

constexpr std::chrono::hours kKeysFresh{1}, kKeysUsable{24};
constexpr std::chrono::seconds kFetchEvery{30}, kFetchTimeout{10};
constexpr std::size_t kDocumentMaxBytes = 256 * 1024;
constexpr std::size_t kGroupsMax = 100;
constexpr std::string_view kHashedName = "oidc-";
constexpr std::size_t kHashedNameDigits = 40;

const char* reason_of(sign::JwtFlaw flaw) {
  using sign::JwtFlaw;
  switch (flaw) {
    case JwtFlaw::kMalformed:
      return "it is no JSON Web Token";
    case JwtFlaw::kSignature:
      return "no key of the provider signed it";
    case JwtFlaw::kIssuer:
      return "it is from another issuer";
    case JwtFlaw::kAudience:
      return "it is for another audience";
    case JwtFlaw::kIncomplete:
      return "it has no sub or no exp";
    case JwtFlaw::kExpired:
      return "it has expired";
    case JwtFlaw::kNotYet:
      return "it is not valid yet";
  }
  return "it is no JSON Web Token";
}

/// `jwks_uri` of a discovery document that is the issuer's own.
Result<std::string> key_set_address(const std::string& document, const std::string& issuer) {
  if (auto strict = sign::check_json_strictly(document); !strict)
    return fail(std::move(strict.error()));
  const auto json = nlohmann::json::parse(document, nullptr, false);
  if (!json.is_object() || json.value("issuer", nlohmann::json()) != issuer)
    return fail(Errc::kProtocol, "the discovery document is not that of " + printable(issuer));
  const auto found = json.find("jwks_uri");
  if (found == json.end() || !found->is_string())
    return fail(Errc::kProtocol, "it names no jwks_uri");
  auto address = found->get<std::string>();
  // What an issuer over TLS says must not lead to keys without.
  if (!address.starts_with("https://") &&
      (issuer.starts_with("https://") || !address.starts_with("http://")))
    return fail(Errc::kProtocol, "its jwks_uri is no https URL");
  return address;
}

}  // namespace

bool looks_like_jwt(std::string_view token) {
  return std::count(token.begin(), token.end(), '.') == 2;
}

std::string session_name_of(const std::string& issuer, const std::string& subject) {
  const bool taken =
      subject.starts_with(kHashedName) && subject.size() == kHashedName.size() + kHashedNameDigits;
  if (!taken && sts::check_user_name(subject)) return subject;
  const auto hash = sign::sha256(issuer + '\0' + subject);
  return std::string(kHashedName) + hex_lower(hash).substr(0, kHashedNameDigits);
}

Result<std::string> OidcVerifier::get(const std::string& url, Deadline deadline,
                                      Interrupt& interrupt) {
  auto response = await<http::Response>(&interrupt, [&](Callback<http::Response> done) {
    return engine_.start({.method = http::Method::kGet, .url = url, .deadline = deadline},
                         std::move(done));
  });
  if (!response) return fail(std::move(response.error()));
  if (response->status != 200)
    return fail(Errc::kUnavailable,
                printable(url) + " answers " + std::to_string(response->status));
  if (response->body.size() > kDocumentMaxBytes)
    return fail(Errc::kProtocol, printable(url) + " is too long");
  return std::move(response->body);
}

Result<OidcVerifier::Keys> OidcVerifier::fetch(Interrupt& interrupt) {
  const Deadline deadline = Deadline::in(clock_, kFetchTimeout);
  std::string address = config_.jwks_uri;
  if (address.empty()) {
    const std::string slash = config_.issuer.ends_with('/') ? "" : "/";
    auto document =
        get(config_.issuer + slash + ".well-known/openid-configuration", deadline, interrupt);
    if (!document) return fail(std::move(document.error()));
    auto found = key_set_address(*document, config_.issuer);
    if (!found) return fail(std::move(found.error()));
    address = std::move(*found);
  }
  auto text = get(address, deadline, interrupt);
  if (!text) return fail(std::move(text.error()));
  auto keys = sign::parse_key_set(*text);
  if (!keys) return fail(std::move(keys.error()));
  return std::make_shared<const std::vector<sign::JwtKey>>(std::move(*keys));
}

bool OidcVerifier::must_fetch(const std::string& key_id) const {
  const SteadyTime now = clock_.steady();
  if (tried_at_ && now - *tried_at_ < kFetchEvery) return false;
  if (!keys_ || now - fetched_at_ > kKeysFresh) return true;
  return !key_id.empty() && std::none_of(keys_->begin(), keys_->end(), [&](const auto& key) {
    return key.id.empty() || key.id == key_id;
  });
}

Result<OidcVerifier::Keys> OidcVerifier::keys_for(const std::string& key_id, Interrupt& interrupt) {
  {
    MutexLock lock(mutex_);
    while (fetching_ && !keys_) fetched_.wait(mutex_);  // whoever fetches is bound by kFetchTimeout
    const bool usable = keys_ && clock_.steady() - fetched_at_ <= kKeysUsable;
    if (fetching_ || !must_fetch(key_id)) {
      if (usable) return keys_;
      return fail(Errc::kUnavailable, "the OpenID provider's keys cannot be had now");
    }
    fetching_ = true;
    tried_at_ = clock_.steady();
  }
  auto fresh = fetch(interrupt);
  if (!fresh)
    log_warning("vend", "keys of {}: {}", printable(config_.issuer), fresh.error().message);
  MutexLock lock(mutex_);
  fetching_ = false;
  fetched_.notify_all();
  if (fresh) {
    keys_ = std::move(*fresh);
    fetched_at_ = clock_.steady();
  }
  if (keys_ && clock_.steady() - fetched_at_ <= kKeysUsable) return keys_;
  return fail(Errc::kUnavailable, "the OpenID provider's keys cannot be had now");
}

Result<OidcPerson> OidcVerifier::person_of(const sign::JwtClaims& claims) const {
  OidcPerson person{.issuer = claims.issuer, .expires_at = claims.expires};
  const std::string subject =
      config_.user_claim == "sub" ? claims.subject : sign::jwt_text(claims, config_.user_claim);
  if (subject.empty())
    return fail(Errc::kCredential,
                "the token is not good: it has no " + printable(config_.user_claim));
  person.name = session_name_of(claims.issuer, subject);
  if (config_.groups_claim.empty()) return person;
  for (std::string& group : sign::jwt_list(claims, config_.groups_claim))
    if (person.groups.size() < kGroupsMax && check_group_name(group))
      person.groups.push_back(std::move(group));
  return person;
}

Result<OidcPerson> OidcVerifier::check(std::string_view token, Interrupt& interrupt) {
  auto keys = keys_for(sign::jwt_key_id(token), interrupt);
  if (!keys) return fail(std::move(keys.error()));
  const auto claims =
      sign::verify_jwt(token, **keys, {config_.issuer, config_.audiences}, clock_.wall());
  if (!claims)
    return fail(Errc::kCredential,
                std::string("the token is not good: ") + reason_of(claims.error()));
  return person_of(*claims);
}

}  // namespace stsfs::vend
