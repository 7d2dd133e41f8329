// The vectors are those of the official SDKs' signer tests and of the documentation.

#include "identity/verify.h"

#include "identities.h"
#include "stsfs/sign/aws_v4.h"
#include "stsfs/sign/oss_v1.h"

namespace stsfs::sim {
namespace {

WallTime at(std::int64_t unix_seconds) { return WallTime(std::chrono::seconds(unix_seconds)); }

const Target kVectorTarget{"bucket", "1234+-/123/1.txt"};

/// The request of vectors A to G.
WireRequest vector_request(std::int64_t now) {
  WireRequest out = wire("PUT", "/1234%2B-/123/1.txt", at(now));
  out.query = {{"param1", "value1"}, {"+param1", "value3"}, {"|param1", "value4"},
               {"+param2", ""},      {"|param2", ""},       {"param2", ""}};
  out.headers = {{"x-oss-head1", "value"}, {"abc", "value"}, {"ZAbc", "value"}, {"XYZ", "value"}};
  return out;
}

WireRequest vector_a() {
  WireRequest out = vector_request(1702743657);
  out.headers.insert(
      out.headers.end(),
      {{"content-type", "text/plain"},
       {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"},
       {"x-oss-date", "20231216T162057Z"},
       {"Authorization",
        "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature="
        "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe"}});
  return out;
}

WireRequest vector_e() {
  WireRequest out = vector_request(1702781677);
  out.headers.emplace_back("content-type", "application/octet-stream");
  out.query.insert(
      out.query.end(),
      {{"x-oss-signature-version", "OSS4-HMAC-SHA256"},
       {"x-oss-credential", "ak/20231217/cn-hangzhou/oss/aliyun_v4_request"},
       {"x-oss-date", "20231217T025437Z"},
       {"x-oss-expires", "599"},
       {"x-oss-signature", "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe"}});
  return out;
}

void set_header(WireRequest& request, std::string_view name, std::string value) {
  for (auto& [known, old] : request.headers)
    if (known == name) old = std::move(value);
}
void set_parameter(WireRequest& request, std::string_view name, std::string value) {
  for (auto& [known, old] : request.query)
    if (known == name) old = std::move(value);
}
void drop_header(WireRequest& request, std::string_view name) {
  std::erase_if(request.headers, [&](const auto& h) { return h.first == name; });
}
void drop_parameter(WireRequest& request, std::string_view name) {
  std::erase_if(request.query, [&](const auto& p) { return p.first == name; });
}

Verdict<Verified> verify(const Doors& cloud, const WireRequest& request,
                         std::vector<Target> candidates = {kVectorTarget}) {
  return cloud.access.verify(request, candidates);
}

std::string ec_of(const Verdict<Verified>& verdict) {
  return verdict ? "accepted" : verdict.error().code + " " + verdict.error().ec;
}

TEST(VerifyV4, AcceptsTheHeaderVectors) {
  const Doors cloud;
  const auto a = verify(cloud, vector_a());
  ASSERT_TRUE(a) << a.error().code;
  EXPECT_EQ(a->principal.arn, "acs:ram::123456789012:user/app");
  EXPECT_EQ(a->signature, SignatureKind::kOssV4);

  WireRequest c = vector_a();
  c.now = at(1702747512);
  set_header(c, "x-oss-date", "20231216T172512Z");
  const std::string scope =
      "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request";
  const std::string tail =
      "Signature=4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f";
  for (const std::string comma : {",", ", "}) {
    set_header(c, "Authorization", scope + comma + "AdditionalHeaders=abc;zabc" + comma + tail);
    EXPECT_TRUE(verify(cloud, c));
  }
}

TEST(VerifyV4, AcceptsTheUrlVectors) {
  const Doors cloud;
  const auto e = verify(cloud, vector_e());
  ASSERT_TRUE(e) << e.error().code;
  EXPECT_TRUE(e->presigned);

  WireRequest g = vector_e();
  g.now = at(1702783809);
  set_parameter(g, "x-oss-date", "20231217T033009Z");
  set_parameter(g, "x-oss-signature",
                "6bd984bfe531afb6db1f7550983a741b103a8c58e5e14f83ea474c2322dfa2b7");
  g.query.emplace_back("x-oss-additional-headers", "abc;zabc");
  EXPECT_TRUE(verify(cloud, g));
}

TEST(VerifyV4, AnswersEachBrokenHeaderWithItsCode) {
  struct Row {
    const char* what;
    void (*change)(WireRequest&);
    const char* answer;
  };
  const Row rows[] = {
      {"another object", [](WireRequest& r) { r.method = "GET"; },
       "SignatureDoesNotMatch 0002-00000040"},
      {"16 minutes late", [](WireRequest& r) { r.now += std::chrono::minutes(16); },
       "RequestTimeTooSkewed 0002-00000504"},
      {"16 minutes early", [](WireRequest& r) { r.now -= std::chrono::minutes(16); },
       "RequestTimeTooSkewed 0002-00000504"},
      {"15 minutes late", [](WireRequest& r) { r.now += std::chrono::minutes(15); }, "accepted"},
      {"no date", [](WireRequest& r) { drop_header(r, "x-oss-date"); },
       "AccessDenied 0002-00000503"},
      {"a sign date of seven digits",
       [](WireRequest& r) {
         set_header(r, "Authorization",
                    "OSS4-HMAC-SHA256 Credential=ak/2023121/cn-hangzhou/oss/aliyun_v4_request,"
                    "Signature=e2");
       },
       "InvalidArgument 0002-00000212"},
      {"another terminator",
       [](WireRequest& r) {
         set_header(r, "Authorization",
                    "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/abc,Signature=e2");
       },
       "InvalidArgument 0002-00000213"},
      {"another region",
       [](WireRequest& r) {
         set_header(r, "Authorization",
                    "OSS4-HMAC-SHA256 Credential=ak/20231216/oss-cn-hangzhou/oss/"
                    "aliyun_v4_request,Signature=e2");
       },
       "InvalidArgument 0002-00000228"},
      {"another product",
       [](WireRequest& r) {
         set_header(r, "Authorization",
                    "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/s3/aliyun_v4_request,"
                    "Signature=e2");
       },
       "InvalidArgument "},
      {"empty AdditionalHeaders",
       [](WireRequest& r) {
         set_header(r, "Authorization",
                    "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,"
                    "AdditionalHeaders=,Signature=e2");
       },
       "InvalidArgument 0002-00000209"},
      {"an unknown key",
       [](WireRequest& r) {
         set_header(r, "Authorization",
                    "OSS4-HMAC-SHA256 Credential=who/20231216/cn-hangzhou/oss/aliyun_v4_request,"
                    "Signature=e2");
       },
       "InvalidAccessKeyId 0002-00000902"},
      {"a disabled key",
       [](WireRequest& r) {
         set_header(r, "Authorization",
                    "OSS4-HMAC-SHA256 Credential=off/20231216/cn-hangzhou/oss/aliyun_v4_request,"
                    "Signature=e2");
       },
       "InvalidAccessKeyId 0002-00000901"},
      {"a user's key with a token",
       [](WireRequest& r) { r.headers.emplace_back("x-oss-security-token", "token"); },
       "InvalidAccessKeyId 0002-00000002"},
      {"nothing in it",
       [](WireRequest& r) { set_header(r, "Authorization", "OSS4-HMAC-SHA256 nothing"); },
       "InvalidArgument "},
      {"a mechanism of another kind",
       [](WireRequest& r) { set_header(r, "Authorization", "Basic YTpi"); },
       "InvalidArgument 0002-00000061"},
      {"no payload header", [](WireRequest& r) { drop_header(r, "x-oss-content-sha256"); },
       "InvalidArgument "},
      {"two signatures", [](WireRequest& r) { r.query.emplace_back("OSSAccessKeyId", "ak"); },
       "InvalidArgument "},
  };
  const Doors cloud;
  for (const Row& row : rows) {
    WireRequest request = vector_a();
    row.change(request);
    EXPECT_EQ(ec_of(verify(cloud, request)), row.answer) << row.what;
  }
}

TEST(VerifyV4, AnswersEachBrokenUrlWithItsCode) {
  struct Row {
    const char* what;
    void (*change)(WireRequest&);
    const char* answer;
  };
  const Row rows[] = {
      {"at its last second", [](WireRequest& r) { r.now += std::chrono::seconds(599); },
       "accepted"},
      {"expired", [](WireRequest& r) { r.now += std::chrono::seconds(600); }, "AccessDenied "},
      {"from the future", [](WireRequest& r) { r.now -= std::chrono::minutes(16); },
       "RequestTimeTooSkewed 0002-00000504"},
      {"no expires", [](WireRequest& r) { drop_parameter(r, "x-oss-expires"); },
       "InvalidArgument 0002-00000215"},
      {"8 days", [](WireRequest& r) { set_parameter(r, "x-oss-expires", "691200"); },
       "InvalidArgument 0002-00000232"},
      {"expires 0", [](WireRequest& r) { set_parameter(r, "x-oss-expires", "0"); },
       "InvalidArgument 0002-00000232"},
      {"a sign date of letters",
       [](WireRequest& r) {
         set_parameter(r, "x-oss-credential", "ak/today/cn-hangzhou/oss/aliyun_v4_request");
       },
       "InvalidArgument 0002-00000223"},
      {"another terminator",
       [](WireRequest& r) {
         set_parameter(r, "x-oss-credential", "ak/20231217/cn-hangzhou/oss/x");
       },
       "InvalidArgument 0002-00000224"},
      {"another region",
       [](WireRequest& r) {
         set_parameter(r, "x-oss-credential", "ak/20231217/oss-cn-hangzhou/oss/aliyun_v4_request");
       },
       "InvalidArgument 0002-00000226"},
      {"another expiry than was signed",
       [](WireRequest& r) { set_parameter(r, "x-oss-expires", "600"); },
       "SignatureDoesNotMatch 0002-00000040"},
      {"no signature", [](WireRequest& r) { drop_parameter(r, "x-oss-signature"); },
       "SignatureDoesNotMatch 0002-00000040"},
      {"a credential in three parts",
       [](WireRequest& r) { set_parameter(r, "x-oss-credential", "ak/20231217/cn-hangzhou"); },
       "InvalidArgument "},
  };
  const Doors cloud;
  for (const Row& row : rows) {
    WireRequest request = vector_e();
    row.change(request);
    EXPECT_EQ(ec_of(verify(cloud, request)), row.answer) << row.what;
  }
}

TEST(VerifyV4, SaysWhatItWouldHaveSigned) {
  const Doors cloud;
  WireRequest request = vector_a();
  set_header(request, "x-oss-head1", "other");
  const auto verdict = verify(cloud, request);
  ASSERT_FALSE(verdict);
  std::vector<std::string> names;
  for (const auto& [name, value] : verdict.error().extra) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"OSSAccessKeyId", "SignatureProvided", "StringToSign",
                                             "StringToSignBytes", "CanonicalRequest"}));
  EXPECT_EQ(verdict.error().extra[3].second.substr(0, 11), "4F 53 53 34");
  EXPECT_NE(verdict.error().extra[4].second.find("x-oss-head1:other\n"), std::string::npos);
}

TEST(VerifyV4, TellsHowFarApartTheClocksAre) {
  const Doors cloud;
  WireRequest request = vector_a();
  request.now += std::chrono::hours(1);
  const auto verdict = verify(cloud, request);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().extra, (sign::Pairs{{"MaxAllowedSkewMilliseconds", "900000"},
                                                {"RequestTime", "2023-12-16T16:20:57.000Z"},
                                                {"ServerTime", "2023-12-16T17:20:57.000Z"}}));
}

TEST(VerifyV4, TheReadingThatVerifiesWins) {
  const Doors cloud;
  const auto verdict =
      verify(cloud, vector_a(), {{"1234+-", "123/1.txt"}, kVectorTarget, {"x", "y"}});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->candidate, 1U);
}

TEST(VerifyV4, TakesEmptyValuesBareWithEqualsAndMixedOrBareAlone) {
  Doors cloud;
  const Target bucket{"b", ""};
  WireRequest request = wire("GET", "/");
  request.query = {{"uploads", ""}, {"prefix", ""}};
  request.headers = {{"x-oss-date", format_compact(request.now)},
                     {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"}};
  using sign::v4::EmptyValue;
  for (const auto form :
       {EmptyValue::kBareName, EmptyValue::kWithEquals, EmptyValue::kSubresourceBare}) {
    const sign::v4::Scope scope{"20260102", "cn-hangzhou"};
    const std::string canonical =
        sign::v4::canonical_request({"GET", "b", "", request.query, request.headers}, {}, form);
    WireRequest signed_request = request;
    signed_request.headers.emplace_back(
        "Authorization",
        "OSS4-HMAC-SHA256 Credential=ak/" + scope.to_string() + ",Signature=" +
            sign::v4::signature(
                sign::v4::signing_key("sk", scope),
                sign::v4::string_to_sign(format_compact(request.now), scope, canonical)));
    cloud.access.set_options({});
    EXPECT_TRUE(verify(cloud, signed_request, {bucket}));
    cloud.access.set_options({.switches = {.empty_values_signed_bare = true}});
    EXPECT_EQ(verify(cloud, signed_request, {bucket}).has_value(), form == EmptyValue::kBareName);
  }
}

TEST(VerifyV4, LooksAtKeyAndTokenBeforeTheTimeOrAfterIt) {
  Doors cloud;
  const Target target{"b", "k"};
  WireRequest request = wire("GET", "/k");
  sign_v4(request, target, "unknown", "sk");
  request.now += std::chrono::hours(1);
  EXPECT_EQ(code_of(cloud.access.verify(request, std::vector{target})), "InvalidAccessKeyId");
  cloud.access.set_options({.switches = {.time_checked_before_token = true}});
  EXPECT_EQ(code_of(cloud.access.verify(request, std::vector{target})), "RequestTimeTooSkewed");
  request.now -= std::chrono::hours(1);
  EXPECT_EQ(code_of(cloud.access.verify(request, std::vector{target})), "InvalidAccessKeyId");
}

TEST(VerifyV1, LooksAtKeyAndTokenBeforeTheTimeOrAfterIt) {
  Doors cloud;
  const Target target{"b", "k"};
  WireRequest request = wire("GET", "/k");
  request.headers = {{"Date", format_http_date(request.now)},
                     {"Authorization", "OSS unknown:26NBxoKdsyly4EDv6inkoDft/yA="}};
  request.now += std::chrono::hours(1);
  EXPECT_EQ(code_of(cloud.access.verify(request, std::vector{target})), "InvalidAccessKeyId");
  cloud.access.set_options({.switches = {.time_checked_before_token = true}});
  EXPECT_EQ(code_of(cloud.access.verify(request, std::vector{target})), "RequestTimeTooSkewed");
}

TEST(VerifyV1, AcceptsTheHeaderVectors) {
  const Doors cloud;
  const std::string date = "Wed, 28 Dec 2022 10:27:41 GMT";
  WireRequest put = wire("PUT", "/nelson", *parse_http_date(date));
  put.headers = {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
                 {"Content-Type", "text/html"},
                 {"x-oss-meta-author", "alice"},
                 {"x-oss-meta-magic", "abracadabra"},
                 {"x-oss-date", date},
                 {"Authorization", ""}};
  const std::vector<Target> nelson{{"examplebucket", "nelson"}};
  set_header(put, "Authorization", "OSS ak:kSHKmLxlyEAKtZPkJhG9bZb5k7M=");
  EXPECT_TRUE(verify(cloud, put, nelson));
  put.query = {{"acl", ""}};
  EXPECT_EQ(code_of(verify(cloud, put, nelson)), "SignatureDoesNotMatch");
  set_header(put, "Authorization", "OSS ak:/afkugFbmWDQ967j1vr6zygBLQk=");
  EXPECT_TRUE(verify(cloud, put, nelson));

  WireRequest get = wire("GET", "/", *parse_http_date(date));
  get.headers = {{"x-oss-date", date}, {"Authorization", "OSS ak:vkQmfuUDyi1uDi3bKt67oemssIs="}};
  get.query = {{"resourceGroup", ""}, {"non-resousce", "null"}};
  EXPECT_TRUE(verify(cloud, get, {{"examplebucket", ""}}));
  get.query = {{"resourceGroup", ""}, {"acl", ""}};
  set_header(get, "Authorization", "OSS ak:x3E5TgOvl/i7PN618s5mEvpJDYk=");
  EXPECT_TRUE(verify(cloud, get, {{"examplebucket", ""}}));
}

TEST(VerifyV1, AcceptsTheDocumentationsExample) {
  const Doors cloud;
  WireRequest put = wire("PUT", "/nelson", *parse_http_date("Thu, 17 Nov 2005 18:49:58 GMT"));
  put.headers = {{"Content-MD5", "ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM="},
                 {"Content-Type", "text/html"},
                 {"Date", "Thu, 17 Nov 2005 18:49:58 GMT"},
                 {"X-OSS-Meta-Author", "foo@bar.com"},
                 {"X-OSS-Magic", "abracadabra"},
                 {"Authorization", "OSS 44CF9590006BF252F707:26NBxoKdsyly4EDv6inkoDft/yA="}};
  EXPECT_TRUE(verify(cloud, put, {{"oss-example", "nelson"}}));
}

TEST(VerifyV1, AcceptsTheDateInEitherFormatAndRefusesNone) {
  const Doors cloud;
  for (const std::string& date : {format_http_date(vector_time()), format_compact(vector_time())}) {
    WireRequest get = wire("GET", "/k");
    get.headers = {{"x-oss-date", date}};
    get.headers.emplace_back(
        "Authorization",
        sign::v1::authorization({"GET", "b", "k", get.query, get.headers}, {"ak", "sk"}, date));
    EXPECT_TRUE(verify(cloud, get, {{"b", "k"}})) << date;
    drop_header(get, "x-oss-date");
    EXPECT_EQ(ec_of(verify(cloud, get, {{"b", "k"}})), "AccessDenied 0002-00000503");
  }
}

TEST(VerifyV1, AcceptsTheUrlVectorUntilItExpires) {
  const Doors cloud;
  WireRequest get = wire("GET", "/key", at(1699807420));
  get.query = {{"versionId", "versionId"},
               {"OSSAccessKeyId", "ak"},
               {"Expires", "1699807420"},
               {"Signature", "dcLTea+Yh9ApirQ8o8dOPqtvJXQ="}};
  const std::vector<Target> target{{"bucket", "key"}};
  const auto good = verify(cloud, get, target);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_TRUE(good->presigned);
  get.now += std::chrono::seconds(1);
  const auto late = verify(cloud, get, target);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, "Request has expired.");
  get.headers.emplace_back("x-oss-security-token", "t");
  EXPECT_EQ(code_of(verify(cloud, get, target)), "InvalidRequest");
}

TEST(VerifySession, KeyAndTokenHoldTogetherUntilTheyExpire) {
  Doors cloud;
  const auto role = cloud.directory->find_role("acs:ram::123456789012:role/adminrole");
  const auto one = cloud.sessions->create(
      {role, "alice", "", nullptr, vector_time() + std::chrono::seconds(900)});
  const auto two =
      cloud.sessions->create({role, "bob", "", nullptr, vector_time() + std::chrono::seconds(900)});
  const Target target{"b", "k"};
  const auto with = [&](std::string_view token, std::chrono::seconds later = {}) {
    WireRequest request = wire("GET", "/k", vector_time() + later);
    sign_v4(request, target, one.session->access_key_id, one.session->secret.reveal(), token);
    return cloud.access.verify(request, std::vector{target});
  };
  const auto good = with(one.token.reveal());
  ASSERT_TRUE(good) << good.error().code;
  EXPECT_EQ(good->principal.kind, Principal::Kind::kRoleSession);
  EXPECT_EQ(good->principal.arn, "acs:ram::123456789012:role/adminrole/alice");
  EXPECT_EQ(ec_of(with("")), "InvalidAccessKeyId 0002-00000003");
  EXPECT_EQ(ec_of(with(two.token.reveal())), "InvalidSecurityToken 0002-00000006");
  EXPECT_EQ(ec_of(with("CAIS")), "InvalidSecurityToken 0002-00000006");
  EXPECT_TRUE(with(one.token.reveal(), std::chrono::seconds(899)));
  EXPECT_EQ(ec_of(with(one.token.reveal(), std::chrono::seconds(900))),
            "SecurityTokenExpired 0002-00000007");
  cloud.access.set_options({.switches = {.expired_answers_invalid_access_key_id = true}});
  EXPECT_EQ(code_of(with(one.token.reveal(), std::chrono::seconds(900))), "InvalidAccessKeyId");
  EXPECT_TRUE(cloud.access.revoke(one.session->access_key_id));
  EXPECT_EQ(code_of(with(one.token.reveal())), "InvalidAccessKeyId");
}

TEST(VerifySession, TheTableForgetsTheOldestWhenFull) {
  const Doors cloud;
  const auto role = cloud.directory->find_role("acs:ram::123456789012:role/adminrole");
  SessionTable table(2);
  const auto a = table.create({role, "aa", "", nullptr, vector_time()});
  const auto b = table.create({role, "bb", "", nullptr, vector_time()});
  const auto c = table.create({role, "cc", "", nullptr, vector_time()});
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.find(a.session->access_key_id), nullptr);
  EXPECT_NE(table.find(c.session->access_key_id), nullptr);
  const auto all = table.all();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0], b.session);
  EXPECT_EQ(all[1]->token_text, c.token.reveal());
}

TEST(Verify, NoSignatureIsAnonymous) {
  const Doors cloud;
  const auto verdict = verify(cloud, wire("GET", "/k"));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->principal.kind, Principal::Kind::kAnonymous);
}

/// Signs as S3 clients do.
WireRequest aws_request(std::string payload_hash, std::string region = "cn-hangzhou") {
  WireRequest out = wire("PUT", "/b/a%20key");
  out.headers = {{"Host", "127.0.0.1:9000"},
                 {"x-amz-date", format_compact(out.now)},
                 {"x-amz-content-sha256", payload_hash}};
  const sign::aws4::Scope scope{"20260102", region, "s3"};
  const std::string names = "host;x-amz-content-sha256;x-amz-date";
  const std::string canonical = sign::aws4::canonical_request(out.method, out.path, out.query,
                                                              out.headers, names, payload_hash);
  out.headers.emplace_back(
      "Authorization", "AWS4-HMAC-SHA256 Credential=ak/" + scope.to_string() +
                           ", SignedHeaders=" + names + ", Signature=" +
                           sign::aws4::signature(sign::aws4::signing_key("sk", scope),
                                                 sign::aws4::string_to_sign(format_compact(out.now),
                                                                            scope, canonical)));
  return out;
}

TEST(VerifyAws, AcceptsAHeaderAndTellsHowTheBodyIsProtected) {
  const Doors cloud;
  EXPECT_TRUE(verify(cloud, aws_request("UNSIGNED-PAYLOAD")));
  const std::string hash(64, 'a');
  const auto hashed = verify(cloud, aws_request(hash));
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->payload.kind, PayloadTerms::Kind::kHashed);
  EXPECT_EQ(hashed->payload.sha256_hex, hash);
  const auto chunked = verify(cloud, aws_request("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"));
  ASSERT_TRUE(chunked);
  EXPECT_EQ(chunked->payload.kind, PayloadTerms::Kind::kChunksSigned);
  EXPECT_EQ(chunked->payload.signing_key.size(), 32U);
}

TEST(VerifyAws, RefusesInTheWordsOfS3) {
  const Doors cloud;
  EXPECT_EQ(code_of(verify(cloud, aws_request("UNSIGNED-PAYLOAD", "us-east-1"))),
            "AuthorizationHeaderMalformed");
  EXPECT_EQ(code_of(verify(cloud, aws_request("nonsense"))), "InvalidArgument");
  WireRequest open = aws_request("UNSIGNED-PAYLOAD");
  open.headers.emplace_back("x-amz-meta-a", "b");
  EXPECT_EQ(code_of(verify(cloud, open)), "AccessDenied");
  WireRequest other = aws_request("UNSIGNED-PAYLOAD");
  other.path = "/b/another";
  EXPECT_EQ(code_of(verify(cloud, other)), "SignatureDoesNotMatch");
  WireRequest late = aws_request("UNSIGNED-PAYLOAD");
  late.now += std::chrono::minutes(16);
  EXPECT_EQ(code_of(verify(cloud, late)), "RequestTimeTooSkewed");
}

}  // namespace
}  // namespace stsfs::sim
