#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stsfs/base/result.h"

namespace stsfs::fs {

/// The one place where a path below the mount becomes a key, and back. Nothing that it gives lies
/// outside the prefix.
///
/// A path is relative, of valid names joined by `/`; the root is "".
class KeySpace {
 public:
  static constexpr std::size_t kNameMax = 255;

  /// `prefix` is empty or ends in `/`.
  explicit KeySpace(std::string prefix) : prefix_(std::move(prefix)) {}

  /// kInvalid for "", ".", "..", the LinkArea's and what holds `/` or NUL; kNameTooLong over 255
  /// bytes.
  static Result<void> check_name(std::string_view name);

  /// kNameTooLong over 1,023 bytes.
  Result<std::string> file_key(std::string_view path) const;
  /// With the closing slash; the prefix itself for the root.
  Result<std::string> directory_key(std::string_view path) const;

  /// The path that a key is shown at, without a closing slash; nullopt when it is no valid path, or
  /// not below us.
  std::optional<std::string> path_of(std::string_view key) const;
  const std::string& prefix() const { return prefix_; }

 private:
  const std::string prefix_;
};

/// `a` + "/" + `b`, without the slash when `a` is the root.
std::string join_path(std::string_view a, std::string_view b);

}  // namespace stsfs::fs
