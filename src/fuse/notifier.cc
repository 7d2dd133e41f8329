#include "stsfs/fuse/notifier.h"

#include "fuse_handles.h"

namespace stsfs::fuse {

Notifier::Notifier() : thread_([this] { run(); }) {}

Notifier::~Notifier() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    ready_.notify_all();
  }
  thread_.join();
}

void Notifier::inode_changed(fs::InodeNumber inode) { add({inode, {}}); }

void Notifier::entry_changed(fs::InodeNumber parent, std::string_view name) {
  if (!name.empty()) add({parent, std::string(name)});
}

void Notifier::add(Change change) {
  MutexLock lock(mutex_);
  if (session_ == nullptr || !queued_.insert(change).second) return;
  queue_.push_back(std::move(change));
  if (queue_.size() > kQueueMax) {
    queued_.erase(queue_.front());
    queue_.pop_front();
  }
  ready_.notify_one();
}

void Notifier::attach(std::shared_ptr<fuse_session> session) {
  MutexLock lock(mutex_);
  session_ = std::move(session);
}

void Notifier::detach() {
  std::shared_ptr<fuse_session> gone;  // destroyed after the lock is
  MutexLock lock(mutex_);
  gone = std::move(session_);
  session_ = nullptr;
  queue_.clear();
  queued_.clear();
}

void Notifier::run() {
  for (;;) {
    Change next;
    std::shared_ptr<fuse_session> session;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) ready_.wait(mutex_);
      if (stopping_) return;
      next = std::move(queue_.front());
      queue_.pop_front();
      queued_.erase(next);
      session = session_;
    }
    if (session == nullptr) continue;
    // What the kernel does not know (ENOENT) needs no invalidation; a mount that is gone neither.
    const auto inode = static_cast<fuse_ino_t>(next.first);
    if (next.second.empty()) {
      fuse_lowlevel_notify_inval_inode(session.get(), inode, 0, 0);
    } else {
      fuse_lowlevel_notify_inval_entry(session.get(), inode, next.second.data(),
                                       next.second.size());
    }
  }
}

}  // namespace stsfs::fuse
