#include "stsfs/staging/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>

#include <SQLiteCpp/SQLiteCpp.h>

#include "journal_row.h"
#include "journal_sync.h"
#include "reserve.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr int kSchemaVersion = 2;
constexpr int kAsideVersion = 2;  // from here on notes say whether they are set aside
constexpr int kBusyTimeoutMs = 5'000;
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, staged TEXT NOT NULL,
    base_key TEXT NOT NULL, base_etag TEXT NOT NULL, base_size INTEGER NOT NULL,
    extents TEXT NOT NULL, headers TEXT NOT NULL, storage_class TEXT NOT NULL,
    attempts TEXT NOT NULL, synced INTEGER NOT NULL, boot TEXT NOT NULL,
    note INTEGER NOT NULL,  -- tells one note of a file from the next
    aside TEXT NOT NULL DEFAULT '');
  -- The last note of a file whose bytes are on the disk, while those of its present one are not.
  CREATE TABLE IF NOT EXISTS fallbacks (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, staged TEXT NOT NULL,
    base_key TEXT NOT NULL, base_etag TEXT NOT NULL, base_size INTEGER NOT NULL,
    extents TEXT NOT NULL, headers TEXT NOT NULL, storage_class TEXT NOT NULL,
    attempts TEXT NOT NULL, synced INTEGER NOT NULL, boot TEXT NOT NULL,
    note INTEGER NOT NULL, aside TEXT NOT NULL DEFAULT '');
  CREATE TABLE IF NOT EXISTS uploads (upload_id TEXT PRIMARY KEY, key TEXT NOT NULL);
)";
/// When the log of the database is folded into it, in pages of 4 KiB.
constexpr int kCheckpointPages = 4'000;
constexpr std::size_t kTogetherMax = 64;  // notes that wait for another one to go with

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

/// Changes with every start of the machine. Source: random(4).
std::string boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
  return text ? std::string(trim(*text)) : "";
}

Result<std::vector<JournalEntry>> entries_in(SQLite::Database& database, const std::string& boot) {
  return guarded([&]() -> Result<std::vector<JournalEntry>> {
    std::vector<JournalEntry> out;
    // A journal that no daemon of this version has opened yet has no such column.
    const bool tells_aside = database.execAndGet("PRAGMA user_version").getInt() >= kAsideVersion;
    SQLite::Statement row(
        database, std::string("SELECT id,path,staged,base_key,base_etag,base_size,extents,headers,"
                              "storage_class,attempts,synced,boot,note,") +
                      (tells_aside ? "aside" : "''") + " FROM files ORDER BY id");
    while (row.executeStep()) {
      JournalEntry entry;
      entry.id = static_cast<std::uint64_t>(row.getColumn(0).getInt64());
      entry.path = row.getColumn(1).getString();
      entry.staged_name = row.getColumn(2).getString();
      entry.base_key = row.getColumn(3).getString();
      entry.base_etag = row.getColumn(4).getString();
      entry.base_size = static_cast<std::uint64_t>(row.getColumn(5).getInt64());
      auto extents = decode_extents(row.getColumn(6).getString());
      auto headers = decode_headers(row.getColumn(7).getString());
      if (!extents || !headers)
        return fail(extents ? headers.error() : extents.error(),
                    "journal: the note of " + printable(entry.path));
      entry.extents = std::move(*extents);
      entry.headers = std::move(*headers);
      entry.storage_class = row.getColumn(8).getString();
      entry.writes = decode_writes(row.getColumn(9).getString());
      entry.synced = row.getColumn(10).getInt() != 0;
      entry.same_boot = !boot.empty() && row.getColumn(11).getString() == boot;
      entry.note = static_cast<std::uint64_t>(row.getColumn(12).getInt64());
      entry.aside = row.getColumn(13).getString();
      out.push_back(std::move(entry));
    }
    return out;
  });
}

}  // namespace

struct Journal::State {
  using Work = std::function<void(SQLite::Database&)>;
  struct Note {
    Work work;
    Callback<void> done;
    bool ends = false;     // something: it may have the last of the reserve
    bool is_mark = false;  // of JournalSync, which brings it to the disk itself
    bool folds = false;    // the log into the database, behind what is written with it
  };

  State(const JournalOptions& given)
      : options(given),
        boot(boot_id()),
        database(given.file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {}

  class Transaction;

  Result<void> prepare();
  void add(Note note) STSFS_EXCLUDES(mutex);
  void add_with_next(Note note) STSFS_EXCLUDES(mutex);
  void write_waiting() STSFS_EXCLUDES(mutex);
  Result<void> write_all(std::vector<Note>& batch);
  template <class Write>
  auto with_reserve(bool last_half, Write&& write) -> decltype(write());
  SQLite::Statement& statement(const char* text);

  void mark_synced(std::vector<JournalSync::Note> those, Callback<std::vector<std::uint64_t>> done);
  void fall_back();
  Result<void> fold();

  const JournalOptions options;
  const std::string boot;

  Mutex mutex;
  std::vector<Note> waiting STSFS_GUARDED_BY(mutex);
  bool writing STSFS_GUARDED_BY(mutex) = false;
  std::uint64_t next_id STSFS_GUARDED_BY(mutex) = 1;

  std::atomic<std::uint64_t> notes{0};

  // Touched by whoever is `writing`, and while the journal is opened.
  SQLite::Database database;
  std::map<const char*, SQLite::Statement> statements;

  std::unique_ptr<JournalSync> sync;  // null with sync_each; last, since it uses all of the above
};

SQLite::Statement& Journal::State::statement(const char* text) {
  auto found = statements.find(text);
  if (found == statements.end()) found = statements.try_emplace(text, database, text).first;
  static_cast<void>(found->second.tryReset());  // tells how its last use ended
  return found->second;
}

/// The statements of a transaction, prepared as all others are: there is one for each note.
class Journal::State::Transaction {
 public:
  explicit Transaction(State& state) : state_(state) { state_.statement("BEGIN IMMEDIATE").exec(); }
  ~Transaction() {
    if (!committed_) static_cast<void>(state_.database.tryExec("ROLLBACK"));
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    state_.statement("COMMIT").exec();
    committed_ = true;
  }

 private:
  State& state_;
  bool committed_ = false;
};

/// Whoever finds the disk full tries again with what was held for that.
template <class Write>
auto Journal::State::with_reserve(bool last_half, Write&& write) -> decltype(write()) {
  auto result = write();
  while (!result && result.error().code == Errc::kNoSpace && options.reserve &&
         options.reserve->give_free(last_half))
    result = write();
  return result;
}

Result<void> Journal::State::prepare() {
  database.exec(options.sync_each ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  database.exec("PRAGMA journal_mode=WAL");
  database.exec("PRAGMA wal_autocheckpoint=" + std::to_string(kCheckpointPages));
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  if (version > kSchemaVersion)
    return fail(Errc::kNotSupported,
                printable(options.file) + " was made by a newer stsfs; mount with that one");
  if (const std::string check = database.execAndGet("PRAGMA quick_check").getString();
      check != "ok")
    return fail(Errc::kCorrupt, printable(options.file) + ": " + printable(check));
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  if (version > 0 && version < kAsideVersion)
    for (const char* table : {"files", "fallbacks"})
      database.exec(std::string("ALTER TABLE ") + table +
                    " ADD COLUMN aside TEXT NOT NULL DEFAULT ''");
  // On a full disk nothing is written that need not be.
  if (version != kSchemaVersion) {
    database.exec(kSchema);
    database.exec("PRAGMA user_version=" + std::to_string(kSchemaVersion));
  }
  fall_back();
  transaction.commit();
  notes = static_cast<std::uint64_t>(
      database.execAndGet("SELECT COALESCE(MAX(note),0) FROM files").getInt64());
  MutexLock lock(mutex);
  next_id = static_cast<std::uint64_t>(
                database.execAndGet("SELECT COALESCE(MAX(id),0) FROM files").getInt64()) +
            1;
  return {};
}

/// After a loss of power the note whose bytes are on the disk counts, as if the later one had never
/// been made.
void Journal::State::fall_back() {
  database.exec("DELETE FROM fallbacks WHERE id NOT IN (SELECT id FROM files WHERE synced=0)");
  SQLite::Statement lost(database,
                         "SELECT files.id,files.path FROM files JOIN fallbacks USING(id) "
                         "WHERE files.boot<>?");
  lost.bind(1, boot);
  std::vector<std::int64_t> ids;
  while (lost.executeStep()) {
    log_warning("staging",
                "the machine went down before the last change of {} was on the disk; the version "
                "before it counts",
                printable(lost.getColumn(1).getString()));
    ids.push_back(lost.getColumn(0).getInt64());
  }
  for (const std::int64_t id : ids)
    for (const char* text : {"REPLACE INTO files SELECT * FROM fallbacks WHERE id=?",
                             "DELETE FROM fallbacks WHERE id=?"}) {
      SQLite::Statement change(database, text);
      change.bind(1, id);
      change.exec();
    }
}

/// Both are on the disk then. Readers of another process may prevent it.
Result<void> Journal::State::fold() {
  return guarded([&]() -> Result<void> {
    SQLite::Statement fold(database, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (!fold.executeStep() || fold.getColumn(0).getInt() != 0)
      return fail(Errc::kBusy, "journal: its log is in use");
    return {};
  });
}

Result<void> Journal::State::write_all(std::vector<Note>& batch) {
  return guarded([&]() -> Result<void> {
    Transaction transaction(*this);
    for (Note& note : batch) note.work(database);
    transaction.commit();
    return {};
  });
}

/// Whoever finds nobody writing writes, until nothing is left; the others' notes go along.
void Journal::State::add(Note note) {
  {
    MutexLock lock(mutex);
    waiting.push_back(std::move(note));
    if (writing) return;
    writing = true;
  }
  write_waiting();
}

/// What nobody waits for, and whose loss costs the next daemon a question: it goes with the next
/// note, before it, or with what JournalSync does soon.
void Journal::State::add_with_next(Note note) {
  if (!sync) {
    add(std::move(note));
    return;
  }
  bool now = false;
  {
    MutexLock lock(mutex);
    waiting.push_back(std::move(note));
    now = !writing && waiting.size() >= kTogetherMax;
    if (now) writing = true;
  }
  if (now)
    write_waiting();
  else
    sync->log_grew();
}

/// With `writing` set by the caller.
void Journal::State::write_waiting() {
  for (;;) {
    std::vector<Note> batch;
    {
      MutexLock lock(mutex);
      batch.swap(waiting);
      if (batch.empty()) {
        writing = false;
        return;
      }
    }
    Result<void> together = write_all(batch);
    const auto is_mark = [](const Note& note) { return note.is_mark; };
    if (sync && !std::ranges::all_of(batch, is_mark)) sync->log_grew();
    if (options.reserve) options.reserve->fill();
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

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {
  if (state_->options.sync_each) return;
  state_->sync = std::make_unique<JournalSync>(
      state_->options.file + "-wal", state_->options.sync_interval,
      [state = state_.get()](std::vector<JournalSync::Note> notes,
                             Callback<std::vector<std::uint64_t>> done) {
        state->mark_synced(std::move(notes), std::move(done));
      },
      [state = state_.get()](Callback<void> done) {
        state->add({.work = [](SQLite::Database&) {},
                    .done = std::move(done),
                    .is_mark = true,
                    .folds = true});
      });
  state_->sync->log_grew();  // by what opening it changed
}

Journal::~Journal() = default;

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options) {
  // 0600 from the first moment: it holds names of files.
  UniqueFd made(::open(options.file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return fail_errno("open the journal " + printable(options.file));
  const auto open = [&] {
    return guarded([&]() -> Result<std::unique_ptr<State>> {
      auto state = std::make_unique<State>(options);
      if (auto ready = state->prepare(); !ready) return fail(std::move(ready.error()));
      return state;
    });
  };
  auto state = open();
  while (!state && state.error().code == Errc::kNoSpace && options.reserve &&
         options.reserve->give_free(true))
    state = open();
  if (!state) return fail(std::move(state.error()));
  if (auto named = sync_directory_of(options.file); !named) return fail(std::move(named.error()));
  return std::unique_ptr<Journal>(new Journal(std::move(*state)));
}

Result<std::vector<JournalEntry>> Journal::entries() {
  return entries_in(state_->database, state_->boot);
}

Result<std::map<std::uint64_t, std::string>> Journal::fallbacks() {
  return guarded([&]() -> Result<std::map<std::uint64_t, std::string>> {
    std::map<std::uint64_t, std::string> out;
    SQLite::Statement row(state_->database, "SELECT id,staged FROM fallbacks");
    while (row.executeStep())
      out.emplace(static_cast<std::uint64_t>(row.getColumn(0).getInt64()),
                  row.getColumn(1).getString());
    return out;
  });
}

Result<std::vector<JournalEntry>> Journal::read(const std::string& file) {
  return guarded([&]() -> Result<std::vector<JournalEntry>> {
    SQLite::Database database(file, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    return entries_in(database, boot_id());
  });
}

Result<std::uint64_t> Journal::owed_by(const std::string& file) {
  return guarded([&]() -> Result<std::uint64_t> {
    SQLite::Database database(file, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    std::uint64_t out = 0;
    for (const char* table : {"files", "removals", "moves", "links", "exchanges"})
      if (database.tableExists(table))
        out += static_cast<std::uint64_t>(
            database.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt64());
    return out;
  });
}

Result<void> Journal::discard(const std::string& file, const JournalEntry& entry) {
  auto forgotten = guarded([&]() -> Result<void> {
    SQLite::Database database(file, SQLite::OPEN_READWRITE, kBusyTimeoutMs);
    SQLite::Statement erase(database, "DELETE FROM files WHERE id=? AND staged=? AND aside<>''");
    erase.bind(1, static_cast<std::int64_t>(entry.id));
    erase.bind(2, entry.staged_name);
    if (erase.exec() == 0)
      return fail(Errc::kNotFound, printable(entry.path) + " is not set aside any more");
    return {};
  });
  const std::string staged = file.substr(0, file.rfind('/') + 1) + entry.staged_name;
  if (forgotten && unlink(staged.c_str()) != 0 && errno != ENOENT)
    return fail_errno("delete " + staged);
  return forgotten;
}

Result<std::vector<BegunUpload>> Journal::uploads() {
  return guarded([&]() -> Result<std::vector<BegunUpload>> {
    std::vector<BegunUpload> out;
    SQLite::Statement row(state_->database, "SELECT key,upload_id FROM uploads");
    while (row.executeStep())
      out.push_back({row.getColumn(0).getString(), row.getColumn(1).getString()});
    return out;
  });
}

bool Journal::disk_failed() const { return state_->sync && state_->sync->log_failed(); }

std::uint64_t Journal::next_id() {
  MutexLock lock(state_->mutex);
  return state_->next_id++;
}

std::uint64_t Journal::next_note() { return ++state_->notes; }

void Journal::put(JournalEntry entry, std::shared_ptr<const StagedFile> staged,
                  std::shared_ptr<const StagedFile> before, Callback<void> done) {
  const std::uint64_t id = entry.id;
  const std::uint64_t note = entry.note == 0 ? next_note() : entry.note;
  entry.synced = !staged;
  if (staged && state_->options.sync_each) {
    if (auto synced = staged->sync(); !synced) {
      done(std::move(synced));
      return;
    }
    entry.synced = true;
  }
  auto work = [state = state_.get(), entry = std::move(entry), note](SQLite::Database&) {
    SQLite::Statement& keep = state->statement(
        "INSERT OR REPLACE INTO fallbacks SELECT * FROM files WHERE id=? AND synced=1");
    SQLite::Statement& drop = state->statement("DELETE FROM fallbacks WHERE id=?");
    SQLite::Statement& first = entry.synced ? drop : keep;
    first.bind(1, static_cast<std::int64_t>(entry.id));
    first.exec();
    SQLite::Statement& put = state->statement(
        "INSERT OR REPLACE INTO files(id,path,staged,base_key,base_etag,base_size,extents,headers,"
        "storage_class,attempts,synced,boot,note,aside) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    put.bind(1, static_cast<std::int64_t>(entry.id));
    put.bind(2, entry.path);
    put.bind(3, entry.staged_name);
    put.bind(4, entry.base_key);
    put.bind(5, entry.base_etag);
    put.bind(6, static_cast<std::int64_t>(entry.base_size));
    put.bind(7, encode_extents(entry.extents));
    put.bind(8, encode_headers(entry.headers));
    put.bind(9, entry.storage_class);
    put.bind(10, encode_writes(entry.writes));
    put.bind(11, entry.synced ? 1 : 0);
    put.bind(12, state->boot);
    put.bind(13, static_cast<std::int64_t>(note));
    put.bind(14, entry.aside);
    put.exec();
  };
  auto noted = [state = state_.get(), id, note, staged = std::move(staged),
                before = std::move(before), done = std::move(done)](Result<void> result) mutable {
    if (result && state->sync && (staged || before))
      state->sync->noted({id, note}, std::move(staged), std::move(before));
    done(std::move(result));
  };
  state_->add({std::move(work), std::move(noted)});
}

void Journal::sync_recovered(const JournalEntry& entry, std::shared_ptr<const StagedFile> staged,
                             std::shared_ptr<const StagedFile> before) {
  if (state_->sync)
    state_->sync->noted({entry.id, entry.note}, std::move(staged), std::move(before));
}

void Journal::erase(std::uint64_t id, std::shared_ptr<StagedFile> staged, bool in_oss,
                    Callback<void> done) {
  // Somebody may wait for the room of a large one.
  const bool waits = in_oss && (!staged || staged->is_worth_releasing());
  auto work = [state = state_.get(), id](SQLite::Database&) {
    for (const char* text : {"DELETE FROM files WHERE id=?", "DELETE FROM fallbacks WHERE id=?"}) {
      SQLite::Statement& erase = state->statement(text);
      erase.bind(1, static_cast<std::int64_t>(id));
      erase.exec();
    }
  };
  auto erased = [state = state_.get(), id, staged = std::move(staged), in_oss,
                 done = std::move(done)](Result<void> result) mutable {
    if (result && state->sync) state->sync->erased(id, std::move(staged), in_oss);
    done(std::move(result));
  };
  if (waits)
    state_->add_with_next({std::move(work), std::move(erased), true});
  else
    state_->add({std::move(work), std::move(erased), true});
}

void Journal::settle(Callback<void> done) {
  bool idle = false;
  {
    MutexLock lock(state_->mutex);
    idle = !state_->writing && state_->waiting.empty();
  }
  if (idle)
    done({});
  else
    state_->add({[](SQLite::Database&) {}, std::move(done)});
}

void Journal::to_disk(Callback<void> done) {
  settle([state = state_.get(), done = std::move(done)](Result<void> confirmed) mutable {
    if (confirmed && state->sync)
      state->sync->settle(std::move(done));
    else
      done(std::move(confirmed));
  });
}

void Journal::upload_began(const BegunUpload& upload, UniqueFunction<void()> noted) {
  auto work = [state = state_.get(), upload](SQLite::Database&) {
    SQLite::Statement& put =
        state->statement("INSERT OR REPLACE INTO uploads(upload_id,key) VALUES(?,?)");
    put.bind(1, upload.upload_id);
    put.bind(2, upload.key);
    put.exec();
  };
  state_->add({std::move(work), [noted = std::move(noted)](Result<void> done) mutable {
                 if (!done)
                   log_warning("staging", "an upload is not noted: {}", done.error().message);
                 noted();
               }});
}

void Journal::upload_ended(const std::string& upload_id) {
  auto work = [state = state_.get(), upload_id](SQLite::Database&) {
    SQLite::Statement& erase = state->statement("DELETE FROM uploads WHERE upload_id=?");
    erase.bind(1, upload_id);
    erase.exec();
  };
  state_->add_with_next({std::move(work),
                         [](Result<void> noted) {
                           if (!noted)
                             log_warning("staging", "the end of an upload is not noted: {}",
                                         noted.error().message);
                         },
                         true});
}

void Journal::write(std::function<void(SQLite::Database&)> work, bool ends, Callback<void> done) {
  state_->add({std::move(work), std::move(done), ends});
}

Result<void> Journal::read(const std::function<void(SQLite::Database&)>& work) {
  return state_->with_reserve(true, [&] {
    return guarded([&]() -> Result<void> {
      work(state_->database);
      return {};
    });
  });
}

void Journal::State::mark_synced(std::vector<JournalSync::Note> those,
                                 Callback<std::vector<std::uint64_t>> done) {
  auto latest = std::make_shared<std::vector<std::uint64_t>>();
  auto work = [this, those = std::move(those), latest](SQLite::Database&) {
    latest->clear();
    for (const JournalSync::Note& note : those) {
      SQLite::Statement& mark = statement("UPDATE files SET synced=1 WHERE id=? AND note=?");
      mark.bind(1, static_cast<std::int64_t>(note.id));
      mark.bind(2, static_cast<std::int64_t>(note.number));
      if (mark.exec() == 0) continue;  // noted again, or erased, meanwhile
      SQLite::Statement& drop = statement("DELETE FROM fallbacks WHERE id=?");
      drop.bind(1, static_cast<std::int64_t>(note.id));
      drop.exec();
      latest->push_back(note.id);
    }
  };
  auto told = [latest, done = std::move(done)](Result<void> marked) mutable {
    if (marked)
      done(std::move(*latest));
    else
      done(fail(std::move(marked.error())));
  };
  add({.work = std::move(work), .done = std::move(told), .ends = true, .is_mark = true});
}

}  // namespace stsfs::staging
