#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "curl_handles.h"
#include "exchange.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"
#include "stsfs/http/engine.h"

namespace stsfs::http {

/// The one thread that drives curl's multi interface with epoll, and the timers of `Scheduler`.
///
/// One for the whole engine, on purpose: a callback may drop any transfer, which from another
/// thread means to wait; two loops whose callbacks drop each other's transfers would wait for ever.
///
/// A job is settled when nothing of it will run any more: its callback has returned, or it was
/// cancelled. Whoever cancels from another thread waits until the loop has settled it; but for a
/// timer that the loop has not taken up yet, which that thread settles itself.
///
/// The loop is woken only for what is due before it wakes by itself.
class Loop : public std::enable_shared_from_this<Loop> {
 public:
  static Result<std::shared_ptr<Loop>> create(const EngineOptions& options, const Clock& clock);
  ~Loop();

  Transfer start(Request request, Callback<Response> done);
  Transfer after(std::chrono::milliseconds delay, UniqueFunction<void()> what);
  EngineCounters counters() const;
  /// Ends the thread; what is still under way ends with kInterrupted.
  void stop();

 private:
  struct Job;
  using JobPointer = std::shared_ptr<Job>;
  using DueTimes = std::multimap<SteadyTime, JobPointer>;
  struct Job {
    // One of the two: an exchange with its completion, or a timer.
    std::unique_ptr<Exchange> exchange;
    Callback<Response> done;
    UniqueFunction<void()> timer;
    SteadyTime due;  // the deadline of an exchange, or when the timer fires

    // The loop's only:
    bool begun = false;
    std::optional<DueTimes::iterator> place;  // in due_times_, at the latest at `due`
    bool cancelled = false;                   // to be taken out as soon as curl may be called
    bool settled_for_loop = false;
    // Guarded by Loop::mutex_:
    bool taken = false;    // by the loop: `timer` is no more for others to drop
    bool settled = false;  // for other threads
  };

  Loop(const EngineOptions& options, const Clock& clock);
  Result<void> open();
  void launch();
  Transfer submit(JobPointer job, bool at_once);
  bool rouse() STSFS_REQUIRES(mutex_);
  void cancel(const JobPointer& job);
  void wake();

  // On the loop:
  void run();
  void take_commands();
  void begin(const JobPointer& job);
  void tell_curl_the_time();
  void collect_finished();
  void take_due();
  void fire(const JobPointer& timer);
  void look_at(const JobPointer& exchange, SteadyTime now);
  void give_up(const JobPointer& exchange, Error error);
  void place(const JobPointer& job, SteadyTime when);
  void complete(const JobPointer& job, Result<Response> result);
  void remove_cancelled();
  void abandon(const JobPointer& job);
  void detach(Job& job);
  void forget_due(Job& job);
  void settle(const JobPointer& job);
  void fail_all();
  bool nothing_left() STSFS_EXCLUDES(mutex_);
  void socket_ready(int fd, unsigned events);
  int epoll_timeout_ms() const;
  int fall_asleep() STSFS_EXCLUDES(mutex_);
  bool take(Job& timer) STSFS_EXCLUDES(mutex_);
  CurlEasy easy_from_pool();

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* known) noexcept;
  static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;

  const EngineOptions options_;
  const Clock& clock_;

  // The loop's only:
  UniqueFd epoll_;
  UniqueFd wakeup_;
  CurlShare share_;  // before multi_ and the easy handles: destroyed after them
  std::vector<CurlEasy> pool_;
  CurlMulti multi_;
  std::map<CURL*, JobPointer> exchanges_;
  DueTimes due_times_;
  std::vector<JobPointer> to_remove_;
  std::optional<SteadyTime> curl_due_;  // by the machine's clock, as curl's own

  std::atomic<std::thread::id> loop_thread_{};
  std::atomic<std::uint64_t> requests_{0}, bytes_sent_{0}, bytes_received_{0},
      connections_opened_{0};
  std::atomic<int> in_flight_{0};

  Mutex mutex_;  // a leaf: never held while curl or a callback runs
  Condition settled_;
  std::deque<JobPointer> started_ STSFS_GUARDED_BY(mutex_);
  std::deque<JobPointer> cancels_ STSFS_GUARDED_BY(mutex_);
  std::optional<SteadyTime> asleep_until_ STSFS_GUARDED_BY(mutex_);  // nothing: awake
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace stsfs::http
