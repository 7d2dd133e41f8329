// What the documentation of OSS leaves open: each both ways, where the test of the operation itself
// does not do so.

#include <gmock/gmock.h>

#include "sim/oss_fixture.h"

namespace stsfs::sim {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class OpenQuestions : public OssTest {
 protected:
  void SetUp() override { make(); }

  /// A user with no policy of its own: `actions` on the objects `bucket/open/*`, and no more.
  void allow_nobody(const std::string& actions) {
    const auto problem = cloud_.access().set_bucket_policy(
        "bucket",
        R"({"Version":"1","Statement":[{"Effect":"Allow","Action":[)" + actions +
            R"(],"Principal":["acs:ram::123456789012:user/nobody"],"Resource":"acs:oss:*:123456789012:bucket/open/*"}]})");
    ASSERT_EQ(problem, std::nullopt);
  }
  Seen ask_as_nobody(Ask wanted) {
    wanted.id = "nobody";
    wanted.secret = "ns";
    return ask(wanted);
  }
  Seen range_of(const std::string& key, const std::string& range) {
    return get(key, {{"Range", range}, {"x-oss-range-behavior", "standard"}});
  }
  Seen copy(const std::string& from, const std::string& to) {
    return ask({.method = "PUT", .key = to, .headers = {{"x-oss-copy-source", "/bucket/" + from}}});
  }
};

TEST_F(OpenQuestions, ALongSuffixIsTheWholeObjectOrNone) {
  put("k", "content");
  EXPECT_EQ(range_of("k", "bytes=-20").body, "content");
  EXPECT_EQ(range_of("k", "bytes=-20").status, 206);
  turn("long_suffix_range_is_whole", false);
  EXPECT_EQ(range_of("k", "bytes=-20").code(), "InvalidRange");
  EXPECT_EQ(get("k", {{"Range", "bytes=-20"}}).status, 200);  // the other behaviour is documented
  EXPECT_EQ(range_of("k", "bytes=-7").status, 206);
}

TEST_F(OpenQuestions, AMalformedRangeIsIgnoredOrRefused) {
  put("k", "content");
  const std::vector<std::string> malformed{"byte=0-1", "bytes=", "bytes=x-1", "bytes=-",
                                           "bytes=5-1"};
  for (const std::string& range : malformed) EXPECT_EQ(range_of("k", range).status, 200) << range;
  turn("malformed_range_is_refused");
  for (const std::string& range : malformed) {
    EXPECT_EQ(range_of("k", range).status, 416) << range;
    EXPECT_EQ(get("k", {{"Range", range}}).status, 200) << range;
  }
  EXPECT_EQ(range_of("k", "bytes=0-1").status, 206);
  EXPECT_EQ(get("k", {{"x-oss-range-behavior", "standard"}}).status, 200);
}

TEST_F(OpenQuestions, ARangeOfNothingIsNothingOrRefused) {
  put("empty", "");
  EXPECT_EQ(range_of("empty", "bytes=0-9").code(), "InvalidRange");
  turn("empty_object_range_is_whole");
  for (const char* range : {"bytes=0-9", "bytes=5-", "bytes=-5"}) {
    EXPECT_EQ(range_of("empty", range).status, 200) << range;
    EXPECT_EQ(range_of("empty", range).body, "") << range;
  }
}

TEST_F(OpenQuestions, ACopyHasItsSourcesEtagOrOneOfItsOwn) {
  const std::string etag = put("a", "content").header("ETag");
  EXPECT_EQ(copy("a", "b").element("ETag"), etag);
  turn("copies_get_new_etag");
  const std::string own = copy("a", "b").element("ETag");
  EXPECT_NE(own, etag);
  EXPECT_EQ(head("b").header("ETag"), own);
  EXPECT_EQ(copy("a", "a").element("ETag"), etag);  // onto itself there is another switch
}

TEST_F(OpenQuestions, DeletingManyLeavesOutWhatIsDeniedOrRefusesAll) {
  allow_nobody(R"("oss:DeleteObject")");
  const auto erase = [&] {
    put("open/a", "");
    put("closed/b", "");
    const std::string body =
        "<Delete><Object><Key>closed/b</Key></Object><Object><Key>open/a</Key></Object></Delete>";
    return ask_as_nobody({.method = "POST",
                          .query = {{"delete", ""}},
                          .headers = {{"Content-MD5", base64_encode(sign::md5(body))}},
                          .body = body});
  };
  EXPECT_EQ(erase().code(), "AccessDenied");
  EXPECT_EQ(head("open/a").status, 200);
  turn("delete_many_leaves_out_denied");
  EXPECT_THAT(erase().elements("Key"), ElementsAre("open/a"));
  EXPECT_EQ(head("open/a").status, 404);
  EXPECT_EQ(head("closed/b").status, 200);
}

TEST_F(OpenQuestions, AMissingKeyIsToldToAllOrOnlyToWhoMayListIt) {
  allow_nobody(R"("oss:GetObject")");
  for (const char* method : {"GET", "HEAD"})
    EXPECT_EQ(ask_as_nobody({.method = method, .key = "open/none"}).status, 404) << method;
  turn("missing_key_needs_list_right");
  for (const char* method : {"GET", "HEAD"}) {
    EXPECT_EQ(ask_as_nobody({.method = method, .key = "open/none"}).status, 403) << method;
    EXPECT_EQ(ask({.method = method, .key = "open/none"}).status, 404) << method;
  }
  put("open/there", "x");
  EXPECT_EQ(ask_as_nobody({.key = "open/there"}).status, 200);
}

TEST_F(OpenQuestions, ASpaceIsAPlusWhereverNamesAreEncoded) {
  const auto names = [&] {
    std::vector<std::string> out;
    const std::string id = initiate("a b");
    const auto add = [&](Ask wanted, const char* element) {
      wanted.query.emplace_back("encoding-type", "url");
      out.push_back(ask(wanted).element(element));
    };
    add({.query = {{"uploads", ""}, {"prefix", "a b"}}}, "Key");
    add({.query = {{"uploads", ""}, {"prefix", "a b"}}}, "Prefix");
    add({.key = "a b", .query = {{"uploadId", id}}}, "Key");
    upload_part("a b", id, 1, "x");
    add({.method = "POST",
         .key = "a b",
         .query = {{"uploadId", id}},
         .headers = {{"x-oss-complete-all", "yes"}}},
        "Key");
    add({.method = "POST", .key = "a b", .query = {{"uploads", ""}}}, "Key");
    add({.query = {{"versions", ""}}}, "Key");
    const std::string body = "<Delete><Object><Key>a b</Key></Object></Delete>";
    add({.method = "POST",
         .query = {{"delete", ""}},
         .headers = {{"Content-MD5", base64_encode(sign::md5(body))}},
         .body = body},
        "Key");
    return out;
  };
  EXPECT_THAT(names(), Each("a%20b"));
  turn("list_space_as_plus");
  EXPECT_THAT(names(), Each("a+b"));
}

TEST_F(OpenQuestions, APrefixIsAConditionOfListObjectsOrOfAllListings) {
  const auto allow_by_prefix = [&](const std::string& effects) {
    const auto problem = cloud_.access().set_bucket_policy(
        "bucket", R"({"Version":"1","Statement":[)" + effects + "]}");
    ASSERT_EQ(problem, std::nullopt);
  };
  const std::string rest =
      R"("Principal":["acs:ram::123456789012:user/nobody"],"Resource":"acs:oss:*:*:bucket")";
  allow_by_prefix(R"({"Effect":"Allow","Action":"oss:*",)" + rest +
                  R"(,"Condition":{"StringLike":{"oss:Prefix":["open/*"]}}})");
  const auto status = [&](const char* what, const std::string& prefix) {
    return ask_as_nobody({.query = {{what, "2"}, {"prefix", prefix}}}).status;
  };
  EXPECT_EQ(status("list-type", "open/"), 200);
  EXPECT_EQ(status("list-type", "closed/"), 403);
  EXPECT_EQ(status("list-type", ""), 403);
  for (const char* what : {"uploads", "versions"}) {
    EXPECT_EQ(status(what, "open/"), 403) << what;
    turn("prefix_conditions_in_all_listings");
    EXPECT_EQ(status(what, "open/"), 200) << what;
    EXPECT_EQ(status(what, "closed/"), 403) << what;
    turn("prefix_conditions_in_all_listings", false);
  }
  turn("prefix_conditions_in_all_listings");
  EXPECT_EQ(status("bucketInfo", "open/"), 403);  // that is no listing
  // The root has a prefix, too: the empty one.
  allow_by_prefix(R"({"Effect":"Allow","Action":"oss:ListObjects",)" + rest +
                  R"(,"Condition":{"StringEquals":{"oss:Prefix":[""]}}})");
  EXPECT_EQ(status("list-type", ""), 200);
  EXPECT_EQ(ask_as_nobody({}).status, 200);
}

TEST_F(OpenQuestions, AnAclOnAWriteNeedsItsOwnRightOrNone) {
  allow_nobody(R"("oss:PutObject")");
  const Ask with_acl{
      .method = "PUT", .key = "open/a", .headers = {{"x-oss-object-acl", "private"}}};
  EXPECT_EQ(ask_as_nobody(with_acl).status, 200);
  turn("object_acl_needs_its_right");
  EXPECT_EQ(ask_as_nobody(with_acl).code(), "AccessDenied");
  EXPECT_EQ(ask_as_nobody({.method = "PUT", .key = "open/a"}).status, 200);
  allow_nobody(R"("oss:PutObject","oss:PutObjectAcl")");
  EXPECT_EQ(ask_as_nobody(with_acl).status, 200);
}

TEST_F(OpenQuestions, AMismatchTellsTheCanonicalRequestOrDoesNot) {
  const Ask wrong{.secret = "wrong"};
  EXPECT_NE(ask(wrong).element("CanonicalRequest"), "");
  turn("mismatch_without_canonical_request");
  EXPECT_EQ(ask(wrong).code(), "SignatureDoesNotMatch");
  EXPECT_EQ(ask(wrong).element("CanonicalRequest"), "");
}

class OpenDirectories : public OssTest {
 protected:
  void SetUp() override { make({.hierarchical = true}); }
};

TEST_F(OpenDirectories, ArePutAgainOrRefused) {
  EXPECT_EQ(put("d/", "", {{"x-oss-meta-mode", "1"}}).status, 200);
  EXPECT_EQ(put("d/", "", {{"x-oss-meta-mode", "2"}}).status, 200);
  EXPECT_EQ(head("d/").header("x-oss-meta-mode"), "2");
  turn("directory_put_refused");
  EXPECT_EQ(put("d/", "", {{"x-oss-meta-mode", "3"}}).code(), "FileAlreadyExists");
  EXPECT_EQ(head("d/").header("x-oss-meta-mode"), "2");
  EXPECT_EQ(put("new/", "").status, 200);
  put("file", "x");
  EXPECT_EQ(put("file", "y").status, 200);
}

TEST_F(OpenDirectories, KeepUserMetadataOrDoNot) {
  turn("directories_without_metadata");
  EXPECT_EQ(put("d/", "", {{"x-oss-meta-mode", "1"}}).status, 200);
  EXPECT_EQ(head("d/").status, 200);
  EXPECT_EQ(head("d/").header("x-oss-meta-mode"), "");
  put("file", "x", {{"x-oss-meta-mode", "1"}});
  EXPECT_EQ(head("file").header("x-oss-meta-mode"), "1");
}

}  // namespace
}  // namespace stsfs::sim
