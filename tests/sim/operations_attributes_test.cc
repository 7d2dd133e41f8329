#include <gmock/gmock.h>

#include "sim/oss_fixture.h"

namespace stsfs::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Attributes : public OssTest {
 protected:
  void SetUp() override { make(); }
  Seen link(const std::string& key, const std::string& target, sign::Pairs headers = {}) {
    headers.emplace_back("x-oss-symlink-target", target);
    return ask(
        {.method = "PUT", .key = key, .query = {{"symlink", ""}}, .headers = std::move(headers)});
  }
  Seen target_of(const std::string& key) { return ask({.key = key, .query = {{"symlink", ""}}}); }
};

// --- symbolic links ---

TEST_F(Attributes, LinkIsReadThroughToItsTarget) {
  put("dir/target \xE4\xB8\xAD", "content", {{"Content-Type", "text/css"}});
  clock_.advance(std::chrono::seconds(5));
  EXPECT_EQ(link("l", "dir%2Ftarget%20%E4%B8%AD", {{"x-oss-meta-mode", "41471"}}).status, 200);
  const Seen read = get("l");
  EXPECT_EQ(read.body, "content");
  EXPECT_EQ(read.header("x-oss-object-type"), "Symlink");
  EXPECT_EQ(read.header("ETag"), head("dir/target \xE4\xB8\xAD").header("ETag"));
  EXPECT_EQ(read.header("Last-Modified"), "Fri, 02 Jan 2026 03:04:10 GMT");  // the later one
  EXPECT_EQ(read.header("x-oss-meta-mode"), "41471");
  EXPECT_EQ(head("l").head_size, 7U);
}

TEST_F(Attributes, LinkTellsItsTargetAsItWasSentOrEncoded) {
  link("l", "a/b", {{"x-oss-meta-mode", "41471"}});
  const Seen answer = target_of("l");
  EXPECT_EQ(answer.header("x-oss-symlink-target"), "a/b");
  EXPECT_EQ(answer.header("x-oss-meta-mode"), "41471");
  EXPECT_NE(answer.header("ETag"), "");
  turn("symlink_target_encoded");
  EXPECT_EQ(target_of("l").header("x-oss-symlink-target"), "a%2Fb");
}

TEST_F(Attributes, DanglingLinksAndLinksToLinksAreErrorsOfReading) {
  link("dangling", "nothing");
  link("l2", "dangling");
  EXPECT_EQ(get("dangling").code(), "SymlinkTargetNotExist");
  EXPECT_EQ(get("dangling").status, 404);
  EXPECT_EQ(get("l2").code(), "InvalidTargetType");
  EXPECT_EQ(target_of("dangling").status, 200);
}

TEST_F(Attributes, LinkLendsNoRightToReadItsTarget) {
  make({.name = "b"});
  for (const std::string key : {"secret/k", "open"})
    ask({.method = "PUT", .key = key, .body = "content", .bucket = "b"});
  for (const std::string target : {"secret/k", "secret/none", "open"})
    ask({.method = "PUT",
         .key = "to " + target,
         .query = {{"symlink", ""}},
         .headers = {{"x-oss-symlink-target", percent_encode(target)}},
         .bucket = "b"});
  const auto read = [this](const std::string& method, const std::string& key) {
    return ask({.method = method, .key = key, .bucket = "b", .id = "reader", .secret = "rs"});
  };
  EXPECT_EQ(read("GET", "to open").body, "content");
  EXPECT_EQ(read("GET", "to secret/k").code(), "AccessDenied");
  EXPECT_EQ(read("HEAD", "to secret/k").status, 403);
  EXPECT_EQ(read("GET", "to secret/none").code(), "AccessDenied");
}

TEST_F(Attributes, BriefHeadDescribesTheLinkItself) {
  put("target", "content");
  link("l", "target");
  const Seen meta = ask({.method = "HEAD", .key = "l", .query = {{"objectMeta", ""}}});
  EXPECT_EQ(meta.header("x-oss-object-type"), "Symlink");
  EXPECT_NE(meta.header("ETag"), head("target").header("ETag"));
}

TEST_F(Attributes, LinksHonourForbidOverwriteAndOverwriteOtherwise) {
  put("k", "x");
  EXPECT_EQ(link("k", "t", {{"x-oss-forbid-overwrite", "true"}}).code(), "FileAlreadyExists");
  EXPECT_EQ(link("k", "t").status, 200);
  EXPECT_EQ(link("k", "").code(), "InvalidArgument");
  EXPECT_EQ(target_of("none").code(), "NoSuchKey");
  put("plain", "x");
  EXPECT_EQ(target_of("plain").code(), "NotSymlink");
}

TEST_F(Attributes, HierarchicalBucketsHaveNoLinks) {
  make({.name = "tree", .hierarchical = true});
  EXPECT_EQ(ask({.method = "PUT",
                 .key = "l",
                 .query = {{"symlink", ""}},
                 .headers = {{"x-oss-symlink-target", "t"}},
                 .bucket = "tree"})
                .code(),
            "OperationNotSupported");
}

// --- ACL and tags ---

TEST_F(Attributes, AclOfAnObjectOpensIt) {
  put("k", "x");
  EXPECT_EQ(ask({.key = "k", .query = {{"acl", ""}}}).element("Grant"), "default");
  const auto set = [&](const std::string& acl) {
    return ask({.method = "PUT",
                .key = "k",
                .query = {{"acl", ""}},
                .headers = {{"x-oss-object-acl", acl}}});
  };
  EXPECT_EQ(set("public-read").status, 200);
  EXPECT_EQ(ask({.key = "k", .query = {{"acl", ""}}}).element("Grant"), "public-read");
  EXPECT_EQ(ask({.key = "k", .id = ""}).status, 200);
  EXPECT_EQ(set("nobody").code(), "InvalidArgument");
}

TEST_F(Attributes, TagsAreSetReadAndRemovedWithoutTouchingTheObject) {
  put("k", "x", {{"x-oss-tagging", "a=1&b=%20"}});
  EXPECT_EQ(head("k").header("x-oss-tagging-count"), "2");
  clock_.advance(std::chrono::seconds(5));
  const auto set = [&](const std::string& tags) {
    return ask({.method = "PUT",
                .key = "k",
                .query = {{"tagging", ""}},
                .body = "<Tagging><TagSet>" + tags + "</TagSet></Tagging>"});
  };
  EXPECT_EQ(set("<Tag><Key>c</Key><Value>3</Value></Tag>").status, 200);
  const Seen tags = ask({.key = "k", .query = {{"tagging", ""}}});
  EXPECT_THAT(tags.body,
              HasSubstr("<Tagging><TagSet><Tag><Key>c</Key><Value>3</Value></Tag></TagSet>"));
  EXPECT_EQ(head("k").header("Last-Modified"), "Fri, 02 Jan 2026 03:04:05 GMT");
  std::string many;
  for (int i = 0; i < 11; ++i)
    many += "<Tag><Key>" + std::to_string(i) + "</Key><Value></Value></Tag>";
  EXPECT_EQ(set(many).status, 400);
  EXPECT_EQ(set("<Tag><Key>" + std::string(129, 'k') + "</Key></Tag>").status, 400);
  EXPECT_EQ(ask({.method = "DELETE", .key = "k", .query = {{"tagging", ""}}}).status, 204);
  EXPECT_EQ(head("k").header("x-oss-tagging-count"), "");
}

TEST_F(Attributes, TagsThatAWriteSetsAreConditions) {
  const auto problem = cloud_.access().set_bucket_policy(
      "bucket",
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject","oss:PutObject","oss:PutObjectTagging"],"Principal":["acs:ram::123456789012:user/nobody"],"Resource":"acs:oss:*:*:bucket/*","Condition":{"StringEquals":{"oss:RequestObjectTag/team":"blue"}}},{"Effect":"Allow","Action":"oss:GetObject","Principal":["acs:ram::123456789012:user/nobody"],"Resource":"acs:oss:*:*:bucket/*"}]})");
  ASSERT_EQ(problem, std::nullopt);
  put("there", "x");
  const auto code = [&](Ask wanted, const std::string& tagging) {
    if (!tagging.empty()) wanted.headers.emplace_back("x-oss-tagging", tagging);
    wanted.id = "nobody";
    wanted.secret = "ns";
    return ask(wanted).code();
  };
  const Ask writes[] = {
      {.method = "PUT", .key = "k", .body = "x"},
      {.method = "POST", .key = "a", .query = {{"append", ""}, {"position", "0"}}, .body = "x"},
      {.method = "POST", .key = "u", .query = {{"uploads", ""}}},
      {.method = "PUT",
       .key = "l",
       .query = {{"symlink", ""}},
       .headers = {{"x-oss-symlink-target", "t"}}},
      {.method = "PUT",
       .key = "c",
       .headers = {{"x-oss-copy-source", "/bucket/there"}, {"x-oss-tagging-directive", "Replace"}}},
  };
  for (const Ask& write : writes) {
    EXPECT_EQ(code(write, ""), "AccessDenied") << write.key;
    EXPECT_EQ(code(write, "team=red"), "AccessDenied") << write.key;
    EXPECT_EQ(code(write, "a=1&team=blue"), "") << write.key;
  }
  // A copy that keeps its source's tags sets none.
  const Ask copy{.method = "PUT", .key = "c", .headers = {{"x-oss-copy-source", "/bucket/there"}}};
  EXPECT_EQ(code(copy, "team=blue"), "AccessDenied");

  const auto tag = [&](const std::string& value) {
    return code({.method = "PUT",
                 .key = "k",
                 .query = {{"tagging", ""}},
                 .body = "<Tagging><TagSet><Tag><Key>team</Key><Value>" + value +
                         "</Value></Tag></TagSet></Tagging>"},
                "");
  };
  EXPECT_EQ(tag("red"), "AccessDenied");
  EXPECT_EQ(tag("blue"), "");
  EXPECT_EQ(code({.method = "PUT", .key = "k", .query = {{"tagging", ""}}, .body = "<"}, ""),
            "AccessDenied");
}

// --- encryption and traffic ---

TEST_F(Attributes, EncryptionIsCheckedKeptAndTold) {
  constexpr const char* kMethod = "x-oss-server-side-encryption";
  constexpr const char* kKey = "x-oss-server-side-encryption-key-id";
  for (const char* bad : {"nonsense", "aes256", ""})
    EXPECT_EQ(put("k", "x", {{kMethod, bad}}).code(), "InvalidEncryptionAlgorithmError") << bad;
  EXPECT_EQ(put("k", "x", {{kMethod, "AES256"}, {kKey, "id"}}).code(), "InvalidArgument");
  EXPECT_EQ(head("k").status, 404);
  EXPECT_EQ(put("plain", "x").header(kMethod), "");
  for (const char* good : {"AES256", "SM4", "KMS"}) {
    EXPECT_EQ(put("k", "x", {{kMethod, good}}).header(kMethod), good);
    EXPECT_EQ(head("k").header(kMethod), good);
    EXPECT_EQ(get("k").header(kMethod), good);
  }
  constexpr const char* kData = "x-oss-server-side-data-encryption";
  put("k", "x", {{kMethod, "KMS"}, {kKey, "id"}, {kData, "SM4"}});
  EXPECT_EQ(head("k").header(kKey), "id");
  EXPECT_EQ(head("k").header(kData), "SM4");
  EXPECT_EQ(put("n", "x", {{kMethod, "AES256"}, {kData, "SM4"}}).code(), "InvalidArgument");
  EXPECT_EQ(put("n", "x", {{kMethod, "KMS"}, {kData, "AES256"}}).code(), "InvalidArgument");

  const auto copy = [&](sign::Pairs headers) {
    headers.emplace_back("x-oss-copy-source", "/bucket/k");
    return ask({.method = "PUT", .key = "c", .headers = std::move(headers)});
  };
  copy({});
  EXPECT_EQ(head("c").header(kMethod), "");  // not inherited
  EXPECT_EQ(copy({{kMethod, "SM4"}}).header(kMethod), "SM4");
  EXPECT_EQ(head("c").header(kMethod), "SM4");
  EXPECT_EQ(copy({{kMethod, "sm4"}}).code(), "InvalidEncryptionAlgorithmError");

  EXPECT_EQ(initiate("m", {{kMethod, "none"}}), "");
  const std::string id = initiate("m", {{kMethod, "AES256"}});
  upload_part("m", id, 1, "x");
  const Seen done = ask({.method = "POST",
                         .key = "m",
                         .query = {{"uploadId", id}},
                         .headers = {{"x-oss-complete-all", "yes"}}});
  EXPECT_EQ(done.header(kMethod), "AES256");
  EXPECT_EQ(head("m").header(kMethod), "AES256");
}

TEST_F(Attributes, TrafficLimitsHaveBounds) {
  put("k", "x");
  for (const char* good : {"819200", "838860800"}) {
    EXPECT_EQ(put("k", "x", {{"x-oss-traffic-limit", good}}).status, 200) << good;
    EXPECT_EQ(get("k", {}, {{"x-oss-traffic-limit", good}}).status, 200) << good;
  }
  for (const char* bad : {"819199", "838860801", "x", "-1", ""}) {
    EXPECT_EQ(put("k", "x", {{"x-oss-traffic-limit", bad}}).code(), "InvalidArgument") << bad;
    EXPECT_EQ(get("k", {}, {{"x-oss-traffic-limit", bad}}).code(), "InvalidArgument") << bad;
  }
}

// --- archives ---

class Archives : public Attributes {
 protected:
  Seen restore(const std::string& days = "1") {
    return ask({.method = "POST",
                .key = "k",
                .query = {{"restore", ""}},
                .body = "<RestoreRequest><Days>" + days + "</Days></RestoreRequest>"});
  }
};

TEST_F(Archives, AreReadOnlyAfterTheyWereRestored) {
  put("k", "content", {{"x-oss-storage-class", "Archive"}});
  EXPECT_EQ(get("k").status, 403);
  EXPECT_EQ(get("k").code(), "InvalidObjectState");
  EXPECT_EQ(head("k").status, 200);
  EXPECT_EQ(restore().status, 202);
  EXPECT_EQ(head("k").header("x-oss-restore"), "ongoing-request=\"true\"");
  EXPECT_EQ(restore().code(), "RestoreAlreadyInProgress");
  EXPECT_EQ(get("k").code(), "InvalidObjectState");
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(get("k").body, "content");
  EXPECT_THAT(head("k").header("x-oss-restore"),
              HasSubstr("ongoing-request=\"false\", expiry-date=\"Sat, 03 Jan 2026"));
  EXPECT_EQ(restore("2").status, 200);
  clock_.advance(std::chrono::hours(24 * 3));
  EXPECT_EQ(get("k").code(), "InvalidObjectState");
  EXPECT_EQ(restore().status, 202);  // once more
}

TEST_F(Archives, AreNotCopiedUntilRestored) {
  put("k", "content", {{"x-oss-storage-class", "ColdArchive"}});
  const Ask copy{.method = "PUT", .key = "b", .headers = {{"x-oss-copy-source", "/bucket/k"}}};
  EXPECT_EQ(ask(copy).code(), "InvalidObjectState");
}

TEST_F(Archives, OnlyArchivesAreRestored) {
  put("k", "content");
  EXPECT_EQ(restore().code(), "OperationNotSupported");
  put("k", "content", {{"x-oss-storage-class", "Archive"}});
  EXPECT_EQ(restore("0").status, 400);
  EXPECT_EQ(restore("x").status, 400);
}

TEST_F(Archives, AreRestoredInThreeTiers) {
  const auto restore_in = [&](const std::string& tier) {
    put("k", "content", {{"x-oss-storage-class", "ColdArchive"}});
    return ask({.method = "POST",
                .key = "k",
                .query = {{"restore", ""}},
                .body = "<RestoreRequest><Days>1</Days><JobParameters><Tier>" + tier +
                        "</Tier></JobParameters></RestoreRequest>"});
  };
  for (const char* tier : {"Expedited", "Standard", "Bulk"})
    EXPECT_EQ(restore_in(tier).status, 202) << tier;
  for (const char* tier : {"", "standard", "Fast"})
    EXPECT_EQ(restore_in(tier).code(), "MalformedXML") << tier;
}

}  // namespace
}  // namespace stsfs::sim
