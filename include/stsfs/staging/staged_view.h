#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "stsfs/base/result.h"
#include "stsfs/staging/extent_map.h"
#include "stsfs/staging/staged_file.h"

namespace stsfs::staging {

/// A staged file for whoever sends it: as it is, and from `freeze` on as it was at that moment,
/// however it is written on.
///
/// Threads: every call at once on any thread; but nobody may write to the file during `freeze`.
class StagedView {
 public:
  explicit StagedView(std::shared_ptr<StagedFile> file) : file_(std::move(file)) {}
  ~StagedView();
  StagedView(const StagedView&) = delete;
  StagedView& operator=(const StagedView&) = delete;

  const std::shared_ptr<StagedFile>& file() const { return file_; }
  /// Once. `moment`: from Journal::next_note. Of `extents`, what is staged.
  void freeze(std::uint64_t moment, std::span<const Extent> extents);
  /// Zeros where nothing was written.
  Result<void> read(std::span<std::byte> buffer, std::uint64_t offset) const;

 private:
  const std::shared_ptr<StagedFile> file_;
  std::atomic<std::uint64_t> moment_{0};
};

}  // namespace stsfs::staging
