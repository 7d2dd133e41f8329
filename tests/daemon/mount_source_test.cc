#include "mount_source.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

BucketSource bucket_of(const std::string& text) {
  return std::get<BucketSource>(parse_source(text).value());
}

MountOptions options_with(CredentialKind kind, const std::string& endpoint) {
  MountOptions options = default_options();
  options.credentials = kind;
  options.endpoint = endpoint;
  return options;
}

TEST(MountSource, IsAVendingServerOrAFolder) {
  EXPECT_EQ(std::get<VendingSource>(parse_source("https://vend.example.com/x").value()).url,
            "https://vend.example.com/x");
  EXPECT_EQ(bucket_of("oss://examplebucket").prefix, "");
  EXPECT_EQ(bucket_of("oss://examplebucket/").prefix, "");
  EXPECT_EQ(bucket_of("oss://examplebucket/users/alice").prefix, "users/alice/");
  EXPECT_EQ(bucket_of("oss://examplebucket/users/alice/").prefix, "users/alice/");
}

TEST(MountSource, WhatIsNeitherIsRefusedWithBothForms) {
  for (const char* text : {"", "vend.example.com", "ftp://x", "oss:/bucket", "s3://bucket"}) {
    const auto source = parse_source(text);
    ASSERT_FALSE(source) << text;
    EXPECT_EQ(source.error().code, Errc::kInvalid);
    EXPECT_NE(source.error().message.find("oss://bucket/prefix"), std::string::npos);
  }
}

TEST(MountSource, BucketsAndPrefixesThatCannotBeAreRefused) {
  for (const char* text : {"oss://", "oss://ab", "oss://Bucket", "oss://-bucket", "oss://bucket-",
                           "oss://buck_et", "oss://bucket//a", "oss://bucket/a//b",
                           "oss://bucket/../a", "oss://bucket/./a", "oss://bucket/a/.."})
    EXPECT_FALSE(parse_source(text)) << text;
  EXPECT_FALSE(parse_source("oss://bucket/" + std::string(1'001, 'x')));
}

TEST(MountSource, TheRegionFollowsFromAnOfficialEndpoint) {
  const MountSource source = BucketSource{"examplebucket", "a/"};
  const auto region = [&](const std::string& endpoint) {
    const auto fitted = fit_to_source(options_with(CredentialKind::kEnvironment, endpoint), source);
    return fitted ? fitted->region : "(" + fitted.error().message + ")";
  };
  EXPECT_EQ(region("https://oss-cn-hangzhou.aliyuncs.com"), "cn-hangzhou");
  EXPECT_EQ(region("oss-cn-beijing-internal.aliyuncs.com"), "cn-beijing");
  EXPECT_NE(region("https://minio.example.com").find("region="), std::string::npos);
}

TEST(MountSource, AFolderNeedsEndpointAndCredentials) {
  const MountSource source = BucketSource{"examplebucket", "a/"};
  const std::string endpoint = "https://oss-cn-hangzhou.aliyuncs.com";
  EXPECT_FALSE(fit_to_source(options_with(CredentialKind::kEnvironment, ""), source));
  EXPECT_FALSE(fit_to_source(options_with(CredentialKind::kVending, endpoint), source));
  EXPECT_FALSE(fit_to_source(options_with(CredentialKind::kStatic, endpoint), source));
  MountOptions with_vend = options_with(CredentialKind::kVending, endpoint);
  with_vend.vend = "https://vend.example.com";
  EXPECT_TRUE(fit_to_source(with_vend, source));
  MountOptions with_file = options_with(CredentialKind::kStatic, endpoint);
  with_file.credentials_file = "/k";
  EXPECT_TRUE(fit_to_source(with_file, source));
  EXPECT_FALSE(fit_to_source(options_with(CredentialKind::kFile, endpoint), source));
  EXPECT_FALSE(fit_to_source(options_with(CredentialKind::kProcess, endpoint), source));
}

TEST(MountSource, AVendingServerGivesTheCredentialsItself) {
  const MountSource source = VendingSource{"https://vend.example.com"};
  EXPECT_EQ(fit_to_source(default_options(), source)->vend, "https://vend.example.com");
  EXPECT_FALSE(fit_to_source(options_with(CredentialKind::kEnvironment, ""), source));
}

}  // namespace
}  // namespace stsfs::daemon
