#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/result.h"

namespace stsfs::fs {

/// Who waits until something that stands in the journal has been tried, and what is therefore tried
/// before its time. Each thing is known by the number of its note.
///
/// Threads: guarded by the mutex of whoever has it; `tell` is called without.
class Settling {
 public:
  class Waiter {
   public:
    void tell() {
      if (error_)
        done_(fail(std::move(*error_)));
      else
        done_({});
    }
    void give_up() { done_(fail(Errc::kInterrupted, "the mount is ending")); }

   private:
    friend class Settling;
    Waiter(std::set<std::uint64_t> ids, Callback<void> done)
        : ids_(std::move(ids)), done_(std::move(done)) {}
    std::set<std::uint64_t> ids_;        // what is to be tried
    std::set<std::uint64_t> under_way_;  // what has been taken since
    Callback<void> done_;
    std::optional<Error> error_;
  };
  using Waiters = std::vector<Waiter>;

  /// `done` when each of them has been taken from now on and tried, or has ended; with the error of
  /// the last one that failed.
  void add(std::set<std::uint64_t> ids, Callback<void> done) {
    hurried_.insert(ids.begin(), ids.end());
    waiters_.push_back(Waiter(std::move(ids), std::move(done)));
  }
  /// As if somebody waited for it.
  void hurry(std::uint64_t id) { hurried_.insert(id); }
  bool is_hurried(std::uint64_t id) const { return hurried_.contains(id); }
  bool any_hurried() const { return !hurried_.empty(); }

  /// It is being tried. Who comes now wants another try.
  void taken(std::uint64_t id) {
    hurried_.erase(id);
    for (Waiter& one : waiters_)
      if (one.ids_.erase(id) > 0) one.under_way_.insert(id);
  }
  /// And will be tried again.
  void failed(std::uint64_t id, const Error& error) {
    for (Waiter& one : waiters_)
      if (one.under_way_.erase(id) > 0) one.error_ = error;
  }
  /// Well, or given up.
  void ended(std::uint64_t id, const std::optional<Error>& error = {}) {
    hurried_.erase(id);
    for (Waiter& one : waiters_)
      if (one.ids_.erase(id) + one.under_way_.erase(id) > 0 && error) one.error_ = error;
  }
  /// Those who have nothing left to wait for.
  [[nodiscard]] Waiters take_settled() {
    Waiters out;
    const auto rest = std::stable_partition(
        waiters_.begin(), waiters_.end(),
        [](const Waiter& one) { return one.ids_.empty() && one.under_way_.empty(); });
    std::move(waiters_.begin(), rest, std::back_inserter(out));
    waiters_.erase(waiters_.begin(), rest);
    return out;
  }
  [[nodiscard]] Waiters take_all() { return std::exchange(waiters_, {}); }

 private:
  Waiters waiters_;
  std::set<std::uint64_t> hurried_;
};

}  // namespace stsfs::fs
