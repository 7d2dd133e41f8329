#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "behind_journal.h"
#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/mounted_folder.h"
#include "stsfs/staging/name_journal.h"

namespace stsfs::fs {

struct ExchangeOptions {
  std::chrono::milliseconds retry_backoff{1'000};
  std::chrono::milliseconds retry_backoff_max{60'000};
};

/// Two names on their way to each other's place. An exchange is three renames through a third name,
/// and stands in the journal before the first one. Who began it goes on to its end; what a kill or
/// an error leaves half-way is made whole by a thread of this, one after the other, and tried again
/// when it fails.
///
/// Threads:  every call on any thread; `go_on` and callbacks on the thread of this or at once.
/// Lifetime: scheduler and journal outlive it. `stop` before what `go_on` uses goes.
class Exchanges : private BehindJournal {
 public:
  using Entry = staging::ExchangeEntry;
  /// Does what is left of one. On an error the step that it reached counts next time.
  using GoOn = std::function<Result<void>(Entry&, Interrupt*)>;

  Exchanges(Scheduler& scheduler, staging::NameJournal& journal, GoOn go_on,
            ExchangeOptions options = {});
  ~Exchanges() override { stop(); }

  /// One that its beginner sees to. Dropped before its end, it is left to the thread.
  class Running {
   public:
    Running(Running&& other) noexcept
        : exchanges_(std::exchange(other.exchanges_, nullptr)), entry_(std::move(other.entry_)) {}
    Running& operator=(Running&&) = delete;
    ~Running() {
      if (exchanges_ != nullptr) exchanges_->leave(entry_);
    }
    /// Returns when the journal has it. Errors: of the journal; then the step before counts.
    Result<void> reach(staging::ExchangeStep step);
    /// It is whole, or has not happened. Whose note cannot be erased is found to be so later.
    void end() &&;

   private:
    friend class Exchanges;
    Running(Exchanges* exchanges, Entry entry) : exchanges_(exchanges), entry_(std::move(entry)) {}
    Exchanges* exchanges_;
    Entry entry_;
  };
  /// Returns when the journal has it. Errors: of the journal.
  Result<Running> begin(std::string one, std::string other, std::string third)
      STSFS_EXCLUDES(mutex_);
  Result<void> note(const Entry& entry);

  /// Whether one of its names is this path, or lies below it.
  static bool is_at(const Entry& entry, std::string_view path);
  static bool is_below(const Entry& entry, std::string_view path);

  using Wanted = std::function<bool(const Entry&)>;
  /// Those that somebody sees to included.
  bool any(const Wanted& wanted) const STSFS_EXCLUDES(mutex_);
  /// Half-way, with nobody who sees to it but the thread.
  bool any_left(const Wanted& wanted) const STSFS_EXCLUDES(mutex_);
  /// `done` when each of these has been tried or has ended.
  void settle(const Wanted& wanted, Callback<void> done) STSFS_EXCLUDES(mutex_);
  void settle_left(const Wanted& wanted, Callback<void> done) STSFS_EXCLUDES(mutex_);

  std::vector<PendingFile> pending() const STSFS_EXCLUDES(mutex_);
  /// Begins with what an earlier daemon left.
  void resume() STSFS_EXCLUDES(mutex_);
  using BehindJournal::stop;

 private:
  struct Pending {
    Entry entry;
    bool left = false;
    std::string last_error;
  };
  void settle_all(const std::function<bool(const Pending&)>& wanted, Callback<void> done)
      STSFS_EXCLUDES(mutex_);
  void leave(const Entry& entry) STSFS_EXCLUDES(mutex_);
  Result<void> erase(std::uint64_t id);
  Pause work(bool is_over) override;
  void tried(const Entry& entry, const Result<void>& result) STSFS_EXCLUDES(mutex_);

  staging::NameJournal& journal_;
  const GoOn go_on_;

  std::map<std::uint64_t, Pending> pending_ STSFS_GUARDED_BY(mutex_);  // by the note's number
};

}  // namespace stsfs::fs
