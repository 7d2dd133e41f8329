#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "stsfs/base/result.h"

namespace stsfs {

/// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// Reads until `buffer` is full or the file ends; returns the bytes read.
Result<std::size_t> pread_full(int fd, std::span<std::byte> buffer, std::uint64_t offset);
Result<void> pwrite_full(int fd, std::span<const std::byte> bytes, std::uint64_t offset);

/// The whole of a small file; kTooLarge when it is longer than `size_max_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t size_max_bytes = 1 << 20);

/// Replaces `path` so that a crash leaves the old or the new contents: temporary file in the same
/// directory, `mode`, fsync, rename, fsync of the directory.
Result<void> write_file_atomically(const std::string& path, std::string_view contents,
                                   unsigned mode = 0600);

/// Brings the name of `path` to the disk, or that it is gone: fsync of a file need not.
Result<void> sync_directory_of(const std::string& path);

/// `mkdir -p` with `mode` for what is created, whose names are on the disk when it returns.
Result<void> make_directories(const std::string& path, unsigned mode = 0700);

}  // namespace stsfs
