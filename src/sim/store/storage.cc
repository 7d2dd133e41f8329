#include "storage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

constexpr std::uint64_t kPage = 4'096;
constexpr std::size_t kZeroUnit = 64 * 1024;  // zeros are looked for in pieces of this size

bool is_zero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

std::uint64_t page_up(std::uint64_t offset) { return (offset + kPage - 1) / kPage * kPage; }

void punch(int fd, std::uint64_t from, std::uint64_t to) {
  if (from < to)
    static_cast<void>(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                static_cast<off_t>(from), static_cast<off_t>(to - from)));
}

std::uint64_t memory_of_machine() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<std::shared_ptr<Storage>> Storage::in_memory(std::uint64_t bytes_max) {
  if (bytes_max == 0) bytes_max = memory_of_machine() / 4 * 3;
  std::shared_ptr<Storage> out(new Storage(false, bytes_max));
  for (auto& file : out->files_) {
    file = std::make_unique<File>();
    file->fd.reset(memfd_create("objects", MFD_CLOEXEC));
    if (!file->fd) return fail_errno("make memory for objects");
  }
  return out;
}

Result<std::shared_ptr<Storage>> Storage::in_directory(const std::string& directory) {
  std::shared_ptr<Storage> out(new Storage(true, UINT64_MAX));
  for (std::size_t i = 0; i < kFiles; ++i) {
    const std::string path = directory + "/data." + std::to_string(i);
    auto file = std::make_unique<File>();
    file->fd.reset(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file->fd) return fail_errno("open " + printable(path));
    struct stat status {};
    if (fstat(file->fd.get(), &status) != 0) return fail_errno("look at " + printable(path));
    {
      MutexLock lock(file->mutex);
      file->end = page_up(static_cast<std::uint64_t>(status.st_size));
    }
    out->files_[i] = std::move(file);
  }
  return out;
}

Result<Place> Storage::reserve(std::uint64_t length) {
  const std::uint32_t number = turn_++ % kFiles;
  File& file = *files_[number];
  MutexLock lock(file.mutex);
  const std::uint64_t end = file.end + page_up(length);
  if (ftruncate(file.fd.get(), static_cast<off_t>(end)) != 0)
    return fail_errno("make room for an object");
  return Place{number, std::exchange(file.end, end), length};
}

Result<void> Storage::write_plain(const Place& place, std::uint64_t at, std::string_view bytes) {
  // The bound is on what is held, so it is taken before and given back when the write fails.
  if (stored_.fetch_add(bytes.size()) + bytes.size() > bytes_max_) {
    stored_ -= bytes.size();
    return fail(Errc::kNoSpace, "the simulator holds as much as it may");
  }
  auto written = pwrite_full(fd(place), as_bytes(bytes), place.offset + at);
  if (!written) stored_ -= bytes.size();
  return written;
}

Result<std::uint64_t> Storage::write(const Place& place, std::uint64_t at, std::string_view bytes) {
  std::uint64_t stored = 0;
  std::size_t from = 0;  // of what is to be written next
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t size = std::min(kZeroUnit, bytes.size() - i);
    if (is_zero(bytes.substr(i, size))) {
      if (auto done = write_plain(place, at + from, bytes.substr(from, i - from)); !done)
        return fail(std::move(done.error()));
      stored += i - from;
      from = i + size;
    }
    i += size;
  }
  if (auto done = write_plain(place, at + from, bytes.substr(from)); !done)
    return fail(std::move(done.error()));
  return stored + bytes.size() - from;
}

Result<void> Storage::read(const Place& place, std::uint64_t at,
                           std::span<std::byte> buffer) const {
  auto got = pread_full(fd(place), buffer, place.offset + at);
  if (!got) return fail(std::move(got.error()));
  if (*got != buffer.size()) return fail(Errc::kIo, "the storage lost bytes");
  return {};
}

void Storage::free(const Place& place, std::uint64_t stored) {
  if (frozen_) return;
  punch(fd(place), place.offset, page_up(place.offset + place.length));
  stored_ -= stored;
}

bool Storage::holds(const Place& place) const {
  if (place.file >= kFiles) return false;
  MutexLock lock(files_[place.file]->mutex);
  const std::uint64_t end = files_[place.file]->end;
  return place.offset <= end && place.length <= end - place.offset;
}

void Storage::keep_only(std::vector<Place> places) {
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.file, a.offset) < std::pair(b.file, b.offset);
  });
  std::array<std::uint64_t, kFiles> ends{};
  for (const Place& place : places) {
    std::uint64_t& end = ends[place.file];
    punch(files_[place.file]->fd.get(), end, place.offset);
    end = std::max(end, page_up(place.offset + place.length));
  }
  for (std::size_t i = 0; i < kFiles; ++i) {
    MutexLock lock(files_[i]->mutex);
    if (ftruncate(files_[i]->fd.get(), static_cast<off_t>(ends[i])) == 0) files_[i]->end = ends[i];
  }
}

Result<void> Blob::read(std::uint64_t at, std::span<std::byte> buffer) const {
  if (storage_) return storage_->read(place_, at, buffer);
  std::memcpy(buffer.data(), bytes_.data() + at, buffer.size());
  return {};
}

}  // namespace stsfs::sim
