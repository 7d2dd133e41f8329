#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// What OSS knows of files with several names whose attributes will be asked for next, as `ls -l`
/// does: their contents and what counts their names, of many at a time. One listing of the
/// LinkArea tells of all tokens while the area is small; of a larger one each file's own are
/// listed, together.
///
/// An answer is good for a second from when it was asked for, and only until something about such
/// a file is changed here (`forget`).
///
/// Threads:  every call at once on any thread; `ask` waits.
/// Lifetime: store and clock outlive it.
class LinksAhead {
 public:
  struct Linked {
    oss::ObjectMeta content;
    std::set<std::string> tokens;
    SteadyTime asked{};
  };
  LinksAhead(oss::ObjectStore& store, const Clock& clock) : store_(store), clock_(clock) {}

  std::optional<Linked> find(const std::string& content_key) const STSFS_EXCLUDES(mutex_);
  /// Asks for all at once and remembers what was answered; of what was not, nobody is told.
  void ask(const Context& context, const std::vector<std::string>& content_keys)
      STSFS_EXCLUDES(mutex_);
  /// Whatever was asked until now is old.
  void forget() STSFS_EXCLUDES(mutex_);

 private:
  using Tokens = std::map<std::string, std::set<std::string>>;  // by content key
  Tokens list_each(const Context& context, const std::vector<std::string>& content_keys);

  oss::ObjectStore& store_;
  const Clock& clock_;
  std::atomic<bool> is_large_ = false;  // the area has more than a page

  mutable Mutex mutex_;  // a leaf
  std::map<std::string, Linked> known_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t changes_ STSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace stsfs::fs
