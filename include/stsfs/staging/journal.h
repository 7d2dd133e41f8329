#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/oss/object.h"
#include "stsfs/staging/extent_map.h"
#include "stsfs/staging/staging_area.h"

namespace SQLite {
class Database;
}

namespace stsfs::staging {

/// The numbers under which writes of one file go to OSS: an object that carries one of them in its
/// `stsfs-write` is ours.
struct WriteNumbers {
  /// Of versions that were made by one mount, each from the one before. Empty: there is none yet.
  std::string line;
  /// Of the first write since the base, and of the one that is to write what is noted.
  std::uint64_t first = 0, last = 0;

  bool operator==(const WriteNumbers&) const = default;
};

/// One file that was written and is not in OSS yet: all that another daemon needs to bring it
/// there.
struct JournalEntry {
  std::uint64_t id = 0;     ///< From Journal::next_id.
  std::string path;         ///< Relative to the folder, as it is called now.
  std::string staged_name;  ///< Of its StagedFile; empty when no byte is staged.
  // The version in OSS that it was written over; without an ETag there was none.
  std::string base_key, base_etag;
  std::uint64_t base_size = 0;
  std::vector<Extent> extents;  ///< Covering the whole file.
  oss::ObjectHeaders headers;   ///< Attributes included.
  bool tagged = false;          ///< The version in OSS has tags.
  std::string storage_class;
  /// Under these it may be in OSS already: an answer was lost, we were killed before it was noted,
  /// or a loss of power brought back an earlier note.
  WriteNumbers writes;
  /// Why it can never be brought to OSS: then it is kept for `stsfs rescue` only. Empty: it can.
  std::string aside;
  /// The machine was not started anew since this was noted, so that what is staged is as it was
  /// left. Only in what `entries` returns.
  bool same_boot = false;
  bool synced = false;  ///< What is staged is on the disk, not only in the machine's memory.
  /// Tells one note of a file from the next: the later is greater. 0 until it was put.
  std::uint64_t note = 0;
};

/// A multipart upload that was begun and neither completed nor aborted.
struct BegunUpload {
  std::string key;
  std::string upload_id;
};

/// Who remembers uploads, so that none is left behind by a kill.
class UploadLog {
 public:
  virtual ~UploadLog() = default;
  /// Nothing is sent of it before `noted`, on any thread or at once: it is remembered then, or
  /// cannot be.
  virtual void upload_began(const BegunUpload& upload, UniqueFunction<void()> noted) = 0;
  virtual void upload_ended(const std::string& upload_id) = 0;
};

class Reserve;

struct JournalOptions {
  std::string file;        ///< The database; its directory must exist. Made 0600.
  bool sync_each = false;  ///< Each note is on the disk when it is confirmed (`sync=close`).
  std::chrono::milliseconds sync_interval{1'000};  ///< Otherwise: how long after that at most.
  /// Used up where the disk is full: by what is new only half of it, by opening, and by what ends
  /// something, all. May be null.
  std::shared_ptr<Reserve> reserve;
};

/// What is staged and not yet in OSS, in one SQLite file. A note survives a kill of the daemon as
/// soon as it is confirmed; a loss of power when its staged bytes and itself were brought to the
/// disk, which a thread of the journal's own does soon after, or `put` itself with `sync_each`.
/// Until then a loss of power brings back the note of the same file that was on the disk before.
///
/// Notes that come while others are being written share one transaction. Whoever finds nobody
/// writing writes for all: `done` runs on that thread, or at once on the caller's. That a file is
/// in OSS waits for the next note, `sync_interval` at most: until then another daemon would find
/// the note, and that the file is in OSS already.
///
/// Threads:  every call at once on any thread; none may be made from inside `done`'s own lock.
/// Errors:   kNoSpace, kIo from `done`; then nothing of that note counts.
class Journal : public UploadLog {
 public:
  /// Errors: kCorrupt when the database is damaged (it says where it lies, and nothing is changed);
  /// kNotSupported when a newer stsfs made it.
  static Result<std::unique_ptr<Journal>> open(const JournalOptions& options);
  ~Journal() override;

  /// What stands in a journal, whether a daemon has it open or not; nothing is changed.
  static Result<std::vector<JournalEntry>> read(const std::string& file);
  /// How much is owed to OSS by a journal that no daemon has open: files, removals, renames and
  /// further names.
  static Result<std::uint64_t> owed_by(const std::string& file);
  /// The same without the files: what only changes names.
  static Result<std::uint64_t> names_owed_by(const std::string& file);

  /// Forgets a file that was set aside, and deletes what is staged of it; also while a daemon has
  /// the journal open. Errors: kNotFound when it is not there, or may still go to OSS.
  static Result<void> discard(const std::string& file, const JournalEntry& entry);

  /// What an earlier daemon left. Read once, before the first note.
  Result<std::vector<JournalEntry>> entries();
  Result<std::vector<BegunUpload>> uploads();
  /// What the notes lie in that a loss of power would bring back, by the ids of those entries.
  Result<std::map<std::uint64_t, std::string>> fallbacks();
  /// `entry` is not on the disk yet: it is brought there as a new one is. For `before`, see `put`.
  void sync_recovered(const JournalEntry& entry, std::shared_ptr<const StagedFile> staged,
                      std::shared_ptr<const StagedFile> before);

  /// The disk has refused the journal: what is confirmed may not survive a loss of power until it
  /// takes it.
  bool disk_failed() const;

  std::uint64_t next_id();
  /// Greater than that of any note before.
  std::uint64_t next_note();
  /// Replaces what was noted under the same id. `staged`: what its extents lie in; may be null.
  /// `before`: what those of the note before it lie in, if that is another file; it stays until no
  /// loss of power brings that note back.
  void put(JournalEntry entry, std::shared_ptr<const StagedFile> staged,
           std::shared_ptr<const StagedFile> before, Callback<void> done);
  /// What was noted under this id gets the path, the base, and the attributes of `entry`; its bytes
  /// stay those that it tells of. Nothing when there is no such note.
  void amend(JournalEntry entry, Callback<void> done);
  /// `staged`: what it lies in, may be null. Unless it is `in_oss` it stays until no loss of power
  /// brings the note back.
  void erase(std::uint64_t id, std::shared_ptr<StagedFile> staged, bool in_oss,
             Callback<void> done);
  void erase(std::uint64_t id, Callback<void> done) { erase(id, nullptr, true, std::move(done)); }
  /// `done` when everything that was put or erased before is confirmed; at once when nothing is
  /// being written.
  void settle(Callback<void> done);
  /// `done` when all that is on the disk, too, and what is staged of it: no loss of power takes it
  /// back. It is brought there without waiting for more to come.
  void to_disk(Callback<void> done);

  void upload_began(const BegunUpload& upload, UniqueFunction<void()> noted) override;
  void upload_ended(const std::string& upload_id) override;

  /// For journals of other things in the same file (NameJournal): `work` runs in the transaction
  /// that it shares with the notes of that moment, and reaches the disk as they do. It may run more
  /// than once. `ends`: it only says that something is no longer to be done.
  void write(std::function<void(SQLite::Database&)> work, bool ends, Callback<void> done);
  /// At once; before the first note. `work` may run more than once.
  Result<void> read(const std::function<void(SQLite::Database&)>& work);

 private:
  struct State;
  explicit Journal(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace stsfs::staging
