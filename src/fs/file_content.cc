#include "file_content.h"

#include <algorithm>

#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

using staging::Extent;
using staging::Origin;

/// Puts what arrives where the file still comes from its base.
class FillSink final : public oss::ReadSink {
 public:
  using Take = std::function<Result<void>(std::span<const std::byte>, std::uint64_t)>;
  FillSink(std::uint64_t offset, Take take) : offset_(offset), take_(std::move(take)) {}

  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte> bytes) override {
    auto taken = take_(bytes, offset_);
    offset_ += bytes.size();
    return taken;
  }

 private:
  std::uint64_t offset_;
  const Take take_;
};

/// A base that is gone while a handle is open is stale, not absent.
Error as_stale(Error error) {
  if (error.code == Errc::kChanged || error.code == Errc::kNotFound) error.code = Errc::kStale;
  return error;
}

}  // namespace

FileContent::FileContent(ContentSurroundings& around, InodeNumber inode, std::string key,
                         std::string etag, std::uint64_t size)
    : around_(around),
      inode_(inode),
      base_size_(size),
      key_(std::move(key)),
      etag_(std::move(etag)),
      map_(size) {
  if (etag_.empty()) generation_ = 1;  // a new file is to be put even when nothing is ever written
}

std::uint64_t FileContent::size() const {
  MutexLock lock(mutex_);
  return map_.size();
}

bool FileContent::dirty() const {
  MutexLock lock(mutex_);
  return generation_ != committed_;
}

bool FileContent::busy() const {
  MutexLock lock(mutex_);
  return committing_ || holds_ > 0;
}

std::string FileContent::last_error() const {
  MutexLock lock(mutex_);
  return last_error_;
}

std::uint64_t FileContent::staged_bytes() const {
  MutexLock lock(mutex_);
  return map_.staged_bytes();
}

// --- reading and writing ---

void FileContent::read(ByteRange range, Callback<std::span<const std::byte>> done) {
  auto buffer = std::make_shared<std::vector<std::byte>>();
  std::vector<Extent> from_base;
  std::shared_ptr<BaseReader> base;
  std::uint64_t offset = range.offset;
  std::optional<Error> error;
  {
    MutexLock lock(mutex_);
    const std::uint64_t end = std::min(range.end(), map_.size());
    if (offset < end) buffer->resize(end - offset);
    for (const Extent& extent : map_.within(range)) {
      if (extent.origin == Origin::kBase) from_base.push_back(extent);
      if (extent.origin != Origin::kStaged) continue;
      const auto place =
          std::span(*buffer).subspan(extent.range.offset - offset, extent.range.length);
      if (auto got = staged_->read(place, extent.range.offset); !got)
        error = std::move(got.error());
    }
    if (!from_base.empty() && !base_)
      base_ = std::make_shared<BaseReader>(around_.store, around_.clock,
                                           around_.options.read_timeout, key_, etag_, base_size_);
    base = base_;
  }
  if (error) {
    done(fail(std::move(*error)));
    return;
  }
  if (from_base.empty()) {
    done(std::span<const std::byte>(*buffer));
    return;
  }
  if (from_base.size() == 1 &&
      from_base[0].range.length == buffer->size()) {  // the common case: no copy of ours
    base->read(from_base[0].range,
               [done = std::move(done)](Result<std::span<const std::byte>> got) mutable {
                 if (got)
                   done(*got);
                 else
                   done(fail(as_stale(std::move(got.error()))));
               });
    return;
  }
  struct Gather {
    Mutex mutex;
    std::size_t missing STSFS_GUARDED_BY(mutex) = 0;
    std::optional<Error> error STSFS_GUARDED_BY(mutex);
    std::shared_ptr<std::vector<std::byte>> buffer;
    Callback<std::span<const std::byte>> done;
  };
  auto gather = std::make_shared<Gather>();
  {
    MutexLock lock(gather->mutex);
    gather->missing = from_base.size();
  }
  gather->buffer = buffer;
  gather->done = std::move(done);
  for (const Extent& extent : from_base)
    base->read(extent.range,
               [gather, at = extent.range.offset - offset](Result<std::span<const std::byte>> got) {
                 {
                   MutexLock lock(gather->mutex);
                   if (got)
                     std::copy(got->begin(), got->end(),
                               gather->buffer->begin() + static_cast<std::ptrdiff_t>(at));
                   else
                     gather->error = as_stale(std::move(got.error()));
                   if (--gather->missing > 0) return;
                 }
                 std::optional<Error> failed;
                 {
                   MutexLock lock(gather->mutex);
                   failed = std::move(gather->error);
                 }
                 if (failed)
                   gather->done(fail(std::move(*failed)));
                 else
                   gather->done(std::span<const std::byte>(*gather->buffer));
               });
}

Result<void> FileContent::stage() {
  if (staged_) return {};
  auto file = around_.area.create();
  if (!file) return fail(std::move(file.error()));
  staged_ = std::move(*file);
  return {};
}

void FileContent::changed() { ++generation_; }

Result<void> FileContent::write_locked(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (bytes.empty()) return {};
  if (auto ready = stage(); !ready) return ready;
  if (auto written = staged_->write(bytes, offset); !written) return written;
  map_.write({offset, bytes.size()});
  changed();
  return {};
}

Result<void> FileContent::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  MutexLock lock(mutex_);
  return write_locked(bytes, offset);
}

Result<std::uint64_t> FileContent::append(std::span<const std::byte> bytes) {
  MutexLock lock(mutex_);
  const std::uint64_t offset = map_.size();
  if (auto written = write_locked(bytes, offset); !written) return fail(std::move(written.error()));
  return offset;
}

Result<void> FileContent::truncate(std::uint64_t size) {
  MutexLock lock(mutex_);
  if (size == map_.size()) return {};
  if (auto ready = stage(); !ready) return ready;
  if (auto cut = staged_->truncate(size); !cut) return cut;
  map_.truncate(size);
  changed();
  return {};
}

// --- committing ---

void FileContent::commit(Callback<void> done) {
  bool start = false;
  bool nothing = false;
  {
    MutexLock lock(mutex_);
    nothing = generation_ == committed_ || stopped_;
    if (!nothing) {
      waiters_.push_back({generation_, std::move(done)});
      start = !committing_ && holds_ == 0;
      if (start) committing_ = true;
      if (holds_ > 0) wanted_ = true;
    }
  }
  if (nothing) done({});
  if (start) start_commit();
}

/// With committing_ set by the caller.
void FileContent::start_commit() {
  request_ = around_.owner.begin_commit(inode_);
  if (request_.gone) {
    forget_changes();
    return;
  }
  Transfer old_retry;
  {
    MutexLock lock(mutex_);
    old_retry = std::move(retry_);
    expected_etag_ =
        etag_;  // of the version this content is based on, whatever is known of the path by now
    if (detached_) request_.key = key_;
  }
  fetch_base([self = shared_from_this()](Result<void> result) {
    if (result)
      self->check_target();
    else
      self->finish(fail(as_stale(std::move(result.error()))));
  });
}

/// Turns what comes from the base into staged bytes, one run after the other.
void FileContent::fetch_base(UniqueFunction<void(Result<void>)> next) {
  std::optional<Extent> run;
  std::string key;
  std::string etag;
  std::optional<Error> error;
  {
    MutexLock lock(mutex_);
    for (const Extent& extent : map_.all())
      if (extent.origin == Origin::kBase && !run) run = extent;
    key = key_;
    etag = etag_;
    if (auto ready = stage(); !ready) error = std::move(ready.error());
  }
  if (error) {
    next(fail(std::move(*error)));
    return;
  }
  if (!run) {
    next({});
    return;
  }
  fill_ = std::make_shared<FillSink>(
      run->range.offset,
      [this](std::span<const std::byte> bytes, std::uint64_t offset) -> Result<void> {
        MutexLock lock(mutex_);
        for (const Extent& extent : map_.within({offset, bytes.size()})) {
          if (extent.origin != Origin::kBase) continue;  // written meanwhile, which is newer
          const auto piece = bytes.subspan(extent.range.offset - offset, extent.range.length);
          if (auto written = staged_->write(piece, extent.range.offset); !written) return written;
        }
        map_.fetched({offset, bytes.size()});
        return {};
      });
  chain_.step([&] {
    return around_.store.start_get(
        key, etag, run->range, *fill_,
        Deadline::in(around_.clock, around_.options.upload.progress_timeout),
        [self = shared_from_this(), next = std::move(next)](Result<void> result) mutable {
          if (result)
            self->fetch_base(std::move(next));
          else
            next(fail(std::move(result.error())));
        });
  });
}

/// Is what we are based on still there? OSS has no If-Match on a write: this is the nearest there
/// is.
void FileContent::check_target() {
  {
    MutexLock lock(mutex_);
    commit_generation_ = generation_;
    commit_size_ = map_.size();
    commit_file_ = staged_;
  }
  if (expected_etag_.empty()) {
    upload(false);
    return;
  }
  chain_.step([&] {
    return around_.store.start_head(request_.key,
                                    Deadline::in(around_.clock, around_.options.read_timeout),
                                    [self = shared_from_this()](Result<oss::ObjectMeta> meta) {
                                      if (meta && meta->etag == self->expected_etag_)
                                        self->upload(false);
                                      else if (meta || meta.error().code == Errc::kNotFound)
                                        self->upload(true);
                                      else
                                        self->finish(fail(std::move(meta.error())));
                                    });
  });
}

void FileContent::upload(bool to_conflict_key) {
  oss::PutOptions put = request_.put;
  put.headers.user[oss::kWriteIdName] = random_hex(8);
  put.forbid_overwrite = to_conflict_key || expected_etag_.empty();
  const std::string& key = to_conflict_key ? request_.conflict_key : request_.key;
  chain_.step([&] {
    return staging::start_upload(
        around_.store, around_.clock, key, commit_file_, commit_size_, std::move(put),
        around_.options.upload,
        [self = shared_from_this(), to_conflict_key](Result<oss::Written> written) {
          self->uploaded(to_conflict_key, std::move(written));
        });
  });
}

void FileContent::uploaded(bool to_conflict_key, Result<oss::Written> written) {
  if (!written && written.error().code == Errc::kExists && !to_conflict_key) {
    upload(true);  // somebody created it since we looked
    return;
  }
  if (!written) {
    finish(fail(std::move(written.error())));
    return;
  }
  CommitOutcome outcome;
  outcome.written = std::move(*written);
  outcome.size = commit_size_;
  outcome.conflict = to_conflict_key;
  finish(std::move(outcome));
}

void FileContent::finish(Result<CommitOutcome> outcome) {
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle;
  bool again = false;
  bool retry = false;
  std::string content_key;
  commit_file_.reset();
  {
    MutexLock lock(mutex_);
    if (outcome) {
      failures_ = 0;
      last_error_.clear();
      committed_ = commit_generation_;
      outcome->clean = generation_ == committed_;
      key_ = outcome->conflict ? request_.conflict_key : request_.key;
      etag_ = outcome->written.etag;
      detached_ = detached_ || outcome->conflict;
      outcome->conflict = detached_;
    } else {
      ++failures_;
      last_error_ = outcome.error().message;
    }
    const auto ready = std::stable_partition(waiters_.begin(), waiters_.end(),
                                             [&, committed = committed_](const Waiter& waiter) {
                                               return outcome && waiter.generation > committed;
                                             });
    std::move(ready, waiters_.end(), std::back_inserter(told));
    waiters_.erase(ready, waiters_.end());
    committing_ = false;
    content_key = key_;
    again = !waiters_.empty() && holds_ == 0 && !stopped_;
    if (again) committing_ = true;
    wanted_ = wanted_ || (!waiters_.empty() && !again);
    retry = !outcome && !stopped_;
    idle.swap(idle_waiters_);
  }
  if (outcome) around_.owner.committed(inode_, *outcome);
  if (!outcome)
    log_warning("fs", "a file is not in OSS yet and is kept: {}", outcome.error().message);
  for (Waiter& waiter : told) {
    if (!outcome)
      waiter.done(fail(outcome.error()));
    else if (outcome->conflict)
      waiter.done(fail(
          expected_etag_.empty() ? Errc::kExists : Errc::kStale,
          "another client wrote the file meanwhile; our content is " + printable(content_key)));
    else
      waiter.done({});
  }
  for (auto& done : idle) done({});
  if (again) start_commit();
  if (retry) retry_later();
}

void FileContent::retry_later() {
  std::chrono::milliseconds wait{};
  {
    MutexLock lock(mutex_);
    const int doublings = std::min(failures_ - 1, 10);
    const auto most = std::min(around_.options.retry_backoff * (1 << doublings),
                               around_.options.retry_backoff_max);
    wait = most / 2 + std::chrono::milliseconds(
                          random_below(static_cast<std::uint64_t>(most.count()) / 2 + 1));
  }
  Transfer timer = around_.scheduler.after(
      wait, [self = shared_from_this()] { self->commit([](Result<void>) {}); });
  MutexLock lock(mutex_);
  if (stopped_) return;  // `timer` goes when the lock is free again
  std::swap(retry_, timer);
}

void FileContent::detach(Callback<void> done) {
  bool needed = false;
  {
    MutexLock lock(mutex_);
    needed = map_.needs_base() && !stopped_;
  }
  if (!needed) {
    done({});
    return;
  }
  fetch_base([done = std::move(done)](Result<void> result) mutable { done(std::move(result)); });
}

void FileContent::hold(Callback<void> done) {
  bool idle = false;
  {
    MutexLock lock(mutex_);
    ++holds_;
    idle = !committing_;
    if (!idle) idle_waiters_.push_back(std::move(done));
  }
  if (idle) done({});
}

void FileContent::release_hold(const std::string& key, const std::string& etag) {
  bool start = false;
  std::shared_ptr<BaseReader> old;
  {
    MutexLock lock(mutex_);
    if (key != key_ || etag != etag_) {
      old = std::move(base_);
      base_.reset();
    }
    key_ = key;
    etag_ = etag;
    --holds_;
    start = holds_ == 0 && wanted_ && !committing_ && !stopped_;
    if (start) {
      wanted_ = false;
      committing_ = true;
    }
  }
  if (start) start_commit();
}

void FileContent::forget_changes() {
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle;
  {
    MutexLock lock(mutex_);
    committed_ = generation_;
    committing_ = false;
    last_error_.clear();
    told.swap(waiters_);
    idle.swap(idle_waiters_);
  }
  for (Waiter& waiter : told) waiter.done({});
  for (auto& done : idle) done({});
}

void FileContent::stop() {
  Transfer retry;
  std::shared_ptr<BaseReader> base;
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    retry = std::move(retry_);
    base = std::move(base_);
  }
  chain_.cancel();
  retry.cancel();
  if (base) base->stop();
  {
    MutexLock lock(mutex_);
    told.swap(waiters_);
    idle.swap(idle_waiters_);
    committing_ = false;
  }
  for (Waiter& waiter : told)
    waiter.done(fail(Errc::kInterrupted, "the mount ended before the file was in OSS"));
  for (auto& done : idle) done({});
}

}  // namespace stsfs::fs
