#include "sts_request.h"

#include <algorithm>

#include "identity/verify.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/digest.h"
#include "stsfs/sign/rpc.h"

namespace stsfs::sim {
namespace {

constexpr std::string_view kVersion = "2015-04-01";
constexpr std::size_t kNonceSizeMax = 256;

tl::unexpected<StsFailure> refuse(int status, std::string code, std::string message) {
  return tl::unexpected(StsFailure{status, std::move(code), std::move(message)});
}

tl::unexpected<StsFailure> missing(std::string_view name) {
  return refuse(400, "Missing" + std::string(name),
                std::string(name) + " is mandatory for this action.");
}

/// `a=1&b=2`; nullopt for a broken percent sign or too many.
std::optional<sign::Pairs> parse_form(std::string_view body) {
  sign::Pairs out;
  if (body.empty()) return out;
  for (const std::string_view part : split(body, '&')) {
    if (part.empty()) continue;
    if (out.size() >= kStsParametersMax) return std::nullopt;
    const std::size_t equals = std::min(part.find('='), part.size());
    const auto decode = [](std::string_view text) {
      std::string spaced(text);
      std::replace(spaced.begin(), spaced.end(), '+', ' ');
      return percent_decode(spaced);
    };
    auto name = decode(part.substr(0, equals));
    auto value = decode(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value) return std::nullopt;
    out.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

bool is_form(const WireRequest& request) {
  return to_lower(request.header("content-type")).starts_with("application/x-www-form-urlencoded");
}

bool has_duplicates(const sign::Pairs& pairs) {
  std::vector<std::string_view> names;
  for (const auto& pair : pairs) names.push_back(pair.first);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

StsResult<WallTime> check_time(std::string_view text, const WireRequest& request,
                               const StsOptions& options) {
  const auto time = parse_iso8601(text);
  if (!time)
    return refuse(400, "InvalidTimeStamp.Format",
                  "Specified time stamp or date value is not well formatted.");
  const auto apart = *time > request.now ? *time - request.now : request.now - *time;
  if (apart > options.timestamp_window)
    return refuse(400, "InvalidTimeStamp.Expired",
                  "Specified time stamp or date value is expired.");
  return *time;
}

/// What OSS's refusal of a key is called here.
StsFailure in_sts_words(const Refusal& refusal) {
  if (refusal.code == "SecurityTokenExpired")
    return {400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."};
  if (refusal.code == "InvalidSecurityToken")
    return {400, "InvalidSecurityToken.MismatchWithAccessKey",
            "Specified SecurityToken mismatch with the AccessKey."};
  if (refusal.ec == "0002-00000003")
    return {400, "MissingSecurityToken", "SecurityToken is mandatory for this action."};
  if (refusal.ec == "0002-00000901")
    return {400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled."};
  return {404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."};
}

StsFailure mismatch(const std::string& string_to_sign) {
  return {400, "SignatureDoesNotMatch",
          "Specified signature is not matched with our calculation. server string to sign is:" +
              string_to_sign};
}

/// What the two protocols have in common once they are taken apart.
struct Credentials {
  std::string access_key_id;
  std::string token;
  std::string nonce;
};

StsResult<KnownKey> known_key(const Credentials& given, const StsCall& call,
                              const Directory& directory, const SessionTable& sessions) {
  auto key = find_key(directory, sessions, given.access_key_id, given.token, call.request.now, {});
  if (!key) return tl::unexpected(in_sts_words(key.error()));
  return std::move(*key);
}

StsResult<Principal> accept(const Credentials& given, KnownKey key, const StsCall& call,
                            NonceTable& nonces) {
  if (given.nonce.size() > kNonceSizeMax)
    return refuse(400, "InvalidParameter.SignatureNonce", "The nonce is too long.");
  if (!nonces.use(given.access_key_id + "\n" + given.nonce, call.request.now))
    return refuse(400, "SignatureNonceUsed", "Specified signature nonce was used already.");
  return std::move(key.principal);
}

StsResult<Principal> authenticate_rpc(const StsCall& call, const Directory& directory,
                                      const SessionTable& sessions, NonceTable& nonces,
                                      const StsOptions& options) {
  for (const std::string_view name : {"AccessKeyId", "Signature", "SignatureMethod",
                                      "SignatureVersion", "SignatureNonce", "Timestamp"})
    if (auto value = call.need(name); !value) return tl::unexpected(std::move(value.error()));
  if (*call.find("SignatureMethod") != "HMAC-SHA1")
    return refuse(400, "InvalidParameter.SignatureMethod", "SignatureMethod must be HMAC-SHA1.");
  if (*call.find("SignatureVersion") != "1.0")
    return refuse(400, "InvalidParameter.SignatureVersion", "SignatureVersion must be 1.0.");
  // A name that stands in the query and in the body too would be signed one way and read another.
  if (has_duplicates(call.parameters))
    return refuse(400, "InvalidParameter", "A parameter was sent more than once.");
  if (auto time = check_time(*call.find("Timestamp"), call.request, options); !time)
    return tl::unexpected(std::move(time.error()));
  const std::string* token = call.find("SecurityToken");
  const Credentials given{*call.find("AccessKeyId"), token ? *token : "",
                          *call.find("SignatureNonce")};
  auto key = known_key(given, call, directory, sessions);
  if (!key) return tl::unexpected(std::move(key.error()));

  sign::Pairs signed_parameters = call.parameters;
  std::erase_if(signed_parameters, [](const auto& pair) { return pair.first == "Signature"; });
  const std::string text = sign::rpc::string_to_sign(call.request.method, signed_parameters);
  if (!sign::equal_in_constant_time(sign::rpc::signature(key->secret, text),
                                    *call.find("Signature")))
    return tl::unexpected(mismatch(text));
  return accept(given, std::move(*key), call, nonces);
}

/// `host` and every x-acs-* that was sent must be signed.
bool signs_enough(const WireRequest& request, std::string_view signed_headers) {
  const auto names = split(signed_headers, ';');
  const auto is_signed = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return is_signed("host") &&
         std::all_of(request.headers.begin(), request.headers.end(), [&](const auto& header) {
           const std::string lower = to_lower(header.first);
           return !lower.starts_with("x-acs-") || is_signed(lower);
         });
}

StsResult<Principal> authenticate_acs3(const StsCall& call, const Directory& directory,
                                       const SessionTable& sessions, NonceTable& nonces,
                                       const StsOptions& options) {
  const WireRequest& request = call.request;
  for (const std::string_view name :
       {"x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"})
    if (request.header(name).empty()) return missing(name);
  if (auto time = check_time(request.header("x-acs-date"), request, options); !time)
    return tl::unexpected(std::move(time.error()));
  const Credentials given{call.acs3->access_key_id,
                          std::string(request.header("x-acs-security-token")),
                          std::string(request.header("x-acs-signature-nonce"))};
  auto key = known_key(given, call, directory, sessions);
  if (!key) return tl::unexpected(std::move(key.error()));
  if (!signs_enough(request, call.acs3->signed_headers))
    return refuse(400, "IncompleteSignature",
                  "The request signature does not conform to Aliyun standards: host and every "
                  "x-acs-* header must be signed.");
  const std::string payload = hex_lower(sign::sha256(call.body));
  if (to_lower(request.header("x-acs-content-sha256")) != payload)
    return refuse(400, "SignatureDoesNotMatch",
                  "x-acs-content-sha256 is not the hash of the body: " + payload);
  const std::string canonical =
      sign::acs3::canonical_request(request.method, request.path, request.query, request.headers,
                                    call.acs3->signed_headers, payload);
  if (!sign::equal_in_constant_time(sign::acs3::signature(key->secret, canonical),
                                    call.acs3->signature))
    return tl::unexpected(mismatch(std::string(sign::acs3::kAlgorithm) + "\n" +
                                   hex_lower(sign::sha256(canonical)) +
                                   ", server canonical request is:" + canonical));
  return accept(given, std::move(*key), call, nonces);
}

StsResult<void> check_version_and_action(StsCall& call) {
  const auto from = [&](std::string_view header, std::string_view parameter) {
    const std::string_view own = call.acs3 ? call.request.header(header) : std::string_view();
    if (!own.empty()) return std::string(own);
    const std::string* value = call.find(parameter);
    return value ? *value : std::string();
  };
  call.action = from("x-acs-action", "Action");
  if (call.action.empty()) return missing("Action");
  const std::string version = from("x-acs-version", "Version");
  if (version.empty()) return missing("Version");
  if (version != kVersion)
    return refuse(404, "InvalidVersion", "Specified parameter Version is not valid.");
  return {};
}

}  // namespace

const std::string* StsCall::find(std::string_view name) const {
  for (const auto& [known, value] : parameters)
    if (known == name) return &value;
  return nullptr;
}

StsResult<std::string> StsCall::need(std::string_view name) const {
  const std::string* value = find(name);
  if (value == nullptr || value->empty()) return missing(name);
  return *value;
}

StsFormat format_of(const WireRequest& request, std::string_view body) {
  const std::string* format = request.parameter("Format");
  std::optional<sign::Pairs> form;
  if (format == nullptr && is_form(request) && body.size() <= kStsBodyMax) {
    form = parse_form(body);
    if (form)
      for (const auto& [name, value] : *form)
        if (name == "Format") format = &value;
  }
  return format != nullptr && equals_ignoring_case(*format, "XML") ? StsFormat::kXml
                                                                   : StsFormat::kJson;
}

StsResult<StsCall> parse_sts_call(const WireRequest& request, std::string_view body) {
  StsCall out{request, body, std::nullopt, request.query, format_of(request, body), ""};
  if (request.method != "GET" && request.method != "POST")
    return refuse(405, "UnsupportedHTTPMethod", "This http method is not supported.");
  if (body.size() > kStsBodyMax) return refuse(413, "RequestTooLarge", "The body is too large.");
  if (request.path != "/" && !request.path.empty())
    return refuse(404, "InvalidAction.NotFound",
                  "Specified api is not found, please check your url and method.");
  if (is_form(request)) {
    auto form = parse_form(body);
    if (!form) return refuse(400, "InvalidParameter", "The form in the body is malformed.");
    out.parameters.insert(out.parameters.end(), form->begin(), form->end());
  }
  if (out.parameters.size() > kStsParametersMax)
    return refuse(400, "InvalidParameter", "There are too many parameters.");
  const std::string_view authorization = request.header("authorization");
  if (!authorization.empty() && out.find("Signature") == nullptr) {
    out.acs3 = parse_acs3(authorization);
    if (!out.acs3)
      return refuse(400, "IncompleteSignature",
                    "The Authorization header must be ACS3-HMAC-SHA256 with Credential, "
                    "SignedHeaders and Signature.");
  }
  if (auto good = check_version_and_action(out); !good)
    return tl::unexpected(std::move(good.error()));
  return out;
}

bool NonceTable::use(const std::string& nonce, WallTime now) {
  MutexLock lock(mutex_);
  while (!oldest_first_.empty() &&
         (oldest_first_.size() >= nonces_max_ || oldest_first_.front().first + lifetime_ < now)) {
    used_.erase(oldest_first_.front().second);
    oldest_first_.pop_front();
  }
  if (!used_.insert(nonce).second) return false;
  oldest_first_.emplace_back(now, nonce);
  return true;
}

StsResult<Principal> authenticate(const StsCall& call, const Directory& directory,
                                  const SessionTable& sessions, NonceTable& nonces,
                                  const StsOptions& options) {
  return call.acs3 ? authenticate_acs3(call, directory, sessions, nonces, options)
                   : authenticate_rpc(call, directory, sessions, nonces, options);
}

}  // namespace stsfs::sim
