// How cancelling keeps its promise. Off the loop: the job goes into `cancels_`, the loop takes it
// out between two calls of curl, settles it, and wakes the one who waits. A timer that has not
// fired waits for nobody: its callback goes at once, and its place among the due times when the
// loop comes to it. On the loop, inside any callback: curl may not be called from its own
// callbacks, so the exchange is abandoned at once (its sink and source are not touched again) and
// taken out before the loop next sleeps.

#include "loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace stsfs::http {
namespace {

constexpr std::size_t kPooledHandlesMax = 64;
constexpr int kEventsAtOnce = 64;
// epoll_wait stands still while the machine sleeps, deadlines and timers do not (CLOCK_BOOTTIME):
// so long after waking up they are noticed at the latest.
constexpr std::chrono::milliseconds kSleepMax{60'000};
constexpr std::chrono::milliseconds kSleepMaxInFlight{1'000};
constexpr std::chrono::hours kDelayMax{24 * 365};
/// Dropped timers that wait for the loop to forget them.
constexpr std::size_t kCancelsMax = 1'000;

/// Signals are for the threads of the program; a broken pipe is a result of a write.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Loop::Loop(const EngineOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

Result<std::shared_ptr<Loop>> Loop::create(const EngineOptions& options, const Clock& clock) {
  std::shared_ptr<Loop> loop(new Loop(options, clock));
  if (auto opened = loop->open(); !opened) return fail(std::move(opened.error()), "HTTP engine");
  loop->launch();
  return loop;
}

Result<void> Loop::open() {
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  wakeup_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wakeup_) return fail_errno("epoll");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wakeup_.get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event) != 0)
    return fail_errno("epoll_ctl");
  share_.reset(curl_share_init());
  multi_.reset(curl_multi_init());
  if (!share_ || !multi_) return fail(Errc::kIo, "libcurl could not start");
  curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  CURLM* multi = multi_.get();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Loop::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Loop::on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_max));
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                    static_cast<long>(options_.connections_max));
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    static_cast<long>(options_.connections_per_host_max));
  return {};
}

void Loop::launch() {
  thread_ = std::jthread([this] { run(); });
}

Loop::~Loop() { stop(); }

void Loop::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

void Loop::wake() {
  const std::uint64_t one = 1;
  // A full counter wakes just as well.
  [[maybe_unused]] const ssize_t written = write(wakeup_.get(), &one, sizeof one);
}

EngineCounters Loop::counters() const {
  return {requests_, bytes_sent_, bytes_received_, connections_opened_, in_flight_};
}

Transfer Loop::start(Request request, Callback<Response> done) {
  auto job = std::make_shared<Job>();
  job->due = request.deadline.when();
  job->exchange = std::make_unique<Exchange>(std::move(request), options_);
  job->done = std::move(done);
  return submit(std::move(job), true);
}

Transfer Loop::after(std::chrono::milliseconds delay, UniqueFunction<void()> what) {
  auto job = std::make_shared<Job>();
  job->timer = std::move(what);
  job->due = clock_.steady() + std::min<std::chrono::milliseconds>(delay, kDelayMax);
  return submit(std::move(job), false);
}

Transfer Loop::submit(JobPointer job, bool at_once) {
  const SteadyTime now = clock_.steady();
  bool sleeps = false;
  {
    MutexLock lock(mutex_);
    if (!stopped_) started_.push_back(job);
    // Overdue it may be where the machine has slept, too.
    const bool in_time = asleep_until_ && now < *asleep_until_ && *asleep_until_ <= job->due;
    if (at_once || !in_time) sleeps = rouse();
  }
  if (sleeps) wake();
  return Transfer([loop = shared_from_this(), job] { loop->cancel(job); });
}

/// Whether it has to be woken. An awake one looks at its commands before it sleeps.
bool Loop::rouse() {
  const bool sleeps = asleep_until_.has_value();
  asleep_until_.reset();
  return sleeps;
}

void Loop::cancel(const JobPointer& job) {
  if (std::this_thread::get_id() == loop_thread_.load()) {
    abandon(job);
    return;
  }
  UniqueFunction<void()> timer;  // goes with the lock free
  MutexLock lock(mutex_);
  if (job->settled || stopped_) return;
  cancels_.push_back(job);
  if (!job->taken && job->timer) {
    job->settled = true;
    timer = std::move(job->timer);
    if (cancels_.size() >= kCancelsMax && rouse()) wake();
    return;
  }
  if (rouse()) wake();
  while (!job->settled && !stopped_) settled_.wait(mutex_);
}

// --- from here on: the loop's thread ---

void Loop::run() {
  loop_thread_ = std::this_thread::get_id();
  block_signals();
  std::array<epoll_event, kEventsAtOnce> events{};
  for (;;) {
    take_commands();
    tell_curl_the_time();
    collect_finished();  // before take_due: what is done is not late
    take_due();
    remove_cancelled();
    {
      MutexLock lock(mutex_);
      if (stopping_) break;
    }
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, fall_asleep());
    {
      MutexLock lock(mutex_);
      asleep_until_.reset();
    }
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      socket_ready(event.data.fd, event.events);
    }
  }
  fail_all();
}

void Loop::take_commands() {
  std::deque<JobPointer> started;
  std::deque<JobPointer> cancels;
  {
    MutexLock lock(mutex_);
    started.swap(started_);
    cancels.swap(cancels_);
  }
  for (const JobPointer& job : cancels) abandon(job);  // first: no need to begin what ends at once
  for (const JobPointer& job : started)
    if (!job->cancelled) begin(job);
}

CurlEasy Loop::easy_from_pool() {
  if (pool_.empty()) return CurlEasy(curl_easy_init());
  CurlEasy easy = std::move(pool_.back());
  pool_.pop_back();
  return easy;
}

void Loop::begin(const JobPointer& job) {
  job->begun = true;
  place(job, job->exchange ? clock_.steady() + job->exchange->look_interval() : job->due);
  if (!job->exchange) return;
  ++requests_;
  ++in_flight_;
  if (job->due <= clock_.steady()) return;  // take_due() says so, in this very round
  CurlEasy easy = easy_from_pool();
  if (!easy) {
    complete(job, fail(Errc::kIo, "out of memory"));
    return;
  }
  if (auto ready = job->exchange->prepare(std::move(easy), share_.get()); !ready) {
    complete(job, fail(std::move(ready.error())));
    return;
  }
  exchanges_.emplace(job->exchange->easy(), job);
  if (curl_multi_add_handle(multi_.get(), job->exchange->easy()) != CURLM_OK)
    complete(job, fail(Errc::kIo, "libcurl refused the request"));
}

void Loop::tell_curl_the_time() {
  if (!curl_due_ || *curl_due_ > BootClock::now()) return;
  curl_due_.reset();
  int running = 0;
  curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
}

void Loop::collect_finished() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    const auto found = exchanges_.find(message->easy_handle);
    if (found == exchanges_.end() || found->second->cancelled) continue;
    const JobPointer job = found->second;
    complete(job, job->exchange->finish(code));
  }
}

void Loop::take_due() {
  const SteadyTime now = clock_.steady();
  while (!due_times_.empty() && due_times_.begin()->first <= now) {
    const JobPointer job = due_times_.begin()->second;
    forget_due(*job);
    if (job->cancelled) continue;  // remove_cancelled() settles it
    if (job->exchange)
      look_at(job, now);
    else
      fire(job);
  }
}

void Loop::fire(const JobPointer& job) {
  job->settled_for_loop = true;  // dropping it inside its own callback does nothing
  if (!take(*job)) return;
  job->timer();
  settle(job);
}

/// From here on whoever cancels waits. False: it was cancelled.
bool Loop::take(Job& timer) {
  MutexLock lock(mutex_);
  timer.taken = true;
  return !timer.settled;
}

void Loop::look_at(const JobPointer& job, SteadyTime now) {
  if (job->due <= now) return give_up(job, job->exchange->too_late());
  if (job->exchange->stalls()) return give_up(job, job->exchange->stalled());
  place(job, now + job->exchange->look_interval());
}

void Loop::give_up(const JobPointer& job, Error error) {
  job->exchange->abandon();
  complete(job, fail(std::move(error)));
}

void Loop::place(const JobPointer& job, SteadyTime when) {
  const SteadyTime first = std::min(when, job->due);
  job->place = due_times_.emplace(first, job);
}

void Loop::complete(const JobPointer& job, Result<Response> result) {
  detach(*job);
  job->settled_for_loop = true;
  job->done(std::move(result));
  settle(job);
}

/// Takes the exchange off curl and its handle back into the pool.
void Loop::detach(Job& job) {
  forget_due(job);
  bytes_sent_ += job.exchange->bytes_sent();
  bytes_received_ += job.exchange->bytes_received();
  --in_flight_;
  if (job.exchange->easy() == nullptr) return;
  long opened = 0;
  curl_easy_getinfo(job.exchange->easy(), CURLINFO_NUM_CONNECTS, &opened);
  connections_opened_ += static_cast<std::uint64_t>(opened);
  if (exchanges_.erase(job.exchange->easy()) != 0)
    curl_multi_remove_handle(multi_.get(), job.exchange->easy());
  CurlEasy easy = job.exchange->take_easy();
  if (pool_.size() < kPooledHandlesMax) pool_.push_back(std::move(easy));
}

void Loop::forget_due(Job& job) {
  if (!job.place) return;
  due_times_.erase(*job.place);
  job.place.reset();
}

void Loop::abandon(const JobPointer& job) {
  if (job->cancelled || job->settled_for_loop) return;
  job->cancelled = true;
  if (job->exchange) job->exchange->abandon();
  to_remove_.push_back(job);
}

void Loop::remove_cancelled() {
  while (!to_remove_.empty()) {
    std::vector<JobPointer> jobs;
    jobs.swap(to_remove_);
    for (const JobPointer& job : jobs) {
      forget_due(*job);
      if (job->exchange && job->begun) detach(*job);
      job->settled_for_loop = true;
      settle(job);
    }
  }
}

/// What the callbacks hold goes here, on the loop, while the one who cancels still waits. Nothing
/// of a settled job is left but its flags, so that a callback may hold the owner of its Transfer.
void Loop::settle(const JobPointer& job) {
  take(*job);
  job->exchange.reset();
  job->done = nullptr;
  job->timer = nullptr;
  MutexLock lock(mutex_);
  job->settled = true;
  settled_.notify_all();
}

/// Ends everything, also what the completions of others start meanwhile.
void Loop::fail_all() {
  while (!nothing_left()) {
    take_commands();
    while (!due_times_.empty()) {
      const JobPointer job = due_times_.begin()->second;
      forget_due(*job);
      if (!job->exchange || job->cancelled) {
        abandon(job);
        continue;
      }
      give_up(job, {Errc::kInterrupted, "the HTTP engine was stopped", {}});
    }
    remove_cancelled();
  }
}

bool Loop::nothing_left() {
  MutexLock lock(mutex_);
  if (!started_.empty() || !cancels_.empty() || !due_times_.empty() || !to_remove_.empty())
    return false;
  stopped_ = true;
  settled_.notify_all();
  return true;
}

void Loop::socket_ready(int fd, unsigned events) {
  if (fd == wakeup_.get()) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(fd, &count, sizeof count);
    return;
  }
  int action = 0;
  if ((events & EPOLLIN) != 0) action |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) action |= CURL_CSELECT_OUT;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) action |= CURL_CSELECT_ERR;
  int running = 0;
  curl_multi_socket_action(multi_.get(), fd, action, &running);
}

int Loop::epoll_timeout_ms() const {
  std::chrono::nanoseconds left = exchanges_.empty() ? kSleepMax : kSleepMaxInFlight;
  if (curl_due_) left = std::min(left, *curl_due_ - BootClock::now());
  if (!due_times_.empty()) left = std::min(left, due_times_.begin()->first - clock_.steady());
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left);  // never wakes too early
  return static_cast<int>(std::max<std::int64_t>(rounded.count(), 0));
}

/// How long, in ms, with what is known by now.
int Loop::fall_asleep() {
  const SteadyTime now = clock_.steady();
  const int timeout = epoll_timeout_ms();
  MutexLock lock(mutex_);
  if (!started_.empty() || !cancels_.empty()) return 0;
  asleep_until_ = now + std::chrono::milliseconds(timeout);
  return timeout;
}

int Loop::on_socket(CURL*, curl_socket_t fd, int what, void* self, void* known) noexcept {
  auto& loop = *static_cast<Loop*>(self);
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(loop.epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.fd = fd;
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (known == nullptr) curl_multi_assign(loop.multi_.get(), fd, &loop);
  if (epoll_ctl(loop.epoll_.get(), known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) !=
      0)
    epoll_ctl(loop.epoll_.get(), errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  return 0;
}

int Loop::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
  auto& loop = *static_cast<Loop*>(self);
  if (timeout_ms < 0)
    loop.curl_due_.reset();
  else
    loop.curl_due_ = BootClock::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

}  // namespace stsfs::http
