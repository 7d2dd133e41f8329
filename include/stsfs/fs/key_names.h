#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::fs {

/// Names of files and the components of keys, where the two cannot be the same.
///
/// A component that is no valid name, or would be taken for an escape, is shown under one, which
/// says whether it is a directory or a file, since there may be one of each:
///
///     stsfs%dir:             the empty component, as in `a//b`
///     stsfs%dir:%2E%2E       `..`, as in `a/../b`
///     stsfs%file:%2E         an object `.`
///     stsfs%file:NAME        the object `NAME` beside a directory `NAME/`
///     stsfs%file#HASH:START  one of more than 255 bytes; also stsfs%dir#. The hash is its CRC-64
///
/// with `%` and what no name has percent-encoded. They stand for keys that are there: nobody makes
/// one. The other way round a name that is no UTF-8, which no key may have, lies in the component
/// `stsfs%bytes:…`, percent-encoded, and is shown as it is. Each name stands for one component, and
/// each component has one name; what is shortened is known again once a listing has shown it, and
/// from then on as long as we live. For what there is no room, and for the second of two that have
/// one hash and one start, there is no name: that is counted.
///
/// Threads: every call on any thread.
class KeyNames {
 public:
  static constexpr std::size_t kNameMax = 255;
  /// For the components of shortened names, with what keeps them: of 160,000 to 60,000 of them.
  static constexpr std::size_t kBytesMax = std::size_t{64} << 20;
  /// As many that have no name are told apart.
  static constexpr std::size_t kLeftOutMax = 10'000;

  explicit KeyNames(std::size_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

  /// kInvalid for "", ".", ".." and what holds `/` or NUL; kNameTooLong over 255 bytes.
  static Result<void> check(std::string_view name);

  /// How a component of a key is shown; nothing when it has no name, as above.
  std::optional<std::string> name_of(std::string_view component, bool is_directory)
      STSFS_EXCLUDES(mutex_);
  /// How a file is shown that a directory of the same name hides.
  std::optional<std::string> name_beside(std::string_view component) STSFS_EXCLUDES(mutex_);
  /// The component that a valid name stands for; kInvalid for one that was shortened and is not
  /// known, and one that nothing is shown under.
  Result<std::string> component_of(std::string_view name) const STSFS_EXCLUDES(mutex_);
  /// Whether all names of a path are in the key as they are.
  static bool are_components(std::string_view path);
  /// Whether a name is one of those escapes: what is there of them a listing of their directory
  /// tells.
  static bool is_escape(std::string_view name);
  /// Components that were asked for and have no name; up to kLeftOutMax.
  std::size_t left_out() const STSFS_EXCLUDES(mutex_);

 private:
  std::optional<std::string> shortened(std::string_view kind, std::string_view component)
      STSFS_EXCLUDES(mutex_);
  std::optional<std::string> escaped(std::string_view kind, std::string_view component)
      STSFS_EXCLUDES(mutex_);

  std::optional<std::string> leave_out(std::string_view component) STSFS_REQUIRES(mutex_);
  const std::string* find(std::string_view kind, std::uint64_t hash, std::string_view name) const
      STSFS_REQUIRES(mutex_);

  const std::size_t bytes_max_;
  mutable Mutex mutex_;  // a leaf
  /// By their hashes.
  std::multimap<std::uint64_t, std::string> components_ STSFS_GUARDED_BY(mutex_);
  std::size_t bytes_ STSFS_GUARDED_BY(mutex_) = 0;
  std::set<std::uint64_t> left_out_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
