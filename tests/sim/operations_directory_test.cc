#include <gmock/gmock.h>

#include "sim/oss_fixture.h"

namespace stsfs::sim {
namespace {

using ::testing::ElementsAre;

class Directories : public OssTest {
 protected:
  void SetUp() override { make({.hierarchical = true}); }

  Seen post(const std::string& key, const std::string& what, sign::Pairs headers = {}) {
    return ask(
        {.method = "POST", .key = key, .query = {{what, ""}}, .headers = std::move(headers)});
  }
  Seen rename(const std::string& from, const std::string& to) {
    return post(to, "x-oss-rename", {{"x-oss-rename-source", percent_encode(from)}});
  }
};

TEST_F(Directories, AreMadeAndLookLikeDirectories) {
  EXPECT_EQ(post("d", "x-oss-dir").status, 200);
  EXPECT_EQ(post("d", "x-oss-dir").status, 200);  // also when it is there
  const Seen meta = head("d/");
  EXPECT_EQ(meta.header("Content-Type"), "application/x-directory");
  EXPECT_EQ(meta.header("ETag"), "\"null\"");
  EXPECT_EQ(meta.head_size, 0U);
  EXPECT_EQ(head("d").header("Content-Type"), "application/x-directory");
  put("p/", "");
  EXPECT_EQ(head("p").header("Content-Type"), "application/x-directory");
  EXPECT_EQ(head("none").status, 404);
  put("file", "x");
  EXPECT_EQ(post("file", "x-oss-dir").code(), "FileAlreadyExists");
  EXPECT_EQ(post("a//b", "x-oss-dir").status, 400);
}

TEST_F(Directories, FilesAndTreesAreRenamed) {
  put("d/x y", "content");
  EXPECT_EQ(rename("d/x y", "d/z").status, 200);
  EXPECT_EQ(get("d/z").body, "content");
  EXPECT_EQ(rename("d", "e").status, 200);
  EXPECT_EQ(get("e/z").body, "content");
  EXPECT_EQ(head("d/").status, 404);
  EXPECT_EQ(rename("d", "f").code(), "NoSuchKey");
  put("g", "");
  EXPECT_EQ(rename("g", "e").code(), "FileAlreadyExists");
}

TEST_F(Directories, RenamingNeedsTheRightToDeleteTheSource) {
  put("secret/a", "x");
  EXPECT_EQ(ask({.method = "POST",
                 .key = "b",
                 .query = {{"x-oss-rename", ""}},
                 .headers = {{"x-oss-rename-source", "secret%2Fa"}},
                 .id = "reader",
                 .secret = "rs"})
                .code(),
            "AccessDenied");
}

TEST_F(Directories, AreRemovedAHundredEntriesAtATime) {
  for (int i = 0; i < 150; ++i) put("d/" + std::to_string(i), "");
  EXPECT_EQ(post("d", "x-oss-delete").code(), "FileAlreadyExists");
  const Seen first = post("d", "x-oss-delete", {{"x-oss-delete-recursive", "true"}});
  EXPECT_EQ(first.element("DeleteNumber"), "100");
  EXPECT_NE(first.element("NextDeleteToken"), "");
  const Seen second = post("d", "x-oss-delete", {{"x-oss-delete-recursive", "true"}});
  EXPECT_EQ(second.element("DeleteNumber"), "51");  // and the directory itself
  EXPECT_EQ(second.element("NextDeleteToken"), "");
  EXPECT_EQ(head("d/").status, 404);
}

TEST_F(Directories, AreNotDeletedAsObjectsNorCopied) {
  put("d/x", "");
  post("empty", "x-oss-dir");
  for (const char* key : {"d", "d/", "empty", "empty/"}) {
    const Seen answer = ask({.method = "DELETE", .key = key});
    EXPECT_EQ(answer.status, 409) << key;
    EXPECT_EQ(answer.code(), "FileAlreadyExists") << key;
  }
  const auto copy = [&](const std::string& from, const std::string& to) {
    return ask({.method = "PUT", .key = to, .headers = {{"x-oss-copy-source", "/bucket/" + from}}});
  };
  EXPECT_EQ(copy("empty/", "other").code(), "FileAlreadyExists");
  EXPECT_EQ(copy("d/x", "empty/").code(), "FileAlreadyExists");
  EXPECT_EQ(copy("empty/", "empty/").code(), "FileAlreadyExists");
  EXPECT_EQ(post("empty", "x-oss-delete").element("DeleteNumber"), "1");
  EXPECT_EQ(head("empty/").status, 404);
  EXPECT_EQ(ask({.method = "DELETE", .key = "empty/"}).status, 204);
}

TEST_F(Directories, FlatBucketsHaveNone) {
  make({.name = "flat"});
  for (const char* what : {"x-oss-rename", "x-oss-dir", "x-oss-delete"})
    EXPECT_EQ(ask({.method = "POST", .key = "k", .query = {{what, ""}}, .bucket = "flat"}).code(),
              "OperationNotSupported");
}

}  // namespace
}  // namespace stsfs::sim
