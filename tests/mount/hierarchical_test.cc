// A bucket with a hierarchical namespace through a real mount. Statements of stsfs(7) stand above
// the tests that hold them.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "mount/mount_fixture.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

class HierarchicalMount : public MountTest {
 protected:
  static void SetUpTestSuite() {
    cloud_ = std::make_unique<Cloud>(3600, "hierarchical_namespace = true\n", "examplebucket,hns");
  }
  void TearDown() override {
    faults("DELETE");
    MountTest::TearDown();
  }

  static void faults(const char* method, const char* json = "{}") {
    run({"curl", "-sf", "-X", method, "-d", json, cloud_->admin_endpoint() + "/faults"});
  }
  /// Of that operation since the mount.
  int started(const std::string& operation) const {
    return std::atoi(user_->status("/operations/" + operation + "/started").c_str());
  }
};

// "… and in buckets with a hierarchical namespace link(2) fails with EPERM", upon which a program
// renames or copies; symbolic links are all in the form of s3fs there.
TEST_F(HierarchicalMount, FilesHaveOneNameAndLinksNeedNoSymlinkObjects) {
  write("a", "text");
  EXPECT_EQ(::link(at("a").c_str(), at("b").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
  file::create_symlink("a", at("l"));
  EXPECT_EQ(started("PutSymlink"), 0);
  remount();
  EXPECT_FALSE(file::exists(at("b")));
  EXPECT_EQ(file::read_symlink(at("l")), "a");
  EXPECT_EQ(read("l"), "text");
  EXPECT_EQ(started("GetSymlink"), 0);
}

// "In a bucket with a hierarchical namespace … the server renames a directory itself: in one
// request, whatever is in it, and for all machines at the same moment, before rename(2) returns."
TEST_F(HierarchicalMount, ADirectoryIsRenamedByTheServer) {
  fill("d", 100);
  ASSERT_EQ(::mkdir(at("d/e").c_str(), 0700), 0);
  const int copies = started("CopyObject");
  ASSERT_EQ(::rename(at("d").c_str(), at("n").c_str()), 0);
  EXPECT_EQ(started("Rename"), 1);
  EXPECT_EQ(started("CopyObject"), copies);
  EXPECT_EQ(user_->status("/pending/files"), "0");
  kill_and_remount();
  EXPECT_FALSE(file::exists(at("d")));
  EXPECT_EQ(read("n/f42"), "42");
  struct stat status {};
  ASSERT_EQ(::stat(at("n").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750U);
}

// "While it does not answer … the rename goes on behind the journal, as elsewhere, also over a kill
// of the daemon."
TEST_F(HierarchicalMount, ARenameThatTheServerDidNotHearIsDoneByTheNextMount) {
  fill("d", 5);
  faults("POST", R"({"operation":"Rename","reset_before":true})");
  auto renamed =
      std::async(std::launch::async, [&] { return ::rename(at("d").c_str(), at("n").c_str()); });
  while (started("Rename") == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  user_->kill_daemon();
  renamed.wait();
  mount_again();
  EXPECT_FALSE(file::exists(at("d")));  // though it is there on the server still
  EXPECT_EQ(read("n/f3"), "3");
  faults("DELETE");
  EXPECT_EQ(user_->stsfs({"drain", user_->path()}).code, 0);
  EXPECT_EQ(started("CopyObject"), 0);
  kill_and_remount();
  EXPECT_FALSE(file::exists(at("d")));
  EXPECT_EQ(read("n/f4"), "4");
}

// "A file is renamed so to a name that is free."
TEST_F(HierarchicalMount, FilesAreRenamedByTheServerOrCopied) {
  write("a", "a");
  write("b", "b");
  ASSERT_EQ(::rename(at("a").c_str(), at("free").c_str()), 0);
  EXPECT_EQ(started("Rename"), 1);
  ASSERT_EQ(::rename(at("free").c_str(), at("b").c_str()), 0);
  EXPECT_EQ(started("Rename"), 1);
  EXPECT_EQ(read("b"), "a");
  EXPECT_FALSE(file::exists(at("free")));
  EXPECT_EQ(::renameat2(AT_FDCWD, at("b").c_str(), AT_FDCWD, at("b").c_str(), RENAME_NOREPLACE),
            -1);
}

// "Where OSS does not take those of a directory, which its documentation leaves open for buckets
// with a hierarchical namespace, a change of mode, owner or extended attributes fails with
// EOPNOTSUPP."
TEST_F(HierarchicalMount, AttributesThatOssDoesNotTakeAreNotSupported) {
  ASSERT_EQ(::mkdir(at("d").c_str(), 0700), 0);
  remount();  // a change is not held back for others now
  faults("POST",
         R"({"operation":"PutObject","key":"*/d/","status":409,"code":"FileAlreadyExists"})");
  EXPECT_EQ(::chmod(at("d").c_str(), 0750), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  faults("DELETE");
  EXPECT_EQ(::chmod(at("d").c_str(), 0750), 0);
}

/// What people do in every bucket.
TEST_F(HierarchicalMount, ATreeIsMadeChangedAndRemoved) {
  const std::string script = R"sh(set -e
    mkdir -p a/b/c empty
    for i in $(seq 20); do echo $i > a/b/c/$i; done
    ln -s b/c/7 a/link
    chmod 0711 a/b
    chmod 0600 a/b/c/3
    mv a/b z
    mkdir a/b
    mv z empty
    test -f empty/z/c/20
    mv empty/z z
    mv z/c a/b
    test $(cat a/link) = 7
    cp -a a copy
    rmdir z empty
    rm -r copy/b
    test $(find . | wc -l) = 27)sh";  // . a a/b a/b/c and 20 files, a/link, copy, copy/link
  const Outcome done = run({"sh", "-c", "cd " + user_->path() + " && { " + script + "\n}"});
  EXPECT_EQ(done.code, 0) << done.said;
  remount();
  EXPECT_EQ(read("a/b/c/7"), "7\n");
  EXPECT_EQ(run({"stat", "-c", "%a", at("a/b/c/3")}).said, "600\n");
  EXPECT_EQ(run({"rm", "-r", at("a"), at("copy")}).code, 0);
  EXPECT_TRUE(file::is_empty(user_->path()));
}

}  // namespace
}  // namespace stsfs::mount_tests
