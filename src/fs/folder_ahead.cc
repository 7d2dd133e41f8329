// Files that somebody who reads one after the other is about to open. What a GET brings before the
// open confirms it by the rule for everything that is remembered: it counts from the moment in
// which it was asked for, and for no longer than `open_fresh`. Bytes belong to their version, so
// they are good whenever that is.

#include "folder.h"
#include "stsfs/base/await.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// Larger files have readers ahead of them in time by themselves.
constexpr std::uint64_t kSmallMax = std::uint64_t{1} << 20;

FilesAhead::Way whole_if_small(std::uint64_t size_bytes) {
  return size_bytes > 0 && size_bytes <= kSmallMax ? FilesAhead::Way::kGet : FilesAhead::Way::kHead;
}

/// The key of the directory in which a file lies.
std::string directory_of(const std::string& file_key) {
  return file_key.substr(0, file_key.rfind('/') + 1);
}

}  // namespace

InodePointer Folder::known_inode(const std::string& whole) const {
  InodePointer out = tree_.find(InodeNumber::kRoot);
  for (const auto& name : split(whole, '/')) {
    if (name.empty()) continue;
    if (out) out = tree_.child(out->number, name);
  }
  return out;
}

/// Nothing when all is known that an open needs, or when the listing is behind what is known here.
std::optional<FilesAhead::Way> Folder::way_to_ask(const ReadingRuns::File& file) {
  if (file.entry.etag.empty() || file.entry.type == oss::ObjectType::kSymlink) return std::nullopt;
  const FilesAhead::Way way = whole_if_small(file.entry.size_bytes);
  const auto whole = keys_.path_of(file.directory_key + file.name);
  if (!whole) return std::nullopt;
  MutexLock lock(tree_.mutex);
  const InodePointer inode = known_inode(*whole);
  if (!inode) return way;
  if (inode->content || inode->opens > 0 || !is_regular(inode->attributes.mode) ||
      inode->etag != file.entry.etag)
    return std::nullopt;
  // Bytes that are here want no more than to be confirmed.
  const bool has_bytes =
      inode->pages_etag == inode->etag || just_written_.has(inode->number, inode->etag);
  const bool needs_bytes = !has_bytes && way == FilesAhead::Way::kGet;
  if (needs_bytes) return way;
  if (is_fresh(inode->confirmed, options_.open_fresh / 2)) return std::nullopt;
  if (open_runs_.covers(file.directory_key + file.name)) return std::nullopt;
  return FilesAhead::Way::kHead;
}

void Folder::ask_ahead(const std::vector<ReadingRuns::File>& files) {
  for (const ReadingRuns::File& file : files) {
    const auto way = way_to_ask(file);
    if (!way) continue;
    if (files_ahead_.ask(file.directory_key + file.name, file.entry.etag, file.entry.size_bytes,
                         *way, FilesAhead::Purpose::kAhead))
      continue;
    reading_runs_.refused(file);
    return;
  }
}

/// Errors: kWouldWait; kInterrupted; others when the ordinary way is to be gone.
Result<Folder::Told> Folder::wait_for(const Context& context,
                                      const FilesAhead::QuestionPointer& question,
                                      const std::string& directory_key) {
  if (!files_ahead_.is_answered(question)) {
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
    reading_runs_.waited(directory_key, question->asked, clock_.steady());
  }
  auto meta = await<oss::ObjectMeta>(context.interrupt, [&](Callback<oss::ObjectMeta> done) {
    files_ahead_.wait(question, std::move(done));
    return Transfer();
  });
  if (!meta && context.interrupt != nullptr && context.interrupt->raised())
    return fail(Errc::kInterrupted, "interrupted");
  if (!meta) return fail(Errc::kUnavailable, meta.error().message);
  return Told{std::move(*meta), question->asked};
}

/// What is known of a file because it was asked for ahead, or is asked for now with its bytes,
/// since somebody reads through the directory. Nothing: a HEAD is the better question.
Result<std::optional<Folder::Told>> Folder::told_ahead(const Context& context,
                                                       const std::string& file_path,
                                                       const std::string& key,
                                                       const cache::KnownEntry& entry) {
  using Nothing = std::optional<Told>;
  if (options_.open_fresh.count() == 0 || entry.etag.empty()) return Nothing();
  if (entry.type == oss::ObjectType::kSymlink) return Nothing();
  const std::string above = directory_of(key);
  const std::string name = file_path.substr(file_path.rfind('/') + 1);
  auto question = files_ahead_.find(key, entry.etag);
  if (!question) {
    if (context.wait == Wait::kNever) return Nothing();  // comes again, allowed to wait
    if (files_ahead_.came_late(key)) reading_runs_.came_late(above);
    std::vector<ReadingRuns::File> due;
    if (!reading_runs_.looked_up(above, name, context.caller.pid, clock_.steady(), due))
      return Nothing();
    files_ahead_.ask(key, entry.etag, entry.size_bytes, whole_if_small(entry.size_bytes),
                     FilesAhead::Purpose::kDemand);
    ask_ahead(due);
    question = files_ahead_.find(key, entry.etag);
    if (!question) return Nothing();
  }
  auto told = wait_for(context, question, above);
  if (!told && told.error().code == Errc::kUnavailable) return Nothing();
  if (!told) return fail(std::move(told.error()));
  // What came from the local disk says nothing of attributes.
  if (told->meta.server_time == WallTime{} || told->meta.type == oss::ObjectType::kSymlink)
    return Nothing();
  if (files_ahead_.find(key, entry.etag) != question) return Nothing();  // changed meanwhile
  metas_->put(key, told->meta);
  return Nothing(std::move(*told));
}

/// Takes what was fetched ahead for a file that is about to be opened. False: the open is still to
/// be confirmed.
Result<bool> Folder::open_from_ahead(const Context& context, const InodePointer& inode) {
  if (options_.open_fresh.count() == 0) return false;
  InodePointer parent;
  std::string name, key, etag;
  std::uint64_t size = 0;
  {
    MutexLock lock(tree_.mutex);
    if (!is_regular(inode->attributes.mode) || !inode->in_store || inode->removed ||
        inode->content || inode->opens > 0)
      return false;
    parent = tree_.find(inode->parent);
    name = inode->name;
    key = key_of(*inode);
    etag = inode->etag;
    size = inode->attributes.size_bytes;
  }
  const auto question = files_ahead_.find(key, etag);
  if (!question || !parent) {
    if (files_ahead_.came_late(key)) reading_runs_.came_late(directory_of(key));
    return false;
  }
  auto told = wait_for(context, question, directory_of(key));
  if (!told && told.error().code == Errc::kUnavailable) return false;
  if (!told) return fail(std::move(told.error()));
  if (files_ahead_.find(key, etag) != question) return false;  // changed meanwhile, or too old
  Found found;
  found.asked = told->asked;
  found.entry.size_bytes = told->meta.size_bytes;
  found.entry.etag = etag;
  found.meta = std::move(told->meta);
  found.attributes = attributes_of(found.meta, false, defaults_);
  if (found.meta.type == oss::ObjectType::kSymlink || !is_regular(found.attributes.mode))
    return false;
  bool is_news = found.meta.server_time != WallTime{};  // else it comes from the local disk
  {
    MutexLock lock(tree_.mutex);
    is_news = is_news && inode->confirmed < found.asked;
  }
  if (is_news) {
    metas_->put(key, found.meta);
    adopt(parent, name, found);
  }
  const auto reader = files_ahead_.take(question);
  std::shared_ptr<FileContent> content;
  if (reader) {
    content = std::make_shared<FileContent>(surroundings_, inode->number, key, etag, size);
    content->read_with(reader);
  }
  MutexLock lock(tree_.mutex);
  if (content) keep_track_of(content);
  const bool same = !inode->removed && !inode->content && inode->etag == etag &&
                    inode->attributes.size_bytes == size && key_of(*inode) == key;
  if (content && same) inode->content = content;
  return is_fresh(inode->confirmed, options_.open_fresh);
}

/// After an open for reading: what its reader comes to next.
void Folder::read_on(const Context& context, const InodePointer& inode) {
  if (options_.open_fresh.count() == 0) return;
  std::string key, name;
  {
    MutexLock lock(tree_.mutex);
    if (!is_regular(inode->attributes.mode) || inode->removed) return;
    key = key_of(*inode);
    name = inode->name;
  }
  ask_ahead(reading_runs_.opened(directory_of(key), name, context.caller.pid, clock_.steady()));
}

}  // namespace stsfs::fs
