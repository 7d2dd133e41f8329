#include "file_watch.h"

#include <sys/stat.h>

#include <tuple>

#include "stsfs/base/mutex.h"

namespace stsfs::vend {
namespace {

using Mark = std::tuple<dev_t, ino_t, off_t, time_t, long>;

Mark mark_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

}  // namespace

FileWatch::FileWatch(std::string path, std::chrono::milliseconds every,
                     std::function<void()> changed) {
  const Mark first = mark_of(path);
  thread_ = std::jthread([path = std::move(path), every, changed = std::move(changed),
                          seen = first](const std::stop_token& stop) mutable {
    Mutex mutex;
    Condition wake;
    while (!stop.stop_requested()) {
      {
        MutexLock lock(mutex);
        wake.wait_for(mutex, stop, every, [] { return false; });
      }
      // A file that is gone is about to be replaced: there is nothing to read yet.
      const Mark now = mark_of(path);
      if (stop.stop_requested() || now == seen || now == Mark{}) continue;
      seen = now;
      changed();
    }
  });
}

}  // namespace stsfs::vend
