#pragma once

#include <sys/types.h>

#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <tuple>

#include "stsfs/base/fd.h"

namespace stsfs {

/// What tells one state of the file under a name from another; zeros when there is none.
using FileStamp = std::tuple<dev_t, ino_t, off_t, time_t, long>;
FileStamp stamp_of(const std::string& path);

/// Says when the file under a name has become another, or other contents: written, replaced by a
/// rename, or reached through a symbolic link that now leads elsewhere (as Kubernetes does it).
///
/// The directory is watched (inotify); where the kernel cannot see changes, on network file
/// systems, a look every 2 s finds them.
class FileWatch {
 public:
  /// `known` was taken before the file was read, so that no change in between is missed. `changed`
  /// is called on the watch's own thread.
  FileWatch(std::string path, FileStamp known, std::function<void()> changed);
  /// Waits for a call under way.
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  void run();
  /// False: the watch ends.
  bool wait();

  const std::string path_;
  FileStamp known_;  // the thread's, once it runs
  const std::function<void()> changed_;
  const UniqueFd stop_;    // an eventfd
  const UniqueFd events_;  // an inotify; without a descriptor we only look
  std::jthread thread_;    // last: it uses all of the above
};

}  // namespace stsfs
