// What a file has in OSS only and is to have here: for a commit that must send it again, for a copy
// whose source is about to change, for a file whose object is about to go.
//
// Room for all of it is claimed before anything is asked for: of several that had each fetched a
// part none might ever get the room for the rest. A commit that gets none gives up its turn and
// tries again while others are on their way, since what they hold may become free, but for no
// longer than commit_timeout.

#include <algorithm>

#include "file_content.h"
#include "gone.h"
#include "reading/range_fetch.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

using staging::Extent;
using staging::Origin;

constexpr std::chrono::milliseconds kRoomPause{250};

std::uint64_t bytes_of(const std::vector<ByteRange>& ranges) {
  std::uint64_t out = 0;
  for (const ByteRange& range : ranges) out += range.length;
  return out;
}

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
Result<void> FileContent::stage_what_was_read(BaseReader& base, Piece& piece,
                                              staging::RoomClaim& claim) {
  Result<void> staged;
  const auto was_read = [&](const ByteRange& range) {
    return staged && base.read_if_here(range, [&](std::span<const std::byte> bytes) {
      staged = stage_fetched(piece, bytes, range.offset, claim);
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
  std::uint64_t bytes = 0;
  for (const Piece& piece : *pieces) bytes += bytes_of(piece.ranges);
  auto claimed = around_.area.claim(bytes);
  if (!claimed) {
    next(fail(std::move(claimed.error()), "fetch " + human_bytes(bytes) + " that are sent again"));
    return;
  }
  const std::shared_ptr<staging::RoomClaim> claim = std::move(*claimed);
  for (Piece& piece : *pieces)
    if (ready && base && piece.base && piece.source->etag == base->etag())
      ready = stage_what_was_read(*base, piece, *claim);
  std::erase_if(*pieces, [](const Piece& piece) { return piece.ranges.empty(); });
  if (!ready) {
    claim->give_back();
    next(std::move(ready));
    return;
  }
  fetch_pieces(chain, std::move(pieces), claim,
               [self = shared_from_this(), &chain, ranges = std::move(ranges), ground, claim,
                next = std::move(next)](Result<void> result) mutable {
                 claim->give_back();  // the chain may keep what has it
                 if (!result && is_gone(result.error()) && self->has_moved_since(ground))
                   self->fetch(chain, std::move(ranges), std::move(next));
                 else
                   next(std::move(result));
               });
}

/// The last one, then those before it.
void FileContent::fetch_pieces(Chain& chain, std::shared_ptr<std::vector<Piece>> pieces,
                               std::shared_ptr<staging::RoomClaim> claim, Callback<void> next) {
  if (pieces->empty()) {
    next({});
    return;
  }
  auto piece = std::make_shared<const Piece>(std::move(pieces->back()));
  pieces->pop_back();
  const std::uint64_t bytes = bytes_of(piece->ranges);
  chain.step([&] {
    return fetch_ranges(
        around_.store, piece->source->key, piece->source->etag, piece->ranges,
        staging::upload_deadline(around_.clock, around_.options.upload, bytes),
        [this, piece, claim](std::span<const std::byte> got, std::uint64_t offset) {
          return stage_fetched(*piece, got, offset + piece->shift, *claim);
        },
        [self = shared_from_this(), &chain, pieces, claim,
         next = std::move(next)](Result<void> result) mutable {
          if (result)
            self->fetch_pieces(chain, std::move(pieces), std::move(claim), std::move(next));
          else
            next(std::move(result));
        });
  });
}

/// Where nothing was written meanwhile, which is newer.
Result<void> FileContent::stage_fetched(const Piece& piece, std::span<const std::byte> bytes,
                                        std::uint64_t offset, staging::RoomClaim& claim) {
  MutexLock lock(mutex_);
  if (auto ready = stage(); !ready) return ready;  // a truncation may have taken it
  for (const Extent& extent : map_.within({offset, bytes.size()})) {
    if (!piece.has(extent)) continue;
    const auto part = bytes.subspan(extent.range.offset - offset, extent.range.length);
    if (auto written = staged_->write(part, extent.range.offset, &claim); !written) return written;
    map_.fetched(extent.range);
    ++state_;
  }
  return {};
}

// --- a commit without room for what it is to fetch ---

/// Without its slot: others go on, and what they hold may become free.
void FileContent::had_no_room(Error error, std::uint64_t bytes) {
  slot_.release();
  commit_view_.reset();
  const SteadyTime now = around_.clock.steady();
  if (!short_of_room_since_) short_of_room_since_ = now;
  const bool is_late = *short_of_room_since_ + around_.options.upload.progress_timeout <= now;
  if (is_late || !around_.slots.may_free_room()) {
    finish(fail(std::move(error)));
    return;
  }
  {
    MutexLock lock(mutex_);
    last_error_ = error.message;
  }
  chain_.step([&] {
    return around_.scheduler.after(kRoomPause, [self = shared_from_this(), error, bytes] {
      self->look_for_room(error, bytes);
    });
  });
}

void FileContent::look_for_room(const Error& error, std::uint64_t bytes) {
  if (gives_way()) return;
  bool is_changed = false;
  {
    MutexLock lock(mutex_);
    is_changed = changes_.last() != commit_change_;
  }
  if (is_changed || around_.area.has_claim_for(bytes))
    start_commit();
  else
    had_no_room(error, bytes);
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
