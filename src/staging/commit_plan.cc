#include "stsfs/staging/commit_plan.h"

#include <algorithm>

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kPartsMax = 10'000;
constexpr std::uint64_t kPartSizeLeast = 100 << 10;  // of every part but the last
constexpr int kStreamedPartsPerSize = 1'000;

/// A stretch of the file that is copied on the server, or sent.
struct Run {
  ByteRange range;
  bool copied = false;
  CopySourcePointer source = nullptr;
  std::uint64_t source_offset = 0;
};

/// What lies in the base as one run of it, wherever else its bytes are.
std::vector<Extent> seen_from_the_base(std::span<const Extent> extents) {
  std::vector<Extent> out;
  for (const Extent& extent : extents) {
    const bool of_base = extent.origin == Origin::kBase || extent.in_base;
    if (of_base && !out.empty() && out.back().origin == Origin::kBase)
      out.back().range.length += extent.range.length;
    else
      out.push_back(of_base ? Extent{extent.range, Origin::kBase} : extent);
  }
  return out;
}

/// Unchanged runs long enough to be worth a request of their own are copied; everything else is
/// sent. Of two neighbours at most one is sent.
std::vector<Run> runs_of(std::span<const Extent> extents, std::uint64_t copied_run_min) {
  std::vector<Run> runs;
  for (const Extent& extent : seen_from_the_base(extents)) {
    const bool copied = extent.is_remote() && extent.range.length >= copied_run_min;
    if (!runs.empty() && !runs.back().copied && !copied)
      runs.back().range.length += extent.range.length;
    else
      runs.push_back({extent.range, copied, copied ? extent.source : nullptr,
                      copied ? extent.source_offset : 0});
  }
  return runs;
}

/// A sent run that is too short to be a part takes what it lacks from the copied run behind it, or
/// before it. copied_run_min is well above what is taken.
void widen_short_runs(std::vector<Run>& runs) {
  for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
    Run& run = runs[i];
    if (run.copied || run.range.length >= kPartSizeLeast) continue;
    const std::uint64_t lacking = kPartSizeLeast - run.range.length;
    Run& behind = runs[i + 1];
    run.range.length += lacking;
    behind.range.offset += lacking;
    behind.range.length -= lacking;
    if (behind.source) behind.source_offset += lacking;
  }
}

std::vector<PlannedPart> parts_of(const std::vector<Run>& runs, std::uint64_t part_size,
                                  const PlanOptions& options) {
  std::vector<PlannedPart> parts;
  for (const Run& run : runs) {
    const std::uint64_t most =
        run.copied ? std::max(options.copied_part_max, part_size) : part_size;
    // Parts of even size, so that none is below the least.
    const std::uint64_t count = (run.range.length + most - 1) / most;
    const std::uint64_t each = (run.range.length + count - 1) / count;
    for (std::uint64_t at = 0; at < run.range.length; at += each)
      parts.push_back({static_cast<int>(parts.size()) + 1,
                       {run.range.offset + at, std::min(each, run.range.length - at)},
                       run.copied,
                       run.source,
                       run.source ? run.source_offset + at : 0});
  }
  return parts;
}

std::vector<ByteRange> remote_bytes_sent_in(std::span<const Extent> extents,
                                            const std::vector<PlannedPart>& parts) {
  std::vector<ByteRange> out;
  auto part = parts.begin();
  for (const Extent& extent : extents) {
    if (!extent.is_remote()) continue;
    while (part != parts.end() && part->range.end() <= extent.range.offset) ++part;
    for (auto at = part; at != parts.end() && at->range.offset < extent.range.end(); ++at) {
      if (at->copied) continue;
      const std::uint64_t from = std::max(at->range.offset, extent.range.offset);
      const std::uint64_t to = std::min(at->range.end(), extent.range.end());
      if (!out.empty() && out.back().end() == from)
        out.back().length += to - from;
      else
        out.push_back({from, to - from});
    }
  }
  return out;
}

std::vector<ByteRange> all_remote_bytes(std::span<const Extent> extents) {
  std::vector<ByteRange> out;
  for (const Extent& extent : extents)
    if (extent.is_remote()) out.push_back(extent.range);
  return out;
}

}  // namespace

CommitPlan plan_commit(std::span<const Extent> extents, const PlanOptions& options) {
  CommitPlan plan;
  const std::uint64_t size = extents.empty() ? 0 : extents.back().range.end();
  std::uint64_t unchanged = 0;
  for (const Extent& extent : extents)
    if (extent.is_in_store()) unchanged += extent.range.length;
  if (size <= options.put_size_max && (unchanged == 0 || size <= options.refetch_size_max)) {
    plan.fetched_before = all_remote_bytes(extents);
    return plan;
  }
  // Too many small changes for 10,000 parts: longer stretches between them are sent again, and the
  // parts grow.
  std::uint64_t copied_run_min = options.copied_run_min;
  std::uint64_t part_size = options.part_size_min;
  for (;;) {
    std::vector<Run> runs = runs_of(extents, copied_run_min);
    widen_short_runs(runs);
    plan.parts = parts_of(runs, part_size, options);
    if (plan.parts.size() <= kPartsMax) break;
    copied_run_min *= 2;
    part_size *= 2;
  }
  if (size <= options.put_size_max &&
      std::none_of(plan.parts.begin(), plan.parts.end(), [](const auto& p) { return p.copied; }))
    plan.parts.clear();  // nothing to copy after all: one request is cheaper
  plan.fetched_before =
      plan.parts.empty() ? all_remote_bytes(extents) : remote_bytes_sent_in(extents, plan.parts);
  return plan;
}

CopySourcePointer whole_copy(std::span<const Extent> extents) {
  if (extents.size() != 1 || extents[0].origin != Origin::kCopied) return nullptr;
  const Extent& all = extents[0];
  const bool is_whole = all.source_offset == 0 && all.source->size == all.range.length;
  return is_whole ? all.source : nullptr;
}

ByteRange streamed_part(int number, const PlanOptions& options) {
  ByteRange out{0, options.part_size_min};
  int left = number - 1;
  while (left >= kStreamedPartsPerSize) {
    out.offset += out.length * kStreamedPartsPerSize;
    out.length *= 2;
    left -= kStreamedPartsPerSize;
  }
  out.offset += out.length * static_cast<std::uint64_t>(left);
  return out;
}

std::vector<PlannedPart> streamed_parts(std::uint64_t size, const PlanOptions& options) {
  std::vector<PlannedPart> out;
  for (int number = 1;; ++number) {
    ByteRange range = streamed_part(number, options);
    if (range.offset >= size) return out;
    range.length = std::min(range.length, size - range.offset);
    out.push_back({.number = number, .range = range});
  }
}

}  // namespace stsfs::staging
