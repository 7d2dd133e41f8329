#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "aside_files.h"
#include "naming/key_space.h"
#include "naming/posix_metadata.h"
#include "pending/link_area.h"
#include "pending/removals.h"
#include "stsfs/base/await.h"
#include "stsfs/oss/object_store.h"
#include "tree/contents.h"
#include "tree/tree.h"

namespace stsfs::fs {

/// What an earlier daemon wrote down and did not bring to OSS any more: it shows in the folder as
/// it was left, and its commits go on.
///
/// After a start of the machine the journal may be a second old: the notes of what was done last
/// are lost, and what they told of may have been done. So each file is looked at in OSS before it
/// shows here.
///
/// Threads:  one after the other, before anybody is served; `abort_uploads` also later, once.
/// Lifetime: what it is made of outlives it.
class Recovery {
 public:
  struct Sources {
    oss::ObjectStore& store;
    const Clock& clock;
    Tree& tree;
    const KeySpace& keys;
    staging::StagingArea& area;
    std::shared_ptr<staging::Journal> journal;
    const Removals& removals;
    const LinkArea& links;
    Contents& contents;
    AsideFiles& aside;
  };
  struct Options {
    AttributeDefaults defaults;
    std::chrono::milliseconds abort_timeout{60'000};
  };
  Recovery(const Sources& sources, const Options& options);

  /// Shows the files that need no look at OSS, and throws away what was staged and never closed.
  /// Errors: of the journal and of the area.
  Result<void> recover();
  /// Looks at the others and shows them, or what has become of them.
  void settle_returned(Deadline deadline, Interrupt* interrupt);
  /// Ends the uploads that the earlier daemon had begun: their files go up anew.
  void abort_uploads();

 private:
  void recover_file(const staging::JournalEntry& entry, const std::string& fallback)
      STSFS_EXCLUDES(tree_.mutex);
  void sync_recovered(const staging::JournalEntry& entry,
                      std::shared_ptr<staging::StagedFile> staged, const std::string& fallback);
  InodePointer directory_for(const std::string& directory_path) STSFS_REQUIRES(tree_.mutex);
  void keep_for_rescue(staging::JournalEntry entry, const std::string& reason);

  // --- after a start of the machine (recovery_returned.cc) ---
  void settle(staging::JournalEntry entry, const Result<oss::ObjectMeta>& found);
  void put_beside(staging::JournalEntry entry);
  void give_up(staging::JournalEntry entry, const std::string& reason);
  bool is_here(const staging::JournalEntry& entry);
  void forget(const staging::JournalEntry& entry);

  oss::ObjectStore& store_;
  const Clock& clock_;
  Tree& tree_;
  const KeySpace& keys_;
  staging::StagingArea& area_;
  const std::shared_ptr<staging::Journal> journal_;
  const Removals& removals_;
  const LinkArea& links_;
  Contents& contents_;
  AsideFiles& aside_;
  const Options options_;

  std::vector<staging::JournalEntry> returned_;  // of before the machine was started anew
  std::vector<staging::BegunUpload> abandoned_;  // uploads of the earlier daemon
};

}  // namespace stsfs::fs
