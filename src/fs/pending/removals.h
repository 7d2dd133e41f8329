#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "behind_journal.h"
#include "ended_removals.h"
#include "objects_now.h"
#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/mounted_folder.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/name_journal.h"
#include "stsfs/staging/upload.h"

namespace stsfs::fs {

struct RemovalOptions {
  std::string prefix;  ///< Of the folder: directories above it are nobody's to keep.
  /// How long a removal waits for another one to go along, and how long while they keep coming.
  std::chrono::milliseconds linger{100};
  std::chrono::milliseconds linger_max{1'000};
  /// So long nobody is asked whether a name that was removed is there: no longer than an unlink
  /// itself may take.
  std::chrono::seconds hidden_for{5};
  std::chrono::milliseconds retry_backoff{1'000};
  std::chrono::milliseconds retry_backoff_max{60'000};
  std::chrono::milliseconds request_timeout{30'000};
  /// Asks, just before an object is deleted, for one that is to go along with it; "" when none is.
  std::function<Transfer(const std::string& key, Deadline, Callback<std::string>)> goes_along;
  /// Whether we ourselves have put one of these versions in the place of the other.
  std::function<bool(const std::string& key, const std::string& etag, const std::string& other)>
      are_same;
  /// Another client's version stays there: the name shows again.
  std::function<void(const std::string& key)> stays;
  /// The server deletes no directory that is not empty: nothing can be lost there.
  bool hierarchical = false;
  /// Where an object is to be kept that somebody reads (`hold`) and whose key is about to be
  /// written; "" when nobody reads it.
  std::function<std::string(const std::string& key)> place_aside;
  /// That version lies at `aside` now: who reads it goes on there, and releases that key. False:
  /// nobody reads it any more.
  std::function<bool(const std::string& key, const std::string& etag, const std::string& aside,
                     const std::string& aside_etag)>
      is_aside;
  staging::UploadOptions upload;  ///< How large objects are copied.
};

/// An object that is to be deleted.
struct Removal {
  std::string key;
  std::string etag;                  ///< May be empty: whatever version is there.
  bool directory_has_marker = true;  ///< Else the directory may vanish with its last object.
  /// The name is what was removed: with it goes what was surely there by then, though another
  /// client had written it and nobody here knew of it yet.
  bool by_name = false;
};

/// Objects whose names are gone here and which are still to be deleted. A removal is acknowledged
/// when the journal has it; the deletes follow behind, up to 1,000 in one request.
///
/// What is deleted is the version that was removed: each is looked at just before, and one that
/// came later stays. OSS has no If-Match on deletes: what is left is the time between the two
/// requests. A delete that OSS refuses for good is given up: the name shows again, and from then on
/// who removes waits for OSS.
///
/// A directory without an object of its own gets one before the last object below it goes.
///
/// Threads:  every call on any thread; `done` callbacks on the thread that deletes or at once.
/// Lifetime: store, scheduler, clock and journal outlive it. `stop` before any of them goes.
class Removals : private BehindJournal {
 public:
  Removals(oss::ObjectStore& store, Scheduler& scheduler, const Clock& clock,
           staging::NameJournal& journal, RemovalOptions options);
  ~Removals() override { stop(); }

  /// Returns when the name is gone for good, whatever happens to this machine's daemon. `etag` may
  /// be empty. Errors: of the journal; kDenied when OSS lets nobody delete here.
  Result<void> add(std::string key, std::string etag, bool directory_has_marker) {
    return add({Removal{std::move(key), std::move(etag), directory_has_marker}});
  }
  /// Of several: the journal has all of them or none.
  Result<void> add(const std::vector<Removal>& removals) STSFS_EXCLUDES(mutex_);

  /// While held nothing is deleted under this key: somebody reads the object still. Counted.
  void hold(const std::string& key) STSFS_EXCLUDES(mutex_);
  void release(const std::string& key) STSFS_EXCLUDES(mutex_);

  /// Whether this version of the key was removed here and is to be seen no more.
  bool hides(std::string_view key, std::string_view etag) const STSFS_EXCLUDES(mutex_);
  /// The same for an answer that is on its way: it may tell of an object whose delete ended before
  /// it came. Made before the request starts; only `hides` needs the removals.
  class View;
  std::shared_ptr<const View> view();
  /// Something is about to be written there: no view hides the key any more.
  void written(std::string_view key);
  /// The same with nobody asked: it was removed only a moment ago.
  bool hides_surely(std::string_view key) const STSFS_EXCLUDES(mutex_);
  bool any() const STSFS_EXCLUDES(mutex_);
  bool any_below(std::string_view prefix) const STSFS_EXCLUDES(mutex_);

  /// `done` once nothing is pending for the key: before something else is written there. At once
  /// when nothing is. What is pending goes first; held, it is copied aside before that.
  void before_write(const std::string& key, Callback<void> done) STSFS_EXCLUDES(mutex_);
  /// What lies there is about to be replaced, though nothing is pending for the key. Held, it is
  /// copied aside before.
  void set_aside(const std::string& key) STSFS_EXCLUDES(mutex_);
  /// `done` when everything that is pending below the prefix now has been tried. What is held is
  /// copied aside before, but with an empty prefix: then nothing is to be left.
  void settle(std::string prefix, Callback<void> done) STSFS_EXCLUDES(mutex_);

  /// Makes the directory's object if the directory would vanish without what is pending, and
  /// without what lies below `leaving` (empty: nothing).
  Result<void> keep_directory(const std::string& directory_key, const std::string& leaving,
                              Interrupt* interrupt);

  std::vector<PendingFile> pending() const STSFS_EXCLUDES(mutex_);
  /// Begins with what an earlier daemon left.
  void resume() STSFS_EXCLUDES(mutex_);
  using BehindJournal::stop;

 private:
  struct Pending {
    staging::RemovalEntry entry;
    SteadyTime since{};
    bool by_name = false;    // as in Removal
    bool is_new = false;     // from this daemon, and not tried yet
    bool makes_way = false;  // something is to be written there
    std::string last_error;
  };
  using Batch = std::vector<Pending>;
  Pause work(bool is_over) override;
  std::unordered_set<std::uint64_t> hurried() const STSFS_REQUIRES(mutex_);
  Batch take_batch() STSFS_EXCLUDES(mutex_);
  std::vector<Result<std::string>> going_along(const Batch& batch);
  void send(Batch batch);
  Result<std::pair<std::string, std::string>> copy_aside(const std::string& key,
                                                         const std::string& aside);
  void keep_directories(const Batch& batch);
  std::vector<std::optional<Error>> look(const Batch& batch);
  bool is_another(const Pending& one, const ObjectNow& now) const;
  std::vector<std::optional<Error>> remove(const Batch& batch);
  void ended(const Batch& batch, const std::vector<std::optional<Error>>& errors)
      STSFS_EXCLUDES(mutex_);
  bool are_still_coming() const STSFS_REQUIRES(mutex_);
  bool may_go(const std::string& key, std::string_view left) const STSFS_REQUIRES(mutex_);
  bool any_may_go() const STSFS_REQUIRES(mutex_);
  bool is_full() const STSFS_REQUIRES(mutex_);

  oss::ObjectStore& store_;
  const Clock& clock_;
  staging::NameJournal& journal_;
  const RemovalOptions options_;
  const std::shared_ptr<EndedRemovals> ended_ = std::make_shared<EndedRemovals>();

  std::map<std::string, Pending, std::less<>> pending_ STSFS_GUARDED_BY(mutex_);
  std::map<std::string, int> held_ STSFS_GUARDED_BY(mutex_);
  SteadyTime last_added_ STSFS_GUARDED_BY(mutex_){};
  bool due_ STSFS_GUARDED_BY(mutex_) = false;
  bool armed_ STSFS_GUARDED_BY(mutex_) = false;
  bool denied_ STSFS_GUARDED_BY(mutex_) = false;
};

class Removals::View {
 public:
  explicit View(const Removals& removals) : removals_(removals), seen_(removals.ended_) {}
  bool hides(std::string_view key, std::string_view etag) const {
    return removals_.hides(key, etag) || seen_.has(key, etag);
  }

 private:
  const Removals& removals_;
  const EndedRemovals::Watch seen_;
};

inline std::shared_ptr<const Removals::View> Removals::view() {
  return std::make_shared<const View>(*this);
}

}  // namespace stsfs::fs
