#pragma once

#include <optional>
#include <thread>

#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"

namespace stsfs::daemon {

/// Signals as something to wait for, together with other events. Blocks them for the whole process,
/// so it is made before the first thread.
class Signals {
 public:
  static Result<Signals> block();

  int fd() const { return fd_.get(); }
  /// The next one, or nothing.
  std::optional<int> take();

 private:
  explicit Signals(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// An event that any thread can set once.
class Event {
 public:
  static Result<Event> create();
  void set() const;
  int fd() const { return fd_.get(); }

 private:
  explicit Event(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// While the mount is not there yet, nobody handles signals: until it goes, TERM and INT end the
/// process at once, with mount(8)'s exit code for it.
class EndOnSignal {
 public:
  explicit EndOnSignal(Signals& signals, std::string mount_point);
  ~EndOnSignal();

 private:
  void watch();

  Signals& signals_;
  const std::string mount_point_;
  Result<Event> stop_;
  std::jthread thread_;
};

}  // namespace stsfs::daemon
