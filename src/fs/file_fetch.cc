// What a file has in OSS only and is to have here: for a commit that must send it again, for a copy
// whose source is about to change, for a file whose object is about to go.

#include <algorithm>

#include "file_content.h"
#include "gone.h"
#include "range_fetch.h"

namespace stsfs::fs {
namespace {

using staging::Extent;
using staging::Origin;

}  // namespace

/// Bytes of one version of one object that lie in the file `shift` behind their place there
/// (wraps).
struct FileContent::Piece {
  staging::CopySourcePointer source;
  bool base = false;
  std::uint64_t shift = 0;
  std::vector<ByteRange> ranges;  // in the object

  bool has(const Extent& extent) const {
    if (base) return extent.origin == Origin::kBase;
    return extent.origin == Origin::kCopied && *extent.source == *source &&
           extent.range.offset - extent.source_offset == shift;
  }
};

std::vector<FileContent::Piece> FileContent::pieces_of(const std::vector<ByteRange>& ranges) {
  std::vector<Piece> out;
  for (const ByteRange& range : ranges)
    for (const Extent& extent : map_.within(range)) {
      if (!extent.is_remote()) continue;
      auto piece = std::find_if(out.begin(), out.end(),
                                [&](const Piece& known) { return known.has(extent); });
      if (piece == out.end() && extent.origin == Origin::kBase)
        piece = out.insert(out.end(), {base_as_source(), true, 0, {}});
      else if (piece == out.end())
        piece = out.insert(out.end(),
                           {extent.source, false, extent.range.offset - extent.source_offset, {}});
      piece->ranges.push_back({extent.range.offset - piece->shift, extent.range.length});
    }
  return out;
}

/// What the base's reader has in memory is not fetched again.
Result<void> FileContent::stage_what_was_read(BaseReader& base, Piece& piece) {
  Result<void> staged;
  const auto was_read = [&](const ByteRange& range) {
    return staged && base.read_if_here(range, [&](std::span<const std::byte> bytes) {
      staged = stage_fetched(piece, bytes, range.offset);
    });
  };
  std::erase_if(piece.ranges, was_read);
  return staged;
}

/// Turns these bytes, which are in OSS only, into staged ones.
void FileContent::fetch(Chain& chain, std::vector<ByteRange> ranges, Callback<void> next) {
  auto pieces = std::make_shared<std::vector<Piece>>();
  std::shared_ptr<BaseReader> base;
  std::uint64_t ground = 0;
  Result<void> ready;
  {
    MutexLock lock(mutex_);
    ground = ground_;
    *pieces = pieces_of(ranges);
    base = base_;
    ready = stage();
  }
  for (Piece& piece : *pieces)
    if (ready && base && piece.base && piece.source->etag == base->etag())
      ready = stage_what_was_read(*base, piece);
  std::erase_if(*pieces, [](const Piece& piece) { return piece.ranges.empty(); });
  if (!ready) {
    next(std::move(ready));
    return;
  }
  fetch_pieces(chain, std::move(pieces),
               [self = shared_from_this(), &chain, ranges = std::move(ranges), ground,
                next = std::move(next)](Result<void> result) mutable {
                 if (!result && is_gone(result.error()) && self->has_moved_since(ground))
                   self->fetch(chain, std::move(ranges), std::move(next));
                 else
                   next(std::move(result));
               });
}

/// The last one, then those before it.
void FileContent::fetch_pieces(Chain& chain, std::shared_ptr<std::vector<Piece>> pieces,
                               Callback<void> next) {
  if (pieces->empty()) {
    next({});
    return;
  }
  auto piece = std::make_shared<const Piece>(std::move(pieces->back()));
  pieces->pop_back();
  std::uint64_t bytes = 0;
  for (const ByteRange& range : piece->ranges) bytes += range.length;
  chain.step([&] {
    return fetch_ranges(
        around_.store, piece->source->key, piece->source->etag, piece->ranges,
        staging::upload_deadline(around_.clock, around_.options.upload, bytes),
        [this, piece](std::span<const std::byte> got, std::uint64_t offset) {
          return stage_fetched(*piece, got, offset + piece->shift);
        },
        [self = shared_from_this(), &chain, pieces,
         next = std::move(next)](Result<void> result) mutable {
          if (result)
            self->fetch_pieces(chain, std::move(pieces), std::move(next));
          else
            next(std::move(result));
        });
  });
}

/// Where nothing was written meanwhile, which is newer.
Result<void> FileContent::stage_fetched(const Piece& piece, std::span<const std::byte> bytes,
                                        std::uint64_t offset) {
  MutexLock lock(mutex_);
  if (auto ready = stage(); !ready) return ready;  // a truncation may have taken it
  for (const Extent& extent : map_.within({offset, bytes.size()})) {
    if (!piece.has(extent)) continue;
    const auto part = bytes.subspan(extent.range.offset - offset, extent.range.length);
    if (auto written = staged_->write(part, extent.range.offset); !written) return written;
    map_.fetched(extent.range);
    ++state_;
  }
  return {};
}

void FileContent::detach(Callback<void> done) {
  std::vector<ByteRange> ranges;
  {
    MutexLock lock(mutex_);
    map_.base_gone();
    if (!stopped_)
      for (const Extent& extent : map_.all())
        if (extent.is_remote()) ranges.push_back(extent.range);
  }
  if (ranges.empty())
    done({});
  else
    fetch(chain_, std::move(ranges), std::move(done));
}

}  // namespace stsfs::fs
