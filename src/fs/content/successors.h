#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// One version of one object.
struct ObjectVersion {
  std::string key, etag;
  auto operator<=>(const ObjectVersion&) const = default;
};

/// What became of versions in whose place this mount itself has put others with the same bytes: a
/// copy to another key, or of an object onto itself, which may get an ETag of its own.
///
/// Who counts on such a version cannot always be told: an answer that tells of it may still be on
/// its way, or be one of a listing that is good for a while. So whoever finds a version gone asks
/// here before it takes that for another client's doing. Told is before the version goes. What it
/// says is no more than a hint where to look: the bytes are asked for by their ETag.
///
/// Threads: any; the mutex is a leaf.
class Successors {
 public:
  explicit Successors(const Clock& clock) : clock_(clock) {}

  /// `before` goes, and the same bytes are `after`, which is there. Without an ETag `before` is
  /// nothing. Remembered for some minutes, and a bounded number of them.
  void became(const ObjectVersion& before, const ObjectVersion& after) STSFS_EXCLUDES(mutex_);
  /// The same, while `before` is there still, and who asks may be told of it: until it is `left`.
  void becomes(const ObjectVersion& before, const ObjectVersion& after) STSFS_EXCLUDES(mutex_);
  void left(const ObjectVersion& before) STSFS_EXCLUDES(mutex_);
  /// What it is by now, all that it became included; nullopt when nothing is known to have become
  /// of it since `asked`: what says at a later moment that it is there knows better.
  std::optional<ObjectVersion> of(const ObjectVersion& version, SteadyTime asked = {}) const
      STSFS_EXCLUDES(mutex_);
  /// Whether it knows of any: nearly always not.
  bool any() const { return any_; }
  /// Whether versions of one object are known to have the same bytes.
  bool are_same(const std::string& key, const std::string& one, const std::string& other) const;

 private:
  struct Heir {
    ObjectVersion version;
    SteadyTime told, since;
  };
  void note(const ObjectVersion& before, const ObjectVersion& after, SteadyTime since)
      STSFS_EXCLUDES(mutex_);

  const Clock& clock_;
  std::atomic<bool> any_ = false;  // for most buckets never

  mutable Mutex mutex_;
  std::map<ObjectVersion, Heir> heirs_ STSFS_GUARDED_BY(mutex_);
  std::deque<std::pair<SteadyTime, ObjectVersion>> oldest_first_
      STSFS_GUARDED_BY(mutex_);  // some of them gone by now
};

}  // namespace stsfs::fs
