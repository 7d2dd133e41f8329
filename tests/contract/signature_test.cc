// What the client signs, checked by the verifier of the simulator, which was made from the official
// SDKs' vectors by somebody else.

#include <gtest/gtest.h>

#include "identities.h"
#include "requests.h"
#include "signer.h"
#include "stsfs/base/text.h"

namespace stsfs::contract {
namespace {

using credentials::Credential;
using oss::RequestSpec;

const std::string kKeys[] = {
    "plain",
    "a/b/c",
    "blank in it",
    "plus+percent%41",
    "quote'\"`",
    "new\nline",
    "question?mark=1",
    "amper&sand#hash",
    "\xE4\xBD\xA0\xE5\xA5\xBD",
    "\xF0\x9F\x98\x80",
    "\xFF not UTF-8",
    "..",
    "a/../b",
    "double//slash",
    "star*(paren)!~",
    std::string(1023, 'k'),
};

std::vector<RequestSpec> every_request(const std::string& key) {
  oss::PutOptions put;
  put.headers.content_type = "text/plain; charset=utf-8";
  put.headers.user = {{"mode", "33188"}, {"note", "a  b, \xC3\xA4"}};
  put.tagging = "a=1&b=2";
  put.acl = "private";
  put.storage_class = "IA";
  put.forbid_overwrite = true;
  oss::CopyOptions copy{
      .source_key = key, .source_etag = "\"E\"", .replace_metadata = true, .put = put};
  const auto body = http::memory_body("content");
  return {
      oss::list_request({.prefix = key, .delimiter = "/", .start_after = key}),
      oss::list_request({.prefix = key, .continuation_token = "CgJiYw--+/="}),
      oss::head_request(key),
      oss::brief_request(key),
      oss::get_request(key, "\"E\"", {0, 10}),
      oss::put_request(key, body, put),
      oss::copy_request("examplebucket", key, copy),
      oss::delete_request(key),
      oss::delete_many_request({"a", "b"}),
      oss::initiate_request(key, put),
      oss::upload_part_request(key, "UPLOAD+/=ID", 1, body),
      oss::copy_part_request("examplebucket", key, "U", 2, key, "\"E\"", {0, 10}),
      oss::complete_request(key, "U", {{1, "\"E\"", 5, {}}}, put),
      oss::abort_request(key, "U"),
      oss::list_parts_request(key, "U", 7),
      oss::put_symlink_request(key, key, put),
      oss::get_symlink_request(key),
  };
}

/// As a server takes a request off the wire.
sim::WireRequest on_the_wire(const http::Request& request, WallTime now) {
  std::string_view rest = request.url;
  rest.remove_prefix(rest.find("://") + 3);
  const std::string_view host = rest.substr(0, rest.find('/'));
  rest.remove_prefix(host.size());
  const auto question = rest.find('?');
  sim::WireRequest out =
      sim::wire(http::name_of(request.method), std::string(rest.substr(0, question)), now);
  out.host = host;
  if (question != rest.npos)
    for (const std::string_view pair : split(rest.substr(question + 1), '&')) {
      const auto equals = pair.find('=');
      const auto value = equals == pair.npos ? std::string_view() : pair.substr(equals + 1);
      out.query.emplace_back(*percent_decode(pair.substr(0, equals)), *percent_decode(value));
    }
  for (const http::Header& header : request.headers)
    out.headers.emplace_back(header.name, header.value);
  return out;
}

class Signatures : public ::testing::TestWithParam<oss::SignatureVersion> {
 protected:
  Signatures() {
    sim::IssuedSession issued = cloud_.sessions->create(
        {.role = cloud_.directory->find_role("acs:ram::123456789012:role/long"),
         .name = "s",
         .source_identity = {},
         .policy = nullptr,
         .expires = now_ + std::chrono::hours(1)});
    session_ = Credential{issued.session->access_key_id, issued.session->secret.clone(),
                          std::move(issued.token), issued.session->expires};
  }

  oss::Signer signer(oss::UrlStyle style, const std::string& region = "oss-cn-hangzhou") const {
    const oss::OssStoreOptions options{.endpoint = "https://oss.example",
                                       .region = region,
                                       .bucket = "examplebucket",
                                       .url_style = style,
                                       .signature = GetParam()};
    return oss::Signer(*oss::Place::of(options), options);
  }
  sim::Verdict<sim::Verified> sent(oss::Signer& signer, const RequestSpec& spec,
                                   const Credential& credential) const {
    const http::Request request =
        signer.sign(spec, credential, now_, Deadline::in(system_clock(), std::chrono::seconds(9)));
    const std::vector<sim::Target> targets{{"examplebucket", spec.key}};
    return cloud_.access.verify(on_the_wire(request, now_), targets);
  }

  const WallTime now_ = sim::vector_time();
  sim::Doors cloud_;
  Credential session_;
};

TEST_P(Signatures, OfEveryRequestOnEveryKeyAreAccepted) {
  for (const auto style : {oss::UrlStyle::kVirtualHosted, oss::UrlStyle::kPath}) {
    oss::Signer signing = signer(style);
    for (const std::string& key : kKeys)
      for (const RequestSpec& spec : every_request(key)) {
        const auto verdict = sent(signing, spec, session_);
        ASSERT_TRUE(verdict) << oss::name_of(spec.operation) << " " << printable(key) << ": "
                             << verdict.error().code << " " << verdict.error().message;
        EXPECT_EQ(verdict->principal.access_key_id, session_.access_key_id);
      }
  }
}

TEST_P(Signatures, OfALongTermKeyAreAccepted) {
  oss::Signer signing = signer(oss::UrlStyle::kPath);
  const Credential key{"ak", Secret(std::string_view("sk")), {}, std::nullopt};
  EXPECT_TRUE(sent(signing, oss::head_request("k"), key));
}

TEST_P(Signatures, OfOneSecretDoNotServeAnother) {
  oss::Signer signing = signer(oss::UrlStyle::kPath);
  ASSERT_TRUE(sent(signing, oss::head_request("k"), session_));
  // The derived key of the first is remembered; it must not be taken for the second.
  const Credential wrong{session_.access_key_id, Secret(std::string_view("another")),
                         session_.security_token.clone(), std::nullopt};
  const auto verdict = sent(signing, oss::head_request("k"), wrong);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, "SignatureDoesNotMatch");
}

std::string name_of_version(const ::testing::TestParamInfo<oss::SignatureVersion>& version) {
  return version.param == oss::SignatureVersion::kV4 ? "V4" : "V1";
}

INSTANTIATE_TEST_SUITE_P(Client, Signatures,
                         ::testing::Values(oss::SignatureVersion::kV4, oss::SignatureVersion::kV1),
                         name_of_version);

}  // namespace
}  // namespace stsfs::contract
