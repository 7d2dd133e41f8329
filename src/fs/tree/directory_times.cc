#include "directory_times.h"

#include <utility>

namespace stsfs::fs {
namespace {

constexpr std::chrono::seconds kLazily{30};

}  // namespace

DirectoryTimes::DirectoryTimes(Tree& tree, Scheduler& scheduler, const Clock& clock, Store store)
    : tree_(tree), scheduler_(scheduler), clock_(clock), store_(std::move(store)) {}

void DirectoryTimes::entries_changed(const InodePointer& directory) {
  bool first = false;
  {
    MutexLock tree_lock(tree_.mutex);
    const WallTime time = clock_.wall();
    directory->entries_changed = directory->attributes.mtime = directory->attributes.ctime = time;
    // An implied directory has no object to keep it in, nor has the folder itself.
    if (!directory->in_store || directory->number == InodeNumber::kRoot) return;
    MutexLock lock(mutex_);
    first = late_.empty() && !stopped_;
    late_.insert(directory);
  }
  if (!first) return;
  Transfer timer = scheduler_.after(kLazily, [this] { store_late(); });
  MutexLock lock(mutex_);
  std::swap(timer_, timer);
}

void DirectoryTimes::store_all() {
  store_late();
  MutexLock lock(mutex_);
  while (storing_ > 0) stored_.wait(mutex_);
}

void DirectoryTimes::store_late() {
  std::set<InodePointer> late;
  {
    MutexLock lock(mutex_);
    late.swap(late_);
    ++storing_;
  }
  {
    MutexLock lock(tree_.mutex);
    std::erase_if(late, [](const InodePointer& one) { return one->removed || !one->in_store; });
  }
  for (const InodePointer& directory : late) store_(directory);
  stored();
}

void DirectoryTimes::store(const InodePointer& directory) {
  {
    MutexLock lock(mutex_);
    if (late_.erase(directory) == 0) return;
    ++storing_;
  }
  store_(directory);
  stored();
}

void DirectoryTimes::stored() {
  MutexLock lock(mutex_);
  --storing_;
  stored_.notify_all();
}

bool DirectoryTimes::take(const InodePointer& directory) {
  MutexLock lock(mutex_);
  return late_.erase(directory) > 0;
}

void DirectoryTimes::stop() {
  Transfer timer;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    timer = std::move(timer_);
  }
  timer.cancel();
}

}  // namespace stsfs::fs
