#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/fs/key_names.h"

namespace stsfs::daemon {

/// What `stsfs doctor` finds out about a folder from its keys, without a mount.
///
/// Give it every key in the order of the listing, then look.
class FolderReport {
 public:
  /// As many are kept to be shown.
  static constexpr std::size_t kShownMax = 20;

  /// `names_bytes_max`: what a mount has for names over 255 bytes.
  explicit FolderReport(std::string prefix, std::size_t names_bytes_max = fs::KeyNames::kBytesMax)
      : prefix_(std::move(prefix)), names_(names_bytes_max) {}

  void take(std::string_view key, std::uint64_t size_bytes = 0);

  std::uint64_t keys() const { return keys_; }
  /// Keys that are no valid path, and the path at which a mount shows each; "" when it cannot.
  const std::vector<std::pair<std::string, std::string>>& odd() const { return odd_; }
  std::uint64_t odd_count() const { return odd_count_; }
  /// Of those, keys that no mount shows.
  std::uint64_t not_shown() const { return not_shown_; }
  /// Keys of directories whose objects have bytes, which no mount shows.
  const std::vector<std::string>& with_bytes() const { return with_bytes_; }
  std::uint64_t with_bytes_count() const { return with_bytes_count_; }
  /// Both versions of what two clients wrote.
  std::uint64_t conflicts() const { return conflicts_; }
  /// What an exchange of two names left when it was killed.
  std::uint64_t exchanges() const { return exchanges_; }
  /// Contents of files with several names whose last name is gone, by a kill.
  std::vector<std::string> nameless() const;

 private:
  void take_link(std::string_view rest);
  void note_odd(std::string_view key, std::string path);

  const std::string prefix_;
  fs::KeyNames names_;
  std::uint64_t keys_ = 0, odd_count_ = 0, not_shown_ = 0, conflicts_ = 0, exchanges_ = 0;
  std::uint64_t with_bytes_count_ = 0;
  std::vector<std::pair<std::string, std::string>> odd_;
  std::vector<std::string> with_bytes_;
  std::vector<std::string> before_;  // keys that begin the next ones: perhaps beside a directory
  std::map<std::string, std::pair<bool, int>> contents_;  // with several names: there, and tokens
};

/// What it says of this machine's clock by that of OSS.
struct ClockReport {
  bool is_well = true;
  std::string text;
};
ClockReport report_on_clock(WallTime here, WallTime oss);

}  // namespace stsfs::daemon
