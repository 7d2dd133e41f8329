#include "config.h"

#include <string>

#include <gtest/gtest.h>

#include "access_key.h"
#include "stsfs/base/fd.h"
#include "support/temporary_directory.h"

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
}

TEST(VendConfig, HasAnExampleThatIsValid) {
  const auto config = parse_config(example_config(), "example");
  EXPECT_TRUE(config) << config.error().message;
}

TEST(VendAccessKey, ComesFromAPrivateFileOrTheEnvironment) {
  testing::TemporaryDirectory directory;
  const auto nothing = [](const char*) -> const char* { return nullptr; };
  const std::string file = directory / "key.json";
  ASSERT_TRUE(
      write_file_atomically(file, R"({"AccessKey":{"AccessKeyId":"i","AccessKeySecret":"s"}})"));
  EXPECT_EQ(load_access_key(file, nothing)->id, "i");
  ASSERT_TRUE(write_file_atomically(file, R"({"AccessKeyId":"j","AccessKeySecret":"s"})"));
  EXPECT_EQ(load_access_key(file, nothing)->secret.reveal(), "s");
  ASSERT_TRUE(write_file_atomically(file, R"({"AccessKeyId":"j","AccessKeySecret":"s"})", 0644));
  EXPECT_EQ(load_access_key(file, nothing).error().code, Errc::kDenied);
  EXPECT_EQ(load_access_key("", nothing).error().code, Errc::kInvalid);
  EXPECT_EQ(load_access_key("", [](const char*) { return "x"; })->id, "x");
}

}  // namespace
}  // namespace stsfs::vend
