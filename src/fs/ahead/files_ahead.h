#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "reading/base_reader.h"
#include "stsfs/base/mutex.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// What was asked of small files before anybody opened them: their whole content with a GET, or
/// their attributes with a HEAD.
///
/// An answer is good for as long as any other that was remembered: from the moment in which it was
/// asked for, `fresh`. What nobody comes for is dropped then. Whoever changes an object says so
/// with `spoil`.
///
/// Threads:  every call at once on any thread; callbacks on the HTTP loop or at once.
/// Lifetime: `stop` before what ReadSurroundings names goes.
class FilesAhead {
 public:
  enum class Way { kHead, kGet };
  /// Ahead of a reader: only where a slot and room are free, and within bounds. Or for one who
  /// waits for it.
  enum class Purpose { kAhead, kDemand };

  FilesAhead(const ReadSurroundings& around, std::chrono::milliseconds fresh);

  /// One file that was asked for.
  class Question {
   public:
    const std::string key;
    const std::string etag;
    const std::uint64_t size_bytes;  ///< Of the content that is fetched.
    const SteadyTime asked;
    Question(std::string of_key, std::string of_etag, std::uint64_t size, SteadyTime now)
        : key(std::move(of_key)), etag(std::move(of_etag)), size_bytes(size), asked(now) {}

   private:
    friend class FilesAhead;
    // Guarded by the mutex of FilesAhead:
    std::shared_ptr<BaseReader> reader_;  // null: asked with HEAD
    Transfer head_;
    bool has_slot_ = false;
    std::optional<oss::ObjectMeta> answer_;
    std::vector<Callback<oss::ObjectMeta>> waiters_;
  };
  using QuestionPointer = std::shared_ptr<Question>;

  /// Asks, unless that version has been asked for a moment ago. False: there is no room.
  bool ask(const std::string& key, const std::string& etag, std::uint64_t size_bytes, Way way,
           Purpose purpose) STSFS_EXCLUDES(mutex_);
  /// That version's, if it was asked for and its answer is still good, or still to come.
  QuestionPointer find(const std::string& key, const std::string& etag) STSFS_EXCLUDES(mutex_);
  /// It was asked for, but so long ago that its answer is good no more. Forgets it.
  bool came_late(const std::string& key) STSFS_EXCLUDES(mutex_);
  bool is_answered(const QuestionPointer& question) const STSFS_EXCLUDES(mutex_);
  /// `done` with what its answer says of the object; at once when that is here. The bytes may still
  /// be coming. Without a server's time it comes from the local disk and shows nothing.
  void wait(const QuestionPointer& question, Callback<oss::ObjectMeta> done) STSFS_EXCLUDES(mutex_);
  /// Its reader, once; null when it has none.
  std::shared_ptr<BaseReader> take(const QuestionPointer& question) STSFS_EXCLUDES(mutex_);

  /// The object is another by now, or will be: what was asked before is not used any more. May be
  /// called with locks held: what has to go goes later.
  void spoil(const std::string& key) STSFS_EXCLUDES(mutex_);
  /// All whose keys begin with that.
  void spoil_below(const std::string& prefix) STSFS_EXCLUDES(mutex_);
  void forget_all() STSFS_EXCLUDES(mutex_);
  void stop() STSFS_EXCLUDES(mutex_);

 private:
  bool is_good(const Question& question) const;
  void answered(const QuestionPointer& question, Result<oss::ObjectMeta> meta)
      STSFS_EXCLUDES(mutex_);
  void let_go(const QuestionPointer& question) STSFS_EXCLUDES(mutex_);
  QuestionPointer remove(const std::string& key) STSFS_REQUIRES(mutex_);
  void sweep() STSFS_EXCLUDES(mutex_);
  void drop_old() STSFS_EXCLUDES(mutex_);
  void set_timer() STSFS_EXCLUDES(mutex_);

  const ReadSurroundings around_;
  const std::chrono::milliseconds fresh_;
  const std::uint64_t bytes_max_;

  mutable Mutex mutex_;  // a leaf; no transfer or reader starts or goes while it is held
  std::unordered_map<std::string, QuestionPointer> questions_ STSFS_GUARDED_BY(mutex_);  // by key
  std::vector<QuestionPointer> spoilt_ STSFS_GUARDED_BY(mutex_);  // to go when no lock is held
  std::uint64_t bytes_ STSFS_GUARDED_BY(mutex_) = 0;              // of their files
  Transfer timer_ STSFS_GUARDED_BY(mutex_);
  bool timer_set_ STSFS_GUARDED_BY(mutex_) = false;
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::fs
