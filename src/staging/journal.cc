#include "stsfs/staging/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>

#include "journal_row.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr int kSchemaVersion = 1;
constexpr int kBusyTimeoutMs = 5'000;
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, staged TEXT NOT NULL,
    base_key TEXT NOT NULL, base_etag TEXT NOT NULL, base_size INTEGER NOT NULL,
    extents TEXT NOT NULL, headers TEXT NOT NULL, storage_class TEXT NOT NULL,
    attempts TEXT NOT NULL, synced INTEGER NOT NULL, boot TEXT NOT NULL,
    note INTEGER NOT NULL);  -- tells one note of a file from the next
  CREATE TABLE IF NOT EXISTS uploads (upload_id TEXT PRIMARY KEY, key TEXT NOT NULL);
)";
/// The number under which what is no file's note waits for the disk.
constexpr std::uint64_t kNoFile = UINT64_MAX;
/// When the log of the database is folded into it, in pages of 4 KiB.
constexpr int kCheckpointPages = 4'000;

tl::unexpected<Error> failure_of(const SQLite::Exception& error) {
  const int code = error.getErrorCode();
  const std::string text = std::string("journal: ") + error.what();
  if (code == SQLITE_FULL) return fail(Errc::kNoSpace, text);
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

// `5f3a…!,99b0…`: with a mark at those that wrote exactly what is noted.
constexpr char kWholeMark = '!';

std::vector<WriteAttempt> attempts_in(const std::string& text) {
  std::vector<WriteAttempt> out;
  if (text.empty()) return out;
  for (std::string_view word : split(text, ',')) {
    const bool whole = word.ends_with(kWholeMark);
    if (whole) word.remove_suffix(1);
    out.push_back({std::string(word), whole});
  }
  return out;
}

std::string text_of(const std::vector<WriteAttempt>& attempts) {
  std::string out;
  for (const WriteAttempt& attempt : attempts) {
    if (!out.empty()) out += ',';
    out += attempt.id;
    if (attempt.whole) out += kWholeMark;
  }
  return out;
}

Result<std::vector<JournalEntry>> entries_in(SQLite::Database& database, const std::string& boot) {
  return guarded([&]() -> Result<std::vector<JournalEntry>> {
    std::vector<JournalEntry> out;
    SQLite::Statement row(database,
                          "SELECT id,path,staged,base_key,base_etag,base_size,extents,headers,"
                          "storage_class,attempts,synced,boot FROM files ORDER BY id");
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
      entry.attempts = attempts_in(row.getColumn(9).getString());
      entry.synced = row.getColumn(10).getInt() != 0;
      entry.same_boot = !boot.empty() && row.getColumn(11).getString() == boot;
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
  };

  State(const JournalOptions& given)
      : options(given),
        boot(boot_id()),
        database(given.file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {}

  Result<void> prepare();
  void add(Work work, Callback<void> done) STSFS_EXCLUDES(mutex);
  Result<void> write_all(std::vector<Note>& batch);
  SQLite::Statement& statement(const char* text);

  /// A note that is confirmed and perhaps not on the disk.
  struct Unsynced {
    std::uint64_t note = 0;
    std::shared_ptr<const StagedFile> staged;
  };
  void sync_soon(std::uint64_t id, std::uint64_t note, std::shared_ptr<const StagedFile> staged)
      STSFS_EXCLUDES(sync_mutex);
  void no_sync_needed(std::uint64_t id) STSFS_EXCLUDES(sync_mutex);
  void sync_until_ended() STSFS_EXCLUDES(sync_mutex);
  void sync(const std::map<std::uint64_t, Unsynced>& batch);

  const JournalOptions options;
  const std::string boot;

  Mutex mutex;
  std::vector<Note> waiting STSFS_GUARDED_BY(mutex);
  bool writing STSFS_GUARDED_BY(mutex) = false;
  std::uint64_t next_id STSFS_GUARDED_BY(mutex) = 1;

  std::atomic<std::uint64_t> notes{0};

  Mutex sync_mutex;  // a leaf
  Condition sync_wanted;
  std::map<std::uint64_t, Unsynced> unsynced STSFS_GUARDED_BY(sync_mutex);
  bool ending STSFS_GUARDED_BY(sync_mutex) = false;
  std::thread sync_thread;

  // Touched by whoever is `writing`, and while the journal is opened.
  SQLite::Database database;
  std::map<const char*, SQLite::Statement> statements;
};

SQLite::Statement& Journal::State::statement(const char* text) {
  auto found = statements.find(text);
  if (found == statements.end()) found = statements.try_emplace(text, database, text).first;
  found->second.reset();
  return found->second;
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
  database.exec(kSchema);
  database.exec("PRAGMA user_version=" + std::to_string(kSchemaVersion));
  transaction.commit();
  notes = static_cast<std::uint64_t>(
      database.execAndGet("SELECT COALESCE(MAX(note),0) FROM files").getInt64());
  MutexLock lock(mutex);
  next_id = static_cast<std::uint64_t>(
                database.execAndGet("SELECT COALESCE(MAX(id),0) FROM files").getInt64()) +
            1;
  return {};
}

Result<void> Journal::State::write_all(std::vector<Note>& batch) {
  return guarded([&]() -> Result<void> {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    for (Note& note : batch) note.work(database);
    transaction.commit();
    return {};
  });
}

/// Whoever finds nobody writing writes, until nothing is left; the others' notes go along.
void Journal::State::add(Work work, Callback<void> done) {
  {
    MutexLock lock(mutex);
    waiting.push_back({std::move(work), std::move(done)});
    if (writing) return;
    writing = true;
  }
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
    for (Note& note : batch) {
      // What fails together may succeed alone: one bad note must not take the others along.
      Result<void> result = together;
      if (!together && batch.size() > 1) {
        std::vector<Note> alone;
        alone.push_back({std::move(note.work), nullptr});
        result = write_all(alone);
      }
      note.done(std::move(result));
    }
  }
}

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {
  if (!state_->options.sync_each)
    state_->sync_thread = std::thread([state = state_.get()] { state->sync_until_ended(); });
}

Journal::~Journal() {
  if (!state_->sync_thread.joinable()) return;
  {
    MutexLock lock(state_->sync_mutex);
    state_->ending = true;
    state_->sync_wanted.notify_all();
  }
  state_->sync_thread.join();
  std::map<std::uint64_t, State::Unsynced> rest;
  {
    MutexLock lock(state_->sync_mutex);
    rest.swap(state_->unsynced);
  }
  if (!rest.empty()) state_->sync(rest);
}

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options) {
  // 0600 from the first moment: it holds names of files.
  UniqueFd made(::open(options.file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return fail_errno("open the journal " + printable(options.file));
  return guarded([&]() -> Result<std::unique_ptr<Journal>> {
    auto state = std::make_unique<State>(options);
    if (auto ready = state->prepare(); !ready) return fail(std::move(ready.error()));
    return std::unique_ptr<Journal>(new Journal(std::move(state)));
  });
}

Result<std::vector<JournalEntry>> Journal::entries() {
  return entries_in(state_->database, state_->boot);
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
    for (const char* table : {"files", "removals", "moves", "links"})
      if (database.tableExists(table))
        out += static_cast<std::uint64_t>(
            database.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt64());
    return out;
  });
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

std::uint64_t Journal::next_id() {
  MutexLock lock(state_->mutex);
  return state_->next_id++;
}

void Journal::put(JournalEntry entry, std::shared_ptr<const StagedFile> staged,
                  Callback<void> done) {
  const std::uint64_t id = entry.id;
  const std::uint64_t note = ++state_->notes;
  entry.synced = !staged;
  if (staged && state_->options.sync_each) {
    if (auto synced = staged->sync(); !synced) {
      done(std::move(synced));
      return;
    }
    entry.synced = true;
  }
  auto work = [state = state_.get(), entry = std::move(entry), note](SQLite::Database&) {
    SQLite::Statement& put = state->statement(
        "INSERT OR REPLACE INTO files(id,path,staged,base_key,base_etag,base_size,extents,headers,"
        "storage_class,attempts,synced,boot,note) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)");
    put.bind(1, static_cast<std::int64_t>(entry.id));
    put.bind(2, entry.path);
    put.bind(3, entry.staged_name);
    put.bind(4, entry.base_key);
    put.bind(5, entry.base_etag);
    put.bind(6, static_cast<std::int64_t>(entry.base_size));
    put.bind(7, encode_extents(entry.extents));
    put.bind(8, encode_headers(entry.headers));
    put.bind(9, entry.storage_class);
    put.bind(10, text_of(entry.attempts));
    put.bind(11, entry.synced ? 1 : 0);
    put.bind(12, state->boot);
    put.bind(13, static_cast<std::int64_t>(note));
    put.exec();
  };
  state_->add(std::move(work), [state = state_.get(), id, note, staged = std::move(staged),
                                done = std::move(done)](Result<void> result) mutable {
    if (result) state->sync_soon(id, note, std::move(staged));
    done(std::move(result));
  });
}

void Journal::erase(std::uint64_t id, Callback<void> done) {
  state_->add(
      [state = state_.get(), id](SQLite::Database&) {
        SQLite::Statement& erase = state->statement("DELETE FROM files WHERE id=?");
        erase.bind(1, static_cast<std::int64_t>(id));
        erase.exec();
      },
      [state = state_.get(), id, done = std::move(done)](Result<void> result) mutable {
        if (result) state->no_sync_needed(id);
        done(std::move(result));
      });
}

void Journal::settle(Callback<void> done) {
  bool idle = false;
  {
    MutexLock lock(state_->mutex);
    idle = !state_->writing;
  }
  if (idle)
    done({});
  else
    state_->add([](SQLite::Database&) {}, std::move(done));
}

void Journal::upload_began(const BegunUpload& upload) {
  state_->add(
      [state = state_.get(), upload](SQLite::Database&) {
        SQLite::Statement& put =
            state->statement("INSERT OR REPLACE INTO uploads(upload_id,key) VALUES(?,?)");
        put.bind(1, upload.upload_id);
        put.bind(2, upload.key);
        put.exec();
      },
      [](Result<void> noted) {
        if (!noted) log_warning("staging", "an upload is not noted: {}", noted.error().message);
      });
}

void Journal::upload_ended(const std::string& upload_id) {
  state_->add(
      [state = state_.get(), upload_id](SQLite::Database&) {
        SQLite::Statement& erase = state->statement("DELETE FROM uploads WHERE upload_id=?");
        erase.bind(1, upload_id);
        erase.exec();
      },
      [](Result<void> noted) {
        if (!noted)
          log_warning("staging", "the end of an upload is not noted: {}", noted.error().message);
      });
}

void Journal::write(std::function<void(SQLite::Database&)> work, Callback<void> done) {
  state_->add(std::move(work), [state = state_.get(), sync_each = state_->options.sync_each,
                                done = std::move(done)](Result<void> result) mutable {
    if (result && !sync_each) state->sync_soon(kNoFile, 0, nullptr);
    done(std::move(result));
  });
}

Result<void> Journal::read(const std::function<void(SQLite::Database&)>& work) {
  return guarded([&]() -> Result<void> {
    work(state_->database);
    return {};
  });
}

// --- bringing notes to the disk ---

void Journal::State::sync_soon(std::uint64_t id, std::uint64_t note,
                               std::shared_ptr<const StagedFile> staged) {
  if (options.sync_each) return;
  MutexLock lock(sync_mutex);
  unsynced[id] = {note, std::move(staged)};
  sync_wanted.notify_all();
}

void Journal::State::no_sync_needed(std::uint64_t id) {
  std::shared_ptr<const StagedFile> dropped;  // its last owner may be here: not under the lock
  MutexLock lock(sync_mutex);
  const auto found = unsynced.find(id);
  if (found == unsynced.end()) return;
  dropped = std::move(found->second.staged);
  unsynced.erase(found);
}

void Journal::State::sync_until_ended() {
  for (;;) {
    std::map<std::uint64_t, Unsynced> batch;
    {
      MutexLock lock(sync_mutex);
      while (unsynced.empty() && !ending) sync_wanted.wait(sync_mutex);
      // What comes within the interval shares the disk's time, and is often erased before.
      const auto until = std::chrono::steady_clock::now() + options.sync_interval;
      while (!ending && sync_wanted.wait_until(sync_mutex, until) != std::cv_status::timeout) {
      }
      if (ending) return;
      batch.swap(unsynced);
    }
    sync(batch);
  }
}

/// The staged bytes first, then that they are there: never a note without its bytes. In WAL mode
/// the log is what must be on the disk; SQLite syncs the database itself at a checkpoint.
void Journal::State::sync(const std::map<std::uint64_t, Unsynced>& batch) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> there;  // id, note
  for (const auto& [id, one] : batch) {
    if (one.staged)
      if (auto synced = one.staged->sync(); !synced) {
        log_warning("staging", "{}", synced.error().message);
        continue;
      }
    there.emplace_back(id, one.note);
  }
  add(
      [this, there](SQLite::Database&) {
        for (const auto& [id, note] : there) {
          SQLite::Statement& mark =
              statement("UPDATE files SET synced=1 WHERE id=? AND note=? AND synced=0");
          mark.bind(1, static_cast<std::int64_t>(id));
          mark.bind(2, static_cast<std::int64_t>(note));
          mark.exec();
        }
      },
      [](Result<void> marked) {
        if (!marked) log_warning("staging", "{}", marked.error().message);
      });
  const UniqueFd log(::open((options.file + "-wal").c_str(), O_RDONLY | O_CLOEXEC));
  if (!log || fdatasync(log.get()) != 0)
    log_warning("staging", "the journal could not be written to the disk");
}

}  // namespace stsfs::staging
