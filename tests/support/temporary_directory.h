#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

namespace stsfs::testing {

/// A directory of the test's own, removed with everything in it.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(
      const std::filesystem::path& within = std::filesystem::temp_directory_path()) {
    std::string pattern = within / "stsfs-test-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) abort();
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  /// A place of which each fsync costs nothing, for who does not test what the disk does; where
  /// there is no room in memory the usual one.
  static std::filesystem::path in_memory() {
    constexpr std::uintmax_t kRoom = std::uintmax_t{1} << 30;
    const std::filesystem::path memory = "/dev/shm";
    std::error_code failed;
    const auto space = std::filesystem::space(memory, failed);
    if (failed || space.available < kRoom || access(memory.c_str(), W_OK) != 0)
      return std::filesystem::temp_directory_path();
    return memory;
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace stsfs::testing
