#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/byte_range.h"

namespace stsfs::staging {

/// Where the bytes of a run come from.
enum class Origin {
  kBase,    ///< The version in OSS that the file was opened on, at the same offset.
  kStaged,  ///< The local staged file, at the same offset.
  kZero,    ///< A hole.
  kCopied,  ///< One version of another object, at an offset of its own.
};

/// One version of an object that ranges are copied from on the server.
struct CopySource {
  std::string key, etag;
  std::uint64_t size = 0;  ///< In bytes, of the whole object.
  bool operator==(const CopySource&) const = default;
};
using CopySourcePointer = std::shared_ptr<const CopySource>;

struct Extent {
  ByteRange range;
  Origin origin = Origin::kZero;
  CopySourcePointer source = nullptr;  ///< Of kCopied, else null.
  std::uint64_t source_offset = 0;     ///< Where in it the range begins.
  /// Of kStaged and kZero: a commit has made the same bytes part of the base.
  bool in_base = false;

  ByteRange source_range() const { return {source_offset, range.length}; }
  /// Its bytes are in OSS only.
  bool is_remote() const { return origin == Origin::kBase || origin == Origin::kCopied; }
  /// OSS has them, so that they need not be sent.
  bool is_in_store() const { return is_remote() || in_base; }
  bool operator==(const Extent& other) const;
};

/// Which byte of a changed file comes from where. Covers `[0, size)` without gaps; neighbours
/// differ in origin or in being in the base, or are copied from places that do not adjoin.
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
  /// They are zero now; the same.
  void zero(ByteRange range);
  /// They come from `source` now, from `source_offset` on; the same.
  void copy(ByteRange range, CopySourcePointer source, std::uint64_t source_offset);
  /// Cuts, or extends with zeros.
  void truncate(std::uint64_t size);
  /// Of `range`, what is still in OSS only is staged now: it was fetched.
  void fetched(ByteRange range);
  /// `all`, for a commit that begins: what is written from here on is not part of it.
  std::vector<Extent> freeze();
  /// What was made of what the last `freeze` gave is the base now: what has not been changed since
  /// lies in it.
  void committed();
  /// What is copied from `from` has the same bytes in `to`, at the same offsets. False: nothing is.
  bool move_source(const CopySource& from, const CopySourcePointer& to);
  /// There is no base any more that would have what is staged.
  void base_gone();

  /// The extents that cover `range`, cut to it and to the size, in order.
  std::vector<Extent> within(ByteRange range) const;
  std::vector<Extent> all() const { return within({0, size_}); }
  /// Where the next data, or the next hole, begins at or behind `offset`; the size when there is
  /// none.
  std::uint64_t next_data(std::uint64_t offset) const { return next(offset, false); }
  std::uint64_t next_hole(std::uint64_t offset) const { return next(offset, true); }
  /// Of those that are staged, the ones that are not in the base as well.
  std::uint64_t staged_bytes() const;
  /// Those, and holes: OSS knows none, so that their zeros are sent.
  std::uint64_t unsent_bytes() const;
  bool needs_base() const { return has(Origin::kBase); }
  bool has_copies() const { return has(Origin::kCopied); }

 private:
  struct Run {
    Origin origin = Origin::kZero;
    CopySourcePointer source = nullptr;
    std::uint64_t source_offset = 0;  // at its start
    bool in_base = false;
    std::uint32_t round = 0;  // how many commits had begun when it was written; not of kBase
  };
  static Extent extent_of(const Run& run, ByteRange range);
  static bool continues(const Extent& extent, const Extent& next);
  /// `run` as it is `by` bytes behind its start.
  static Run advanced(const Run& run, std::uint64_t by);
  static bool continues(const Run& run, std::uint64_t length, const Run& next);

  void set(ByteRange range, const Run& run);
  void extend_to(std::uint64_t offset);
  void split_at(std::uint64_t offset);
  void merge_around(std::uint64_t from, std::uint64_t to);
  void merge_all() { merge_around(0, size_); }
  std::uint64_t next(std::uint64_t offset, bool hole) const;
  bool has(Origin origin) const;

  std::map<std::uint64_t, Run>
      starts_;  // offset at which a run begins; it reaches to the next one, or the size
  std::uint64_t size_ = 0;
  std::uint32_t round_ = 0;
};

}  // namespace stsfs::staging
