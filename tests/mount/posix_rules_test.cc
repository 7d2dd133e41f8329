// Rules of POSIX about owners, modes and special files, which the kernel and the daemon keep
// together. Only root sees them: it makes what belongs to others, and becomes them.
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "mount/cloud.h"
#include "mount/whole_files.h"
#include "stsfs/base/fd.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

constexpr uid_t kOne = 4001;
constexpr uid_t kTwo = 4002;

class PosixRules : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root becomes somebody else";
    user_ =
        std::make_unique<MountedUser>(cloud_, "rules", std::string("allow_other,") + GetParam());
    ASSERT_TRUE(user_->is_mounted());
    let_everybody_in();
    // mkdtemp(3) lets nobody in.
    std::filesystem::permissions(std::filesystem::path(user_->path()).parent_path(),
                                 std::filesystem::perms(0755));
  }
  void TearDown() override {
    if (user_ == nullptr || !user_->is_mounted()) return;
    const Outcome gone = user_->umount();
    EXPECT_EQ(gone.code, 0) << gone.said;
  }

  std::string at(const std::string& name) const { return *user_ / name; }
  mode_t mode_of(const std::string& name) const {
    struct stat stat {};
    EXPECT_EQ(lstat(at(name).c_str(), &stat), 0) << name;
    return stat.st_mode & 07777;
  }
  void make(const std::string& name, uid_t owner, mode_t mode) const {
    write_to(at(name), "text");
    ASSERT_EQ(chown(at(name).c_str(), owner, owner), 0);
    ASSERT_EQ(chmod(at(name).c_str(), mode), 0);
  }
  /// What `operation`, which returns as a system call does, gives to `user`: 0, or the errno.
  template <class Operation>
  static int as(uid_t user, Operation operation) {
    const pid_t child = fork();
    if (child == 0) {
      if (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0) _exit(255);
      _exit(operation() == 0 ? 0 : errno);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void remount() const {
    const Outcome gone = user_->umount();
    ASSERT_EQ(gone.code, 0) << gone.said;
    const Outcome back = user_->mount();
    ASSERT_EQ(back.code, 0) << back.said;
    let_everybody_in();
  }
  /// The mode of the folder's own directory is forgotten with the mount.
  void let_everybody_in() const { ASSERT_EQ(chmod(user_->path().c_str(), 0755), 0); }

  Cloud cloud_;
  std::unique_ptr<MountedUser> user_;
};

TEST_P(PosixRules, AWriteByWhoIsNotRootClearsTheSetIdBits) {
  make("program", kOne, 06755);
  ASSERT_EQ(mode_of("program"), 06755U);
  const std::string path = at("program");
  EXPECT_EQ(as(kOne,
               [&] {
                 const UniqueFd fd(open(path.c_str(), O_WRONLY));
                 return pwrite(fd.get(), "T", 1, 0) == 1 ? 0 : -1;
               }),
            0);
  EXPECT_EQ(mode_of("program"), 0755U);
  remount();
  EXPECT_EQ(mode_of("program"), 0755U);
  EXPECT_EQ(read_from(path), "Text");
}

TEST_P(PosixRules, ATruncateByWhoIsNotRootClearsTheSetIdBits) {
  make("program", kOne, 06755);
  const std::string path = at("program");
  EXPECT_EQ(as(kOne, [&] { return truncate(path.c_str(), 2); }), 0);
  EXPECT_EQ(mode_of("program"), 0755U);
  remount();
  EXPECT_EQ(mode_of("program"), 0755U);
  EXPECT_EQ(read_from(path), "te");
}

TEST_P(PosixRules, AChangeOfTheOwnerClearsTheSetIdBits) {
  make("program", kOne, 06755);
  const std::string path = at("program");
  EXPECT_EQ(as(kOne, [&] { return chown(path.c_str(), kOne, kOne); }), 0);
  EXPECT_EQ(mode_of("program"), 0755U);
  ASSERT_EQ(chmod(path.c_str(), 06755), 0);
  EXPECT_EQ(chown(path.c_str(), kTwo, kTwo), 0);
  EXPECT_EQ(mode_of("program"), 0755U);
  remount();
  EXPECT_EQ(mode_of("program"), 0755U);
}

// "What is made in a directory with set-group-id belongs to the directory's group, and a directory
// made there has the bit too."
TEST_P(PosixRules, WhatIsMadeInADirectoryWithSetGroupIdBelongsToItsGroup) {
  ASSERT_EQ(mkdir(at("shared").c_str(), 0755), 0);
  ASSERT_EQ(chown(at("shared").c_str(), kOne, kTwo), 0);
  ASSERT_EQ(chmod(at("shared").c_str(), 02775), 0);
  const std::string directory = at("shared");
  EXPECT_EQ(as(kOne, [&] { return mkdir((directory + "/below").c_str(), 0755); }), 0);
  EXPECT_EQ(
      as(kOne,
         [&] { return close(open((directory + "/file").c_str(), O_WRONLY | O_CREAT, 0644)); }),
      0);
  EXPECT_EQ(as(kOne, [&] { return symlink("file", (directory + "/link").c_str()); }), 0);
  EXPECT_EQ(as(kOne, [&] { return mkfifo((directory + "/fifo").c_str(), 0644); }), 0);
  for (int mount = 0; mount < 2; ++mount) {
    for (const char* name : {"below", "file", "link", "fifo"}) {
      struct stat stat {};
      ASSERT_EQ(lstat((directory + "/" + name).c_str(), &stat), 0) << name;
      EXPECT_EQ(stat.st_uid, kOne) << name;
      EXPECT_EQ(stat.st_gid, kTwo) << name;
      EXPECT_EQ((stat.st_mode & S_ISGID) != 0, S_ISDIR(stat.st_mode)) << name;
    }
    remount();
  }
}

TEST_P(PosixRules, OthersFilesInAStickyDirectoryStay) {
  ASSERT_EQ(mkdir(at("sticky").c_str(), 0755), 0);
  ASSERT_EQ(chmod(at("sticky").c_str(), 01777), 0);
  make("sticky/one", kOne, 0666);
  make("sticky/two", kTwo, 0666);
  const std::string one = at("sticky/one");
  const std::string two = at("sticky/two");
  const std::string elsewhere = at("sticky/elsewhere");
  for (int mount = 0; mount < 2; ++mount) {
    EXPECT_EQ(as(kTwo, [&] { return unlink(one.c_str()); }), EPERM);
    EXPECT_EQ(as(kTwo, [&] { return rename(one.c_str(), elsewhere.c_str()); }), EPERM);
    EXPECT_EQ(as(kTwo, [&] { return rename(two.c_str(), one.c_str()); }), EPERM);
    remount();
  }
  EXPECT_EQ(as(kTwo, [&] { return rename(two.c_str(), elsewhere.c_str()); }), 0);
  EXPECT_EQ(as(kOne, [&] { return unlink(one.c_str()); }), 0);
  EXPECT_EQ(names_in(at("sticky")), std::set<std::string>{"elsewhere"});
}

// "Fifos, sockets and device nodes are empty objects whose mode says what they are."
TEST_P(PosixRules, SpecialFilesAreTheSameInTheNextMount) {
  const dev_t character = makedev(1, 3);
  const dev_t block = makedev(259, 70'000);  // a minor of more than eight bits
  ASSERT_EQ(mknod(at("character").c_str(), S_IFCHR | 0640, character), 0);
  ASSERT_EQ(mknod(at("block").c_str(), S_IFBLK | 0600, block), 0);
  ASSERT_EQ(mknod(at("socket").c_str(), S_IFSOCK | 0644, 0), 0);
  ASSERT_EQ(mknod(at("fifo").c_str(), S_IFIFO | 0644, 0), 0);
  ASSERT_EQ(rename(at("block").c_str(), at("moved").c_str()), 0);
  for (int mount = 0; mount < 2; ++mount) {
    struct stat stat {};
    ASSERT_EQ(lstat(at("character").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode, S_IFCHR | 0640U);
    EXPECT_EQ(stat.st_rdev, character);
    ASSERT_EQ(lstat(at("moved").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode, S_IFBLK | 0600U);
    EXPECT_EQ(stat.st_rdev, block);
    ASSERT_EQ(lstat(at("socket").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode, S_IFSOCK | 0644U);
    ASSERT_EQ(lstat(at("fifo").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode, S_IFIFO | 0644U);
    remount();
  }
}

INSTANTIATE_TEST_SUITE_P(Commit, PosixRules, ::testing::Values("commit=close", "commit=background"),
                         [](const auto& chosen) { return std::string(chosen.param).substr(7); });

}  // namespace
}  // namespace stsfs::mount_tests
