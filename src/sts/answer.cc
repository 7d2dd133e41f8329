#include "answer.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::sts {
namespace {

constexpr std::size_t kAnswerMaxBytes = 256 * 1024;
constexpr std::uint64_t kRetryAfterMaxMs = 600'000;

nlohmann::json* member(nlohmann::json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? nullptr : &*found;
}

/// Empty when absent or no string.
std::string text_of(nlohmann::json& object, const char* name) {
  const nlohmann::json* value = member(object, name);
  return value != nullptr && value->is_string() ? printable(value->get_ref<const std::string&>())
                                                : std::string();
}

/// Moves a secret out of the document; empty when absent, no string, or with odd characters.
Secret secret_of(nlohmann::json& object, const char* name) {
  nlohmann::json* value = member(object, name);
  if (value == nullptr || !value->is_string()) return {};
  auto& text = value->get_ref<std::string&>();
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (visible) return Secret(std::move(text));
  wipe(text);
  return {};
}

struct Meaning {
  std::string_view code;  ///< A prefix of STS's: `InvalidParameter` covers `InvalidParameter.X`.
  Errc errc;
  const char* remedy;
};
// STS API, AssumeRole, "Error codes", and its FAQ.
constexpr std::array<Meaning, 16> kMeanings{{
    {"InvalidParameter.DurationSeconds", Errc::kInvalid,
     "duration_seconds must lie between 900 and the role's maximum session duration"},
    {"InvalidParameter.RoleArn", Errc::kInvalid, "check role_arn"},
    {"InvalidParameter", Errc::kInvalid, "check the [sts] section of the configuration"},
    {"Missing", Errc::kInvalid, "check the [sts] section of the configuration"},
    {"NoPermission", Errc::kDenied,
     "the RAM user needs sts:AssumeRole on this role, and the role's trust policy must name it"},
    {"EntityNotExist.Role", Errc::kDenied, "check role_arn: there is no such role"},
    {"EntityNotExist", Errc::kDenied, "check the ARNs: there is no such OIDC provider"},
    {"AuthenticationFail", Errc::kCredential,
     "the OIDC token is not taken: check that it is fresh and meant for this provider"},
    {"InvalidAccessKeyId", Errc::kCredential,
     "check the AccessKey of the vending server: it is unknown or disabled"},
    {"SignatureDoesNotMatch", Errc::kCredential, "check the AccessKey secret"},
    {"IncompleteSignature", Errc::kCredential, "check the AccessKey secret"},
    {"InvalidTimeStamp", Errc::kClockSkew, "set this machine's clock"},
    {"SignatureNonceUsed", Errc::kUnavailable, "it will be tried again"},
    {"Throttling", Errc::kThrottled, "too many AssumeRole calls in this account"},
    {"ServiceUnavailable", Errc::kUnavailable, "STS is in trouble; it will be tried again"},
    {"InternalError", Errc::kUnavailable, "STS is in trouble; it will be tried again"},
}};

const Meaning* meaning_of(std::string_view code) {
  for (const Meaning& meaning : kMeanings)
    if (code.starts_with(meaning.code)) return &meaning;
  return nullptr;
}

Errc errc_of(int status) {
  if (status == 429) return Errc::kThrottled;
  if (status >= 500) return Errc::kUnavailable;
  if (status == 401 || status == 403) return Errc::kDenied;
  return Errc::kProtocol;
}

tl::unexpected<Error> refusal(const http::Response& response, nlohmann::json& document) {
  const std::string code = text_of(document, "Code");
  const std::string request_id = text_of(document, "RequestId");
  const Meaning* meaning = meaning_of(code);
  Error error;
  error.code = meaning != nullptr ? meaning->errc : errc_of(response.status);
  error.message = "STS: " + std::to_string(response.status);
  if (!code.empty()) error.message += " " + code;
  // A SignatureDoesNotMatch quotes the string to sign, which has nothing for a reader.
  if (const auto text = text_of(document, "Message"); !text.empty())
    error.message += ": " + text.substr(0, text.find("server string to sign"));
  if (!request_id.empty()) error.message += " (request id " + request_id + ")";
  if (meaning != nullptr) error.message += std::string("; remedy: ") + meaning->remedy;
  if (const auto* wait = http::find_header(response.headers, "x-acs-retry-after"))
    error.retry_after =
        std::chrono::milliseconds(std::min(parse_u64(trim(*wait)).value_or(0), kRetryAfterMaxMs));
  return fail(std::move(error));
}

tl::unexpected<Error> senseless(const char* what) {
  return fail(Errc::kProtocol, std::string("STS: the answer ") + what +
                                   "; remedy: check the endpoint, this may be no STS");
}

}  // namespace

Result<Session> read_answer(const http::Response& response) {
  if (response.body.size() > kAnswerMaxBytes) return senseless("is too long");
  nlohmann::json document = nlohmann::json::parse(response.body, nullptr, false);
  if (response.status != 200) return refusal(response, document);
  nlohmann::json* keys = member(document, "Credentials");
  if (keys == nullptr || !keys->is_object()) return senseless("has no Credentials");
  Session session;
  const Secret id = secret_of(*keys, "AccessKeyId");
  session.access_key_id = std::string(id.reveal());
  session.access_key_secret = secret_of(*keys, "AccessKeySecret");
  session.security_token = secret_of(*keys, "SecurityToken");
  const auto expiration = parse_iso8601(text_of(*keys, "Expiration"));
  if (session.access_key_id.empty() || session.access_key_secret.empty() ||
      session.security_token.empty())
    return senseless("lacks a part of the key");
  if (!expiration) return senseless("has no Expiration that is a time");
  session.expiration = *expiration;
  session.request_id = text_of(document, "RequestId");
  if (nlohmann::json* role = member(document, "AssumedRoleUser"))
    session.arn = text_of(*role, "Arn");
  return session;
}

}  // namespace stsfs::sts
