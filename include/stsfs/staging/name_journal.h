#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/clock.h"
#include "stsfs/staging/journal.h"

namespace stsfs::staging {

/// A name that was taken away here and whose object is still to be deleted.
struct RemovalEntry {
  std::uint64_t id = 0;  ///< From NameJournal::next_id.
  std::string key;
  std::string etag;                  ///< Of the version that was removed; empty: any.
  WallTime removed_at;               ///< By this machine's clock.
  bool directory_has_marker = true;  ///< Else the directory may vanish with its last object.
};

/// A directory that was renamed here and whose objects are still to be moved.
struct MoveEntry {
  std::uint64_t id = 0;  ///< From NameJournal::next_id.
  std::string from, to;  ///< Keys of directories, with the closing slash.
};

/// A further name that a file was given here, and that OSS does not have yet.
struct LinkEntry {
  std::uint64_t id = 0;  ///< From NameJournal::next_id.
  std::string from;      ///< Key of the name that it had.
  std::string to;        ///< Key of the new one.
};

/// Which rename of an exchange is under way.
enum class ExchangeStep {
  kBack = 0,  ///< Third to one: it cannot be done.
  kAway = 1,  ///< One to third.
  kOver = 2,  ///< Other to one.
  kLast = 3,  ///< Third to other.
};

/// Two names that change places, through a third one.
struct ExchangeEntry {
  std::uint64_t id = 0;           ///< From NameJournal::next_id.
  std::string one, other, third;  ///< Paths.
  ExchangeStep step = ExchangeStep::kAway;
};

/// What was acknowledged of names and is still to be done in OSS, beside the notes of files in the
/// journal's database.
///
/// Threads:  as Journal. Lifetime: the journal outlives it.
/// Errors:   kNoSpace, kIo from `done`; then the entry does not count.
class NameJournal {
 public:
  static Result<std::unique_ptr<NameJournal>> open(Journal& journal);

  /// What an earlier daemon left, in the order in which it was acknowledged. Read while opening.
  const std::vector<RemovalEntry>& removals() const { return removals_; }
  const std::vector<MoveEntry>& moves() const { return moves_; }
  const std::vector<LinkEntry>& links() const { return links_; }
  const std::vector<ExchangeEntry>& exchanges() const { return exchanges_; }

  std::uint64_t next_id() { return next_id_++; }

  /// All of them or none.
  void add(std::vector<RemovalEntry> removals, Callback<void> done);
  void erase_removals(std::vector<std::uint64_t> ids, Callback<void> done);

  /// In the same transaction the notes of files below `old_path` get their new paths.
  void add(const MoveEntry& move, const std::string& old_path, const std::string& new_path,
           Callback<void> done);
  void erase_move(std::uint64_t id, Callback<void> done);
  /// The opposite of `add`, with the same arguments.
  void take_back(const MoveEntry& move, const std::string& old_path, const std::string& new_path,
                 Callback<void> done);

  void add(const LinkEntry& link, Callback<void> done);
  void erase_link(std::uint64_t id, Callback<void> done);

  /// Also in the place of an earlier note of that id.
  void note(const ExchangeEntry& exchange, Callback<void> done);
  void erase_exchange(std::uint64_t id, Callback<void> done);

 private:
  explicit NameJournal(Journal& journal) : journal_(journal) {}

  Journal& journal_;
  std::vector<RemovalEntry> removals_;
  std::vector<MoveEntry> moves_;
  std::vector<LinkEntry> links_;
  std::vector<ExchangeEntry> exchanges_;
  std::atomic<std::uint64_t> next_id_{1};
};

}  // namespace stsfs::staging
