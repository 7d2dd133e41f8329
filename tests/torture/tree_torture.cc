// The same random operations on the tree of a mount and on a directory of a local disk: the same
// successes and errors, and the same tree, also in the next mount.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mount/cloud.h"
#include "mount/whole_files.h"
#include "stsfs/base/fd.h"
#include "support/temporary_directory.h"
#include "torture/seeded_torture.h"

#include <gtest/gtest.h>

namespace stsfs::torture {
namespace {

using mount_tests::Cloud;
using mount_tests::MountedUser;
using mount_tests::Outcome;
namespace file = std::filesystem;

/// What is the same on both sides of every entry below `root`, by its path.
std::map<std::string, std::string> picture_of(const std::string& root) {
  std::map<std::string, std::string> out;
  std::vector<std::string> left{""};
  while (!left.empty()) {
    const std::string directory = left.back();
    left.pop_back();
    for (const std::string& name : mount_tests::names_in(root + directory)) {
      const std::string path = directory + "/" + name;
      const std::string whole = root + path;
      struct stat stat {};
      if (lstat(whole.c_str(), &stat) != 0) {
        out[path] = std::strerror(errno);
        continue;
      }
      std::string text = "mode " + std::to_string(stat.st_mode) + " of " +
                         std::to_string(stat.st_uid) + ":" + std::to_string(stat.st_gid);
      // A directory has 2 links and 4,096 bytes here (stsfs(7), WHAT IS DIFFERENT).
      if (!S_ISDIR(stat.st_mode))
        text += " links " + std::to_string(stat.st_nlink) + " size " + std::to_string(stat.st_size);
      // Times that were set are of before 2020; others are of when it was done. What is written
      // into a fifo changes none here (stsfs(7), WHAT IS DIFFERENT).
      if (stat.st_mtime < 1'600'000'000 && !S_ISFIFO(stat.st_mode))
        text += " time " + std::to_string(stat.st_mtim.tv_sec) + "." +
                std::to_string(stat.st_mtim.tv_nsec);
      if (S_ISLNK(stat.st_mode)) text += " to " + file::read_symlink(whole).string();
      if (S_ISREG(stat.st_mode)) text += " has " + mount_tests::read_from(whole);
      std::array<char, 256> value{};
      const ssize_t size = lgetxattr(whole.c_str(), "user.one", value.data(), value.size());
      if (size >= 0)
        text += " user.one=" + std::string(value.data(), static_cast<std::size_t>(size));
      out[path] = text;
      if (S_ISDIR(stat.st_mode)) left.push_back(path);
    }
  }
  return out;
}

/// What differs, or nothing.
std::string difference(const std::map<std::string, std::string>& wanted,
                       const std::map<std::string, std::string>& got) {
  std::string out;
  const auto shown = [](const auto& all, const std::string& path) {
    const auto found = all.find(path);
    return found == all.end() ? std::string("(none)") : found->second.substr(0, 200);
  };
  auto paths = wanted;
  paths.insert(got.begin(), got.end());
  for (const auto& [path, text] : paths)
    if (shown(wanted, path) != shown(got, path))
      out += path + ": wanted " + shown(wanted, path) + ", got " + shown(got, path) + "\n";
  return out;
}

/// One of the directories in which the same is done.
struct Side {
  std::string root;
  std::vector<UniqueFd> held;
};

class TreeTorture {
 public:
  TreeTorture(MountedUser& user, const std::string& local, std::uint64_t seed)
      : user_(user), choices_(seed), here_{user / "tree", {}}, there_{local + "/tree", {}} {}

  void run(int operations) {
    both("the root", [](Side& side) { return ::mkdir(side.root.c_str(), 0755); });
    for (int i = 0; i < operations && is_well(); ++i) {
      step();
      if (is_well() && choices_.one_in(150)) compare("compare");
      if (is_well() && choices_.one_in(400)) remount();
    }
    if (is_well()) compare("in the end");
    if (is_well()) remount();
    if (!is_well()) ADD_FAILURE() << choices_.story();
    here_.held.clear();
  }

 private:
  static bool is_well() { return !::testing::Test::HasFailure(); }

  /// Few names, so that they meet. A directory, or what was one, may be in the middle.
  std::string a_path() {
    std::string out;
    const auto depth = 1 + choices_.below(3);
    for (std::uint64_t i = 0; i < depth; ++i)
      out += std::string("/") +
             (i + 1 < depth        ? "d"
              : choices_.one_in(2) ? "d"
                                   : "n") +
             std::to_string(choices_.below(4));
    return out;
  }

  template <class Do>
  void both(const std::string& what, Do operation) {
    choices_.note(what);
    errno = 0;
    const int local = operation(there_) == 0 ? 0 : errno;
    errno = 0;
    const int ours = operation(here_) == 0 ? 0 : errno;
    // rename(2) and rmdir(2) allow either for a directory that is not empty.
    const auto same = [](int error) { return error == ENOTEMPTY ? EEXIST : error; };
    EXPECT_EQ(same(ours), same(local))
        << what << ": wanted " << std::strerror(local) << ", got " << std::strerror(ours);
  }

  void step() {
    const std::string one = a_path();
    const std::string two = a_path();
    const auto mode = static_cast<mode_t>(0600 | choices_.below(0200));
    const std::string number = std::to_string(choices_.number());
    const std::string data(choices_.below(300), static_cast<char>('a' + choices_.below(26)));
    const auto at = [](const std::string& path) {
      return [path](const Side& side) { return side.root + path; };
    };
    const auto first = at(one);
    const auto second = at(two);
    switch (choices_.below(22)) {
      case 0:
      case 1:
      case 2:
        return both("mkdir " + one, [&](Side& side) { return ::mkdir(first(side).c_str(), 0755); });
      case 3:
      case 4:
      case 5:
        return both("create " + one + " " + std::to_string(data.size()), [&](Side& side) {
          const UniqueFd fd(open(first(side).c_str(),
                                 O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0644));
          return !fd ? -1
                 : ::write(fd.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size())
                     ? 0
                     : -1;
        });
      case 6:
        return both("symlink " + one, [&](Side& side) {
          return symlink(("x" + number).c_str(), first(side).c_str());
        });
      case 7: {
        // A symbolic link has one name here (stsfs(7), WHAT IS DIFFERENT).
        struct stat stat {};
        if (lstat(first(there_).c_str(), &stat) == 0 && S_ISLNK(stat.st_mode)) return;
        return both("link " + one + " " + two,
                    [&](Side& side) { return link(first(side).c_str(), second(side).c_str()); });
      }
      case 8:
        return both("mkfifo " + one, [&](Side& side) { return mkfifo(first(side).c_str(), 0640); });
      case 9:
      case 10:
      case 11:
        return both("rename " + one + " " + two, [&](Side& side) {
          return ::rename(first(side).c_str(), second(side).c_str());
        });
      case 12: {
        const unsigned flags = choices_.one_in(2) ? RENAME_NOREPLACE : RENAME_EXCHANGE;
        return both("rename " + one + " " + two + " flags " + std::to_string(flags),
                    [&](Side& side) {
                      return renameat2(AT_FDCWD, first(side).c_str(), AT_FDCWD,
                                       second(side).c_str(), flags);
                    });
      }
      case 13:
      case 14:
        return both("unlink " + one, [&](Side& side) { return unlink(first(side).c_str()); });
      case 15:
        return both("rmdir " + one, [&](Side& side) { return rmdir(first(side).c_str()); });
      case 16:
        return both("chmod " + one, [&](Side& side) { return chmod(first(side).c_str(), mode); });
      case 17: {
        if (geteuid() != 0) return;
        const auto owner = static_cast<uid_t>(choices_.below(5));
        return both("lchown " + one,
                    [&](Side& side) { return lchown(first(side).c_str(), owner, owner + 1); });
      }
      case 18: {
        // Those of a directory change with its entries, of which each side knows when: not compared
        // then.
        struct stat stat {};
        if (lstat(first(there_).c_str(), &stat) == 0 && S_ISDIR(stat.st_mode)) return;
        const timespec time{static_cast<time_t>(1'000'000'000 + choices_.below(100'000'000)), 5};
        const std::array<timespec, 2> times{time, time};
        return both("utimens " + one, [&](Side& side) {
          return utimensat(AT_FDCWD, first(side).c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
        });
      }
      case 19:
        if (choices_.one_in(2))
          return both("setxattr " + one, [&](Side& side) {
            return setxattr(first(side).c_str(), "user.one", number.data(), number.size(), 0);
          });
        return both("removexattr " + one,
                    [&](Side& side) { return removexattr(first(side).c_str(), "user.one"); });
      case 20: {
        const auto size = static_cast<off_t>(choices_.below(600));
        return both("truncate " + one,
                    [&](Side& side) { return truncate(first(side).c_str(), size); });
      }
      case 21: {
        if (here_.held.size() >= 8) {
          choices_.note("close all that is held");
          here_.held.clear();
          there_.held.clear();
          return;
        }
        both("open, append and hold " + one, [&](Side& side) {
          UniqueFd fd(open(first(side).c_str(), O_RDWR | O_NONBLOCK | O_APPEND | O_CLOEXEC));
          if (!fd) return -1;
          struct stat stat {};
          if (fstat(fd.get(), &stat) != 0) return -1;
          if (S_ISREG(stat.st_mode) && ::write(fd.get(), "held", 4) != 4) return -1;
          side.held.push_back(std::move(fd));
          return 0;
        });
        return compare_held();
      }
    }
  }

  /// What is open is what it was, whatever became of its name.
  void compare_held() {
    ASSERT_EQ(here_.held.size(), there_.held.size());
    for (std::size_t i = 0; i < here_.held.size(); ++i) {
      const auto seen = [](const UniqueFd& fd) {
        struct stat stat {};
        if (fstat(fd.get(), &stat) != 0) return std::string(std::strerror(errno));
        std::string out(static_cast<std::size_t>(S_ISREG(stat.st_mode) ? stat.st_size : 0), '?');
        if (pread(fd.get(), out.data(), out.size(), 0) != static_cast<ssize_t>(out.size()))
          out += " unread";
        return out + " links " + std::to_string(stat.st_nlink) + " mode " +
               std::to_string(stat.st_mode);
      };
      ASSERT_EQ(seen(here_.held[i]), seen(there_.held[i])) << "what is held as " << i;
    }
  }

  void compare(const std::string& what) {
    choices_.note(what);
    EXPECT_EQ(difference(picture_of(there_.root), picture_of(here_.root)), "") << what;
    compare_held();
  }

  void remount() {
    choices_.note("close all that is held, umount, mount");
    here_.held.clear();
    there_.held.clear();
    const Outcome gone = user_.umount();
    ASSERT_EQ(gone.code, 0) << gone.said;
    const Outcome back = user_.mount("state=s" + std::to_string(mounts_++));
    ASSERT_EQ(back.code, 0) << back.said;
    compare("compare the new mount");
    EXPECT_EQ(user_.status("/pending/aside"), "0");
  }

  MountedUser& user_;
  Choices choices_;
  Side here_, there_;
  int mounts_ = 0;
};

class RandomChangesOfATree : public ::testing::TestWithParam<bool> {};

TEST_P(RandomChangesOfATree, DoWhatTheyDoOnADisk) {
  Cloud cloud;
  run_torture({250}, [&](std::uint64_t seed, int operations) {
    MountedUser user(cloud, "u" + std::to_string(seed),
                     GetParam() ? "commit=background" : "commit=close");
    ASSERT_TRUE(user.is_mounted());
    const testing::TemporaryDirectory local;
    TreeTorture(user, local.path(), seed).run(operations);
    if (user.is_mounted()) {
      const Outcome gone = user.umount();
      EXPECT_EQ(gone.code, 0) << gone.said;
    }
  });
}

/// What several processes do at once to one tree. Whatever comes first, each call succeeds or fails
/// as one of POSIX does; which does not is the errno that it exits with.
class TreeRace {
 public:
  TreeRace(std::string root, std::uint64_t seed) : root_(std::move(root)), choices_(seed) {}

  int run(int operations) {
    for (int i = 0; i < operations; ++i) {
      errno = 0;
      const std::string what = step();
      if (is_usual(errno)) continue;
      const int error = errno;
      std::fprintf(stderr, "#%d %s: %s\n", i, what.c_str(), std::strerror(error));
      return error;
    }
    return 0;
  }

 private:
  static bool is_usual(int error) {
    for (const int usual : {0, ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, EPERM, ENXIO})
      if (error == usual) return true;
    return false;
  }
  /// Few names, of files and of directories alike.
  std::string a_path() {
    std::string out = root_;
    for (auto depth = 1 + choices_.below(3); depth > 0; --depth)
      out += "/n" + std::to_string(choices_.below(4));
    return out;
  }
  std::string step() {
    const auto which = choices_.below(12);
    const std::string one = a_path();
    const std::string two = a_path();
    switch (which) {
      case 0:
      case 1:
        ::mkdir(one.c_str(), 0755);
        return "mkdir " + one;
      case 2:
      case 3: {
        const UniqueFd fd(open(one.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        if (fd) (void)!::write(fd.get(), one.data(), one.size());
        return "create " + one;
      }
      case 4: {
        const UniqueFd fd(open(one.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
        if (fd) (void)!::write(fd.get(), "more", 4);
        return "append " + one;
      }
      case 5:
        link(one.c_str(), two.c_str());
        return "link " + one + " " + two;
      case 6:
      case 7:
        ::rename(one.c_str(), two.c_str());
        return "rename " + one + " " + two;
      case 8:
        renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, two.c_str(), RENAME_EXCHANGE);
        return "exchange " + one + " " + two;
      case 9:
        unlink(one.c_str());
        return "unlink " + one;
      case 10:
        rmdir(one.c_str());
        return "rmdir " + one;
      default:
        chmod(one.c_str(), static_cast<mode_t>(0700 | choices_.below(0100)));
        return "chmod " + one;
    }
  }

  const std::string root_;
  Choices choices_;
};

TEST_P(RandomChangesOfATree, OfSeveralProcessesLeaveWhatTheNextMountShows) {
  constexpr std::uint64_t kProcesses = 4;
  Cloud cloud;
  run_torture({100, 3'000}, [&](std::uint64_t seed, int operations) {
    MountedUser user(cloud, "u" + std::to_string(seed),
                     GetParam() ? "commit=background" : "commit=close");
    ASSERT_TRUE(user.is_mounted());
    const std::string root = user / "tree";
    ASSERT_EQ(::mkdir(root.c_str(), 0755), 0);
    std::vector<pid_t> children;
    for (std::uint64_t i = 0; i < kProcesses; ++i) {
      children.push_back(fork());
      if (children.back() == 0) _exit(TreeRace(root, seed * kProcesses + i).run(operations));
    }
    for (const pid_t child : children) {
      int status = -1;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0) << "errno " << WEXITSTATUS(status) << ": "
                           << std::strerror(WEXITSTATUS(status));
    }
    const auto seen = picture_of(root);
    const Outcome drained = user.stsfs({"drain", user.path()});
    EXPECT_EQ(drained.code, 0) << drained.said;
    EXPECT_EQ(user.status("/pending/files"), "0");
    EXPECT_EQ(user.status("/pending/aside"), "0");
    const Outcome gone = user.umount();
    ASSERT_EQ(gone.code, 0) << gone.said;
    const Outcome back = user.mount("state=fresh");
    ASSERT_EQ(back.code, 0) << back.said;
    EXPECT_EQ(difference(seen, picture_of(root)), "")
        << mount_tests::read_from(user.variables().at("XDG_STATE_HOME") + "/stsfs/stsfs.log");
    EXPECT_EQ(user.umount().code, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Torture, RandomChangesOfATree, ::testing::Bool(), [](const auto& chosen) {
  return std::string(chosen.param ? "InTheBackground" : "Plain");
});

}  // namespace
}  // namespace stsfs::torture
