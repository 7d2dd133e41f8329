#include "stsfs/staging/name_journal.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace stsfs::staging {
namespace {

constexpr const char* kNamesSchema = R"(
  CREATE TABLE IF NOT EXISTS removals (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, etag TEXT NOT NULL,
    removed_at INTEGER NOT NULL,  -- nanoseconds since 1970
    has_marker INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS moves (
    id INTEGER PRIMARY KEY, old_key BLOB NOT NULL, new_key BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS links (
    id INTEGER PRIMARY KEY, old_key BLOB NOT NULL, new_key BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS exchanges (
    id INTEGER PRIMARY KEY, one BLOB NOT NULL, other BLOB NOT NULL, third BLOB NOT NULL,
    step INTEGER NOT NULL);
)";

/// Keys may hold any byte, and SQLite compares blobs byte by byte.
void bind_bytes(SQLite::Statement& statement, int index, const std::string& bytes) {
  statement.bind(index, static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size()));
}

void erase_all(SQLite::Database& database, const char* text,
               const std::vector<std::uint64_t>& ids) {
  SQLite::Statement erase(database, text);
  for (const std::uint64_t id : ids) {
    erase.bind(1, static_cast<std::int64_t>(id));
    erase.exec();
    erase.reset();
  }
}

/// Replaces what the column begins with, as bytes: substr and length of text count characters.
void move_column(SQLite::Database& database, const std::string& table, const std::string& column,
                 const std::string& from, const std::string& to) {
  SQLite::Statement move(
      database, "UPDATE " + table + " SET " + column + "=CAST(?2 || substr(CAST(" + column +
                    " AS BLOB),?3) AS TEXT) WHERE substr(CAST(" + column + " AS BLOB),1,?4)=?1");
  bind_bytes(move, 1, from);
  bind_bytes(move, 2, to);
  move.bind(3, static_cast<std::int64_t>(from.size() + 1));
  move.bind(4, static_cast<std::int64_t>(from.size()));
  move.exec();
}

/// The notes of the files below go along.
void move_notes(SQLite::Database& database, const std::string& old_path,
                const std::string& new_path, const std::string& old_key,
                const std::string& new_key) {
  for (const std::string table : {"files", "fallbacks"}) {
    move_column(database, table, "path", old_path + "/", new_path + "/");
    move_column(database, table, "base_key", old_key, new_key);
  }
}

}  // namespace

Result<std::unique_ptr<NameJournal>> NameJournal::open(Journal& journal) {
  std::unique_ptr<NameJournal> out(new NameJournal(journal));
  auto made = journal.read([](SQLite::Database& database) { database.exec(kNamesSchema); });
  if (!made) return fail(std::move(made.error()));
  auto read = journal.read([&](SQLite::Database& database) {
    std::uint64_t last = 0;
    SQLite::Statement removal(database,
                              "SELECT id,key,etag,removed_at,has_marker FROM removals ORDER BY id");
    while (removal.executeStep()) {
      RemovalEntry entry;
      entry.id = static_cast<std::uint64_t>(removal.getColumn(0).getInt64());
      entry.key = removal.getColumn(1).getString();
      entry.etag = removal.getColumn(2).getString();
      entry.removed_at = WallTime(std::chrono::nanoseconds(removal.getColumn(3).getInt64()));
      entry.directory_has_marker = removal.getColumn(4).getInt() != 0;
      last = std::max(last, entry.id);
      out->removals_.push_back(std::move(entry));
    }
    SQLite::Statement move(database, "SELECT id,old_key,new_key FROM moves ORDER BY id");
    while (move.executeStep()) {
      MoveEntry entry;
      entry.id = static_cast<std::uint64_t>(move.getColumn(0).getInt64());
      entry.from = move.getColumn(1).getString();
      entry.to = move.getColumn(2).getString();
      last = std::max(last, entry.id);
      out->moves_.push_back(std::move(entry));
    }
    SQLite::Statement link(database, "SELECT id,old_key,new_key FROM links ORDER BY id");
    while (link.executeStep()) {
      LinkEntry entry;
      entry.id = static_cast<std::uint64_t>(link.getColumn(0).getInt64());
      entry.from = link.getColumn(1).getString();
      entry.to = link.getColumn(2).getString();
      last = std::max(last, entry.id);
      out->links_.push_back(std::move(entry));
    }
    SQLite::Statement exchange(database,
                               "SELECT id,one,other,third,step FROM exchanges ORDER BY id");
    while (exchange.executeStep()) {
      ExchangeEntry entry;
      entry.id = static_cast<std::uint64_t>(exchange.getColumn(0).getInt64());
      entry.one = exchange.getColumn(1).getString();
      entry.other = exchange.getColumn(2).getString();
      entry.third = exchange.getColumn(3).getString();
      entry.step = static_cast<ExchangeStep>(exchange.getColumn(4).getInt());
      last = std::max(last, entry.id);
      out->exchanges_.push_back(std::move(entry));
    }
    out->next_id_ = last + 1;
  });
  if (!read) return fail(std::move(read.error()));
  return out;
}

void NameJournal::add(std::vector<RemovalEntry> removals, Callback<void> done) {
  journal_.write(
      [removals = std::move(removals)](SQLite::Database& database) {
        SQLite::Statement put(database,
                              "INSERT INTO removals(id,key,etag,removed_at,has_marker) "
                              "VALUES(?,?,?,?,?)");
        for (const RemovalEntry& removal : removals) {
          put.bind(1, static_cast<std::int64_t>(removal.id));
          bind_bytes(put, 2, removal.key);
          put.bind(3, removal.etag);
          put.bind(4, static_cast<std::int64_t>(removal.removed_at.time_since_epoch().count()));
          put.bind(5, removal.directory_has_marker ? 1 : 0);
          put.exec();
          put.reset();
        }
      },
      false, std::move(done));
}

void NameJournal::erase_removals(std::vector<std::uint64_t> ids, Callback<void> done) {
  journal_.write(
      [ids = std::move(ids)](SQLite::Database& database) {
        erase_all(database, "DELETE FROM removals WHERE id=?", ids);
      },
      true, std::move(done));
}

void NameJournal::add(const MoveEntry& move, const std::string& old_path,
                      const std::string& new_path, Callback<void> done) {
  journal_.write(
      [move, old_path, new_path](SQLite::Database& database) {
        SQLite::Statement put(database, "INSERT INTO moves(id,old_key,new_key) VALUES(?,?,?)");
        put.bind(1, static_cast<std::int64_t>(move.id));
        bind_bytes(put, 2, move.from);
        bind_bytes(put, 3, move.to);
        put.exec();
        move_notes(database, old_path, new_path, move.from, move.to);
      },
      false, std::move(done));
}

void NameJournal::take_back(const MoveEntry& move, const std::string& old_path,
                            const std::string& new_path, Callback<void> done) {
  journal_.write(
      [move, old_path, new_path](SQLite::Database& database) {
        erase_all(database, "DELETE FROM moves WHERE id=?", {move.id});
        move_notes(database, new_path, old_path, move.to, move.from);
      },
      true, std::move(done));
}

void NameJournal::erase_move(std::uint64_t id, Callback<void> done) {
  journal_.write(
      [id](SQLite::Database& database) {
        erase_all(database, "DELETE FROM moves WHERE id=?", {id});
      },
      true, std::move(done));
}

void NameJournal::add(const LinkEntry& link, Callback<void> done) {
  journal_.write(
      [link](SQLite::Database& database) {
        SQLite::Statement put(database, "INSERT INTO links(id,old_key,new_key) VALUES(?,?,?)");
        put.bind(1, static_cast<std::int64_t>(link.id));
        bind_bytes(put, 2, link.from);
        bind_bytes(put, 3, link.to);
        put.exec();
      },
      false, std::move(done));
}

void NameJournal::erase_link(std::uint64_t id, Callback<void> done) {
  journal_.write(
      [id](SQLite::Database& database) {
        erase_all(database, "DELETE FROM links WHERE id=?", {id});
      },
      true, std::move(done));
}

void NameJournal::note(const ExchangeEntry& exchange, Callback<void> done) {
  journal_.write(
      [exchange](SQLite::Database& database) {
        SQLite::Statement put(database,
                              "INSERT OR REPLACE INTO exchanges(id,one,other,third,step) "
                              "VALUES(?,?,?,?,?)");
        put.bind(1, static_cast<std::int64_t>(exchange.id));
        bind_bytes(put, 2, exchange.one);
        bind_bytes(put, 3, exchange.other);
        bind_bytes(put, 4, exchange.third);
        put.bind(5, static_cast<int>(exchange.step));
        put.exec();
      },
      false, std::move(done));
}

void NameJournal::erase_exchange(std::uint64_t id, Callback<void> done) {
  journal_.write(
      [id](SQLite::Database& database) {
        erase_all(database, "DELETE FROM exchanges WHERE id=?", {id});
      },
      true, std::move(done));
}

}  // namespace stsfs::staging
