// What a vended session may do and what not, as RAM judges it: the client's own request goes to the
// simulator's STS, which verifies its signature, and the session that comes back is put to the
// simulator's evaluation of policies.

#include <string>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/scripted_engine.h"
#include "identity/access.h"
#include "identity/sts_sessions.h"
#include "ram/ram_directory.h"
#include "sts/sts_service.h"
#include "stsfs/base/text.h"
#include "stsfs/sts/assume_role.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRam = R"(
[[account]]
id = "123456789012"
[[policy]]
name = "assume"
document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram:*:123456789012:role/stsfs-user"}]}'
[[policy]]
name = "everything"
document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}'
[[user]]
name = "vending"
policies = "assume"
access_key = { id = "ak", secret = "sk" }
[[role]]
name = "stsfs-user"
policies = "everything"
trust_policy = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::123456789012:user/vending"]}}]}'
)";

sign::Pairs parse_query(std::string_view text) {
  sign::Pairs pairs;
  if (text.empty()) return pairs;
  for (std::string_view pair : split(text, '&')) {
    const auto equals = pair.find('=');
    pairs.emplace_back(*percent_decode(pair.substr(0, equals)),
                       *percent_decode(pair.substr(equals + 1)));
  }
  return pairs;
}

/// The role may do everything in the account, so that whatever is refused is the session policy's
/// doing.
class LeastPrivilege : public ::testing::TestWithParam<sts::SignatureKind> {
 protected:
  Result<http::Response> answer(const fakes::ScriptedEngine::Asked& asked) {
    sim::WireRequest request;
    request.method = http::name_of(asked.method);
    request.path = "/";
    const auto query = asked.url.find('?');
    if (query != std::string::npos)
      request.query = parse_query(std::string_view(asked.url).substr(query + 1));
    for (const auto& header : asked.headers)
      request.headers.emplace_back(header.name, header.value);
    request.host = "sts.test";
    request.now = clock_.wall();
    const sim::StsAnswer answer = sts_.handle(request, asked.body);
    return http::Response{answer.status, {}, answer.body};
  }

  Result<sts::Session> assume(const sts::PolicyScope& scope, std::chrono::seconds duration) {
    auto client = sts::Client::create(engine_, clock_,
                                      {.endpoint = "https://sts.test", .signature = GetParam()});
    auto policy = sts::session_policy(scope);
    EXPECT_TRUE(client && policy);
    const sts::AccessKey key{"ak", Secret(std::string_view("sk"))};
    return (*client)->assume_role(key,
                                  {.role_arn = "acs:ram::123456789012:role/stsfs-user",
                                   .session_name = "alice",
                                   .duration = duration,
                                   .policy = *policy},
                                  Deadline::in(clock_, 5s), interrupt_);
  }

  void become_alice(sts::Access access = sts::Access::kReadWrite) {
    const auto session = assume({.bucket = "examplebucket",
                                 .prefix = *sts::expand_prefix("users/${user}/", "alice"),
                                 .access = access},
                                900s);
    ASSERT_TRUE(session) << session.error().message;
    alice_.kind = sim::Principal::Kind::kRoleSession;
    alice_.account_id = "123456789012";
    alice_.access_key_id = session->access_key_id;
    alice_.session = sessions_->find(session->access_key_id);
    ASSERT_NE(alice_.session, nullptr);
    EXPECT_TRUE(alice_.session->owns_token(session->security_token.reveal()));
    alice_.arn = alice_.session->arn();
  }
  bool may(std::string_view action, std::string_view key,
           std::string_view bucket = "examplebucket") {
    return !access_.authorize(alice_, {}, {.action = action, .bucket = bucket, .key = key});
  }
  bool may_list(const std::string& prefix) {
    return !access_.authorize(alice_, {},
                              {.action = "oss:ListObjects",
                               .bucket = "examplebucket",
                               .conditions = {{"oss:Prefix", prefix}}});
  }

  fakes::FakeClock clock_;
  Interrupt interrupt_;
  std::shared_ptr<const sim::Directory> directory_ = *sim::read_ram_document(kRam, "ram.toml");
  std::shared_ptr<sim::SessionTable> sessions_ = std::make_shared<sim::SessionTable>();
  sim::Access access_{directory_, sessions_, {}};
  sim::StsService sts_{directory_, sessions_, {}};
  fakes::ScriptedEngine engine_{[this](const auto& asked) { return answer(asked); }};
  sim::Principal alice_;
};

TEST_P(LeastPrivilege, AUserMayDoInHisFolderWhatAFilesystemNeeds) {
  become_alice();
  for (const char* action :
       {"oss:GetObject", "oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload",
        "oss:GetObjectTagging", "oss:PutObjectTagging", "oss:RestoreObject"})
    for (const char* key : {"users/alice/", "users/alice/a", "users/alice/deep/信 ☕.txt"})
      EXPECT_TRUE(may(action, key)) << action << " " << key;
  EXPECT_TRUE(may_list("users/alice/"));
  EXPECT_TRUE(may_list("users/alice/deep/"));
}

TEST_P(LeastPrivilege, AUserMayNeitherReadNorWriteNorListAnothersFolder) {
  become_alice();
  for (const char* action :
       {"oss:GetObject", "oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload",
        "oss:GetObjectTagging", "oss:PutObjectTagging", "oss:RestoreObject"})
    for (const char* key : {"users/bob/a", "users/bob/", "users/alicebob/a", "users/alice",
                            "users/", "a", "users/Alice/a", "xusers/alice/a"})
      EXPECT_FALSE(may(action, key)) << action << " " << key;
  EXPECT_FALSE(may("oss:GetObject", "users/alice/a", "otherbucket"));
  for (const char* prefix : {"", "users/", "users/alice", "users/bob/", "users/alicebob/"})
    EXPECT_FALSE(may_list(prefix)) << prefix;
}

TEST_P(LeastPrivilege, AUserMayNotDoWhatNoPrefixConfines) {
  become_alice();
  for (const char* action : {"oss:ListMultipartUploads", "oss:GetBucketInfo", "oss:GetBucketAcl",
                             "oss:PutBucketAcl", "oss:DeleteBucket", "oss:ListObjectVersions"})
    EXPECT_FALSE(may(action, "")) << action;
  for (const char* action : {"oss:ListParts", "oss:GetObjectAcl", "oss:PutObjectAcl",
                             "oss:GetObjectVersion", "oss:DeleteObjectTagging"})
    EXPECT_FALSE(may(action, "users/alice/a")) << action;
}

TEST_P(LeastPrivilege, AReadOnlyUserMayReadAndListOnly) {
  become_alice(sts::Access::kReadOnly);
  EXPECT_TRUE(may("oss:GetObject", "users/alice/a"));
  EXPECT_TRUE(may_list("users/alice/"));
  for (const char* action : {"oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload"})
    EXPECT_FALSE(may(action, "users/alice/a")) << action;
  EXPECT_FALSE(may("oss:GetObject", "users/bob/a"));
}

TEST_P(LeastPrivilege, PlainHttpIsDeniedWhereTlsIsRequired) {
  const auto session =
      assume({.bucket = "examplebucket", .prefix = "users/alice/", .require_tls = true}, 900s);
  ASSERT_TRUE(session) << session.error().message;
  alice_ = {.kind = sim::Principal::Kind::kRoleSession,
            .account_id = "123456789012",
            .access_key_id = session->access_key_id,
            .arn = "x",
            .session = sessions_->find(session->access_key_id)};
  const sim::AccessQuestion read{
      .action = "oss:GetObject", .bucket = "examplebucket", .key = "users/alice/a"};
  EXPECT_TRUE(access_.authorize(alice_, {.secure = false}, read));
  EXPECT_FALSE(access_.authorize(alice_, {.secure = true}, read));
}

TEST_P(LeastPrivilege, RefusalsOfStsArriveWithTheirRemedy) {
  const auto session = assume({.bucket = "examplebucket", .prefix = "users/alice/"}, 3s);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::kInvalid);
  EXPECT_NE(session.error().message.find("duration_seconds"), std::string::npos)
      << session.error().message;
}

INSTANTIATE_TEST_SUITE_P(BothSignatures, LeastPrivilege,
                         ::testing::Values(sts::SignatureKind::kAcs3, sts::SignatureKind::kRpc),
                         [](const auto& which) {
                           return which.param == sts::SignatureKind::kAcs3 ? "Acs3" : "Rpc";
                         });

}  // namespace
}  // namespace stsfs
