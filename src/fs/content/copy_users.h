#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/mutex.h"

namespace stsfs::fs {

class FileContent;

/// Who counts on which object: contents with ranges that are still to be copied from it on the
/// server. Whoever is about to change or delete an object has them fetch those first.
///
/// Threads: any; the mutex is a leaf.
class CopyUsers {
 public:
  void add(const std::string& key, std::weak_ptr<FileContent> user) STSFS_EXCLUDES(mutex_);
  /// Those who may count on `key`, or, when it ends in `/`, on anything below it. They need not any
  /// more.
  std::vector<std::shared_ptr<FileContent>> users_of(const std::string& key) STSFS_EXCLUDES(mutex_);

 private:
  void drop_ended() STSFS_REQUIRES(mutex_);

  Mutex mutex_;
  std::multimap<std::string, std::weak_ptr<FileContent>> users_ STSFS_GUARDED_BY(mutex_);
  std::size_t drop_at_ STSFS_GUARDED_BY(mutex_) = 64;
};

}  // namespace stsfs::fs
