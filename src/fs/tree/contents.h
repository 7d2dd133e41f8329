#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "content/commit_slots.h"
#include "content/copy_users.h"
#include "content/file_content.h"
#include "naming/key_space.h"
#include "reading/base_reader.h"
#include "reading/just_written.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/mounted_folder.h"
#include "tree.h"

namespace stsfs::fs {

/// The contents of the mount's files: made when somebody opens or changes one, let go when nobody
/// has it open and OSS has it, and what they share meanwhile: the slots of commits and of
/// prefetches, who copies from whom, what was just written.
///
/// Threads:  every call at once on any thread, without the tree's mutex but for `make`. Those that
///           return a Result wait; only those that take a Context can be interrupted.
/// Lifetime: what ContentSurroundings names outlives it, and so does the tree. `stop` before any of
///           it goes.
class Contents {
 public:
  struct Options {
    CommitMode commit = CommitMode::kClose;
    int prefetches_max = 0;
    std::chrono::milliseconds read_timeout{30'000};
    ContentOptions content;
  };
  /// What all contents are made of.
  struct Sources {
    oss::ObjectStore& store;
    Scheduler& scheduler;
    const Clock& clock;
    std::shared_ptr<cache::BlockPool> pool;
    staging::StagingArea& area;
    staging::Journal& journal;
    CommitOwner& owner;
    const Successors& successors;
  };
  Contents(const Sources& sources, Tree& tree, const KeySpace& keys, const Options& options);

  /// The inode's content, made if there is none. While this lives it stays the inode's: one that
  /// was let go between being found and being changed would be a second one beside the next's.
  class Use {
   public:
    Use(Contents& contents, InodePointer inode);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    FileContent* operator->() const { return content_.get(); }
    const std::shared_ptr<FileContent>& operator*() const { return content_; }

   private:
    Contents& contents_;
    const InodePointer inode_;
    std::shared_ptr<FileContent> content_;
  };

  /// One that is no inode's yet: of a version in OSS, or as the journal has it.
  std::shared_ptr<FileContent> make(InodeNumber inode, std::string key, std::string etag,
                                    std::uint64_t size_bytes) STSFS_EXCLUDES(mutex_);
  std::shared_ptr<FileContent> make(InodeNumber inode, const staging::JournalEntry& note,
                                    std::shared_ptr<staging::StagedFile> staged)
      STSFS_EXCLUDES(mutex_);
  /// Those that have a content: open, or not in OSS yet. Few of all that are known.
  /// `tree`: the one that they are of.
  std::vector<InodePointer> inodes(const Tree& tree) const STSFS_REQUIRES(tree.mutex)
      STSFS_EXCLUDES(mutex_);
  /// Dirty ones that no inode has any more: another client's object is at their path, and they are
  /// brought to OSS beside it.
  std::vector<std::shared_ptr<FileContent>> beside() const STSFS_EXCLUDES(mutex_);
  /// A commit has ended: the content may have nobody any more.
  void commit_ended(InodeNumber inode);
  /// Destroys the contents of inodes that were erased.
  void sweep();

  /// Brings what was written where the commit mode says that a close leaves it.
  void settle(const std::shared_ptr<FileContent>& content, Callback<void> done);
  Result<void> settle_and_wait(const Context& context, const std::shared_ptr<FileContent>& content);
  /// What was changed up to there is there already.
  bool is_kept(const FileContent& content, std::uint64_t change) const;
  Result<void> commit_and_wait(const Context& context, const std::shared_ptr<FileContent>& content);
  /// After a change that the journal's note of a file does not have: a new name, new attributes.
  /// `content` may be null.
  Result<void> save_if_noted(const std::shared_ptr<FileContent>& content);
  /// Waits for the commit under way, and keeps others from beginning. Who holds must release;
  /// nobody who was told that it failed.
  Result<void> hold(const Context& context, const std::shared_ptr<FileContent>& content);
  /// The same, but a large file of which much is still to be sent does not hold up its removal.
  Result<void> hold_to_remove(const Context& context, const std::shared_ptr<FileContent>& content);
  /// Before an object is changed or deleted: what others are still to copy from it they fetch.
  Result<void> spare_copies_of(const Context& context, const std::string& key);
  /// Who has ranges that are still to be copied from the object on the server.
  std::vector<std::shared_ptr<FileContent>> copy_users_of(const std::string& key) {
    return copy_users_.users_of(key);
  }
  /// Returns when no note is left that was still to be erased: with one, a name that is gone would
  /// come back.
  void await_journal() const;

  JustWritten& just_written() { return just_written_; }
  const ReadSurroundings& reads() const { return surroundings_.reads; }
  const staging::UploadOptions& upload() const { return surroundings_.options.upload; }

  /// Ends what is under way for any of them, also those that no inode has any more.
  void stop() STSFS_EXCLUDES(mutex_);
  /// After everything else that reads: one that a commit replaced may still be bringing bytes.
  void stop_readers() { readers_.stop_all(); }

 private:
  std::shared_ptr<FileContent> of(const InodePointer& inode) STSFS_REQUIRES(tree_.mutex);
  Result<void> wait_for_hold(const Context& context, FileContent& content,
                             const std::shared_ptr<Waiter<void>>& held);
  /// `key`: of what it waits for, for the message.
  Result<void> wait_for(const Context& context, Waiter<void>& waiter, Callback<void> late,
                        const std::string& key);
  void read_from_memory(const InodePointer& inode, FileContent& content);
  void keep_track_of(InodeNumber inode, const std::shared_ptr<FileContent>& content)
      STSFS_EXCLUDES(mutex_);
  void drop_if_unused(const InodePointer& inode) STSFS_REQUIRES(tree_.mutex);

  Tree& tree_;
  const KeySpace& keys_;
  const CommitMode commit_;
  CommitSlots slots_;
  CopyUsers copy_users_;
  PrefetchSlots prefetch_slots_;
  Readers readers_;
  ContentSurroundings surroundings_;
  JustWritten just_written_;

  struct Known {
    InodeNumber inode = InodeNumber::kRoot;
    std::weak_ptr<FileContent> content;
  };
  mutable Mutex mutex_;  // a leaf
  // Also those that no inode has any more and something under way keeps alive; for `stop`.
  std::vector<Known> known_ STSFS_GUARDED_BY(mutex_);
  std::size_t sweep_at_ STSFS_GUARDED_BY(mutex_) = 64;
};

/// Of the version in OSS: while the file is being written its content may have another.
std::uint64_t size_in_store(const Inode& inode);

}  // namespace stsfs::fs
