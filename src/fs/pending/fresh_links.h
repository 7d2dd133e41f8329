#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "behind_journal.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/mounted_folder.h"
#include "stsfs/staging/name_journal.h"

namespace stsfs::fs {

struct FreshLinkOptions {
  std::string prefix;  ///< Of the folder.
  /// How long a name waits for one of the two to go again. Who creates by link and unlink takes far
  /// less; who wants both waits this much longer for other clients to see them.
  std::chrono::milliseconds linger{2'000};
  std::chrono::milliseconds retry_backoff{1'000};
  std::chrono::milliseconds retry_backoff_max{60'000};
  std::size_t links_max = 10'000;  ///< Beyond that a link is made in OSS before it returns.
};

/// Second names of files that OSS does not have yet. git, editors and mail programs create a file
/// by `link(temporary, name)` and `unlink(temporary)`: what they want is a rename, and made at once
/// each such link would leave its content in the LinkArea for good. So a second name is
/// acknowledged when the journal has it, and made in OSS a moment later, unless one of the two
/// names has gone by then, which leaves a plain object.
///
/// A file has one of these at most. Whoever makes it, or changes one of its names or its object's
/// attributes, claims it first.
///
/// Threads:  every call on any thread; those that return a Result or a Claim wait. `make` runs on
///           threads of this, several at once, each with a claim.
/// Lifetime: scheduler and journal outlive it. `stop` before either goes.
class FreshLinks : private BehindJournal {
 public:
  struct Link {
    staging::LinkEntry entry;
    std::optional<InodeNumber> inode;  ///< None for what an earlier daemon left.
  };
  /// Makes the name in OSS. Its note is erased when it succeeds, and on an error that will not
  /// change (`is_final`): then the name is gone.
  using Make = std::function<Result<void>(const Link&, Interrupt*)>;

  FreshLinks(Scheduler& scheduler, const Clock& clock, staging::NameJournal& journal,
             FreshLinkOptions options, Make make);
  ~FreshLinks() override { stop(); }

  /// The right to end a link. Dropped, it is given back.
  class Claim {
   public:
    Claim() = default;
    Claim(Claim&& other) noexcept : links_(std::exchange(other.links_, nullptr)), id_(other.id_) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim() {
      if (links_ != nullptr) links_->give_back(id_);
    }
    explicit operator bool() const { return links_ != nullptr; }
    /// The link is no more: both its names are in OSS, or one of them is gone.
    /// Errors: of the journal; then it is as before.
    Result<void> finish() &&;

   private:
    friend class FreshLinks;
    Claim(FreshLinks* links, std::uint64_t id) : links_(links), id_(id) {}
    FreshLinks* links_ = nullptr;
    std::uint64_t id_ = 0;
  };
  /// Whether one more is taken; else the name is to be made in OSS at once.
  bool takes_more() const STSFS_EXCLUDES(mutex_);
  /// Returns when the name is there for good, whatever happens to this machine's daemon. It is not
  /// made before the caller, who has still to tell the tree of it, drops the claim.
  /// Errors: of the journal.
  Result<Claim> add(InodeNumber inode, std::string from, std::string to) STSFS_EXCLUDES(mutex_);

  /// Of this file; empty when it has none. Waits while it is being made, or somebody else has it,
  /// within the deadline of the operation and until it is interrupted.
  Result<Claim> claim(const Context& context, InodeNumber inode) STSFS_EXCLUDES(mutex_);
  /// The same without waiting: nothing while it is being made.
  std::optional<Claim> try_claim(InodeNumber inode) STSFS_EXCLUDES(mutex_);

  using Wanted = std::function<bool(const Link&)>;
  bool any(const Wanted& wanted) const STSFS_EXCLUDES(mutex_);
  bool has(InodeNumber inode) const STSFS_EXCLUDES(mutex_);
  /// `done` when all of these have been tried.
  void settle(const Wanted& wanted, Callback<void> done) STSFS_EXCLUDES(mutex_);
  void settle(InodeNumber inode, Callback<void> done) STSFS_EXCLUDES(mutex_);
  /// What an earlier daemon left under this name, old or new, or below this directory.
  bool left_at(std::string_view key) const STSFS_EXCLUDES(mutex_);

  std::vector<PendingFile> pending() const STSFS_EXCLUDES(mutex_);
  /// Begins with what an earlier daemon left.
  void resume() STSFS_EXCLUDES(mutex_);
  using BehindJournal::stop;

  static bool concerns(const Link& link, std::string_view key);

 private:
  struct Pending {
    Link link;
    SteadyTime due{};
    bool claimed = false;
    std::string last_error;
  };
  Pause work(bool is_over) override;
  void make_due();
  std::size_t count_due() const STSFS_EXCLUDES(mutex_);
  std::optional<Link> take_due() STSFS_EXCLUDES(mutex_);
  bool is_due(std::uint64_t id, const Pending& one) const STSFS_REQUIRES(mutex_);
  Result<void> make_one(const Link& link);
  void ended(const Link& link, const Result<void>& result) STSFS_EXCLUDES(mutex_);
  Result<void> erase(std::uint64_t id);
  void give_back(std::uint64_t id) STSFS_EXCLUDES(mutex_);
  void settle_all(std::set<std::uint64_t> ids, Callback<void> done) STSFS_EXCLUDES(mutex_);
  /// When the next may be made; at once when somebody waits for one. None: there is none.
  std::optional<SteadyTime> next_due() const STSFS_REQUIRES(mutex_);

  const Clock& clock_;
  staging::NameJournal& journal_;
  const FreshLinkOptions options_;
  const Make make_;

  std::map<std::uint64_t, Pending> pending_ STSFS_GUARDED_BY(mutex_);  // by the note's number
  std::map<std::uint64_t, std::uint64_t> by_inode_ STSFS_GUARDED_BY(mutex_);
  std::optional<SteadyTime> armed_for_ STSFS_GUARDED_BY(mutex_);
  bool denied_ STSFS_GUARDED_BY(mutex_) = false;   // OSS lets nobody make names here
  std::size_t left_ STSFS_GUARDED_BY(mutex_) = 0;  // by an earlier daemon
};

}  // namespace stsfs::fs
