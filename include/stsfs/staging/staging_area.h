#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"
#include "stsfs/http/body.h"

namespace stsfs::staging {

class StagingArea;

/// The local sparse file of one changed file. It has no name on disk, so that nothing is left when
/// the daemon ends, however it ends.
///
/// Threads: every call at once on any thread.
class StagedFile {
 public:
  StagedFile(StagingArea& area, UniqueFd fd) : area_(area), fd_(std::move(fd)) {}
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  /// kNoSpace when the disk or the area's budget is full: then nothing of `bytes` counts as
  /// written.
  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset);
  /// Zeros where nothing was written.
  Result<void> read(std::span<std::byte> buffer, std::uint64_t offset) const;
  /// Gives the blocks behind `size` back.
  Result<void> truncate(std::uint64_t size);

 private:
  StagingArea& area_;
  const UniqueFd fd_;
  std::atomic<std::uint64_t> charged_{0};  // blocks of this file, as last seen
  std::atomic<std::uint64_t> reserved_from_{0}, reserved_end_{0};  // the last run that was reserved

  Result<void> reserve(ByteRange range);
  void charge();
};

struct StagingOptions {
  std::string directory;           ///< Made 0700 if it is not there.
  std::uint64_t budget_bytes = 0;  ///< 0: what the disk has.
};

/// Where staged files live.
///
/// Threads: every call at once on any thread. Lifetime: outlives its files.
class StagingArea {
 public:
  static Result<std::unique_ptr<StagingArea>> open(const StagingOptions& options);

  Result<std::shared_ptr<StagedFile>> create();
  std::uint64_t used_bytes() const { return used_; }

 private:
  friend class StagedFile;
  StagingArea(StagingOptions options) : options_(std::move(options)) {}

  const StagingOptions options_;
  std::atomic<std::uint64_t> used_{0};
};

/// The first `size` bytes of a staged file as a request's body, from `offset` on.
std::shared_ptr<http::BodySource> staged_body(std::shared_ptr<const StagedFile> file,
                                              std::uint64_t offset, std::uint64_t size);

}  // namespace stsfs::staging
