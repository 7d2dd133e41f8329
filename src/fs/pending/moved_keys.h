#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace stsfs::fs {

/// What of a tree on its way has left its old keys, or is about to. One by one it is kept only
/// while its old object may be there; what a pass through the keys leaves behind is a range.
///
/// Threads: one at a time.
class MovedKeys {
 public:
  /// This version lies at its new key.
  void copied(std::string_view key, std::string_view etag);
  /// What was there belongs to its new key only, or was removed.
  void gone(std::string_view key);
  /// A pass: what was copied of all behind `after`, up to `last`, has been deleted. `is_all`:
  /// nothing else is left there.
  void passed(const std::string& after, const std::string& last, bool is_all);

  /// Nobody need look under the old key; another client may have put something there since.
  bool has(std::string_view key) const;
  /// Null when it is not known whether its old object is there.
  const std::string* etag_of(std::string_view key) const;
  /// What may be under its old key still.
  bool may_be_at(std::string_view key) const { return !is_passed(key) || etag_of(key) != nullptr; }

  /// How many there have been: grows while the tree gets on.
  std::uint64_t count() const { return count_; }
  /// What is kept.
  std::size_t size() const { return known_.size() + ranges_.size(); }

 private:
  bool is_passed(std::string_view key) const;

  std::map<std::string, std::string, std::less<>> known_;   // the ETag of what was copied
  std::map<std::string, std::string, std::less<>> ranges_;  // behind the first, up to the second
  std::uint64_t count_ = 0;
};

}  // namespace stsfs::fs
