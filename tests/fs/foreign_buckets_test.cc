// Objects as others write them, header by header, and what a person sees of them.
// Source: ossfs 1.91 and s3fs 1.97 `s3fs.cpp`, ossfs2 `oss_adapter.cpp`, geesefs `handles.go`,
// rclone backend/s3, ossutil.

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::int64_t kThen = 1'700'000'000;

WallTime at(std::int64_t second, std::int64_t nanosecond = 0) {
  return WallTime(seconds(second) + nanoseconds(nanosecond));
}

class ForeignBuckets : public FolderTest {
 protected:
  ForeignBuckets() {
    options_.uid = 1234;
    options_.gid = 1235;
    options_.file_mode = 0640;
    options_.directory_mode = 0750;
    folder_->stop();
    begin();
  }
  void object(const std::string& name, const std::string& content, const std::string& type,
              oss::UserMetadata user = {}) {
    oss::PutOptions put;
    put.headers = {.content_type = type, .user = std::move(user)};
    store_.put_with("users/alice/" + name, content, put);
  }
  void symlink_object(const std::string& name, const std::string& target) {
    const auto put = await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
      return store_.start_put_symlink("users/alice/" + name, "users/alice/" + target, {},
                                      context().deadline, std::move(done));
    });
    ASSERT_TRUE(put);
  }
  Attributes see(const std::string& path) {
    InodeNumber inode = kRoot;
    Attributes out;
    for (const std::string_view name : split(path, '/')) {
      const auto entry = lookup(inode, name);
      EXPECT_TRUE(entry) << path;
      if (!entry) return {};
      out = entry->attributes;
      inode = out.inode;
    }
    return out;
  }
  std::string target_of(const std::string& path) {
    return folder_->readlink(context(), see(path).inode).value_or("");
  }
  Result<std::string> xattr(const std::string& path, const std::string& name) {
    return folder_->getxattr(context(), see(path).inode, name);
  }
};

TEST_F(ForeignBuckets, Ossfs1) {
  object("d/a.txt", "hello", "text/plain",
         {{"uid", "1000"},
          {"gid", "1000"},
          {"mode", "33188"},
          {"atime", "1700000000"},
          {"ctime", "1700000100"},
          {"mtime", "1700000000.123456789"}});
  object("d/", "", "application/x-directory",
         {{"uid", "0"},
          {"gid", "0"},
          {"mode", "16877"},
          {"atime", "1700000000"},
          {"ctime", "1700000000"},
          {"mtime", "1700000000"}});
  object("d/l", "", "application/octet-stream",
         {{"mode", "41471"}, {"symlink-target", "header:18:../lib/%E6%95%B0%E6%8D%AE%20a.so"}});
  const Attributes file = see("d/a.txt");
  EXPECT_EQ(file.mode, S_IFREG | 0644U);
  EXPECT_EQ(file.uid, 1000U);
  EXPECT_EQ(file.mtime, at(kThen, 123456789));
  EXPECT_EQ(file.ctime, at(kThen + 100));
  const Attributes directory = see("d");
  EXPECT_EQ(directory.mode, S_IFDIR | 0755U);
  EXPECT_EQ(directory.uid, 0U);
  EXPECT_EQ(directory.mtime, at(kThen));
  EXPECT_EQ(target_of("d/l"), "../lib/数据 a.so");
  EXPECT_EQ(see("d/l").size_bytes, std::string("../lib/数据 a.so").size());
}

// A long target of ossfs 1.x is in the body, and the header says so.
TEST_F(ForeignBuckets, Ossfs1LinksWhoseHeaderLeadsToTheBody) {
  const std::string target = "/" + std::string(2'100, 't');
  object("l", target, "application/octet-stream",
         {{"mode", "41471"}, {"symlink-target", "body:0:"}});
  object("bare", target, "application/octet-stream", {{"symlink-target", "body:0:"}});
  for (const char* name : {"l", "bare"}) {
    EXPECT_EQ(see(name).mode, S_IFLNK | 0777U) << name;
    EXPECT_EQ(target_of(name), target) << name;
    EXPECT_EQ(see(name).size_bytes, target.size()) << name;
  }
}

TEST_F(ForeignBuckets, S3fs) {
  object("l", "/etc/motd", "application/octet-stream",
         {{"mode", "41471"}, {"uid", "1000"}, {"gid", "1000"}, {"mtime", "1700000000.000000007"}});
  object("x", "", "application/octet-stream",
         {{"mode", "33152"},
          {"xattr", "%7B%22user.a%22%3A%22///%2B%22%2C%22user.b%22%3A%22eA%3D%3D%22%7D"}});
  object("p", "", "application/octet-stream", {{"mode", "4516"}});
  object("n", "", "application/octet-stream", {{"mode", "8630"}});
  EXPECT_EQ(see("l").mode, S_IFLNK | 0777U);
  EXPECT_EQ(see("l").mtime, at(kThen, 7));
  EXPECT_EQ(target_of("l"), "/etc/motd");
  EXPECT_EQ(see("x").mode, S_IFREG | 0600U);
  EXPECT_EQ(xattr("x", "user.a"), "\xFF\xFF\xFE");
  EXPECT_EQ(xattr("x", "user.b"), "x");
  EXPECT_EQ(see("p").mode, S_IFIFO | 0644U);
  EXPECT_EQ(see("n").mode, S_IFCHR | 0666U);
  EXPECT_EQ(see("n").rdev, 0U);
}

TEST_F(ForeignBuckets, Ossfs2AndTheConsole) {
  object("f.bin", "abc", "");
  object("e/", "", "application/octet-stream");
  object("a/x", "x", "");
  symlink_object("a/b/l", "a/x");
  EXPECT_EQ(see("f.bin").mode, S_IFREG | 0640U);
  EXPECT_EQ(see("f.bin").uid, 1234U);
  EXPECT_EQ(see("f.bin").gid, 1235U);
  EXPECT_EQ(see("f.bin").mtime, store_.meta("users/alice/f.bin")->last_modified);
  EXPECT_EQ(see("e").mode, S_IFDIR | 0750U);
  EXPECT_EQ(see("a/b/l").mode, S_IFLNK | 0777U);
  EXPECT_EQ(target_of("a/b/l"), "../x");
}

TEST_F(ForeignBuckets, Geesefs) {
  object("g", "x", "",
         {{"uid", "1000"}, {"mode", "33261"}, {"mtime", "1700000000"}, {"comment", "100%25"}});
  object("gl", "", "", {{"--symlink-target", "../t%25"}});
  object("gb", "", "", {{"mode", "25008"}, {"rdev", "2049"}});
  EXPECT_EQ(see("g").mode, S_IFREG | 0755U);
  EXPECT_EQ(see("g").mtime, at(kThen));
  EXPECT_EQ(xattr("g", "user.comment"), "100%");
  EXPECT_EQ(target_of("gl"), "../t%");
  EXPECT_EQ(see("gb").mode, S_IFBLK | 0660U);
  EXPECT_EQ(see("gb").rdev, makedev(8, 1));
}

TEST_F(ForeignBuckets, Rclone) {
  object("r", "xy", "text/plain", {{"mtime", "1700000000.5"}});
  object("r2", "xy", "text/plain",
         {{"mode", "100664"},
          {"uid", "500"},
          {"gid", "500"},
          {"mtime", "1700000000.25"},
          {"atime", "2023-11-14T22:13:20.000000001Z"},
          {"btime", "2023-11-14T22:13:20Z"},
          {"md5chksum", "1B2M2Y8AsgTpgAmY7PhCfg=="}});
  object("s.rclonelink", "../", "", {{"mtime", "1700000000"}});
  EXPECT_EQ(see("r").mtime, at(kThen, 500'000'000));
  EXPECT_EQ(see("r2").mode, S_IFREG | 0664U);
  EXPECT_EQ(see("r2").uid, 500U);
  EXPECT_EQ(see("r2").mtime, at(kThen, 250'000'000));
  EXPECT_EQ(see("s.rclonelink").mode, S_IFREG | 0640U);
  EXPECT_EQ(folder_->listxattr(context(), see("r2").inode), "");
  // What described the old bytes does not outlive them.
  ASSERT_TRUE(write_file(kRoot, "r2", "new"));
  EXPECT_FALSE(store_.meta("users/alice/r2")->headers.user.contains("md5chksum"));
}

TEST_F(ForeignBuckets, Ossutil) {
  object("o/", "", "application/octet-stream");
  object("o/y.txt", "text", "text/plain");
  symlink_object("k", "data/数 a.txt");
  EXPECT_EQ(see("o").mode, S_IFDIR | 0750U);
  EXPECT_EQ(see("o/y.txt").mode, S_IFREG | 0640U);
  EXPECT_EQ(target_of("k"), "data/数 a.txt");
}

TEST_F(ForeignBuckets, GoogleTools) {
  object("q", "x", "",
         {{"goog-reserved-posix-mode", "644"}, {"goog-reserved-file-mtime", "1700000000"}});
  EXPECT_EQ(see("q").mode, S_IFREG | 0644U);
  EXPECT_EQ(see("q").mtime, at(kThen));
}

TEST_F(ForeignBuckets, WhatMakesNoSenseCountsAsAbsent) {
  object("b", "x", "", {{"mode", "rw-r--r--"}, {"uid", "-"}, {"mtime", "yesterday"}});
  EXPECT_EQ(see("b").mode, S_IFREG | 0640U);
  EXPECT_EQ(see("b").uid, 1234U);
  EXPECT_EQ(see("b").mtime, store_.meta("users/alice/b")->last_modified);
}

// "The marker that Hadoop puts beside a directory, an empty object NAME_$folder$, is shown as the
// file it is."
TEST_F(ForeignBuckets, MarkersOfHadoopAreFiles) {
  object("h_$folder$", "", "");
  object("h/c", "x", "");
  object("alone_$folder$", "", "");
  EXPECT_EQ(names(kRoot),
            (std::vector<std::string>{".", "..", "alone_$folder$", "h", "h_$folder$"}));
  EXPECT_EQ(see("h").mode & S_IFMT, static_cast<mode_t>(S_IFDIR));
  EXPECT_EQ(see("h_$folder$").mode, S_IFREG | 0640U);
  EXPECT_EQ(read_file("h_$folder$"), "");
  EXPECT_EQ(lookup("alone").error().code, Errc::kNotFound);
}

TEST_F(ForeignBuckets, OfAFileAndADirectoryOfOneNameTheDirectoryHasTheName) {
  object("c", "xyz", "");
  object("c/", "", "");
  object("c/z", "z", "");
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "c", "stsfs%file:c"}));
  EXPECT_EQ(read_file("stsfs%file:c"), "xyz");
  EXPECT_EQ(see("c").mode & S_IFMT, static_cast<mode_t>(S_IFDIR));
  EXPECT_EQ(read_file(see("c").inode, "z"), "z");
}

}  // namespace
}  // namespace stsfs::fs
