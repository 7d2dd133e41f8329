#include "note_queue.h"

#include <sqlite3.h>

#include <algorithm>

#include "reserve.h"

namespace stsfs::staging {
namespace {

/// When the log of the database is folded into it, in pages of 4 KiB.
constexpr int kCheckpointPages = 4'000;
constexpr std::size_t kTogetherMax = 64;  // notes that wait for another one to go with

}  // namespace

tl::unexpected<Error> failure_of(const SQLite::Exception& error) {
  const int code = error.getErrorCode();
  const std::string text = std::string("journal: ") + error.what();
  // The second: for the index of the log, which is a file of its own.
  if (code == SQLITE_FULL || error.getExtendedErrorCode() == SQLITE_IOERR_SHMSIZE)
    return fail(Errc::kNoSpace, text);
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return fail(Errc::kCorrupt, text);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return fail(Errc::kBusy, text);
  return fail(Errc::kIo, text);
}

/// The statements of a transaction, prepared as all others are: there is one for each note.
class NoteQueue::Transaction {
 public:
  explicit Transaction(NoteQueue& queue) : queue_(queue) {
    queue_.statement("BEGIN IMMEDIATE").exec();
  }
  ~Transaction() {
    if (!committed_) static_cast<void>(queue_.database_.tryExec("ROLLBACK"));
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    queue_.statement("COMMIT").exec();
    committed_ = true;
  }

 private:
  NoteQueue& queue_;
  bool committed_ = false;
};

NoteQueue::NoteQueue(const std::string& file, bool sync_each, std::shared_ptr<Reserve> reserve)
    : reserve_(std::move(reserve)), database_(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
  database_.exec(sync_each ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  database_.exec("PRAGMA journal_mode=WAL");
  database_.exec("PRAGMA wal_autocheckpoint=" + std::to_string(kCheckpointPages));
}

SQLite::Statement& NoteQueue::statement(const char* text) {
  auto found = statements_.find(text);
  if (found == statements_.end()) found = statements_.try_emplace(text, database_, text).first;
  static_cast<void>(found->second.tryReset());  // tells how its last use ended
  return found->second;
}

bool NoteQueue::give_free(bool last_half) { return reserve_ && reserve_->give_free(last_half); }

void NoteQueue::add(Note note) {
  {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(note));
    if (writing_) return;
    writing_ = true;
  }
  write_waiting();
}

void NoteQueue::add_with_next(Note note) {
  if (!log_grew_) {
    add(std::move(note));
    return;
  }
  bool now = false;
  {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(note));
    now = !writing_ && waiting_.size() >= kTogetherMax;
    if (now) writing_ = true;
  }
  if (now)
    write_waiting();
  else
    log_grew_();
}

bool NoteQueue::is_idle() const {
  MutexLock lock(mutex_);
  return !writing_ && waiting_.empty();
}

/// With `writing_` set by the caller, until nothing is left; what others add meanwhile goes along.
void NoteQueue::write_waiting() {
  for (;;) {
    std::vector<Note> batch;
    {
      MutexLock lock(mutex_);
      batch.swap(waiting_);
      if (batch.empty()) {
        writing_ = false;
        return;
      }
    }
    Result<void> together = write_all(batch);
    const auto is_mark = [](const Note& note) { return note.is_mark; };
    if (log_grew_ && !std::ranges::all_of(batch, is_mark)) log_grew_();
    if (reserve_) reserve_->fill();
    for (Note& note : batch) {
      // What fails together may succeed alone: one bad note must not take the others along.
      Result<void> result = together;
      if (!together && (batch.size() > 1 || together.error().code == Errc::kNoSpace)) {
        std::vector<Note> alone;
        alone.push_back({std::move(note.work), nullptr});
        result = with_reserve(note.ends, [&] { return write_all(alone); });
      }
      if (note.folds && result) result = fold();
      note.done(std::move(result));
    }
  }
}

Result<void> NoteQueue::write_all(std::vector<Note>& batch) {
  return guarded([&]() -> Result<void> {
    Transaction transaction(*this);
    for (Note& note : batch) note.work(database_);
    transaction.commit();
    return {};
  });
}

/// Both are on the disk then. Readers of another process may prevent it.
Result<void> NoteQueue::fold() {
  return guarded([&]() -> Result<void> {
    SQLite::Statement fold(database_, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (!fold.executeStep() || fold.getColumn(0).getInt() != 0)
      return fail(Errc::kBusy, "journal: its log is in use");
    return {};
  });
}

}  // namespace stsfs::staging
