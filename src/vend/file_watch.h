#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace stsfs::vend {

/// Calls `changed`, on a thread of its own, when the file at `path` is another one or has another
/// content than a moment ago: looks once in `every`, by name, so that replacing it, also through a
/// symbolic link, is seen.
class FileWatch {
 public:
  FileWatch(std::string path, std::chrono::milliseconds every, std::function<void()> changed);

 private:
  std::jthread thread_;
};

}  // namespace stsfs::vend
