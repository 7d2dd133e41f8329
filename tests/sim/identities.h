#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "identity/access.h"
#include "identity/sts_sessions.h"
#include "ram/ram_directory.h"
#include "sts/sts_service.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/oss_v4.h"
#include "stsfs/sign/rpc.h"

namespace stsfs::sim {

/// 2026-01-02T03:04:05Z: the moment of the STS vectors.
inline WallTime vector_time() { return *parse_iso8601("2026-01-02T03:04:05Z"); }

inline constexpr std::string_view kRam = R"(
[[account]]
id = "123456789012"
access_key = { id = "rootkey", secret = "rootsecret" }
[[account]]
id = "999"
[[policy]]
name = "assume"
document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram:*:123456789012:role/*"}]}'
[[policy]]
name = "folder"
document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject","oss:PutObject"],"Resource":["acs:oss:*:*:b/*"]},{"Effect":"Allow","Action":"oss:ListObjects","Resource":"acs:oss:*:*:b"}]}'
[[policy]]
name = "no-secrets"
document = '{"Version":"1","Statement":[{"Effect":"Deny","Action":"oss:*","Resource":"acs:oss:*:*:b/secret/*"}]}'
[[group]]
name = "readers"
policies = "AliyunOSSReadOnlyAccess"
[[user]]
name = "app"
policies = ["assume", "AliyunOSSFullAccess"]
access_key = [{ id = "ak", secret = "sk" }, { id = "off", secret = "sk", active = false }]
[[user]]
name = "reader"
groups = "readers"
policies = "no-secrets"
access_key = { id = "reader", secret = "rs" }
[[user]]
name = "nobody"
access_key = { id = "nobody", secret = "ns" }
[[user]]
name = "stranger"
account = "999"
policies = ["AliyunOSSFullAccess", "assume"]
access_key = { id = "stranger", secret = "ss" }
[[user]]
name = "documented"
access_key = { id = "44CF9590006BF252F707", secret = "OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV" }
[[role]]
name = "adminrole"
policies = ["folder", "assume"]
trust_policy = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::123456789012:user/app","acs:ram::123456789012:user/nobody"]}}]}'
[[role]]
name = "long"
id = "300"
max_session_duration = 43200
policies = "folder"
trust_policy = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::123456789012:root"]}}]}'
)";

/// A service and its doors, over the document above.
struct Doors {
  explicit Doors(AccessOptions access_options = {}, StsOptions sts_options = {},
                 std::string_view document = kRam)
      : directory(read_ram_document(document, "ram.toml").value()),
        access(directory, sessions, std::move(access_options)),
        sts(directory, sessions, std::move(sts_options)) {}

  std::shared_ptr<const Directory> directory;
  std::shared_ptr<SessionTable> sessions = std::make_shared<SessionTable>();
  Access access;
  StsService sts;
};

inline WireRequest wire(std::string method, std::string path, WallTime now = vector_time()) {
  WireRequest out;
  out.method = std::move(method);
  out.path = std::move(path);
  out.remote_address = "127.0.0.1";
  out.now = now;
  return out;
}

/// Signs with V4 as the SDKs do. `token` empty for long-term keys.
inline void sign_v4(WireRequest& request, const Target& target, std::string_view id,
                    std::string_view secret, std::string_view token = {},
                    std::string_view region = "cn-hangzhou") {
  request.headers.emplace_back("x-oss-date", format_compact(request.now));
  request.headers.emplace_back("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
  if (!token.empty()) request.headers.emplace_back("x-oss-security-token", token);
  const sign::CanonicalInput input{request.method, target.bucket, target.key, request.query,
                                   request.headers};
  std::string authorization =
      sign::v4::authorization(input, {id, secret}, request.now, {.region = region});
  request.headers.emplace_back("Authorization", std::move(authorization));
}

/// An RPC call, everything in the query.
inline WireRequest rpc_call(sign::Pairs parameters, std::string_view id, std::string_view secret,
                            WallTime now = vector_time(), std::string nonce = "n1") {
  WireRequest out = wire("GET", "/", now);
  out.host = "sts.example.com:8000";
  const auto add = [&](std::string name, std::string value) {
    for (const auto& pair : parameters)
      if (pair.first == name) return;
    parameters.emplace_back(std::move(name), std::move(value));
  };
  add("Action", "AssumeRole");
  add("Version", "2015-04-01");
  add("Format", "JSON");
  add("AccessKeyId", std::string(id));
  add("SignatureMethod", "HMAC-SHA1");
  add("SignatureVersion", "1.0");
  add("SignatureNonce", std::move(nonce));
  add("Timestamp", format_iso8601(now));
  parameters.emplace_back(
      "Signature", sign::rpc::signature(secret, sign::rpc::string_to_sign("GET", parameters)));
  out.query = std::move(parameters);
  return out;
}

inline std::string code_of(const Verdict<Verified>& verdict) {
  return verdict ? "" : verdict.error().code;
}

}  // namespace stsfs::sim
