#include "sts_assume_role.h"

#include <algorithm>

#include "jwt.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::sim {
namespace {

using std::chrono::seconds;

// STS, "AssumeRole": sizes and characters of its parameters.
constexpr seconds kDurationMin{900};
constexpr std::size_t kSessionNameMin = 2;
constexpr std::size_t kSessionNameMax = 64;
constexpr std::size_t kRoleNameMax = 64;
constexpr std::size_t kExternalIdMax = 1'224;
constexpr std::size_t kOidcTokenMin = 4;
constexpr std::size_t kOidcTokenMax = 20'000;
constexpr std::string_view kWord =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
constexpr std::string_view kAction = "sts:AssumeRole";

tl::unexpected<StsFailure> wrong(std::string_view name, std::string message) {
  return tl::unexpected(
      StsFailure{400, "InvalidParameter." + std::string(name), std::move(message)});
}

tl::unexpected<StsFailure> wrongly_formed(std::string_view name) {
  return wrong(name, "The parameter " + std::string(name) + " is wrongly formed.");
}

bool is_made_of(std::string_view text, std::string_view more, std::size_t min, std::size_t max) {
  return text.size() >= min && text.size() <= max &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return kWord.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
         });
}

bool is_role_arn(std::string_view arn) {
  constexpr std::string_view kStart = "acs:ram::";
  constexpr std::string_view kMiddle = ":role/";
  if (!arn.starts_with(kStart)) return false;
  arn.remove_prefix(kStart.size());
  const std::size_t middle = arn.find(kMiddle);
  if (middle == 0 || middle == std::string_view::npos) return false;
  return parse_u64(arn.substr(0, middle)) &&
         is_made_of(arn.substr(middle + kMiddle.size()), ".@-", 1, kRoleNameMax);
}

/// `15min`, `1hr`, `90s`.
std::string in_words(seconds time) {
  if (time.count() % 3'600 == 0) return std::to_string(time.count() / 3'600) + "hr";
  if (time.count() % 60 == 0) return std::to_string(time.count() / 60) + "min";
  return std::to_string(time.count()) + "s";
}

tl::unexpected<StsFailure> wrong_duration(seconds min, seconds max) {
  return wrong("DurationSeconds", "The Min/Max value of DurationSeconds is " + in_words(min) + "/" +
                                      in_words(max) + ".");
}

seconds duration_min(const StsOptions& options) {
  return options.allow_short_tokens ? seconds(1) : kDurationMin;
}

StsResult<std::shared_ptr<const Policy>> parse_session_policy(const std::string& text) {
  if (text.size() > kSessionPolicySizeMax)
    return wrong("PolicySize", "The size of Policy must be smaller than " +
                                   std::to_string(kSessionPolicySizeMax) + " bytes.");
  auto policy = parse_policy(text, PolicyKind::kSession);
  if (!policy) return wrong("PolicyGrammar", "The parameter Policy has not passed grammar check.");
  policy->name = "session policy";
  return std::make_shared<const Policy>(std::move(*policy));
}

/// The conditions that a trust policy, or the caller's own, may ask about.
ConditionLookup lookup_for(const StsCall& call, const AssumeParameters& wanted,
                           const OidcClaims* claims) {
  return [&call, &wanted, claims](std::string_view key) -> std::optional<std::string> {
    const auto is = [key](std::string_view name) { return equals_ignoring_case(key, name); };
    if (is("acs:SourceIp")) return call.request.remote_address;
    if (is("acs:SecureTransport")) return call.request.secure ? "true" : "false";
    if (is("acs:CurrentTime")) return format_iso8601(call.request.now);
    if (is("acs:MFAPresent")) return "false";
    if (is("sts:RoleSessionName")) return wanted.session_name;
    if (is("sts:ExternalId") && !wanted.external_id.empty()) return wanted.external_id;
    if (is("sts:SourceIdentity") && !wanted.source_identity.empty()) return wanted.source_identity;
    if (claims != nullptr && is("oidc:iss")) return claims->issuer;
    if (claims != nullptr && is("oidc:aud")) return claims->audience;
    if (claims != nullptr && is("oidc:sub")) return claims->subject;
    return std::nullopt;
  };
}

/// The caller's own policies, and its session policy where it has one, allow it.
bool caller_may(const Principal& caller, const PolicyQuestion& question) {
  if (caller.session) {
    const auto& session = *caller.session;
    if (session.policy && evaluate(*session.policy, question) != Decision::kAllow) return false;
    return evaluate(session.role->policies, question) == Decision::kAllow;
  }
  return caller.user && evaluate(caller.user->policies, question) == Decision::kAllow;
}

StsResult<std::shared_ptr<const Role>> find_role(const StsContext& context,
                                                 const std::string& arn) {
  auto role = context.directory.find_role(arn);
  if (!role)
    return tl::unexpected(StsFailure{404, "EntityNotExist.Role", "The specified Role not exists."});
  return role;
}

StsResult<seconds> lifetime(const AssumeParameters& wanted, const Role& role, bool chained,
                            const StsOptions& options) {
  seconds max = role.session_max;
  if (chained) max = std::min(max, options.duration_max_chained);
  if (!wanted.duration) return std::min(options.duration_default, max);
  if (*wanted.duration > max) return wrong_duration(duration_min(options), max);
  return *wanted.duration;
}

StsElements issue(const StsCall& call, AssumeParameters wanted, std::shared_ptr<const Role> role,
                  seconds duration, const StsContext& context) {
  // What is printed has whole seconds, and what is printed is what holds.
  const WallTime expires = std::chrono::floor<seconds>(call.request.now) + duration;
  const IssuedSession issued =
      context.sessions.create({std::move(role), std::move(wanted.session_name),
                               wanted.source_identity, std::move(wanted.policy), expires});
  const Session& session = *issued.session;
  StsElements out{{"AssumedRoleUser",
                   "",
                   {{"Arn", session.arn()}, {"AssumedRoleId", session.assumed_role_id()}}},
                  {"Credentials",
                   "",
                   {{"SecurityToken", std::string(issued.token.reveal())},
                    {"AccessKeyId", session.access_key_id},
                    {"AccessKeySecret", std::string(session.secret.reveal())},
                    {"Expiration", format_iso8601(expires)}}}};
  if (!wanted.source_identity.empty()) out.push_back({"SourceIdentity", wanted.source_identity});
  return out;
}

}  // namespace

StsResult<AssumeParameters> parse_assume_parameters(const StsCall& call,
                                                    const StsOptions& options) {
  AssumeParameters out;
  auto arn = call.need("RoleArn");
  if (!arn) return tl::unexpected(std::move(arn.error()));
  if (!is_role_arn(*arn)) return wrongly_formed("RoleArn");
  auto name = call.need("RoleSessionName");
  if (!name) return tl::unexpected(std::move(name.error()));
  if (!is_made_of(*name, ".@-", kSessionNameMin, kSessionNameMax))
    return wrongly_formed("RoleSessionName");
  if (const auto* text = call.find("DurationSeconds"); text != nullptr && !text->empty()) {
    const auto number = parse_u64(*text);
    constexpr std::uint64_t kYear = 366ULL * 24 * 3'600;
    if (!number || *number > kYear || seconds(*number) < duration_min(options))
      return wrong_duration(duration_min(options), options.duration_default);
    out.duration = seconds(*number);
  }
  if (const auto* text = call.find("Policy")) {
    auto policy = parse_session_policy(*text);
    if (!policy) return tl::unexpected(std::move(policy.error()));
    out.policy = std::move(*policy);
  }
  if (const auto* text = call.find("ExternalId"); text != nullptr && !text->empty()) {
    if (!is_made_of(*text, "+=,.@:/-", 2, kExternalIdMax)) return wrongly_formed("ExternalId");
    out.external_id = *text;
  }
  if (const auto* text = call.find("SourceIdentity"); text != nullptr && !text->empty()) {
    if (!is_made_of(*text, "+=,.@-", 2, kSessionNameMax)) return wrongly_formed("SourceIdentity");
    out.source_identity = *text;
  }
  out.role_arn = std::move(*arn);
  out.session_name = std::move(*name);
  return out;
}

StsResult<StsElements> assume_role(const StsCall& call, const Principal& caller,
                                   const StsContext& context) {
  if (caller.kind == Principal::Kind::kAccount)
    return tl::unexpected(
        StsFailure{403, "NoPermission", "Roles may not be assumed by root accounts."});
  auto wanted = parse_assume_parameters(call, context.options);
  if (!wanted) return tl::unexpected(std::move(wanted.error()));
  auto role = find_role(context, wanted->role_arn);
  if (!role) return tl::unexpected(std::move(role.error()));

  PolicyQuestion question{kAction, (*role)->arn, {}, lookup_for(call, *wanted, nullptr)};
  question.principal.account_id = caller.account_id;
  const std::string session_arn = caller.session ? caller.session->assumed_role_arn() : "";
  if (caller.user) {
    question.principal.id = caller.user->id;
    question.principal.arn = caller.user->arn;
  } else if (caller.session) {
    question.principal.id = caller.session->role->id;
    question.principal.arn = caller.session->role->arn;
    question.principal.session_arn = session_arn;
  }
  if (!caller_may(caller, question) || evaluate((*role)->trust, question) != Decision::kAllow)
    return tl::unexpected(
        StsFailure{403, "NoPermission",
                   "You are not authorized to do this action. You should be authorized by RAM."});
  const auto duration = lifetime(*wanted, **role, caller.session != nullptr, context.options);
  if (!duration) return tl::unexpected(duration.error());
  return issue(call, std::move(*wanted), std::move(*role), *duration, context);
}

StsResult<StsElements> assume_role_with_oidc(const StsCall& call, const StsContext& context) {
  const auto provider_arn = call.need("OIDCProviderArn");
  if (!provider_arn) return tl::unexpected(provider_arn.error());
  const auto token = call.need("OIDCToken");
  if (!token) return tl::unexpected(token.error());
  if (token->size() < kOidcTokenMin || token->size() > kOidcTokenMax)
    return wrongly_formed("OIDCToken");
  auto wanted = parse_assume_parameters(call, context.options);
  if (!wanted) return tl::unexpected(std::move(wanted.error()));
  const OidcProvider* provider = context.directory.find_provider(*provider_arn);
  if (provider == nullptr)
    return tl::unexpected(
        StsFailure{404, "EntityNotExist.OIDCProvider", "The specified OIDC provider not exists."});
  auto role = find_role(context, wanted->role_arn);
  if (!role) return tl::unexpected(std::move(role.error()));
  const auto claims = verify_oidc_token(*token, *provider, call.request.now);
  if (!claims) return tl::unexpected(claims.error());

  PolicyQuestion question{kAction, (*role)->arn, {}, lookup_for(call, *wanted, &*claims)};
  question.principal.kind = PrincipalPattern::Kind::kFederated;
  question.principal.arn = provider->arn;
  if (evaluate((*role)->trust, question) != Decision::kAllow)
    return tl::unexpected(
        StsFailure{403, "NoPermission",
                   "You are not authorized to do this action. You should be authorized by RAM."});
  const auto duration = lifetime(*wanted, **role, false, context.options);
  if (!duration) return tl::unexpected(duration.error());
  StsElements out = issue(call, std::move(*wanted), std::move(*role), *duration, context);
  out.push_back({"OIDCTokenInfo",
                 "",
                 {{"Subject", claims->subject},
                  {"Issuer", claims->issuer},
                  {"ClientIds", claims->audience},
                  {"ExpirationTime", format_iso8601(claims->expires)},
                  {"IssuanceTime", format_iso8601(claims->issued)},
                  {"VerificationInfo", "Success"}}});
  return out;
}

StsElements caller_identity(const Principal& caller) {
  if (caller.session) {
    const Session& session = *caller.session;
    return {{"AccountId", caller.account_id},
            {"RoleId", session.role->id},
            {"Arn", "acs:ram::" + caller.account_id + ":assumed-role/" + session.role->name + "/" +
                        session.name},
            {"IdentityType", "AssumedRoleUser"},
            {"PrincipalId", session.assumed_role_id()}};
  }
  const bool root = caller.kind == Principal::Kind::kAccount;
  return {{"AccountId", caller.account_id},
          {"UserId", caller.user->id},
          {"Arn", caller.arn},
          {"IdentityType", root ? "Account" : "RAMUser"},
          {"PrincipalId", caller.user->id}};
}

}  // namespace stsfs::sim
