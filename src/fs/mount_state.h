#pragma once

#include <atomic>

#include "stsfs/base/result.h"
#include "stsfs/fs/file_system.h"

namespace stsfs::fs {

/// What any operation may do at this moment, whatever it is about.
///
/// Threads: every call at once on any thread.
class MountState {
 public:
  explicit MountState(bool read_only) : read_only_(read_only) {}

  void set_read_only(bool read_only) { read_only_ = read_only; }
  bool is_read_only() const { return read_only_; }
  /// Nothing is waited for any more. False when this has been said before.
  bool end() { return !ending_.exchange(true); }
  bool is_ending() const { return ending_; }

  /// Errors: kWouldWait when the operation is tried without waiting; kInterrupted at the end.
  Result<void> may_wait(const Context& context) const {
    if (context.wait == Wait::kNever) return fail(Errc::kWouldWait, "");
    if (ending_) return fail(Errc::kInterrupted, "the mount is ending");
    return {};
  }
  /// Errors: kReadOnly.
  Result<void> may_write() const {
    if (read_only_) return fail(Errc::kReadOnly, "the folder is read-only");
    return {};
  }

 private:
  std::atomic<bool> read_only_;
  std::atomic<bool> ending_ = false;
};

}  // namespace stsfs::fs
