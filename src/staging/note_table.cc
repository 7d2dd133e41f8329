#include "note_table.h"

#include "journal_row.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr int kSchemaVersion = 2;
constexpr int kAsideVersion = 2;  // from here on notes say whether they are set aside
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

constexpr const char* kKeepFallback =
    "INSERT OR REPLACE INTO fallbacks SELECT * FROM files WHERE id=? AND synced=1";
constexpr const char* kDropFallback = "DELETE FROM fallbacks WHERE id=?";

/// After a loss of power the note whose bytes are on the disk counts, as if the later one had never
/// been made.
void fall_back(SQLite::Database& database, const std::string& boot) {
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
    for (const char* text :
         {"REPLACE INTO files SELECT * FROM fallbacks WHERE id=?", kDropFallback}) {
      SQLite::Statement change(database, text);
      change.bind(1, id);
      change.exec();
    }
}

}  // namespace

Result<void> prepare_note_tables(SQLite::Database& database, const std::string& file,
                                 const std::string& boot) {
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  if (version > kSchemaVersion)
    return fail(Errc::kNotSupported,
                printable(file) + " was made by a newer stsfs; mount with that one");
  if (const std::string check = database.execAndGet("PRAGMA quick_check").getString();
      check != "ok")
    return fail(Errc::kCorrupt, printable(file) + ": " + printable(check));
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
  fall_back(database, boot);
  transaction.commit();
  return {};
}

Result<std::vector<JournalEntry>> read_notes(SQLite::Database& database, const std::string& boot) {
  std::vector<JournalEntry> out;
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
    const std::string stored = row.getColumn(7).getString();
    auto headers = decode_headers(stored);
    if (!extents || !headers)
      return fail(extents ? headers.error() : extents.error(),
                  "journal: the note of " + printable(entry.path));
    entry.extents = std::move(*extents);
    entry.headers = std::move(*headers);
    entry.tagged = says_tagged(stored);
    entry.storage_class = row.getColumn(8).getString();
    entry.writes = decode_writes(row.getColumn(9).getString());
    entry.synced = row.getColumn(10).getInt() != 0;
    entry.same_boot = !boot.empty() && row.getColumn(11).getString() == boot;
    entry.note = static_cast<std::uint64_t>(row.getColumn(12).getInt64());
    entry.aside = row.getColumn(13).getString();
    out.push_back(std::move(entry));
  }
  return out;
}

void put_note(NoteQueue& queue, const JournalEntry& entry, const std::string& boot) {
  SQLite::Statement& first = queue.statement(entry.synced ? kDropFallback : kKeepFallback);
  first.bind(1, static_cast<std::int64_t>(entry.id));
  first.exec();
  SQLite::Statement& put = queue.statement(
      "INSERT OR REPLACE INTO files(id,path,staged,base_key,base_etag,base_size,extents,headers,"
      "storage_class,attempts,synced,boot,note,aside) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  put.bind(1, static_cast<std::int64_t>(entry.id));
  put.bind(2, entry.path);
  put.bind(3, entry.staged_name);
  put.bind(4, entry.base_key);
  put.bind(5, entry.base_etag);
  put.bind(6, static_cast<std::int64_t>(entry.base_size));
  put.bind(7, encode_extents(entry.extents));
  put.bind(8, encode_headers(entry.headers, entry.tagged));
  put.bind(9, entry.storage_class);
  put.bind(10, encode_writes(entry.writes));
  put.bind(11, entry.synced ? 1 : 0);
  put.bind(12, boot);
  put.bind(13, static_cast<std::int64_t>(entry.note));
  put.bind(14, entry.aside);
  put.exec();
}

void amend_note(NoteQueue& queue, const JournalEntry& entry) {
  SQLite::Statement& amend = queue.statement(
      "UPDATE files SET path=?,base_key=?,base_etag=?,base_size=?,headers=?,storage_class=? "
      "WHERE id=?");
  amend.bind(1, entry.path);
  amend.bind(2, entry.base_key);
  amend.bind(3, entry.base_etag);
  amend.bind(4, static_cast<std::int64_t>(entry.base_size));
  amend.bind(5, encode_headers(entry.headers, entry.tagged));
  amend.bind(6, entry.storage_class);
  amend.bind(7, static_cast<std::int64_t>(entry.id));
  amend.exec();
}

void erase_note(NoteQueue& queue, std::uint64_t id) {
  for (const char* text : {"DELETE FROM files WHERE id=?", kDropFallback}) {
    SQLite::Statement& erase = queue.statement(text);
    erase.bind(1, static_cast<std::int64_t>(id));
    erase.exec();
  }
}

bool mark_synced(NoteQueue& queue, std::uint64_t id, std::uint64_t note) {
  SQLite::Statement& mark = queue.statement("UPDATE files SET synced=1 WHERE id=? AND note=?");
  mark.bind(1, static_cast<std::int64_t>(id));
  mark.bind(2, static_cast<std::int64_t>(note));
  if (mark.exec() == 0) return false;  // noted again, or erased, meanwhile
  SQLite::Statement& drop = queue.statement(kDropFallback);
  drop.bind(1, static_cast<std::int64_t>(id));
  drop.exec();
  return true;
}

}  // namespace stsfs::staging
