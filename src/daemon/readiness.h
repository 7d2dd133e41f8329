#pragma once

#include <optional>
#include <string>

#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"

namespace stsfs::daemon {

/// How a daemon tells whoever started it that the mount can be used, or why not.
class Readiness {
 public:
  /// Nobody waits: in the foreground the reason goes to stderr by itself.
  Readiness() = default;
  explicit Readiness(UniqueFd to_parent) : to_parent_(std::move(to_parent)) {}

  /// From now on on its own: the terminal is let go. Fails when the one who waited has gone
  /// meanwhile (Ctrl-C while mounting); then the mount is not wanted.
  Result<void> ready();
  void failed(const Error& error);

 private:
  UniqueFd to_parent_;
};

/// Forks. In the child: nullopt and `readiness` connected to the parent; the child is in a session
/// of its own, in `/`. In the parent: the exit code, once the child is ready or has failed; the
/// reason is on stderr.
///
/// Before the first thread starts.
Result<std::optional<int>> go_into_background(Readiness& readiness);

}  // namespace stsfs::daemon
