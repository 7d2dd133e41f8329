#pragma once

#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "fuse_handles.h"
#include "interrupter.h"
#include "stsfs/fs/file_system.h"

namespace stsfs::fuse {

/// Answers one kernel request, once. Dropped unanswered, it answers EIO.
///
/// What returns bool: false when the kernel did not take the answer, because the caller was killed
/// meanwhile. What the answer would have given to it (a lookup, a handle) is then ours to take
/// back.
class Reply {
 public:
  Reply(FuseSession session, fuse_req_t request)
      : session_(std::move(session)), request_(request) {}
  Reply(Reply&& other) noexcept
      : session_(std::move(other.session_)),
        request_(std::exchange(other.request_, nullptr)),
        interruption_(std::move(other.interruption_)) {}
  Reply& operator=(Reply&&) = delete;
  ~Reply() {
    if (request_ != nullptr) fuse_reply_err(take(), EIO);
  }

  /// From now on FUSE_INTERRUPT raises what `interrupt()` returns. Before this it is null.
  void make_interruptible(Interrupter& interrupter);
  Interrupt* interrupt() const { return interruption_ ? interruption_->interrupt.get() : nullptr; }
  std::shared_ptr<Interrupt> shared_interrupt() const {
    return interruption_ ? interruption_->interrupt : nullptr;
  }

  void error(int code) && { fuse_reply_err(take(), code); }
  void ok() && { fuse_reply_err(take(), 0); }
  void none() && { fuse_reply_none(take()); }
  bool entry(const fuse_entry_param& entry) && { return sent(fuse_reply_entry(take(), &entry)); }
  bool open(const fuse_file_info& info) && { return sent(fuse_reply_open(take(), &info)); }
  bool create(const fuse_entry_param& entry, const fuse_file_info& info) && {
    return sent(fuse_reply_create(take(), &entry, &info));
  }
  void attributes(const struct stat& stat, double timeout_seconds) && {
    fuse_reply_attr(take(), &stat, timeout_seconds);
  }
  void link(const std::string& target) && { fuse_reply_readlink(take(), target.c_str()); }
  void statistics(const struct statvfs& statistics) && { fuse_reply_statfs(take(), &statistics); }
  void written(std::size_t size_bytes) && { fuse_reply_write(take(), size_bytes); }
  void offset(off_t offset) && { fuse_reply_lseek(take(), offset); }
  void xattr_size(std::size_t size_bytes) && { fuse_reply_xattr(take(), size_bytes); }
  bool bytes(std::span<const std::byte> bytes) && {
    return sent(fuse_reply_buf(take(), reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }

  fuse_req_t request() const { return request_; }

 private:
  struct Interruption {
    Interrupter& interrupter;
    std::shared_ptr<Interrupt> interrupt;
  };

  static void on_interrupt(fuse_req_t request, void* interruption) noexcept;
  static bool sent(int result) { return result != -ENOENT; }
  /// The request, which is about to be freed, with its interrupt function taken off and not
  /// running.
  fuse_req_t take();

  FuseSession session_;
  fuse_req_t request_;
  std::unique_ptr<Interruption> interruption_;
};

}  // namespace stsfs::fuse
