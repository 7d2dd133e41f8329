// Files through a real mount of a real (simulated) cloud. Statements of stsfs(7) stand above the
// tests that hold them.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "mount/mount_fixture.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

class Files : public MountTest {
 protected:
  std::string bytes(std::size_t size) const {
    std::string out(size, '\0');
    fill_random(std::as_writable_bytes(std::span(out)));
    return out;
  }
};

// "When close(2) or fsync(2) returns 0, the whole file is in OSS and its CRC-64 agrees."
TEST_F(Files, OfEverySizeComeBackAsTheyWent) {
  for (const std::size_t size : {0, 1, 4095, 4096, 131'073, 3'000'000, 20'000'000}) {
    const std::string wanted = bytes(size);
    const std::string name = "size " + std::to_string(size);
    std::ofstream(user_->outside("source"), std::ios::binary) << wanted;
    ASSERT_EQ(run({"cp", user_->outside("source"), at(name)}).code, 0);
    EXPECT_EQ(read(name) == wanted, true) << size;
  }
  remount();
  for (const std::size_t size : {0, 1, 131'073, 20'000'000})
    EXPECT_EQ(file::file_size(at("size " + std::to_string(size))), size);
  ASSERT_EQ(run({"cp", at("size 20000000"), user_->outside("back")}).code, 0);
}

TEST_F(Files, ContentsSurviveARemountByteForByte) {
  const std::string wanted = bytes(9'000'001);
  write("file", wanted);
  remount();
  EXPECT_TRUE(read("file") == wanted);
}

TEST_F(Files, NamesOfEveryKindAreKept) {
  const std::vector<std::string> names{
      "with space", "100%", "a+b",  "\"quoted\" 'too'", "new\nline",
      "中文",       "☕",    "?#&=", "back\\slash",      std::string(255, 'n')};
  for (const auto& name : names) write(name, name);
  remount();
  std::set<std::string> seen;
  for (const auto& entry : file::directory_iterator(user_->path()))
    seen.insert(entry.path().filename());
  EXPECT_EQ(seen, std::set<std::string>(names.begin(), names.end()));
  for (const auto& name : names) EXPECT_EQ(read(name), name);
}

TEST_F(Files, ANameThatIsTooLongIsRefused) {
  EXPECT_EQ(open(at(std::string(256, 'n')).c_str(), O_CREAT | O_WRONLY, 0600), -1);
  EXPECT_EQ(errno, ENAMETOOLONG);
}

// "A directory that is not empty cannot be removed."
TEST_F(Files, DirectoriesAreMadeAndRemoved) {
  ASSERT_TRUE(file::create_directories(at("a/b/c")));
  write("a/b/c/file", "x");
  EXPECT_EQ(rmdir(at("a/b/c").c_str()), -1);
  EXPECT_EQ(errno, ENOTEMPTY);
  ASSERT_TRUE(file::remove(at("a/b/c/file")));
  ASSERT_TRUE(file::remove(at("a/b/c")));
  remount();
  EXPECT_TRUE(file::is_directory(at("a/b")));
  EXPECT_FALSE(file::exists(at("a/b/c")));
}

TEST_F(Files, AreRenamedWithTheirContents) {
  write("one", "text");
  file::create_directory(at("directory"));
  file::rename(at("one"), at("directory/two"));
  EXPECT_FALSE(file::exists(at("one")));
  EXPECT_EQ(read("directory/two"), "text");
  file::rename(at("directory"), at("moved"));
  remount();
  EXPECT_EQ(read("moved/two"), "text");
  EXPECT_FALSE(file::exists(at("directory")));
}

TEST_F(Files, ARenameReplacesItsTarget) {
  write("new", "new text");
  write("old", "old text");
  file::rename(at("new"), at("old"));
  EXPECT_EQ(read("old"), "new text");
  remount();
  EXPECT_EQ(read("old"), "new text");
}

// "A symbolic link whose target is a file of the folder, or nothing that is there, is an OSS
// symlink object that leads to the target's key … the target as it was given is in its metadata.
// Any other … is a small object whose content is the target, in the form of s3fs."
TEST_F(Files, SymbolicLinksAreKept) {
  write("target", "text");
  file::create_directory(at("below"));
  file::create_symlink("./target", at("inside"));
  file::create_symlink("below", at("to-directory"));
  file::create_symlink("/etc/hostname", at("outside"));
  const auto all = nlohmann::json::parse(cloud_->admin("/objects?bucket=examplebucket"));
  std::map<std::string, std::string> leads_to;
  for (const auto& object : all.at("objects"))
    leads_to[object.at("key").get<std::string>()] = object.at("symlink_target");
  const std::string prefix = "users/" + name_ + "/";
  EXPECT_EQ(leads_to.at(prefix + "inside"), "users%2F" + name_ + "%2Ftarget");
  EXPECT_EQ(leads_to.at(prefix + "to-directory"), "");
  EXPECT_EQ(leads_to.at(prefix + "outside"), "");
  for (int mount = 0; mount < 2; ++mount) {
    EXPECT_EQ(file::read_symlink(at("inside")), "./target");
    EXPECT_EQ(read("inside"), "text");
    EXPECT_EQ(file::read_symlink(at("to-directory")), "below");
    EXPECT_EQ(file::read_symlink(at("outside")), "/etc/hostname");
    remount();
  }
}

// "Mode, owner, group and times are kept in the object's metadata."
TEST_F(Files, AttributesSurviveARemount) {
  write("file", "text");
  ASSERT_EQ(chmod(at("file").c_str(), 0640), 0);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(at("file").c_str(), 1234, 5678), 0);
  }
  const std::array<timespec, 2> times{timespec{1'000'000'000, 0},
                                      timespec{1'100'000'000, 123'456'789}};
  ASSERT_EQ(utimensat(AT_FDCWD, at("file").c_str(), times.data(), 0), 0);
  remount();
  struct stat stat {};
  ASSERT_EQ(::stat(at("file").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0640U);
  if (geteuid() == 0) {
    EXPECT_EQ(stat.st_uid, 1234U);
  }
  EXPECT_EQ(stat.st_mtim.tv_sec, 1'100'000'000);
  EXPECT_EQ(stat.st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(read("file"), "text");
}

// The same, of times that a clock seldom shows.
TEST_F(Files, TimesLongAgoAndFarAheadSurviveARemount) {
  struct stat stat {};
  const auto touch = [&](const char* name, const timespec& time) {
    write(name, "text");
    const std::array<timespec, 2> times{time, time};
    ASSERT_EQ(utimensat(AT_FDCWD, at(name).c_str(), times.data(), 0), 0);
  };
  touch("in1960", {-315'593'940, 250'000'000});
  touch("in2261", {9'200'000'000, 0});
  touch("in2500", {16'725'225'600, 0});
  ASSERT_EQ(::stat(at("in2500").c_str(), &stat), 0);
  const time_t latest = stat.st_mtim.tv_sec;
  EXPECT_GT(latest, 9'200'000'000);
  remount();
  ASSERT_EQ(::stat(at("in1960").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mtim.tv_sec, -315'593'940);
  EXPECT_EQ(stat.st_mtim.tv_nsec, 250'000'000);
  EXPECT_EQ(stat.st_atim.tv_sec, -315'593'940);
  ASSERT_EQ(::stat(at("in2261").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mtim.tv_sec, 9'200'000'000);
  ASSERT_EQ(::stat(at("in2500").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mtim.tv_sec, latest);
}

// "Any offset may be written, files may be truncated and extended, holes read as zeros."
TEST_F(Files, AreWrittenInTheMiddleTruncatedAndExtended) {
  std::string wanted = bytes(1'000'000);
  write("file", wanted);
  remount();
  {
    const UniqueFd fd(open(at("file").c_str(), O_RDWR));
    ASSERT_TRUE(fd);
    ASSERT_EQ(pwrite(fd.get(), "hello", 5, 500'000), 5);
    wanted.replace(500'000, 5, "hello");
    ASSERT_EQ(ftruncate(fd.get(), 900'000), 0);
    wanted.resize(900'000);
    ASSERT_EQ(pwrite(fd.get(), "end", 3, 1'200'000), 3);
    wanted.resize(1'200'000);
    wanted += "end";
  }
  EXPECT_TRUE(read("file") == wanted);
  remount();
  EXPECT_TRUE(read("file") == wanted);
}

TEST_F(Files, AreAppendedTo) {
  write("log", "one\n");
  for (const char* line : {"two\n", "three\n"}) std::ofstream(at("log"), std::ios::app) << line;
  remount();
  std::ofstream(at("log"), std::ios::app) << "four\n";
  EXPECT_EQ(read("log"), "one\ntwo\nthree\nfour\n");
}

// "What was written by a process is at once visible to every other process on the same mount."
TEST_F(Files, ShowWhatIsWrittenBeforeTheyAreClosed) {
  const UniqueFd fd(open(at("file").c_str(), O_CREAT | O_WRONLY, 0644));
  ASSERT_EQ(::write(fd.get(), "text", 4), 4);
  EXPECT_EQ(run({"cat", at("file")}).said, "text");
  EXPECT_EQ(file::file_size(at("file")), 4U);
}

// "A file that is removed while it is open can still be read through that descriptor."
TEST_F(Files, CanBeReadAfterTheirRemoval) {
  write("file", "text");
  const UniqueFd fd(open(at("file").c_str(), O_RDONLY));
  ASSERT_TRUE(file::remove(at("file")));
  std::array<char, 8> buffer{};
  EXPECT_EQ(::read(fd.get(), buffer.data(), buffer.size()), 4);
  EXPECT_FALSE(file::exists(at("file")));
}

// "So can one that is renamed over, as a program or a library is that is replaced while it runs"
TEST_F(Files, CanBeReadAfterTheirReplacement) {
  constexpr std::size_t kSize = 40'000'000;
  const std::string old_text = bytes(kSize);
  write("library", old_text);
  write("another", "another");
  ASSERT_EQ(user_->umount().code, 0);
  ASSERT_EQ(user_->mount().code, 0);  // nothing of it is here
  const UniqueFd fd(open(at("library").c_str(), O_RDONLY));
  const auto* mapping =
      static_cast<const char*>(mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, fd.get(), 0));
  ASSERT_NE(mapping, MAP_FAILED);
  EXPECT_EQ(mapping[0], old_text[0]);
  file::rename(at("another"), at("library"));
  EXPECT_EQ(read("library"), "another");
  EXPECT_TRUE(std::string_view(mapping, kSize) == old_text);
  munmap(const_cast<char*>(mapping), kSize);
}

TEST_F(Files, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(open(at("none").c_str(), O_RDONLY), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(unlink(at("none").c_str()), -1);
  EXPECT_EQ(errno, ENOENT);
  write("file", "x");
  EXPECT_EQ(open(at("file/below").c_str(), O_RDONLY), -1);
  EXPECT_EQ(errno, ENOTDIR);
  EXPECT_EQ(open(at("file").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600), -1);
  EXPECT_EQ(errno, EEXIST);
}

TEST_F(Files, TreesAreCopiedInAndOut) {
  file::create_directories(user_->outside("tree/x/y"));
  for (int i = 0; i < 60; ++i)
    std::ofstream(user_->outside("tree/x/y/" + std::to_string(i))) << bytes(i * 997);
  ASSERT_EQ(run({"cp", "-a", user_->outside("tree"), at("tree")}).code, 0);
  remount();
  ASSERT_EQ(run({"cp", "-a", at("tree"), user_->outside("back")}).code, 0);
  const Outcome same = run({"diff", "-r", user_->outside("tree"), user_->outside("back")});
  EXPECT_EQ(same.code, 0) << same.said;
  EXPECT_GT(file::remove_all(at("tree")), 60U);
}

// "A program that is killed between write and close loses nothing: the kernel closes its files,
// which uploads them."
TEST_F(Files, OfAKilledProgramAreUploaded) {
  const Outcome killed = run({"sh", "-c", "exec >\"$0\"; printf text; kill -9 $$", at("file")});
  EXPECT_EQ(killed.code, 128 + SIGKILL) << killed.said;
  const auto in_oss = [&] {
    return cloud_->admin("/objects/content?bucket=examplebucket&key=users/" + name_ + "/file");
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (in_oss() != "text" && std::chrono::steady_clock::now() < end) usleep(20'000);
  EXPECT_EQ(in_oss(), "text");
}

// "All metadata of one object together is less than 8 KB: what passes that fails with ENOSPC, a
// value that alone would, with E2BIG."
TEST_F(Files, CarryNoMoreAttributesThanAnObjectCan) {
  write("file", "text");
  const auto set = [&](const char* name, std::size_t size) {
    const std::string value(size, 'x');
    return setxattr(at("file").c_str(), name, value.data(), value.size(), 0) == 0 ? 0 : errno;
  };
  EXPECT_EQ(set("user.large", 6'000), E2BIG);
  EXPECT_EQ(set("user.a", 2'500), 0);
  EXPECT_EQ(set("user.b", 2'500), 0);
  EXPECT_EQ(set("user.c", 2'500), ENOSPC);
  remount();
  EXPECT_EQ(getxattr(at("file").c_str(), "user.b", nullptr, 0), 2'500);
  EXPECT_EQ(getxattr(at("file").c_str(), "user.c", nullptr, 0), -1);
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(read("file"), "text");
}

// "Reading an archived object fails with EACCES … Setting user.oss.restore to a number of days, and
// perhaps a tier (3 Bulk), asks OSS to make it readable for so long; user.oss.restore shows how far
// that is."
TEST_F(Files, ThatAreArchivedCanBeAskedFor) {
  write("file", "text");
  ASSERT_EQ(setxattr(at("file").c_str(), "user.oss.storage-class", "Archive", 7, 0), 0);
  remount();
  const UniqueFd fd(open(at("file").c_str(), O_RDONLY));
  ASSERT_TRUE(fd);
  std::array<char, 64> buffer{};
  EXPECT_EQ(::read(fd.get(), buffer.data(), buffer.size()), -1);
  EXPECT_EQ(errno, EACCES);
  ASSERT_EQ(setxattr(at("file").c_str(), "user.oss.restore", "3 Bulk", 6, 0), 0);
  const ssize_t size =
      getxattr(at("file").c_str(), "user.oss.restore", buffer.data(), buffer.size());
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(size)), "ongoing-request=\"true\"");
}

// "Other signals that are handled, such as those of timers and children, let the operation go on."
// As git's progress, a profiler or a scheduler of threads does it to every call that takes a while.
TEST_F(Files, ATimerInterruptsNoOperation) {
  cloud_->admin("/faults", {"-d", R"({"operation": "*Object*", "latency_ms": 15})"});
  struct sigaction handler {
  }, before{};
  handler.sa_handler = [](int) {};
  handler.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &handler, &before);
  const itimerval often{{0, 7'000}, {0, 7'000}}, never{};
  setitimer(ITIMER_REAL, &often, nullptr);
  int interrupted = 0;
  const auto count = [&](int result) { interrupted += result < 0 && errno == EINTR; };
  for (int i = 0; i < 10; ++i) {
    const std::string name = at("timed" + std::to_string(i)), other = name + ".moved";
    const UniqueFd file(open(name.c_str(), O_CREAT | O_WRONLY, 0600));
    ASSERT_TRUE(file) << errno;
    count(static_cast<int>(::write(file.get(), "x", 1)));
    count(fsync(file.get()));
    count(rename(name.c_str(), other.c_str()));
    count(chmod(other.c_str(), 0640));
    count(access(name.c_str(), R_OK));
    count(mkdir(name.c_str(), 0700));
    count(rmdir(name.c_str()));
    count(unlink(other.c_str()));
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  cloud_->admin("/faults", {"-X", "DELETE"});
  EXPECT_EQ(interrupted, 0);
}

TEST_F(Files, SpaceIsShown) {
  struct statvfs statistics {};
  ASSERT_EQ(statvfs(user_->path().c_str(), &statistics), 0);
  EXPECT_GT(statistics.f_blocks, 0U);
  EXPECT_EQ(statistics.f_namemax, 255U);
}

}  // namespace
}  // namespace stsfs::mount_tests
