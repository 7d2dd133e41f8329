#include "credential_choice.h"

#include <sys/stat.h>

#include <map>

#include "fakes/scripted_engine.h"
#include "stsfs/base/fd.h"
#include "support/temporary_directory.h"
#include "unattended_login.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

using namespace std::chrono_literals;

Environment table(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

CredentialKind chosen(const MountOptions& options, std::map<std::string, std::string> variables) {
  return choose_credentials(options, table(std::move(variables)));
}

// mount.stsfs(8): "With a vending server as the source, or vend=, that. Else the first of these
// that is set: …"
TEST(CredentialChoice, FollowsTheChainOfTheManPage) {
  MountOptions options = default_options();
  const std::map<std::string, std::string> everything{
      {"OSS_ACCESS_KEY_ID", "a"},
      {"ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/t"},
      {"ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1/x"}};
  EXPECT_EQ(chosen(options, {}), CredentialKind::kEcs);
  auto variables = everything;
  EXPECT_EQ(chosen(options, variables), CredentialKind::kEnvironment);
  variables.erase("OSS_ACCESS_KEY_ID");
  EXPECT_EQ(chosen(options, variables), CredentialKind::kOidc);
  variables.erase("ALIBABA_CLOUD_OIDC_TOKEN_FILE");
  EXPECT_EQ(chosen(options, variables), CredentialKind::kUri);
  options.credentials_uri = "http://127.0.0.1/y";
  EXPECT_EQ(chosen(options, everything), CredentialKind::kUri);
  options.credentials_process = "/bin/x";
  EXPECT_EQ(chosen(options, everything), CredentialKind::kProcess);
  options.credentials_file = "/k";
  EXPECT_EQ(chosen(options, everything), CredentialKind::kFile);
  options.vend = "https://vend.example.com";
  EXPECT_EQ(chosen(options, everything), CredentialKind::kVending);
  options.credentials = CredentialKind::kEcs;
  EXPECT_EQ(chosen(options, everything), CredentialKind::kEcs) << "what was said goes first";
}

TEST(CredentialChoice, TakesTheNamesOfTheSdksWhereNoOptionIsSet) {
  const auto options =
      with_environment(default_options(), table({{"ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r"},
                                                 {"ALIBABA_CLOUD_STS_REGION", "cn-beijing"},
                                                 {"ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true"},
                                                 {"ALIBABA_CLOUD_ECS_METADATA", "role"}}));
  EXPECT_EQ(options.role_arn, "acs:ram::1:role/r");
  EXPECT_EQ(options.sts_endpoint, "https://sts-vpc.cn-beijing.aliyuncs.com");
  EXPECT_EQ(options.role_session, "stsfs");
  EXPECT_EQ(options.ecs_role, "role");
  MountOptions said = default_options();
  said.role_arn = "acs:ram::1:role/said";
  EXPECT_EQ(with_environment(said, table({{"ALIBABA_CLOUD_ROLE_ARN", "x"}})).role_arn,
            said.role_arn);
  EXPECT_EQ(with_environment(said, table({})).sts_endpoint, "https://sts.aliyuncs.com");
}

class SourcesByName : public ::testing::Test {
 protected:
  std::string described(MountOptions options, std::map<std::string, std::string> variables = {}) {
    auto source = make_source(options, directory_.path(), table(std::move(variables)), engine_,
                              system_clock());
    return source ? (*source)->describe() : "(" + source.error().message + ")";
  }
  static MountOptions of(CredentialKind kind) {
    MountOptions options = default_options();
    options.credentials = kind;
    return options;
  }
  testing::TemporaryDirectory directory_;
  fakes::ScriptedEngine engine_{[](const auto&) -> Result<http::Response> {
    return http::Response{500, {}, ""};
  }};
};

TEST_F(SourcesByName, AreWhatWasAskedFor) {
  MountOptions role = of(CredentialKind::kOidc);
  role.role_arn = "acs:ram::1:role/r";
  role.oidc_provider_arn = "acs:ram::1:oidc-provider/p";
  role.oidc_token_file = "/token";
  EXPECT_EQ(described(role), "role acs:ram::1:role/r with the OIDC token in /token");
  role.credentials = CredentialKind::kAssumeRole;
  EXPECT_EQ(described(role, {{"OSS_ACCESS_KEY_ID", "a"}, {"OSS_ACCESS_KEY_SECRET", "b"}}),
            "role acs:ram::1:role/r with the key of environment (OSS_ACCESS_KEY_ID)");
  EXPECT_EQ(described(of(CredentialKind::kEcs)), "ECS metadata");
  MountOptions uri = of(CredentialKind::kUri);
  uri.credentials_uri = "https://a.example/secret";
  EXPECT_EQ(described(uri), "credentials URI at https://a.example");
  MountOptions process = of(CredentialKind::kProcess);
  process.credentials_process = "/bin/x 'a b'";
  EXPECT_EQ(described(process), "process /bin/x");
  MountOptions file = of(CredentialKind::kFile);
  file.credentials_file = "/k";
  EXPECT_EQ(described(file), "file /k");
}

TEST_F(SourcesByName, SayWhatTheyLack) {
  EXPECT_NE(described(of(CredentialKind::kFile)).find("credentials_file="), std::string::npos);
  EXPECT_NE(described(of(CredentialKind::kProcess)).find("credentials_process="),
            std::string::npos);
  EXPECT_NE(described(of(CredentialKind::kVending)).find("vend=URL"), std::string::npos);
  EXPECT_NE(described(of(CredentialKind::kOidc)).find("role_arn"), std::string::npos);
  MountOptions oidc = of(CredentialKind::kOidc);
  oidc.role_arn = "acs:ram::1:role/r";
  oidc.oidc_provider_arn = "acs:ram::1:oidc-provider/p";
  EXPECT_EQ(described(oidc),
            "(credentials=oidc needs oidc_token_file=FILE or ALIBABA_CLOUD_OIDC_TOKEN_FILE)");
  EXPECT_EQ(described(of(CredentialKind::kUri)),
            "(credentials=uri needs credentials_uri=URL or ALIBABA_CLOUD_CREDENTIALS_URI)");
}

// The engine's 500 stands for a machine that is no instance.
TEST_F(SourcesByName, TheLastResortSaysWhatElseThereCouldBe) {
  const auto refusal = [&](const MountOptions& options) {
    auto source = make_source(options, directory_.path(), table({}), engine_, system_clock());
    Interrupt interrupt;
    auto grant = (*source)->fetch({}, Deadline::in(system_clock(), 1s), interrupt);
    return grant ? "" : grant.error().message;
  };
  const char* advice =
      "set vend=, credentials_file=, or OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET";
  EXPECT_NE(refusal(default_options()).find(advice), std::string::npos);
  EXPECT_EQ(refusal(of(CredentialKind::kEcs)).find(advice), std::string::npos) << "as was said";
  MountOptions role = default_options();
  role.ecs_role = "role";
  EXPECT_EQ(refusal(role).find(advice), std::string::npos) << "ECS is meant";
}

TEST_F(SourcesByName, AStaticKeyIsReadOnce) {
  MountOptions options = of(CredentialKind::kStatic);
  options.credentials_file = directory_ / "key";
  ASSERT_TRUE(write_file_atomically(options.credentials_file,
                                    R"({"AccessKeyId":"a","AccessKeySecret":"s"})"));
  auto source = make_source(options, directory_.path(), table({}), engine_, system_clock());
  ASSERT_TRUE(source) << source.error().message;
  unlink(options.credentials_file.c_str());
  Interrupt interrupt;
  EXPECT_EQ(
      (*source)->fetch({}, Deadline::in(system_clock(), 1s), interrupt)->credential.access_key_id,
      "a");
}

// --- nobody is there to log in ---

class UnattendedLogins : public SourcesByName {
 protected:
  std::string password_of(const MountOptions& options,
                          std::map<std::string, std::string> variables) {
    auto login = unattended_login(options, table(std::move(variables)), system_clock());
    if (!login) return "(" + login.error().message + ")";
    if (!login->password) return "(none)";
    Interrupt interrupt;
    auto password = login->password(Deadline::in(system_clock(), 10s), interrupt);
    return password ? std::string(password->reveal()) : "(" + password.error().message + ")";
  }
};

TEST_F(UnattendedLogins, TakeThePasswordThatSystemdHandsOver) {
  MountOptions options = default_options();
  options.vend_user = "alice";
  const std::map<std::string, std::string> variables{{"CREDENTIALS_DIRECTORY", directory_.path()}};
  EXPECT_EQ(password_of(options, variables), "(none)");
  ASSERT_TRUE(write_file_atomically(directory_ / "stsfs.password", "pass word\n", 0440));
  EXPECT_EQ(password_of(options, variables), "pass word");
  options.vend_user.clear();
  EXPECT_NE(password_of(options, variables).find("vend_user"), std::string::npos);
}

TEST_F(UnattendedLogins, AskACommandForThePassword) {
  MountOptions options = default_options();
  options.vend_user = "alice";
  options.password_command = "/bin/echo 'pass word'";
  EXPECT_EQ(password_of(options, {}), "pass word");
  options.password_command = "/bin/false";
  EXPECT_NE(password_of(options, {}).find("exit code 1"), std::string::npos);
}

}  // namespace
}  // namespace stsfs::daemon
