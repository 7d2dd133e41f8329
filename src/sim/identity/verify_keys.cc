#include "verify.h"

namespace stsfs::sim {
namespace {

constexpr std::string_view kSessionPrefix = "STS.";

Refusal unknown_key(std::string_view id, std::string ec) {
  return {403,
          "InvalidAccessKeyId",
          "The OSS Access Key Id you provided does not exist in our records.",
          std::move(ec),
          {{"OSSAccessKeyId", std::string(id.substr(0, 256))}}};
}

Refusal disabled_key(std::string_view id) {
  Refusal out = unknown_key(id, "0002-00000901");
  out.message = "The OSS Access Key Id you provided is disabled.";
  return out;
}

Refusal expired_token(std::string_view token) {
  return {403,
          "SecurityTokenExpired",
          "The security token you provided has expired.",
          "0002-00000007",
          {{"SecurityToken", std::string(token)}}};
}

Verdict<KnownKey> find_session(const SessionTable& sessions, std::string_view id,
                               std::string_view token, WallTime now, const AccessOptions& options) {
  auto session = sessions.find(id);
  if (!session || sessions.is_revoked(id)) return tl::unexpected(unknown_key(id, "0002-00000002"));
  // An STS key is none of the long-term keys that a request without a token is looked up among.
  if (token.empty()) return tl::unexpected(unknown_key(id, "0002-00000003"));
  if (!session->owns_token(token))
    return tl::unexpected(Refusal{403, "InvalidSecurityToken",
                                  "The security token you provided is invalid.", "0002-00000006"});
  if (now >= session->expires) {
    if (options.switches.expired_answers_invalid_access_key_id)
      return tl::unexpected(unknown_key(id, "0002-00000002"));
    return tl::unexpected(expired_token(token));
  }
  KnownKey out;
  out.principal.kind = Principal::Kind::kRoleSession;
  out.principal.account_id = session->role->account_id;
  out.principal.access_key_id = session->access_key_id;
  out.principal.arn = session->arn();
  out.secret = session->secret.reveal();
  out.principal.session = std::move(session);
  return out;
}

}  // namespace

Verdict<KnownKey> find_key(const Directory& directory, const SessionTable& sessions,
                           std::string_view access_key_id, std::string_view token, WallTime now,
                           const AccessOptions& options) {
  if (access_key_id.starts_with(kSessionPrefix))
    return find_session(sessions, access_key_id, token, now, options);
  const AccessKey* key = directory.find_key(access_key_id);
  // A token makes it an STS request, and no user's key is known to STS.
  if (!token.empty()) return tl::unexpected(unknown_key(access_key_id, "0002-00000002"));
  if (key == nullptr) return tl::unexpected(unknown_key(access_key_id, "0002-00000902"));
  if (!key->active || sessions.is_revoked(access_key_id))
    return tl::unexpected(disabled_key(access_key_id));
  KnownKey out;
  const User& user = *key->owner;
  out.principal = {user.root ? Principal::Kind::kAccount : Principal::Kind::kUser,
                   user.account_id,
                   key->id,
                   user.arn,
                   key->owner,
                   nullptr};
  out.secret = key->secret.reveal();
  return out;
}

}  // namespace stsfs::sim
