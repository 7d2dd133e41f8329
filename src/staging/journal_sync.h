#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/mutex.h"
#include "stsfs/staging/staging_area.h"

namespace stsfs::staging {

/// Brings a journal's notes to the disk soon after they were confirmed, on a thread of its own.
///
/// The staged bytes go first, then the mark that they are there, then the log that both stand in:
/// never a mark without its bytes. What the note before lay in stays until then, because a loss of
/// power may bring that note back. What fails is tried again, an interval later.
///
/// Threads: every call at once on any thread.
class JournalSync {
 public:
  struct Note {
    std::uint64_t id = 0;      ///< Of the file.
    std::uint64_t number = 0;  ///< Tells one note of a file from the next.
  };
  using StagedFiles = std::vector<std::shared_ptr<const StagedFile>>;
  /// Marks these, if any, as being on the disk, and writes what else waits for the log; `done` with
  /// the files whose last note they still are. May call it on any thread.
  using Mark =
      std::function<void(std::vector<Note> notes, Callback<std::vector<std::uint64_t>> done)>;

  /// Brings everything that the log has to the disk by another way than the log. May call `done` on
  /// any thread.
  using Fold = std::function<void(Callback<void> done)>;

  /// `log`: the file that notes and marks are written to.
  JournalSync(std::string log, std::chrono::milliseconds interval, Mark mark, Fold fold);
  /// Brings what is left to the disk.
  ~JournalSync();

  /// Something was confirmed that the log has, and perhaps not the disk; or waits for the log.
  void log_grew() STSFS_EXCLUDES(mutex_);
  /// A note of `staged` was; `before` is what the note before it lay in, if that is another file.
  void noted(Note note, std::shared_ptr<const StagedFile> staged,
             std::shared_ptr<const StagedFile> before) STSFS_EXCLUDES(mutex_);
  /// The file has no note any more. `staged` is what it lay in; null if that is nothing, or several
  /// notes. Unless OSS has it, it stays until no loss of power brings the note back.
  void erased(std::uint64_t id, std::shared_ptr<StagedFile> staged, bool in_oss)
      STSFS_EXCLUDES(mutex_);
  /// The disk has refused the log, and does not have all of it.
  bool log_failed() const { return log_failed_; }
  /// `done` when all of this is on the disk: at once, or on the thread of this, which begins now.
  void settle(Callback<void> done) STSFS_EXCLUDES(mutex_);

 private:
  struct Unsynced {
    std::uint64_t number = 0;
    std::shared_ptr<const StagedFile> staged;
  };
  using Batch = std::map<std::uint64_t, Unsynced>;  // by the file's id

  void run() STSFS_EXCLUDES(mutex_);
  Result<void> sync() STSFS_EXCLUDES(mutex_);
  Result<void> sync_files() STSFS_EXCLUDES(mutex_);
  Result<void> sync_log() STSFS_EXCLUDES(mutex_);
  Result<void> mark(std::vector<Note> notes) STSFS_EXCLUDES(mutex_);
  StagedFiles before(const std::vector<std::uint64_t>& ids) STSFS_EXCLUDES(mutex_);

  const std::string log_;
  const std::chrono::milliseconds interval_;
  const Mark mark_;
  const Fold fold_;
  std::atomic<bool> log_failed_{false};
  StagedFiles needless_;  // once the log is on the disk; of the thread alone

  Mutex mutex_;  // a leaf
  Condition wanted_;
  bool grew_ STSFS_GUARDED_BY(mutex_) = false;
  bool syncing_ STSFS_GUARDED_BY(mutex_) = false;
  bool ending_ STSFS_GUARDED_BY(mutex_) = false;
  std::vector<Callback<void>> settling_ STSFS_GUARDED_BY(mutex_);
  Batch unsynced_ STSFS_GUARDED_BY(mutex_);
  Batch under_way_ STSFS_GUARDED_BY(mutex_);  // to the disk, and of no later note
  std::map<std::uint64_t, StagedFiles> before_ STSFS_GUARDED_BY(mutex_);
  // Of notes whose end the log has, and not the disk.
  std::vector<std::shared_ptr<StagedFile>> erased_ STSFS_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace stsfs::staging
