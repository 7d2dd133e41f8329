// A commit, step by step: wait for a slot, fetch what must be sent again, note the attempt, look
// whether the base is still there, upload, tell.

#include <algorithm>

#include "file_content.h"
#include "range_fetch.h"
#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

using staging::Extent;
using staging::Origin;

/// Attempts that are remembered; older ones have long been answered.
constexpr std::size_t kAttemptsMax = 8;

Error as_stale(Error error) {
  if (error.code == Errc::kChanged || error.code == Errc::kNotFound) error.code = Errc::kStale;
  return error;
}

bool same_but_times(oss::UserMetadata a, oss::UserMetadata b) {
  for (oss::UserMetadata* user : {&a, &b})
    for (const char* name : {"mtime", "ctime", "atime", oss::kWriteIdName}) user->erase(name);
  return a == b;
}

bool has_times_of(const oss::UserMetadata& have, const oss::UserMetadata& want) {
  const auto a = have.find("mtime");
  const auto b = want.find("mtime");
  return a != have.end() && b != want.end() && a->second == b->second;
}

}  // namespace

void FileContent::commit(Callback<void> done) {
  bool start = false;
  bool nothing = false;
  {
    MutexLock lock(mutex_);
    nothing = (generation_ == committed_ && !committing_) || stopped_;
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

void FileContent::commit_soon() {
  arm(around_.options.commit_delay, [self = shared_from_this()] {
    bool quiet = false;
    {
      MutexLock lock(self->mutex_);
      quiet = self->noted_ == self->state_;  // else its writer saves again, and asks again
    }
    if (quiet) self->commit([](Result<void>) {});
  });
}

/// With committing_ set by the caller.
void FileContent::start_commit() {
  around_.slots.acquire([self = shared_from_this()](CommitSlots::Slot slot) {
    self->slot_ = std::move(slot);
    self->prepare();
  });
}

void FileContent::prepare() {
  {
    // Before the owner is asked: what changes after that is for the next commit.
    MutexLock lock(mutex_);
    commit_generation_ = generation_;
    wanted_ = false;
  }
  request_ = around_.owner.describe(inode_);
  if (request_.gone) {
    slot_.release();
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

void FileContent::plan() {
  Transfer timer;
  std::vector<ByteRange> lacking;
  std::shared_ptr<staging::MultipartUpload> dropped;
  bool stopped = false;
  {
    MutexLock lock(mutex_);
    stopped = stopped_;
    timer = std::move(timer_);
    if (detached_) request_.key = key_;
    // Of the version this content is based on, whatever is known of the path by now.
    looked_ = false;
    expected_etag_ = etag_;
    base_key_ = key_;
    commit_extents_ = map_.all();
    commit_size_ = map_.size();
    commit_file_ = staged_;
    commit_stream_ = take_stream();
    const bool fits = commit_stream_ && !commit_stream_->failed() &&
                      commit_stream_->key() == request_.key && commit_extents_.size() == 1 &&
                      commit_extents_[0].origin == Origin::kStaged;
    if (commit_stream_ && !fits) dropped = std::exchange(commit_stream_, nullptr);
    attributes_only_ = bytes_are_base();
    plan_ = {};
    commit_copy_ = nullptr;
    if (!attributes_only_)
      commit_copy_ =
          staging::whole_copy(commit_extents_, etag_.empty() ? nullptr : base_as_source());
    if (!attributes_only_ && !commit_copy_)
      plan_ = staging::plan_commit(commit_extents_, around_.options.upload.plan);
    lacking = plan_.fetched_before;
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
  save([self = shared_from_this(), lacking](Result<void>) mutable {
    self->fetch(self->chain_, std::move(lacking), [self](Result<void> result) {
      if (result)
        self->prepare();  // with what is staged now
      else
        self->finish(fail(as_stale(std::move(result.error()))));
    });
  });
}

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

/// Turns these bytes, which are in OSS only, into staged ones.
void FileContent::fetch(Chain& chain, std::vector<ByteRange> ranges, Callback<void> next) {
  auto pieces = std::make_shared<std::vector<Piece>>();
  Result<void> ready;
  {
    MutexLock lock(mutex_);
    *pieces = pieces_of(ranges);
    ready = stage();
  }
  if (!ready)
    next(std::move(ready));
  else
    fetch_pieces(chain, std::move(pieces), std::move(next));
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
  }
  return {};
}

/// Before anything is sent: whoever finds it in OSS after a kill must know it for ours.
void FileContent::note_attempt() {
  {
    MutexLock lock(mutex_);
    write_id_ = commit_stream_ ? stream_write_id_ : random_hex(8);
    attempts_.push_back({write_id_, commit_generation_});
    if (attempts_.size() > kAttemptsMax) attempts_.erase(attempts_.begin());
    ++state_;
  }
  // A journal that cannot be written says so in the log; OSS is the better place anyway.
  save([self = shared_from_this()](Result<void>) { self->carry_tags(); });
}

/// A copy keeps the tags of the object; whatever else replaces it has to bring them.
void FileContent::carry_tags() {
  const bool copied = attributes_only_ && commit_size_ < oss::kCopySizeMax;
  if (!request_.tagged || expected_etag_.empty() || copied) {
    check_target();
    return;
  }
  chain_.step([&] {
    return around_.store.start_get_tagging(
        base_key_, Deadline::in(around_.clock, around_.options.read_timeout),
        [self = shared_from_this()](Result<std::string> tags) {
          if (!tags && tags.error().code != Errc::kNotFound && tags.error().code != Errc::kDenied) {
            self->finish(fail(std::move(tags.error())));
            return;
          }
          if (tags)
            self->request_.put.tagging = std::move(*tags);
          else
            log_warning("fs", "{} loses its tags: {}", printable(self->request_.path),
                        tags.error().message);
          self->check_target();
        });
  });
}

/// Is what we are based on still there? OSS has no If-Match on a write: this is the nearest there
/// is. A commit in parts asks last before it completes them; one that copies all of its base finds
/// out by that, and a new file by not overwriting.
void FileContent::check_target() {
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = attempts_.size() <= 1;
  }
  const bool asks_later =
      commit_stream_ || !plan_.parts.empty() || (needs_base() && base_key_ == request_.key);
  // A copy of the attributes looks for itself.
  if (attributes_only_ || (first && (expected_etag_.empty() || asks_later))) {
    upload(false);
    return;
  }
  look_at_target();
}

/// What a commit copies it copies from the base, and is told when that is another version by now.
bool FileContent::needs_base() const {
  return std::any_of(plan_.parts.begin(), plan_.parts.end(),
                     [](const auto& part) { return part.copied && !part.source; }) ||
         (commit_copy_ && commit_extents_[0].origin == Origin::kBase);
}

/// Just before the parts become the object: a version other than this one must not be replaced.
/// Null when none is expected: overwriting is forbidden then.
staging::MultipartUpload::Check FileContent::last_look(const std::string& expected) {
  if (expected.empty()) return nullptr;
  return [self = shared_from_this(), expected](Callback<void> done) {
    return self->around_.store.start_head(
        self->request_.key, Deadline::in(self->around_.clock, self->around_.options.read_timeout),
        [self, expected, done = std::move(done)](Result<oss::ObjectMeta> meta) mutable {
          const bool gone = !meta && meta.error().code == Errc::kNotFound;
          if (meta && meta->etag == expected)
            done({});
          else if (meta || gone)
            done(fail(Errc::kChanged, "another client changed " + printable(self->request_.path)));
          else
            done(fail(std::move(meta.error())));
        });
  };
}

void FileContent::look_at_target() {
  looked_ = true;
  chain_.step([&] {
    return around_.store.start_head(request_.key,
                                    Deadline::in(around_.clock, around_.options.read_timeout),
                                    [self = shared_from_this()](Result<oss::ObjectMeta> meta) {
                                      if (meta)
                                        self->found_at_target(*meta);
                                      else if (meta.error().code == Errc::kNotFound)
                                        self->upload(!self->expected_etag_.empty());
                                      else
                                        self->finish(fail(std::move(meta.error())));
                                    });
  });
}

void FileContent::found_at_target(const oss::ObjectMeta& meta) {
  if (!expected_etag_.empty() && meta.etag == expected_etag_) {
    upload(false);
    return;
  }
  const auto id = meta.headers.user.find(oss::kWriteIdName);
  bool ours = false;
  bool whole = false;
  {
    MutexLock lock(mutex_);
    for (const Attempt& attempt : attempts_) {
      if (id == meta.headers.user.end() || attempt.write_id != id->second) continue;
      ours = true;
      whole = attempt.generation == commit_generation_ && meta.size_bytes == commit_size_;
    }
    if (ours) {  // what comes from the base lies in it at the same offsets
      key_ = request_.key;
      etag_ = meta.etag;
    }
  }
  if (!ours) {
    upload(true);
    return;
  }
  expected_etag_ = meta.etag;
  base_key_ = request_.key;
  if (whole)
    stamp({.etag = meta.etag, .crc64 = meta.crc64}, meta.headers.user);
  else
    upload(false);
}

void FileContent::upload(bool to_conflict_key) {
  if (attributes_only_) {
    if (to_conflict_key)
      refuse_attributes(Error{Errc::kChanged, "another client wrote the file meanwhile", {}});
    else
      copy_attributes();
    return;
  }
  if (to_conflict_key && needs_base()) {
    finish(fail(Errc::kStale,
                "another client wrote " + printable(request_.path) +
                    ", and our changes are to parts of the version before; they are kept"));
    return;
  }
  oss::PutOptions put = request_.put;
  put.headers.user[oss::kWriteIdName] = write_id_;
  put.forbid_overwrite = to_conflict_key || expected_etag_.empty();
  auto done = [self = shared_from_this(), to_conflict_key](Result<oss::Written> written) {
    self->uploaded(to_conflict_key, std::move(written));
  };
  if (commit_stream_ && !to_conflict_key) {
    chain_.step([&, stream = commit_stream_] {
      const auto& plan = around_.options.upload.plan;
      stream->complete(staging::streamed_parts(commit_size_, plan), last_look(expected_etag_),
                       std::move(done));
      return Transfer([stream] { stream->cancel(); });
    });
    return;
  }
  if (auto stream = std::exchange(commit_stream_, nullptr)) stream->cancel();
  const std::string& key = to_conflict_key ? request_.conflict_key : request_.key;
  auto check = last_look(to_conflict_key ? "" : expected_etag_);
  if (commit_copy_) {
    const bool of_base = commit_extents_[0].origin == Origin::kBase;
    oss::CopyOptions copy{.source_key = of_base ? base_key_ : commit_copy_->key,
                          .source_etag = of_base ? expected_etag_ : commit_copy_->etag,
                          .replace_metadata = true,
                          .put = std::move(put)};
    chain_.step([&] {
      return staging::start_copy(around_.store, around_.clock, key, std::move(copy), commit_size_,
                                 around_.options.upload, std::move(done), std::move(check));
    });
    return;
  }
  chain_.step([&] {
    return staging::start_upload(around_.store, around_.clock, key, commit_file_, commit_extents_,
                                 plan_, base_key_, expected_etag_, std::move(put),
                                 around_.options.upload, std::move(check), std::move(done));
  });
}

/// An object that we were copying from changed, and what we need of it is staged by now.
bool FileContent::lost_a_source(const Error& error) const {
  if (error.code != Errc::kChanged && error.code != Errc::kNotFound) return false;
  MutexLock lock(mutex_);
  for (const Extent& extent : commit_extents_)
    if (extent.origin == Origin::kCopied && map_.within(extent.range) != std::vector{extent})
      return true;
  return false;
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
                                        else
                                          self->upload(true);
                                      });
    });
    return;
  }
  if (!written && lost_a_source(written.error())) {
    prepare();  // with what was fetched of it meanwhile
    return;
  }
  const bool changed =
      !written && !expected_etag_.empty() &&
      (written.error().code == Errc::kChanged || written.error().code == Errc::kNotFound);
  if (changed && !looked_) {
    look_at_target();
    return;
  }
  if (!written) {
    finish(fail(as_stale(std::move(written.error()))));
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
  finish(std::move(outcome));
}

/// A stream began before the last write, with attributes of then: what they lack is put right by a
/// copy onto itself. Times that nobody set are the server's then, for that is when it was written.
void FileContent::stamp(oss::Written written, const oss::UserMetadata& present) {
  CommitOutcome outcome;
  outcome.headers = request_.put.headers;
  outcome.size = commit_size_;
  outcome.times_differ = !has_times_of(present, request_.put.headers.user);
  const bool right = same_but_times(present, request_.put.headers.user) &&
                     (!outcome.times_differ || !request_.times_given);
  if (right) {
    outcome.written = std::move(written);
    finish(std::move(outcome));
    return;
  }
  outcome.times_differ = false;
  oss::CopyOptions copy{.source_key = request_.key,
                        .source_etag = written.etag,
                        .replace_metadata = true,
                        .put = request_.put};
  copy.put.headers.user[oss::kWriteIdName] = write_id_;
  auto check = last_look(written.etag);
  chain_.step([&] {
    return staging::start_copy(
        around_.store, around_.clock, request_.key, std::move(copy), commit_size_,
        around_.options.upload,
        [self = shared_from_this(), outcome](Result<oss::Written> copied) {
          if (!copied) {
            self->finish(fail(std::move(copied.error())));
            return;
          }
          CommitOutcome stamped = outcome;
          stamped.written = std::move(*copied);
          self->finish(std::move(stamped));
        },
        std::move(check));
  });
}

/// Nothing but attributes changed: a copy of the object onto itself, which goes only if it still is
/// the version that we know.
void FileContent::copy_attributes() {
  oss::CopyOptions copy{.source_key = base_key_,
                        .source_etag = expected_etag_,
                        .replace_metadata = true,
                        .put = request_.put};
  copy.put.headers.user[oss::kWriteIdName] = write_id_;
  chain_.step([&] {
    return staging::start_copy(
        around_.store, around_.clock, request_.key, std::move(copy), commit_size_,
        around_.options.upload,
        [self = shared_from_this()](Result<oss::Written> written) {
          self->attributes_copied(std::move(written));
        },
        last_look(base_key_ == request_.key ? expected_etag_ : ""));
  });
}

void FileContent::attributes_copied(Result<oss::Written> written) {
  if (written) {
    if (written->etag.empty()) written->etag = expected_etag_;
    CommitOutcome outcome;
    outcome.written = std::move(*written);
    outcome.size = commit_size_;
    outcome.headers = request_.put.headers;
    finish(std::move(outcome));
    return;
  }
  switch (written.error().code) {
    case Errc::kChanged:  // it may have been us, and the answer was lost
      if (std::exchange(looked_, true))
        refuse_attributes(written.error());
      else
        look_at_target();
      return;
    case Errc::kNotFound:
    case Errc::kDenied:
    case Errc::kArchived:
    case Errc::kMetadataFull:
    case Errc::kNotSupported:
    case Errc::kInvalid:
      refuse_attributes(written.error());
      return;
    default:
      finish(fail(std::move(written.error())));
  }
}

/// Trying again would not help, and no byte is at stake.
void FileContent::refuse_attributes(const Error& error) {
  log_warning("fs", "the attributes of {} could not be changed: {}", printable(request_.path),
              error.message);
  CommitOutcome outcome;
  outcome.written.etag = expected_etag_;
  outcome.size = commit_size_;
  outcome.refused = true;
  finish(std::move(outcome));
}

/// Until the owner and the journal have been told it counts as under way: who finds no commit under
/// way goes by what the owner knows.
void FileContent::finish(Result<CommitOutcome> outcome) {
  const CommitSlots::Slot slot = std::move(slot_);
  const bool new_file = expected_etag_.empty();
  if (outcome) {
    adopt(*outcome);
    around_.owner.committed(inode_, *outcome);
    if (dirty())
      save_again();
    else
      forget_note();
  } else {
    log_warning("fs", "a file is not in OSS yet and is kept: {}", outcome.error().message);
  }
  commit_extents_.clear();
  commit_file_.reset();
  commit_stream_.reset();
  commit_copy_.reset();
  end_commit(outcome, new_file);
}

/// The version that was written is the base from here on.
void FileContent::adopt(CommitOutcome& outcome) {
  std::shared_ptr<BaseReader> old_base;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<BaseReader>> old_readers;
  MutexLock lock(mutex_);
  failures_ = 0;
  last_error_.clear();
  committed_ = commit_generation_;
  key_ = outcome.conflict ? request_.conflict_key : request_.key;
  if (etag_ != outcome.written.etag || base_size_ != commit_size_) old_base = std::move(base_);
  etag_ = outcome.written.etag;
  base_size_ = commit_size_;
  map_.committed(commit_extents_);
  if (!map_.has_copies()) old_readers.swap(copy_readers_);
  attempts_.clear();
  ++state_;
  if (outcome.conflict) detached_path_ = request_.conflict_path;
  detached_ = detached_ || outcome.conflict;
  outcome.conflict = detached_;
}

/// The next one may begin, on any thread: nothing of this one is touched behind the lock.
void FileContent::end_commit(const Result<CommitOutcome>& outcome, bool new_file) {
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle;
  bool again = false;
  bool retry = false;
  std::string content_key;
  {
    MutexLock lock(mutex_);
    if (!outcome) {
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
    const bool more = !waiters_.empty() || (wanted_ && outcome && generation_ != committed_);
    again = more && holds_ == 0 && !stopped_;
    if (again) committing_ = true;
    wanted_ = more && !again;
    retry = !outcome && !stopped_;
    idle.swap(idle_waiters_);
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
  arm(wait, [self = shared_from_this()] { self->commit([](Result<void>) {}); });
}

/// One timer: the later call replaces the earlier.
void FileContent::arm(std::chrono::milliseconds wait, UniqueFunction<void()> what) {
  Transfer timer = around_.scheduler.after(wait, std::move(what));
  MutexLock lock(mutex_);
  if (stopped_) return;  // `timer` goes when the lock is free again
  std::swap(timer_, timer);
}

// --- holding, and the end ---

void FileContent::detach(Callback<void> done) {
  std::vector<ByteRange> ranges;
  {
    MutexLock lock(mutex_);
    if (!stopped_)
      for (const Extent& extent : map_.all())
        if (extent.is_remote()) ranges.push_back(extent.range);
  }
  if (ranges.empty())
    done({});
  else
    fetch(chain_, std::move(ranges), std::move(done));
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
      ++state_;
    }
    key_ = key;
    etag_ = etag;
    --holds_;
    start = holds_ == 0 && wanted_ && !committing_ && !stopped_ && generation_ != committed_;
    if (holds_ == 0) wanted_ = false;
    if (start) committing_ = true;
  }
  if (start) start_commit();
}

void FileContent::rebase(const std::string& old_etag, const std::string& new_etag) {
  std::shared_ptr<BaseReader> old;
  MutexLock lock(mutex_);
  if (etag_ != old_etag) return;
  etag_ = new_etag;
  old = std::move(base_);
  ++state_;
}

void FileContent::forget_changes() {
  std::vector<Waiter> told;
  std::vector<Callback<void>> idle;
  std::shared_ptr<staging::MultipartUpload> stream;
  Transfer timer;
  {
    MutexLock lock(mutex_);
    committed_ = generation_;
    committing_ = false;
    last_error_.clear();
    timer = std::move(timer_);
    told.swap(waiters_);
    idle.swap(idle_waiters_);
    stream = take_stream();
  }
  if (stream) stream->cancel();
  forget_note();
  for (Waiter& waiter : told) waiter.done({});
  for (auto& done : idle) done({});
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
    stream = take_stream();
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
    committing_ = false;
  }
  for (Waiter& waiter : told)
    waiter.done(fail(Errc::kInterrupted, "the mount ended before the file was in OSS"));
  for (auto& done : idle) done({});
}

}  // namespace stsfs::fs
