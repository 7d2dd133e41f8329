// How a commit ends: who is told, what comes next; and what keeps commits from beginning.

#include <algorithm>

#include "file_content.h"
#include "gone.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
/// Until the owner has been told the content counts as dirty, and until the journal has been, the
/// commit as under way: who finds neither goes by what the owner knows.
void FileContent::finish(Result<CommitOutcome> outcome) {
  CommitSlots::Slot slot = std::move(slot_);
  short_of_room_since_.reset();
  if (outcome)
    slot.came_through();
  else if (is_no_answer(outcome.error()))
    slot.got_no_answer();
  const bool new_file = expected_etag_.empty();
  if (outcome) {
    adopt(*outcome);
    around_.owner.committed(inode_, *outcome);
    owner_knows();
    if (owes_what_was_closed())
      note_again();
    else
      forget_note();
  } else {
    log_warning("fs", "{} is not in OSS yet and is kept: {}", printable(request_.path),
                outcome.error().message);
  }
  commit_extents_.clear();
  commit_view_.reset();
  commit_stream_.reset();
  commit_copy_.reset();
  end_commit(outcome, new_file);
}

/// The version that was written is the base from here on.
void FileContent::adopt(CommitOutcome& outcome) {
  std::shared_ptr<BaseReader> old_base;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<BaseReader>> old_readers;
  MutexLock lock(mutex_);
  backoff_.succeeded();
  last_error_.clear();
  key_ = outcome.conflict ? conflict_key_ : request_.key;
  if (etag_ != outcome.written.etag || base_size_ != commit_size_) {
    old_base = std::move(base_);
    ++ground_;
  }
  etag_ = outcome.written.etag;
  base_size_ = commit_size_;
  map_.committed();
  if (!map_.has_copies()) old_readers.swap(copy_readers_);
  writes_.first = 0;
  begun_ = false;
  outcome.writes = commit_writes_;
  ++state_;
  if (outcome.conflict) detached_path_ = conflict_path_;
  detached_ = detached_ || outcome.conflict;
  outcome.conflict = detached_;
}

void FileContent::owner_knows() {
  MutexLock lock(mutex_);
  changes_.came_to_store(commit_change_);
}

bool FileContent::owes_what_was_closed() const {
  MutexLock lock(mutex_);
  return changes_.are_owed();
}

/// The next one may begin, on any thread: nothing of this one is touched behind the lock.
void FileContent::end_commit(const Result<CommitOutcome>& outcome, bool new_file) {
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle, gone;
  bool again = false;
  bool retry = false;
  std::string content_key;
  {
    MutexLock lock(mutex_);
    if (!outcome && !aside_) {
      backoff_.failed();
      last_error_ = outcome.error().message;
    }
    const auto ready =
        std::stable_partition(waiters_.begin(), waiters_.end(),
                              [&, in_store = changes_.in_store()](const Waiter& waiter) {
                                return outcome && waiter.up_to > in_store;
                              });
    std::move(ready, waiters_.end(), std::back_inserter(told));
    waiters_.erase(ready, waiters_.end());
    committing_ = false;
    way_->asked = false;
    content_key = key_;
    const bool more = !waiters_.empty() || (wanted_ && outcome && !changes_.are_in_store());
    again = more && holds_ == 0 && !stopped_;
    if (again) committing_ = true;
    wanted_ = more && !again;
    retry = !outcome && !stopped_ && !aside_;
    idle.swap(idle_waiters_);
    gone = take_gone_readers();
  }
  if (!again) around_.owner.commit_ended(inode_);
  for (Waiter& waiter : told) {
    if (!outcome)
      waiter.done(fail(outcome.error()));
    else if (outcome->conflict)
      waiter.done(fail(
          new_file ? Errc::kExists : Errc::kStale,
          "another client wrote the file meanwhile; our content is " + printable(content_key)));
    else
      waiter.done({});
  }
  for (auto& done : idle) done({});
  for (auto& done : gone) done({});
  if (again) start_commit();
  if (retry) retry_later();
}

/// To whoever holds the content by now: the commit begins anew when that is over. Returns who is to
/// be told.
std::vector<Callback<void>> FileContent::leave_to_holder() {
  committing_ = false;
  wanted_ = true;
  way_->asked = false;
  std::vector<Callback<void>> out = std::exchange(idle_waiters_, {});
  for (auto& done : take_gone_readers()) out.push_back(std::move(done));
  return out;
}

/// Nobody waits for this commit, and somebody is writing: what he has written so far is nobody's.
void FileContent::leave_to_close() {
  slot_.release();
  std::vector<Callback<void>> told;
  {
    MutexLock lock(mutex_);
    told = leave_to_holder();
    wanted_ = holds_ > 0;
  }
  around_.owner.commit_ended(inode_);
  for (auto& done : told) done({});
  commit_soon();
}

/// Of a commit that only waits: true when it does so no longer.
bool FileContent::gives_way() {
  std::vector<Callback<void>> told;
  {
    MutexLock lock(mutex_);
    if (stopped_) return true;
    if (holds_ == 0) return false;
    told = leave_to_holder();
  }
  around_.owner.commit_ended(inode_);
  for (auto& done : told) done({});
  return true;
}

/// The upload gave way. Who waits for it waits on: for the commit that begins when the hold ends,
/// or to hear that the file was removed.
void FileContent::put_off() {
  const CommitSlots::Slot slot = std::move(slot_);
  commit_extents_.clear();
  commit_view_.reset();
  commit_stream_.reset();
  std::vector<Callback<void>> told;
  bool again = false;
  {
    MutexLock lock(mutex_);
    begun_ = !first_try_;  // nothing of it is in OSS
    way_->asked = false;
    again = holds_ == 0 && !stopped_;
    if (!again) told = leave_to_holder();
  }
  if (again) {
    start_commit();
    return;
  }
  around_.owner.commit_ended(inode_);
  for (auto& done : told) done({});
}

/// Some of its bytes are gone for good. From here on it does not change any more, and once the
/// journal says so it is nobody's but a rescue's.
void FileContent::set_aside(const std::string& reason) {
  const Error error{
      Errc::kStale,
      printable(request_.path) +
          ": some of its bytes are of a version that OSS does not have any more: " + reason,
      {}};
  {
    MutexLock lock(mutex_);
    aside_ = error;
    ++state_;
  }
  note([self = shared_from_this(), error](Result<void> saved) {
    if (saved) {
      self->is_aside(error);
      return;
    }
    {
      MutexLock lock(self->mutex_);
      self->aside_.reset();  // nowhere is a note of it: to be tried again
    }
    self->finish(fail(error));
  });
}

void FileContent::is_aside(const Error& error) {
  const CommitSlots::Slot slot = std::move(slot_);
  staging::JournalEntry note;
  bool is_empty = false;
  {
    MutexLock lock(mutex_);
    note = entry_of(request_);
    changes_.drop();
    wanted_ = false;
    is_empty = map_.staged_bytes() == 0;
  }
  if (is_empty) forget_note();  // none of its bytes is here
  log_error("fs", "{}; {}", error.message,
            is_empty ? "none of it is here" : "what is here of it `stsfs rescue` has");
  around_.owner.set_aside(inode_, *this, note);
  commit_extents_.clear();
  commit_view_.reset();
  commit_copy_.reset();
  if (auto stream = std::exchange(commit_stream_, nullptr)) stream->cancel();
  end_commit(fail(error), false);
}

void FileContent::retry_later() {
  std::chrono::milliseconds wait{};
  {
    MutexLock lock(mutex_);
    wait = backoff_.pause();
  }
  arm(wait, [self = shared_from_this()] { self->commit_unasked(); });
}

/// One timer: the later call replaces the earlier.
void FileContent::arm(std::chrono::milliseconds wait, UniqueFunction<void()> what) {
  Transfer timer = around_.scheduler.after(wait, std::move(what));
  MutexLock lock(mutex_);
  if (stopped_) return;  // `timer` goes when the lock is free again
  std::swap(timer_, timer);
}

// --- what keeps commits from beginning ---

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

void FileContent::give_way() {
  MutexLock lock(mutex_);
  way_->asked = committing_ && holds_ > 0;
}

void FileContent::lies_at(const ObjectVersion& base, std::optional<std::uint64_t> size) {
  std::shared_ptr<BaseReader> old;
  MutexLock lock(mutex_);
  if (ObjectVersion{key_, etag_} == base) return;
  key_ = base.key;
  etag_ = base.etag;
  if (size) base_size_ = *size;
  old = std::move(base_);
  ++ground_;
  ++state_;
}

void FileContent::release_hold() {
  bool start = false;
  std::vector<Callback<void>> gone;
  {
    MutexLock lock(mutex_);
    --holds_;
    if (holds_ == 0) way_->asked = false;
    start = holds_ == 0 && wanted_ && !committing_ && !stopped_ && !changes_.are_in_store();
    if (holds_ == 0) wanted_ = false;
    if (start) committing_ = true;
    gone = take_gone_readers();
  }
  for (auto& done : gone) done({});
  if (start) start_commit();
}

void FileContent::forget_changes() {
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle, gone;
  std::shared_ptr<staging::MultipartUpload> stream;
  Transfer timer;
  {
    MutexLock lock(mutex_);
    removed_ = true;
    changes_.drop();
    committing_ = false;
    last_error_.clear();
    timer = std::move(timer_);
    told.swap(waiters_);
    idle.swap(idle_waiters_);
    gone = take_gone_readers();
    stream = take_stream();
  }
  if (stream) stream->cancel();
  forget_note();
  for (Waiter& waiter : told) waiter.done({});
  for (auto& done : idle) done({});
  for (auto& done : gone) done({});
}

void FileContent::stop() {
  Transfer timer;
  std::shared_ptr<BaseReader> base;
  std::shared_ptr<staging::MultipartUpload> stream;
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<BaseReader>> readers;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    timer = std::move(timer_);
    base = std::move(base_);
    readers.swap(copy_readers_);
    take_stream();
    stream = last_stream_.lock();  // a commit may have it that is just being noted
  }
  chain_.cancel();
  localize_chain_.cancel();
  timer.cancel();
  if (stream) stream->cancel();
  if (base) base->stop();
  for (const auto& [version, reader] : readers) reader->stop();
  {
    MutexLock lock(mutex_);
    told.swap(waiters_);
    idle.swap(idle_waiters_);
    std::move(localize_waiters_.begin(), localize_waiters_.end(), std::back_inserter(idle));
    localize_waiters_.clear();
    for (auto& reader : take_gone_readers()) idle.push_back(std::move(reader));
    committing_ = false;
  }
  for (Waiter& waiter : told)
    waiter.done(fail(Errc::kInterrupted, "the mount ended before the file was in OSS"));
  for (auto& done : idle) done({});
}

}  // namespace stsfs::fs
