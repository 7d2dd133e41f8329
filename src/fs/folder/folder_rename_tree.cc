// A directory to another name: seen there as soon as the journal has it, while TreeMoves rolls the
// objects forward.

#include <set>

#include "folder.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// How often one waits for its turn, and finds then that something has another name by now.
constexpr int kTurnsMax = 1'000;

}  // namespace

/// Holds what lies below either, and runs `then` when nothing is left that could begin to change,
/// and nobody reads a directory there that is not listed whole. An error: nothing is held.
Result<std::vector<std::pair<InodePointer, std::shared_ptr<FileContent>>>> Folder::hold_below(
    const Context& context, const InodePointer& inode, const InodePointer& target,
    const std::function<void()>& then) {
  std::vector<std::pair<InodePointer, std::shared_ptr<FileContent>>> held;
  std::set<const FileContent*> known;
  for (;;) {
    const std::size_t before = held.size();
    BeingListed listed_still;
    {
      MutexLock lock(tree_.mutex);
      for (const InodePointer& one : contents_.inodes(tree_))
        if (!one->removed && (one == target || tree_.is_below(*one, inode->number)) &&
            known.insert(one->content.get()).second)
          held.emplace_back(one, one->content);
      listed_still = being_listed_below(*inode);
      if (held.size() == before && listed_still.listings.empty()) {
        then();
        return held;
      }
    }
    const auto let_go = [&](std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) held[i].second->release_hold();
    };
    if (held.size() == before) {
      auto listed = list_whole_below(context, inode);
      if (listed && context.deadline.passed(clock_))
        listed = fail(Errc::kTimedOut, "others begin to read it all the time");
      if (listed) continue;
      let_go(held.size());
      return fail(std::move(listed.error()));
    }
    for (std::size_t i = before; i < held.size(); ++i) {
      auto done = contents_.hold(context, held[i].second);
      if (done) continue;
      let_go(i);
      return fail(std::move(done.error()), printable(path(held[i].first)));
    }
  }
}

/// As TreeMoves does with their objects. Tells what they led to before.
std::vector<std::pair<InodePointer, std::string>> Folder::move_links_below(InodeNumber directory,
                                                                           const LinkMove& move) {
  std::vector<std::pair<InodePointer, std::string>> out;
  for (const auto& [name, child] : tree_.children_of(directory)) {
    if (is_directory(child->attributes.mode)) {
      auto below = move_links_below(child->number, move);
      out.insert(out.end(), below.begin(), below.end());
    } else if (!child->symlink_key.empty()) {
      out.emplace_back(child, child->symlink_key);
      child->symlink_key = moved_target(move, child->symlink_key);
    }
  }
  return out;
}

/// Alone in the gate, by the paths of that moment: until its turn comes what lies above may get
/// another name, and another directory go to where these are to be.
Result<Folder::MoveTurn> Folder::take_turn_to_move(Context& context, const InodePointer& inode,
                                                   const InodePointer& new_parent,
                                                   std::string_view new_name) {
  for (int tries = 0; tries < kTurnsMax; ++tries) {
    MoveTurn out{.old_path = path(inode), .new_path = path_below(new_parent, new_name)};
    auto from = keys_.directory_key(out.old_path);
    auto to = keys_.directory_key(out.new_path);
    if (!from || !to) return fail(from ? to.error() : from.error());
    if (auto spared = contents_.spare_copies_of(context, *from); !spared)
      return fail(std::move(spared.error()));
    if (auto listed = list_whole_below(context, inode); !listed)
      return fail(std::move(listed.error()));
    auto plan = moves_.prepare(*from, *to, context.interrupt);
    if (!plan) return fail(std::move(plan.error()));
    // That took as long as it took.
    context.deadline = Deadline::in(clock_, options_.metadata_timeout);
    auto alone = link_gate_.enter_without_fresh_links(context, *from, *to);
    if (!alone) return fail(std::move(alone.error()));
    const bool lies_there =
        path(inode) == out.old_path && path_below(new_parent, new_name) == out.new_path;
    if (!lies_there || moves_.touches(*from, *to)) continue;
    out.plan = std::move(*plan);
    out.alone.emplace(std::move(*alone));
    return out;
  }
  return fail(Errc::kTimedOut, printable(path(inode)) +
                                   ": others move it, or what is above it, "
                                   "all the time");
}

/// The tree is seen at its new place as soon as the journal has it; the objects follow.
Result<void> Folder::rename_directory(Context context, const InodePointer& inode,
                                      const InodePointer& target, const InodePointer& new_parent,
                                      std::string_view new_name, Holds& holds) {
  auto turn = take_turn_to_move(context, inode, new_parent, new_name);
  if (!turn) return fail(std::move(turn.error()));
  const std::string& old_path = turn->old_path;
  const std::string& new_path = turn->new_path;
  const std::string from = turn->plan.from, to = turn->plan.to;
  // What was asked before may have been of what is above by another name.
  if (target)
    if (auto empty = check_empty(context, target); !empty) return empty;
  const bool is_exchanged = exchanges_.any(
      [&](const Exchanges::Entry& entry) { return Exchanges::is_below(entry, old_path); });
  if (is_exchanged) return fail(Errc::kUnavailable, "a name below it is not whole yet");
  static_cast<void>(links_.settle_unsure(context.interrupt, context.deadline));
  links_.keep_unsure_below(from);
  // What is still to be deleted below must not be copied, nor imply the old directory.
  for (const std::string* key : {&from, &to}) {
    auto settled = await<void>(context.interrupt, [&](Callback<void> done) {
      removals_.settle(*key, std::move(done));
      return Transfer();
    });
    if (!settled) return settled;
  }
  std::uint64_t move = 0;
  InodeNumber old_parent{};
  std::vector<std::pair<InodePointer, std::string>> led_to;  // links, before they moved
  // A commit under way ends under the old name; those that come later find the new one.
  const auto held = hold_below(context, inode, target, [&]() STSFS_REQUIRES(tree_.mutex) {
    const InodePointer above = tree_.find(inode->parent);
    turn->plan.parent_has_marker = above && above->in_store;
    move = moves_.switch_over(std::move(turn->plan));
    if (target) tree_.remove(target);
    old_parent = inode->parent;
    tree_.move(inode, new_parent->number, new_name);
    inode->moved = clock_.steady();
    led_to = move_links_below(inode->number, {from, to});
    // What was known under these keys is not what lies there now, were it of the same bytes.
    for (const std::string* key : {&from, &to}) {
      metas_->forget_below(*key);
      directories_.forget_below(*key);
      opens_ahead_.spoil_below(*key);
    }
  });
  if (!held) return fail(held.error());
  // From the journal's note of it on, and before the first of them gets another ETag on its way.
  const auto lie_where_they_are = [&] {
    for (const auto& [one, content] : *held) {
      ObjectVersion base;
      {
        MutexLock lock(tree_.mutex);
        base = {key_of(*one), one->etag};
        one->confirmed = {};
      }
      content->lies_at(base);
    }
  };
  auto confirmed = moves_.confirm(move, old_path, new_path, target != nullptr, lie_where_they_are,
                                  context.interrupt);
  if (!confirmed) {
    const auto slash = old_path.rfind('/');
    {
      MutexLock lock(tree_.mutex);
      tree_.move(inode, old_parent, old_path.substr(slash == std::string::npos ? 0 : slash + 1));
      inode->moved = clock_.steady();
      for (auto& [one, key] : led_to) one->symlink_key = std::move(key);
    }
    lie_where_they_are();
  }
  for (const auto& [one, content] : *held) {
    if (one == target && confirmed) content->forget_changes();
    holds.add(content, std::nullopt);
  }
  return confirmed;
}

}  // namespace stsfs::fs
