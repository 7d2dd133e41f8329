#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backoff.h"
#include "commit_slots.h"
#include "content_changes.h"
#include "copy_users.h"
#include "reading/base_reader.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/commit_plan.h"
#include "stsfs/staging/extent_map.h"
#include "stsfs/staging/journal.h"
#include "stsfs/staging/staging_area.h"
#include "stsfs/staging/upload.h"
#include "successors.h"

namespace stsfs::fs {

/// A version that we made.
struct OwnVersion {
  std::string etag;
  staging::WriteNumbers writes;  ///< Its number is the last of them.
};

/// How a commit is to be made, asked for at the moment it starts: names and attributes may have
/// changed since the write.
struct CommitRequest {
  std::string path;  ///< Relative to the folder.
  std::string key;
  std::string path_key;  ///< Of the path: another than `key` where the file has several names.
  oss::PutOptions put;
  bool times_given = false;  ///< The times in `put` were set, not those of the last write.
  bool tagged = false;       ///< The object has tags, to be carried along.
  bool gone = false;         ///< The file was removed: there is nothing to commit any more.
  /// The last version that we made of it; may be null.
  std::shared_ptr<const OwnVersion> own_version;
  std::string symlink_key;         ///< It is an OSS Symlink object, and leads to this key.
  bool is_unseen_link = false;     ///< It is a symbolic link, and perhaps such an object.
  bool is_just_confirmed = false;  ///< OSS had the version that we know a moment ago.
};

/// What became of it.
struct CommitOutcome {
  oss::Written written;
  oss::ObjectHeaders headers;    ///< That it was written with.
  staging::WriteNumbers writes;  ///< Its number is the last of them.
  std::uint64_t size = 0;
  bool conflict = false;      ///< Another's content is at the key; ours is at the conflict key.
  bool times_differ = false;  ///< Those of the object are the server's, not ours.
  /// Has every byte of it, as long as nobody writes on; null where some are in OSS only.
  std::shared_ptr<const staging::StagedFile> staged;
  /// Only attributes were changed, of this version. Else empty.
  std::string same_bytes_as;
  /// Only attributes were to change, and OSS did not take them: what it has counts.
  bool refused = false;
};

class FileContent;

/// The inode's side of a commit. Called on the HTTP loop, with no lock of FileContent held.
class CommitOwner {
 public:
  virtual ~CommitOwner() = default;
  virtual CommitRequest describe(InodeNumber inode) = 0;
  /// The file's name is an OSS Symlink object by now. Where that makes it one of several names of
  /// it, the key at which its content lies from now on.
  virtual std::optional<std::string> found_name(InodeNumber inode, const oss::Symlink& link) = 0;
  virtual void committed(InodeNumber inode, const CommitOutcome& outcome) = 0;
  /// None is under way any more: the content may not be needed.
  virtual void commit_ended(InodeNumber inode) = 0;
  /// What is at the key once nothing that we ourselves have under way is still to change that.
  virtual Transfer look_settled(const std::string& key, Callback<oss::ObjectMeta> done) = 0;
  /// Bytes that OSS had for it are gone, so that it can never be committed: the path shows what OSS
  /// has, and ours is kept for a rescue. Called before `commit_ended`.
  virtual void set_aside(InodeNumber inode, const FileContent& content,
                         const staging::JournalEntry& note) = 0;
};

struct ContentOptions {
  std::chrono::milliseconds read_timeout{30'000};  ///< Of what a commit has to read.
  std::chrono::milliseconds retry_backoff{1'000};
  std::chrono::milliseconds retry_backoff_max{60'000};
  /// With commit=background: how long a closed file waits for what may follow (a rename, a chmod).
  std::chrono::milliseconds commit_delay{300};
  /// After a file was closed behind which others go on writing.
  std::chrono::milliseconds commit_delay_max{10'000};
  staging::UploadOptions upload;
};

/// What a file's content hangs on.
struct ContentSurroundings {
  oss::ObjectStore& store;
  Scheduler& scheduler;
  const Clock& clock;
  ReadSurroundings reads;
  staging::StagingArea& area;
  staging::Journal& journal;
  CommitSlots& slots;
  CopyUsers& copy_users;
  CommitOwner& owner;
  const Successors& successors;
  ContentOptions options;
};

/// The content of one file while somebody has it open or it is not in OSS yet: the version it is
/// based on, and what was written since.
///
/// After a conflict the file at the path is the other's; whoever still has ours open goes on at the
/// conflict key, and is told so at every commit. Where ours is a change of a part, and the rest of
/// its version is gone, nothing whole is left to be put anywhere: the note in the journal is kept
/// for a rescue, and whoever has it open is told so from then on.
///
/// One commit at a time. A commit uploads what is there when it starts; what is written meanwhile
/// is committed by the next one. A failed commit keeps everything and is tried again with growing
/// pauses. Before anything is sent the journal knows of it, so that a kill loses nothing and what
/// is found in OSS afterwards is known to be ours.
///
/// A base that is gone may have been put elsewhere by this mount itself: a directory was renamed,
/// attributes were changed. Whoever finds it gone asks the owner, and goes on from where it is now.
/// Only what nobody here has done is another client's doing.
///
/// Reading and writing stand in file_content.cc, the journal's side in file_journal.cc, commits in
/// file_commit.cc and their end in file_commit_end.cc, attributes alone in file_stamp.cc, uploads
/// that begin while a file is being written in file_stream.cc, ranges of other objects in
/// file_copies.cc, what has to come from OSS first in file_fetch.cc, a base that is gone in
/// file_ground.cc, allocation and holes in file_space.cc.
///
/// Threads: every call on any thread; callbacks on the HTTP loop or at once on the caller's.
class FileContent : public std::enable_shared_from_this<FileContent> {
 public:
  /// `etag` empty: the file is not in OSS yet, and dirty from the start.
  FileContent(ContentSurroundings& around, InodeNumber inode, std::string key, std::string etag,
              std::uint64_t size);
  /// What an earlier daemon left; `staged` may be null when no byte is staged.
  FileContent(ContentSurroundings& around, InodeNumber inode, const staging::JournalEntry& entry,
              std::shared_ptr<staging::StagedFile> staged);
  ~FileContent();

  /// The version in OSS that it is based on; without an ETag there is none.
  struct Version {
    std::string key, etag;
    std::uint64_t size_bytes = 0;
  };
  Version base() const STSFS_EXCLUDES(mutex_);
  std::uint64_t size() const STSFS_EXCLUDES(mutex_);
  /// Not all of it is in OSS, or its owner has not been told yet that it is.
  bool dirty() const STSFS_EXCLUDES(mutex_);
  bool busy() const STSFS_EXCLUDES(mutex_);
  /// All that OSS lacks of it somebody is still writing: nothing was closed, and none of it is on
  /// its way as a commit.
  bool is_only_being_written() const STSFS_EXCLUDES(mutex_);
  /// An attempt to bring it to OSS was begun and is not known to have failed: an object may be
  /// there.
  bool may_be_in_store() const STSFS_EXCLUDES(mutex_);
  /// The number of what was changed last; from 1.
  std::uint64_t last_change() const STSFS_EXCLUDES(mutex_);
  /// Somebody has asked to keep what was changed up to there.
  bool is_closed(std::uint64_t change) const STSFS_EXCLUDES(mutex_);
  /// The same, and it is in OSS, or in the journal where that is enough.
  bool is_kept(std::uint64_t change, bool noted_is_enough) const STSFS_EXCLUDES(mutex_);
  std::string last_error() const STSFS_EXCLUDES(mutex_);
  /// Where it goes since another client's object was found at its path; "" before.
  std::string path_beside() const STSFS_EXCLUDES(mutex_);
  std::uint64_t unsent_bytes() const STSFS_EXCLUDES(mutex_);

  /// Begins to read from the start, before anybody asks: `confirmed` when the answer has begun, so
  /// that the version is known to be there still; kChanged or kNotFound when it is not. For a
  /// content that was just made.
  void start_reading(Deadline deadline, Callback<oss::ObjectMeta> confirmed) STSFS_EXCLUDES(mutex_);
  /// Reads the base with a reader that has begun before; of the same version, before the first
  /// read.
  void read_with(std::shared_ptr<BaseReader> reader) STSFS_EXCLUDES(mutex_);
  /// Answers at once when every byte is here, else from the loop. kStale when the version is gone.
  /// `by` as BaseReader::read.
  void read(ByteRange range, Callback<std::span<const std::byte>> done,
            ReadStreams::ReaderId by = ReadStreams::kNobody);
  /// `by` will not read any more.
  void leave(ReadStreams::ReaderId by) STSFS_EXCLUDES(mutex_);
  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) STSFS_EXCLUDES(mutex_);
  /// Writes at the end; returns where that was.
  Result<std::uint64_t> append(std::span<const std::byte> bytes) STSFS_EXCLUDES(mutex_);
  /// Writes as far as the file reaches by now.
  Result<void> write_within(std::span<const std::byte> bytes, std::uint64_t offset)
      STSFS_EXCLUDES(mutex_);
  Result<void> truncate(std::uint64_t size) STSFS_EXCLUDES(mutex_);
  /// As O_TRUNC: what is written from here on goes nowhere before its own close, also where there
  /// was nothing to cut.
  Result<void> begin_anew() STSFS_EXCLUDES(mutex_);
  /// What a copy of `range` is made of. Bytes of the base are ranges of an object for whoever takes
  /// them.
  struct Lent {
    std::vector<staging::Extent> extents;
    std::shared_ptr<const staging::StagedFile> staged;
  };
  Lent lend(ByteRange range) STSFS_EXCLUDES(mutex_);
  /// Whether reading this much costs no request: staged, or here of the base, or on its way.
  bool is_at_hand(ByteRange range) STSFS_EXCLUDES(mutex_);
  /// Takes what another content lent from its offset `from` on as its own at `to`. May read and
  /// write staged bytes. After an error a part of it may be there, as after a write.
  Result<void> take(const Lent& lent, std::uint64_t from, std::uint64_t to) STSFS_EXCLUDES(mutex_);
  /// Ranges of other objects are part of what is not in OSS yet.
  bool has_copies() const STSFS_EXCLUDES(mutex_);
  /// Fetches those, so that their objects may change. `done` when nothing hangs on them, or with
  /// why it still does.
  void localize(Callback<void> done) STSFS_EXCLUDES(mutex_);
  /// Once, after it was made from a journal's note.
  void watch_copies() STSFS_EXCLUDES(mutex_);

  /// fallocate(2). kNoSpace.
  Result<void> allocate(ByteRange range, Allocation kind) STSFS_EXCLUDES(mutex_);
  /// lseek(2) with SEEK_DATA or SEEK_HOLE; nullopt where there is none.
  Result<std::optional<std::uint64_t>> seek(std::uint64_t offset, SeekTo what) const
      STSFS_EXCLUDES(mutex_);

  /// The attributes that go with a commit changed, or its path: a commit under way, or a note in
  /// the journal, has the old ones. Returns false when no commit was owed: then the attributes
  /// alone make it dirty, and somebody must ask for their commit.
  bool attributes_changed() STSFS_EXCLUDES(mutex_);
  /// Which change of attributes is all that OSS lacks; nullopt when bytes are lacking, or nothing.
  std::optional<std::uint64_t> attributes_owed() const STSFS_EXCLUDES(mutex_);
  /// A copy made while held brought them to OSS.
  void attributes_carried(std::uint64_t change) STSFS_EXCLUDES(mutex_);

  /// For a close, a sync, or a change of attributes: what is written now is to be kept.
  /// `done` when the journal knows all that is written now, or could not note it. At once when
  /// clean.
  void save(Callback<void> done);
  /// What is acknowledged of this file, and not in the note that the journal has of it. Where
  /// somebody is writing, that keeps the bytes that were closed, and is told of the rest.
  enum class Lacks { kNothing, kAllButBytes, kAll };
  Lacks lacks_in_journal() const STSFS_EXCLUDES(mutex_);
  /// What is noted, or just being noted, may have the name of before.
  void name_changed() STSFS_EXCLUDES(mutex_);
  /// `done` when the note has all but the bytes as it is now.
  void amend(Callback<void> done) STSFS_EXCLUDES(mutex_);
  /// `done` when all that is written now is in OSS, or the attempt failed. At once when clean.
  void commit(Callback<void> done);
  /// A commit for which nobody waits; later while somebody is writing again, up to
  /// `commit_delay_max`, and not before his close when he began by cutting the file: what was
  /// closed before is not here any more.
  void commit_unasked();
  /// The same a moment from now.
  void commit_soon();
  /// Fetches what still comes from the base, so that the content no longer depends on OSS. Only
  /// while held.
  void detach(Callback<void> done);

  /// While held no commit starts. `done` when the one under way has ended.
  void hold(Callback<void> done);
  /// While held: an upload in parts that is under way ends, unless all of it is sent, and begins
  /// anew when nobody holds any more. For a removal.
  void give_way() STSFS_EXCLUDES(mutex_);
  /// Commits that were asked for meanwhile start.
  void release_hold();
  /// While held: where the base lies from now on. With `size` it is another one, of so many bytes.
  void lies_at(const ObjectVersion& base, std::optional<std::uint64_t> size = std::nullopt)
      STSFS_EXCLUDES(mutex_);
  /// The same bytes are elsewhere now: its base may be that, or what it copies from.
  void stand_on(const ObjectVersion& before, const ObjectVersion& now) STSFS_EXCLUDES(mutex_);

  /// The file was removed: nothing is to be committed any more; waiters are told that all is well.
  void forget_changes();
  /// Ends what is under way and every retry. Nothing is called back after it. What the journal
  /// knows stays for the next daemon.
  void stop();

 private:
  struct Waiter {
    std::uint64_t up_to;  // this change, or this state of the note
    Callback<void> done;
  };
  // --- file_content.cc ---
  std::shared_ptr<BaseReader> base_reader() STSFS_REQUIRES(mutex_);
  Result<void> stage() STSFS_REQUIRES(mutex_);
  Result<void> may_change() const STSFS_REQUIRES(mutex_);
  /// What no object can hold is refused when it is asked for: a commit plan of it has no end.
  static Result<void> may_reach(std::uint64_t size);
  void changed() STSFS_REQUIRES(mutex_) {
    changes_.written();
    ++state_;
  }
  Result<void> write_locked(std::span<const std::byte> bytes, std::uint64_t offset)
      STSFS_REQUIRES(mutex_);
  Result<void> resize(std::uint64_t size) STSFS_EXCLUDES(mutex_);
  bool staged_in_use() const STSFS_REQUIRES(mutex_);
  std::shared_ptr<BaseReader> make_reader(const std::string& key, const std::string& etag,
                                          std::uint64_t size) const;
  bool bytes_are_base() const STSFS_REQUIRES(mutex_);

  // --- file_ground.cc ---
  std::vector<ObjectVersion> stands_on() const STSFS_REQUIRES(mutex_);
  void follow() STSFS_EXCLUDES(mutex_);
  bool has_moved_since(std::uint64_t ground) STSFS_EXCLUDES(mutex_);
  bool may_have_come_through(std::uint64_t ground) const STSFS_EXCLUDES(mutex_);
  void read_again(ByteRange range, Callback<std::span<const std::byte>> done, Error error,
                  std::uint64_t ground);
  std::vector<Callback<void>> take_gone_readers() STSFS_REQUIRES(mutex_);
  bool starts_over(const Error& error);
  bool is_off_its_plan() const STSFS_EXCLUDES(mutex_);
  bool is_copy_of_base(const oss::ObjectMeta& meta) const;
  void settle_target();
  void move_base(const oss::ObjectMeta& meta);

  // --- file_copies.cc ---
  staging::CopySourcePointer base_as_source() STSFS_REQUIRES(mutex_);
  std::shared_ptr<BaseReader> reader_of(const staging::Extent& extent) STSFS_REQUIRES(mutex_);
  Result<void> take_staged(const staging::StagedFile& from, ByteRange range, std::uint64_t to);
  void localized(Result<void> result);

  // --- file_stream.cc ---
  void stream();
  bool may_stream() const STSFS_REQUIRES(mutex_);
  std::shared_ptr<staging::MultipartUpload> begin_stream(const CommitRequest& now)
      STSFS_REQUIRES(mutex_);
  std::shared_ptr<staging::MultipartUpload> take_stream() STSFS_REQUIRES(mutex_);

  // --- file_journal.cc ---
  void save_now();
  void amend_now();
  void note_next() STSFS_EXCLUDES(mutex_);
  struct Noted {
    std::uint64_t state, change, moment;
  };
  void saved(const Noted& note, const std::shared_ptr<staging::StagedFile>& file,
             Result<void> result) STSFS_EXCLUDES(mutex_);
  staging::JournalEntry frame_of(const CommitRequest& now) const STSFS_REQUIRES(mutex_);
  staging::JournalEntry entry_of(const CommitRequest& now) STSFS_REQUIRES(mutex_);
  const staging::WriteNumbers& next_write(const CommitRequest& now) STSFS_REQUIRES(mutex_);
  void draw_number(const CommitRequest& now) STSFS_REQUIRES(mutex_);
  void forget_note() STSFS_EXCLUDES(mutex_);
  bool is_closed_noted() const STSFS_REQUIRES(mutex_);
  void note(Callback<void> done) STSFS_EXCLUDES(mutex_);
  void note_what_was_closed(Callback<void> done) STSFS_EXCLUDES(mutex_);
  void note_again() STSFS_EXCLUDES(mutex_);

  // --- file_commit.cc ---
  void start_commit();
  void had_no_turn(const Error& error);
  void prepare();
  void spare_copies();
  void plan();
  void note_attempt();
  void carry_tags();
  void check_target();
  std::vector<ByteRange> plan_what_is_here(std::shared_ptr<staging::MultipartUpload>& dropped,
                                           std::shared_ptr<staging::StagedView>& before)
      STSFS_REQUIRES(mutex_);
  bool needs_base() const;
  bool plan_without_base() STSFS_EXCLUDES(mutex_);
  staging::UploadOptions upload_options() const;
  void look_at_target();
  bool may_have_names() const;
  void follow_name(const oss::ObjectMeta& meta);
  staging::MultipartUpload::Check last_look(const std::string& expected);
  void found_at_target(const oss::ObjectMeta& meta);
  void looked_at_target(Result<oss::ObjectMeta> meta);
  void nothing_at_target();
  void take_object_of_directory(const oss::ObjectMeta& meta) STSFS_EXCLUDES(mutex_);
  void upload(bool to_conflict_key);
  bool choose_conflict_name();
  void lost_bytes(Error error);
  void look_for_base(const Error& error);
  void uploaded(bool to_conflict_key, Result<oss::Written> written);

  // --- file_copies.cc ---
  std::vector<staging::CopySourcePointer> sources_left() const STSFS_EXCLUDES(mutex_);
  void look_at_sources(Error error, std::vector<staging::CopySourcePointer> left,
                       UniqueFunction<void(Error)> all_there);

  // --- file_fetch.cc ---
  struct Piece;
  std::vector<Piece> pieces_of(const std::vector<ByteRange>& ranges) STSFS_REQUIRES(mutex_);
  Result<void> stage_what_was_read(BaseReader& base, Piece& piece, staging::RoomClaim& claim)
      STSFS_EXCLUDES(mutex_);
  void fetch(Chain& chain, std::vector<ByteRange> ranges, Callback<void> next);
  void fetch_pieces(Chain& chain, std::shared_ptr<std::vector<Piece>> pieces,
                    std::shared_ptr<staging::RoomClaim> claim, Callback<void> next);
  Result<void> stage_fetched(const Piece& piece, std::span<const std::byte> bytes,
                             std::uint64_t offset, staging::RoomClaim& claim)
      STSFS_EXCLUDES(mutex_);
  void had_no_room(Error error, std::uint64_t bytes);
  void look_for_room(const Error& error, std::uint64_t bytes);

  // --- file_stamp.cc ---
  void stamp(oss::Written written, const oss::UserMetadata& present);
  void copy_attributes();
  void copy_onto_itself();
  void look_at_link();
  void found_link(const oss::Symlink& link);
  void put_link(const std::string& target);
  void attributes_copied(Result<oss::Written> written);
  void refuse_attributes(const Error& error);

  // --- file_commit_end.cc ---
  void finish(Result<CommitOutcome> outcome);
  void adopt(CommitOutcome& outcome) STSFS_EXCLUDES(mutex_);
  bool owes_what_was_closed() const STSFS_EXCLUDES(mutex_);
  void owner_knows() STSFS_EXCLUDES(mutex_);
  void end_commit(const Result<CommitOutcome>& outcome, bool new_file) STSFS_EXCLUDES(mutex_);
  std::vector<Callback<void>> leave_to_holder() STSFS_REQUIRES(mutex_);
  void commit_unless_written(bool as_it_is) STSFS_EXCLUDES(mutex_);
  void leave_to_close() STSFS_EXCLUDES(mutex_);
  bool gives_way() STSFS_EXCLUDES(mutex_);
  void put_off() STSFS_EXCLUDES(mutex_);
  void set_aside(const std::string& reason);
  void is_aside(const Error& error);
  void retry_later();
  void arm(std::chrono::milliseconds wait, UniqueFunction<void()> what);

  ContentSurroundings& around_;
  const InodeNumber inode_;

  mutable Mutex mutex_;  // never held while a transfer starts or goes, or an owner or callback runs
  std::string key_ STSFS_GUARDED_BY(mutex_);   // where the base lies
  std::string etag_ STSFS_GUARDED_BY(mutex_);  // its version; empty: there is none
  std::uint64_t base_size_ STSFS_GUARDED_BY(mutex_);
  std::shared_ptr<BaseReader> base_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t ground_ STSFS_GUARDED_BY(mutex_) = 0;  // counts changes of base and sources
  staging::CopySourcePointer as_source_ STSFS_GUARDED_BY(mutex_);  // the base, once it was lent
  std::map<std::pair<std::string, std::string>, std::shared_ptr<BaseReader>> copy_readers_
      STSFS_GUARDED_BY(mutex_);  // by key and ETag
  std::vector<Callback<void>> localize_waiters_ STSFS_GUARDED_BY(mutex_);
  std::shared_ptr<staging::StagedFile> staged_ STSFS_GUARDED_BY(mutex_);
  staging::ExtentMap map_ STSFS_GUARDED_BY(mutex_);
  ContentChanges changes_ STSFS_GUARDED_BY(mutex_);
  bool as_it_is_ STSFS_GUARDED_BY(mutex_) = false;  // the commit takes along what nobody closed
  bool committing_ STSFS_GUARDED_BY(mutex_) = false;
  bool wanted_ STSFS_GUARDED_BY(mutex_) = false;  // a commit was asked for while it could not start
  int holds_ STSFS_GUARDED_BY(mutex_) = 0;
  // Asked only while held and committing; of every upload.
  const std::shared_ptr<staging::GiveWay> way_ = std::make_shared<staging::GiveWay>();
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
  bool removed_ STSFS_GUARDED_BY(mutex_) = false;  // before OSS had it
  // The path shows another's content; ours lies at key_, which is detached_path_.
  bool detached_ STSFS_GUARDED_BY(mutex_) = false;
  std::string detached_path_ STSFS_GUARDED_BY(mutex_);
  Backoff backoff_ STSFS_GUARDED_BY(mutex_);
  std::string last_error_ STSFS_GUARDED_BY(mutex_);
  std::optional<Error> aside_ STSFS_GUARDED_BY(mutex_);  // why it can never be committed
  std::vector<Waiter> waiters_ STSFS_GUARDED_BY(mutex_);
  std::vector<Callback<void>> idle_waiters_ STSFS_GUARDED_BY(mutex_);
  std::vector<Callback<void>> gone_readers_ STSFS_GUARDED_BY(mutex_);  // see read_again
  staging::WriteNumbers writes_ STSFS_GUARDED_BY(mutex_);  // the last: of the next write
  bool begun_ STSFS_GUARDED_BY(mutex_) = false;            // one of them, and its end is not known
  std::uint64_t sent_ STSFS_GUARDED_BY(mutex_) = 0;  // what the last was sent with; 0: it was not
  Transfer timer_ STSFS_GUARDED_BY(mutex_);          // the next retry, or the commit of commit_soon
  std::optional<SteadyTime> asked_ STSFS_GUARDED_BY(mutex_);  // the first commit_soon of these

  // The journal's note.
  std::uint64_t state_ STSFS_GUARDED_BY(mutex_) = 1;    // counts everything that a note tells
  std::uint64_t note_id_ STSFS_GUARDED_BY(mutex_) = 0;  // 0: there is none
  std::uint64_t noted_ STSFS_GUARDED_BY(mutex_) = 0;    // the state it tells
  std::uint64_t noted_change_ STSFS_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<staging::StagedFile> noted_file_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t noted_moment_ STSFS_GUARDED_BY(mutex_) = 0;  // of that note
  bool saving_ STSFS_GUARDED_BY(mutex_) = false;
  bool forget_note_ STSFS_GUARDED_BY(mutex_) = false;  // once what is being saved is noted
  std::vector<Waiter> save_waiters_ STSFS_GUARDED_BY(mutex_);
  std::vector<Callback<void>> amend_waiters_ STSFS_GUARDED_BY(mutex_);

  // The upload of a large new file while it is being written.
  std::shared_ptr<staging::MultipartUpload> stream_ STSFS_GUARDED_BY(mutex_);
  std::weak_ptr<staging::MultipartUpload> last_stream_
      STSFS_GUARDED_BY(mutex_);  // the same, also while it is committed
  std::shared_ptr<staging::StagedView> stream_view_ STSFS_GUARDED_BY(mutex_);  // what it sends
  int streamed_ STSFS_GUARDED_BY(mutex_) = 0;                                  // parts handed over
  std::uint64_t stream_from_ STSFS_GUARDED_BY(mutex_);      // size from which the next part goes
  bool stream_begins_ STSFS_GUARDED_BY(mutex_) = false;     // somebody is about to begin it
  oss::UserMetadata stream_user_ STSFS_GUARDED_BY(mutex_);  // metadata it was begun with

  // Of the commit under way, touched only by its steps, one after the other:
  CommitSlots::Slot slot_;
  std::optional<SteadyTime> short_of_room_since_;  // for what it is to fetch
  CommitRequest request_;
  std::string conflict_key_, conflict_path_;  // where our content goes when another's is found
  std::string expected_etag_;                 // what must be at the key; empty: nothing
  std::string base_key_;
  std::uint64_t commit_change_ = 0;  // up to which it sends
  std::vector<staging::Extent> commit_extents_;
  bool attributes_only_ = false;  // every byte is the base's: a copy onto itself does
  int looks_ = 0;                 // at what stands in its way
  bool settled_ = false;          // what we ourselves had under way there
  int starts_ = 0;                // how often it was planned anew
  staging::CommitPlan plan_;
  staging::CopySourcePointer commit_copy_;  // the whole file is a copy of this
  std::uint64_t commit_size_ = 0;
  staging::WriteNumbers commit_writes_;  // up to its own
  bool first_try_ = true;                // nothing of ours can be in OSS that is not known
  std::shared_ptr<staging::StagedView> commit_view_;  // of the moment in which it was planned
  std::shared_ptr<staging::MultipartUpload> commit_stream_;
  Chain chain_;

  Chain localize_chain_;  // of what `localize` fetches, beside a commit
};

/// Has everybody but `but` who counts on `key` (below it, when it ends in `/`) fetch what they need
/// of it. `done` with the first that could not.
void localize_users(CopyUsers& users, const std::string& key, const FileContent* but,
                    Callback<void> done);

}  // namespace stsfs::fs
