// Open files written in every way the kernel knows, through a real mount. Statements of stsfs(7)
// stand above the tests that hold them.
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "mount/mount_fixture.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

class Writes : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cloud_ = std::make_unique<Cloud>();
    user_ = std::make_unique<MountedUser>(*cloud_, "writer");
  }
  static void TearDownTestSuite() {
    user_.reset();
    cloud_.reset();
  }
  void SetUp() override { ASSERT_TRUE(user_->is_mounted()); }

  std::string at(const std::string& name) const { return *user_ / name; }
  UniqueFd open(const std::string& name, int flags) const {
    UniqueFd fd(::open(at(name).c_str(), flags | O_CLOEXEC, 0644));
    EXPECT_TRUE(fd) << name << ": " << std::strerror(errno);
    return fd;
  }
  static void put(const UniqueFd& fd, const std::string& text) {
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  static void put_at(const UniqueFd& fd, const std::string& text, off_t offset) {
    EXPECT_EQ(pwrite(fd.get(), text.data(), text.size(), offset),
              static_cast<ssize_t>(text.size()));
  }
  static std::string get(const UniqueFd& fd, std::size_t size, off_t offset) {
    std::string out(size, '?');
    const ssize_t got = pread(fd.get(), out.data(), size, offset);
    out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return out;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(at(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::string bytes(std::size_t size) {
    std::string out(size, '\0');
    fill_random(std::as_writable_bytes(std::span(out)));
    return out;
  }
  /// What the cloud has counted of one operation since the last time it was asked.
  nlohmann::json counted() const {
    const auto all =
        nlohmann::json::parse(run({"curl", "-s", cloud_->admin_endpoint() + "/counters"}).said);
    run({"curl", "-s", "-X", "POST", cloud_->admin_endpoint() + "/counters/reset"});
    return all.at("operations");
  }

  static std::unique_ptr<Cloud> cloud_;
  static std::unique_ptr<MountedUser> user_;
};
std::unique_ptr<Cloud> Writes::cloud_;
std::unique_ptr<MountedUser> Writes::user_;

// "copy_file_range(2), and so cp(1) within the mount, is a copy on the server: no byte of what is
// in OSS passes through the machine."
TEST_F(Writes, CpCopiesOnTheServer) {
  const std::string text = bytes(40'000'000);
  std::ofstream(at("source"), std::ios::binary) << text;
  counted();
  ASSERT_EQ(run({"cp", at("source"), at("copy")}).code, 0);
  const auto seen = counted();
  EXPECT_EQ(seen.value("/CopyObject/requests"_json_pointer, 0), 1);
  for (const char* operation : {"GetObject", "PutObject", "UploadPart"})
    EXPECT_FALSE(seen.contains(operation)) << seen;
  EXPECT_TRUE(read("copy") == text);
}

TEST_F(Writes, AChangedFileIsCopiedAsItIs) {
  std::string text = bytes(24'000'000);
  std::ofstream(at("source2"), std::ios::binary) << text;
  const UniqueFd from = open("source2", O_RDWR);
  put_at(from, "CHANGED", 12'000'000);
  text.replace(12'000'000, 7, "CHANGED");
  {
    const UniqueFd to = open("copy2", O_WRONLY | O_CREAT);
    off_t in = 1;
    off_t out = 5;
    for (std::size_t left = text.size() - 1; left > 0;) {
      const ssize_t done = copy_file_range(from.get(), &in, to.get(), &out, left, 0);
      ASSERT_GT(done, 0) << std::strerror(errno);
      left -= static_cast<std::size_t>(done);
    }
    file::rename(at("source2"), at("elsewhere"));
  }
  EXPECT_TRUE(read("copy2") == std::string(5, '\0') + text.substr(1));
  EXPECT_EQ(get(from, 7, 12'000'000), "CHANGED");
}

// "Every write through O_APPEND goes to the end, whoever wrote last."
TEST_F(Writes, AppendsOfSeveralHandlesFollowEachOther) {
  std::string expected;
  {
    const UniqueFd one = open("log", O_WRONLY | O_CREAT | O_APPEND);
    const UniqueFd two = open("log", O_WRONLY | O_APPEND);
    for (int i = 0; i < 20; ++i) {
      const std::string line = std::to_string(i) + "\n";
      put(i % 2 == 0 ? one : two, line);
      expected += line;
    }
  }
  EXPECT_EQ(read("log"), expected);
}

// A program is started by a process that has files open with O_CLOEXEC, as most libraries open
// them.
TEST_F(Writes, AnExecThatClosesWhatIsBeingWrittenGoesOn) {
  const pid_t daemon = user_->daemon_pid();
  const UniqueFd one = open("started", O_RDWR | O_CREAT);
  const UniqueFd two(fcntl(one.get(), F_DUPFD_CLOEXEC, 0));
  put(one, "one");
  const pid_t child = fork();
  if (child == 0) {
    execlp("true", "true", nullptr);
    _exit(127);
  }
  const bool ended = wait_gone(child, std::chrono::seconds(20));
  EXPECT_TRUE(ended);
  if (!ended) kill(daemon, SIGKILL);  // Not even a SIGKILL of the child ends it otherwise.
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  put(one, " two");
  EXPECT_EQ(get(two, 20, 0), "one two");
}

// The kernel appends where it takes the end to be.
TEST_F(Writes, AppendsToAFileThatAnotherClientGrewOrCutAreReadAsTheyAre) {
  const std::string data = bytes(40'000);
  for (const std::size_t theirs_size : {5'000U, 10U}) {
    const std::string theirs(theirs_size, 'F');
    const std::string name = "theirs-" + std::to_string(theirs_size);
    std::ofstream(at(name)) << std::string(1'000, 'o');
    ASSERT_EQ(file::file_size(at(name)), 1'000U);
    cloud_->admin("/objects?bucket=examplebucket&key=users/writer/" + name,
                  {"-X", "PUT", "--data-binary", theirs});
    const auto has_theirs = [&](const UniqueFd& fd) {  // asks the daemon, not the kernel
      return (lseek(fd.get(), 2'000, SEEK_DATA) == 2'000) == (theirs_size > 2'000) &&
             (lseek(fd.get(), 100, SEEK_DATA) == 100) == (theirs_size > 100);
    };
    UniqueFd fd = open(name, O_RDWR | O_APPEND);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!has_theirs(fd) && std::chrono::steady_clock::now() < until) {
      fd.reset();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      fd = open(name, O_RDWR | O_APPEND);
    }
    ASSERT_TRUE(has_theirs(fd)) << name;
    const UniqueFd reader = open(name, O_RDONLY);
    put(fd, data);
    EXPECT_TRUE(get(reader, 60'000, 0) == theirs + data) << name;
    EXPECT_TRUE(get(fd, 60'000, 0) == theirs + data) << name;
    fd.reset();
    EXPECT_TRUE(get(reader, 60'000, 0) == theirs + data) << name;
    EXPECT_TRUE(read(name) == theirs + data) << name;
  }
}

// A descriptor is opened again without a name that could be looked up.
TEST_F(Writes, WhatAnotherClientGrewIsOpenedThroughADescriptorToo) {
  std::ofstream(at("held")) << "old";
  const UniqueFd path = open("held", O_PATH);
  struct stat stat {};
  ASSERT_EQ(fstat(path.get(), &stat), 0);
  const std::string theirs(5'000, 'F');
  cloud_->admin("/objects?bucket=examplebucket&key=users/writer/held",
                {"-X", "PUT", "--data-binary", theirs});
  const std::string by_number = "/proc/self/fd/" + std::to_string(path.get());
  std::string seen;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (seen != theirs && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const UniqueFd fd(::open(by_number.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd) << std::strerror(errno);
    seen = get(fd, 10'000, 0);
  }
  EXPECT_TRUE(seen == theirs);
}

// "What was written by a process is at once visible to every other process on the same mount."
TEST_F(Writes, OpenHandlesSeeTruncationsAndEachOther) {
  const UniqueFd one = open("shared", O_RDWR | O_CREAT);
  put(one, "hello world");
  EXPECT_EQ(fsync(one.get()), 0);
  {
    const UniqueFd two = open("shared", O_WRONLY | O_TRUNC);
    EXPECT_EQ(get(one, 20, 0), "");
    put(two, "x");
    EXPECT_EQ(get(one, 20, 0), "x");
  }
  EXPECT_EQ(ftruncate(one.get(), 4), 0);
  EXPECT_EQ(get(one, 20, 0), std::string("x\0\0\0", 4));
  EXPECT_EQ(ftruncate(one.get(), 1), 0);
  EXPECT_EQ(get(one, 20, 0), "x");
}

// "A file may be opened with O_DIRECT and mapped, shared or privately."
TEST_F(Writes, DirectlyAsWellAsThroughTheCache) {
  void* memory = nullptr;
  ASSERT_EQ(posix_memalign(&memory, 4096, 8192), 0);
  const std::unique_ptr<void, decltype(&std::free)> owner(memory, &std::free);
  std::memset(memory, 'd', 8192);
  const UniqueFd direct = open("direct", O_RDWR | O_CREAT | O_DIRECT);
  ASSERT_EQ(pwrite(direct.get(), memory, 8192, 4096), 8192);
  const UniqueFd cached = open("direct", O_RDWR);
  EXPECT_EQ(get(cached, 20'000, 0), std::string(4096, '\0') + std::string(8192, 'd'));
  put_at(cached, "cached", 4096);
  ASSERT_EQ(pread(direct.get(), memory, 4096, 4096), 4096);
  EXPECT_EQ(std::memcmp(memory, "cacheddd", 8), 0);
}

TEST_F(Writes, MappingsAndWritesSeeEachOther) {
  constexpr std::size_t kSize = 10'000;
  {
    const UniqueFd fd = open("mapped", O_RDWR | O_CREAT);
    ASSERT_EQ(ftruncate(fd.get(), kSize), 0);
    auto* shared =
        static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
    ASSERT_NE(shared, MAP_FAILED);
    std::memcpy(shared + 5000, "MAPPED", 6);
    const UniqueFd writer = open("mapped", O_WRONLY);
    put_at(writer, "W", 4999);
    EXPECT_EQ(std::string(shared + 4999, 7), "WMAPPED");
    EXPECT_EQ(get(fd, 7, 4999), "WMAPPED");
    auto* own =
        static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0));
    ASSERT_NE(own, MAP_FAILED);
    own[0] = 'p';
    EXPECT_EQ(get(fd, 1, 0), std::string(1, '\0'));
    munmap(own, kSize);
    munmap(shared, kSize);
  }
  std::string expected(kSize, '\0');
  expected.replace(4999, 7, "WMAPPED");
  EXPECT_TRUE(read("mapped") == expected);
}

// What is changed through it is no append; what another handle appends meanwhile is.
TEST_F(Writes, AMappingOfADescriptorThatAppendsChangesTheFileWhereItIs) {
  constexpr std::size_t kSize = 10'000;
  std::string expected = bytes(kSize);
  std::ofstream(at("appended"), std::ios::binary) << expected;
  {
    const UniqueFd fd = open("appended", O_RDWR | O_APPEND);
    auto* shared =
        static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
    ASSERT_NE(shared, MAP_FAILED);
    std::memcpy(shared + 100, "MAPPED", 6);
    std::memcpy(shared + kSize - 3, "END", 3);
    put(open("appended", O_WRONLY | O_APPEND), "more");
    ASSERT_EQ(msync(shared, kSize, MS_SYNC), 0);
    munmap(shared, kSize);
    expected.replace(100, 6, "MAPPED");
    expected.replace(kSize - 3, 3, "END");
    expected += "more";
    EXPECT_TRUE(get(fd, 20'000, 0) == expected);
  }
  ASSERT_EQ(user_->umount().code, 0);
  ASSERT_EQ(user_->mount().code, 0);
  EXPECT_TRUE(read("appended") == expected);
}

// Nobody flushes a mapping whose file was closed before, and an unmount may drop the RELEASE.
TEST_F(Writes, WhatWasMappedIsInOssAfterAnUnmountAtOnce) {
  constexpr std::size_t kSize = 10'000;
  constexpr int kFiles = 10;
  for (int i = 0; i < kFiles; ++i) {
    UniqueFd fd = open("mapped-" + std::to_string(i), O_RDWR | O_CREAT);
    ASSERT_EQ(ftruncate(fd.get(), kSize), 0);
    auto* shared =
        static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
    ASSERT_NE(shared, MAP_FAILED);
    fd.reset();
    std::memset(shared, 'm', kSize);
    munmap(shared, kSize);
  }
  ASSERT_EQ(user_->umount().code, 0);
  ASSERT_EQ(user_->mount().code, 0);
  for (int i = 0; i < kFiles; ++i)
    EXPECT_TRUE(read("mapped-" + std::to_string(i)) == std::string(kSize, 'm')) << i;
}

TEST_F(Writes, GoOnUnderANewNameAndWithoutOne) {
  {
    const UniqueFd fd = open("first", O_RDWR | O_CREAT);
    put(fd, "one");
    file::rename(at("first"), at("second"));
    put(fd, "two");
  }
  EXPECT_EQ(read("second"), "onetwo");
  EXPECT_FALSE(file::exists(at("first")));
  const UniqueFd fd = open("second", O_RDWR);
  ASSERT_TRUE(file::remove(at("second")));
  put_at(fd, "X", 0);
  EXPECT_EQ(get(fd, 10, 0), "Xnetwo");
  EXPECT_FALSE(file::exists(at("second")));
}

// "fallocate(2) reserves room on the local disk, extends, punches holes and writes zeros; its other
// modes fail with EOPNOTSUPP." "lseek(2) finds data and holes of what is being written"
TEST_F(Writes, SpaceIsReservedAndHolesArePunched) {
  const UniqueFd fd = open("space", O_RDWR | O_CREAT);
  put(fd, std::string(100'000, 'z'));
  ASSERT_EQ(fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192), 0);
  EXPECT_EQ(get(fd, 8194, 4095), "z" + std::string(8192, '\0') + "z");
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_HOLE), 4096);
  EXPECT_EQ(lseek(fd.get(), 4096, SEEK_DATA), 12'288);
  EXPECT_EQ(lseek(fd.get(), 200'000, SEEK_DATA), -1);
  EXPECT_EQ(errno, ENXIO);
  struct stat status {};
  ASSERT_EQ(fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, 1 << 20), 0);
  ASSERT_EQ(fstat(fd.get(), &status), 0);
  EXPECT_EQ(status.st_size, 100'000);
  ASSERT_EQ(fallocate(fd.get(), FALLOC_FL_ZERO_RANGE, 99'000, 2'000), 0);
  ASSERT_EQ(fallocate(fd.get(), 0, 0, 102'000), 0);
  ASSERT_EQ(fstat(fd.get(), &status), 0);
  EXPECT_EQ(status.st_size, 102'000);
  EXPECT_EQ(fallocate(fd.get(), FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  ASSERT_EQ(fsync(fd.get()), 0);
  std::string expected(102'000, '\0');
  expected.replace(0, 4096, std::string(4096, 'z'));
  expected.replace(12'288, 99'000 - 12'288, std::string(99'000 - 12'288, 'z'));
  EXPECT_TRUE(read("space") == expected);
}

/// One write, begun with io_submit(2) and waited for.
bool write_asynchronously(aio_context_t context, int fd, void* buffer, std::size_t size) {
  iocb one{};
  one.aio_lio_opcode = IOCB_CMD_PWRITE;
  one.aio_fildes = static_cast<__u32>(fd);
  one.aio_buf = reinterpret_cast<__u64>(buffer);
  one.aio_nbytes = size;
  iocb* submitted = &one;
  io_event done{};
  return syscall(SYS_io_submit, context, 1, &submitted) == 1 &&
         syscall(SYS_io_getevents, context, 1, 1, &done, nullptr) == 1 &&
         done.res == static_cast<__s64>(size);
}

// "What was written by a process is at once visible to every other process on the same mount", also
// what was written past the kernel's pages while others read through them.
TEST_F(Writes, WhatIsWrittenDirectlyAndAsynchronouslyIsReadAtOnce) {
  constexpr std::size_t kSize = 655'360;
  const UniqueFd direct = open("asynchronous", O_RDWR | O_CREAT | O_DIRECT);
  const UniqueFd buffered = open("asynchronous", O_RDONLY);
  const std::unique_ptr<void, decltype(&std::free)> buffer(std::aligned_alloc(4096, kSize),
                                                           &std::free);
  aio_context_t context = 0;
  ASSERT_EQ(syscall(SYS_io_setup, 1, &context), 0);
  std::atomic<bool> over = false;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      while (!over) get(open("asynchronous", O_RDONLY), kSize, 0);
    });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (char c = 'a'; std::chrono::steady_clock::now() < end; c = c == 'z' ? 'a' : c + 1) {
    std::memset(buffer.get(), c, kSize);
    ASSERT_TRUE(write_asynchronously(context, direct.get(), buffer.get(), kSize));
    const std::string got = get(buffered, kSize, 0);
    if (got == std::string(kSize, c)) continue;
    ADD_FAILURE() << "the bytes of before, from " << got.find_first_not_of(c);
    break;
  }
  over = true;
  readers.clear();
  syscall(SYS_io_destroy, context);
}

// Closes that wait for OSS wait on no thread: whoever looks meanwhile is answered at once.
TEST_F(Writes, SixtyFourSlowClosesDoNotStopAListing) {
  const auto admin = [](const std::vector<std::string>& arguments) {
    std::vector<std::string> command{"curl", "-sf"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    command.push_back(cloud_->admin_endpoint() + "/faults");
    return run(command).said;
  };
  std::ofstream(at("there")) << "text";
  run({"ls", "-l", user_->path()});
  admin({"-d", R"({"operation":"PutObject","latency_ms":8000})"});
  // In a process of its own: what we start must not inherit, and so close, what is being written.
  const std::string closed = user_->outside("closed");
  const Process writers({"bash", "-c",
                         "for i in {1..64}; do (echo $i >$0/slow$i; echo $i) & done; wait; "
                         "echo all=closed",
                         user_->path()},
                        closed);
  const auto waiting = [&] { return nlohmann::json::parse(admin({})).at(0).value("used", 0); };
  const auto nobody_is_done = [&] { return file::file_size(closed) == 0; };
  while (waiting() < 48 && nobody_is_done()) std::this_thread::yield();  // all that go at once
  EXPECT_EQ(run({"ls", "-l", user_->path()}).code, 0);
  EXPECT_EQ(read("there"), "text");
  EXPECT_TRUE(nobody_is_done());
  admin({"-X", "DELETE"});
  ASSERT_TRUE(wait_gone(writers.pid(), std::chrono::seconds(60)));
  EXPECT_EQ(writers.value_of("all"), "closed");
  for (int i = 1; i <= 64; ++i)
    EXPECT_EQ(read("slow" + std::to_string(i)), std::to_string(i) + "\n");
}

// An append, and small changes to a large file, send little and fetch no more than fills a part.
TEST_F(Writes, OnlyWhatIsNewGoesUp) {
  constexpr std::uint64_t kMiB = 1 << 20;
  const std::string text = bytes(100 * kMiB);
  std::ofstream(at("large"), std::ios::binary) << text;
  counted();
  std::ofstream(at("large"), std::ios::binary | std::ios::app) << std::string(kMiB, 'a');
  auto seen = counted();
  EXPECT_EQ(seen.value("/UploadPart/bytes_in"_json_pointer, std::uint64_t{0}), kMiB);
  EXPECT_FALSE(seen.contains("GetObject") || seen.contains("PutObject")) << seen;
  // At open, and just before the parts become the object; and where writing the file took so long
  // that its name is looked up anew.
  EXPECT_LE(seen.value("/HeadObject/requests"_json_pointer, 0),
            seen.contains("ListObjectsV2") ? 3 : 2)
      << seen;
  {
    const UniqueFd fd = open("large", O_RDWR);
    for (off_t i = 0; i < 64; ++i) put_at(fd, std::string(4096, 'c'), i * 1'600'000);
    ASSERT_EQ(fsync(fd.get()), 0);
  }
  seen = counted();
  EXPECT_LE(seen.value("/UploadPart/bytes_in"_json_pointer, std::uint64_t{0}), 16 * kMiB);
  EXPECT_EQ(read("large").substr(1'600'000, 4096), std::string(4096, 'c'));
}

// A truncation or an extension of a large object moves what is new and nothing else.
TEST_F(Writes, ATruncationOfALargeObjectSendsNothingAndAnExtensionItsHole) {
  constexpr off_t kMiB = 1 << 20;
  const auto bytes_of = [](const nlohmann::json& seen, const char* direction) {
    std::uint64_t out = 0;
    for (const char* operation : {"PutObject", "UploadPart", "GetObject"})
      out += seen.value(nlohmann::json::json_pointer(std::string("/") + operation + direction),
                        std::uint64_t{0});
    return out;
  };
  const std::string piece = bytes(10 * kMiB);
  std::ofstream(at("piece"), std::ios::binary) << piece;
  {
    const UniqueFd from = open("piece", O_RDONLY), to = open("sized", O_WRONLY | O_CREAT);
    for (int i = 0; i < 30; ++i) {
      off_t at = 0;
      while (at < 10 * kMiB) {
        const ssize_t copied = copy_file_range(from.get(), &at, to.get(), nullptr,
                                               static_cast<std::size_t>(10 * kMiB - at), 0);
        ASSERT_GT(copied, 0) << std::strerror(errno);
      }
    }
  }
  counted();
  const auto expect_pieces_up_to = [&](off_t size) {
    const UniqueFd fd = open("sized", O_RDONLY | O_DIRECT);
    for (const off_t offset : {off_t{0}, 145 * kMiB - 3, size - 5})
      EXPECT_EQ(get(fd, 5, offset), piece.substr(static_cast<std::size_t>(offset % (10 * kMiB)), 5))
          << offset;
  };
  constexpr off_t kCut = 299 * kMiB + 1;
  ASSERT_EQ(truncate(at("sized").c_str(), kCut), 0);
  auto seen = counted();
  EXPECT_EQ(bytes_of(seen, "/bytes_in"), 0U) << seen;
  EXPECT_EQ(bytes_of(seen, "/bytes_out"), 0U) << seen;
  EXPECT_LE(seen.value("/UploadPartCopy/requests"_json_pointer, 0), 1) << seen;
  EXPECT_EQ(file::file_size(at("sized")), kCut);
  expect_pieces_up_to(kCut);
  counted();
  ASSERT_EQ(truncate(at("sized").c_str(), kCut + 10 * kMiB), 0);
  seen = counted();
  EXPECT_EQ(bytes_of(seen, "/bytes_in"), 10U * kMiB) << seen;
  EXPECT_EQ(bytes_of(seen, "/bytes_out"), 0U) << seen;
  EXPECT_EQ(file::file_size(at("sized")), kCut + 10 * kMiB);
  expect_pieces_up_to(kCut);
  EXPECT_EQ(get(open("sized", O_RDONLY), 4, kCut + 10 * kMiB - 4), std::string(4, '\0'));
  file::remove(at("sized"));
}

// "Data written is staged on the local disk and goes to OSS when the file is closed … The close
// that counts is the last one of a descriptor that was duplicated … or inherited."
TEST_F(Writes, WhatAShellRedirectsIsSentOnce) {
  counted();
  ASSERT_EQ(run({"sh", "-c",
                 "cd " + user_->path() + "; echo one > redirected; " +
                     "(/bin/echo two; /bin/echo three; echo four) > inherited"})
                .code,
            0);
  EXPECT_EQ(counted().at("PutObject").at("requests"), 2);
  EXPECT_EQ(read("redirected"), "one\n");
  EXPECT_EQ(read("inherited"), "two\nthree\nfour\n");
}

/// The simulator answers `operation` on the file with 503, three times; another client writes it
/// after the first.
class BusyOss : public MountTest {
 protected:
  void is_busy(const std::string& operation) const {
    cloud_->admin("/faults", {"-d", R"({"operation": ")" + operation + R"(", "key": "users/)" +
                                        name_ + R"(/f", "status": 503, "code": "ServiceUnavailable",
                                        "count": 3})"});
  }
  /// A shell that does it: begun before a file is open here, for a child would hold it open, too.
  std::unique_ptr<Process> other_client() const {
    const std::string admin = "curl -sSg '" + cloud_->admin_endpoint();
    const std::string script = "until " + admin +
                               "/faults' | grep -Eq '\"used\": *[1-9]'; do :; done; " + admin +
                               "/objects?bucket=examplebucket&key=users/" + name_ +
                               "/f' -X PUT -d theirs >/dev/null; echo written=yes; exec sleep 60";
    return std::make_unique<Process>(std::vector<std::string>{"sh", "-c", script},
                                     output_ / "other");
  }
  void TearDown() override {
    cloud_->admin("/faults", {"-X", "DELETE"});
    MountTest::TearDown();
  }
  std::string in_oss() const {
    return cloud_->admin("/objects/content?bucket=examplebucket&key=users/" + name_ + "/f");
  }
  stsfs::testing::TemporaryDirectory output_;
};

// "A write or a delete that has to be repeated, since OSS was busy or the network broke, is checked
// again before each repetition."
TEST_F(BusyOss, RepeatsNoWriteOverAnothersThatCameMeanwhile) {
  write("f", "before");
  is_busy("PutObject");
  const auto other = other_client();
  const int handle = ::open(at("f").c_str(), O_WRONLY | O_TRUNC);
  ASSERT_GE(handle, 0);
  ASSERT_EQ(::write(handle, "ours", 4), 4);
  EXPECT_EQ(::close(handle), -1);
  EXPECT_EQ(errno, ESTALE);
  EXPECT_EQ(other->value_of("written"), "yes");
  EXPECT_EQ(in_oss(), "theirs");
}

TEST_F(BusyOss, RepeatsNoDeleteOfWhatCameMeanwhile) {
  write("f", "before");
  is_busy("DeleteObject");
  const auto other = other_client();
  ASSERT_EQ(::unlink(at("f").c_str()), 0);
  EXPECT_EQ(other->value_of("written"), "yes");
  const Outcome drained = user_->stsfs({"drain", user_->path()});
  EXPECT_EQ(drained.code, 0) << drained.said;
  EXPECT_EQ(in_oss(), "theirs");
}

}  // namespace
}  // namespace stsfs::mount_tests
