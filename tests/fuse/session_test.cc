// A real mount of a tree in memory. What the kernel does with it is half of what is tested.
#include "stsfs/fuse/session.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "fakes/memory_file_system.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"
#include "stsfs/fuse/mounts.h"
#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::fuse {
namespace {

using std::chrono::seconds;

class Mounted : public ::testing::Test {
 protected:
  void SetUp() override { mount({}); }

  void mount(SessionOptions options) {
    options.mount_point = directory_.path();
    options.source = "memory, with a comma";
    auto session = Session::mount(options, files_, pool_, notifier_, system_clock(),
                                  [this] { ended_ = true; });
    ASSERT_TRUE(session) << session.error().message;
    session_ = std::move(*session);
  }

  std::string at(const std::string& name) const { return directory_ / name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name)) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(at(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Deadline soon() const { return Deadline::in(system_clock(), seconds(20)); }

  testing::TemporaryDirectory directory_;  // removed last, when nothing is mounted there any more
  fs::MemoryFileSystem files_;
  Notifier notifier_;
  WorkerPool pool_{{.threads_max = 8}};
  std::atomic<bool> ended_{false};
  std::unique_ptr<Session> session_;
};

TEST_F(Mounted, FilesAreWrittenAndReadBack) {
  const std::string text(3'000'001, 'x');
  write("a file", text);
  EXPECT_EQ(read("a file"), text);
  EXPECT_EQ(std::filesystem::file_size(at("a file")), text.size());
}

TEST_F(Mounted, WhatMustWaitIsCarriedOutInThePool) {
  files_.waits_always = true;
  write("a file", "text");
  std::filesystem::create_directory(at("a directory"));
  std::filesystem::rename(at("a file"), at("a directory/renamed"));
  EXPECT_EQ(read("a directory/renamed"), "text");
  EXPECT_GT(session_->counters().handed_over, 4U);
}

TEST_F(Mounted, WhatMemoryAnswersIsNeverHandedOver) {
  write("a file", "text");
  EXPECT_EQ(read("a file"), "text");
  EXPECT_EQ(session_->counters().handed_over, 0U);
  EXPECT_EQ(pool_.thread_count(), 0U);
}

// A shell stood in it when it was unmounted with -l, and it was mounted anew.
TEST_F(Mounted, WhatIsMountedInItsPlaceByNowIsLeftThere) {
  write("a file", "text");
  const UniqueFd kept(open(at("a file").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(kept);
  ASSERT_TRUE(unmount(directory_.path(), true));
  fs::MemoryFileSystem others_files;
  Notifier others_notifier;
  SessionOptions options;
  options.mount_point = directory_.path();
  options.source = "memory";
  auto other = Session::mount(options, others_files, pool_, others_notifier, system_clock(), [] {});
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(session_->unmount(true).error().code, Errc::kNotFound);
  write("another file", "of the other");
  session_.reset();
  EXPECT_EQ(read("another file"), "of the other");
  EXPECT_TRUE((*other)->unmount(true));
  EXPECT_EQ((*other)->unmount(true).error().code, Errc::kNotFound);
}

TEST_F(Mounted, NamesOfEveryKindAreKept) {
  const std::vector<std::string> names{"with space", "100%", "a+b", "\"quoted\" 'too'",
                                       "new\nline",  "中文", "☕",   std::string(255, 'n')};
  for (const auto& name : names) write(name, name);
  std::set<std::string> seen;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    seen.insert(entry.path().filename());
  EXPECT_EQ(seen, std::set<std::string>(names.begin(), names.end()));
  for (const auto& name : names) EXPECT_EQ(read(name), name);
}

TEST_F(Mounted, ALargeDirectoryIsListedWholeInSeveralRequests) {
  for (int i = 0; i < 2'000; ++i) {
    const std::string name = std::string(200, 'a') + std::to_string(i);
    ASSERT_EQ(mknod(at(name).c_str(), S_IFREG | 0644, 0), 0);
  }
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_TRUE(entry.is_regular_file());
    ++count;
  }
  EXPECT_EQ(count, 2'000U);
}

TEST_F(Mounted, LookupsAreForgottenAsTheyWereCounted) {
  std::filesystem::create_directory(at("kept"));
  for (int i = 0; i < 3; ++i)
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      (void)entry.status();
  const fs::InodeNumber inode = files_.inode_named("kept");
  EXPECT_GE(files_.lookups_of(inode), 1U);
  ASSERT_TRUE(session_->unmount(false));
  ASSERT_TRUE(session_->wait_ended(soon()));
  // The kernel drops a mount without forgetting; but it never forgot more than it was given.
  EXPECT_LT(files_.lookups_of(inode), 100U);
}

TEST_F(Mounted, LinksAttributesAndStatisticsPass) {
  write("target", "text");
  ASSERT_EQ(symlink("target", at("link").c_str()), 0);
  EXPECT_EQ(std::filesystem::read_symlink(at("link")), "target");
  EXPECT_EQ(read("link"), "text");
  ASSERT_EQ(chmod(at("target").c_str(), 0640), 0);
  const std::array<timespec, 2> times{timespec{1'000'000'000, 123'456'789},
                                      timespec{1'100'000'000, 987'654'321}};
  ASSERT_EQ(utimensat(AT_FDCWD, at("target").c_str(), times.data(), 0), 0);
  struct stat stat {};
  ASSERT_EQ(::stat(at("target").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0640U);
  EXPECT_EQ(stat.st_mtim.tv_sec, 1'100'000'000);
  EXPECT_EQ(stat.st_mtim.tv_nsec, 987'654'321);
  EXPECT_EQ(stat.st_atim.tv_nsec, 123'456'789);
  struct statvfs statistics {};
  ASSERT_EQ(statvfs(at("").c_str(), &statistics), 0);
  EXPECT_EQ(statistics.f_blocks * statistics.f_frsize, std::uint64_t{1} << 30);
}

TEST_F(Mounted, RenameFlagsAreHonoured) {
  write("a", "a");
  write("b", "b");
  EXPECT_EQ(renameat2(AT_FDCWD, at("a").c_str(), AT_FDCWD, at("b").c_str(), RENAME_NOREPLACE), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(renameat2(AT_FDCWD, at("a").c_str(), AT_FDCWD, at("b").c_str(), RENAME_EXCHANGE), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(rename(at("a").c_str(), at("b").c_str()), 0);
  EXPECT_EQ(read("b"), "a");
}

TEST_F(Mounted, ExtendedAttributesPassAndTheKernelsOwnAreNotAskedFor) {
  write("file", "text");
  const std::string path = at("file");
  ASSERT_EQ(setxattr(path.c_str(), "user.color", "red", 3, 0), 0);
  std::array<char, 16> value{};
  EXPECT_EQ(getxattr(path.c_str(), "user.color", nullptr, 0), 3);
  EXPECT_EQ(getxattr(path.c_str(), "user.color", value.data(), 2), -1);
  EXPECT_EQ(errno, ERANGE);
  EXPECT_EQ(getxattr(path.c_str(), "user.color", value.data(), value.size()), 3);
  EXPECT_EQ(listxattr(path.c_str(), value.data(), value.size()), 11);
  EXPECT_EQ(removexattr(path.c_str(), "user.color"), 0);
  const auto asked = files_.xattr_questions();
  EXPECT_EQ(getxattr(path.c_str(), "security.capability", value.data(), value.size()), -1);
  EXPECT_EQ(errno, ENODATA);
  for (const char* name : {"system.posix_acl_access", "security.selinux", "trusted.any"}) {
    EXPECT_EQ(getxattr(path.c_str(), name, value.data(), value.size()), -1) << name;
    EXPECT_EQ(errno, EOPNOTSUPP) << name;
  }
  EXPECT_EQ(files_.xattr_questions(), asked);
}

TEST_F(Mounted, ErrorsArriveAsTheirErrno) {
  write("file", "text");
  struct stat stat {};
  const std::vector<std::pair<Errc, int>> table{{Errc::kCredential, EACCES},
                                                {Errc::kTimedOut, ETIMEDOUT},
                                                {Errc::kThrottled, EIO},
                                                {Errc::kMetadataFull, ENOSPC}};
  for (const auto& [code, number] : table) {
    files_.fail_next(code);
    EXPECT_EQ(::stat(at("not yet known").c_str(), &stat), -1);
    EXPECT_EQ(errno, number) << name_of(code);
  }
  EXPECT_EQ(session_->counters().errors, table.size());
}

TEST_F(Mounted, CloseReportsWhatFlushFoundOut) {
  const UniqueFd file(open(at("file").c_str(), O_CREAT | O_WRONLY, 0600));
  ASSERT_EQ(::write(file.get(), "x", 1), 1);
  const int copy = dup(file.get());
  files_.fail_next(Errc::kNoSpace);
  EXPECT_EQ(close(copy), -1);
  EXPECT_EQ(errno, ENOSPC);
}

TEST_F(Mounted, TheCallerIsWhoAsks) {
  write("file", "text");
  EXPECT_EQ(files_.last_caller().uid, getuid());
}

// --- reads and writers that wait ---

TEST_F(Mounted, ParkedReadsDoNotStopOtherWork) {
  write("file", std::string(100, 'x'));
  files_.hold_reads();
  std::vector<std::thread> readers;
  std::vector<std::string> got(6);
  for (int i = 0; i < 6; ++i) {
    write("file" + std::to_string(i), std::string(10, 'x'));
    readers.emplace_back([&, i] { got[i] = read("file" + std::to_string(i)); });
  }
  files_.await_reads_held(6);
  EXPECT_EQ(pool_.thread_count(), 0U);
  EXPECT_TRUE(std::filesystem::create_directory(at("meanwhile")));
  files_.release_reads();
  for (auto& reader : readers) reader.join();
  for (const auto& text : got) EXPECT_EQ(text, std::string(10, 'x'));
}

TEST_F(Mounted, AWriterGoesOnWhenTheFileSystemSaysSo) {
  const UniqueFd file(open(at("file").c_str(), O_CREAT | O_WRONLY, 0600));
  files_.hold_writers();
  auto written = std::async(std::launch::async, [&] { return ::write(file.get(), "x", 1); });
  files_.await_writers_held(1);
  EXPECT_EQ(written.wait_for(seconds(0)), std::future_status::timeout);
  EXPECT_TRUE(std::filesystem::create_directory(at("meanwhile")));
  files_.release_writers();
  EXPECT_EQ(written.get(), 1);
}

TEST_F(Mounted, ACloseKnowsWhetherItsProcessHoldsAnotherDescriptor) {
  UniqueFd file(open(at("file").c_str(), O_CREAT | O_WRONLY, 0600));
  ASSERT_TRUE(file);
  const int standard_input = dup(STDIN_FILENO);
  ASSERT_EQ(dup2(file.get(), STDIN_FILENO), STDIN_FILENO);
  file.reset();
  ASSERT_EQ(dup2(standard_input, STDIN_FILENO), STDIN_FILENO);
  close(standard_input);
  EXPECT_EQ(files_.held_at_close(), (std::vector{true, false}));
}

// While a process closes descriptors by execve, nobody may follow the links of the others.
TEST_F(Mounted, AProgramThatIsStartedClosesWhatIsWritten) {
  const UniqueFd file(open(at("file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(file.get(), "text", 4), 4);
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(1);
  }
  int status = -1;
  const auto deadline = soon();
  while (waitpid(child, &status, WNOHANG) == 0 && !deadline.passed(system_clock()))
    std::this_thread::yield();
  if (status != 0) kill(child, SIGKILL);
  EXPECT_EQ(status, 0);
}

void do_nothing(int) {}

// A read that waits in the kernel for an answer, in a thread of its own.
class WaitingRead {
 public:
  explicit WaitingRead(int file)
      : thread_([this, file] {
          std::array<char, 4096> buffer;
          const ssize_t size = ::read(file, buffer.data(), buffer.size());
          result_.set_value({size, errno});
        }) {}

  /// Sends `signal` until the read ends; 10 s at most. Once is not enough: the thread may not yet
  /// sleep in the kernel when the first one comes.
  bool ends_by(int signal, int times = 1'000) {
    for (int i = 0; i < times; ++i) {
      pthread_kill(thread_.native_handle(), signal);
      if (future_.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready) return true;
    }
    return false;
  }
  std::pair<ssize_t, int> result() { return future_.get(); }

 private:
  std::promise<std::pair<ssize_t, int>> result_;
  std::future<std::pair<ssize_t, int>> future_ = result_.get_future();
  std::jthread thread_;
};

// "A signal that ends the process, and a SIGINT or SIGQUIT that the program handles, ends the wait
// of the operation it interrupts, with EINTR."
TEST_F(Mounted, OnlyASignalThatAsksToEndEndsTheWaitOfARead) {
  files_.direct_io = true;
  write("file", std::string(4096, 'x'));
  struct sigaction action {};
  action.sa_handler = do_nothing;
  for (const int handled : {SIGUSR1, SIGINT}) sigaction(handled, &action, nullptr);
  const UniqueFd file(open(at("file").c_str(), O_RDONLY));
  ASSERT_TRUE(file);
  files_.hold_reads();
  WaitingRead to_its_end(file.get());
  files_.await_reads_held(1);
  EXPECT_FALSE(to_its_end.ends_by(SIGUSR1, 50));
  files_.release_reads();
  EXPECT_EQ(to_its_end.result().first, 4096);

  files_.hold_reads();
  WaitingRead given_up(file.get());
  files_.await_reads_held(1);
  EXPECT_FALSE(given_up.ends_by(SIGUSR1, 10));
  // The kernel tells of the first signal only; this one is seen all the same.
  EXPECT_TRUE(given_up.ends_by(SIGINT));
  EXPECT_EQ(given_up.result(), std::pair(ssize_t{-1}, EINTR));
  files_.release_reads();
  signal(SIGINT, SIG_DFL);
}

TEST_F(Mounted, AKilledProcessDoesNotWaitForItsRead) {
  files_.direct_io = true;
  write("file", std::string(4096, 'x'));
  const UniqueFd file(open(at("file").c_str(), O_RDONLY));
  files_.hold_reads();
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    _exit(static_cast<int>(::read(file.get(), &byte, 1)));
  }
  files_.await_reads_held(1);
  kill(child, SIGTERM);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  files_.release_reads();
}

TEST_F(Mounted, EndingTheSessionEndsReadsThatNobodyAnswers) {
  write("file", "ten bytes.");  // less than a page: the kernel must ask for it
  files_.hold_reads();
  ssize_t size = 0;
  std::thread reader([&] {
    const UniqueFd file(open(at("file").c_str(), O_RDONLY));
    std::array<char, 16> buffer;
    size = ::read(file.get(), buffer.data(), buffer.size());
  });
  files_.await_reads_held(1);
  session_.reset();
  reader.join();
  EXPECT_EQ(size, -1);
  files_.release_reads();
  const auto mount = find_mount(directory_.path());
  ASSERT_TRUE(mount);
  EXPECT_FALSE(mount->has_value());
}

// --- what the kernel keeps ---

TEST_F(Mounted, TheNotifierMakesTheKernelForgetPagesAndNames) {
  write("file", "old text");
  EXPECT_EQ(read("file"), "old text");
  files_.replace_contents("file", "new text");
  EXPECT_EQ(read("file"), "old text");  // kept: nobody said that it changed
  notifier_.inode_changed(files_.inode_named("file"));
  const auto deadline = soon();
  while (read("file") != "new text" && !deadline.passed(system_clock())) std::this_thread::yield();
  EXPECT_EQ(read("file"), "new text");
}

TEST_F(Mounted, SharedMappingsOfAFileAreWrittenBack) {
  write("file", std::string(4096, 'x'));
  const UniqueFd file(open(at("file").c_str(), O_RDWR));
  void* mapping = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(mapping, MAP_FAILED);
  static_cast<char*>(mapping)[7] = 'y';
  ASSERT_EQ(msync(mapping, 4096, MS_SYNC), 0);
  munmap(mapping, 4096);
  EXPECT_EQ(read("file")[7], 'y');
}

// What libfuse 3.14 forgets to ask the kernel for, and we add to its answer (patch_init_reply).

TEST_F(Mounted, LookupsInOneDirectoryAreUnderWayAtOnce) {
  const std::vector<std::string> names{"one", "two", "three", "four"};
  for (const auto& name : names) write(name, name);
  session_.reset();
  mount({});  // the kernel knows none of them
  files_.waits_always = true;
  files_.hold_lookups();
  std::vector<std::future<bool>> looks;
  for (const auto& name : names)
    looks.push_back(
        std::async(std::launch::async, [&] { return std::filesystem::exists(at(name)); }));
  EXPECT_TRUE(files_.await_lookups_held(names.size(), seconds(10)));
  files_.release_lookups();
  for (auto& look : looks) EXPECT_TRUE(look.get());
}

TEST_F(Mounted, AWriteAsksForNoCapabilities) {
  constexpr int kWrites = 50;
  session_.reset();
  ASSERT_TRUE(start_log({.level = LogLevel::kDebug}));
  mount({.debug = true});  // libfuse writes a line for each request
  ::testing::internal::CaptureStderr();
  UniqueFd file(open(at("file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  for (int i = 0; i < kWrites; ++i) EXPECT_EQ(::write(file.get(), "text", 4), 4);
  file.reset();
  session_.reset();
  flush_log();
  ASSERT_TRUE(start_log({}));
  const std::string said = ::testing::internal::GetCapturedStderr();
  const auto count_of = [&](const std::string& operation) {
    const std::string wanted = "opcode: " + operation + " ";
    int out = 0;
    for (auto found = said.find(wanted); found != std::string::npos;
         found = said.find(wanted, found + 1))
      ++out;
    return out;
  };
  EXPECT_EQ(count_of("WRITE"), kWrites);
  EXPECT_LE(count_of("GETXATTR"), 1);  // without HANDLE_KILLPRIV_V2 before each write
}

TEST_F(Mounted, WhatIsReadDirectlyIsMappedAndShared) {
  write("file", std::string(4096, 'x'));
  files_.direct_io = true;
  const UniqueFd file(open(at("file").c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
  ASSERT_TRUE(file);
  void* mapping = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(mapping, MAP_FAILED) << std::strerror(errno);
  EXPECT_EQ(static_cast<char*>(mapping)[7], 'x');
  static_cast<char*>(mapping)[7] = 'y';
  ASSERT_EQ(msync(mapping, 4096, MS_SYNC), 0);
  munmap(mapping, 4096);
  char seen = 0;
  ASSERT_EQ(pread(file.get(), &seen, 1, 7), 1);
  EXPECT_EQ(seen, 'y');
}

// --- the mount itself ---

TEST_F(Mounted, UnmountingEndsTheSession) {
  const auto mount = find_mount(directory_.path());
  ASSERT_TRUE(mount && mount->has_value());
  EXPECT_EQ((*mount)->type, "fuse.stsfs");
  EXPECT_EQ((*mount)->source, "memory, with a comma");
  ASSERT_TRUE(session_->unmount(false));
  EXPECT_TRUE(session_->wait_ended(soon()));
  session_.reset();
  EXPECT_TRUE(ended_);
}

TEST_F(Mounted, TheKernelReadsAheadAsFarAsRootWantsItTo) {
  const auto read_ahead = [&] {
    const auto mount = find_mount(directory_.path());
    std::string out;
    if (mount && mount->has_value())
      std::ifstream("/sys/class/bdi/" + (*mount)->device + "/read_ahead_kb") >> out;
    return out;
  };
  if (geteuid() != 0) GTEST_FAIL() << "needs root: nobody else may";
  EXPECT_EQ(read_ahead(), "1024");
  for (const int wanted : {0, 64, 2'048}) {
    session_.reset();
    mount({.read_ahead_kib = wanted});
    EXPECT_EQ(read_ahead(), std::to_string(wanted == 0 ? 128 : wanted));
  }
}

TEST_F(Mounted, AMountInUseIsBusyAndGoesWhenTheLastFileIsClosed) {
  write("file", "text");
  UniqueFd file(open(at("file").c_str(), O_RDONLY));
  auto refused = session_->unmount(false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kBusy);
  ASSERT_TRUE(session_->unmount(true));
  EXPECT_FALSE(session_->wait_ended(Deadline::in(system_clock(), std::chrono::milliseconds(1))));
  file.reset();
  EXPECT_TRUE(session_->wait_ended(soon()));
}

// While the mount is there: with it the kernel drops what it has not sent yet, RELEASE included.
TEST_F(Mounted, HandlesAreReleased) {
  for (int i = 0; i < 20; ++i) write("file", "text");
  files_.await_handles_released();
}

TEST_F(Mounted, AWriteWithoutPrivilegeClearsSetUserId) {
  if (geteuid() != 0) GTEST_FAIL() << "needs root: it gives up privileges for one write";
  write("program", "text");
  ASSERT_EQ(chmod(at("program").c_str(), 04777), 0);
  session_.reset();
  mount({.allow_other = true});
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65'534) != 0 || setuid(65'534) != 0) _exit(2);
    const int file = open(at("program").c_str(), O_WRONLY);
    _exit(file >= 0 && ::write(file, "x", 1) == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  struct stat stat {};
  ASSERT_EQ(::stat(at("program").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0777U);
}

TEST_F(Mounted, AnAllocationWithoutPrivilegeClearsSetUserId) {
  if (geteuid() != 0) GTEST_FAIL() << "needs root: it gives up privileges";
  write("program", "text");
  session_.reset();
  mount({.allow_other = true});
  ASSERT_EQ(chmod(at("program").c_str(), 04777), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65'534) != 0 || setuid(65'534) != 0) _exit(2);
    const int file = open(at("program").c_str(), O_WRONLY);
    _exit(file >= 0 && posix_fallocate(file, 0, 100) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  struct statx mode {};
  ASSERT_EQ(statx(AT_FDCWD, at("program").c_str(), 0, STATX_MODE, &mode), 0);
  EXPECT_EQ(mode.stx_mode & 07777, 0777);
}

// Who asks for the mode alone, as stat(1) and whatever runs a program do, is answered by the
// kernel, which takes a write for a change of size and times only.
TEST_F(Mounted, TheKernelKnowsThatAWriteClearedSetUserId) {
  if (geteuid() != 0) GTEST_FAIL() << "needs root: it gives up privileges for one write";
  write("program", "text");
  session_.reset();
  mount({.allow_other = true});
  for (const int how : {O_WRONLY, O_WRONLY | O_DIRECT, O_WRONLY | O_TRUNC}) {
    ASSERT_EQ(chmod(at("program").c_str(), 04777), 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setgid(65'534) != 0 || setuid(65'534) != 0) _exit(2);
      const int file = open(at("program").c_str(), how);
      _exit(file >= 0 && ::write(file, "x", 1) == 1 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    struct statx mode {};
    ASSERT_EQ(statx(AT_FDCWD, at("program").c_str(), 0, STATX_MODE, &mode), 0);
    EXPECT_EQ(mode.stx_mode & 07777, 0777) << how;
  }
}

}  // namespace
}  // namespace stsfs::fuse
