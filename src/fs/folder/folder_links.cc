// Hard links: several names of one inode, whose object lies in the LinkArea.

#include "fan_out.h"
#include "folder.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// Names of one file that are asked for when it is confirmed; further ones are forgotten.
constexpr std::size_t kNamesConfirmedMax = 16;
/// For others to fetch what they copy from a content that is about to go: there is no way back.
constexpr std::chrono::hours kSpared{24};

}  // namespace

Result<Entry> Folder::link(const Context& context, InodeNumber number, InodeNumber parent_number,
                           std::string_view name) {
  if (auto may = may_write(); !may) return fail(std::move(may.error()));
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  if (!options_.hard_links)
    return fail(Errc::kNotPermitted, "this mount makes no hard links (option hard_links)");
  if (!options_.symlink_objects)
    return fail(Errc::kNotPermitted,
                "hard links need OSS symlink objects, which this bucket has not");
  auto parent = directory(parent_number);
  auto found = inode(number);
  if (!parent || !found) return fail(parent ? found.error() : parent.error());
  if (auto good = KeySpace::check_new_name(name); !good) return fail(std::move(good.error()));
  if (auto made = link_gate_.settle_links_of(context, *found); !made)
    return fail(std::move(made.error()));
  const auto pass = name_gate_.enter(context, clock_);
  if (!pass) return fail(pass.error());
  auto key = keys_.file_key(path_below(*parent, name));
  if (!key) return fail(std::move(key.error()));
  {
    MutexLock lock(tree_.mutex);
    const mode_t mode = (*found)->attributes.mode;
    if (is_directory(mode) || is_link(mode))
      return fail(Errc::kNotPermitted, "only files can have several names");
    if ((*found)->replaced) return fail_replaced();
    if ((*found)->removed) return fail(Errc::kNotFound, "the file was removed");
  }
  auto present = resolve(context, *parent, name);
  if (present) return fail(Errc::kExists, printable(*key) + " exists");
  if (present.error().code != Errc::kNotFound) return fail(std::move(present.error()));
  const bool later = [&] {
    MutexLock lock(tree_.mutex);
    return may_link_later(**found, *key);
  }();
  auto linked = later ? link_later(*found, *parent, name, *key)
                      : link_at_once(context, *found, *parent, name, *key);
  if (!linked) return fail(std::move(linked.error()));
  directory_times_.entries_changed(*parent);
  return counted_entry(*found);
}

Result<void> Folder::link_at_once(const Context& context, const InodePointer& inode,
                                  const InodePointer& parent, std::string_view name,
                                  const std::string& key) {
  if (auto shared = share_content(context, inode); !shared) return shared;
  if (auto named = add_name(context, inode, key, std::nullopt); !named) return named;
  MutexLock lock(tree_.mutex);
  inode->attributes.ctime = now();
  tree_.add_name(inode, parent->number, name);
  note_entry(tree_.path_of(*parent), name, *inode);
  return {};
}

Result<void> Folder::add_name(const Context& context, const InodePointer& inode,
                              const std::string& key, const Present& present) {
  std::string content_key;
  {
    MutexLock lock(tree_.mutex);
    content_key = inode->content_key;
  }
  static_cast<void>(links_.settle_unsure(context.interrupt, context.deadline));
  const LinkArea::Name name = LinkArea::new_name(content_key);
  {
    MutexLock lock(tree_.mutex);
    if (inode->fresh && inode->fresh->key == key) inode->fresh->token = name.token;
  }
  if (auto begun = links_.begin_name(name, context.interrupt, context.deadline); !begun)
    return begun;
  auto named = links_.put_name(name, key, present, context.interrupt, context.deadline);
  if (!named) return fail(std::move(named.error()));
  return count_name(context, inode, key, {name.content_key, name.token, named->etag});
}

/// The content is looked for once its new name is there: another client may have taken the last of
/// the others away meanwhile.
Result<void> Folder::count_name(const Context& context, const InodePointer& inode,
                                const std::string& key, const LinkArea::Name& name) {
  auto census = links_.count(name.content_key, context.interrupt, context.deadline);
  if (!census) return fail(std::move(census.error()));
  if (!census->has_content) {
    static_cast<void>(removals_.add({{key, name.etag}, {name.token_key(), ""}}));
    MutexLock lock(tree_.mutex);
    inode->confirmed = {};
    return fail(Errc::kNotFound, "another client removed the file");
  }
  MutexLock lock(tree_.mutex);
  inode->attributes.link_count = static_cast<std::uint32_t>(census->tokens.size());
  if (inode->fresh && inode->fresh->key == key) inode->fresh.reset();  // it is counted now
  return {};
}

/// Brings a file with one name to where files with several lie. Its own name leads there before
/// anybody else's does, and is replaced only while it is the version that was copied.
Result<void> Folder::share_content(const Context& context, const InodePointer& inode) {
  const Contents::Use use(contents_, inode);
  const std::shared_ptr<FileContent>& content = *use;
  bool is_version = false;  // OSS has one, and what it lacks nobody has closed
  {
    MutexLock lock(tree_.mutex);
    is_version = inode->in_store && content == inode->content && content->is_only_being_written();
  }
  if (!is_version)
    if (auto sent = contents_.commit_and_wait(context, content); !sent) return sent;
  Holds holds;
  std::string old_key;
  std::string etag;
  {
    MutexLock lock(tree_.mutex);
    if (!inode->content_key.empty()) return {};
    old_key = key_of(*inode);
  }
  if (auto spared = contents_.spare_copies_of(context, old_key); !spared) return spared;
  if (auto held = contents_.hold(context, content); !held) return held;
  std::uint64_t size = 0;
  oss::CopyOptions copy;
  bool tagged = false;
  {
    MutexLock lock(tree_.mutex);
    etag = inode->etag;
    size = size_in_store(*inode);
    copy.source_key = old_key;
    copy.source_etag = etag;
    copy.put = put_options(inode->attributes, inode->headers, inode->storage_class);
    tagged = inode->tagged;
  }
  std::optional<Replacing> replacing;
  auto moved = copy_to_area(context, inode, std::move(copy), size, tagged, replacing);
  if (!moved) {
    holds.add(content, std::nullopt);
    directories_.forget(old_key.substr(0, old_key.rfind('/') + 1));
    MutexLock lock(tree_.mutex);
    inode->confirmed = {};  // it may lead there all the same
    return fail(std::move(moved.error()));
  }
  const auto& [name, written] = *moved;
  const std::string copied = written.etag.empty() ? etag : written.etag;
  {
    MutexLock lock(tree_.mutex);
    if (inode->pages_etag == inode->etag) inode->pages_etag = copied;
    inode->etag = copied;
    inode->confirmed = inode->touched = inode->names_confirmed = clock_.steady();
    inode->attributes.link_count = 1;
    tree_.set_content_key(inode, name.content_key);
    const std::string whole = tree_.path_of(*inode);
    const auto slash = whole.rfind('/');
    note_entry(slash == std::string::npos ? "" : whole.substr(0, slash), inode->name, *inode);
  }
  metas_->forget(old_key);
  holds.add(content, ObjectVersion{name.content_key, copied});
  return {};
}

/// The copy, and the name that leads to it in place of what was copied: from then on `replacing`.
Result<std::pair<LinkArea::Name, oss::Written>> Folder::copy_to_area(
    const Context& context, const InodePointer& inode, oss::CopyOptions copy, std::uint64_t size,
    bool tagged, std::optional<Replacing>& replacing) {
  const std::string key = copy.source_key;
  LinkArea::Name name = LinkArea::new_name(links_.new_content_key(inode->number));
  if (auto begun = links_.begin_name(name, context.interrupt, context.deadline); !begun)
    return fail(std::move(begun.error()));
  auto written = copy_version(context, name.content_key, copy, size, tagged);
  Result<void> unchanged;
  if (written && goes_in_parts(size)) {  // which took its time
    auto meta = objects_.head(context, key);
    if (!meta) unchanged = fail(std::move(meta.error()));
    if (meta && meta->etag != copy.source_etag)
      unchanged = fail(Errc::kChanged, "another client wrote the file meanwhile");
  }
  if (!written || !unchanged) {
    links_.take_back(name);  // and with it what was copied
    return fail(written ? std::move(unchanged.error()) : std::move(written.error()));
  }
  replacing.emplace(tree_, inode);
  auto named = links_.put_name(name, key, copy.source_etag, context.interrupt, context.deadline);
  if (!named) return fail(std::move(named.error()));
  successors_.became({key, copy.source_etag}, {name.content_key, written->etag});
  return std::pair(std::move(name), std::move(*written));
}

/// One of several names goes; with the last one the file.
Result<void> Folder::unlink_name(const Context& context, const InodePointer& inode,
                                 const InodePointer& parent, std::string_view name,
                                 const std::string& key) {
  auto known = links_.name_at(key, context.interrupt, context.deadline);
  if (!known) return fail(std::move(known.error()));
  if (!*known) {  // another client put something else there: whoever asks again finds it
    directories_.forget(keys_.directory_key(path(parent)).value_or(""));
    MutexLock lock(tree_.mutex);
    tree_.remove_name(inode, parent->number, name);
    return fail(Errc::kStale, printable(key) + " is no name of that file any more");
  }
  bool parent_has_marker = false;
  {
    MutexLock lock(tree_.mutex);
    parent_has_marker = parent->in_store;
  }
  std::string etag = (*known)->etag;
  if (moves_.place_of(key).where == TreeMoves::Where::kNew) {
    auto brought = await<void>(context.interrupt, [&](Callback<void> done) {
      moves_.bring(key, TreeMoves::Bring::kReplaced, std::move(done));
      return Transfer();
    });
    if (!brought) return brought;
    etag.clear();  // it has another there
  }
  const std::vector<Removal> gone{{(*known)->token_key(), "", true},
                                  {key, etag, parent_has_marker}};
  auto dropped = drop_name(context, inode, parent->number, name, **known, gone);
  if (!dropped) return dropped;
  note_gone(path(parent), name);
  metas_->forget(key);
  directory_times_.entries_changed(parent);
  return {};
}

/// `gone` is what goes of it: its token, and the name where that is not gone already.
Result<void> Folder::drop_name(const Context& context, const InodePointer& inode,
                               InodeNumber parent, std::string_view name,
                               const LinkArea::Name& known, const std::vector<Removal>& gone) {
  const std::string token_key = known.token_key();
  std::string object_key;
  bool held = false;
  std::uint32_t left = 0;
  {
    MutexLock lock(tree_.mutex);
    object_key = inode->content_key;
    held = inode->opens > 0 && inode->held_key.empty();
    if (held) inode->held_key = token_key;  // the content waits with it for the last close
    left = std::max<std::uint32_t>(inode->attributes.link_count, 1) - 1;
  }
  if (held) removals_.hold(token_key);
  auto removed = removals_.add(gone);
  links_.ahead().forget();
  if (removed) {
    const auto census = links_.count(known.content_key, context.interrupt, context.deadline);
    if (census) left = static_cast<std::uint32_t>(census->tokens.size());
  }
  const bool last = removed && left == 0;
  if (held && !last) removals_.release(token_key);
  const Context to_the_end{.deadline = Deadline::in(clock_, kSpared)};
  if (last)
    if (auto spared = contents_.spare_copies_of(to_the_end, object_key); !spared)
      log_warning("fs", "{}: {}", printable(object_key), spared.error().message);
  std::shared_ptr<FileContent> content;
  {
    MutexLock lock(tree_.mutex);
    if (held && !last) inode->held_key.clear();
    if (!removed) return removed;
    inode->attributes.ctime = now();
    if (last) {
      content = inode->content;
      tree_.remove(inode);
    } else {
      // Those left may not be known here, and what was written is theirs.
      inode->attributes.link_count = left + 1;
      tree_.remove_name(inode, parent, name);
    }
    inode->attributes.link_count = left;
  }
  if (content) content->forget_changes();
  contents_.sweep();
  return {};
}

/// A file with several names is asked for by where it lies, and so are the names that are known of
/// it: one that leads elsewhere by now is no name of it any more.
Result<void> Folder::confirm_linked(const Context& context, const InodePointer& inode) {
  if (auto may = may_wait(context); !may) return may;
  const SteadyTime asked = clock_.steady();
  std::string content_key;
  std::vector<std::pair<InodeNumber, std::string>> names;
  std::vector<std::string> keys;
  {
    MutexLock lock(tree_.mutex);
    content_key = inode->content_key;
    names = tree_.names_of(*inode);
    if (const auto& fresh = inode->fresh) std::erase(names, std::pair(fresh->parent, fresh->name));
    for (; names.size() > kNamesConfirmedMax; names.pop_back())  // whoever asks for it finds it
      tree_.remove_name(inode, names.back().first, names.back().second);
    for (const auto& [parent, name] : names) {
      keys.push_back(keys_.file_key(tree_.path_of(parent, name)).value_or(""));
    }
  }
  auto waiter = std::make_shared<Waiter<oss::ObjectMeta>>();
  const Transfer asking = store_.start_head(content_key, context.deadline, waiter->callback());
  const auto links = fan_out<oss::Symlink>(
      context.interrupt, keys.size(), keys.size(), [&](std::size_t i, Callback<oss::Symlink> done) {
        return store_.start_get_symlink(keys[i], context.deadline, std::move(done));
      });
  auto census = links_.count(content_key, context.interrupt, context.deadline);
  auto meta = waiter->wait(context.interrupt);
  if (!census) return fail(std::move(census.error()));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto name = links[i] ? links_.name_in(*links[i]) : std::nullopt;
    if (name && name->content_key == content_key) continue;
    if (!links[i] && links[i].error().code != Errc::kNotFound &&
        links[i].error().code != Errc::kInvalid)
      return fail(links[i].error());
    forget_name(inode, names[i].first, names[i].second);
  }
  const bool gone = !meta && meta.error().code == Errc::kNotFound;
  if (gone)
    for (const auto& [parent, name] : names) forget_name(inode, parent, name);
  if (gone) return fail(Errc::kStale, "another client removed the file");
  if (!meta) return fail(std::move(meta.error()));
  {
    MutexLock lock(tree_.mutex);
    inode->names_confirmed = asked;
  }
  take_meta(inode, *meta, census->tokens, asked);
  return {};
}

/// What the name leads to is to be asked anew.
void Folder::forget_name(const InodePointer& inode, InodeNumber parent, const std::string& name) {
  std::string directory_key;
  {
    MutexLock lock(tree_.mutex);
    if (const InodePointer above = tree_.find(parent))
      directory_key = keys_.directory_key(tree_.path_of(*above)).value_or("");
    tree_.remove_name(inode, parent, name);
  }
  if (!directory_key.empty()) directories_.forget(directory_key);
}

/// A file with several names as its object is now.
void Folder::take_meta(const InodePointer& inode, const oss::ObjectMeta& meta,
                       const std::set<std::string>& tokens, SteadyTime asked) {
  bool pages_changed = false;
  {
    MutexLock lock(tree_.mutex);
    if (inode->removed || (inode->content && inode->content->dirty())) return;
    if (inode->replacing > 0) return;
    if (inode->in_store && inode->touched > asked) return;  // it tells nothing of what we wrote
    inode->attributes = attributes_of(meta, false, defaults_);
    inode->attributes.inode = inode->number;
    inode->attributes.link_count = Tree::count_names(*inode, tokens);
    inode->headers = meta.headers;
    inode->storage_class = meta.storage_class;
    inode->tagged = meta.tagging_count > 0;
    pages_changed = !inode->pages_etag.empty() && inode->pages_etag != meta.etag;
    if (pages_changed) inode->pages_etag.clear();
    if (inode->content && inode->etag != meta.etag) inode->content = nullptr;
    inode->etag = meta.etag;
    inode->confirmed = asked;
  }
  if (pages_changed && notifier_ != nullptr) notifier_->inode_changed(inode->number);
}

}  // namespace stsfs::fs
