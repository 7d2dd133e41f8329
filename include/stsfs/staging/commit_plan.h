#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stsfs/oss/object_store.h"
#include "stsfs/staging/extent_map.h"

namespace stsfs::staging {

/// One part of a multipart upload.
struct PlannedPart {
  int number = 0;  ///< 1 to 10,000, ascending with the offset.
  ByteRange range;
  bool copied = false;  ///< UploadPartCopy; else its bytes are sent.
  /// What it is copied from; null: the same range of the base.
  CopySourcePointer source = nullptr;
  std::uint64_t source_offset = 0;
  bool operator==(const PlannedPart&) const = default;
};

/// How a changed file becomes one object.
struct CommitPlan {
  std::vector<PlannedPart> parts;         ///< Empty: one PutObject.
  std::vector<ByteRange> fetched_before;  ///< Bytes that are in OSS only and must be staged first.
  bool operator==(const CommitPlan&) const = default;
};

struct PlanOptions {
  std::uint64_t put_size_max = std::uint64_t{16} << 20;  ///< One PutObject up to here.
  /// With a base, up to here the rest is fetched and the file put whole.
  std::uint64_t refetch_size_max = std::uint64_t{5} << 20;
  std::uint64_t part_size_min = std::uint64_t{8} << 20;  ///< Of parts that are sent.
  std::uint64_t copied_run_min = std::uint64_t{1}
                                 << 20;  ///< Shorter unchanged runs are sent again.
  std::uint64_t copied_part_max = std::uint64_t{512} << 20;
  std::uint64_t copy_size_max = oss::kCopySizeMax;  ///< From here on a copy goes in parts.
};

/// The cheapest plan that OSS takes: at most 10,000 parts, each but the last of 100 KiB at least.
/// `extents` cover the file from 0 without gaps.
CommitPlan plan_commit(std::span<const Extent> extents, const PlanOptions& options);

/// The other object that the whole file is a copy of; then CopyObject is enough. Null when it is
/// not.
CopySourcePointer whole_copy(std::span<const Extent> extents);

/// Part `number` (from 1) of a file whose size is not known yet: 1,000 parts of `part_size_min`,
/// 1,000 of twice that, and so on, so that 10,000 parts hold 8 TiB.
ByteRange streamed_part(int number, const PlanOptions& options);
/// The parts of a streamed upload of `size` bytes; the last is cut there.
std::vector<PlannedPart> streamed_parts(std::uint64_t size, const PlanOptions& options);

}  // namespace stsfs::staging
