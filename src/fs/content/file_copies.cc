// Ranges of a file that are ranges of other objects: copy_file_range makes them, and the commit has
// the server copy them. Until then they hang on a version that is not ours to keep. What this mount
// itself is about to change or delete is fetched first (`localize`); when another client does, the
// copy is set aside with what of it is here, and its close says ESTALE, which is why a close with
// such ranges waits for OSS in either commit mode.

#include <algorithm>

#include "file_content.h"
#include "gone.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

using staging::CopySource;
using staging::CopySourcePointer;
using staging::Extent;
using staging::Origin;

constexpr std::uint64_t kPieceSize = std::uint64_t{1} << 20;

}  // namespace

bool FileContent::has_copies() const {
  MutexLock lock(mutex_);
  return map_.has_copies() && !changes_.are_in_store();
}

/// The version that the base is, as others copy from it.
CopySourcePointer FileContent::base_as_source() {
  if (!as_source_ || as_source_->key != key_ || as_source_->etag != etag_)
    as_source_ = std::make_shared<const CopySource>(
        CopySource{.key = key_, .etag = etag_, .size = base_size_});
  return as_source_;
}

FileContent::Lent FileContent::lend(ByteRange range) {
  MutexLock lock(mutex_);
  Lent out{.extents = map_.within(range), .staged = staged_};
  for (Extent& extent : out.extents) {
    if (extent.origin != Origin::kBase) continue;
    extent.origin = Origin::kCopied;
    extent.source = base_as_source();
    extent.source_offset = extent.range.offset;
  }
  return out;
}

bool FileContent::is_at_hand(ByteRange range) {
  std::shared_ptr<BaseReader> base;
  std::vector<Extent> extents;
  {
    MutexLock lock(mutex_);
    base = base_;
    extents = map_.within(range);
  }
  return std::all_of(extents.begin(), extents.end(), [&](const Extent& extent) {
    if (extent.origin == Origin::kBase) return base && base->is_here_or_coming(extent.range);
    return extent.origin != Origin::kCopied;
  });
}

Result<void> FileContent::take(const Lent& lent, std::uint64_t from, std::uint64_t to) {
  if (lent.extents.empty()) return {};
  if (auto may = may_reach(lent.extents.back().range.end() - from + to); !may) return may;
  for (const Extent& extent : lent.extents) {
    const std::uint64_t at = extent.range.offset - from + to;
    if (extent.origin == Origin::kStaged) {
      if (auto copied = take_staged(*lent.staged, extent.range, at); !copied) return copied;
      continue;
    }
    {
      MutexLock lock(mutex_);
      if (auto may = may_change(); !may) return may;
      const ByteRange place{at, extent.range.length};
      if (extent.origin == Origin::kZero)
        map_.zero(place);
      else
        map_.copy(place, extent.source, extent.source_offset);
      if (stream_) stream_->outdated(place);
      changed();
    }
    if (extent.source) around_.copy_users.add(extent.source->key, weak_from_this());
  }
  return {};
}

Result<void> FileContent::take_staged(const staging::StagedFile& from, ByteRange range,
                                      std::uint64_t to) {
  std::vector<std::byte> piece(std::min(kPieceSize, range.length));
  for (std::uint64_t done = 0; done < range.length; done += piece.size()) {
    piece.resize(std::min(kPieceSize, range.length - done));
    if (auto got = from.read(piece, range.offset + done); !got) return got;
    if (auto put = write(piece, to + done); !put) return put;
  }
  return {};
}

/// The reader of what a range that is in OSS only comes from.
std::shared_ptr<BaseReader> FileContent::reader_of(const Extent& extent) {
  if (extent.origin == Origin::kBase) return base_reader();
  const CopySource& source = *extent.source;
  std::shared_ptr<BaseReader>& reader = copy_readers_[{source.key, source.etag}];
  if (!reader) reader = make_reader(source.key, source.etag, source.size);
  return reader;
}

void FileContent::watch_copies() {
  std::vector<Extent> extents;
  {
    MutexLock lock(mutex_);
    extents = map_.all();
  }
  for (const Extent& extent : extents)
    if (extent.source) around_.copy_users.add(extent.source->key, weak_from_this());
}

void FileContent::localize(Callback<void> done) {
  std::vector<ByteRange> ranges;
  bool start = false;
  {
    MutexLock lock(mutex_);
    if (!stopped_ && !changes_.are_in_store())
      for (const Extent& extent : map_.all())
        if (extent.origin == Origin::kCopied) ranges.push_back(extent.range);
    if (!ranges.empty()) {
      localize_waiters_.push_back(std::move(done));
      start = localize_waiters_.size() == 1;
    }
  }
  if (ranges.empty())
    done({});
  else if (start)
    fetch(localize_chain_, std::move(ranges),
          [self = shared_from_this()](Result<void> result) { self->localized(std::move(result)); });
}

void FileContent::localized(Result<void> result) {
  std::vector<Callback<void>> told;
  {
    MutexLock lock(mutex_);
    told.swap(localize_waiters_);
    if (result) ++state_;
  }
  // A source that is gone already is no reason to keep it from going.
  if (!result && is_gone(result.error())) result = {};
  for (auto& done : told) done(result);
}

/// What the commit under way still needs of other objects.
std::vector<CopySourcePointer> FileContent::sources_left() const {
  std::vector<CopySourcePointer> out;
  MutexLock lock(mutex_);
  for (const Extent& extent : commit_extents_) {
    if (extent.origin != Origin::kCopied || map_.within(extent.range) != std::vector{extent})
      continue;
    if (std::find(out.begin(), out.end(), extent.source) == out.end()) out.push_back(extent.source);
  }
  return out;
}

/// After a commit failed since some version is not there: is it one that we copy from? Nothing
/// brings that back, and trying again is of no use.
void FileContent::look_at_sources(Error error, std::vector<CopySourcePointer> left,
                                  UniqueFunction<void(Error)> all_there) {
  if (!is_gone(error) || left.empty()) {
    all_there(std::move(error));
    return;
  }
  const CopySourcePointer source = left.back();
  left.pop_back();
  chain_.step([&] {
    return around_.store.start_head(
        source->key, Deadline::in(around_.clock, around_.options.read_timeout),
        [self = shared_from_this(), error = std::move(error), source, left = std::move(left),
         all_there = std::move(all_there)](Result<oss::ObjectMeta> meta) mutable {
          const bool gone = !meta && meta.error().code == Errc::kNotFound;
          if (gone || (meta && meta->etag != source->etag))
            self->set_aside("another client changed " + printable(source->key) +
                            ", which it is a copy of");
          else if (!meta)
            all_there(std::move(meta.error()));
          else
            self->look_at_sources(std::move(error), std::move(left), std::move(all_there));
        });
  });
}

void localize_users(CopyUsers& users, const std::string& key, const FileContent* but,
                    Callback<void> done) {
  struct Gather {
    Mutex mutex;
    std::size_t left STSFS_GUARDED_BY(mutex) = 0;
    Result<void> result STSFS_GUARDED_BY(mutex);
    Callback<void> done;
  };
  auto known = users.users_of(key);
  std::erase_if(known, [&](const auto& user) { return user.get() == but; });
  if (known.empty()) {
    done({});
    return;
  }
  auto gather = std::make_shared<Gather>();
  {
    MutexLock lock(gather->mutex);
    gather->left = known.size();
  }
  gather->done = std::move(done);
  for (const auto& user : known)
    user->localize([gather](Result<void> one) {
      Result<void> result;
      {
        MutexLock lock(gather->mutex);
        if (!one) gather->result = std::move(one);
        if (--gather->left > 0) return;
        result = gather->result;
      }
      gather->done(std::move(result));
    });
}

}  // namespace stsfs::fs
