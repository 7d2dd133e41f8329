#include "open_descriptors.h"

#include <fcntl.h>

#include "stsfs/base/text.h"

namespace stsfs::staging {

Result<OpenDescriptors::Descriptor> OpenDescriptors::of(const std::string& name) {
  {
    MutexLock lock(mutex_);
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      open_.splice(open_.begin(), open_, found->second);
      return found->second->second;
    }
  }
  const std::string path = directory_ + "/" + name;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno("open the staged file " + printable(path));
  auto descriptor = std::make_shared<const UniqueFd>(std::move(fd));
  Open closed;
  MutexLock lock(mutex_);
  closed = keep(name, descriptor);
  return descriptor;
}

void OpenDescriptors::add(const std::string& name, UniqueFd fd) {
  Open closed;
  MutexLock lock(mutex_);
  closed = keep(name, std::make_shared<const UniqueFd>(std::move(fd)));
}

void OpenDescriptors::forget(const std::string& name) {
  Open closed;
  MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  closed.splice(closed.begin(), open_, found->second);
  by_name_.erase(found);
}

OpenDescriptors::Open OpenDescriptors::keep(const std::string& name, const Descriptor& descriptor) {
  Open closed;
  // Of two threads that opened it at once the later one's stays.
  if (const auto found = by_name_.find(name); found != by_name_.end())
    closed.splice(closed.begin(), open_, found->second);
  open_.emplace_front(name, descriptor);
  by_name_[name] = open_.begin();
  while (open_.size() > open_max_) {
    by_name_.erase(open_.back().first);
    closed.splice(closed.begin(), open_, std::prev(open_.end()));
  }
  return closed;
}

}  // namespace stsfs::staging
