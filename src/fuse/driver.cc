#include "driver.h"

#include "convert.h"

namespace stsfs::fuse {

SessionCounters Driver::counters() const {
  return {.requests = requests_.load(std::memory_order_relaxed),
          .handed_over = handed_over_.load(std::memory_order_relaxed),
          .errors = error_log_.count(),
          .under_way = under_way_.load(std::memory_order_relaxed)};
}

void Driver::forget_attributes(fs::InodeNumber inode) {
  constexpr off_t kNoPages = -1;  // Source: Linux, fuse_reverse_inval_inode
  if (const auto session = session_.lock())
    fuse_lowlevel_notify_inval_inode(session.get(), static_cast<fuse_ino_t>(inode), kNoPages, 0);
}

Call Driver::begin(fuse_req_t request, const char* operation, fuse_ino_t inode,
                   std::chrono::milliseconds timeout) {
  requests_.fetch_add(1, std::memory_order_relaxed);
  const fuse_ctx* context = fuse_req_ctx(request);
  const fs::Caller caller{
      .uid = context->uid, .gid = context->gid, .pid = context->pid, .umask = context->umask};
  return Call(shared_from_this(), session_.lock(), request, operation, fs::InodeNumber{inode},
              caller, Deadline::in(clock_, timeout));
}

void Driver::hand_over(UniqueFunction<void()> task) {
  handed_over_.fetch_add(1, std::memory_order_relaxed);
  pool_.run(std::move(task));
}

void Call::answer_entry(const fs::Entry& entry) {
  if (!std::move(reply_).entry(to_entry_param(entry)))
    driver_->file_system().forget(entry.attributes.inode, 1);
}

void Call::answer_attributes(const fs::Entry& entry) {
  std::move(reply_).attributes(to_stat(entry.attributes), to_seconds(entry.attribute_timeout));
}

}  // namespace stsfs::fuse
