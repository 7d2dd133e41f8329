#include "recovery.h"

#include <map>
#include <set>
#include <utility>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

Recovery::Recovery(const Sources& sources, const Options& options)
    : store_(sources.store),
      clock_(sources.clock),
      tree_(sources.tree),
      keys_(sources.keys),
      area_(sources.area),
      journal_(sources.journal),
      removals_(sources.removals),
      links_(sources.links),
      contents_(sources.contents),
      aside_(sources.aside),
      options_(options) {}

Result<void> Recovery::recover() {
  auto entries = journal_->entries();
  if (!entries) return fail(std::move(entries.error()));
  auto uploads = journal_->uploads();
  if (!uploads) return fail(std::move(uploads.error()));
  abandoned_ = std::move(*uploads);
  // A file that was removed leaves two notes for a moment: that it was written, and that it is
  // gone.
  std::erase_if(*entries, [&](const auto& entry) {
    if (entry.base_etag.empty() || !removals_.hides(entry.base_key, entry.base_etag)) return false;
    journal_->erase(entry.id, [](Result<void>) {});
    return true;
  });
  auto fallbacks = journal_->fallbacks();
  if (!fallbacks) return fail(std::move(fallbacks.error()));
  std::set<std::string, std::less<>> known;
  std::map<std::string, std::uint64_t> moments;
  for (const auto& entry : *entries) {
    known.insert(entry.staged_name);
    moments[entry.staged_name] = entry.note;
  }
  if (auto back = area_.roll_back(moments); !back) return back;
  for (const auto& [id, staged] : *fallbacks) known.insert(staged);
  auto swept = area_.sweep(known);
  if (!swept) return fail(std::move(swept.error()));
  if (*swept > 0) log_info("fs", "{} staged files were never closed, and were thrown away", *swept);
  for (const auto& entry : *entries) {
    static_cast<void>(keys_.path_of(entry.base_key));  // its names may be shortened ones
    const auto fallback = fallbacks->find(entry.id);
    if (!entry.aside.empty())
      keep_for_rescue(entry, entry.aside);
    else if (entry.path.empty() || !keys_.file_key(entry.path))
      keep_for_rescue(entry, "its name is none of this folder");
    else if (!entry.same_boot)
      returned_.push_back(entry);
    else
      recover_file(entry, fallback == fallbacks->end() ? "" : fallback->second);
  }
  return {};
}

/// The daemon before died before its bytes were on the disk; the machine did not. `fallback`: what
/// the version lies in that a loss of power would bring back until they are.
void Recovery::sync_recovered(const staging::JournalEntry& entry,
                              std::shared_ptr<staging::StagedFile> staged,
                              const std::string& fallback) {
  std::shared_ptr<staging::StagedFile> before;
  if (!fallback.empty() && fallback != entry.staged_name)
    if (auto file = area_.reopen(fallback)) {
      before = std::move(*file);
      before->let_go();
    }
  journal_->sync_recovered(entry, std::move(staged), std::move(before));
}

void Recovery::recover_file(const staging::JournalEntry& entry, const std::string& fallback) {
  std::shared_ptr<staging::StagedFile> staged;
  if (!entry.staged_name.empty()) {
    auto file = area_.reopen(entry.staged_name);
    if (!file) {
      keep_for_rescue(entry, file.error().message);
      return;
    }
    staged = std::move(*file);
  }
  if (!entry.synced) sync_recovered(entry, staged, fallback);
  const std::string& whole = entry.path;
  const auto slash = whole.rfind('/');
  const std::string name = slash == std::string::npos ? whole : whole.substr(slash + 1);
  MutexLock lock(tree_.mutex);
  const InodePointer parent =
      directory_for(slash == std::string::npos ? "" : whole.substr(0, slash));
  oss::ObjectMeta meta;
  meta.headers = entry.headers;
  meta.size_bytes = staging::ExtentMap(entry.extents).size();
  const auto mode = entry.headers.user.find("mode");
  const auto known_mode =
      mode == entry.headers.user.end() ? std::nullopt : parse_metadata_mode(mode->second);
  const Attributes attributes =
      attributes_of(meta, known_mode && is_directory(*known_mode), options_.defaults);
  InodePointer inode = tree_.child(parent->number, name);  // as a directory above another
  if (!inode) inode = tree_.add(parent->number, name, attributes);
  const InodeNumber number = inode->number;
  inode->attributes = attributes;
  inode->attributes.inode = number;
  inode->headers = entry.headers;
  inode->storage_class = entry.storage_class;
  inode->tagged = entry.tagged;
  inode->in_store = !entry.base_etag.empty();
  inode->etag = entry.base_etag;
  inode->times_given = true;  // as they were when it was written
  inode->content = contents_.make(inode->number, entry, std::move(staged));
  inode->content->watch_copies();
  if (links_.is_content_key(entry.base_key)) tree_.set_content_key(inode, entry.base_key);
}

/// What is known of the directories above is only that they were there.
InodePointer Recovery::directory_for(const std::string& directory_path) {
  InodePointer at = tree_.find(InodeNumber::kRoot);
  if (directory_path.empty()) return at;
  for (const std::string_view name : split(directory_path, '/')) {
    InodePointer below = tree_.child(at->number, name);
    if (!below) {
      Attributes attributes = at->attributes;
      below = tree_.add(at->number, name, attributes);
    }
    at = below;
  }
  return at;
}

void Recovery::keep_for_rescue(staging::JournalEntry entry, const std::string& reason) {
  log_error("fs", "{} was written and cannot be brought to OSS: {}; `stsfs rescue` gets it out",
            printable(entry.path), reason);
  entry.aside = reason;
  const bool is_here = area_.has(entry.staged_name);
  aside_.add(std::move(entry), is_here);
}

void Recovery::abort_uploads() {
  for (const staging::BegunUpload& upload : std::exchange(abandoned_, {})) {
    auto transfer = std::make_shared<Transfer>();
    *transfer = store_.start_abort(
        upload.key, upload.upload_id, Deadline::in(clock_, options_.abort_timeout),
        [transfer, journal = journal_, id = upload.upload_id](Result<void> gone) {
          if (gone) journal->upload_ended(id);
        });
  }
}

}  // namespace stsfs::fs
