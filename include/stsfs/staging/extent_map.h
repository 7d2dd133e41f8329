#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "stsfs/base/byte_range.h"

namespace stsfs::staging {

/// Where the bytes of a run come from.
enum class Origin {
  kBase,    ///< The version in OSS that the file was opened on, at the same offset.
  kStaged,  ///< The local staged file, at the same offset.
  kZero,    ///< A hole.
};

struct Extent {
  ByteRange range;
  Origin origin = Origin::kZero;
  bool operator==(const Extent&) const = default;
};

/// Which byte of a changed file comes from where. Covers `[0, size)` without gaps; neighbours
/// differ in origin.
class ExtentMap {
 public:
  ExtentMap() = default;
  /// All of `base_size` bytes from the base.
  explicit ExtentMap(std::uint64_t base_size);
  /// As `all` gave it.
  explicit ExtentMap(const std::vector<Extent>& extents);

  std::uint64_t size() const { return size_; }

  /// These bytes are staged now; what lies between the old end and their start is zero.
  void write(ByteRange range);
  /// Cuts, or extends with zeros.
  void truncate(std::uint64_t size);
  /// Of `range`, what still comes from the base, is staged now: it was fetched.
  void fetched(ByteRange range);

  /// The extents that cover `range`, cut to it and to the size, in order.
  std::vector<Extent> within(ByteRange range) const;
  std::vector<Extent> all() const { return within({0, size_}); }
  std::uint64_t staged_bytes() const;
  bool needs_base() const;

 private:
  void set(ByteRange range, Origin origin);
  void split_at(std::uint64_t offset);
  void merge_around(std::uint64_t from, std::uint64_t to);

  std::map<std::uint64_t, Origin>
      starts_;  // offset at which a run begins; it reaches to the next one, or the size
  std::uint64_t size_ = 0;
};

}  // namespace stsfs::staging
