#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "stsfs/base/chain.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::oss {

/// What follows when bytes were damaged on their way: they can be sent again, or nothing can be
/// taken back.
enum class Damage { kSendAgain, kFinal };

/// What shows that an earlier try had succeeded: an id of ours that nobody else has, or only that
/// all is as it would be then.
enum class Proof { kId, kCircumstances };

/// What is there, looked at before a write or a delete is repeated.
enum class Seen {
  kExpected,  ///< What the call is to replace or to delete.
  kNothing,   ///< There is nothing left to do.
  kAnother,   ///< Not what it was when the call began: somebody wrote it since, or we.
};

/// When to try again, and what to say in the end. One per call.
class RetryPlan {
 public:
  RetryPlan(const RetryOptions& options, const Clock& clock, Deadline deadline, Damage damage)
      : options_(options),
        clock_(clock),
        deadline_(deadline),
        damage_(damage),
        began_(clock.steady()) {}

  void begin_attempt() { ++attempts_, ++in_a_row_; }
  /// Something got through: the count of tries in vain starts again.
  void note_progress() { in_a_row_ = 1; }
  bool first() const { return attempts_ <= 1; }

  /// How long to wait before the next try; nullopt when there is to be none.
  std::optional<std::chrono::milliseconds> pause_after(const Error& error);
  /// What the caller is told.
  Error give_up(Error last);

 private:
  bool may_pass(Errc code) const;

  const RetryOptions& options_;
  const Clock& clock_;
  const Deadline deadline_;
  const Damage damage_;
  const SteadyTime began_;
  int attempts_ = 0;
  int in_a_row_ = 0;
  std::string before_;  // the message of the last failure that passed
};

/// One call with its tries. The first step is `run`; then every step begins in the callback of the
/// one before.
template <class T>
class RetryingStore::Attempts : public std::enable_shared_from_this<Attempts<T>> {
 public:
  using Start = std::function<Transfer(Callback<T>)>;
  /// Asked when a try fails for good as one does whose work is done: may find that an earlier one
  /// had succeeded. It calls back with that success, with kCorrupt when it left other bytes, or
  /// with any other failure. With an id the first try is no exception: libcurl sends a request once
  /// more by itself when a connection of its pool ends without an answer.
  using Verify = std::function<Transfer(Callback<T>)>;

  Attempts(RetryingStore& store, Deadline deadline, Start start, Callback<T> done,
           Damage damage = Damage::kFinal)
      : scheduler_(store.scheduler_),
        plan_(store.options_, store.clock_, deadline, damage),
        start_(std::move(start)),
        done_(std::move(done)) {}

  void verify_with(Verify verify, Proof proof = Proof::kId) {
    verify_ = std::move(verify);
    proof_ = proof;
  }

  /// Asked before a try that is not the first: OSS takes no condition with a write, and between two
  /// tries there is time for another client's. That it fails is a try in vain.
  using Look = std::function<Transfer(Callback<Seen>)>;
  void look_before_repeating(Look look) { look_ = std::move(look); }

  static Transfer begin(const std::shared_ptr<Attempts>& self) {
    self->run();
    return Transfer([self] { self->chain_.cancel(); });
  }

 private:
  void run() {
    plan_.begin_attempt();
    chain_.step([this] {
      return start_([self = this->shared_from_this()](Result<T> result) mutable {
        self->ended(std::move(result));
      });
    });
  }

  void ended(Result<T> result) {
    if (result) return finish(std::move(result));
    if (const auto pause = plan_.pause_after(result.error())) return wait(*pause);
    if (!verify_ || !may_be_own(result.error().code) ||
        (proof_ == Proof::kCircumstances && plan_.first()))
      return finish(fail(plan_.give_up(std::move(result.error()))));
    chain_.step([&] {
      return verify_([self = this->shared_from_this(),
                      error = std::move(result.error())](Result<T> own) mutable {
        if (own || own.error().code == Errc::kCorrupt) return self->finish(std::move(own));
        self->finish(fail(self->plan_.give_up(std::move(error))));
      });
    });
  }

  void run_again() {
    if (!look_) return run();
    chain_.step([this] {
      return look_([self = this->shared_from_this()](Result<Seen> seen) mutable {
        self->looked(std::move(seen));
      });
    });
  }

  void looked(Result<Seen> seen) {
    if (!seen) {
      plan_.begin_attempt();
      if (const auto pause = plan_.pause_after(seen.error())) return wait(*pause);
      return finish(fail(plan_.give_up(std::move(seen.error()))));
    }
    if (*seen == Seen::kExpected) return run();
    if (*seen == Seen::kNothing) return finish(Result<T>());
    if (!verify_) return finish(replaced());
    chain_.step([this] {
      return verify_([self = this->shared_from_this()](Result<T> own) mutable {
        if (own) return self->finish(std::move(own));
        if (own.error().code == Errc::kCorrupt) return self->run();  // ours, to be made whole
        self->finish(self->replaced());
      });
    });
  }

  static tl::unexpected<Error> replaced() {
    return fail(Errc::kChanged, "another client wrote it while the request was being repeated");
  }

  /// What a write meets when it has been done already.
  static bool may_be_own(Errc code) {
    return code == Errc::kExists || code == Errc::kChanged || code == Errc::kNotFound;
  }

  void wait(std::chrono::milliseconds pause) {
    chain_.step([&] {
      return scheduler_.after(pause, [self = this->shared_from_this()] { self->run_again(); });
    });
  }

  void finish(Result<T> result) {
    auto done = std::move(done_);
    done(std::move(result));
  }

  Scheduler& scheduler_;
  RetryPlan plan_;
  const Start start_;
  Verify verify_;
  Look look_;
  Proof proof_ = Proof::kId;
  Callback<T> done_;
  Chain chain_;
};

}  // namespace stsfs::oss
