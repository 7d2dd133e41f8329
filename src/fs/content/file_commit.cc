// A commit, step by step: wait for a slot, fetch what must be sent again, note the attempt, look
// whether the base is still there, upload, tell.

#include <algorithm>

#include "carried_tags.h"
#include "file_content.h"
#include "gone.h"
#include "naming/conflict_name.h"
#include "naming/write_id.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

using staging::Extent;
using staging::Origin;

/// At its target, before it goes up and once it was told that another is there. A commit that finds
/// more is tried again later.
constexpr int kLooksMax = 2;

}  // namespace

void FileContent::commit(Callback<void> done) {
  bool start = false;
  bool nothing = false;
  Result<void> may;
  {
    MutexLock lock(mutex_);
    changes_.close();
    may = may_change();
    nothing = (changes_.are_in_store() && !committing_) || stopped_;
    if (!nothing) {
      waiters_.push_back({changes_.last(), std::move(done)});
      start = !committing_ && holds_ == 0;
      if (start) committing_ = true;
      if (holds_ > 0) wanted_ = true;
    }
  }
  if (nothing) done(std::move(may));
  if (start) start_commit();
}

void FileContent::commit_unasked() { commit_unless_written(true); }

void FileContent::commit_unless_written(bool as_it_is) {
  bool start = false, later = false;
  {
    MutexLock lock(mutex_);
    const bool is_owed = changes_.are_owed() && !stopped_ && may_change();
    const bool is_quiet = changes_.are_closed();
    if (!is_owed || (!is_quiet && changes_.have_cut())) {
      asked_.reset();  // where somebody is writing his close asks again
      return;
    }
    if (holds_ > 0 && !committing_) {
      wanted_ = true;
      return;
    }
    start = !committing_ && (is_quiet || as_it_is);
    later = !start;
    if (start) {
      committing_ = true;
      as_it_is_ = as_it_is;
    }
  }
  if (later) commit_soon();
  if (start) start_commit();
}

/// What is written further is not sent again and again; nor does that put it off for ever.
void FileContent::commit_soon() {
  const SteadyTime now = around_.clock.steady();
  std::chrono::nanoseconds left{};
  {
    MutexLock lock(mutex_);
    if (!asked_) asked_ = now;
    left = *asked_ + around_.options.commit_delay_max - now;
    if (committing_) left = around_.options.commit_delay;
  }
  const auto wait = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left),
                               std::chrono::milliseconds(0), around_.options.commit_delay);
  arm(wait, [self = shared_from_this()] {
    bool is_late = false;
    {
      MutexLock lock(self->mutex_);
      is_late = self->asked_ && *self->asked_ + self->around_.options.commit_delay_max <=
                                    self->around_.clock.steady();
    }
    self->commit_unless_written(is_late);
  });
}

/// With committing_ set by the caller.
void FileContent::start_commit() {
  around_.slots.acquire([self = shared_from_this()](Result<CommitSlots::Slot> slot) {
    if (!slot) {
      self->had_no_turn(slot.error());
      return;
    }
    self->slot_ = std::move(*slot);
    self->starts_ = 0;
    self->prepare();
  });
}

/// Who waits for it is told, once what is said to be kept is in the journal. It waits on.
void FileContent::had_no_turn(const Error& error) {
  const bool gone = around_.owner.describe(inode_).gone;
  bool stopped = false;
  {
    MutexLock lock(mutex_);
    stopped = stopped_;
  }
  if (gone) forget_changes();
  if (gone || stopped) return;
  note_what_was_closed([self = shared_from_this(), error](Result<void>) {
    std::vector<Waiter> told;
    std::vector<Callback<void>> readers;
    {
      MutexLock lock(self->mutex_);
      told.swap(self->waiters_);
      readers = self->take_gone_readers();
      self->last_error_ = error.message;
    }
    for (Waiter& waiter : told) waiter.done(fail(error));
    for (auto& done : readers) done({});
    self->start_commit();
  });
}

void FileContent::prepare() {
  Transfer timer;
  {
    // Before the owner is asked: what changes after that is for the next commit, and its timer.
    MutexLock lock(mutex_);
    commit_change_ = changes_.last();
    wanted_ = false;
    asked_.reset();
    timer = std::move(timer_);
  }
  request_ = around_.owner.describe(inode_);
  if (request_.gone) {
    slot_.release();
    commit_view_.reset();  // it may have been planned before
    forget_changes();
    return;
  }
  spare_copies();
}

/// What others still copy from the version that this commit replaces they must fetch before.
void FileContent::spare_copies() {
  std::string key;
  {
    MutexLock lock(mutex_);
    key = etag_.empty() ? "" : key_;
  }
  if (key.empty()) {
    plan();
    return;
  }
  localize_users(around_.copy_users, key, this, [self = shared_from_this()](Result<void> spared) {
    if (spared)
      self->plan();
    else
      self->finish(fail(std::move(spared.error()), "a copy of the version before is not made yet"));
  });
}

/// What is here now, for a commit that begins. Returns what it lacks. What is handed out goes when
/// the lock is free again.
std::vector<ByteRange> FileContent::plan_what_is_here(
    std::shared_ptr<staging::MultipartUpload>& dropped,
    std::shared_ptr<staging::StagedView>& before) {
  if (detached_) request_.key = key_;
  // Of the version this content is based on, whatever is known of the path by now.
  looks_ = 0;
  settled_ = false;
  expected_etag_ = etag_;
  base_key_ = key_;
  if (etag_.empty()) map_.base_gone();
  way_->given = false;
  commit_extents_ = map_.freeze();
  commit_size_ = map_.size();
  auto view = stream_view_;
  commit_stream_ = take_stream();
  const bool fits = commit_stream_ && !commit_stream_->failed() &&
                    commit_stream_->key() == request_.key && commit_extents_.size() == 1 &&
                    commit_extents_[0].origin == Origin::kStaged;
  if (commit_stream_ && !fits) dropped = std::exchange(commit_stream_, nullptr);
  if (!commit_stream_) view = staged_ ? std::make_shared<staging::StagedView>(staged_) : nullptr;
  if (view) view->freeze(around_.journal.next_note(), commit_extents_);
  before = std::exchange(commit_view_, std::move(view));
  attributes_only_ = bytes_are_base();
  plan_ = {};
  commit_copy_ = nullptr;
  if (!attributes_only_) commit_copy_ = staging::whole_copy(commit_extents_);
  if (!attributes_only_ && !commit_copy_)
    plan_ = staging::plan_commit(commit_extents_, around_.options.upload.plan);
  return plan_.fetched_before;
}

void FileContent::plan() {
  std::vector<ByteRange> lacking;
  std::shared_ptr<staging::MultipartUpload> dropped;
  std::shared_ptr<staging::StagedView> before;
  bool stopped = false, is_nobodys = false;
  {
    MutexLock lock(mutex_);
    stopped = stopped_;
    is_nobodys = !stopped && waiters_.empty() && !changes_.are_closed() &&
                 (changes_.have_cut() || !as_it_is_);
    if (!is_nobodys) {
      changes_.close(commit_change_);  // each attempt notes what it sends
      lacking = plan_what_is_here(dropped, before);
    }
  }
  if (is_nobodys) {
    leave_to_close();
    return;
  }
  if (dropped) dropped->cancel();
  if (stopped) {  // its waiters were told
    slot_.release();
    return;
  }
  if (lacking.empty()) {
    note_attempt();
    return;
  }
  // What cannot be fetched now is not to be lost by a kill while it is tried again.
  note_what_was_closed([self = shared_from_this(), lacking](Result<void>) mutable {
    std::uint64_t bytes = 0;
    for (const ByteRange& range : lacking) bytes += range.length;
    self->fetch(self->chain_, std::move(lacking), [self, bytes](Result<void> result) {
      if (result) self->short_of_room_since_.reset();
      if (result)
        self->prepare();  // with what is staged now
      else if (result.error().code == Errc::kNoSpace)
        self->had_no_room(std::move(result.error()), bytes);
      else
        self->lost_bytes(std::move(result.error()));
    });
  });
}

/// Before anything is sent: whoever finds it in OSS after a kill must know it for ours. A close has
/// noted the number already.
void FileContent::note_attempt() {
  bool is_noted = false;
  {
    MutexLock lock(mutex_);
    is_noted = is_closed_noted() && (sent_ == 0 || sent_ == commit_change_);
    const std::uint64_t noted = writes_.last;
    if (!is_noted && next_write(request_).last != noted) ++state_;
    sent_ = commit_change_;
    first_try_ = !std::exchange(begun_, true);
    commit_writes_ = writes_;
  }
  // A journal that cannot be written says so in the log; OSS is the better place anyway.
  if (is_noted)
    carry_tags();
  else
    note([self = shared_from_this()](Result<void>) { self->carry_tags(); });
}

/// A copy keeps the tags of the object; whatever else replaces it has to bring them.
void FileContent::carry_tags() {
  const bool copied = attributes_only_ && commit_size_ < around_.options.upload.plan.copy_size_max;
  if (!request_.tagged || expected_etag_.empty() || copied) {
    check_target();
    return;
  }
  chain_.step([&] {
    return around_.store.start_get_tagging(
        base_key_, Deadline::in(around_.clock, around_.options.read_timeout),
        [self = shared_from_this()](Result<std::string> told) {
          auto tags = tags_to_carry(std::move(told), self->request_.path);
          if (!tags) {
            self->finish(fail(std::move(tags.error())));
            return;
          }
          self->request_.put.tagging = std::move(*tags);
          self->check_target();
        });
  });
}

/// Is what we are based on still there? OSS has no If-Match on a write: this is the nearest there
/// is. A commit in parts asks last before it completes them; one that copies all of its base finds
/// out by that, and a new file by not overwriting.
void FileContent::check_target() {
  const bool asks_later =
      commit_stream_ || !plan_.parts.empty() || (needs_base() && base_key_ == request_.key);
  // A copy of the attributes looks for itself.
  if (attributes_only_ || (first_try_ && (expected_etag_.empty() || asks_later))) {
    upload(false);
    return;
  }
  look_at_target();
}

/// What a commit copies it copies from the base, and is told when that is another version by now.
bool FileContent::needs_base() const {
  return std::any_of(plan_.parts.begin(), plan_.parts.end(),
                     [](const auto& part) { return part.copied && !part.source; });
}

/// For when the base is gone: all of the file from here. False when some of it is not.
bool FileContent::plan_without_base() {
  MutexLock lock(mutex_);
  map_.base_gone();
  for (Extent& extent : commit_extents_) {
    if (extent.origin == Origin::kBase) return false;
    extent.in_base = false;
  }
  plan_ = staging::plan_commit(commit_extents_, around_.options.upload.plan);
  return plan_.fetched_before.empty();
}

/// Just before the parts become the object: a version other than this one must not be replaced.
/// Null when none is expected: overwriting is forbidden then.
staging::MultipartUpload::Check FileContent::last_look(const std::string& expected) {
  if (expected.empty()) return nullptr;
  return [self = shared_from_this(), expected](Callback<void> done) {
    return self->around_.store.start_head(
        self->request_.key, Deadline::in(self->around_.clock, self->around_.options.read_timeout),
        [self, expected, done = std::move(done)](Result<oss::ObjectMeta> meta) mutable {
          const bool gone = !meta && is_absent(meta.error());
          const bool is_name = meta && meta->type == oss::ObjectType::kSymlink;
          if (meta && self->around_.successors.are_same(self->request_.key, meta->etag, expected) &&
              !(is_name && self->may_have_names()))
            done({});
          else if (meta || gone)
            done(fail(Errc::kChanged, "another client changed " + printable(self->request_.path)));
          else
            done(fail(std::move(meta.error())));
        });
  };
}

/// Of what may give way to a removal.
staging::UploadOptions FileContent::upload_options() const {
  staging::UploadOptions options = around_.options.upload;
  options.give_way = way_;
  return options;
}

void FileContent::look_at_target() {
  ++looks_;
  chain_.step([&] {
    return around_.store.start_head(request_.key,
                                    Deadline::in(around_.clock, around_.options.read_timeout),
                                    [self = shared_from_this()](Result<oss::ObjectMeta> meta) {
                                      self->looked_at_target(std::move(meta));
                                    });
  });
}

void FileContent::looked_at_target(Result<oss::ObjectMeta> meta) {
  if (meta && meta->type == oss::ObjectType::kSymlink && may_have_names())
    follow_name(*meta);
  else if (meta)
    found_at_target(*meta);
  else if (meta.error().code == Errc::kNotFound)
    nothing_at_target();
  else if (meta.error().code == Errc::kLoop)
    upload(true);  // another client's link
  else
    finish(fail(std::move(meta.error())));
}

void FileContent::nothing_at_target() {
  if (expected_etag_.empty())
    upload(false);
  else if (!settled_)
    settle_target();
  else
    upload(true);
}

/// An object that is to be replaced under the file's own name, and no symbolic link.
bool FileContent::may_have_names() const {
  return !expected_etag_.empty() && request_.key == request_.path_key &&
         request_.symlink_key.empty() && !request_.is_unseen_link;
}

/// The file may have got a second name since: from another client, or from us, and the answer was
/// lost. Then its content has moved, and is what is to be replaced.
void FileContent::follow_name(const oss::ObjectMeta& meta) {
  chain_.step([&] {
    return around_.store.start_get_symlink(
        request_.key, Deadline::in(around_.clock, around_.options.read_timeout),
        [self = shared_from_this(), meta](Result<oss::Symlink> link) {
          const bool is_none = !link && (link.error().code == Errc::kNotFound ||
                                         link.error().code == Errc::kInvalid);
          if (!link && !is_none) {
            self->finish(fail(std::move(link.error())));
            return;
          }
          auto content_key = link ? self->around_.owner.found_name(self->inode_, *link)
                                  : std::optional<std::string>();
          if (!content_key) {
            self->found_at_target(meta);
            return;
          }
          self->request_.key = std::move(*content_key);
          if (auto stream = std::exchange(self->commit_stream_, nullptr)) stream->cancel();
          self->look_at_target();
        });
  });
}

void FileContent::found_at_target(const oss::ObjectMeta& meta) {
  const Maker maker = maker_of(meta, commit_writes_, commit_size_);
  const bool is_base = !expected_etag_.empty() &&
                       (around_.successors.are_same(request_.key, meta.etag, expected_etag_) ||
                        is_copy_of_base(meta));
  if (is_base && maker != Maker::kNoted) {
    move_base(meta);  // it may have gone to another key, or got another ETag
    upload(false);
    return;
  }
  const bool is_anothers = maker == Maker::kAnother || maker == Maker::kLater;
  if (is_anothers && expected_etag_.empty() && request_.path_key.ends_with('/')) {
    take_object_of_directory(meta);
    return;
  }
  if (is_anothers) {
    if (settled_ || expected_etag_.empty())
      upload(true);
    else
      settle_target();
    return;
  }
  move_base(meta);
  if (maker == Maker::kNoted)
    stamp({.etag = meta.etag, .crc64 = meta.crc64}, meta.headers.user);
  else if (attributes_only_ && meta.size_bytes != commit_size_)
    prepare();  // of the version before all bytes were right; of this one they are not
  else
    upload(false);
}

/// A directory had no object, and has one now: there are no bytes of ours to go beside it, and the
/// attributes go to that.
void FileContent::take_object_of_directory(const oss::ObjectMeta& meta) {
  move_base(meta);
  {
    MutexLock lock(mutex_);
    map_ = staging::ExtentMap(meta.size_bytes);
    commit_size_ = meta.size_bytes;
    commit_extents_ = map_.freeze();
    attributes_only_ = true;
  }
  copy_attributes();
}

void FileContent::upload(bool to_conflict_key) {
  if (attributes_only_) {
    if (to_conflict_key)
      refuse_attributes(Error{Errc::kChanged, "another client wrote the file meanwhile", {}});
    else
      copy_attributes();
    return;
  }
  if (to_conflict_key && needs_base() && !plan_without_base()) {
    set_aside("another client wrote it meanwhile");
    return;
  }
  if (to_conflict_key && !choose_conflict_name()) {
    finish(fail(Errc::kNameTooLong,
                "another client wrote it meanwhile, and beside it is no room for a longer name"));
    return;
  }
  oss::PutOptions put = request_.put;
  put.headers.user[oss::kWriteIdName] = write_id(commit_writes_);
  put.forbid_overwrite = to_conflict_key || expected_etag_.empty();
  if (!to_conflict_key) put.replaces = expected_etag_;
  auto done = [self = shared_from_this(), to_conflict_key](Result<oss::Written> written) {
    self->uploaded(to_conflict_key, std::move(written));
  };
  if (commit_stream_ && !to_conflict_key) {
    chain_.step([&, stream = commit_stream_] {
      const auto& plan = around_.options.upload.plan;
      stream->set_replaced(expected_etag_);
      stream->complete(staging::streamed_parts(commit_size_, plan), last_look(expected_etag_),
                       std::move(done));
      return Transfer([stream] { stream->cancel(); });
    });
    return;
  }
  if (auto stream = std::exchange(commit_stream_, nullptr)) stream->cancel();
  const std::string& key = to_conflict_key ? conflict_key_ : request_.key;
  auto check = last_look(to_conflict_key ? "" : expected_etag_);
  if (commit_copy_) {
    oss::CopyOptions copy{.source_key = commit_copy_->key,
                          .source_etag = commit_copy_->etag,
                          .replace_metadata = true,
                          .put = std::move(put)};
    chain_.step([&] {
      return staging::start_copy(around_.store, around_.clock, key, std::move(copy), commit_size_,
                                 around_.options.upload, std::move(done), std::move(check));
    });
    return;
  }
  chain_.step([&] {
    return staging::start_upload(around_.store, around_.clock, key, commit_view_, commit_extents_,
                                 plan_, base_key_, expected_etag_, std::move(put), upload_options(),
                                 std::move(check), std::move(done));
  });
}

/// False: none fits.
bool FileContent::choose_conflict_name() {
  const std::string mark = conflict_mark(around_.clock.wall());
  auto key = with_mark(request_.path_key, mark);
  auto path = with_mark(request_.path, mark,
                        oss::kKeySizeMax + request_.path.size() - request_.path_key.size());
  if (!key || !path) return false;
  conflict_key_ = std::move(*key);
  conflict_path_ = std::move(*path);
  return true;
}

/// What was to be fetched is not there, or could not be had now. It may lie in a version of our own
/// whose answer was lost.
void FileContent::lost_bytes(Error error) {
  if (!is_gone(error)) {
    finish(fail(std::move(error)));
    return;
  }
  if (starts_over(error)) return;
  {
    MutexLock lock(mutex_);
    commit_writes_ = writes_;
  }
  look_at_sources(std::move(error), sources_left(),
                  [self = shared_from_this()](Error lost) { self->look_for_base(lost); });
}

void FileContent::look_for_base(const Error& error) {
  chain_.step([&] {
    return around_.store.start_head(
        base_key_, Deadline::in(around_.clock, around_.options.read_timeout),
        [self = shared_from_this(), error](Result<oss::ObjectMeta> meta) {
          const bool is_new = meta && meta->etag != self->expected_etag_;
          const Maker maker =
              is_new ? maker_of(*meta, self->commit_writes_, self->commit_size_) : Maker::kAnother;
          if (maker == Maker::kEarlier || maker == Maker::kNoted) {
            self->move_base(*meta);
            self->prepare();
          } else if (!meta && meta.error().code != Errc::kNotFound) {
            self->finish(fail(std::move(meta.error())));
          } else {
            self->set_aside(error.message);
          }
        });
  });
}

void FileContent::uploaded(bool to_conflict_key, Result<oss::Written> written) {
  if (!written && written.error().code == Errc::kExists && !to_conflict_key) {
    // Somebody created it since we looked; or we did, and the answer was lost.
    chain_.step([&] {
      return around_.store.start_head(request_.key,
                                      Deadline::in(around_.clock, around_.options.read_timeout),
                                      [self = shared_from_this()](Result<oss::ObjectMeta> meta) {
                                        if (meta)
                                          self->found_at_target(*meta);
                                        else if (is_absent(meta.error()))
                                          self->upload(true);
                                        else
                                          self->finish(fail(std::move(meta.error())));
                                      });
    });
    return;
  }
  if (!written && way_->given) {
    put_off();
    return;
  }
  if (!written && starts_over(written.error())) return;
  const bool changed = !written && !expected_etag_.empty() && is_gone(written.error());
  if (changed && looks_ < kLooksMax) {
    look_at_target();
    return;
  }
  if (!written) {
    look_at_sources(std::move(written.error()), sources_left(),
                    [self = shared_from_this()](Error error) {
                      self->finish(fail(as_stale(std::move(error))));
                    });
    return;
  }
  if (commit_stream_) {
    oss::UserMetadata present;
    {
      MutexLock lock(mutex_);
      present = stream_user_;
    }
    stamp(std::move(*written), present);
    return;
  }
  CommitOutcome outcome;
  outcome.written = std::move(*written);
  outcome.headers = request_.put.headers;
  outcome.size = commit_size_;
  outcome.conflict = to_conflict_key;
  const bool all_staged =
      std::all_of(commit_extents_.begin(), commit_extents_.end(),
                  [](const Extent& extent) { return extent.origin == Origin::kStaged; });
  if (all_staged && commit_view_) outcome.staged = commit_view_->file();
  finish(std::move(outcome));
}

}  // namespace stsfs::fs
