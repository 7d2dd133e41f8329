#pragma once

#include <functional>
#include <memory>
#include <string>

#include "mount_options.h"
#include "mount_source.h"
#include "paths.h"
#include "stsfs/control/server.h"
#include "stsfs/credentials/credential.h"

namespace stsfs::daemon {

/// What was asked for on the command line, checked.
struct MountRequest {
  std::string source_text;  ///< As it was given.
  MountSource source;
  MountOptions options;
  Settings settings;        ///< What `options` came from, less the configuration files.
  std::string mount_point;  ///< Absolute, resolved.
  Paths paths;
  bool foreground = false;
  bool debug = false;
};

/// Every layer of one mount, put together in the one place that sees them all:
///
///     Engine ─ Renewer ─ OssStore ← CountingStore ← RetryingStore ← MountedFolder ← Session
///
/// with a DiskCache before the MountedFolder where one is wanted.
///
/// Threads: every call on any thread.
class Wiring {
 public:
  /// Locks the folder's state, obtains the first credential, asks the folder for one name (so that
  /// what is wrong shows now), and mounts. `ended` is called once the mount is gone; it must not
  /// block.
  ///
  /// Errors: whatever failed, with what to do about it.
  static Result<std::unique_ptr<Wiring>> build(const MountRequest& request, const Clock& clock,
                                               std::function<void()> ended);
  /// Takes the mount down; what is pending then is lost to this process.
  virtual ~Wiring() = default;

  virtual control::Service& service() = 0;
  /// In the tree no longer; at once and whatever is open on it when `lazy`.
  virtual Result<void> unmount(bool lazy) = 0;
  /// Whether the mount is gone by `deadline`.
  virtual bool wait_ended(Deadline deadline) = 0;
  /// Ends every wait of an operation under way.
  virtual void interrupt_operations() = 0;
  /// Asks for a new credential, without waiting for it.
  virtual void renew_now() = 0;
  virtual const std::string& state_directory() const = 0;
};

/// Where staged data, journal and lock of one folder lie.
std::string state_directory_of(const MountRequest& request, const credentials::Folder& place);

}  // namespace stsfs::daemon
