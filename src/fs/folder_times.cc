// When the entries of a directory changed. Known here at once; brought to OSS lazily, one copy of
// the directory's object for all that happened meanwhile, because it is worth no request per file.
// Not journalled: a kill takes the last half minute of it, and nothing else.

#include "folder.h"

namespace stsfs::fs {
namespace {

constexpr std::chrono::seconds kLazily{30};

}  // namespace

void Folder::entries_changed(const InodePointer& directory) {
  bool first = false;
  {
    MutexLock lock(tree_.mutex);
    const WallTime time = now();
    directory->entries_changed = directory->attributes.mtime = directory->attributes.ctime = time;
    // An implied directory has no object to keep it in, nor has the folder itself.
    if (!directory->in_store || directory->number == InodeNumber::kRoot) return;
    first = late_directories_.empty();
    late_directories_.insert(directory);
  }
  if (!first || stopped_) return;
  Transfer timer = surroundings_.scheduler.after(kLazily, [this] { store_directory_times(); });
  MutexLock lock(tree_.mutex);
  std::swap(lazy_timer_, timer);
}

void Folder::store_directory_times() {
  std::set<InodePointer> late;
  {
    MutexLock lock(tree_.mutex);
    late.swap(late_directories_);
    std::erase_if(late, [](const InodePointer& one) { return one->removed || !one->in_store; });
  }
  for (const InodePointer& directory : late) store_directory_time(directory);
}

void Folder::store_directory_time(const InodePointer& directory) {
  if (!options_.symlink_objects) return;  // a real directory has times of its own there
  const ContentUse content(*this, directory);
  content->attributes_changed();
  content->commit([](Result<void>) {});
}

}  // namespace stsfs::fs
