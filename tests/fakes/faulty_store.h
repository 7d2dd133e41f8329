#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/oss/operation.h"

namespace stsfs::fakes {

/// Which calls something happens to.
struct Calls {
  oss::Operation operation = oss::Operation::kHead;
  std::uint64_t from = 1;   ///< The how manieth of that operation from now on; 1 is the next.
  std::uint64_t count = 1;  ///< How many in a row; `kAll`: every one from there.
  std::string key;          ///< Only calls for it are counted; empty: for any.

  static constexpr std::uint64_t kAll = ~std::uint64_t{0};
};

/// What a network does to a store: `inner` with chosen calls failing, late, or answered by nobody.
///
///     faulty.fail({.operation = Operation::kPut, .from = 2}, Error{Errc::kUnavailable, "reset"});
///     faulty.before({.operation = Operation::kCopy}, [&] { fake.put("a", "theirs"); });
///
/// Threads:  any; hooks run on the thread that starts the call.
/// Lifetime: `inner` and the scheduler outlive it, it outlives every transfer.
class FaultyStore final : public oss::ObjectStore {
 public:
  /// `scheduler` is where delayed calls wait; null when nothing is to be delayed.
  explicit FaultyStore(oss::ObjectStore& inner, Scheduler* scheduler = nullptr);

  /// The call fails and `inner` never sees it.
  void fail(Calls calls, Error error);
  /// `inner` does it, but the caller is told `error`: an answer that was lost.
  void lose_answer(Calls calls, Error error);
  /// The call reaches `inner` only after `by`.
  void delay(Calls calls, std::chrono::milliseconds by);
  /// `inner` does it at once, and the caller is told after `by`.
  void delay_answer(Calls calls, std::chrono::milliseconds by);
  /// A get whose body breaks off with `error` after `size_bytes`.
  void break_off(Calls calls, std::uint64_t size_bytes, Error error);
  /// `hook` runs when half of the body of a put, or of a part, has been taken.
  void half_way(Calls calls, std::function<void()> hook);
  /// `hook` runs just before the call reaches `inner`: where a foreign client comes in between.
  void before(Calls calls, std::function<void()> hook);
  /// `hook` runs when `inner` has answered, before the caller is told: what happens while an answer
  /// is on its way. On the thread that calls back.
  void after(Calls calls, std::function<void()> hook);
  /// The network is gone: every call fails with `error`, until it is told nothing.
  void fail_everything(std::optional<Error> error);
  /// The caller is killed at the `call`-th request from now on, of whatever kind: `inner` does it,
  /// its answer is lost unless `answered`, and nothing gets through any more.
  void die_at(std::uint64_t call, bool answered, Error error);
  /// Whether that many came.
  bool died() const;
  /// Forgets all of the above.
  void heal();

  /// Calls that were started, those that failed here included.
  std::uint64_t started(oss::Operation operation) const;
  std::uint64_t started() const;

  Transfer start_list(const oss::ListRequest& request, Deadline deadline,
                      Callback<oss::ListPage> done) override;
  Transfer start_head(std::string_view key, Deadline deadline,
                      Callback<oss::ObjectMeta> done) override;
  Transfer start_brief(std::string_view key, Deadline deadline,
                       Callback<oss::ObjectBrief> done) override;
  Transfer start_get(std::string_view key, std::string_view etag, ByteRange range,
                     oss::ReadSink& sink, Deadline deadline, Callback<void> done) override;
  Transfer start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                     const oss::PutOptions& options, Deadline deadline,
                     Callback<oss::Written> done) override;
  Transfer start_copy(std::string_view key, const oss::CopyOptions& options, Deadline deadline,
                      Callback<oss::Written> done) override;
  Transfer start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                        Callback<void> done) override;
  Transfer start_delete_many(std::vector<oss::Doomed> doomed, Deadline deadline,
                             Callback<std::vector<std::string>> done) override;
  Transfer start_initiate(std::string_view key, const oss::PutOptions& options, Deadline deadline,
                          Callback<std::string> done) override;
  Transfer start_upload_part(std::string_view key, std::string_view upload_id, int number,
                             std::shared_ptr<http::BodySource> body, Deadline deadline,
                             Callback<oss::Part> done) override;
  Transfer start_copy_part(std::string_view key, std::string_view upload_id, int number,
                           std::string_view source_key, std::string_view source_etag,
                           ByteRange range, Deadline deadline, Callback<oss::Part> done) override;
  Transfer start_complete(std::string_view key, std::string_view upload_id,
                          std::vector<oss::Part> parts, const oss::PutOptions& options,
                          Deadline deadline, Callback<oss::Written> done) override;
  Transfer start_abort(std::string_view key, std::string_view upload_id, Deadline deadline,
                       Callback<void> done) override;
  Transfer start_list_parts(std::string_view key, std::string_view upload_id, Deadline deadline,
                            Callback<std::vector<oss::Part>> done) override;
  Transfer start_put_symlink(std::string_view key, std::string_view target_key,
                             const oss::PutOptions& options, Deadline deadline,
                             Callback<oss::Written> done) override;
  Transfer start_get_symlink(std::string_view key, Deadline deadline,
                             Callback<oss::Symlink> done) override;
  Transfer start_get_acl(std::string_view key, Deadline deadline,
                         Callback<std::string> done) override;
  Transfer start_get_tagging(std::string_view key, Deadline deadline,
                             Callback<std::string> done) override;
  Transfer start_restore(std::string_view key, const oss::RestoreRequest& request,
                         Deadline deadline, Callback<void> done) override;
  Transfer start_rename(std::string_view from, std::string_view to, Deadline deadline,
                        Callback<void> done) override;

 private:
  /// What happens to one call.
  struct Fate {
    std::optional<Error> fails;
    std::optional<Error> answer_lost;
    std::chrono::milliseconds delay{0};
    std::chrono::milliseconds answer_delay{0};
    std::optional<std::pair<std::uint64_t, Error>> breaks_off;
    std::vector<std::function<void()>> hooks, half_way_hooks, late_hooks;
  };
  struct Rule {
    Calls calls;
    Fate fate;
    std::uint64_t seen = 0;
  };
  struct Death {
    std::uint64_t calls_left = 0;
    bool answered = false;
    Error error;
  };

  void add(Calls calls, Fate fate);
  Fate fate_of(oss::Operation operation, std::string_view key) STSFS_EXCLUDES(mutex_);

  /// `start(callback)` under its fate.
  template <class T, class Start>
  Transfer run(oss::Operation operation, std::string_view key, Callback<T> done, Start start);
  template <class T, class Start>
  Transfer run_with(Fate fate, Callback<T> done, Start start);

  oss::ObjectStore& inner_;
  Scheduler* const scheduler_;
  mutable Mutex mutex_;  // a leaf
  std::vector<Rule> rules_ STSFS_GUARDED_BY(mutex_);
  std::optional<Error> everything_ STSFS_GUARDED_BY(mutex_);
  std::optional<Death> death_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t started_[oss::kOperationCount] STSFS_GUARDED_BY(mutex_) = {};
};

}  // namespace stsfs::fakes
