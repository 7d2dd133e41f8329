#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "stsfs/base/callback.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "stsfs/credentials/credential.h"

namespace stsfs::credentials {

/// Where requests wait for a successor of a refused credential, each until its deadline.
///
/// Answers are given on the desk's own thread, so that a slow one holds up no renewal, and a slow
/// renewal no deadline.
///
/// Threads: every call on any thread; none calls back by itself.
class WaitingDesk {
 public:
  using Answer = Result<CredentialSnapshot>;
  static constexpr std::size_t kWaitersMax = 65'536;

  explicit WaitingDesk(const Clock& clock);
  /// Answers whoever still waits with kInterrupted, then ends.
  ~WaitingDesk();

  /// Takes `done`; nothing, and `done` stays the caller's, when the desk is full.
  std::optional<Transfer> add(std::string rejected, Deadline deadline,
                              Callback<CredentialSnapshot>& done);

  /// Gives every waiter to `decide`, which answers it or leaves it waiting. Under the desk's lock.
  void settle(const std::function<std::optional<Answer>(const std::string& rejected)>& decide);

  /// What a deadline's message says about the reason.
  void set_reason(std::string reason);
  bool empty() const;
  /// A key that somebody waits for a successor of; empty when each takes any.
  std::string rejected() const;
  /// Looks at the deadlines again: for a clock that jumps.
  void poke();

 private:
  struct State;
  const std::shared_ptr<State> state_;  // transfers hold it too
  std::jthread thread_;
};

}  // namespace stsfs::credentials
