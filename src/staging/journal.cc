#include "stsfs/staging/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <map>

#include "journal_sync.h"
#include "note_queue.h"
#include "note_table.h"
#include "reserve.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr int kBusyTimeoutMs = 5'000;

/// Changes with every start of the machine. Source: random(4).
std::string boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
  return text ? std::string(trim(*text)) : "";
}

std::uint64_t greatest(SQLite::Database& database, const char* column) {
  return static_cast<std::uint64_t>(
      database.execAndGet(std::string("SELECT COALESCE(MAX(") + column + "),0) FROM files")
          .getInt64());
}

/// In all of `tables`; those that an older version did not make have none.
Result<std::uint64_t> rows_of(const std::string& file, std::initializer_list<const char*> tables) {
  return guarded([&]() -> Result<std::uint64_t> {
    SQLite::Database database(file, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    std::uint64_t out = 0;
    for (const char* table : tables)
      if (database.tableExists(table))
        out += static_cast<std::uint64_t>(
            database.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt64());
    return out;
  });
}

}  // namespace

struct Journal::State {
  explicit State(const JournalOptions& given)
      : options(given), boot(boot_id()), queue(given.file, given.sync_each, given.reserve) {}

  Result<void> prepare();
  void mark(std::vector<JournalSync::Note> those, Callback<std::vector<std::uint64_t>> done);

  const JournalOptions options;
  const std::string boot;
  std::atomic<std::uint64_t> ids{0};  // the last ones that were given
  std::atomic<std::uint64_t> notes{0};
  NoteQueue queue;
  std::unique_ptr<JournalSync> sync;  // null with sync_each; last, since it uses all of the above
};

Result<void> Journal::State::prepare() {
  auto prepared = prepare_note_tables(queue.database(), options.file, boot);
  if (!prepared) return prepared;
  ids = greatest(queue.database(), "id");
  notes = greatest(queue.database(), "note");
  return {};
}

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {
  if (state_->options.sync_each) return;
  state_->sync = std::make_unique<JournalSync>(
      state_->options.file + "-wal", state_->options.sync_interval,
      [state = state_.get()](std::vector<JournalSync::Note> notes,
                             Callback<std::vector<std::uint64_t>> done) {
        state->mark(std::move(notes), std::move(done));
      },
      [state = state_.get()](Callback<void> done) {
        state->queue.add({.work = [](SQLite::Database&) {},
                          .done = std::move(done),
                          .is_mark = true,
                          .folds = true});
      });
  state_->queue.tell([sync = state_->sync.get()] { sync->log_grew(); });
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
  return guarded([&] { return read_notes(state_->queue.database(), state_->boot); });
}

Result<std::map<std::uint64_t, std::string>> Journal::fallbacks() {
  return guarded([&]() -> Result<std::map<std::uint64_t, std::string>> {
    std::map<std::uint64_t, std::string> out;
    SQLite::Statement row(state_->queue.database(), "SELECT id,staged FROM fallbacks");
    while (row.executeStep())
      out.emplace(static_cast<std::uint64_t>(row.getColumn(0).getInt64()),
                  row.getColumn(1).getString());
    return out;
  });
}

Result<std::vector<JournalEntry>> Journal::read(const std::string& file) {
  return guarded([&]() -> Result<std::vector<JournalEntry>> {
    SQLite::Database database(file, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    return read_notes(database, boot_id());
  });
}

Result<std::uint64_t> Journal::owed_by(const std::string& file) {
  return rows_of(file, {"files", "removals", "moves", "links", "exchanges"});
}

Result<std::uint64_t> Journal::names_owed_by(const std::string& file) {
  return rows_of(file, {"removals", "moves", "links", "exchanges"});
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
    SQLite::Statement row(state_->queue.database(), "SELECT key,upload_id FROM uploads");
    while (row.executeStep())
      out.push_back({row.getColumn(0).getString(), row.getColumn(1).getString()});
    return out;
  });
}

bool Journal::disk_failed() const { return state_->sync && state_->sync->log_failed(); }

std::uint64_t Journal::next_id() { return ++state_->ids; }

std::uint64_t Journal::next_note() { return ++state_->notes; }

void Journal::put(JournalEntry entry, std::shared_ptr<const StagedFile> staged,
                  std::shared_ptr<const StagedFile> before, Callback<void> done) {
  if (entry.note == 0) entry.note = next_note();
  const JournalSync::Note note{entry.id, entry.note};
  entry.synced = !staged;
  if (staged && state_->options.sync_each) {
    if (auto synced = staged->sync(); !synced) {
      done(std::move(synced));
      return;
    }
    entry.synced = true;
  }
  auto work = [state = state_.get(), entry = std::move(entry)](SQLite::Database&) {
    put_note(state->queue, entry, state->boot);
  };
  auto noted = [state = state_.get(), note, staged = std::move(staged), before = std::move(before),
                done = std::move(done)](Result<void> result) mutable {
    if (result && state->sync && (staged || before))
      state->sync->noted(note, std::move(staged), std::move(before));
    done(std::move(result));
  };
  state_->queue.add({std::move(work), std::move(noted)});
}

void Journal::amend(JournalEntry entry, Callback<void> done) {
  auto work = [state = state_.get(), entry = std::move(entry)](SQLite::Database&) {
    amend_note(state->queue, entry);
  };
  state_->queue.add({std::move(work), std::move(done)});
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
  auto work = [state = state_.get(), id](SQLite::Database&) { erase_note(state->queue, id); };
  auto erased = [state = state_.get(), id, staged = std::move(staged), in_oss,
                 done = std::move(done)](Result<void> result) mutable {
    if (result && state->sync) state->sync->erased(id, std::move(staged), in_oss);
    done(std::move(result));
  };
  if (waits)
    state_->queue.add_with_next({std::move(work), std::move(erased), true});
  else
    state_->queue.add({std::move(work), std::move(erased), true});
}

void Journal::settle(Callback<void> done) {
  if (state_->queue.is_idle())
    done({});
  else
    state_->queue.add({[](SQLite::Database&) {}, std::move(done)});
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
        state->queue.statement("INSERT OR REPLACE INTO uploads(upload_id,key) VALUES(?,?)");
    put.bind(1, upload.upload_id);
    put.bind(2, upload.key);
    put.exec();
  };
  state_->queue.add({std::move(work), [noted = std::move(noted)](Result<void> done) mutable {
                       if (!done)
                         log_warning("staging", "an upload is not noted: {}", done.error().message);
                       noted();
                     }});
}

void Journal::upload_ended(const std::string& upload_id) {
  auto work = [state = state_.get(), upload_id](SQLite::Database&) {
    SQLite::Statement& erase = state->queue.statement("DELETE FROM uploads WHERE upload_id=?");
    erase.bind(1, upload_id);
    erase.exec();
  };
  state_->queue.add_with_next({std::move(work),
                               [](Result<void> noted) {
                                 if (!noted)
                                   log_warning("staging", "the end of an upload is not noted: {}",
                                               noted.error().message);
                               },
                               true});
}

void Journal::write(std::function<void(SQLite::Database&)> work, bool ends, Callback<void> done) {
  state_->queue.add({std::move(work), std::move(done), ends});
}

Result<void> Journal::read(const std::function<void(SQLite::Database&)>& work) {
  return state_->queue.with_reserve(true, [&] {
    return guarded([&]() -> Result<void> {
      work(state_->queue.database());
      return {};
    });
  });
}

void Journal::State::mark(std::vector<JournalSync::Note> those,
                          Callback<std::vector<std::uint64_t>> done) {
  auto latest = std::make_shared<std::vector<std::uint64_t>>();
  auto work = [this, those = std::move(those), latest](SQLite::Database&) {
    latest->clear();
    for (const JournalSync::Note& note : those)
      if (mark_synced(queue, note.id, note.number)) latest->push_back(note.id);
  };
  auto told = [latest, done = std::move(done)](Result<void> marked) mutable {
    if (marked)
      done(std::move(*latest));
    else
      done(fail(std::move(marked.error())));
  };
  queue.add({.work = std::move(work), .done = std::move(told), .ends = true, .is_mark = true});
}

}  // namespace stsfs::staging
