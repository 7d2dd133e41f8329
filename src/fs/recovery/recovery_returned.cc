// What came back with a start of the machine, by what OSS has of it.

#include <algorithm>
#include <utility>

#include "fan_out.h"
#include "naming/conflict_name.h"
#include "naming/write_id.h"
#include "recovery.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

using staging::Extent;
using staging::JournalEntry;
using staging::Origin;

constexpr std::size_t kConfirmedAtOnce = 64;

std::uint64_t size_of(const JournalEntry& entry) {
  return staging::ExtentMap(entry.extents).size();
}

bool has_attributes_only(const JournalEntry& entry) {
  return !entry.base_etag.empty() && size_of(entry) == entry.base_size &&
         std::all_of(entry.extents.begin(), entry.extents.end(),
                     [](const Extent& extent) { return extent.origin == Origin::kBase; });
}

bool is_whole(const JournalEntry& entry) {
  return std::none_of(entry.extents.begin(), entry.extents.end(),
                      [](const Extent& extent) { return extent.is_remote(); });
}

}  // namespace

void Recovery::settle_returned(Deadline deadline, Interrupt* interrupt) {
  std::vector<JournalEntry> entries = std::exchange(returned_, {});
  for (JournalEntry& entry : entries)
    if (entry.base_etag.empty() && !links_.is_content_key(entry.base_key))
      entry.base_key = keys_.file_key(entry.path).value();
  const auto found = fan_out<oss::ObjectMeta>(interrupt, entries.size(), kConfirmedAtOnce,
                                              [&](std::size_t i, Callback<oss::ObjectMeta> done) {
                                                return store_.start_head(entries[i].base_key,
                                                                         deadline, std::move(done));
                                              });
  for (std::size_t i = 0; i < entries.size(); ++i) settle(std::move(entries[i]), found[i]);
}

void Recovery::settle(JournalEntry entry, const Result<oss::ObjectMeta>& found) {
  const bool absent = !found && found.error().code == Errc::kNotFound;
  const Maker maker = found ? maker_of(*found, entry.writes, size_of(entry)) : Maker::kAnother;
  const bool usable = entry.synced && is_here(entry);
  if (maker == Maker::kLater || (maker == Maker::kNoted && !usable)) {
    forget(entry);
  } else if (!entry.synced) {
    const char* reason = "the machine went down before its bytes were on the disk";
    if (found || absent)
      give_up(std::move(entry), reason);
    else
      keep_for_rescue(std::move(entry), reason);  // the next mount may find it in OSS
  } else if (!usable) {
    forget(entry);  // its bytes go when its note has gone; and the note came back
  } else if (!found && !absent) {
    recover_file(entry, "");  // its commit will see
  } else if (maker != Maker::kAnother) {
    entry.base_etag = found->etag;
    entry.base_size = found->size_bytes;
    recover_file(entry, "");
  } else if (absent ? entry.base_etag.empty() : found->etag == entry.base_etag) {
    recover_file(entry, "");
  } else {
    put_beside(std::move(entry));
  }
}

/// The path shows what OSS has.
void Recovery::put_beside(JournalEntry entry) {
  if (has_attributes_only(entry)) {
    forget(entry);
  } else if (!is_whole(entry)) {
    give_up(std::move(entry),
            "the machine went down, and the version that it changed is not in OSS any more");
  } else if (auto path = with_mark(entry.path, conflict_mark(clock_.wall()),
                                   oss::kKeySizeMax - keys_.prefix().size());
             !path) {
    give_up(std::move(entry),
            "another version is in OSS than before the machine went down, and beside it is no room "
            "for a longer name");
  } else {
    entry.path = std::move(*path);
    entry.base_key = entry.base_etag = "";
    entry.base_size = 0;
    entry.writes = {};
    log_warning("fs",
                "another version is in OSS than before the machine went down; ours is put at {}",
                printable(entry.path));
    recover_file(entry, "");
  }
}

/// For good, so that no later mount tries it, and `stsfs rescue --discard` may take it away.
void Recovery::give_up(JournalEntry entry, const std::string& reason) {
  entry.aside = reason;
  journal_->put(entry, nullptr, nullptr, [](Result<void> noted) {
    if (!noted) log_warning("fs", "the journal: {}", noted.error().message);
  });
  keep_for_rescue(std::move(entry), reason);
}

bool Recovery::is_here(const JournalEntry& entry) {
  return entry.staged_name.empty() || area_.reopen(entry.staged_name).has_value();
}

void Recovery::forget(const JournalEntry& entry) {
  log_info("fs", "{} was in OSS or removed when the machine went down", printable(entry.path));
  journal_->erase(entry.id, [area = &area_, name = entry.staged_name](Result<void> erased) {
    if (!erased || name.empty()) return;
    if (auto file = area->reopen(name)) (*file)->let_go();
  });
}

}  // namespace stsfs::fs
