#include "store/bucket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stsfs::sim {
namespace {

using ::testing::ElementsAre;

Object object(const std::string& etag = "\"e\"") {
  Object out;
  out.etag = etag;
  out.content = Content(std::make_shared<Blob>(std::string("four")));
  return out;
}

class BucketTest : public ::testing::Test {
 protected:
  static BucketOptions options(Versioning versioning = Versioning::kOff, bool hns = false) {
    return {"bucket", "private", "Standard", versioning, hns};
  }
  static void fill(Bucket& bucket, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) EXPECT_TRUE(bucket.put(key, object())) << key;
  }
  static std::vector<std::string> names(const Listing& listing) {
    std::vector<std::string> out;
    for (const auto& [key, found] : listing.objects) out.push_back(key);
    for (const std::string& prefix : listing.common_prefixes) out.push_back(prefix);
    return out;
  }
  /// All pages of a listing, one after the other.
  static std::vector<std::string> walk(const Bucket& bucket, ListOptions wanted) {
    std::vector<std::string> out;
    for (bool more = true; more;) {
      const Listing page = bucket.list(wanted);
      for (const std::string& name : names(page)) out.push_back(name);
      more = page.truncated;
      wanted.after = page.last;
      wanted.after_common_prefix = true;
    }
    return out;
  }
};

TEST_F(BucketTest, ListsInByteOrder) {
  Bucket bucket(options(), {});
  fill(bucket, {"b", "a", "\xE4\xB8\xAD", "a/b", "a-b", "Z", "~"});
  EXPECT_THAT(names(bucket.list({})),
              ElementsAre("Z", "a", "a-b", "a/b", "b", "~", "\xE4\xB8\xAD"));
}

TEST_F(BucketTest, CutsAtTheDelimiterBehindThePrefix) {
  Bucket bucket(options(), {});
  fill(bucket, {"p/", "p/a/1", "p/a/2", "p/b", "p/c/", "q"});
  EXPECT_THAT(names(bucket.list({.prefix = "p/", .delimiter = "/"})),
              ElementsAre("p/", "p/b", "p/a/", "p/c/"));
  EXPECT_THAT(names(bucket.list({.delimiter = "/"})), ElementsAre("q", "p/"));
  EXPECT_THAT(names(bucket.list({.prefix = "p/", .delimiter = "/c"})),
              ElementsAre("p/", "p/a/1", "p/a/2", "p/b", "p/c/"));
}

TEST_F(BucketTest, GivesEveryNameOnceWhateverThePageSize) {
  Bucket bucket(options(), {});
  fill(bucket, {"a", "d/1", "d/2", "d/3", "d0", "e/", "e/x", "\xFF/1", "\xFF\xFF"});
  for (std::size_t size = 1; size < 7; ++size) {
    EXPECT_EQ(walk(bucket, {.keys_max = size}).size(), 9U) << size;
    EXPECT_THAT(walk(bucket, {.delimiter = "/", .keys_max = size}),
                ::testing::UnorderedElementsAre("a", "d/", "d0", "e/", "\xFF/", "\xFF\xFF"))
        << size;
  }
}

TEST_F(BucketTest, StartsBehindAKeyThatNeedNotExist) {
  Bucket bucket(options(), {});
  fill(bucket, {"a", "b", "c"});
  EXPECT_THAT(names(bucket.list({.after = "a"})), ElementsAre("b", "c"));
  EXPECT_THAT(names(bucket.list({.after = "aa"})), ElementsAre("b", "c"));
  EXPECT_THAT(names(bucket.list({.prefix = "b", .after = "a"})), ElementsAre("b"));
  EXPECT_TRUE(names(bucket.list({.prefix = "b", .after = "c"})).empty());
}

TEST_F(BucketTest, FullPageAtTheEndIsNotTruncated) {
  Bucket bucket(options(), {});
  fill(bucket, {"a", "b"});
  EXPECT_FALSE(bucket.list({.keys_max = 2}).truncated);
  EXPECT_TRUE(bucket.list({.keys_max = 1}).truncated);
}

TEST_F(BucketTest, CountsWhatIsCurrent) {
  Bucket bucket(options(Versioning::kEnabled), {});
  fill(bucket, {"a", "a", "b"});
  EXPECT_EQ(bucket.totals().objects, 2U);
  EXPECT_EQ(bucket.totals().bytes, 8U);
  ASSERT_TRUE(bucket.remove("a", "", {}));
  EXPECT_EQ(bucket.totals().objects, 1U);
  EXPECT_THAT(names(bucket.list({})), ElementsAre("b"));
}

TEST_F(BucketTest, KeepsEveryVersionOnceVersioned) {
  Bucket bucket(options(Versioning::kEnabled), {});
  const auto first = bucket.put("k", object("\"1\"")).value();
  const auto second = bucket.put("k", object("\"2\"")).value();
  EXPECT_TRUE(first.versioned);
  EXPECT_EQ(bucket.find("k", first.object->version_id)->etag, "\"1\"");
  const ObjectPointer marker = bucket.remove("k", "", {}).value();
  EXPECT_TRUE(marker->delete_marker);
  EXPECT_EQ(bucket.find("k"), nullptr);
  EXPECT_TRUE(bucket.is_deleted("k"));
  ASSERT_TRUE(bucket.remove("k", marker->version_id, {}));
  EXPECT_EQ(bucket.find("k")->etag, "\"2\"");
}

TEST_F(BucketTest, SuspendedKeepsOneNullVersionBesideTheOthers) {
  Bucket bucket(options(Versioning::kEnabled), {});
  fill(bucket, {"k"});
  ASSERT_TRUE(bucket.set_options(options(Versioning::kSuspended)));
  ASSERT_TRUE(bucket.put("k", object("\"2\"")));
  ASSERT_TRUE(bucket.put("k", object("\"3\"")));
  EXPECT_EQ(bucket.list_versions({}, "").versions.size(), 2U);
  EXPECT_EQ(bucket.find("k", "null")->etag, "\"3\"");
}

TEST_F(BucketTest, ListsVersionsNewestFirstOverAnyPages) {
  Bucket bucket(options(Versioning::kEnabled), {});
  std::vector<std::string> wanted;
  for (const char* key : {"a", "a", "a", "b/x", "b/y", "c"})
    wanted.push_back(key + (" " + bucket.put(key, object()).value().object->version_id));
  std::reverse(wanted.begin(), wanted.begin() + 3);
  for (std::size_t size = 1; size < 8; ++size) {
    std::vector<std::string> seen;
    ListOptions page{.after_common_prefix = true, .keys_max = size};
    std::string version;
    for (bool more = true; more;) {
      const VersionListing listing = bucket.list_versions(page, version);
      for (const VersionEntry& entry : listing.versions)
        seen.push_back(entry.key + " " + entry.object->version_id);
      more = listing.truncated;
      page.after = listing.last;
      version = listing.last_version;
    }
    EXPECT_EQ(seen, wanted) << size;
  }
  const VersionListing grouped = bucket.list_versions({.delimiter = "/"}, "");
  EXPECT_THAT(grouped.common_prefixes, ElementsAre("b/"));
  EXPECT_EQ(grouped.versions.size(), 4U);
}

TEST_F(BucketTest, ARefusedChangeChangesNothing) {
  Bucket bucket(options(), {});
  fill(bucket, {"k"});
  const auto refused = bucket.update("k", [](const ObjectPointer& present) -> Verdict<Object> {
    EXPECT_TRUE(present);
    return tl::unexpected(Refusal{409, "No", "", ""});
  });
  EXPECT_EQ(refused.error().code, "No");
  EXPECT_EQ(bucket.find("k")->etag, "\"e\"");
}

TEST_F(BucketTest, ClosedOnlyWhenEmpty) {
  Bucket bucket(options(), {});
  fill(bucket, {"k"});
  EXPECT_FALSE(bucket.close_if_empty());
  ASSERT_TRUE(bucket.remove("k", "", {}));
  EXPECT_TRUE(bucket.close_if_empty());
  EXPECT_EQ(bucket.put("k", object()).error().code, "NoSuchBucket");
}

// --- uploads ---

TEST_F(BucketTest, AnUploadIsListedUntilItEnds) {
  Bucket bucket(options(), {});
  const std::string one = bucket.start_upload({.key = "d/a"}).value();
  const std::string two = bucket.start_upload({.key = "d/b"}).value();
  const std::string three = bucket.start_upload({.key = "e"}).value();
  const UploadListing all = bucket.list_uploads({}, "");
  ASSERT_EQ(all.uploads.size(), 3U);
  EXPECT_EQ(all.uploads[0].id, one);
  EXPECT_THAT(bucket.list_uploads({.delimiter = "/"}, "").common_prefixes, ElementsAre("d/"));
  const UploadListing page = bucket.list_uploads({.after = "d/a", .keys_max = 1}, one);
  EXPECT_TRUE(page.truncated);
  EXPECT_EQ(page.uploads[0].id, two);
  ASSERT_TRUE(bucket.abort_upload("e", three));
  EXPECT_EQ(bucket.abort_upload("e", three).error().code, "NoSuchUpload");
  EXPECT_EQ(bucket.totals().uploads, 2U);
}

TEST_F(BucketTest, TwoUploadsOfOneKeyAreTwo) {
  Bucket bucket(options(), {});
  const std::string one = bucket.start_upload({.key = "k"}).value();
  const std::string two = bucket.start_upload({.key = "k"}).value();
  ASSERT_TRUE(bucket.put_part("k", one, 1, {.etag = "1"}));
  EXPECT_EQ(bucket.find_upload("k", one)->parts.size(), 1U);
  EXPECT_TRUE(bucket.find_upload("k", two)->parts.empty());
  EXPECT_FALSE(bucket.has_upload("other", one));
}

TEST_F(BucketTest, CompletingStoresAndEndsOrDoesNeither) {
  Bucket bucket(options(), {});
  const std::string id = bucket.start_upload({.key = "k"}).value();
  const auto refuse = [](const Upload&, const ObjectPointer&) -> Verdict<Object> {
    return tl::unexpected(Refusal{409, "No", "", ""});
  };
  EXPECT_FALSE(bucket.complete_upload("k", id, refuse));
  EXPECT_TRUE(bucket.has_upload("k", id));
  const auto accept = [](const Upload&, const ObjectPointer&) -> Verdict<Object> {
    return object();
  };
  EXPECT_TRUE(bucket.complete_upload("k", id, accept));
  EXPECT_TRUE(bucket.find("k"));
  EXPECT_EQ(bucket.complete_upload("k", id, accept).error().code, "NoSuchUpload");
}

// --- the tree of a hierarchical bucket ---

TEST_F(BucketTest, MakesTheDirectoriesAboveAFile) {
  Bucket bucket(options(Versioning::kOff, true), {});
  fill(bucket, {"a/b/c"});
  EXPECT_THAT(names(bucket.list({})), ElementsAre("a/", "a/b/", "a/b/c"));
  EXPECT_TRUE(bucket.find("a/")->directory);
}

TEST_F(BucketTest, NoNameIsAFileAndADirectory) {
  Bucket bucket(options(Versioning::kOff, true), {});
  fill(bucket, {"a", "d/x"});
  EXPECT_EQ(bucket.put("a/b", object()).error().code, "FileAlreadyExists");
  EXPECT_EQ(bucket.put("d", object()).error().code, "FileAlreadyExists");
  EXPECT_EQ(bucket.make_directory("a/", {}).error().code, "FileAlreadyExists");
  EXPECT_EQ(bucket.put("x//y", object()).error().code, "InvalidObjectName");
  EXPECT_TRUE(bucket.make_directory("d/", {}));
}

TEST_F(BucketTest, RenamesATreeAtOnce) {
  Bucket bucket(options(Versioning::kOff, true), {});
  fill(bucket, {"a/b/c", "a-other", "t/x"});
  ASSERT_TRUE(bucket.rename("a", "t/a2"));
  EXPECT_THAT(names(bucket.list({})),
              ElementsAre("a-other", "t/", "t/a2/", "t/a2/b/", "t/a2/b/c", "t/x"));
  EXPECT_EQ(bucket.totals().objects, 6U);
}

TEST_F(BucketTest, RenamesOnlyToWhatIsFreeAndHasAParent) {
  Bucket bucket(options(Versioning::kOff, true), {});
  fill(bucket, {"a/b", "c", "d/e"});
  EXPECT_EQ(bucket.rename("nothing", "x").error().code, "NoSuchKey");
  EXPECT_EQ(bucket.rename("c", "d").error().code, "FileAlreadyExists");
  EXPECT_EQ(bucket.rename("a", "c").error().code, "FileAlreadyExists");
  EXPECT_EQ(bucket.rename("c", "nowhere/c").error().code, "NoSuchKey");
  EXPECT_EQ(bucket.rename("a", "a/below").error().code, "InvalidArgument");
}

TEST_F(BucketTest, RemovesADirectoryFromItsLeaves) {
  Bucket bucket(options(Versioning::kOff, true), {});
  fill(bucket, {"d/a", "d/b/c", "d0"});
  EXPECT_EQ(bucket.remove_directory("d/", false, 100).error().code, "FileAlreadyExists");
  EXPECT_EQ(bucket.remove("d/", "", {}).error().code, "FileAlreadyExists");
  EXPECT_EQ(bucket.remove_directory("d/", true, 2).value(), 2U);
  EXPECT_THAT(names(bucket.list({})), ElementsAre("d/", "d/a", "d0"));
  EXPECT_EQ(bucket.remove_directory("d/", true, 100).value(), 2U);
  EXPECT_THAT(names(bucket.list({})), ElementsAre("d0"));
  EXPECT_EQ(bucket.remove_directory("d/", true, 100).error().code, "NoSuchKey");
}

}  // namespace
}  // namespace stsfs::sim
