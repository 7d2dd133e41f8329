#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::staging {

/// The files of one directory that are open: those that were used last. However many files there
/// are, a process may have only so many descriptors.
///
/// Threads: every call at once on any thread.
class OpenDescriptors {
 public:
  /// Keeps its file open as long as somebody has it.
  using Descriptor = std::shared_ptr<const UniqueFd>;

  OpenDescriptors(std::string directory, std::size_t open_max)
      : directory_(std::move(directory)), open_max_(open_max) {}

  /// Opens the file if it is not. kNotFound, kDenied, kIo.
  Result<Descriptor> of(const std::string& name) STSFS_EXCLUDES(mutex_);
  /// `name` was just made, and this is its descriptor.
  void add(const std::string& name, UniqueFd fd) STSFS_EXCLUDES(mutex_);
  void forget(const std::string& name) STSFS_EXCLUDES(mutex_);

 private:
  using Open = std::list<std::pair<std::string, Descriptor>>;
  /// What it returns is to be closed without the lock.
  Open keep(const std::string& name, const Descriptor& descriptor) STSFS_REQUIRES(mutex_);

  const std::string directory_;
  const std::size_t open_max_;

  Mutex mutex_;                         // a leaf
  Open open_ STSFS_GUARDED_BY(mutex_);  // the one used last comes first
  std::unordered_map<std::string, Open::iterator> by_name_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::staging
