#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "stsfs/base/result.h"
#include "stsfs/fs/key_names.h"

namespace stsfs::fs {

/// The one place where a path below the mount becomes a key, and back. Nothing that it gives lies
/// outside the prefix.
///
/// A path is relative, of valid names joined by `/`; the root is "". KeyNames says which names are
/// not in the key as they are.
class KeySpace {
 public:
  /// The directory, in any folder, that files with several names lie in (LinkArea). It is not
  /// shown.
  static constexpr std::string_view kLinkAreaName = ".stsfs-links";

  /// `prefix` is empty or ends in `/`.
  explicit KeySpace(std::string prefix) : prefix_(std::move(prefix)) {}

  /// kInvalid for "", ".", "..", kLinkAreaName and what holds `/` or NUL; kNameTooLong over 255
  /// bytes.
  static Result<void> check_name(std::string_view name);
  /// The same for a name that is to be made: kInvalid also for one that stands for another key.
  static Result<void> check_new_name(std::string_view name);

  /// kNameTooLong over 1,023 bytes; kInvalid for what stands for no key that is known.
  Result<std::string> file_key(std::string_view path) const;
  /// With the closing slash; the prefix itself for the root.
  Result<std::string> directory_key(std::string_view path) const;

  /// The path that a key is shown at, without a closing slash; nullopt when it is not shown, or not
  /// below us.
  std::optional<std::string> path_of(std::string_view key) const;
  /// How a component of a key is shown in its directory; nullopt when it is not.
  std::optional<std::string> name_of(std::string_view component, bool is_directory) const;
  /// The same for a file that a directory of its name hides.
  std::optional<std::string> name_beside(std::string_view name) const;
  /// Of those that `name_of` and `name_beside` were asked for, how many are not shown since there
  /// is no name for them (KeyNames). The first of them is in the log.
  std::size_t names_left_out() const { return names_.left_out(); }
  const std::string& prefix() const { return prefix_; }

 private:
  Result<std::string> key_of(std::string_view path, std::string_view end) const;
  void warn_of(std::string_view component) const;

  const std::string prefix_;
  mutable KeyNames names_;
  mutable std::atomic<bool> has_warned_ = false;
};

/// `a` + "/" + `b`, without the slash when `a` is the root.
std::string join_path(std::string_view a, std::string_view b);

}  // namespace stsfs::fs
