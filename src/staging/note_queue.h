#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "stsfs/base/callback.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::staging {

class Reserve;

tl::unexpected<Error> failure_of(const SQLite::Exception& error);

/// The library's edge: its exceptions end here.
template <class Work>
auto guarded(Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    return failure_of(error);
  } catch (const std::exception& error) {
    return fail(Errc::kIo, std::string("journal: ") + error.what());
  }
}

/// A journal's database, and what waits to be written to it. Notes that come while others are being
/// written share one transaction: whoever finds nobody writing writes for all.
///
/// Threads: every call at once on any thread, but for what says otherwise.
/// Errors:  kNoSpace, kCorrupt, kBusy, kIo from `done`; then nothing of that note counts.
class NoteQueue {
 public:
  /// May run more than once.
  using Work = std::function<void(SQLite::Database&)>;
  struct Note {
    Work work;
    Callback<void> done;   // on the thread that writes, which may be the caller's
    bool ends = false;     // something: it may have the last of the reserve
    bool is_mark = false;  // of JournalSync, which brings it to the disk itself
    bool folds = false;    // the log into the database, behind what is written with it
  };

  /// Throws SQLite::Exception. `sync_each`: a note is on the disk when it is confirmed. `reserve`:
  /// may be null.
  NoteQueue(const std::string& file, bool sync_each, std::shared_ptr<Reserve> reserve);

  /// Told from here on when the log has, or is to have soon, more than the disk. Before the first
  /// note.
  void tell(std::function<void()> log_grew) { log_grew_ = std::move(log_grew); }

  void add(Note note) STSFS_EXCLUDES(mutex_);
  /// Of what nobody waits for, and whose loss costs the next daemon a question: it goes with the
  /// next note, before it, or with what whoever is told does soon.
  void add_with_next(Note note) STSFS_EXCLUDES(mutex_);
  /// Nothing is written or waits.
  bool is_idle() const STSFS_EXCLUDES(mutex_);

  /// Only before the first note, or in a note's work.
  SQLite::Database& database() { return database_; }
  /// Prepared once; `text` is told from others by where it lies. As `database`.
  SQLite::Statement& statement(const char* text);
  /// What finds the disk full is tried again with what was held for that; all of it with
  /// `last_half`.
  template <class Write>
  auto with_reserve(bool last_half, Write&& write) -> decltype(write()) {
    auto result = write();
    while (!result && result.error().code == Errc::kNoSpace && give_free(last_half))
      result = write();
    return result;
  }

 private:
  class Transaction;

  bool give_free(bool last_half);
  void write_waiting() STSFS_EXCLUDES(mutex_);
  Result<void> write_all(std::vector<Note>& batch);
  Result<void> fold();

  const std::shared_ptr<Reserve> reserve_;
  std::function<void()> log_grew_;  // null: nobody is told

  mutable Mutex mutex_;  // a leaf
  std::vector<Note> waiting_ STSFS_GUARDED_BY(mutex_);
  bool writing_ STSFS_GUARDED_BY(mutex_) = false;

  // Touched by whoever is writing, and while the journal is opened.
  SQLite::Database database_;
  std::map<const char*, SQLite::Statement> statements_;
};

}  // namespace stsfs::staging
