#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "identities.h"
#include "ram/ram_default.h"
#include "stsfs/base/fd.h"

namespace stsfs::sim {
namespace {

TEST(RamDocument, SaysFilePlaceAndWhat) {
  struct Row {
    std::string text;
    const char* message;
  };
  const std::string account = "[[account]]\nid = \"1\"\n";
  const Row rows[] = {
      {"", "names no [[account]]"},
      {"[[account]\n", "ram.toml: not TOML at line 1"},
      {"{\"account\": ", "ram.toml: not JSON at line 1"},
      {"[[account]]\nid = 1\n", "ram.toml:2: account[0].id: must be a string"},
      {"[[account]]\nid = \"a\"\n", "ram.toml:2: account[0].id: must be 1 to 20 digits"},
      {account + "color = \"red\"\n", "ram.toml:3: account[0].color: is not known here"},
      {account + "[[user]]\npolicies = \"x\"\n", "user[0].name: is missing"},
      {account + "[[user]]\nname = \"a b\"\n", "user[0].name: must be 1 to 64 of"},
      {account + "[[user]]\nname = \"a\"\npolicies = \"x\"\n",
       "ram.toml:5: user[0].policies: \"x\" is no policy"},
      {account + "[[user]]\nname = \"a\"\ngroups = \"x\"\n", "user[0].groups: \"x\" is no group"},
      {account + "[[user]]\nname = \"a\"\naccount = \"2\"\n", "\"2\" is no account"},
      {account + "[[user]]\nname = \"a\"\n[[user]]\nname = \"a\"\n", "a second time"},
      {account + "[[user]]\nname = \"a\"\naccess_key = { id = \"k\" }\n",
       "user[0].access_key.secret: is missing"},
      {account + "[[user]]\nname = \"a\"\naccess_key = { id = \"STS.k\", secret = \"s\" }\n",
       "may not start with"},
      {account + "[[role]]\nname = \"r\"\n", "role[0].trust_policy: is missing"},
      {account + "[[role]]\nname = \"r\"\ntrust_policy = '{}'\n",
       "ram.toml:5: role[0].trust_policy: Version must be"},
      {account + "[[role]]\nname = \"r\"\nmax_session_duration = 60\n",
       "max_session_duration: must be a number from 3600 to 43200"},
      {account + "[[oidc_provider]]\nname = \"p\"\nissuer = \"i\"\nclient_ids = \"c\"\n"
                 "key = { pem = \"x\" }\n",
       "oidc_provider[0].key.pem: not a public key"},
  };
  for (const Row& row : rows) {
    const auto directory = read_ram_document(row.text, "ram.toml");
    ASSERT_FALSE(directory) << row.text;
    EXPECT_NE(directory.error().message.find(row.message), std::string::npos)
        << row.text << "\n  " << directory.error().message;
  }
}

TEST(RamDocument, JsonAndPoliciesAsTablesSayTheSame) {
  const auto directory = read_ram_document(
      R"({"account": [{"id": "1"}],
          "policy": [{"name": "p", "document": {"Version": "1", "Statement": [
             {"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}}],
          "user": [{"name": "u", "policies": ["p"], "access_key": {"id": "k", "secret": "s"}}]})",
      "ram.json");
  ASSERT_TRUE(directory) << directory.error().message;
  const AccessKey* key = (*directory)->find_key("k");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->owner->arn, "acs:ram::1:user/u");
  EXPECT_EQ(key->owner->policies.size(), 1U);
}

TEST(RamDocument, AnErrorNeverHoldsASecret) {
  const auto directory = read_ram_document(
      "[[account]]\nid = \"1\"\naccess_key = { id = \"k\", secret = \"hush-hush\", more = 1 }\n",
      "ram.toml");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message.find("hush"), std::string::npos);
}

TEST(RamDocument, AFileThatOthersMayReadIsRefused) {
  std::string path = ::testing::TempDir() + "ramXXXXXX";
  const UniqueFd file(mkstemp(path.data()));
  ASSERT_TRUE(write_file_atomically(path, "[[account]]\nid = \"1\"\n", 0600));
  EXPECT_TRUE(load_ram_document(path));
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  const auto refused = load_ram_document(path);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("chmod 600"), std::string::npos);
  unlink(path.c_str());
  EXPECT_FALSE(load_ram_document(path));
}

TEST(RamDocument, TheDefaultLetsTheVendingUserAssumeTheRoleAndNothingElse) {
  const DefaultRam ram = make_default_ram({});
  Doors cloud({}, {}, ram.document.reveal());
  const StsAnswer answer =
      cloud.sts.handle(rpc_call({{"RoleArn", ram.role_arn}, {"RoleSessionName", "alice"}},
                                ram.vending_key_id, ram.vending_key_secret.reveal()),
                       "");
  EXPECT_EQ(answer.code, "") << answer.body;
  const auto may = [&](std::string_view id, std::string_view key) {
    const AccessKey& found = *cloud.directory->find_key(id);
    const Principal who{Principal::Kind::kUser, "123456789012", found.id,
                        found.owner->arn,       found.owner,    nullptr};
    return !cloud.access.authorize(who, wire("GET", "/"), {"oss:GetObject", "examplebucket", key});
  };
  EXPECT_FALSE(may(ram.vending_key_id, "users/alice/a"));
  EXPECT_TRUE(may(ram.admin_key_id, "anything"));
  EXPECT_NE(make_default_ram({}).vending_key_id, ram.vending_key_id);
}

}  // namespace
}  // namespace stsfs::sim
