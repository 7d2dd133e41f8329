#include "answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stsfs/base/time_format.h"

namespace stsfs::oss {
namespace {

using ::testing::ElementsAre;

const WallTime kNow = *parse_iso8601("2026-01-02T03:04:05Z");

// The shape of the ListObjectsV2 page of the OSS API.
std::string list_xml(const std::string& inner,
                     const std::string& tail = "<IsTruncated>false</IsTruncated>") {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<ListBucketResult><Name>examplebucket</Name><Prefix>users%2Fa%2F</Prefix>"
         "<MaxKeys>1000</MaxKeys><Delimiter>%2F</Delimiter><EncodingType>url</EncodingType>" +
         tail + inner + "<KeyCount>1</KeyCount></ListBucketResult>";
}

std::string contents(const std::string& key) {
  return "<Contents><Key>" + key +
         "</Key><LastModified>2020-05-18T05:45:54.000Z</LastModified>"
         "<ETag>\"35A27C2B9EAEEB6F48FD7FB5861D3465\"</ETag><Type>Normal</Type>"
         "<Size>344606</Size><StorageClass>Standard</StorageClass></Contents>";
}

Result<ListPage> read(const std::string& xml, ListRequest request = {.prefix = "users/a/"}) {
  return read_list({200, {{"Date", "Fri, 02 Jan 2026 03:04:06 GMT"}}, xml}, request, kNow);
}

TEST(ReadList, TakesAPageApart) {
  const auto page =
      read(list_xml(contents("users%2Fa%2Fx") +
                    "<CommonPrefixes><Prefix>users%2Fa%2Fd1%2F</Prefix></CommonPrefixes>"
                    "<CommonPrefixes><Prefix>users%2Fa%2Fd2%2F</Prefix></CommonPrefixes>"));
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->objects.size(), 1u);
  const ListEntry& entry = page->objects.front();
  EXPECT_EQ(entry.key, "users/a/x");
  EXPECT_EQ(entry.size_bytes, 344606u);
  EXPECT_EQ(entry.etag, "\"35A27C2B9EAEEB6F48FD7FB5861D3465\"");
  EXPECT_EQ(format_iso8601(entry.last_modified), "2020-05-18T05:45:54Z");
  EXPECT_EQ(entry.storage_class, "Standard");
  EXPECT_THAT(page->common_prefixes, ElementsAre("users/a/d1/", "users/a/d2/"));
  EXPECT_EQ(page->next_token, "");
  EXPECT_EQ(format_iso8601(page->server_time), "2026-01-02T03:04:06Z");
}

TEST(ReadList, DecodesBlanksAndPlusesOfBothKinds) {
  const auto page = read(list_xml(contents("users%2Fa%2Fb+c") + contents("users%2Fa%2Fb%20d%2Be")));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->objects[0].key, "users/a/b c");
  EXPECT_EQ(page->objects[1].key, "users/a/b d+e");
}

TEST(ReadList, LeavesKeysAloneThatAreNotEncoded) {
  std::string xml = list_xml(contents("users/a/b+c%20"));
  xml.erase(xml.find("<EncodingType>"), std::string("<EncodingType>url</EncodingType>").size());
  const auto page = read(xml);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->objects[0].key, "users/a/b+c%20");
}

TEST(ReadList, SortsByBytes) {
  const auto page = read(list_xml(contents("users%2Fa%2Fb") + contents("users%2Fa%2FB")));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->objects[0].key, "users/a/B");
}

TEST(ReadList, GivesTheTokenOfTheNextPage) {
  const auto page = read(list_xml(contents("users%2Fa%2Fx"),
                                  "<IsTruncated>true</IsTruncated>"
                                  "<NextContinuationToken>CgJiYw--</NextContinuationToken>"));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_token, "CgJiYw--");
}

TEST(ReadList, RefusesAPageThatNeverEnds) {
  const auto page = read(list_xml(contents("users%2Fa%2Fx"),
                                  "<IsTruncated>true</IsTruncated>"
                                  "<NextContinuationToken>same</NextContinuationToken>"),
                         {.prefix = "users/a/", .continuation_token = "same"});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::kProtocol);
}

TEST(ReadList, RefusesKeysOfOthers) {
  const auto page = read(list_xml(contents("users%2Fb%2Fx")));
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::kProtocol);
}

TEST(ReadList, RefusesWhatLacksSomething) {
  const std::string good = contents("users%2Fa%2Fx");
  for (const char* element : {"Key", "Size", "LastModified", "ETag"}) {
    std::string entry = good;
    const auto from = entry.find("<" + std::string(element) + ">");
    const std::string end = "</" + std::string(element) + ">";
    entry.erase(from, entry.find(end) + end.size() - from);
    EXPECT_FALSE(read(list_xml(entry))) << element;
  }
  EXPECT_FALSE(read(list_xml(good, "")));
  EXPECT_FALSE(read(list_xml(good, "<IsTruncated>true</IsTruncated>")));
  EXPECT_FALSE(read(list_xml(good, "<IsTruncated>maybe</IsTruncated>")));
}

TEST(ReadList, RefusesWhatIsNoListing) {
  for (const char* body : {"", "<html></html>", "{\"a\":1}", "<ListBucketResult>", "\xFF\xFE"}) {
    const auto page = read(body);
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().code, Errc::kProtocol);
  }
}

http::Headers head_headers() {
  return {{"Content-Length", "344606"},
          {"ETag", "\"FBA9DEDE5F27731C9771645A3986****\""},
          {"Last-Modified", "Fri, 24 Feb 2012 06:07:48 GMT"},
          {"x-oss-object-type", "Symlink"},
          {"x-oss-hash-crc64ecma", "11051210869376104954"},
          {"x-oss-storage-class", "IA"},
          {"X-OSS-Meta-Mode", "33188"},
          {"Content-Type", "image/jpg"},
          {"Date", "Fri, 02 Jan 2026 03:04:06 GMT"}};
}

TEST(ReadHead, TakesTheHeadersApart) {
  const auto meta = read_head(head_headers(), kNow);
  ASSERT_TRUE(meta) << meta.error().message;
  EXPECT_EQ(meta->size_bytes, 344606u);
  EXPECT_EQ(meta->type, ObjectType::kSymlink);
  EXPECT_EQ(meta->crc64, 11051210869376104954ULL);
  EXPECT_EQ(meta->headers.user, (UserMetadata{{"mode", "33188"}}));
  EXPECT_EQ(meta->headers.content_type, "image/jpg");
  EXPECT_EQ(format_http_date(meta->last_modified), "Fri, 24 Feb 2012 06:07:48 GMT");
}

TEST(ReadHead, RefusesWhatLacksSomething) {
  for (const char* name : {"Content-Length", "ETag", "Last-Modified"}) {
    http::Headers headers = head_headers();
    std::erase_if(headers, [&](const http::Header& header) { return header.name == name; });
    EXPECT_FALSE(read_head(headers, kNow)) << name;
  }
}

TEST(ReadHead, TakesOurTimeWhereTheServerTellsNone) {
  http::Headers headers = head_headers();
  headers.pop_back();
  EXPECT_EQ(read_head(headers, kNow)->server_time, kNow);
}

TEST(ContentRange, IsReadStrictly) {
  const auto range = parse_content_range("bytes 100-149/1000");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->range, (ByteRange{100, 50}));
  EXPECT_EQ(range->total_bytes, 1000u);
  for (const char* bad :
       {"", "bytes", "bytes 1-0/5", "bytes 0-5/5", "bytes 0-4/*", "0-4/5", "bytes -4/5",
        "bytes 0-/5", "bytes 0-4", "bytes a-b/c", "bytes 0-18446744073709551616/5"})
    EXPECT_FALSE(parse_content_range(bad)) << bad;
}

http::ResponseHead partial(int status, const std::string& content_range) {
  http::ResponseHead head{status, head_headers()};
  head.headers.push_back({"Content-Range", content_range});
  return head;
}

TEST(ReadPartial, IsOfTheRangeThatWasAskedFor) {
  const auto good = read_partial(partial(206, "bytes 0-99/344606"), {0, 100}, "", kNow);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->meta.size_bytes, 344606u);
  EXPECT_FALSE(read_partial(partial(206, "bytes 0-98/344606"), {0, 100}, "", kNow));
  EXPECT_FALSE(read_partial(partial(206, "bytes 1-100/344606"), {0, 100}, "", kNow));
}

TEST(ReadPartial, IsCutAtTheEndOfTheObject) {
  const auto cut = read_partial(partial(206, "bytes 50-99/100"), {50, 1000}, "", kNow);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->range, (ByteRange{50, 50}));
  EXPECT_FALSE(read_partial(partial(206, "bytes 50-89/100"), {50, 1000}, "", kNow));
}

TEST(ReadPartial, RefusesTheWholeInsteadOfARange) {
  const auto whole = read_partial(partial(200, ""), {0, 100}, "", kNow);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Errc::kProtocol);
}

TEST(ReadPartial, TakesAllOfAnEmptyObjectForARangeThatIsNotThere) {
  const http::ResponseHead head{200, {{"Content-Length", "0"}}};
  const auto empty = read_partial(head, {0, 100}, "", kNow);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Errc::kRange);
}

TEST(ReadPartial, TellsAnotherVersion) {
  const auto other = read_partial(partial(206, "bytes 0-99/344606"), {0, 100}, "\"E\"", kNow);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::kChanged);
}

TEST(ReadParts, GoesOnToTheNextPage) {
  const std::string xml =
      "<ListPartsResult><UploadId>U</UploadId><NextPartNumberMarker>2</NextPartNumberMarker>"
      "<MaxParts>1000</MaxParts><IsTruncated>true</IsTruncated>"
      "<Part><PartNumber>1</PartNumber><LastModified>2012-02-23T07:01:34.000Z</LastModified>"
      "<ETag>\"3349DC700140D7F86A0784842780****\"</ETag><Size>6291456</Size>"
      "<HashCrc64ecma>123</HashCrc64ecma></Part>"
      "<Part><PartNumber>2</PartNumber><ETag>3349</ETag><Size>5</Size></Part></ListPartsResult>";
  const auto page = read_parts({200, {}, xml}, 0);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->next_marker, 2);
  EXPECT_EQ(page->parts[0].crc64, 123u);
  EXPECT_EQ(page->parts[1].etag, "\"3349\"");
  EXPECT_FALSE(read_parts({200, {}, xml}, 2));  // it would never end
}

TEST(ReadDeleted, NamesTheKeysThatAreGone) {
  const auto keys = read_deleted(
      {200,
       {},
       "<DeleteResult><EncodingType>url</EncodingType><Deleted><Key>a%20b</Key></Deleted>"
       "<Deleted><Key>c</Key></Deleted></DeleteResult>"});
  ASSERT_TRUE(keys);
  EXPECT_THAT(*keys, ElementsAre("a b", "c"));
}

TEST(ReadCopiedPart, RefusesAnotherRange) {
  const std::string xml =
      "<CopyPartResult><LastModified>x</LastModified><ETag>\"E\"</ETag></CopyPartResult>";
  EXPECT_TRUE(read_copied_part({200, {}, xml}, 1, {0, 10}));
  EXPECT_TRUE(read_copied_part({200, {{"Content-Range", "bytes 0-9/20"}}, xml}, 1, {0, 10}));
  EXPECT_FALSE(read_copied_part({200, {{"Content-Range", "bytes 0-19/20"}}, xml}, 1, {0, 10}));
}

TEST(ReadSymlink, DecodesItsTarget) {
  http::Headers headers = head_headers();
  headers.push_back({"x-oss-symlink-target", "users%2Fa%2Fb+c%2Bd"});
  const auto link = read_symlink({200, headers, ""}, kNow);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->target, "users/a/b c+d");
}

}  // namespace
}  // namespace stsfs::oss
