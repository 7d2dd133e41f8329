// Changes of the tree through a real mount. Statements of stsfs(7) stand above the tests that hold
// them.
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "mount/mount_fixture.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

class TreeOnAMount : public MountTest {
 protected:
  /// To OSS since the mount.
  std::uint64_t requests() const {
    const auto counts = nlohmann::json::parse(user_->status("/operations"));
    std::uint64_t sum = 0;
    for (const auto& [name, count] : counts.items()) sum += count["started"].get<std::uint64_t>();
    return sum;
  }
  void drain() const { EXPECT_EQ(user_->stsfs({"drain", user_->path()}).code, 0); }
  /// As another program puts it: under a key below the folder that need be no valid path.
  void put_object(const std::string& key_escaped, const std::string& text) const {
    const Outcome put = run({"curl", "-sSf", "-X", "PUT", "--data-binary", text,
                             cloud_->admin_endpoint() + "/objects?bucket=examplebucket&key=users/" +
                                 name_ + "/" + key_escaped});
    EXPECT_EQ(put.code, 0) << put.said;
  }
  /// Keys below the folder.
  std::set<std::string> keys() const {
    const std::string prefix = "users/" + name_ + "/";
    std::set<std::string> out;
    const auto all = nlohmann::json::parse(cloud_->admin("/objects?bucket=examplebucket"));
    for (const auto& object : all.at("objects"))
      if (const auto key = object.at("key").get<std::string>(); key.starts_with(prefix))
        out.insert(key.substr(prefix.size()));
    return out;
  }
};

// "A name that was removed is gone from the return of unlink(2) or rmdir(2) on … the objects are
// deleted behind it, up to 1,000 with one request."
TEST_F(TreeOnAMount, RemovesThousandsOfFilesWithFewRequests) {
  ASSERT_EQ(::mkdir(at("d").c_str(), 0755), 0);
  for (int i = 0; i < 20; ++i) fill("d/" + std::to_string(i), 100);
  drain();
  const std::uint64_t before = requests();
  const Outcome removed = run({"rm", "-r", at("d")});
  EXPECT_EQ(removed.code, 0) << removed.said;
  EXPECT_FALSE(file::exists(at("d")));
  drain();
  EXPECT_LE(requests() - before, 60U) << user_->status("/operations");
  EXPECT_EQ(user_->status("/pending/files"), "0");
}

// "… also when the daemon is killed then: it stands in the journal."
TEST_F(TreeOnAMount, RemovedNamesStayGoneAfterAKill) {
  fill("d", 30);
  write("kept", "x");
  drain();
  for (int i = 0; i < 30; ++i) ASSERT_EQ(::unlink(at("d/f" + std::to_string(i)).c_str()), 0);
  ASSERT_EQ(::rmdir(at("d").c_str()), 0);
  kill_and_remount();
  EXPECT_FALSE(file::exists(at("d")));
  EXPECT_EQ(read("kept"), "x");
  drain();
  kill_and_remount();
  EXPECT_FALSE(file::exists(at("d")));
}

// "OSS has the file under its new name when rename(2) returns. The old name is gone from then on
// here, also when the daemon is killed … What is written under the old name comes after that
// delete."
TEST_F(TreeOnAMount, RenamedFilesHaveTheirNewNameOnlyAfterAKill) {
  for (int i = 0; i < 10; ++i) write("t" + std::to_string(i), std::to_string(i));
  drain();
  for (int i = 0; i < 10; ++i)
    file::rename(at("t" + std::to_string(i)), at("f" + std::to_string(i)));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(keys().contains("f" + std::to_string(i)));
  EXPECT_FALSE(file::exists(at("t3")));
  kill_and_remount();
  EXPECT_FALSE(file::exists(at("t4")));
  write("t5", "anew");
  drain();
  EXPECT_EQ(keys().size(), 11U);
  EXPECT_EQ(read("t5"), "anew");
  EXPECT_EQ(read("f5"), "5");
}

// "Renaming a directory stands in the journal when rename(2) returns; from then on the tree is seen
// under its new name."
TEST_F(TreeOnAMount, RenamesADirectoryWithOneCopyAnObject) {
  fill("d", 100);
  drain();
  const std::uint64_t before = requests();
  file::rename(at("d"), at("n"));
  EXPECT_EQ(read("n/f42"), "42");
  EXPECT_FALSE(file::exists(at("d")));
  drain();
  EXPECT_LE(requests() - before, 110U + 2) << user_->status("/operations");  // 2: of the read
  EXPECT_EQ(read("n/f99"), "99");
}

// "A kill of the daemon stops it only until the next mount."
TEST_F(TreeOnAMount, ARenamedDirectoryGoesOnAfterAKill) {
  fill("d", 300);
  drain();
  file::rename(at("d"), at("n"));
  write("n/f7", "written meanwhile");
  ASSERT_EQ(::unlink(at("n/f8").c_str()), 0);
  kill_and_remount();
  EXPECT_FALSE(file::exists(at("d")));
  EXPECT_EQ(read("n/f7"), "written meanwhile");
  EXPECT_FALSE(file::exists(at("n/f8")));
  drain();
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : file::directory_iterator(at("n"))) ++entries;
  EXPECT_EQ(entries, 299U);
  EXPECT_EQ(read("n/f299"), "299");
  EXPECT_EQ(read("n/f7"), "written meanwhile");
}

// "flock(2) and fcntl(2) locks work between the processes of one machine."
TEST_F(TreeOnAMount, LocksKeepOtherProcessesOut) {
  write("f", "0123456789");
  const int mine = ::open(at("f").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(mine, 0);
  ASSERT_EQ(::flock(mine, LOCK_EX), 0) << std::strerror(errno);
  struct flock half {};
  half.l_type = F_WRLCK;
  half.l_whence = SEEK_SET;
  half.l_len = 5;
  ASSERT_EQ(::fcntl(mine, F_SETLK, &half), 0) << std::strerror(errno);
  // 1: the whole lock was had; 2: the locked half; 4: the other half was not.
  const std::string path = at("f");
  const auto other_gets = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      const int file = ::open(path.c_str(), O_RDWR);
      int got = file < 0 ? 8 : 0;
      if (::flock(file, LOCK_EX | LOCK_NB) == 0) got |= 1;
      if (::fcntl(file, F_SETLK, &half) == 0) got |= 2;
      half.l_start = 5;
      if (::fcntl(file, F_SETLK, &half) != 0) got |= 4;
      ::_exit(got);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(other_gets(), 0);
  ::close(mine);  // gives both back
  EXPECT_EQ(other_gets(), 3);
}

// "A file may have several names, with one inode number and a link count that other clients
// share."
TEST_F(TreeOnAMount, FilesMayHaveSeveralNames) {
  write("a", "text");
  ASSERT_EQ(::mkdir(at("d").c_str(), 0755), 0);
  ASSERT_EQ(::link(at("a").c_str(), at("d/b").c_str()), 0) << std::strerror(errno);
  struct stat one {
  }, other{};
  ASSERT_EQ(::stat(at("a").c_str(), &one), 0);
  ASSERT_EQ(::stat(at("d/b").c_str(), &other), 0);
  EXPECT_EQ(one.st_ino, other.st_ino);
  EXPECT_EQ(one.st_nlink, 2U);
  write("d/b", "through the other");
  EXPECT_EQ(read("a"), "through the other");
  ASSERT_EQ(::rename(at("d").c_str(), at("e").c_str()), 0);
  drain();
  kill_and_remount();
  EXPECT_EQ(read("e/b"), "through the other");
  ASSERT_EQ(::stat(at("e/b").c_str(), &other), 0);
  EXPECT_EQ(other.st_nlink, 2U);
  ASSERT_EQ(::unlink(at("a").c_str()), 0);
  ASSERT_EQ(::stat(at("e/b").c_str(), &other), 0);
  EXPECT_EQ(other.st_nlink, 1U);
  EXPECT_EQ(read("e/b"), "through the other");
  EXPECT_EQ(::link(at("e").c_str(), at("f").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
}

// "Every byte but the slash and NUL may be in a name, of at most 255 bytes; the object's key has at
// most 1,023. A name that is not UTF-8 … is shown as it was given."
TEST_F(TreeOnAMount, EveryByteMayBeInAName) {
  const std::string long_name(255, 'n');
  const std::vector<std::string> all{"caf\xe9", "\x01\n\t", "a%2Fb",        "-",
                                     "\\",      long_name,  "stsfs%bytes:x"};
  for (const std::string& name : all) write(name, name);
  drain();
  kill_and_remount();
  for (const std::string& name : all) EXPECT_EQ(read(name), name);
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(at("")))
    found += std::count(all.begin(), all.end(), entry.path().filename().string());
  EXPECT_EQ(found, all.size());
  EXPECT_EQ(::mkdir(at(long_name + "n").c_str(), 0755), -1);
  EXPECT_EQ(errno, ENAMETOOLONG);
  for (const std::string& name : all) EXPECT_EQ(::unlink(at(name).c_str()), 0);
}

// "Objects whose keys are no valid path … are shown all the same, under names that say what is
// meant and that nobody can create … They can be read, written, removed, and renamed to something
// better."
TEST_F(TreeOnAMount, KeysThatAreNoPathAreShownReadWrittenRenamedAndRemoved) {
  put_object("a%2F%2Fb", "nameless");
  put_object("a%2F..%2Fc", "dots");
  put_object("foo", "file");
  put_object("foo%2Fx", "below");
  EXPECT_EQ(read("a/stsfs%dir:/b"), "nameless");
  EXPECT_EQ(read("a/stsfs%dir:%2E%2E/c"), "dots");
  EXPECT_EQ(read("stsfs%file:foo"), "file");
  EXPECT_EQ(read("foo/x"), "below");
  std::set<std::string> shown;
  for (const auto& entry : file::directory_iterator(at("")))
    shown.insert(entry.path().filename().string());
  EXPECT_EQ(shown, (std::set<std::string>{"a", "foo", "stsfs%file:foo"}));
  write("a/stsfs%dir:/b", "written");
  EXPECT_EQ(keys(), (std::set<std::string>{"a//b", "a/../c", "foo", "foo/x"}));
  EXPECT_EQ(read("a/stsfs%dir:/b"), "written");
  ASSERT_EQ(::rename(at("a/stsfs%dir:/b").c_str(), at("b").c_str()), 0) << std::strerror(errno);
  ASSERT_EQ(::rename(at("stsfs%file:foo").c_str(), at("foo/file").c_str()), 0)
      << std::strerror(errno);
  EXPECT_EQ(::unlink(at("a/stsfs%dir:%2E%2E/c").c_str()), 0) << std::strerror(errno);
  EXPECT_EQ(::open(at("stsfs%file:new").c_str(), O_CREAT | O_WRONLY, 0644), -1);
  drain();
  kill_and_remount();
  EXPECT_EQ(read("b"), "written");
  EXPECT_EQ(read("foo/file"), "file");
  EXPECT_EQ(read("foo/x"), "below");
  const auto left = keys();
  EXPECT_TRUE(left.contains("b") && left.contains("foo/file") && left.contains("foo/x"));
  EXPECT_FALSE(left.contains("a//b") || left.contains("a/../c") || left.contains("foo"));
}

// "When one of the two names is removed before that … the file is a plain object under the other,
// at the cost of a rename."
TEST_F(TreeOnAMount, AFileThatIsCreatedByLinkAndUnlinkIsAPlainObject) {
  ASSERT_EQ(::mkdir(at("d").c_str(), 0755), 0);
  write("d/tmp", "text");
  ASSERT_EQ(::link(at("d/tmp").c_str(), at("d/name").c_str()), 0) << std::strerror(errno);
  ASSERT_EQ(::unlink(at("d/tmp").c_str()), 0) << std::strerror(errno);
  drain();
  EXPECT_EQ(read("d/name"), "text");
  EXPECT_EQ(keys(), (std::set<std::string>{"d/", "d/name"}));
}

// "A second name is in the journal when link(2) returns, and survives a kill of the daemon."
TEST_F(TreeOnAMount, ASecondNameSurvivesAKill) {
  write("a", "text");
  ASSERT_EQ(::link(at("a").c_str(), at("b").c_str()), 0) << std::strerror(errno);
  kill_and_remount();
  struct stat one {
  }, other{};
  ASSERT_EQ(::stat(at("a").c_str(), &one), 0);
  ASSERT_EQ(::stat(at("b").c_str(), &other), 0);
  EXPECT_EQ(one.st_ino, other.st_ino);
  EXPECT_EQ(other.st_nlink, 2U);
  EXPECT_EQ(read("b"), "text");
}

// "RENAME_EXCHANGE goes through a third name, which only other machines see."
TEST_F(TreeOnAMount, ExchangesNames) {
  write("a", "first");
  fill("d", 3);
  ASSERT_EQ(::renameat2(AT_FDCWD, at("a").c_str(), AT_FDCWD, at("d").c_str(), RENAME_EXCHANGE), 0)
      << std::strerror(errno);
  EXPECT_EQ(read("d"), "first");
  EXPECT_EQ(read("a/f1"), "1");
  EXPECT_EQ(::renameat2(AT_FDCWD, at("a").c_str(), AT_FDCWD, at("d").c_str(), RENAME_NOREPLACE),
            -1);
  EXPECT_EQ(errno, EEXIST);
}

// libcurl sends a request once more by itself when a connection ends: OSS then has the name
// already.
TEST_F(TreeOnAMount, MakesWhatItMakesThoughTheAnswerIsLost) {
  const std::map<std::string, std::function<int(const char*)>> makers{
      {"directory", [](const char* path) { return ::mkdir(path, 0700); }},
      {"link", [](const char* path) { return ::symlink("to", path); }},
      {"pipe", [](const char* path) { return ::mkfifo(path, 0600); }}};
  for (const auto& [name, make] : makers) {
    SCOPED_TRACE(name);
    cloud_->admin("/faults",
                  {"-d", R"({"operation": "PutObject", "reset_after": true, "count": 1})"});
    EXPECT_EQ(make(at(name).c_str()), 0) << std::strerror(errno);
    EXPECT_EQ(make(at(name).c_str()), -1);
    EXPECT_EQ(errno, EEXIST);
  }
  cloud_->admin("/faults", {"-X", "DELETE"});
}

// "It stands in the journal: one that was cut off is finished before either name is told to
// anybody, by the next mount too."
TEST_F(TreeOnAMount, ExchangesNamesOverAKill) {
  for (const std::string copied_to : {".stsfs-exchange-*", "a", "b"}) {
    SCOPED_TRACE("killed while there is copied to " + copied_to);
    write("a", "of a");
    write("b", "of b");
    const auto faults = [&](const std::vector<std::string>& more) {
      return nlohmann::json::parse(cloud_->admin("/faults", more));
    };
    cloud_->admin("/faults",
                  {"-d", R"({"operation": "CopyObject", "reset_before": true, "key": "users/)" +
                             name_ + "/" + copied_to + R"("})"});
    int exchanged = 0;
    std::thread caller([&] {
      exchanged =
          ::renameat2(AT_FDCWD, at("a").c_str(), AT_FDCWD, at("b").c_str(), RENAME_EXCHANGE);
    });
    while (faults({}).at(0).value("used", 0) == 0) std::this_thread::yield();
    user_->kill_daemon();
    caller.join();
    EXPECT_EQ(exchanged, -1);
    cloud_->admin("/faults", {"-X", "DELETE"});
    const Outcome back = user_->mount();
    ASSERT_EQ(back.code, 0) << back.said;
    const bool done = copied_to != ".stsfs-exchange-*";
    EXPECT_EQ(read("a"), done ? "of b" : "of a");
    EXPECT_EQ(read("b"), done ? "of a" : "of b");
    drain();
    EXPECT_EQ(keys(), (std::set<std::string>{"a", "b"}));
  }
}

}  // namespace
}  // namespace stsfs::mount_tests
