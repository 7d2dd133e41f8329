#include "stsfs/base/file_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

namespace stsfs {
namespace {

constexpr std::chrono::milliseconds kLookAtFile{2'000};
// After a sign of life: whoever writes a file in several steps is let finish.
constexpr std::chrono::milliseconds kSettleFile{20};

UniqueFd watch_directory_of(const std::string& path) {
  UniqueFd events(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  constexpr std::uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB;
  if (events && inotify_add_watch(events.get(), directory.c_str(), kMask) < 0) events.reset();
  return events;
}

}  // namespace

FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

FileWatch::FileWatch(std::string path, FileStamp known, std::function<void()> changed)
    : path_(std::move(path)),
      known_(known),
      changed_(std::move(changed)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(watch_directory_of(path_)),
      thread_([this] { run(); }) {}

FileWatch::~FileWatch() { eventfd_write(stop_.get(), 1); }  // then the thread is joined

bool FileWatch::wait() {
  std::array<pollfd, 2> fds{pollfd{stop_.get(), POLLIN, 0}, pollfd{events_.get(), POLLIN, 0}};
  (void)poll(fds.data(), fds.size(), static_cast<int>(kLookAtFile.count()));
  if (fds[0].revents == 0 && fds[1].revents != 0) {
    (void)poll(fds.data(), 1, static_cast<int>(kSettleFile.count()));
    std::array<char, 4096> told;  // only that there is something: the file itself is looked at
    while (read(events_.get(), told.data(), told.size()) > 0) {
    }
  }
  return fds[0].revents == 0;
}

void FileWatch::run() {
  do {
    const FileStamp now = stamp_of(path_);
    if (now == known_) continue;
    known_ = now;
    if (now != FileStamp{}) changed_();
  } while (wait());
}

}  // namespace stsfs
