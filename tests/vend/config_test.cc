#include "config/config.h"

#include <string>

#include <gtest/gtest.h>

#include "office/access_key.h"
#include "office/sign_in.h"
#include "stores/sql.h"
#include "stsfs/base/fd.h"
#include "support/temporary_directory.h"
#include "web/client_address.h"

namespace stsfs::vend {
namespace {

const std::string kGood = R"(database = "/tmp/x.db"
token_lifetime_seconds = 60
[sts]
endpoint = "http://127.0.0.1:9000"
role_arn = "acs:ram::123456789012:role/r"
duration_seconds = 3
signature = "rpc"
[folder]
endpoint = "http://127.0.0.1:9001"
region = "cn-hangzhou"
bucket = "examplebucket"
prefix = "users/${user}/"
permissions = "ro"
)";

std::string complaint(const std::string& from, const std::string& to) {
  std::string text = kGood;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  const auto config = parse_config(text.replace(at, from.size(), to), "vend.toml");
  return config ? "accepted" : config.error().message;
}

TEST(VendConfig, IsRead) {
  const auto config = parse_config(kGood, "vend.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->sts.duration.count(), 3);
  EXPECT_EQ(config->sts.client.signature, sts::SignatureKind::kRpc);
  EXPECT_EQ(config->folder.access, sts::Access::kReadOnly);
  EXPECT_EQ(config->token_lifetime.count(), 60);
  EXPECT_EQ(config->listen, "127.0.0.1:7443");
}

TEST(VendConfig, NamesFileLineAndKeyOfWhatIsWrong) {
  EXPECT_EQ(
      complaint("permissions", "permisions").find("vend.toml:13: folder.permisions is no key"), 0u);
  EXPECT_EQ(complaint("[folder]", "[folders]").find("vend.toml:"), 0u);
  EXPECT_EQ(complaint("= 3\n", "= \"3\"\n").find("vend.toml:6: sts.duration_seconds must be"), 0u);
  EXPECT_EQ(complaint("= 3\n", "= 0\n").find("vend.toml:6: sts.duration_seconds must be"), 0u);
  EXPECT_EQ(complaint("\"rpc\"", "\"md5\"").find("vend.toml:7: sts.signature must be acs3 or rpc"),
            0u);
  EXPECT_NE(complaint("users/${user}/", "users/").find("folder.prefix"), std::string::npos);
  EXPECT_NE(complaint("http://127.0.0.1:9001", "127.0.0.1").find("folder.endpoint"),
            std::string::npos);
  EXPECT_NE(complaint("examplebucket", "Bad").find("folder.bucket"), std::string::npos);
  EXPECT_NE(complaint("database", "tls_key = \"k\"\ndatabase").find("belong together"),
            std::string::npos);
  EXPECT_EQ(complaint("[sts]", "[sts").find("vend.toml:3"), 0u);
  EXPECT_NE(complaint("role_arn", "external_id").find("sts.role_arn is missing"),
            std::string::npos);
  EXPECT_EQ(complaint("role/r", "user/r").find("vend.toml:5: sts.role_arn: the role reads"), 0u);
  EXPECT_EQ(complaint("http://127.0.0.1:9000", "http://sts.example").find("vend.toml:4: sts."), 0u)
      << "keys over plain HTTP";
  EXPECT_EQ(complaint("database", "listen = \"localhost:1\"\ndatabase").find("vend.toml:1: listen"),
            0u);
  EXPECT_NE(complaint("database", "listen = \"0.0.0.0:1\"\ndatabase").find("tls_certificate"),
            std::string::npos);
  EXPECT_EQ(complaint("database", "listen = \"127.0.0.1:65536\"\ndatabase").find("vend.toml:1:"),
            0u);
}

TEST(VendConfig, NeverRepeatsADatabaseThatIsNone) {
  for (const char* bad :
       {"postgresql://me:a%zzs3cr3t@db.test/x", "postgresql://me:a@s3cr3t@db.test/x",
        "postgres://me:a/s3cr3t@db.test/x", "postgresql://me:s3cr3t/x",
        "postgresql://me:s3cr3t@[db.test/x", "host=db.test password=a s3cr3t",
        "host=db.test pasword=s3cr3t", "host=db.test port=s3cr3t"}) {
    const std::string said = complaint("/tmp/x.db", bad);
    EXPECT_EQ(
        said.find("vend.toml:1: database: is no connection string of PostgreSQL; in a URL a % "
                  "is written %25"),
        0u)
        << bad << ": " << said;
    EXPECT_EQ(said.find("s3cr3t"), std::string::npos) << said;
    for (const auto& refused : {open_database(bad) ? "" : open_database(bad).error().message,
                                check_database(bad) ? "" : check_database(bad).error().message}) {
      EXPECT_NE(refused.find("is no connection string"), std::string::npos) << bad << refused;
      EXPECT_EQ(refused.find("s3cr3t"), std::string::npos) << refused;
    }
  }
  for (const char* good :
       {"postgresql://me:a%40b@db.test:5432/x?sslmode=require", "postgresql:///x?host=/run/a@b",
        "postgresql://a.test:1,b.test:2/x", "postgres://me@db.test", "postgresql://",
        "host=db.test password='a @/%'", "service=x"})
    EXPECT_EQ(complaint("/tmp/x.db", good), "accepted") << good;
}

TEST(VendConfig, HasAnExampleThatIsValid) {
  const auto config = parse_config(example_config(), "example");
  EXPECT_TRUE(config) << config.error().message;
}

TEST(VendConfig, ChecksTheRulesOfGroupsAndUsers) {
  const auto with = [](const std::string& more) {
    const auto config = parse_config(kGood + more, "vend.toml");
    return config ? "accepted" : config.error().message;
  };
  EXPECT_EQ(with("[[group]]\nname = \"staff\"\npermissions = \"rw\"\nsource_addresses = "
                 "[\"10.0.0.0/8\"]\n"),
            "accepted");
  EXPECT_NE(with("[[group]]\npermissions = \"rw\"\n").find("group.name is missing"),
            std::string::npos);
  EXPECT_NE(with("[[user]]\nname = \"al\"\nprefx = \"x/\"\n").find("user.prefx is no key"),
            std::string::npos);
  EXPECT_NE(with("[[user]]\nname = \"al\"\nprefix = \"x/\"\n").find("user.prefix"),
            std::string::npos)
      << "only a shared folder may leave the user out";
  EXPECT_EQ(with("[[user]]\nname = \"al\"\nprefix = \"x/\"\npermissions = \"shared\"\n"),
            "accepted");
  EXPECT_NE(with("[[user]]\nname = \"al\"\n[[user]]\nname = \"al\"\n").find("stands twice"),
            std::string::npos);
  EXPECT_EQ(with("[[user]]\nname = \"al\"\nsource_addresses = [\"10.0.0.0/33\"]\n")
                .find("vend.toml:16: user.source_addresses:"),
            0u);
  EXPECT_NE(with("[[user]]\nname = \"a/b\"\n").find("user.name:"), std::string::npos);
  EXPECT_NE(with("[[group]]\nname = \"a b\"\n").find("group.name:"), std::string::npos);
  EXPECT_EQ(with("[[group]]\nname = \"a\"\n"), "accepted") << "a group's name may be that short";
  EXPECT_NE(with("[device]\nlifetime_seconds = 5\n").find("device.pause_seconds"),
            std::string::npos);
  EXPECT_NE(with("[oidc]\nissuer = \"http://id.example.com\"\naudiences = [\"a\"]\n")
                .find("oidc.issuer is http://"),
            std::string::npos);
  EXPECT_NE(with("[[user]]\nname = \"al\"\nquota = \"many\"\n").find("user.quota"),
            std::string::npos);
  EXPECT_NE(with("[[user]]\nname = \"al\"\nstorage_class = \"Tape\"\n").find("user.storage_class"),
            std::string::npos);
  EXPECT_NE(
      with("[[user]]\nname = \"al\"\npolicy_file = \"/nonexistent\"\n").find("user.policy_file"),
      std::string::npos);
  EXPECT_NE(with("[oidc]\nissuer = \"https://id.example.com\"\n").find("oidc.audiences"),
            std::string::npos);
}

TEST(VendConfig, TakesAPolicyOfOnesOwn) {
  testing::TemporaryDirectory directory;
  const std::string file = directory / "policy.json";
  ASSERT_TRUE(write_file_atomically(
      file, R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:GetObject",
    "Resource":"acs:oss:*:*:${bucket}/${prefix}public/*"}]})"));
  const auto config = parse_config(
      kGood + "[[user]]\nname = \"al\"\npolicy_file = \"" + file + "\"\n", "vend.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(*session_policy_of(folder_for(*config, "al", {}), "al"),
            R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:GetObject",)"
            R"("Resource":"acs:oss:*:*:examplebucket/users/al/public/*"}]})");
}

TEST(VendAccessKey, ComesFromAPrivateFileOrTheEnvironment) {
  testing::TemporaryDirectory directory;
  const auto nothing = [](const char*) -> const char* { return nullptr; };
  const std::string file = directory / "key.json";
  ASSERT_TRUE(
      write_file_atomically(file, R"({"AccessKey":{"AccessKeyId":"i","AccessKeySecret":"s"}})"));
  EXPECT_EQ(load_access_keys(file, nothing)->front().id, "i");
  ASSERT_TRUE(write_file_atomically(file, R"({"AccessKeyId":"j","AccessKeySecret":"s"})"));
  EXPECT_EQ(load_access_keys(file, nothing)->front().secret.reveal(), "s");
  ASSERT_TRUE(write_file_atomically(
      file,
      R"([{"AccessKeyId":"new","AccessKeySecret":"s"},{"AccessKeyId":"old","AccessKeySecret":"s"}])"));
  ASSERT_EQ(load_access_keys(file, nothing)->size(), 2u);
  EXPECT_EQ((*load_access_keys(file, nothing))[1].id, "old");
  ASSERT_TRUE(write_file_atomically(file, R"({"AccessKeyId":"j","AccessKeySecret":"s"})", 0644));
  EXPECT_EQ(load_access_keys(file, nothing).error().code, Errc::kDenied);
  EXPECT_EQ(load_access_keys("", nothing).error().code, Errc::kInvalid);
  EXPECT_EQ(load_access_keys("", [](const char*) { return "x"; })->front().id, "x");
}

TEST(VendAddress, OfAClientComesFromTrustedProxiesOnly) {
  const std::vector<std::string> proxies = {"10.0.0.0/8", "2001:db8::/32"};
  EXPECT_EQ(client_address("192.0.2.1", "203.0.113.9", proxies), "192.0.2.1") << "no proxy of ours";
  EXPECT_EQ(client_address("10.1.2.3", "203.0.113.9", proxies), "203.0.113.9");
  EXPECT_EQ(client_address("10.1.2.3", "1.1.1.1, 203.0.113.9, 10.9.9.9", proxies), "203.0.113.9")
      << "what stands before it anybody could have written";
  EXPECT_EQ(client_address("2001:db8::1", "203.0.113.9", proxies), "203.0.113.9");
  EXPECT_EQ(client_address("10.1.2.3", "nonsense", proxies), "10.1.2.3");
  EXPECT_EQ(client_address("10.1.2.3", "", proxies), "10.1.2.3");
  EXPECT_FALSE(is_among("11.0.0.1", proxies));
  EXPECT_EQ(throttle_address("2001:db8:1:2:3:4:5:6"), throttle_address("2001:db8:1:2:ffff::1"));
  EXPECT_NE(throttle_address("2001:db8:1:2::1"), throttle_address("2001:db8:1:3::1"));
  EXPECT_EQ(throttle_address("192.0.2.7"), "192.0.2.7");
}

}  // namespace
}  // namespace stsfs::vend
