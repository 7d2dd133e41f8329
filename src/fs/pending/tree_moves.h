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
#include <utility>
#include <vector>

#include "behind_journal.h"
#include "moved_keys.h"
#include "removals.h"
#include "server_renames.h"
#include "stsfs/base/await.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/mounted_folder.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/name_journal.h"
#include "stsfs/staging/upload.h"

namespace stsfs::fs {

struct TreeMoveOptions {
  std::string prefix;  ///< Of the folder.
  /// The bucket has a hierarchical namespace: the server renames a directory at one stroke.
  bool at_one_stroke = false;
  /// For how long a rename waits for that; then it is acknowledged, and goes on behind the journal.
  std::chrono::milliseconds stroke_timeout{10'000};
  std::size_t copies_at_once = 64;
  /// What is remembered of the look before the rename: the rest is listed once more.
  std::size_t planned_max = 10'000;
  std::chrono::milliseconds retry_backoff{1'000};
  std::chrono::milliseconds retry_backoff_max{60'000};
  std::chrono::milliseconds request_timeout{30'000};
  staging::UploadOptions upload;
  /// Told, with no lock held, when whoever asks for an object of which TreeMoves::Moved was told is
  /// not told of the old one any more.
  std::function<void(const std::string& new_key, const std::string& old_etag)> left;
};

/// Directories that were renamed here, object by object on their way to their new keys.
///
/// A rename is acknowledged when the journal has it; from then on the tree is seen at its new place
/// (NamesOverlay). One thread rolls it forward: it copies a page of objects, many at once, lists
/// the page again and deletes those that are still what was copied; until nothing is left under the
/// old key, so that what another client puts there meanwhile moves, too. An object that is to be
/// written before its turn is brought over first, and its old one deleted, so that whatever is
/// found under an old key after a kill is still to be moved. All of that is done by the one thread,
/// between two rounds of copies, so that no two do the same.
///
/// Where the server can rename a directory itself it is asked to before the rename is acknowledged,
/// and whenever the move is taken up again: nothing under the old key and something under the new
/// one is such a rename whose answer nobody heard. What it does not do (another client has put
/// something under the new name; it cannot rename after all) is done object by object.
///
/// Threads:  every call on any thread; callbacks on the HTTP loop, the moving thread or at once.
/// Lifetime: store, scheduler, clock, journal and removals outlive it. `stop` before any of them
/// goes.
class TreeMoves : private BehindJournal {
 public:
  /// Told, with no lock held, of an object whose ETag is another at its new key, before the old one
  /// goes; which it does not after an error. It may be told again of the same.
  using Moved = std::function<Result<void>(const std::string& new_key, const std::string& old_etag,
                                           const std::string& new_etag)>;

  TreeMoves(oss::ObjectStore& store, Scheduler& scheduler, const Clock& clock,
            staging::NameJournal& journal, Removals& removals, TreeMoveOptions options,
            Moved moved);
  ~TreeMoves() override { stop(); }

  struct Plan {
    std::string from, to;                 ///< Keys of directories.
    std::vector<oss::ListEntry> objects;  ///< The first of them.
    std::uint64_t total = 0;
    bool parent_has_marker = false;
  };
  /// Looks at each object, whether the tree can be moved: a request for each thousand. Waits for
  /// moves that touch either key. Both for as long as they get on. What the server does itself
  /// needs no look.
  ///
  /// Errors: kNameTooLong, kArchived before anything is changed; kTimedOut.
  Result<Plan> prepare(const std::string& from, const std::string& to, Interrupt* interrupt);
  /// Whether a move that is not at its end yet touches either: one that came after `prepare`.
  bool touches(const std::string& from, const std::string& to) const STSFS_EXCLUDES(mutex_);
  /// From its return the tree is seen at its new place. Starts no request; may be called under the
  /// tree's mutex. `confirm` or `take_back` follows.
  std::uint64_t switch_over(Plan plan) STSFS_EXCLUDES(mutex_);
  /// Returns when the journal has it, and the server has done it if it can and answers in time. On
  /// an error nothing was moved, and it is taken back. `replaces`: an empty directory is there.
  /// `noted` is called when the journal has it and before anything moves.
  ///
  /// Errors: kNotFound, kExists, kNotEmpty, kDenied and such from the server itself.
  Result<void> confirm(std::uint64_t move, const std::string& old_path, const std::string& new_path,
                       bool replaces, const std::function<void()>& noted, Interrupt* interrupt)
      STSFS_EXCLUDES(mutex_);
  /// Whether the server is asked to rename; until it says that it cannot.
  bool at_one_stroke() const { return by_server_.possible(); }
  /// It says so.
  void only_copies() { by_server_.give_up(); }

  // --- what the overlay asks ---

  enum class Where { kElsewhere, kOld, kNew };
  struct Place {
    Where where = Where::kElsewhere;
    std::uint64_t move = 0;
    std::string old_key;    ///< For kNew: where it comes from.
    std::string from, to;   ///< For kNew: of the directory.
    bool is_moved = false;  ///< For kNew: the old key need not be asked.
  };
  Place place_of(std::string_view key) const STSFS_EXCLUDES(mutex_);
  bool any() const STSFS_EXCLUDES(mutex_);
  struct UnderWay {
    std::string from, to;
    bool is_removed = false;  ///< What was moved was removed at its new place.
    /// Whether an old key need not be asked: also when the move has ended meanwhile.
    std::function<bool(std::string_view old_key)> is_moved;
  };
  std::vector<UnderWay> under_way() const STSFS_EXCLUDES(mutex_);

  /// What becomes of the object at the old key.
  enum class Bring {
    kReplaced,   ///< It is copied, then deleted: the new key is about to be written.
    kDiscarded,  ///< It is deleted, and so is what is at the new key.
  };
  /// `done` when the object belongs to its new key only.
  void bring(const std::string& new_key, Bring how, Callback<void> done) STSFS_EXCLUDES(mutex_);
  /// `done` when the move has ended; kInterrupted when we end first.
  void when_ended(std::uint64_t move, Callback<void> done) STSFS_EXCLUDES(mutex_);

  /// `done` when everything has been tried.
  void settle(Callback<void> done) STSFS_EXCLUDES(mutex_);
  std::vector<PendingFile> pending() const STSFS_EXCLUDES(mutex_);
  void resume() STSFS_EXCLUDES(mutex_);
  void stop() STSFS_EXCLUDES(mutex_);

 private:
  struct Move {
    staging::MoveEntry entry;
    bool confirmed = false;
    bool removed = false;      // at its new place, by an rmdir
    bool keeps_parent = true;  // the old parent may have no object of its own
    std::vector<oss::ListEntry> planned;
    bool planned_all = false;
    MovedKeys moved;  // old keys
    std::uint64_t total = 0, done = 0;
    std::string last_error;
    std::vector<Callback<void>> waiters;
  };
  using MovePointer = std::shared_ptr<Move>;
  struct Urgent {
    std::string new_key;
    Bring how;
    Callback<void> done;
  };
  using Page = std::vector<oss::ListEntry>;

  static Result<void> check_move(const oss::ListEntry& object, const std::string& from,
                                 const std::string& to);
  Result<void> await_end(const staging::MoveEntry& move, Interrupt* interrupt)
      STSFS_EXCLUDES(mutex_);
  std::uint64_t moved_of(std::uint64_t id) const STSFS_EXCLUDES(mutex_);
  Result<void> refused(const MovePointer& move, Error error, const std::string& old_path,
                       const std::string& new_path);
  Result<void> finish(const MovePointer& move);
  void go_on_behind(const MovePointer& move) STSFS_EXCLUDES(mutex_);
  Pause work(bool is_over) override;
  bool roll();
  Result<void> roll_forward(const MovePointer& move);
  struct Listed {
    Page objects;
    bool is_last = false;
  };
  Result<Listed> list(const std::string& prefix, const std::string& after);
  Result<void> move_page(const MovePointer& move, const Page& page, const std::string& after);
  Result<void> copy_some(const MovePointer& move, const Page& objects);
  Result<void> delete_copied(const MovePointer& move, const Page& page, const std::string& after);
  Result<oss::CopyOptions> copy_of(const oss::ListEntry& object);
  Transfer start_copy(const MovePointer& move, const oss::ListEntry& object,
                      Callback<oss::Written> done);
  Result<void> copied(const MovePointer& move, const oss::ListEntry& object,
                      Result<oss::Written> written);
  Result<std::string> found_at_new_key(const MovePointer& move, const oss::ListEntry& object,
                                       const std::string& new_key);
  Result<std::optional<std::string>> moved_file(const oss::ListEntry& object,
                                                const std::string& new_key);
  Result<void> keep_beside(const oss::ListEntry& object, const std::string& new_key);
  void serve_urgent();
  Result<void> bring_tree(const std::string& new_key);
  MovePointer confirmed_move(const std::string& new_key) STSFS_EXCLUDES(mutex_);
  Result<void> bring_now(const std::string& new_key, Bring how);
  Result<void> replace_now(const MovePointer& move, const Place& place, const std::string& new_key);
  Result<void> discard_now(const MovePointer& move, const Place& place, const std::string& new_key);
  Result<void> remove(const std::string& key, const std::string& etag);
  std::optional<std::string> etag_copied(const MovePointer& move, const std::string& old_key) const
      STSFS_EXCLUDES(mutex_);
  bool is_copied(const MovePointer& move, const oss::ListEntry& object) const
      STSFS_EXCLUDES(mutex_);
  void ended(const MovePointer& move) STSFS_EXCLUDES(mutex_);
  MovePointer find(std::uint64_t id) const STSFS_REQUIRES(mutex_);
  MovePointer in_the_way(const std::string& from, const std::string& to) const
      STSFS_REQUIRES(mutex_);
  Deadline deadline() const { return Deadline::in(clock_, options_.request_timeout); }

  oss::ObjectStore& store_;
  const Clock& clock_;
  staging::NameJournal& journal_;
  Removals& removals_;
  const TreeMoveOptions options_;
  const Moved moved_;
  ServerRenames by_server_;

  std::vector<MovePointer> moves_ STSFS_GUARDED_BY(mutex_);
  std::vector<Urgent> urgent_ STSFS_GUARDED_BY(mutex_);
  bool due_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::fs
