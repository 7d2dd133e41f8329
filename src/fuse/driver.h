#pragma once

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

#include "errno_table.h"
#include "error_log.h"
#include "interrupter.h"
#include "reply.h"
#include "stsfs/base/worker_pool.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/fuse/session.h"

namespace stsfs::fuse {

class Call;

/// What every operation of one mount needs. Lives until its last request is answered.
class Driver : public std::enable_shared_from_this<Driver> {
 public:
  Driver(const SessionOptions& options, fs::FileSystem& file_system, WorkerPool& pool,
         const Clock& clock)
      : options_(options),
        file_system_(file_system),
        pool_(pool),
        clock_(clock),
        error_log_(clock) {}

  fs::FileSystem& file_system() { return file_system_; }
  const SessionOptions& options() const { return options_; }
  Interrupter& interrupter() { return interrupter_; }
  ErrorLog& error_log() { return error_log_; }
  const Clock& clock() const { return clock_; }
  SessionCounters counters() const;

  /// The duty to answer `request`, about `inode`. `session` is where it came from.
  Call begin(fuse_req_t request, const char* operation, fuse_ino_t inode,
             std::chrono::milliseconds timeout);

  /// Carries an operation out: `attempt` here, without waiting; if it would have to, once more on a
  /// thread of the pool. Then `answer` with what it gave, or the error.
  template <class T, class Attempt, class Answer>
  void carry_out(Call call, Attempt attempt, Answer answer);

  /// Runs `task` where waiting is allowed. With the queue full the request it owns answers EIO.
  void hand_over(UniqueFunction<void()> task);

  void attach(const FuseSession& session) { session_ = session; }
  /// Has the kernel ask for the attributes of `inode` again. Unlike a Notifier it may be called by
  /// who carries out an operation on the inode: pages, for which the kernel would wait, stay.
  void forget_attributes(fs::InodeNumber inode);
  /// What st_dev of the mount's files says; 0 until it is known.
  dev_t device() const { return device_.load(std::memory_order_relaxed); }
  void device_is(dev_t device) { device_.store(device, std::memory_order_relaxed); }

  /// What the kernel offered in INIT, between that request and its reply; 0 at all other times.
  void init_offered(std::uint64_t flags) { init_offered_.store(flags, std::memory_order_relaxed); }
  std::uint64_t take_init_offered() {
    if (init_offered_.load(std::memory_order_relaxed) == 0) return 0;
    return init_offered_.exchange(0, std::memory_order_relaxed);
  }

 private:
  friend class Call;

  const SessionOptions options_;
  fs::FileSystem& file_system_;
  WorkerPool& pool_;
  const Clock& clock_;
  ErrorLog error_log_;
  Interrupter interrupter_;
  std::weak_ptr<fuse_session> session_;  // set once, before the first request
  std::atomic<dev_t> device_{0};
  std::atomic<std::uint64_t> init_offered_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> handed_over_{0};
  std::atomic<int> under_way_{0};
};

/// One kernel request under way: who asks, until when, and the duty to answer.
class Call {
 public:
  Call(std::shared_ptr<Driver> driver, FuseSession session, fuse_req_t request,
       const char* operation, fs::InodeNumber inode, fs::Caller caller, Deadline deadline)
      : driver_(std::move(driver)),
        operation_(operation),
        inode_(inode),
        caller_(caller),
        deadline_(deadline),
        reply_(std::move(session), request) {
    driver_->under_way_.fetch_add(1, std::memory_order_relaxed);
  }
  Call(Call&&) noexcept = default;
  ~Call() {
    if (driver_ != nullptr) driver_->under_way_.fetch_sub(1, std::memory_order_relaxed);
  }

  fs::Context context(fs::Wait wait) const {
    return {
        .caller = caller_, .wait = wait, .interrupt = reply_.interrupt(), .deadline = deadline_};
  }
  void make_interruptible() { reply_.make_interruptible(driver_->interrupter()); }

  Driver& driver() { return *driver_; }
  fs::InodeNumber inode() const { return inode_; }
  Reply& reply() { return reply_; }

  /// Logs, and answers.
  void fail(const Error& error) {
    driver_->error_log().note(operation_, inode_, error);
    std::move(reply_).error(errno_of(error.code));
  }
  /// Gives a name its inode; if nobody takes it, takes the lookup back.
  void answer_entry(const fs::Entry& entry);
  void answer_attributes(const fs::Entry& entry);

 private:
  std::shared_ptr<Driver> driver_;
  const char* operation_;
  fs::InodeNumber inode_;
  fs::Caller caller_;
  Deadline deadline_;
  Reply reply_;
};

template <class T>
bool would_wait(const Result<T>& result) {
  return !result && result.error().code == Errc::kWouldWait;
}

template <class T, class Answer>
void finish(Call& call, Result<T>& result, Answer& answer) {
  if (!result) return call.fail(result.error());
  if constexpr (std::is_void_v<T>) {
    answer(call);
  } else {
    answer(call, std::move(*result));
  }
}

template <class T, class Attempt, class Answer>
void Driver::carry_out(Call call, Attempt attempt, Answer answer) {
  Result<T> result = attempt(call.context(fs::Wait::kNever));
  if (!would_wait(result)) return finish<T>(call, result, answer);
  call.make_interruptible();
  hand_over(
      [call = std::move(call), attempt = std::move(attempt), answer = std::move(answer)]() mutable {
        Result<T> waited = attempt(call.context(fs::Wait::kAllowed));
        finish<T>(call, waited, answer);
      });
}

}  // namespace stsfs::fuse
