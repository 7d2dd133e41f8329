#pragma once

#include <string>
#include <vector>

#include "note_queue.h"
#include "stsfs/staging/journal.h"

/// The tables of a journal that notes of files stand in: each file's note, and the *fallback* that
/// a loss of power would bring back. Everything here throws what SQLiteCpp throws, too; see
/// `guarded`.
namespace stsfs::staging {

/// Makes the tables, or those of an earlier version what they are now; after a loss of power
/// (`boot`: changes with every start of the machine) fallbacks take the place of notes whose bytes
/// are not on the disk. Errors: kCorrupt; kNotSupported when a newer stsfs made them.
Result<void> prepare_note_tables(SQLite::Database& database, const std::string& file,
                                 const std::string& boot);

/// Also of a journal that no daemon of this version has opened yet.
Result<std::vector<JournalEntry>> read_notes(SQLite::Database& database, const std::string& boot);

/// In place of the file's last one, which becomes its fallback if its bytes are on the disk and
/// those of this one are not.
void put_note(NoteQueue& queue, const JournalEntry& entry, const std::string& boot);
/// The path, the base and the attributes of the file's last one; a fallback is of before.
void amend_note(NoteQueue& queue, const JournalEntry& entry);
void erase_note(NoteQueue& queue, std::uint64_t id);
/// What the note speaks of is on the disk. False when it is not the file's last one any more.
bool mark_synced(NoteQueue& queue, std::uint64_t id, std::uint64_t note);

}  // namespace stsfs::staging
