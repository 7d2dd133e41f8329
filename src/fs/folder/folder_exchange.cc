// Two names change places through a third one, by three renames that replace nothing. Each stands
// in the journal before it is made, so that whatever a kill or an error leaves half-way is made
// whole by what is where: as long as the third name is there, one of the two has lost its own.

#include "folder.h"
#include "naming/conflict_name.h"
#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

using staging::ExchangeStep;

constexpr std::string_view kThirdName = ".stsfs-exchange-";

/// What a later attempt will not change.
bool is_for_good(Errc code) {
  return code == Errc::kDenied || code == Errc::kArchived || code == Errc::kInvalid ||
         code == Errc::kNotSupported || code == Errc::kNotPermitted || code == Errc::kNameTooLong ||
         code == Errc::kTooLarge || code == Errc::kReadOnly;
}

}  // namespace

/// Whoever asks inside the mount is made to wait by the kernel.
Result<void> Folder::exchange(const Context& context, InodeNumber parent_number,
                              std::string_view name, InodeNumber new_parent_number,
                              std::string_view new_name) {
  auto parent = directory(parent_number);
  auto new_parent = directory(new_parent_number);
  if (!parent || !new_parent) return fail(parent ? new_parent.error() : parent.error());
  auto one = resolve(context, *parent, name);
  if (!one) return fail(std::move(one.error()));
  auto other = resolve(context, *new_parent, new_name);
  if (!other) return fail(std::move(other.error()));
  if (*one == *other) return {};
  {
    MutexLock lock(tree_.mutex);
    if (tree_.is_below(**new_parent, (*one)->number) || tree_.is_below(**parent, (*other)->number))
      return fail(Errc::kInvalid, "a directory cannot go below itself");
  }
  for (const InodePointer& inode : {*one, *other})
    if (auto ready = make_ready_to_exchange(context, inode); !ready) return ready;
  const std::string third = std::string(kThirdName) + random_hex(8);
  auto running = begin_exchange(context, {*parent, name, *new_parent, new_name}, third);
  if (!running) return fail(std::move(running.error()));
  const auto move = [&](InodeNumber from, std::string_view from_name, InodeNumber to,
                        std::string_view to_name) {
    return rename(context, from, from_name, to, to_name, RenameMode::kNoReplace);
  };
  // What returns before the end leaves the rest to the thread.
  if (auto away = move(parent_number, name, parent_number, third); !away) return away;
  if (auto noted = running->reach(ExchangeStep::kOver); !noted) return noted;
  if (auto over = move(new_parent_number, new_name, parent_number, name); !over) {
    if (!is_for_good(over.error().code)) return over;
    if (!running->reach(ExchangeStep::kBack)) return over;
    if (move(parent_number, third, parent_number, name)) std::move(*running).end();
    return over;
  }
  if (auto noted = running->reach(ExchangeStep::kLast); !noted) return noted;
  if (auto last = move(parent_number, third, new_parent_number, new_name); !last) return last;
  std::move(*running).end();
  return {};
}

/// What is owed goes to OSS first: between a copy and the note of its new name it would belong to
/// neither. What is archived and was restored is archived anew by its first copy.
Result<void> Folder::make_ready_to_exchange(const Context& context, const InodePointer& inode) {
  std::shared_ptr<FileContent> owed;
  {
    MutexLock lock(tree_.mutex);
    if (inode->storage_class.find("Archive") != std::string::npos && !moves_.at_one_stroke())
      return fail(Errc::kArchived, "what is archived cannot be copied twice");
    if (inode->in_store && inode->content && inode->content->dirty() &&
        !inode->content->is_only_being_written())
      owed = inode->content;
  }
  return owed ? contents_.commit_and_wait(context, owed) : Result<void>();
}

/// Inside the gate: a directory above must not get another name between the paths and their note.
Result<Exchanges::Running> Folder::begin_exchange(const Context& context, const NameChange& names,
                                                  std::string_view third) {
  const auto& [parent, name, other_parent, other_name] = names;
  const auto pass = name_gate_.enter(context, clock_);
  if (!pass) return fail(pass.error());
  bool may_vanish = false;
  {
    MutexLock lock(tree_.mutex);
    may_vanish = other_parent != parent && !other_parent->in_store;
  }
  const std::string other_path = path_below(other_parent, other_name);
  const std::string third_path = path_below(parent, third);
  if (auto room = keys_.directory_key(third_path); !room)  // before anything is noted
    return fail(std::move(room.error()), "no room for the name that an exchange needs");
  if (may_vanish) {
    const auto key = keys_.file_key(other_path);
    auto kept = removals_.keep_directory(keys_.directory_key(path(other_parent)).value_or(""),
                                         key.value_or(""), context.interrupt);
    if (!kept) return fail(std::move(kept.error()));
  }
  return exchanges_.begin(path_below(parent, name), other_path, third_path);
}

// --- what was left half-way ---

/// Nobody is told of a name while it may be the other's. What cannot be finished for long (a denied
/// copy) is shown as it is.
Result<void> Folder::settle_exchanges_left(const Context& context,
                                           const Exchanges::Wanted& wanted) {
  if (!exchanges_.any_left(wanted)) return {};
  if (auto may = may_wait(context); !may) return may;
  auto settled = await<void>(context.interrupt, [&](Callback<void> done) {
    exchanges_.settle_left(wanted, std::move(done));
    return Transfer();
  });
  if (!settled && is_for_good(settled.error().code)) return {};
  return settled;
}

/// As OSS has it now: what an earlier request did whose answer was lost the caches do not know.
Result<Folder::Spot> Folder::spot_at(const Context& context, const std::string& whole,
                                     KeptInodes& kept) {
  const auto slash = whole.rfind('/');
  Spot out{.path = whole, .name = whole.substr(slash == std::string::npos ? 0 : slash + 1)};
  const std::string above = slash == std::string::npos ? "" : whole.substr(0, slash);
  auto parent = find_kept(context, above, kept);
  if (!parent && parent.error().code != Errc::kNotFound) return fail(std::move(parent.error()));
  if (!parent) return out;
  out.parent = *parent;
  directories_.forget(keys_.directory_key(above).value_or(""));
  const auto look = [&] {
    {
      MutexLock lock(tree_.mutex);
      if (const InodePointer known = tree_.child(out.parent->number, out.name))
        known->confirmed = {};
    }
    return resolve_known(context, out.parent, out.name);
  };
  auto found = look();
  while (found && !kept.add(*found)) found = look();
  if (!found && found.error().code != Errc::kNotFound) return fail(std::move(found.error()));
  if (found) out.inode = *found;
  return out;
}

/// On the thread of Exchanges. By the step that is noted, and by what is where: a rename that was
/// cut off left a copy beside what it copied, or nothing.
Result<void> Folder::finish_exchange(Exchanges::Entry& entry, Interrupt* interrupt) {
  const Context context{.interrupt = interrupt,
                        .deadline = Deadline::in(clock_, options_.commit_timeout)};
  const auto reach = [&](ExchangeStep step) {
    entry.step = step;
    return exchanges_.note(entry);
  };
  for (const std::string* path : {&entry.one, &entry.other, &entry.third})
    if (const auto key = keys_.file_key(*path))
      if (auto made = link_gate_.settle_links_left_at(context, *key); !made) return made;
  KeptInodes kept(*this, tree_);
  auto third = spot_at(context, entry.third, kept);
  if (!third) return fail(std::move(third.error()));
  if (!third->inode) return {};  // it has not begun, or is whole
  if (entry.step == ExchangeStep::kAway) {
    auto one = spot_at(context, entry.one, kept);
    if (!one) return fail(std::move(one.error()));
    auto same = is_copy_of(context, *third, *one);
    if (!same) return fail(std::move(same.error()));
    if (*same) return remove_copy(context, *third);
    if (auto noted = reach(ExchangeStep::kOver); !noted) return noted;
  }
  if (entry.step == ExchangeStep::kOver) {
    auto over = finish_move(context, entry.other, entry.one);
    if (!over && !is_for_good(over.error().code)) return over;
    if (auto noted = reach(over ? ExchangeStep::kLast : ExchangeStep::kBack); !noted) return noted;
  }
  return finish_move(context, entry.third,
                     entry.step == ExchangeStep::kBack ? entry.one : entry.other);
}

/// What another client has put there meanwhile goes aside. Where it has removed the directory, what
/// would go there keeps its own under such a name.
Result<void> Folder::finish_move(const Context& context, const std::string& from_path,
                                 const std::string& to_path) {
  KeptInodes kept(*this, tree_);
  auto from = spot_at(context, from_path, kept);
  if (!from) return fail(std::move(from.error()));
  auto to = spot_at(context, to_path, kept);
  if (!to) return fail(std::move(to.error()));
  if (!from->inode) return {};
  auto same = is_copy_of(context, *from, *to);
  if (!same) return fail(std::move(same.error()));
  if (*same) return remove_copy(context, *from);
  Result<void> moved;
  const std::string beside = with_mark(to->name, conflict_mark(now())).value_or(to->name);
  if (to->inode) moved = move_spot(context, *to, to->parent, beside);
  if (moved && to->parent) moved = move_spot(context, *from, to->parent, to->name);
  if (moved && !to->parent) moved = move_spot(context, *from, from->parent, beside);
  return moved;
}

Result<void> Folder::move_spot(const Context& context, const Spot& from,
                               const InodePointer& new_parent, const std::string& new_name) {
  auto moved = rename_found(context, {from.parent, from.name, new_parent, new_name}, from.inode,
                            nullptr, RenameMode::kNoReplace);
  if (!moved) return moved;
  log_info("fs", "an exchange of names that was cut off: {} is now {}", printable(from.path),
           printable(path_below(new_parent, new_name)));
  if (notifier_ == nullptr) return {};
  notifier_->entry_changed(from.parent->number, from.name);
  notifier_->entry_changed(new_parent->number, new_name);
  return {};
}

Result<void> Folder::remove_copy(const Context& context, const Spot& copy) {
  {
    const auto pass = name_gate_.enter(context, clock_);
    if (!pass) return fail(pass.error());
    auto removed = unlink_found(context, copy.parent, copy.name, copy.inode);
    if (!removed) return removed;
  }
  if (notifier_ != nullptr) notifier_->entry_changed(copy.parent->number, copy.name);
  return {};
}

/// Whether one of two was made of the other by a rename that was cut off.
Result<bool> Folder::is_copy_of(const Context& context, const Spot& one, const Spot& other) {
  if (!one.inode || !other.inode) return false;
  {
    MutexLock lock(tree_.mutex);
    if (one.inode == other.inode) return true;
    const mode_t type = one.inode->attributes.mode & S_IFMT;
    if (type == S_IFDIR || type != (other.inode->attributes.mode & S_IFMT)) return false;
    if (type == S_IFLNK) return one.inode->link_target == other.inode->link_target;
  }
  const auto key = keys_.file_key(one.path);
  const auto other_key = keys_.file_key(other.path);
  if (!key || !other_key) return false;
  auto equal = objects_.have_equal_bytes(context, *key, *other_key);
  if (!equal && equal.error().code == Errc::kNotFound) return false;  // not in OSS yet
  return equal;
}

}  // namespace stsfs::fs
