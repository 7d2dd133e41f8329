#pragma once

#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"

/// Unix stream sockets with bounded lines.
namespace stsfs::control {

/// Listens at `path` (0600), in a directory of this user's that is made 0700. Paths may be longer
/// than sun_path: the directory is named through /proc/self/fd.
Result<UniqueFd> listen_at(const std::string& path);
/// kNotFound when nobody listens there.
Result<UniqueFd> connect_to(const std::string& path);

/// Whether this user or root is at the other end.
bool peer_may_ask(int socket);

/// Lines of one connection, each ended by a line break.
class LineChannel {
 public:
  /// `stop` (may be -1) becomes readable when waiting is to end.
  LineChannel(UniqueFd socket, std::size_t line_max, int stop, const Clock& clock)
      : socket_(std::move(socket)), line_max_(line_max), stop_(stop), clock_(clock) {}

  /// Without the line break. kTooLarge past the bound; kTimedOut; kUnavailable when the peer has
  /// gone; kInterrupted when stopped.
  Result<std::string> receive(Deadline deadline);
  Result<void> send(std::string line, Deadline deadline);
  /// The peer has hung up. Returns at `deadline` at the latest, or when stopped (true).
  bool peer_gone_by(Deadline deadline);

 private:
  Result<void> wait(short events, Deadline deadline);

  UniqueFd socket_;
  const std::size_t line_max_;
  const int stop_;
  const Clock& clock_;
  std::string received_;
};

}  // namespace stsfs::control
