// Files of a real mount, changed at random in every way the kernel knows, against what they should
// be, in memory. Statements of stsfs(7) that this holds: what is written, truncated, mapped,
// punched and copied is read back as it is, by every handle, by the next mount and by who reads the
// object.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "mount/cloud.h"
#include "stsfs/base/fd.h"
#include "torture/seeded_torture.h"

#include <gtest/gtest.h>

namespace stsfs::torture {
namespace {

using mount_tests::Cloud;
using mount_tests::MountedUser;
using mount_tests::Outcome;

enum class Step {
  kRead,
  kReadAll,
  kWrite,
  kAppend,
  kTruncate,
  kTruncateByName,
  kMapWrite,
  kMapRead,
  kSync,
  kClose,
  kDropPages,
  kRemount,
  kKill,
  kAllocate,
  kZeroRange,
  kPunch,
  kSeek,
  kCopyWithin,
  kCopyBetween,
  kRename,
  kLink,
  kUnlinkName,
  kReplace,
  kRewrite,
  kAttributes,
  kCompareStored,
};
constexpr std::size_t kSteps = static_cast<std::size_t>(Step::kCompareStored) + 1;

/// How often each step is taken, in proportion.
using Weights = std::array<int, kSteps>;

struct Variant {
  const char* name;
  std::uint64_t size_max;
  std::uint64_t piece_max;  ///< Of one read or write.
  Length length;
  Weights weights;
};

constexpr Weights weights(std::initializer_list<std::pair<Step, int>> more) {
  Weights out{};
  const auto set = [&](Step step, int weight) { out[static_cast<std::size_t>(step)] = weight; };
  for (const auto& [step, weight] : {std::pair{Step::kRead, 200},
                                     {Step::kReadAll, 20},
                                     {Step::kWrite, 200},
                                     {Step::kAppend, 40},
                                     {Step::kTruncate, 40},
                                     {Step::kTruncateByName, 20},
                                     {Step::kSync, 20},
                                     {Step::kClose, 50},
                                     {Step::kRename, 20},
                                     {Step::kAttributes, 15},
                                     {Step::kRewrite, 5},
                                     {Step::kSeek, 10},
                                     {Step::kCompareStored, 10}})
    set(step, weight);
  for (const auto& [step, weight] : more) set(step, weight);
  return out;
}

const Variant kVariants[] = {
    {"Plain",
     300'000,
     70'000,
     {200},
     weights(
         {{Step::kReplace, 10}, {Step::kLink, 10}, {Step::kUnlinkName, 10}, {Step::kRemount, 1}})},
    {"Reopened",
     200'000,
     40'000,
     {80},
     weights(
         {{Step::kClose, 150}, {Step::kDropPages, 60}, {Step::kRemount, 10}, {Step::kKill, 10}})},
    {"Mapped",
     300'000,
     50'000,
     {200},
     weights({{Step::kMapWrite, 200},
              {Step::kMapRead, 100},
              {Step::kPunch, 20},
              {Step::kDropPages, 10},
              {Step::kRemount, 1}})},
    {"Large",
     40'000'000,
     1 << 20,
     {80, 3'000},
     weights({{Step::kRead, 100},
              {Step::kWrite, 300},
              {Step::kAppend, 300},
              {Step::kTruncate, 10},
              {Step::kTruncateByName, 5},
              {Step::kCopyBetween, 40},
              {Step::kCopyWithin, 40},
              {Step::kPunch, 20},
              {Step::kMapWrite, 20},
              {Step::kRewrite, 2},
              {Step::kDropPages, 5},
              {Step::kRemount, 5},
              {Step::kKill, 2},
              {Step::kReadAll, 10}})},
    {"Holes",
     2'000'000,
     100'000,
     {160},
     weights({{Step::kPunch, 150},
              {Step::kZeroRange, 80},
              {Step::kAllocate, 80},
              {Step::kSeek, 100},
              {Step::kTruncate, 80},
              {Step::kDropPages, 10},
              {Step::kRemount, 2}})},
    {"Copied",
     1'500'000,
     300'000,
     {120},
     weights({{Step::kCopyBetween, 200},
              {Step::kCopyWithin, 150},
              {Step::kDropPages, 10},
              {Step::kRemount, 4},
              {Step::kLink, 5},
              {Step::kUnlinkName, 5},
              {Step::kReplace, 10},
              {Step::kKill, 2}})},
};

constexpr std::uint64_t kPage = 4096;

/// One file, as it should be, and who has it open.
struct File {
  std::vector<std::string> names;  ///< At least one.
  std::string content;
  UniqueFd buffered, direct, appending;
  char* map = nullptr;  ///< Shared, of the first `map_size` bytes.
  std::size_t map_size = 0;
  bool map_is_dirty = false;
  bool had_links = false;  ///< What is in the store is a link then.
  mode_t mode = 0644;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { unmap(); }
  void unmap() {
    if (map != nullptr) munmap(map, map_size);
    map = nullptr;
    map_is_dirty = false;
  }
  void close_all() {
    unmap();
    for (UniqueFd* fd : {&buffered, &direct, &appending}) fd->reset();
  }
};

std::string error_text() { return std::strerror(errno); }

class FileTorture {
 public:
  FileTorture(Cloud& cloud, MountedUser& user, std::string user_name, const Variant& variant,
              bool background, std::uint64_t seed)
      : cloud_(cloud),
        user_(user),
        user_name_(std::move(user_name)),
        variant_(variant),
        background_(background),
        choices_(seed) {
    for (const int weight : variant_.weights) weight_sum_ += static_cast<std::uint64_t>(weight);
  }

  void run(int operations) {
    for (File& file : files_) make_anew(file);
    for (int i = 0; i < operations && is_well(); ++i) step();
    if (is_well()) end();
    if (!is_well()) ADD_FAILURE() << choices_.story();
    for (File& file : files_) file.close_all();
  }

 private:
  bool is_well() const { return !::testing::Test::HasFailure(); }
  std::string path(const std::string& name) const { return user_ / name; }
  std::string new_name() { return "f" + std::to_string(names_made_++); }
  const std::string& a_name(const File& file) {
    return file.names[choices_.below(file.names.size())];
  }
  std::string called(const File& file) const {
    return file.names.front() + " (" + std::to_string(file.content.size()) + ") ";
  }

  void make_anew(File& file) {
    file.close_all();
    file.names = {new_name()};
    file.content.clear();
    file.had_links = false;
    file.mode = 0644;
    choices_.note("create " + file.names[0]);
    file.buffered =
        UniqueFd(::open(path(file.names[0]).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    ASSERT_TRUE(file.buffered) << error_text();
    fchmod(file.buffered.get(), 0644);
  }

  int buffered(File& file) {
    if (!file.buffered) file.buffered = open(file, O_RDWR);
    return file.buffered.get();
  }
  /// The buffered handle, or now and then one with O_DIRECT.
  int any_handle(File& file, std::string& said) {
    if (!choices_.one_in(5)) return buffered(file);
    if (!file.direct) file.direct = open(file, O_RDWR | O_DIRECT);
    said += " direct";
    return file.direct.get();
  }
  UniqueFd open(File& file, int flags) {
    const std::string& name = a_name(file);
    UniqueFd fd(::open(path(name).c_str(), flags | O_CLOEXEC));
    EXPECT_TRUE(fd) << name << ": " << error_text();
    return fd;
  }

  /// Tells which operation wrote it, and for which place, when it turns up where it should not be.
  std::string bytes_for(std::uint64_t offset, std::uint64_t size) const {
    std::string out(size + 16, '\0');
    for (std::uint64_t at = 0; at < size + 8; at += 8) {
      const std::uint64_t word =
          (std::uint64_t{static_cast<std::uint32_t>(choices_.number())} << 40) | (0xA5ULL << 32) |
          ((offset / 8) + (at / 8));
      std::memcpy(out.data() + at, &word, 8);
    }
    return out.substr(offset % 8, size);
  }
  static std::string told(std::string_view content, std::uint64_t at) {
    std::uint64_t word = 0;
    const std::uint64_t start = at / 8 * 8;
    std::memcpy(&word, content.data() + start, std::min<std::uint64_t>(8, content.size() - start));
    if (word == 0) return "zeros";
    return "what #" + std::to_string(word >> 40) + " wrote at " +
           std::to_string((word & 0xFFFFFFFF) * 8);
  }
  /// `got` is what was read at `offset` of `wanted`.
  void compare(std::string_view got, std::string_view wanted, std::uint64_t offset,
               const std::string& what) {
    EXPECT_EQ(got.size(), wanted.size()) << what << ": bytes at offset " << offset;
    const std::size_t size = std::min(got.size(), wanted.size());
    if (std::memcmp(got.data(), wanted.data(), size) == 0) return;
    const auto differ = static_cast<std::uint64_t>(
        std::mismatch(got.begin(), got.begin() + static_cast<long>(size), wanted.begin()).first -
        got.begin());
    std::uint64_t end = size;
    while (end > differ && got[end - 1] == wanted[end - 1]) --end;
    ADD_FAILURE() << what << ": differs in [" << offset + differ << ", " << offset + end
                  << "): wanted " << told(wanted, differ) << ", got " << told(got, differ);
  }

  std::pair<std::uint64_t, std::uint64_t> a_range(std::uint64_t within, std::uint64_t piece_max) {
    std::uint64_t offset = choices_.below(within + 1);
    std::uint64_t size =
        1 +
        choices_.below(choices_.one_in(3) ? piece_max : std::min<std::uint64_t>(piece_max, 5'000));
    if (choices_.one_in(4)) offset = offset / kPage * kPage;
    if (choices_.one_in(4)) size = (size + kPage - 1) / kPage * kPage;
    return {offset, size};
  }
  std::pair<std::uint64_t, std::uint64_t> a_range_to_write() {
    auto [offset, size] = a_range(variant_.size_max - variant_.piece_max, variant_.piece_max);
    return {offset, std::min(size, variant_.size_max - offset)};
  }
  /// Mostly within the file, so that it does not reach its full size at once.
  std::pair<std::uint64_t, std::uint64_t> a_range_to_write(const File& file) {
    auto range = a_range_to_write();
    if (!choices_.one_in(4)) range.first %= file.content.size() + 1;
    return range;
  }
  static std::string range_text(std::uint64_t offset, std::uint64_t size) {
    return "[" + std::to_string(offset) + ", " + std::to_string(offset + size) + ")";
  }
  static void put(File& file, std::uint64_t offset, const std::string& bytes) {
    if (file.content.size() < offset + bytes.size()) file.content.resize(offset + bytes.size());
    file.content.replace(offset, bytes.size(), bytes);
  }

  void step() {
    auto left = choices_.below(weight_sum_);
    std::size_t which = 0;
    while (left >= static_cast<std::uint64_t>(variant_.weights[which]))
      left -= static_cast<std::uint64_t>(variant_.weights[which++]);
    File& file = files_[choices_.one_in(4) ? 1 : 0];
    File& other = &file == &files_[0] ? files_[1] : files_[0];
    take(static_cast<Step>(which), file, other);
    if (!is_well()) return;
    struct stat stat {};
    ASSERT_EQ(::stat(path(a_name(file)).c_str(), &stat), 0) << error_text();
    ASSERT_EQ(static_cast<std::uint64_t>(stat.st_size), file.content.size()) << called(file);
    ASSERT_EQ(stat.st_mode & 07777, file.mode) << called(file);
    ASSERT_EQ(stat.st_nlink, file.names.size()) << called(file);
  }

  void take(Step step, File& file, File& other) {
    switch (step) {
      case Step::kRead:
        return read(file);
      case Step::kReadAll:
        return read_all(file, "read all");
      case Step::kWrite:
        return write(file);
      case Step::kAppend:
        return append(file);
      case Step::kTruncate:
        return truncate(file, false);
      case Step::kTruncateByName:
        return truncate(file, true);
      case Step::kMapWrite:
        return map_write(file);
      case Step::kMapRead:
        return map_read(file);
      case Step::kSync:
        return sync(file);
      case Step::kClose:
        return close(file);
      case Step::kDropPages:
        return drop_pages(file);
      case Step::kRemount:
        return remount(false);
      case Step::kKill:
        return remount(true);
      case Step::kAllocate:
        return allocate(file);
      case Step::kZeroRange:
        return clear(file, FALLOC_FL_ZERO_RANGE);
      case Step::kPunch:
        return clear(file, FALLOC_FL_PUNCH_HOLE);
      case Step::kSeek:
        return seek(file);
      case Step::kCopyWithin:
        return copy(file, file);
      case Step::kCopyBetween:
        return copy(other, file);
      case Step::kRename:
        return rename(file);
      case Step::kLink:
        return link(file);
      case Step::kUnlinkName:
        return unlink_name(file);
      case Step::kReplace:
        return replace(file);
      case Step::kRewrite:
        return rewrite(file);
      case Step::kAttributes:
        return attributes(file);
      case Step::kCompareStored:
        return compare_stored(file);
    }
  }

  // --- reading and writing ---

  void read(File& file) {
    const auto [offset, size] = a_range(file.content.size(), variant_.piece_max);
    std::string said = "read " + called(file) + range_text(offset, size);
    const int fd = any_handle(file, said);
    choices_.note(said);
    read_at(file, fd, offset, size, said);
  }
  void read_at(File& file, int fd, std::uint64_t offset, std::uint64_t size,
               const std::string& what) {
    // One place for all, aligned for O_DIRECT.
    if (room_.size() < size + 2 * kPage) room_.resize(size + 2 * kPage);
    char* const to =
        room_.data() + (kPage - reinterpret_cast<std::uintptr_t>(room_.data()) % kPage);
    std::uint64_t got = 0;
    while (got < size) {
      const ssize_t n = pread(fd, to + got, size - got, static_cast<off_t>(offset + got));
      ASSERT_GE(n, 0) << what << ": " << error_text();
      if (n == 0) break;
      got += static_cast<std::uint64_t>(n);
    }
    compare({to, got},
            std::string_view(file.content)
                .substr(std::min<std::size_t>(offset, file.content.size()), size),
            offset, what);
  }
  void read_all(File& file, const std::string& what) {
    choices_.note(what + " " + called(file));
    read_at(file, buffered(file), 0, file.content.size() + 1, what + " " + called(file));
  }

  void write(File& file) {
    const auto [offset, size] = a_range_to_write(file);
    std::string said = "write " + called(file) + range_text(offset, size);
    const int fd = any_handle(file, said);
    choices_.note(said);
    write_at(file, fd, offset, bytes_for(offset, size));
  }
  void write_at(File& file, int fd, std::uint64_t offset, const std::string& bytes) {
    std::uint64_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      ASSERT_GT(n, 0) << error_text();
      done += static_cast<std::uint64_t>(n);
    }
    put(file, offset, bytes);
  }
  void append(File& file) {
    const auto size = std::min(
        a_range_to_write().second,
        variant_.size_max - std::min<std::uint64_t>(variant_.size_max, file.content.size()));
    if (size == 0) return truncate(file, false);
    choices_.note("append " + called(file) + std::to_string(size));
    if (!file.appending) file.appending = open(file, O_WRONLY | O_APPEND);
    const std::string bytes = bytes_for(file.content.size(), size);
    for (std::uint64_t done = 0; done < size;) {
      const ssize_t n = ::write(file.appending.get(), bytes.data() + done, size - done);
      ASSERT_GT(n, 0) << error_text();
      done += static_cast<std::uint64_t>(n);
    }
    put(file, file.content.size(), bytes);
  }
  void truncate(File& file, bool by_name) {
    std::uint64_t size =
        choices_.below(choices_.one_in(2) ? variant_.size_max : file.content.size() + 1);
    if (choices_.one_in(10)) size = 0;
    if (choices_.one_in(4)) size = size / kPage * kPage;
    choices_.note((by_name ? "truncate " : "ftruncate ") + called(file) + "to " +
                  std::to_string(size));
    if (by_name)
      ASSERT_EQ(::truncate(path(a_name(file)).c_str(), static_cast<off_t>(size)), 0)
          << error_text();
    else
      ASSERT_EQ(ftruncate(buffered(file), static_cast<off_t>(size)), 0) << error_text();
    file.content.resize(size);
  }
  void rewrite(File& file) {
    const auto size = a_range_to_write().second;
    choices_.note("write anew " + called(file) + std::to_string(size));
    const UniqueFd fd = open(file, O_RDWR | O_TRUNC);
    file.content.clear();
    write_at(file, fd.get(), 0, bytes_for(0, size));
  }

  // --- mappings ---

  /// False where there is nothing to map. A mapping stays for a while, whatever else is done
  /// meanwhile.
  bool map(File& file) {
    if (file.content.empty()) return false;
    if (file.map != nullptr && choices_.one_in(5)) file.unmap();
    if (file.map != nullptr) return true;
    file.map_size = file.content.size();
    void* const at =
        mmap(nullptr, file.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, buffered(file), 0);
    EXPECT_NE(at, MAP_FAILED) << error_text();
    if (at == MAP_FAILED) return false;
    file.map = static_cast<char*>(at);
    return true;
  }
  std::pair<std::uint64_t, std::uint64_t> a_mapped_range(const File& file) {
    const std::uint64_t end = std::min<std::uint64_t>(file.map_size, file.content.size());
    if (end == 0) return {0, 0};
    const std::uint64_t offset = choices_.below(end);
    return {offset, std::min(end - offset,
                             1 + choices_.below(choices_.one_in(3) ? variant_.piece_max : 5'000))};
  }
  void map_write(File& file) {
    if (!map(file)) return;
    const auto [offset, size] = a_mapped_range(file);
    const bool syncs = choices_.one_in(3);
    choices_.note("write by mapping " + called(file) + range_text(offset, size) +
                  (syncs ? ", msync" : ""));
    const std::string bytes = bytes_for(offset, size);
    std::memcpy(file.map + offset, bytes.data(), size);
    file.map_is_dirty = true;
    put(file, offset, bytes);
    if (syncs) write_back(file);
  }
  void map_read(File& file) {
    if (!map(file)) return;
    const auto [offset, size] = a_mapped_range(file);
    choices_.note("read by mapping " + called(file) + range_text(offset, size));
    compare({file.map + offset, size}, std::string_view(file.content).substr(offset, size), offset,
            "read by mapping");
  }
  void write_back(File& file) {
    if (file.map == nullptr || !file.map_is_dirty) return;
    ASSERT_EQ(msync(file.map, file.map_size, MS_SYNC), 0) << error_text();
    file.map_is_dirty = false;
  }

  // --- open, close, mount ---

  void sync(File& file) {
    choices_.note("fsync " + called(file));
    ASSERT_EQ(choices_.one_in(2) ? fsync(buffered(file)) : fdatasync(buffered(file)), 0)
        << error_text();
    file.map_is_dirty = false;
    if (choices_.one_in(2)) compare_object(file);
  }
  void close(File& file) {
    const auto which = choices_.below(4);
    choices_.note("close " + called(file) +
                  (which == 0   ? "buffered"
                   : which == 1 ? "direct"
                   : which == 2 ? "appending"
                                : "all"));
    if (which == 0 || which == 3) file.unmap();
    const std::array<UniqueFd*, 3> fds{&file.buffered, &file.direct, &file.appending};
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if ((which != i && which != 3) || !*fds[i]) continue;
      ASSERT_EQ(::close(fds[i]->release()), 0) << error_text();
    }
    if (!file.buffered && !file.direct && !file.appending && choices_.one_in(2))
      compare_object(file);
  }
  void drop_pages(File& file) {
    const bool everything = geteuid() == 0 && choices_.one_in(4);
    choices_.note(std::string("forget pages ") + (everything ? "of all" : called(file)));
    write_back(file);
    if (everything)
      std::ofstream("/proc/sys/vm/drop_caches") << "3\n";
    else
      posix_fadvise(buffered(file), 0, 0, POSIX_FADV_DONTNEED);
  }
  void remount(bool by_kill) {
    choices_.note(by_kill ? "close all, kill, mount" : "close all, umount, mount");
    for (File& file : files_) file.close_all();
    if (by_kill) {
      user_.kill_daemon();
    } else {
      const Outcome gone = user_.umount();
      ASSERT_EQ(gone.code, 0) << gone.said;
      if (choices_.one_in(2))
        for (const File& file : files_) compare_object(file);
    }
    const Outcome back = user_.mount();
    ASSERT_EQ(back.code, 0) << back.said;
    for (File& file : files_) read_all(file, "read all of the new mount");
  }

  // --- room and holes ---

  void allocate(File& file) {
    const auto [offset, size] = a_range_to_write();
    const bool keeps_size = choices_.one_in(2);
    choices_.note(std::string("fallocate ") + (keeps_size ? "keep size " : "") + called(file) +
                  range_text(offset, size));
    ASSERT_EQ(fallocate(buffered(file), keeps_size ? FALLOC_FL_KEEP_SIZE : 0,
                        static_cast<off_t>(offset), static_cast<off_t>(size)),
              0)
        << error_text();
    if (!keeps_size && file.content.size() < offset + size) file.content.resize(offset + size);
  }
  void clear(File& file, int how) {
    const auto [offset, size] = a_range_to_write(file);
    const bool keeps_size = how == FALLOC_FL_PUNCH_HOLE || choices_.one_in(2);
    choices_.note((how == FALLOC_FL_PUNCH_HOLE ? "punch "
                   : keeps_size                ? "zero keep size "
                                               : "zero ") +
                  called(file) + range_text(offset, size));
    ASSERT_EQ(fallocate(buffered(file), how | (keeps_size ? FALLOC_FL_KEEP_SIZE : 0),
                        static_cast<off_t>(offset), static_cast<off_t>(size)),
              0)
        << error_text();
    if (!keeps_size && file.content.size() < offset + size) file.content.resize(offset + size);
    if (offset < file.content.size()) {
      const auto cleared = std::min<std::uint64_t>(size, file.content.size() - offset);
      file.content.replace(offset, cleared, cleared, '\0');
    }
  }
  /// Data is never reported as a hole.
  void seek(File& file) {
    choices_.note("seek data and holes " + called(file));
    write_back(file);  // The kernel asks the daemon without that.
    const int fd = buffered(file);
    const auto size = static_cast<off_t>(file.content.size());
    off_t at = 0;
    while (at < size) {
      const off_t data = lseek(fd, at, SEEK_DATA);
      if (data < 0) {
        ASSERT_EQ(errno, ENXIO);
      }
      const off_t hole_end = data < 0 ? size : data;
      ASSERT_GE(hole_end, at);
      ASSERT_LE(hole_end, size);
      const auto first = file.content.find_first_not_of('\0', static_cast<std::size_t>(at));
      ASSERT_TRUE(first == std::string::npos || static_cast<off_t>(first) >= hole_end)
          << "data at " << first << ", and a hole in " << at << ".." << hole_end;
      if (data < 0) break;
      const off_t hole = lseek(fd, data, SEEK_HOLE);
      ASSERT_GT(hole, data) << error_text();
      ASSERT_LE(hole, size);
      at = hole;
    }
    ASSERT_EQ(lseek(fd, size, SEEK_DATA), -1);
    ASSERT_EQ(errno, ENXIO);
  }

  // --- copies ---

  void copy(File& from, File& to) {
    const auto [source, wanted] = a_range(from.content.size(), variant_.size_max);
    auto size = choices_.one_in(2) ? wanted : std::min(wanted, variant_.piece_max);
    std::uint64_t target = choices_.below(to.content.size() + variant_.piece_max);
    if (choices_.one_in(4)) target = target / kPage * kPage;
    target = std::min(target, variant_.size_max - 1);
    size = std::min(size, variant_.size_max - target);
    if (&from == &to) {  // Where they overlap it is EINVAL.
      const auto apart = source > target ? source - target : target - source;
      // It grows meanwhile: what is copied is what it has now.
      size = std::min({size, apart, from.content.size() - source});
    }
    if (size == 0) return;
    choices_.note("copy " + called(from) + range_text(source, size) + " to " + called(to) + "at " +
                  std::to_string(target));
    const UniqueFd again = choices_.one_in(3) ? open(from, O_RDONLY) : UniqueFd();
    const int in = again ? again.get() : buffered(from);
    const int out = buffered(to);
    auto at = static_cast<off_t>(source);
    auto put_at = static_cast<off_t>(target);
    std::uint64_t left = size;
    while (left > 0) {
      const ssize_t n = copy_file_range(in, &at, out, &put_at, left, 0);
      ASSERT_GE(n, 0) << error_text();
      if (n == 0) break;
      left -= static_cast<std::uint64_t>(n);
    }
    const std::string copied =
        from.content.substr(std::min<std::size_t>(source, from.content.size()), size);
    ASSERT_EQ(size - left, copied.size()) << "bytes copied";
    if (!copied.empty()) put(to, target, copied);
  }

  // --- names ---

  void rename(File& file) {
    std::string& name = file.names[choices_.below(file.names.size())];
    const std::string fresh = new_name();
    choices_.note("rename " + name + " to " + fresh);
    ASSERT_EQ(::rename(path(name).c_str(), path(fresh).c_str()), 0) << error_text();
    name = fresh;
  }
  void link(File& file) {
    if (file.names.size() >= 3) return unlink_name(file);
    const std::string from = a_name(file);
    const std::string fresh = new_name();
    choices_.note("link " + from + " as " + fresh);
    ASSERT_EQ(::link(path(from).c_str(), path(fresh).c_str()), 0) << error_text();
    file.names.push_back(fresh);
    file.had_links = true;
  }
  void unlink_name(File& file) {
    if (file.names.size() < 2) return;
    const auto which = choices_.below(file.names.size());
    choices_.note("unlink " + file.names[which]);
    ASSERT_EQ(unlink(path(file.names[which]).c_str()), 0) << error_text();
    file.names.erase(file.names.begin() + static_cast<long>(which));
  }
  /// Another file takes the name, and what is open stays what it is.
  void replace(File& file) {
    const auto size = a_range_to_write().second;
    const std::string fresh = new_name();
    const bool unlinks = choices_.one_in(3);
    choices_.note((unlinks ? "unlink " : "replace ") + called(file) + "by " + std::to_string(size) +
                  " bytes as " + fresh);
    while (file.names.size() > 1) unlink_name(file);
    const bool stays_open = choices_.one_in(2);
    if (!stays_open) file.close_all();
    File created;
    created.names = {file.names[0]};
    UniqueFd fd(::open(path(fresh).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    ASSERT_TRUE(fd) << error_text();
    fchmod(fd.get(), 0644);
    write_at(created, fd.get(), 0, bytes_for(0, size));
    const bool closes_before = choices_.one_in(2);
    if (closes_before) fd.reset();
    if (unlinks) {
      ASSERT_EQ(unlink(path(file.names[0]).c_str()), 0) << error_text();
    }
    ASSERT_EQ(::rename(path(fresh).c_str(), path(file.names[0]).c_str()), 0) << error_text();
    if (stays_open && file.buffered) {
      read_at(file, file.buffered.get(), 0, file.content.size() + 1, "read what was replaced");
      const auto [offset, written] = a_range_to_write();
      choices_.note("write what was replaced " + range_text(offset, written));
      write_at(file, file.buffered.get(), offset, bytes_for(offset, written));
      read_at(file, file.buffered.get(), 0, file.content.size() + 1, "read what was replaced");
      struct stat stat {};
      ASSERT_EQ(fstat(file.buffered.get(), &stat), 0);
      ASSERT_EQ(stat.st_nlink, 0U);
    }
    file.close_all();
    file.content = created.content;
    file.had_links = false;
    file.mode = 0644;
    file.buffered = std::move(fd);
  }
  void attributes(File& file) {
    file.mode = static_cast<mode_t>(0600 | choices_.below(0100));
    choices_.note("chmod " + called(file) + std::to_string(file.mode));
    if (choices_.one_in(2))
      ASSERT_EQ(fchmod(buffered(file), file.mode), 0) << error_text();
    else
      ASSERT_EQ(chmod(path(a_name(file)).c_str(), file.mode), 0) << error_text();
  }

  // --- what OSS has ---

  void compare_stored(File& file) {
    choices_.note("close and drain " + called(file));
    file.close_all();
    const Outcome drained = user_.stsfs({"drain", user_.path()});
    ASSERT_EQ(drained.code, 0) << drained.said;
    compare_with_store(file);
  }
  /// Where it must be there without further ado: after a close or fsync returned 0.
  void compare_object(const File& file) {
    if (!background_) compare_with_store(file);
  }
  void compare_with_store(const File& file) {
    if (file.had_links) return;
    choices_.note("compare with the object " + called(file));
    const std::string stored = cloud_.admin("/objects/content?bucket=examplebucket&key=users/" +
                                            user_name_ + "/" + file.names[0]);
    compare(stored, file.content, 0, "the object of " + called(file));
  }

  void end() {
    for (File& file : files_) read_all(file, "read all in the end");
    remount(false);
    for (File& file : files_) compare_with_store(file);
    EXPECT_EQ(user_.status("/pending/files"), "0");
    EXPECT_EQ(user_.status("/pending/aside"), "0");
  }

  Cloud& cloud_;
  MountedUser& user_;
  const std::string user_name_;
  const Variant& variant_;
  const bool background_;
  Choices choices_;
  std::uint64_t weight_sum_ = 0;
  int names_made_ = 0;
  std::array<File, 2> files_;
  std::vector<char> room_;
};

struct Case {
  Variant variant;
  bool background;
};

void PrintTo(const Case& chosen, std::ostream* out) { *out << chosen.variant.name; }

class RandomChangesOfAFile : public ::testing::TestWithParam<Case> {};

TEST_P(RandomChangesOfAFile, AreReadAsTheyWereMade) {
  const Case& chosen = GetParam();
  Cloud cloud;
  run_torture(chosen.variant.length, [&](std::uint64_t seed, int operations) {
    const std::string name = "u" + std::to_string(seed);
    MountedUser user(cloud, name,
                     std::string(chosen.background ? "commit=background" : "commit=close") +
                         (seed % 2 == 1 ? ",memory=64M,cache_size=100M" : ""));
    ASSERT_TRUE(user.is_mounted());
    FileTorture(cloud, user, name, chosen.variant, chosen.background, seed).run(operations);
    if (user.is_mounted()) {
      const Outcome gone = user.umount();
      EXPECT_EQ(gone.code, 0) << gone.said;
    }
  });
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const Variant& variant : kVariants)
    for (const bool background : {false, true}) out.push_back({variant, background});
  return out;
}

INSTANTIATE_TEST_SUITE_P(Torture, RandomChangesOfAFile, ::testing::ValuesIn(all_cases()),
                         [](const auto& chosen) {
                           return std::string(chosen.param.variant.name) +
                                  (chosen.param.background ? "InTheBackground" : "");
                         });

}  // namespace
}  // namespace stsfs::torture
