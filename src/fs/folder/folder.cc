#include "folder.h"

#include <algorithm>

#include "stsfs/base/await.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

Result<std::unique_ptr<MountedFolder>> MountedFolder::make(oss::ObjectStore& store,
                                                           Scheduler& scheduler, const Clock& clock,
                                                           const FolderOptions& options) {
  auto area = staging::StagingArea::open({options.staging_directory, options.staging_budget_bytes});
  if (!area) return fail(std::move(area.error()));
  auto journal = staging::Journal::open({.file = options.staging_directory + "/journal.db",
                                         .sync_each = options.sync_close,
                                         .reserve = (*area)->reserve()});
  if (!journal) return fail(std::move(journal.error()));
  auto names = staging::NameJournal::open(**journal);
  if (!names) return fail(std::move(names.error()));
  auto pool = cache::BlockPool::create(options.read_memory_bytes, clock);
  if (!pool) return fail(std::move(pool.error()));
  auto folder = std::make_unique<Folder>(store, scheduler, clock, options, std::move(*area),
                                         std::move(*journal), std::move(*names), std::move(*pool));
  if (auto recovered = folder->recover(); !recovered) return fail(std::move(recovered.error()));
  return folder;
}

namespace {

/// What listings for opens are good for, at most. Where nothing grows old no open asks.
constexpr std::chrono::milliseconds kListedForOpens{1'000};

staging::UploadOptions upload_options(const FolderOptions& options,
                                      std::shared_ptr<staging::UploadLog> log) {
  return {.plan = options.plan, .progress_timeout = options.commit_timeout, .log = std::move(log)};
}

/// The folder itself, of which no object tells anything.
void describe_root(Inode& root, const FolderOptions& options, WallTime born) {
  root.attributes.mode = S_IFDIR | options.directory_mode;
  root.attributes.uid = options.uid;
  root.attributes.gid = options.gid;
  root.attributes.link_count = 2;
  root.attributes.size_bytes = 4096;
  root.attributes.atime = root.attributes.mtime = root.attributes.ctime = born;
}

}  // namespace

/// What Removals asks of the rest. Called while members are still being made: it may only be kept.
RemovalOptions Folder::removal_options() {
  return {.prefix = options_.prefix,
          .request_timeout = options_.metadata_timeout,
          .goes_along =
              [this](const std::string& key, Deadline deadline, Callback<std::string> done) {
                return links_.goes_along(key, deadline, std::move(done));
              },
          .are_same =
              [this](const std::string& key, const std::string& etag, const std::string& other) {
                return successors_.are_same(key, etag, other);
              },
          .stays =
              [this](const std::string& key) {
                directories_.forget(key.substr(0, key.rfind('/', key.size() - 2) + 1));
              },
          .hierarchical = options_.hierarchical_namespace,
          .place_aside = [this](const std::string& key) { return place_aside(key); },
          .is_aside =
              [this](const std::string& key, const std::string& etag, const std::string& aside,
                     const std::string& aside_etag) {
                return goes_on_aside({key, etag}, {aside, aside_etag});
              },
          .upload = upload_options(options_, journal_)};
}

/// The same for TreeMoves.
TreeMoveOptions Folder::move_options() {
  return {.prefix = options_.prefix,
          .at_one_stroke = options_.hierarchical_namespace,
          .request_timeout = options_.metadata_timeout,
          .upload = upload_options(options_, journal_),
          .left = [this](const std::string& key, const std::string& etag) {
            successors_.left({key, etag});
          }};
}

Folder::Folder(oss::ObjectStore& store, Scheduler& scheduler, const Clock& clock,
               FolderOptions options, std::shared_ptr<staging::StagingArea> area,
               std::shared_ptr<staging::Journal> journal,
               std::unique_ptr<staging::NameJournal> names, std::shared_ptr<cache::BlockPool> pool)
    : store_(names_overlay_),
      scheduler_(scheduler),
      clock_(clock),
      options_(std::move(options)),
      state_(options_.read_only),
      defaults_{options_.uid, options_.gid, options_.file_mode, options_.directory_mode},
      keys_(options_.prefix),
      area_(std::move(area)),
      journal_(std::move(journal)),
      name_journal_(std::move(names)),
      removals_(store, scheduler, clock_, *name_journal_, removal_options()),
      successors_(clock_),
      moves_(store, scheduler, clock_, *name_journal_, removals_, move_options(),
             [this](const std::string& key, const std::string& before, const std::string& after) {
               return object_moved(key, before, after);
             }),
      exchanges_(scheduler, *name_journal_,
                 [this](Exchanges::Entry& entry, Interrupt* interrupt) {
                   return finish_exchange(entry, interrupt);
                 }),
      names_overlay_(store, scheduler, clock_, removals_, moves_),
      links_(store_, clock_, removals_, options_.prefix),
      fresh_links_(scheduler, clock_, *name_journal_,
                   {.prefix = options_.prefix, .links_max = options_.fresh_links_max},
                   [this](const FreshLinks::Link& link, Interrupt* interrupt) {
                     return make_link(link, interrupt);
                   }),
      pool_(std::move(pool)),
      trim_(scheduler, pool_),
      contents_({store_, scheduler, clock, pool_, *area_, *journal_, *this, successors_}, tree_,
                keys_,
                {.commit = options_.commit,
                 .prefetches_max = options_.prefetches_max,
                 .read_timeout = options_.read_timeout,
                 .content = {.read_timeout = options_.metadata_timeout,
                             .upload = upload_options(options_, journal_)}}),
      listings_(
          store_, clock,
          {.keys = keys_, .fresh = options_.fresh, .page_timeout = options_.metadata_timeout}),
      metas_(cache::AttributeStore::open({.file = options_.attribute_file, .fresh = options_.fresh},
                                         clock)),
      opens_ahead_(contents_.reads(), listings_, *metas_, state_, options_.open_fresh,
                   [this](const ReadingRuns::File& file) { return way_to_ask(file); }),
      open_runs_(store_, clock_,
                 {.prefix = options_.prefix,
                  .fresh = std::min(options_.open_fresh, kListedForOpens),
                  .request_timeout = options_.metadata_timeout}),
      born_(std::chrono::floor<std::chrono::seconds>(clock.wall())),
      objects_({store_, clock_, keys_, state_, listings_, *metas_, links_, opens_ahead_},
               {.defaults = defaults_,
                .symlink_objects = options_.symlink_objects,
                .implied_times = born_}),
      quota_bytes_(options_.quota_bytes),
      used_bytes_(options_.used_bytes),
      acls_hidden_(options_.acls_hidden),
      directory_times_(tree_, scheduler, clock_,
                       [this](const InodePointer& directory) { store_directory_time(directory); }),
      aside_(*area_),
      recovery_(
          {store_, clock_, tree_, keys_, *area_, journal_, removals_, links_, contents_, aside_},
          {.defaults = defaults_, .abort_timeout = options_.commit_timeout}) {
  MutexLock lock(tree_.mutex);
  describe_root(*tree_.find(InodeNumber::kRoot), options_, born_);
}

Result<void> Folder::probe(Deadline deadline, Interrupt* interrupt) {
  const oss::ListRequest request{.prefix = keys_.prefix(), .delimiter = "/", .keys_max = 1};
  auto page = await<oss::ListPage>(interrupt, [&](Callback<oss::ListPage> done) {
    return store_.start_list(request, deadline, std::move(done));
  });
  if (!page) return fail(std::move(page.error()));
  recovery_.settle_returned(deadline, interrupt);
  return {};
}

std::vector<PendingFile> Folder::pending() const {
  std::vector<PendingFile> out = aside_.pending();
  for (const auto& content : contents_.beside())
    out.push_back({content->path_beside(), content->unsent_bytes(), content->last_error()});
  {
    MutexLock lock(tree_.mutex);
    for (const InodePointer& inode : contents_.inodes(tree_)) {
      if (inode->removed || !inode->content->dirty()) continue;
      out.push_back(
          {tree_.path_of(*inode), inode->content->unsent_bytes(), inode->content->last_error()});
    }
  }
  for (PendingFile& link : fresh_links_.pending()) out.push_back(std::move(link));
  for (PendingFile& exchange : exchanges_.pending()) out.push_back(std::move(exchange));
  for (PendingFile& move : moves_.pending()) out.push_back(std::move(move));
  for (PendingFile& removal : removals_.pending()) out.push_back(std::move(removal));
  contents_.await_journal();  // who asks may read it next, as `stsfs rescue` does
  return out;
}

void Folder::resume() {
  std::size_t count = 0;
  std::vector<std::shared_ptr<FileContent>> contents;
  {
    MutexLock lock(tree_.mutex);
    for (const InodePointer& inode : contents_.inodes(tree_))
      if (inode->content->dirty()) contents.push_back(inode->content);
  }
  count = contents.size();
  if (count > 0) log_info("fs", "{} written before: on to OSS now", count_of(count, "file"));
  for (const auto& content : contents) content->commit_unasked();
  recovery_.abort_uploads();
  moves_.resume();
  exchanges_.resume();
  fresh_links_.resume();
  removals_.resume();
}

ReadMemory Folder::read_memory() const {
  const auto figures = pool_->figures();
  return {.budget_bytes = figures.budget_bytes,
          .used_bytes = figures.used_bytes,
          .highest_bytes = figures.highest_bytes,
          .taken_away = figures.taken_away,
          .waiting = figures.waiting};
}

Result<void> Folder::drain(Deadline deadline) {
  directory_times_.store_all();
  std::vector<std::shared_ptr<FileContent>> contents = contents_.beside();
  const std::size_t beside = contents.size();
  {
    MutexLock lock(tree_.mutex);
    for (const InodePointer& inode : contents_.inodes(tree_))
      if (!inode->removed && inode->content->dirty()) contents.push_back(inode->content);
  }
  Interrupt at_deadline;
  const Transfer timer = scheduler_.after(deadline.left(clock_), [&] { at_deadline.raise(); });
  std::vector<std::shared_ptr<Waiter<void>>> commits;  // all started before the first is waited for
  for (const auto& content : contents) {
    commits.push_back(std::make_shared<Waiter<void>>());
    content->commit(commits.back()->callback());
  }
  Result<void> result = await<void>(&at_deadline, [&](Callback<void> done) {
    exchanges_.settle([](const Exchanges::Entry&) { return true; }, std::move(done));
    return Transfer();
  });
  for (std::size_t i = 0; i < commits.size(); ++i) {
    auto committed = commits[i]->wait(&at_deadline);
    const bool is_there = i < beside && !contents[i]->dirty();  // beside theirs, as was said before
    if (!committed && !is_there && result) result = fail(std::move(committed.error()));
  }
  auto linked = await<void>(&at_deadline, [&](Callback<void> done) {
    fresh_links_.settle([](const FreshLinks::Link&) { return true; }, std::move(done));
    return Transfer();
  });
  if (!linked && result) result = fail(std::move(linked.error()));
  if (auto sure = links_.settle_unsure(&at_deadline, deadline); !sure && result)
    result = fail(std::move(sure.error()));
  auto removed = await<void>(&at_deadline, [&](Callback<void> done) {
    removals_.settle("", std::move(done));
    return Transfer();
  });
  if (!removed && result) result = fail(std::move(removed.error()));
  auto moved = await<void>(&at_deadline, [&](Callback<void> done) {
    moves_.settle(std::move(done));
    return Transfer();
  });
  if (!moved && result) result = fail(std::move(moved.error()));
  contents_.await_journal();  // as in `pending`
  return result;
}

void Folder::refresh(const std::string& wanted) {
  listings_.forget(wanted.empty() ? "" : keys_.directory_key(wanted).value_or(""));
  const auto slash = wanted.rfind('/');
  const std::string above = slash == std::string::npos ? "" : wanted.substr(0, slash);
  directories_.forget(keys_.directory_key(above).value_or(""));
  metas_->expire();
  std::vector<InodeNumber> known;
  std::vector<std::pair<InodeNumber, std::string>> names;
  opens_ahead_.forget_all();
  contents_.just_written().forget_all();
  {
    MutexLock lock(tree_.mutex);
    for (const InodePointer& inode : tree_.all()) {
      bool is_wanted = wanted.empty();
      for (const auto& [parent, name] : tree_.names_of(*inode)) {
        const std::string whole = tree_.path_of(parent, name);
        if (!wanted.empty() && whole != wanted && !whole.starts_with(wanted + "/")) continue;
        is_wanted = true;
        names.emplace_back(parent, name);
      }
      if (!is_wanted) continue;
      inode->confirmed = {};
      known.push_back(inode->number);
    }
  }
  if (notifier_ == nullptr) return;
  for (const InodeNumber number : known) notifier_->inode_changed(number);
  for (const auto& [parent, name] : names) notifier_->entry_changed(parent, name);
}

void Folder::stop() {
  if (!state_.end()) return;
  trim_.stop();
  directory_times_.stop();
  opens_ahead_.stop();
  fresh_links_.stop();
  contents_.stop();
  exchanges_.stop();
  contents_.stop_readers();
  moves_.stop();
  removals_.stop();
  // What was just being noted may have begun its first request behind all this. Whoever noted it
  // lets go of that, and waits until nobody is told of an answer, before the journal is done.
  contents_.await_journal();
}

// --- shared by the operations ---

Result<InodePointer> Folder::inode(InodeNumber number) {
  MutexLock lock(tree_.mutex);
  InodePointer found = tree_.find(number);
  if (!found) return fail(Errc::kStale, "an inode that was forgotten");
  return found;
}

Result<InodePointer> Folder::directory(InodeNumber number) {
  auto found = inode(number);
  if (!found) return found;
  MutexLock lock(tree_.mutex);
  if (!is_directory((*found)->attributes.mode)) return fail(Errc::kNotDirectory, "not a directory");
  if ((*found)->removed) return fail(Errc::kNotFound, "the directory was removed");
  return found;
}

std::string Folder::path(const InodePointer& inode) const {
  MutexLock lock(tree_.mutex);
  return tree_.path_of(*inode);
}

std::string Folder::path_below(const InodePointer& parent, std::string_view name) const {
  return join_path(path(parent), name);
}

bool Folder::is_fresh(SteadyTime confirmed, std::chrono::milliseconds time) const {
  return confirmed != SteadyTime{} && clock_.steady() - confirmed < time;
}

Entry Folder::entry_of(const InodePointer& inode) {
  MutexLock lock(tree_.mutex);
  Entry out;
  out.attributes = inode->attributes;
  if (inode->fresh) ++out.attributes.link_count;
  if (inode->removed) out.attributes.link_count = 0;
  bool ours = inode->number == InodeNumber::kRoot;
  if (inode->content) {
    if (is_regular(inode->attributes.mode)) out.attributes.size_bytes = inode->content->size();
    ours = ours || inode->content->dirty();
  }
  inode->kernel_size = out.attributes.size_bytes;
  const auto left_of = [&](SteadyTime confirmed) {
    const auto left =
        std::chrono::floor<std::chrono::milliseconds>(confirmed + options_.fresh - clock_.steady());
    return std::clamp(left, std::chrono::milliseconds(0), options_.fresh);
  };
  const auto left = ours ? options_.open_fresh : left_of(inode->confirmed);
  out.entry_timeout = out.attribute_timeout = left;
  if (!inode->content_key.empty())
    out.entry_timeout = std::min(left, left_of(inode->names_confirmed));
  return out;
}

Entry Folder::counted_entry(const InodePointer& inode) {
  {
    MutexLock lock(tree_.mutex);
    ++inode->lookups;
  }
  return entry_of(inode);
}

/// False: it was forgotten since it was found.
bool Folder::count_if_known(const InodePointer& inode) {
  MutexLock lock(tree_.mutex);
  if (tree_.find(inode->number) != inode) return false;
  ++inode->lookups;
  return true;
}

/// What is made in a directory with set-group-id is of its group, and so is what is made below it.
Attributes Folder::new_attributes(const Context& context, const InodePointer& parent,
                                  mode_t mode) const {
  Attributes out;
  out.mode = mode;
  out.uid = context.caller.uid;
  out.gid = context.caller.gid;
  {
    MutexLock lock(tree_.mutex);
    if ((parent->attributes.mode & S_ISGID) != 0) {
      out.gid = parent->attributes.gid;
      if (is_directory(mode)) out.mode |= S_ISGID;
    }
  }
  out.atime = out.mtime = out.ctime = now();
  if (is_directory(mode)) {
    out.link_count = 2;
    out.size_bytes = 4096;
  }
  return out;
}

void Folder::note_entry(const std::string& directory_path, std::string_view name,
                        const Inode& inode) {
  cache::KnownEntry entry;
  entry.is_directory = is_directory(inode.attributes.mode);
  entry.has_marker = entry.is_directory && inode.in_store;
  entry.size_bytes = inode.attributes.size_bytes;
  entry.etag = inode.etag;
  entry.storage_class = inode.storage_class;
  const std::string whole = join_path(directory_path, name);
  const auto object = entry.is_directory ? keys_.directory_key(whole) : keys_.file_key(whole);
  if (object) metas_->forget(*object);  // until `remember_written`
  if (!inode.content_key.empty() || !inode.symlink_key.empty())
    entry.type = oss::ObjectType::kSymlink;
  if (object) opens_ahead_.spoil(*object);
  if (const auto key = keys_.directory_key(directory_path))
    directories_.set_entry(*key, name, entry);
}

/// What went to OSS a moment ago need not be asked of it later.
void Folder::remember_written(const std::string& key, const Inode& inode,
                              const oss::Written& written, const oss::ObjectHeaders& headers,
                              std::uint64_t size) {
  if (written.etag.empty() || written.server_time == WallTime{}) return;
  metas_->put_written(key, {.size_bytes = size,
                            .etag = written.etag,
                            .last_modified = written.server_time,
                            .type = inode.symlink_key.empty() ? oss::ObjectType::kNormal
                                                              : oss::ObjectType::kSymlink,
                            .storage_class = inode.storage_class,
                            .crc64 = written.crc64,
                            .version_id = written.version_id,
                            .tagging_count = inode.tagged ? 1U : 0U,
                            .headers = headers,
                            .symlink_target = inode.symlink_key,
                            .server_time = written.server_time});
}

/// Of a file.
void Folder::note_gone(const std::string& directory_path, std::string_view name) {
  if (const auto key = keys_.file_key(join_path(directory_path, name))) {
    metas_->forget(*key);
    opens_ahead_.spoil(*key);
  }
  if (const auto key = keys_.directory_key(directory_path)) directories_.erase_entry(*key, name);
}

void Folder::note_directory_gone(const std::string& directory_path, std::string_view name) {
  if (const auto key = keys_.directory_key(directory_path))
    directories_.erase_directory(*key, name);
}

}  // namespace stsfs::fs
