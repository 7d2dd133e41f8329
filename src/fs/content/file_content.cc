#include "file_content.h"

#include <algorithm>

#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

using staging::Extent;
using staging::Origin;

constexpr std::uint64_t kFileSizeMax = oss::kPartsMax * oss::kPartSizeMax;

/// Below this a file is put at once when it is closed.
std::uint64_t first_stream_size(const staging::PlanOptions& plan) {
  return plan.put_size_max + plan.part_size_min;
}

}  // namespace

FileContent::FileContent(ContentSurroundings& around, InodeNumber inode, std::string key,
                         std::string etag, std::uint64_t size)
    : around_(around),
      inode_(inode),
      key_(std::move(key)),
      etag_(std::move(etag)),
      base_size_(size),
      map_(size),
      backoff_(around.options.retry_backoff, around.options.retry_backoff_max),
      stream_from_(first_stream_size(around.options.upload.plan)) {
  // A file is to be put even when nothing is ever written; what a directory without an object owes
  // are attributes, once somebody changes them.
  if (etag_.empty() && !key_.ends_with('/')) changes_.written();
}

FileContent::FileContent(ContentSurroundings& around, InodeNumber inode,
                         const staging::JournalEntry& entry,
                         std::shared_ptr<staging::StagedFile> staged)
    : around_(around),
      inode_(inode),
      key_(entry.base_key),
      etag_(entry.base_etag),
      base_size_(entry.base_size),
      staged_(std::move(staged)),
      map_(entry.extents),
      changes_(ContentChanges::closed()),
      backoff_(around.options.retry_backoff, around.options.retry_backoff_max),
      writes_(entry.writes),
      begun_(!entry.writes.line.empty()),  // the note does not tell
      note_id_(entry.id),
      noted_(1),
      noted_file_(staged_),
      noted_moment_(entry.note),
      stream_from_(UINT64_MAX) {
  if (staged_) staged_->freeze(entry.note, entry.extents);
}

// Reads under way hold the content: nobody waits any more for what its reader still fetches.
FileContent::~FileContent() {
  if (base_) base_->close();
}

FileContent::Version FileContent::base() const {
  MutexLock lock(mutex_);
  return {key_, etag_, base_size_};
}

std::uint64_t FileContent::size() const {
  MutexLock lock(mutex_);
  return map_.size();
}

bool FileContent::dirty() const {
  MutexLock lock(mutex_);
  return !changes_.are_in_store();
}

std::uint64_t FileContent::last_change() const {
  MutexLock lock(mutex_);
  return changes_.last();
}

bool FileContent::is_closed(std::uint64_t change) const {
  MutexLock lock(mutex_);
  return changes_.are_closed(change);
}

bool FileContent::is_kept(std::uint64_t change, bool noted_is_enough) const {
  MutexLock lock(mutex_);
  if (!may_change() || !changes_.are_closed(change)) return false;
  const bool noted = note_id_ != 0 && noted_ != 0 && noted_change_ >= change;
  // What is still to be copied hangs on an object that another client may change.
  return changes_.in_store() >= change || (noted_is_enough && noted && !map_.has_copies());
}

bool FileContent::busy() const {
  MutexLock lock(mutex_);
  return committing_ || holds_ > 0;
}

bool FileContent::is_only_being_written() const {
  MutexLock lock(mutex_);
  return !committing_ && !detached_ && may_change() && !changes_.are_in_store() &&
         !changes_.are_owed();
}

bool FileContent::may_be_in_store() const {
  MutexLock lock(mutex_);
  return begun_;
}

std::string FileContent::path_beside() const {
  MutexLock lock(mutex_);
  return detached_path_;
}

std::string FileContent::last_error() const {
  MutexLock lock(mutex_);
  const bool refused = (staged_ && staged_->is_refused()) || around_.journal.disk_failed();
  if (!refused) return last_error_;
  return "the local disk refuses what was written, a loss of power would take it" +
         (last_error_.empty() ? "" : "; " + last_error_);
}

std::uint64_t FileContent::unsent_bytes() const {
  MutexLock lock(mutex_);
  return map_.unsent_bytes();
}

// --- reading ---

namespace {

using Bytes = std::span<const std::byte>;

/// The parts of one read that come from the base: all must be here before it is answered.
struct Gather {
  Mutex mutex;
  std::size_t missing STSFS_GUARDED_BY(mutex) = 0;
  std::optional<Error> error STSFS_GUARDED_BY(mutex);
  std::shared_ptr<std::vector<std::byte>> buffer;
  Callback<Bytes> done;

  void arrived(std::uint64_t at, Result<Bytes> got) {
    std::optional<Error> failed;
    {
      MutexLock lock(mutex);
      if (got)
        std::copy(got->begin(), got->end(), buffer->begin() + static_cast<std::ptrdiff_t>(at));
      else if (!error)
        error = std::move(got.error());
      if (--missing > 0) return;
      failed = std::move(error);
    }
    if (failed)
      done(fail(std::move(*failed)));
    else
      done(Bytes(*buffer));
  }
};

}  // namespace

std::shared_ptr<BaseReader> FileContent::base_reader() {
  if (!base_) base_ = make_reader(key_, etag_, base_size_);
  return base_;
}

void FileContent::start_reading(Deadline deadline, Callback<oss::ObjectMeta> confirmed) {
  std::shared_ptr<BaseReader> base;
  {
    MutexLock lock(mutex_);
    base = base_reader();
  }
  base->start(deadline, std::move(confirmed));
}

void FileContent::read_with(std::shared_ptr<BaseReader> reader) {
  MutexLock lock(mutex_);
  if (!base_ && reader->key() == key_ && reader->etag() == etag_ && reader->size() == base_size_)
    base_.swap(reader);
}

void FileContent::leave(ReadStreams::ReaderId by) {
  std::vector<std::shared_ptr<BaseReader>> readers;
  {
    MutexLock lock(mutex_);
    if (base_) readers.push_back(base_);
    for (const auto& [version, reader] : copy_readers_) readers.push_back(reader);
  }
  for (const auto& reader : readers) reader->leave(by);
}

void FileContent::read(ByteRange range, Callback<Bytes> done, ReadStreams::ReaderId by) {
  auto buffer = std::make_shared<std::vector<std::byte>>();
  struct Remote {
    std::shared_ptr<BaseReader> reader;
    ByteRange range;   // in its object
    std::uint64_t at;  // in what was asked for
  };
  std::vector<Remote> remote;
  std::uint64_t ground = 0;
  const std::uint64_t offset = range.offset;
  std::optional<Error> error;
  {
    MutexLock lock(mutex_);
    const std::uint64_t end = std::min(range.end(), map_.size());
    const auto extents = map_.within(range);
    // The common case, all of it from one object, needs no buffer of ours.
    const bool whole = extents.size() == 1 && extents[0].is_remote();
    if (offset < end && !whole) buffer->resize(end - offset);
    for (const Extent& extent : extents) {
      if (extent.is_remote())
        remote.push_back({reader_of(extent), extent.source ? extent.source_range() : extent.range,
                          extent.range.offset - offset});
      if (extent.origin != Origin::kStaged) continue;
      const auto place =
          std::span(*buffer).subspan(extent.range.offset - offset, extent.range.length);
      if (auto got = staged_->read(place, extent.range.offset); !got)
        error = std::move(got.error());
    }
    if (!remote.empty() && stopped_) error = Error{Errc::kInterrupted, "the mount is ending", {}};
    ground = ground_;
  }
  if (error) {
    done(fail(std::move(*error)));
    return;
  }
  if (remote.empty()) {
    done(Bytes(*buffer));
    return;
  }
  auto checked = [self = shared_from_this(), range, ground,
                  done = std::move(done)](Result<Bytes> got) mutable {
    if (got)
      done(*got);
    else
      self->read_again(range, std::move(done), std::move(got.error()), ground);
  };
  if (buffer->empty()) {
    remote[0].reader->read(remote[0].range, std::move(checked), by);
    return;
  }
  auto gather = std::make_shared<Gather>();
  {
    MutexLock lock(gather->mutex);
    gather->missing = remote.size();
  }
  gather->buffer = buffer;
  gather->done = std::move(checked);
  for (const Remote& one : remote)
    one.reader->read(
        one.range,
        [gather, at = one.at](Result<Bytes> got) { gather->arrived(at, std::move(got)); }, by);
}

std::shared_ptr<BaseReader> FileContent::make_reader(const std::string& key,
                                                     const std::string& etag,
                                                     std::uint64_t size) const {
  auto reader = std::make_shared<BaseReader>(around_.reads, key, etag, size);
  around_.reads.readers.add(reader);
  return reader;
}

// --- writing ---

Result<void> FileContent::stage() {
  if (staged_) return {};
  auto file = around_.area.create();
  if (!file) return fail(std::move(file.error()));
  staged_ = std::move(*file);
  return {};
}

Result<void> FileContent::may_change() const {
  if (aside_) return fail(*aside_);
  return {};
}

Result<void> FileContent::may_reach(std::uint64_t size) {
  if (size <= kFileSizeMax) return {};
  return fail(Errc::kTooLarge, "an object of OSS takes " + human_bytes(kFileSizeMax));
}

Result<void> FileContent::write_locked(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (bytes.empty()) return {};
  if (auto may = may_change(); !may) return may;
  if (auto may = may_reach(offset + bytes.size()); !may) return may;
  if (auto ready = stage(); !ready) return ready;
  if (auto written = staged_->write(bytes, offset); !written) return written;
  map_.write({offset, bytes.size()});
  if (stream_) stream_->outdated({offset, bytes.size()});
  changed();
  return {};
}

Result<void> FileContent::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  {
    MutexLock lock(mutex_);
    if (auto written = write_locked(bytes, offset); !written) return written;
    if (map_.size() < stream_from_) return {};
  }
  stream();
  return {};
}

Result<std::uint64_t> FileContent::append(std::span<const std::byte> bytes) {
  std::uint64_t offset = 0;
  {
    MutexLock lock(mutex_);
    offset = map_.size();
    if (auto written = write_locked(bytes, offset); !written)
      return fail(std::move(written.error()));
    if (map_.size() < stream_from_) return offset;
  }
  stream();
  return offset;
}

Result<void> FileContent::write_within(std::span<const std::byte> bytes, std::uint64_t offset) {
  MutexLock lock(mutex_);
  const std::uint64_t size = map_.size();
  if (offset >= size) return {};
  return write_locked(bytes.first(std::min<std::uint64_t>(bytes.size(), size - offset)), offset);
}

/// A note, until it has left the journal, or a commit under way counts on what is staged: it must
/// not be cut.
bool FileContent::staged_in_use() const { return committing_ || (staged_ && staged_->is_kept()); }

Result<void> FileContent::truncate(std::uint64_t size) {
  if (size == this->size()) return {};
  return resize(size);
}

Result<void> FileContent::begin_anew() { return resize(0); }

Result<void> FileContent::resize(std::uint64_t size) {
  if (auto may = may_reach(size); !may) return may;
  std::shared_ptr<staging::MultipartUpload> abandoned;
  {
    MutexLock lock(mutex_);
    const std::uint64_t before = map_.size();
    if (auto may = may_change(); !may) return may;
    if (staged_ && size == 0 && staged_in_use()) staged_.reset();
    if (staged_ && size < before && !staged_in_use())
      if (auto cut = staged_->truncate(size); !cut) return cut;
    map_.truncate(size);
    if (size < before || size == 0) changes_.cut();
    if (size == 0) abandoned = take_stream();
    if (stream_ && size < before) stream_->outdated({size, before - size});
    changed();
  }
  if (abandoned) abandoned->cancel();
  return {};
}

// --- attributes ---

bool FileContent::bytes_are_base() const {
  if (etag_.empty() || map_.size() != base_size_) return false;
  const auto extents = map_.all();
  return std::all_of(extents.begin(), extents.end(), [](const Extent& extent) {
    return extent.origin == Origin::kBase || extent.in_base;
  });
}

bool FileContent::attributes_changed() {
  MutexLock lock(mutex_);
  ++state_;
  if (committing_) wanted_ = true;
  return changes_.attributes_changed(committing_);
}

std::optional<std::uint64_t> FileContent::attributes_owed() const {
  MutexLock lock(mutex_);
  if (changes_.are_in_store() || committing_ || !bytes_are_base()) return std::nullopt;
  return changes_.last();
}

void FileContent::attributes_carried(std::uint64_t change) {
  {
    MutexLock lock(mutex_);
    changes_.came_to_store(change);
    if (!changes_.are_in_store()) return;
  }
  forget_note();
}

}  // namespace stsfs::fs
