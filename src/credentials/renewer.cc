#include "stsfs/credentials/renewer.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "schedule.h"
#include "server_clock.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "waiting_desk.h"

// Two threads: this one fetches, the desk's answers those who wait. Nobody ever waits for a fetch
// while the present credential lives.
//
// What is left of a life is counted on the steady clock from the moment of arrival, against the
// server's clock of that moment; so neither a stepped wall clock nor a suspend can make a dead
// credential look alive, or the other way round.
namespace stsfs::credentials {
namespace {

// Condition waits do not count a suspend, the boot clock does: look again from time to time.
constexpr std::chrono::milliseconds kLookAgain{15'000};
// When waiting has long been of no use: what an attempt gets that has just begun. A server that is
// back answers within it; one that swallows what it is sent costs everybody this much and no more.
constexpr std::chrono::milliseconds kBriefWait{1'000};

/// Trying again soon cannot help: a person or an administrator has to do something.
bool is_definite(Errc code) {
  return code == Errc::kCredential || code == Errc::kDenied || code == Errc::kInvalid ||
         code == Errc::kProtocol;
}

/// Whatever is wrong with the source (its certificate, its answer, what it allows) is nothing about
/// the object that somebody asks for: no EINVAL of theirs, and no refusal by which a removal or a
/// rename that waits in the journal would be given up.
tl::unexpected<Error> no_credential(const Error& error) {
  return fail(Errc::kCredential, error.message);
}

std::string place_of(const Folder& folder) {
  return printable(folder.bucket + "/" + folder.prefix + " at " + folder.endpoint, 1024);
}

bool same_place(const Folder& a, const Folder& b) {
  return a.endpoint == b.endpoint && a.region == b.region && a.bucket == b.bucket &&
         a.prefix == b.prefix;
}

class ThreadedRenewer final : public Renewer {
 public:
  ThreadedRenewer(std::unique_ptr<Source> source, const RenewerOptions& options, const Clock& clock)
      : source_(std::move(source)),
        clock_(clock),
        patience_(options.patience),
        desk_(clock),
        server_clock_(clock),
        schedule_(options, clock) {}

  ~ThreadedRenewer() override {
    source_->watch({});
    interrupt_.raise();
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }  // then the members go: the thread first

  Result<void> fetch_first(Deadline deadline) {
    auto grant = source_->fetch({}, deadline, interrupt_);
    if (!grant) return fail(std::move(grant.error()));
    return accept(std::move(*grant));
  }
  void run() {
    source_->watch([this] { renew_now(); });
    thread_ = std::jthread([this] {
      while (auto job = next_job()) work(*job);
    });
  }

  Result<CredentialSnapshot> current() override;
  Transfer replace(const std::string& access_key_id, Deadline deadline,
                   Callback<CredentialSnapshot> done) override;
  std::chrono::milliseconds clock_offset() const override;
  void set_clock_offset(std::chrono::milliseconds offset) override;
  RenewalStatus status() const override;
  std::optional<Folder> folder() const override;
  void on_folder(std::function<void(const Folder&)> listener) override;
  void renew_now() override;

 private:
  struct Job {
    std::string rejected;
    Deadline deadline;
    bool fetch = true;  ///< Otherwise only the folder's listener is to be told.
  };

  std::optional<Job> next_job() STSFS_EXCLUDES(mutex_);
  std::chrono::milliseconds until_next() STSFS_REQUIRES(mutex_);
  bool wanted() const STSFS_REQUIRES(mutex_) {
    return renew_now_ || without_since_ || !desk_.empty();
  }
  void work(const Job& job) STSFS_EXCLUDES(mutex_);
  void tell_listener() STSFS_EXCLUDES(mutex_);
  Result<void> check_expiry(const Grant& grant) STSFS_EXCLUDES(mutex_);
  Result<void> accept(Grant grant) STSFS_EXCLUDES(mutex_);
  void settle_success(const Job& job) STSFS_EXCLUDES(mutex_);
  void settle_failure(const Error& error) STSFS_EXCLUDES(mutex_);
  Result<CredentialSnapshot> usable() const STSFS_REQUIRES(mutex_);
  bool is_given_up() const STSFS_REQUIRES(mutex_) {
    return without_since_ && clock_.steady() - *without_since_ >= patience_;
  }
  void note_refused(const std::string& access_key_id) STSFS_REQUIRES(mutex_);
  std::optional<Deadline> patience_for(Deadline deadline) const STSFS_REQUIRES(mutex_);
  std::chrono::nanoseconds life_of(WallTime expiration) const STSFS_REQUIRES(mutex_) {
    return expiration - server_clock_.now();
  }

  const std::unique_ptr<Source> source_;
  const Clock& clock_;
  const std::chrono::nanoseconds patience_;
  Interrupt interrupt_;
  std::atomic<std::uint64_t> replays_{0};
  WaitingDesk desk_;

  mutable Mutex mutex_;  // before the desk's; no other lock and no network while it is held
  Condition changed_;
  ServerClock server_clock_ STSFS_GUARDED_BY(mutex_);
  Schedule schedule_ STSFS_GUARDED_BY(mutex_);
  CredentialSnapshot snapshot_ STSFS_GUARDED_BY(mutex_);
  std::string identity_ STSFS_GUARDED_BY(mutex_);
  std::optional<Folder> first_folder_ STSFS_GUARDED_BY(mutex_);
  std::optional<Folder> untold_folder_ STSFS_GUARDED_BY(mutex_);
  std::function<void(const Folder&)> listener_ STSFS_GUARDED_BY(mutex_);
  std::optional<Error> last_error_ STSFS_GUARDED_BY(mutex_);
  RenewalStatus counts_ STSFS_GUARDED_BY(mutex_);  // its numbers and last_renewal only
  std::string refused_ STSFS_GUARDED_BY(mutex_);   // the last key that OSS is known to refuse
  /// When a renewal first failed with nothing usable left. Not the expiry: what expired while the
  /// machine slept has not been tried for.
  std::optional<SteadyTime> without_since_ STSFS_GUARDED_BY(mutex_);
  std::optional<SteadyTime> fetching_since_ STSFS_GUARDED_BY(mutex_);
  bool renew_now_ STSFS_GUARDED_BY(mutex_) = false;
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;

  std::jthread thread_;
};

// --- those who sign ---

Result<CredentialSnapshot> ThreadedRenewer::usable() const {
  if (!schedule_.expired()) return snapshot_;
  return fail(Errc::kCredential, "the credential of " + source_->describe() + " expired at " +
                                     format_iso8601(*snapshot_->expiration) +
                                     " and there is no new one yet" +
                                     (last_error_ ? ": " + last_error_->message : std::string()));
}

Result<CredentialSnapshot> ThreadedRenewer::current() {
  MutexLock lock(mutex_);
  auto present = usable();
  if (!present) schedule_.needed();
  // The thread may be asleep in a wait that did not count a suspend.
  const auto next = schedule_.next(wanted());
  if (next && *next <= clock_.steady() && !fetching_since_) changed_.notify_all();
  return present;
}

void ThreadedRenewer::note_refused(const std::string& access_key_id) {
  if (refused_ == access_key_id) return;
  refused_ = access_key_id;
  ++counts_.replacements;
  schedule_.refused();
}

/// How long somebody who needs another credential waits for one; nullopt: not at all, what
/// `last_error_` says is the answer.
std::optional<Deadline> ThreadedRenewer::patience_for(Deadline deadline) const {
  if (!last_error_) return deadline;
  const bool is_pausing = schedule_.pausing() && !fetching_since_;
  if (is_definite(last_error_->code) && is_pausing) return std::nullopt;
  if (!is_given_up()) return deadline;
  const SteadyTime begun = fetching_since_.value_or(clock_.steady());
  const Deadline brief = Deadline::at(begun + kBriefWait);
  if (is_pausing || brief.passed(clock_)) return std::nullopt;
  return std::min(brief, deadline);
}

Transfer ThreadedRenewer::replace(const std::string& access_key_id, Deadline deadline,
                                  Callback<CredentialSnapshot> asked) {
  const bool is_replay = !access_key_id.empty();
  Callback<CredentialSnapshot> done =
      [this, is_replay, asked = std::move(asked)](Result<CredentialSnapshot> next) mutable {
        if (next && is_replay) ++replays_;
        asked(std::move(next));
      };
  std::optional<Result<CredentialSnapshot>> at_once;
  std::optional<Transfer> waits;
  {
    // All of it under one lock: who found the credential refused that is replaced just now must not
    // wait for one after that.
    MutexLock lock(mutex_);
    auto present = usable();
    if (present && (*present)->access_key_id != access_key_id) {
      at_once = std::move(present);
    } else {
      if (present) note_refused(access_key_id);
      schedule_.needed();  // a pause that began when nobody waited may be a long one
      const auto until = patience_for(deadline);
      if (until) waits = desk_.add(access_key_id, *until, done);
      if (!until)
        at_once = no_credential(*last_error_);
      else if (!waits)
        at_once = fail(Errc::kThrottled, "too many requests wait for a credential");
      changed_.notify_all();
    }
  }
  if (waits) return std::move(*waits);
  done(std::move(*at_once));
  return {};
}

std::chrono::milliseconds ThreadedRenewer::clock_offset() const {
  MutexLock lock(mutex_);
  return server_clock_.offset();
}

void ThreadedRenewer::set_clock_offset(std::chrono::milliseconds offset) {
  MutexLock lock(mutex_);
  server_clock_.set_offset(offset);
  if (snapshot_ && snapshot_->expiration) schedule_.correct(life_of(*snapshot_->expiration));
  changed_.notify_all();
}

// --- the renewal thread ---

std::chrono::milliseconds ThreadedRenewer::until_next() {
  const auto next = schedule_.next(wanted());
  if (!next) return kLookAgain;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.steady());
  return std::clamp(left, std::chrono::milliseconds(0), kLookAgain);
}

std::optional<ThreadedRenewer::Job> ThreadedRenewer::next_job() {
  MutexLock lock(mutex_);
  fetching_since_.reset();
  while (!stopping_) {
    if (untold_folder_ && listener_) return Job{{}, schedule_.deadline(), false};
    const auto wait = until_next();
    if (wait.count() <= 0) {
      renew_now_ = false;
      fetching_since_ = clock_.steady();
      return Job{desk_.rejected(), schedule_.deadline()};
    }
    changed_.wait_for(mutex_, wait);
  }
  return std::nullopt;
}

void ThreadedRenewer::work(const Job& job) {
  if (!job.fetch) return tell_listener();
  auto grant = source_->fetch(job.rejected, job.deadline, interrupt_);
  if (interrupt_.raised()) return;
  Result<void> taken = grant ? accept(std::move(*grant)) : fail(std::move(grant.error()));
  if (taken)
    settle_success(job);
  else
    settle_failure(taken.error());
}

void ThreadedRenewer::tell_listener() {
  std::optional<Folder> folder;
  std::function<void(const Folder&)> listener;
  {
    MutexLock lock(mutex_);
    folder = std::exchange(untold_folder_, std::nullopt);
    listener = listener_;
  }
  if (folder && listener) listener(*folder);
}

Result<void> ThreadedRenewer::check_expiry(const Grant& grant) {
  MutexLock lock(mutex_);
  if (grant.server_time) server_clock_.heard(*grant.server_time);
  if (!grant.credential.expiration || life_of(*grant.credential.expiration).count() > 0) return {};
  return fail(Errc::kCredential,
              source_->describe() + " gave a credential that expired at " +
                  format_iso8601(*grant.credential.expiration) + ", and it is " +
                  format_iso8601(server_clock_.now()) +
                  "; remedy: check the clocks of that server and of this machine");
}

Result<void> ThreadedRenewer::accept(Grant grant) {
  if (auto alive = check_expiry(grant); !alive) return alive;
  MutexLock lock(mutex_);
  if (grant.folder && first_folder_ && !same_place(*grant.folder, *first_folder_))
    return fail(Errc::kCredential, source_->describe() + " now names another folder (" +
                                       place_of(*grant.folder) + "); this mount stays at " +
                                       place_of(*first_folder_) +
                                       "; remedy: unmount and mount again, if the change is meant");
  if (grant.folder) {
    if (snapshot_)
      untold_folder_ = grant.folder;
    else
      first_folder_ = grant.folder;
  }
  if (grant.credential.expiration)
    schedule_.arrived(life_of(*grant.credential.expiration));
  else
    schedule_.arrived(std::nullopt);
  snapshot_ = std::make_shared<const Credential>(std::move(grant.credential));
  identity_ = std::move(grant.identity);
  if (without_since_) log_info("credentials", "there is a credential again");
  without_since_.reset();
  last_error_.reset();
  ++counts_.renewals;
  counts_.last_renewal = clock_.wall();
  return {};
}

void ThreadedRenewer::settle_success(const Job& job) {
  CredentialSnapshot fresh;
  {
    MutexLock lock(mutex_);
    fresh = snapshot_;
  }
  desk_.set_reason({});
  bool again = false;
  desk_.settle([&](const std::string& rejected) -> std::optional<WaitingDesk::Answer> {
    if (rejected != fresh->access_key_id) return fresh;
    // A fetch that began before the refusal may bring the refused one: the next names it.
    if (job.rejected != rejected) return std::nullopt;
    again = true;
    return fail(Errc::kCredential, "OSS refused the key, and " + source_->describe() +
                                       " hands the same one out again");
  });
  if (!again) return;
  MutexLock lock(mutex_);
  schedule_.refused();
}

void ThreadedRenewer::settle_failure(const Error& error) {
  log_warning("credentials", "renewal failed: {}", error.message);
  desk_.set_reason(error.message);
  const bool somebody_waits = !desk_.empty();
  bool is_answer = is_definite(error.code);
  {
    MutexLock lock(mutex_);
    fetching_since_.reset();
    last_error_ = error;
    ++counts_.failures;
    schedule_.failed(error.retry_after, somebody_waits);
    const bool is_refused = refused_ == snapshot_->access_key_id;
    if ((schedule_.expired() || is_refused) && !without_since_) without_since_ = clock_.steady();
    is_answer = is_answer || is_given_up();
  }
  if (!is_answer) return;  // they wait on, each until its deadline
  desk_.settle([&](const std::string&) -> std::optional<WaitingDesk::Answer> {
    return no_credential(error);
  });
}

// --- those who look on ---

RenewalStatus ThreadedRenewer::status() const {
  MutexLock lock(mutex_);
  RenewalStatus status = counts_;
  status.source = source_->describe();
  status.identity = identity_;
  status.access_key_id = snapshot_->access_key_id;
  status.expiration = snapshot_->expiration;
  if (const auto next = schedule_.next(wanted()))
    status.next_renewal = clock_.wall() + (*next - clock_.steady());
  if (last_error_) status.last_error = last_error_->message;
  status.replays = replays_;
  return status;
}

std::optional<Folder> ThreadedRenewer::folder() const {
  MutexLock lock(mutex_);
  return first_folder_;
}

void ThreadedRenewer::on_folder(std::function<void(const Folder&)> listener) {
  MutexLock lock(mutex_);
  listener_ = std::move(listener);
  changed_.notify_all();
}

void ThreadedRenewer::renew_now() {
  MutexLock lock(mutex_);
  renew_now_ = true;
  schedule_.hurry();
  changed_.notify_all();
}

}  // namespace

Result<std::unique_ptr<Renewer>> Renewer::start(std::unique_ptr<Source> source,
                                                const RenewerOptions& options, const Clock& clock,
                                                Deadline deadline) {
  auto renewer = std::make_unique<ThreadedRenewer>(std::move(source), options, clock);
  if (auto fetched = renewer->fetch_first(deadline); !fetched)
    return fail(std::move(fetched.error()));
  renewer->run();
  return renewer;
}

}  // namespace stsfs::credentials
