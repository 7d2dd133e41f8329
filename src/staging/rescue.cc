#include "stsfs/staging/rescue.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "undo_record.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kPieceSize = std::uint64_t{1} << 20;

Result<void> copy_range(int from, int to, ByteRange range) {
  std::vector<std::byte> piece(std::min(kPieceSize, range.length));
  for (std::uint64_t at = range.offset; at < range.end();) {
    const auto wanted = std::span(piece).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), range.end() - at)));
    auto got = pread_full(from, wanted, at);
    if (!got) return fail(std::move(got.error()));
    if (*got == 0) return {};  // a hole at its end
    if (auto put = pwrite_full(to, wanted.first(*got), at); !put) return put;
    at += *got;
  }
  return {};
}

/// What was written over since the note, and not noted, counts for nothing.
Result<void> undo_in(int to, const std::string& directory, const JournalEntry& entry) {
  auto beside = files_beside(directory);
  if (!beside) return fail(std::move(beside.error()));
  return undo(directory, entry.staged_name, entry.note, (*beside)[entry.staged_name],
              [&](std::span<const std::byte> bytes, std::uint64_t offset) -> Result<void> {
                for (const Extent& extent : entry.extents) {
                  const std::uint64_t from = std::max(offset, extent.range.offset);
                  const std::uint64_t end = std::min(offset + bytes.size(), extent.range.end());
                  if (extent.origin != Origin::kStaged || from >= end) continue;
                  if (auto put = pwrite_full(to, bytes.subspan(from - offset, end - from), from);
                      !put)
                    return put;
                }
                return {};
              });
}

}  // namespace

Result<std::vector<ByteRange>> rescue_file(const std::string& staging_directory,
                                           const JournalEntry& entry, const std::string& target) {
  UniqueFd from;
  if (!entry.staged_name.empty()) {
    if (entry.staged_name.find('/') != std::string::npos)
      return fail(Errc::kCorrupt, printable(entry.staged_name) + " is no name of a staged file");
    from.reset(::open((staging_directory + "/" + entry.staged_name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!from) return fail_errno("open the staged file of " + printable(entry.path));
  }
  const UniqueFd to(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to) return fail_errno("create " + printable(target));
  const std::uint64_t size = entry.extents.empty() ? 0 : entry.extents.back().range.end();
  if (ftruncate(to.get(), static_cast<off_t>(size)) != 0)
    return fail_errno("extend " + printable(target));
  std::vector<ByteRange> lacking;
  for (const Extent& extent : entry.extents) {
    if (extent.is_remote()) lacking.push_back(extent.range);
    if (extent.origin == Origin::kStaged)
      if (auto copied = copy_range(from.get(), to.get(), extent.range); !copied)
        return fail(std::move(copied.error()), printable(target));
  }
  if (from)
    if (auto undone = undo_in(to.get(), staging_directory, entry); !undone)
      return fail(std::move(undone.error()), printable(target));
  if (fsync(to.get()) != 0) return fail_errno("write " + printable(target) + " to the disk");
  return lacking;
}

}  // namespace stsfs::staging
