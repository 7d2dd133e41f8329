#include "copy_users.h"

#include <algorithm>

#include "file_content.h"

namespace stsfs::fs {

void CopyUsers::drop_ended() {
  std::erase_if(users_, [](const auto& one) { return one.second.expired(); });
  drop_at_ = std::max<std::size_t>(64, 2 * users_.size());
}

void CopyUsers::add(const std::string& key, std::weak_ptr<FileContent> user) {
  MutexLock lock(mutex_);
  if (users_.size() >= drop_at_) drop_ended();
  users_.emplace(key, std::move(user));
}

std::vector<std::shared_ptr<FileContent>> CopyUsers::users_of(const std::string& key) {
  std::vector<std::shared_ptr<FileContent>> known;
  {
    MutexLock lock(mutex_);
    for (auto at = users_.lower_bound(key); at != users_.end(); ++at) {
      if (!(key.ends_with('/') ? at->first.starts_with(key) : at->first == key)) break;
      if (auto user = at->second.lock()) known.push_back(std::move(user));
    }
  }
  // Their own mutexes come before ours.
  std::erase_if(known, [](const auto& user) { return !user->has_copies(); });
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  return known;
}

}  // namespace stsfs::fs
