// What the journal is told of a file, so that another daemon can bring it to OSS. One note at a
// time is being written; what changes meanwhile is noted by the next.

#include <algorithm>

#include "file_content.h"
#include "stsfs/base/log.h"
#include "stsfs/base/random.h"

namespace stsfs::fs {

void FileContent::name_changed() {
  MutexLock lock(mutex_);
  ++state_;
}

FileContent::Lacks FileContent::lacks_in_journal() const {
  MutexLock lock(mutex_);
  if (changes_.are_in_store()) return Lacks::kNothing;
  if (changes_.are_closed())
    return (note_id_ != 0 || saving_) && noted_ != state_ ? Lacks::kAll : Lacks::kNothing;
  const bool has_note = (note_id_ != 0 && noted_ != 0) || saving_;
  return has_note ? Lacks::kAllButBytes : Lacks::kNothing;
}

void FileContent::save(Callback<void> done) {
  Result<void> may;
  {
    MutexLock lock(mutex_);
    changes_.close();
    may = may_change();
  }
  if (may)
    note(std::move(done));
  else
    done(std::move(may));
}

/// There is a note of what was closed, and somebody is writing.
bool FileContent::is_closed_noted() const {
  return note_id_ != 0 && noted_ != 0 && changes_.are_noted_as_closed(noted_change_);
}

/// A kill is to leave what was closed: no note of what was written since takes its place.
void FileContent::note_what_was_closed(Callback<void> done) {
  bool is_noted = false;
  {
    MutexLock lock(mutex_);
    is_noted = is_closed_noted();
  }
  if (is_noted)
    done({});
  else
    note(std::move(done));
}

void FileContent::note(Callback<void> done) {
  bool nothing = false;
  bool start = false;
  {
    MutexLock lock(mutex_);
    nothing = changes_.are_in_store() || (note_id_ != 0 && noted_ == state_);
    if (!nothing) {
      save_waiters_.push_back({state_, std::move(done)});
      start = !saving_;
      saving_ = true;
    }
  }
  if (nothing) done({});
  if (start) save_now();
}

/// Behind what is being noted, so that no description of before comes after it.
void FileContent::amend(Callback<void> done) {
  bool start = false;
  {
    MutexLock lock(mutex_);
    amend_waiters_.push_back(std::move(done));
    start = !saving_;
    saving_ = true;
  }
  if (start) amend_now();
}

/// All but the bytes.
staging::JournalEntry FileContent::frame_of(const CommitRequest& now) const {
  staging::JournalEntry entry;
  entry.id = note_id_;
  entry.path = detached_ ? detached_path_ : now.path;
  entry.base_key = key_;
  entry.base_etag = etag_;
  entry.base_size = base_size_;
  entry.headers = now.put.headers;
  entry.tagged = now.tagged;
  entry.storage_class = now.put.storage_class;
  return entry;
}

staging::JournalEntry FileContent::entry_of(const CommitRequest& now) {
  if (note_id_ == 0) note_id_ = around_.journal.next_id();
  staging::JournalEntry entry = frame_of(now);
  if (staged_) entry.staged_name = staged_->name();
  entry.extents = map_.all();
  entry.writes = next_write(now);
  if (aside_) entry.aside = aside_->message;
  return entry;
}

/// The number that the next write will have. It stands in every note, that of a close too: a loss
/// of power may bring that one back when the write has long been made.
const staging::WriteNumbers& FileContent::next_write(const CommitRequest& now) {
  const bool used = sent_ != 0 && sent_ != changes_.last();
  if (writes_.first == 0 || used) draw_number(now);
  return writes_;
}

void FileContent::draw_number(const CommitRequest& now) {
  if (writes_.line.empty() && now.own_version && now.own_version->etag == etag_) {
    writes_.line = now.own_version->writes.line;
    writes_.last = now.own_version->writes.last;
  }
  if (writes_.line.empty()) writes_.line = random_hex(8);
  ++writes_.last;
  if (writes_.first == 0) writes_.first = writes_.last;
  sent_ = 0;
}

/// With saving_ set by the caller.
void FileContent::save_now() {
  std::uint64_t state = 0, change = 0;
  {
    MutexLock lock(mutex_);
    state = state_;  // before the owner is asked: what changes after that is for the next note
  }
  const CommitRequest now = around_.owner.describe(inode_);
  staging::JournalEntry entry;
  std::shared_ptr<staging::StagedFile> file, before;
  {
    MutexLock lock(mutex_);
    change = changes_.last();
    if (!now.gone) {
      entry = entry_of(now);
      file = staged_;
      if (file && file != noted_file_) file->keep();
      entry.note = around_.journal.next_note();
      if (file) file->freeze(entry.note, entry.extents);
      if (file != noted_file_) before = noted_file_;
    }
  }
  if (now.gone) {
    saved({state, change, 0}, file, {});
    return;
  }
  const std::uint64_t note = entry.note;
  around_.journal.put(std::move(entry), file, std::move(before),
                      [self = shared_from_this(), told = Noted{state, change, note},
                       file](Result<void> result) { self->saved(told, file, std::move(result)); });
}

/// With saving_ set by the caller.
void FileContent::amend_now() {
  const CommitRequest now = around_.owner.describe(inode_);
  staging::JournalEntry entry;
  std::vector<Callback<void>> waiters;
  {
    MutexLock lock(mutex_);
    waiters.swap(amend_waiters_);
    if (!now.gone) entry = frame_of(now);
  }
  auto amended = [self = shared_from_this(),
                  waiters = std::move(waiters)](Result<void> result) mutable {
    for (Callback<void>& done : waiters) done(result);
    self->note_next();
  };
  if (entry.id == 0)
    amended({});  // removed, or all of it is in OSS
  else
    around_.journal.amend(std::move(entry), std::move(amended));
}

/// What was asked of the journal while it was being told of something else.
void FileContent::note_next() {
  bool save = false, amend = false, forget = false;
  {
    MutexLock lock(mutex_);
    save = !save_waiters_.empty();
    amend = !save && !amend_waiters_.empty();
    saving_ = save || amend;
    forget = !saving_ && std::exchange(forget_note_, false);
  }
  if (save) save_now();
  if (amend) amend_now();
  if (forget) forget_note();
}

/// A kill leaves the version of the last note: what that holds is kept until there is a later one.
void FileContent::saved(const Noted& note, const std::shared_ptr<staging::StagedFile>& file,
                        Result<void> result) {
  std::vector<Waiter> told;
  std::shared_ptr<staging::StagedFile> replaced, thawed;
  std::uint64_t moment = 0;
  {
    MutexLock lock(mutex_);
    if (result) {
      noted_ = note.state;
      noted_change_ = note.change;
      thawed = noted_file_;
      moment = std::exchange(noted_moment_, note.moment);
      if (noted_file_ != file) replaced = std::exchange(noted_file_, file);
    } else {
      if (file && file != noted_file_) file->let_go();
      thawed = file;
      moment = note.moment;
    }
    const auto rest = std::stable_partition(
        save_waiters_.begin(), save_waiters_.end(),
        [&](const Waiter& waiter) { return result && waiter.up_to > note.state; });
    std::move(rest, save_waiters_.end(), std::back_inserter(told));
    save_waiters_.erase(rest, save_waiters_.end());
  }
  if (thawed) thawed->thaw(moment);
  if (replaced) replaced->let_go();
  if (!result) log_warning("fs", "a change is not in the journal: {}", result.error().message);
  for (Waiter& waiter : told) waiter.done(result);
  note_next();
}

/// A note that tells of a version before the one that is in OSS now.
void FileContent::note_again() {
  {
    MutexLock lock(mutex_);
    if (note_id_ == 0) return;
  }
  note_what_was_closed([](Result<void>) {});
}

/// Everything is in OSS, or nothing is to be: the note goes, then what it counted on. Until it has
/// gone a kill leaves it, and what it tells of must be as it was.
void FileContent::forget_note() {
  std::uint64_t id = 0, moment = 0;
  std::shared_ptr<staging::StagedFile> file;
  bool removed = false;
  {
    MutexLock lock(mutex_);
    removed = removed_;
    if (saving_) {
      forget_note_ = true;
      return;
    }
    if (changes_.are_owed()) return;  // written again meanwhile: the note is needed
    id = std::exchange(note_id_, 0);
    file = std::exchange(noted_file_, nullptr);
    moment = std::exchange(noted_moment_, 0);
    noted_ = 0;
  }
  if (id == 0) return;
  around_.journal.erase(id, file, !removed, [file, moment](Result<void> erased) {
    if (!erased) log_warning("fs", "the journal: {}", erased.error().message);
    if (!erased || !file) return;
    file->thaw(moment);
    file->let_go();
  });
}

}  // namespace stsfs::fs
