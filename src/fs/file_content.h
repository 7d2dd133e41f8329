#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base_reader.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/extent_map.h"
#include "stsfs/staging/staging_area.h"
#include "stsfs/staging/upload.h"

namespace stsfs::fs {

/// How a commit is to be made, asked for at the moment it starts: names and attributes may have
/// changed since the write.
struct CommitRequest {
  std::string key;
  std::string conflict_key;  ///< Where our content goes when another's is found at `key`.
  oss::PutOptions put;
  bool gone = false;  ///< The file was removed: there is nothing to commit any more.
};

/// What became of it.
struct CommitOutcome {
  oss::Written written;
  std::uint64_t size = 0;
  bool conflict = false;  ///< Another's content is at the key; ours is at the conflict key.
  bool clean = false;     ///< Nothing was written while it ran.
};

/// The inode's side of a commit. Called on the HTTP loop, with no lock of FileContent held.
class CommitOwner {
 public:
  virtual ~CommitOwner() = default;
  virtual CommitRequest begin_commit(InodeNumber inode) = 0;
  virtual void committed(InodeNumber inode, const CommitOutcome& outcome) = 0;
};

struct ContentOptions {
  std::chrono::milliseconds read_timeout{30'000};
  std::chrono::milliseconds retry_backoff{1'000};
  std::chrono::milliseconds retry_backoff_max{60'000};
  staging::UploadOptions upload;
};

/// What a file's content hangs on.
struct ContentSurroundings {
  oss::ObjectStore& store;
  Scheduler& scheduler;
  const Clock& clock;
  staging::StagingArea& area;
  CommitOwner& owner;
  ContentOptions options;
};

/// The content of one file while somebody has it open or it is not in OSS yet: the version it is
/// based on, and what was written since.
///
/// After a conflict the file at the path is the other's; whoever still has ours open goes on at the
/// conflict key, and is told so at every commit.
///
/// One commit at a time. A commit uploads what is there when it starts; what is written meanwhile
/// is committed by the next one. A failed commit keeps everything and is tried again with growing
/// pauses.
///
/// Threads: every call on any thread; callbacks on the HTTP loop or at once on the caller's.
class FileContent : public std::enable_shared_from_this<FileContent> {
 public:
  /// `etag` empty: the file is not in OSS yet, and dirty from the start.
  FileContent(ContentSurroundings& around, InodeNumber inode, std::string key, std::string etag,
              std::uint64_t size);

  std::uint64_t size() const STSFS_EXCLUDES(mutex_);
  bool dirty() const STSFS_EXCLUDES(mutex_);
  bool busy() const STSFS_EXCLUDES(mutex_);
  std::string last_error() const STSFS_EXCLUDES(mutex_);
  std::uint64_t staged_bytes() const STSFS_EXCLUDES(mutex_);

  /// Answers at once when every byte is here, else from the loop. kStale when the version is gone.
  void read(ByteRange range, Callback<std::span<const std::byte>> done);
  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) STSFS_EXCLUDES(mutex_);
  /// Writes at the end; returns where that was.
  Result<std::uint64_t> append(std::span<const std::byte> bytes) STSFS_EXCLUDES(mutex_);
  Result<void> truncate(std::uint64_t size) STSFS_EXCLUDES(mutex_);

  /// `done` when all that is written now is in OSS, or the attempt failed. At once when clean.
  void commit(Callback<void> done);
  /// Fetches what still comes from the base, so that the content no longer depends on OSS. Only
  /// while held.
  void detach(Callback<void> done);

  /// While held no commit starts. `done` when the one under way has ended.
  void hold(Callback<void> done);
  /// Commits that were asked for meanwhile start. `key` and `etag`: where the base lies from now
  /// on.
  void release_hold(const std::string& key, const std::string& etag);

  /// The file was removed: nothing is to be committed any more; waiters are told that all is well.
  void forget_changes();
  /// Ends what is under way and every retry. Nothing is called back after it.
  void stop();

 private:
  struct Waiter {
    std::uint64_t generation;
    Callback<void> done;
  };

  Result<void> stage() STSFS_REQUIRES(mutex_);
  void changed() STSFS_REQUIRES(mutex_);
  Result<void> write_locked(std::span<const std::byte> bytes, std::uint64_t offset)
      STSFS_REQUIRES(mutex_);
  void start_commit();
  void fetch_base(UniqueFunction<void(Result<void>)> next);
  void check_target();
  void upload(bool to_conflict_key);
  void uploaded(bool to_conflict_key, Result<oss::Written> written);
  void finish(Result<CommitOutcome> outcome);
  void retry_later();

  ContentSurroundings& around_;
  const InodeNumber inode_;
  const std::uint64_t base_size_;

  mutable Mutex mutex_;  // never held while a transfer starts or goes, or an owner or callback runs
  std::string key_ STSFS_GUARDED_BY(mutex_);
  std::string etag_ STSFS_GUARDED_BY(mutex_);
  std::shared_ptr<BaseReader> base_ STSFS_GUARDED_BY(mutex_);
  std::shared_ptr<staging::StagedFile> staged_ STSFS_GUARDED_BY(mutex_);
  staging::ExtentMap map_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t generation_ STSFS_GUARDED_BY(mutex_) = 0;  // counts changes
  std::uint64_t committed_ STSFS_GUARDED_BY(mutex_) = 0;   // the generation that is in OSS
  bool committing_ STSFS_GUARDED_BY(mutex_) = false;
  bool wanted_ STSFS_GUARDED_BY(mutex_) = false;  // a commit was asked for while held
  int holds_ STSFS_GUARDED_BY(mutex_) = 0;
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
  bool detached_ STSFS_GUARDED_BY(mutex_) =
      false;  // the path shows another's content; ours lies at key_
  int failures_ STSFS_GUARDED_BY(mutex_) = 0;
  std::string last_error_ STSFS_GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ STSFS_GUARDED_BY(mutex_);
  std::vector<Callback<void>> idle_waiters_ STSFS_GUARDED_BY(mutex_);
  Transfer retry_ STSFS_GUARDED_BY(mutex_);

  // Of the commit under way, touched only by its steps, one after the other:
  CommitRequest request_;
  std::string expected_etag_;  // what must be at the key; empty: nothing
  std::uint64_t commit_generation_ = 0;
  std::uint64_t commit_size_ = 0;
  std::shared_ptr<staging::StagedFile> commit_file_;
  std::shared_ptr<oss::ReadSink> fill_;
  Chain chain_;
};

}  // namespace stsfs::fs
