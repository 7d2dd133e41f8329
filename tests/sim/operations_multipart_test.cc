#include <gmock/gmock.h>

#include "sim/oss_fixture.h"
#include "stsfs/base/crc64.h"

namespace stsfs::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

constexpr std::size_t kPartMin = 100 * 1024;

class Multipart : public OssTest {
 protected:
  void SetUp() override { make(); }

  Seen complete(const std::string& key, const std::string& id,
                const std::vector<std::pair<int, std::string>>& parts, sign::Pairs headers = {}) {
    std::string body = "<CompleteMultipartUpload>";
    for (const auto& [number, etag] : parts)
      body += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag +
              "</ETag></Part>";
    return ask({.method = "POST",
                .key = key,
                .query = {{"uploadId", id}},
                .headers = std::move(headers),
                .body = body + "</CompleteMultipartUpload>"});
  }
  Seen copy_part(const std::string& key, const std::string& id, int number,
                 const std::string& source, sign::Pairs headers = {}) {
    headers.emplace_back("x-oss-copy-source", source);
    return upload_part(key, id, number, "", std::move(headers));
  }
};

TEST_F(Multipart, PartsBecomeOneObject) {
  const std::string id = initiate("big", {{"x-oss-meta-a", "b"}, {"Content-Type", "text/plain"}});
  const std::string first(kPartMin, '1');
  const Seen part = upload_part("big", id, 1, first);
  EXPECT_EQ(part.header("ETag"), "\"" + hex_upper(sign::md5(first)) + "\"");
  EXPECT_EQ(part.header("x-oss-hash-crc64ecma"), std::to_string(crc64(0, as_bytes(first))));
  const Seen last = upload_part("big", id, 7, "tail");
  const Seen done =
      complete("big", id, {{1, part.header("ETag")}, {7, unquoted(last.header("ETag"))}});
  EXPECT_EQ(done.status, 200);
  EXPECT_THAT(done.header("ETag"), MatchesRegex("\"[0-9A-F]{32}-2\""));
  EXPECT_EQ(done.element("Key"), "big");
  EXPECT_EQ(done.header("x-oss-hash-crc64ecma"),
            std::to_string(crc64(0, as_bytes(first + "tail"))));
  const Seen object = get("big");
  EXPECT_TRUE(object.body == first + "tail");
  EXPECT_EQ(object.header("ETag"), done.header("ETag"));
  EXPECT_EQ(object.header("x-oss-object-type"), "Multipart");
  EXPECT_EQ(object.header("x-oss-meta-a"), "b");
  EXPECT_EQ(object.header("Content-Type"), "text/plain");
  EXPECT_EQ(upload_part("big", id, 1, "x").code(), "NoSuchUpload");
}

TEST_F(Multipart, ReuploadedPartReplacesTheFirst) {
  const std::string id = initiate("k");
  const std::string old = upload_part("k", id, 1, "old").header("ETag");
  const std::string fresh = upload_part("k", id, 1, "new").header("ETag");
  EXPECT_EQ(complete("k", id, {{1, old}}).code(), "InvalidPart");
  EXPECT_EQ(complete("k", id, {{1, fresh}}).status, 200);
  EXPECT_EQ(get("k").body, "new");
}

TEST_F(Multipart, CompleteChecksWhatItNames) {
  const std::string id = initiate("k");
  const std::string one = upload_part("k", id, 1, "short").header("ETag");
  const std::string two = upload_part("k", id, 2, "x").header("ETag");
  EXPECT_EQ(complete("k", id, {{2, two}, {1, one}}).code(), "InvalidPartOrder");
  EXPECT_EQ(complete("k", id, {{1, one}, {1, one}}).code(), "InvalidPartOrder");
  EXPECT_EQ(complete("k", id, {{3, two}}).code(), "InvalidPart");
  EXPECT_EQ(complete("k", id, {}).code(), "MalformedXML");
  const Seen small = complete("k", id, {{1, one}, {2, two}});
  EXPECT_EQ(small.code(), "EntityTooSmall");
  EXPECT_EQ(small.status, 400);
  EXPECT_EQ(complete("k", "other", {{1, one}}).status, 404);
  EXPECT_EQ(complete("k", id, {{1, one}}).status, 200);  // what was refused changed nothing
}

TEST_F(Multipart, CompleteAllTakesWhatIsThere) {
  const std::string id = initiate("k");
  upload_part("k", id, 2, "tail");
  upload_part("k", id, 1, std::string(kPartMin, '1'));
  const Ask with_body{.method = "POST",
                      .key = "k",
                      .query = {{"uploadId", id}},
                      .headers = {{"x-oss-complete-all", "yes"}},
                      .body = "<CompleteMultipartUpload/>"};
  EXPECT_EQ(ask(with_body).element("EC"), "0042-00000216");
  Ask without = with_body;
  without.body.clear();
  EXPECT_EQ(ask(without).status, 200);
  EXPECT_EQ(head("k").head_size, kPartMin + 4);
}

TEST_F(Multipart, ForbidOverwriteHoldsAtComplete) {
  const std::string id = initiate("k", {{"x-oss-forbid-overwrite", "true"}});
  const std::string etag = upload_part("k", id, 1, "upload").header("ETag");
  put("k", "meanwhile");
  EXPECT_EQ(complete("k", id, {{1, etag}}).code(), "FileAlreadyExists");
  EXPECT_EQ(get("k").body, "meanwhile");
  EXPECT_EQ(initiate("k", {{"x-oss-forbid-overwrite", "true"}}), "");
}

TEST_F(Multipart, PartNumbersAreOneToTenThousand) {
  const std::string id = initiate("k");
  EXPECT_EQ(upload_part("k", id, 0, "x").code(), "InvalidArgument");
  EXPECT_EQ(upload_part("k", id, 10'001, "x").code(), "InvalidArgument");
  EXPECT_EQ(upload_part("k", id, 10'000, "x").status, 200);
}

TEST_F(Multipart, AbortForgetsEverything) {
  const std::string id = initiate("k");
  upload_part("k", id, 1, "x");
  const Ask abort{.method = "DELETE", .key = "k", .query = {{"uploadId", id}}};
  EXPECT_EQ(ask(abort).status, 204);
  EXPECT_EQ(ask(abort).code(), "NoSuchUpload");
  EXPECT_THAT(ask({.query = {{"uploads", ""}}}).elements("Upload"), IsEmpty());
}

TEST_F(Multipart, EtagMayBePlainWhereItIsSwitched) {
  turn("plain_multipart_etag");
  const std::string id = initiate("k");
  const std::string etag = upload_part("k", id, 1, "x").header("ETag");
  EXPECT_THAT(complete("k", id, {{1, etag}}).header("ETag"), MatchesRegex("\"[0-9A-F]{32}\""));
}

// --- listings ---

TEST_F(Multipart, PartsAreListedInPages) {
  const std::string id = initiate("k");
  for (const int number : {3, 1, 2}) upload_part("k", id, number, std::to_string(number));
  const auto parts = [&](sign::Pairs query) {
    query.emplace_back("uploadId", id);
    return ask({.key = "k", .query = std::move(query)});
  };
  const Seen first = parts({{"max-parts", "2"}});
  EXPECT_THAT(first.elements("PartNumber"), ElementsAre("1", "2"));
  EXPECT_EQ(first.element("IsTruncated"), "true");
  EXPECT_EQ(first.element("NextPartNumberMarker"), "2");
  EXPECT_THAT(first.elements("Size"), ElementsAre("1", "1"));
  EXPECT_EQ(first.elements("HashCrc64ecma")[0], std::to_string(crc64(0, as_bytes("1"))));
  const Seen second = parts({{"part-number-marker", "2"}});
  EXPECT_THAT(second.elements("PartNumber"), ElementsAre("3"));
  EXPECT_EQ(second.element("IsTruncated"), "false");
}

TEST_F(Multipart, UploadsAreListedWithGroups) {
  const std::string a = initiate("d/a");
  initiate("d/b");
  const std::string e = initiate("e f");
  const Seen all = ask({.query = {{"uploads", ""}, {"encoding-type", "url"}}});
  EXPECT_THAT(all.elements("Key"), ElementsAre("d%2Fa", "d%2Fb", "e%20f"));
  EXPECT_EQ(all.elements("UploadId")[2], e);
  EXPECT_EQ(all.element("Initiated"), "2026-01-02T03:04:05.000Z");
  const Seen grouped = ask({.query = {{"uploads", ""}, {"delimiter", "/"}}});
  EXPECT_THAT(grouped.body, HasSubstr("<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>"));
  const Seen page = ask({.query = {{"uploads", ""}, {"max-uploads", "1"}}});
  EXPECT_EQ(page.element("NextKeyMarker"), "d/a");
  EXPECT_EQ(page.element("NextUploadIdMarker"), a);
  const Seen next =
      ask({.query = {{"uploads", ""}, {"key-marker", "d/a"}, {"upload-id-marker", a}}});
  EXPECT_THAT(next.elements("Key"), ElementsAre("d/b", "e f"));
}

// --- UploadPartCopy ---

TEST_F(Multipart, PartsAreCopiedWholeOrByRange) {
  const std::string source(kPartMin, 's');
  put("src/k \xE4\xB8\xAD", source + "tail");
  const std::string id = initiate("k");
  const std::string name = "/bucket/src%2Fk%20%E4%B8%AD";
  const Seen range = copy_part("k", id, 1, name, {{"x-oss-copy-source-range", "bytes=0-102399"}});
  EXPECT_EQ(range.status, 200);
  EXPECT_EQ(range.header("Content-Range"), "bytes 0-102399/102404");
  EXPECT_THAT(range.body, HasSubstr("<CopyPartResult><LastModified>2026-01-02T03:04:05.000Z"));
  const Seen whole = copy_part("k", id, 2, name);
  EXPECT_EQ(whole.header("Content-Range"), "");
  const Seen nonsense = copy_part("k", id, 3, name, {{"x-oss-copy-source-range", "bytes=9-"}});
  EXPECT_EQ(nonsense.status, 200);
  const Seen done = complete(
      "k", id,
      {{1, range.element("ETag")}, {2, whole.element("ETag")}, {3, nonsense.element("ETag")}});
  const std::string wanted = source + source + "tail" + source + "tail";
  EXPECT_EQ(done.header("x-oss-hash-crc64ecma"), std::to_string(crc64(0, as_bytes(wanted))));
  EXPECT_TRUE(get("k").body == wanted);
}

TEST_F(Multipart, CopiedPartsAreOfFiveGibibytesAtMost) {
  put("seed", std::string(std::size_t{1} << 24, '\0'));
  std::string source = "/bucket/seed";
  for (const auto& [key, copies] : {std::pair{"1g", 64}, std::pair{"8g", 8}}) {
    const std::string id = initiate(key);
    std::vector<std::pair<int, std::string>> parts;
    for (int number = 1; number <= copies; ++number)
      parts.emplace_back(number, copy_part(key, id, number, source).element("ETag"));
    ASSERT_EQ(complete(key, id, parts).status, 200);
    source = "/bucket/" + std::string(key);
  }
  const std::string id = initiate("k");
  EXPECT_EQ(copy_part("k", id, 1, "/bucket/1g").status, 200);
  EXPECT_EQ(copy_part("k", id, 2, "/bucket/8g").code(), "EntityTooLarge");
  const sign::Pairs small{{"x-oss-copy-source-range", "bytes=0-102399"}};
  EXPECT_EQ(copy_part("k", id, 2, "/bucket/8g", small).status, 200);
}

TEST_F(Multipart, CopiedPartsHeedConditionsOnTheSource) {
  const std::string etag = put("src", "x").header("ETag");
  const std::string id = initiate("k");
  EXPECT_EQ(copy_part("k", id, 1, "/bucket/src", {{"x-oss-copy-source-if-match", "\"no\""}}).status,
            412);
  EXPECT_EQ(copy_part("k", id, 1, "/bucket/src", {{"x-oss-copy-source-if-match", etag}}).status,
            200);
  EXPECT_EQ(copy_part("k", id, 1, "/bucket/none").code(), "NoSuchKey");
  EXPECT_EQ(copy_part("k", "other", 1, "/bucket/src").code(), "NoSuchUpload");
}

}  // namespace
}  // namespace stsfs::sim
