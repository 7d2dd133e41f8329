#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Renames that the server does itself, at one stroke: those of a bucket with a hierarchical
/// namespace, until the server says that it cannot.
///
/// Nothing under the old key and something under the new one is such a rename whose answer nobody
/// heard: the server's own replaces nothing, and whoever asks has looked before.
///
/// Threads:  every call on any thread that may wait.
/// Lifetime: store and clock outlive it.
class ServerRenames {
 public:
  ServerRenames(oss::ObjectStore& store, const Clock& clock, bool possible,
                std::chrono::milliseconds request_timeout)
      : store_(store), clock_(clock), request_timeout_(request_timeout), possible_(possible) {}

  bool possible() const { return possible_; }
  /// The server has said that it cannot.
  void give_up() { possible_ = false; }

  /// Asks for it; what was done already is done.
  Result<void> rename(const std::string& from, const std::string& to, Interrupt* interrupt,
                      Deadline until);
  /// Whether the server has done what an earlier request, or an earlier daemon, may have asked for.
  /// An empty directory that is replaced is removed. False: it is to be copied. An error: it is to
  /// be asked again.
  Result<bool> take_up(const std::string& from, const std::string& to, Interrupt* interrupt);
  /// For one that is replaced: the server refuses if it is not empty.
  Result<void> remove(const std::string& directory_key, Interrupt* interrupt, Deadline until);

  /// The server has decided, and asked again it would say the same.
  static bool is_refusal(Errc code);

 private:
  Result<bool> is_done(const std::string& from, const std::string& to, Interrupt* interrupt);
  Deadline deadline() const { return Deadline::in(clock_, request_timeout_); }

  oss::ObjectStore& store_;
  const Clock& clock_;
  const std::chrono::milliseconds request_timeout_;
  std::atomic<bool> possible_;
};

}  // namespace stsfs::fs
