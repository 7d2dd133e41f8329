#include "contents.h"

#include <algorithm>
#include <utility>

#include "stsfs/base/await.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// Small files want many requests under way, and a large one has several of its own.
constexpr std::size_t kCommitsAtOnce = 48;

}  // namespace

Contents::Contents(const Sources& sources, Tree& tree, const KeySpace& keys, const Options& options)
    : tree_(tree),
      keys_(keys),
      commit_(options.commit),
      slots_(kCommitsAtOnce, sources.clock, options.content.upload.progress_timeout / 2),
      prefetch_slots_(options.prefetches_max),
      surroundings_{sources.store,
                    sources.scheduler,
                    sources.clock,
                    ReadSurroundings{sources.store, sources.scheduler, sources.clock, sources.pool,
                                     prefetch_slots_, readers_, options.read_timeout},
                    sources.area,
                    sources.journal,
                    slots_,
                    copy_users_,
                    sources.owner,
                    sources.successors,
                    options.content},
      just_written_(sources.scheduler, sources.clock, sources.pool) {}

Contents::Use::Use(Contents& contents, InodePointer inode)
    : contents_(contents), inode_(std::move(inode)) {
  bool made = false;
  {
    MutexLock lock(contents_.tree_.mutex);
    ++inode_->opens;
    made = inode_->content == nullptr;
    content_ = contents_.of(inode_);
  }
  if (made) contents_.read_from_memory(inode_, *content_);
}

Contents::Use::~Use() {
  {
    MutexLock lock(contents_.tree_.mutex);
    --inode_->opens;
    contents_.drop_if_unused(inode_);
    contents_.tree_.release(inode_);
  }
  contents_.sweep();
}

std::shared_ptr<FileContent> Contents::of(const InodePointer& inode) {
  if (!inode->content) {
    const std::uint64_t size = is_directory(inode->attributes.mode) ? inode->bytes_of_marker
                                                                    : inode->attributes.size_bytes;
    inode->content =
        make(inode->number, key_of(tree_, keys_, *inode), inode->etag, inode->in_store ? size : 0);
  }
  return inode->content;
}

/// A content that was just made need not fetch what this mount wrote a moment ago.
void Contents::read_from_memory(const InodePointer& inode, FileContent& content) {
  const FileContent::Version base = content.base();
  auto bytes = just_written_.find(inode->number, base.etag);
  if (!bytes || bytes.bytes().size() != base.size_bytes) return;
  auto reader =
      std::make_shared<BaseReader>(surroundings_.reads, base.key, base.etag, base.size_bytes);
  reader->has_all(std::move(bytes));
  readers_.add(reader);
  content.read_with(std::move(reader));
}

std::shared_ptr<FileContent> Contents::make(InodeNumber inode, std::string key, std::string etag,
                                            std::uint64_t size_bytes) {
  auto out = std::make_shared<FileContent>(surroundings_, inode, std::move(key), std::move(etag),
                                           size_bytes);
  keep_track_of(inode, out);
  return out;
}

std::shared_ptr<FileContent> Contents::make(InodeNumber inode, const staging::JournalEntry& note,
                                            std::shared_ptr<staging::StagedFile> staged) {
  auto out = std::make_shared<FileContent>(surroundings_, inode, note, std::move(staged));
  keep_track_of(inode, out);
  return out;
}

void Contents::keep_track_of(InodeNumber inode, const std::shared_ptr<FileContent>& content) {
  MutexLock lock(mutex_);
  if (known_.size() >= sweep_at_) {
    std::erase_if(known_, [](const Known& known) { return known.content.expired(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * known_.size());
  }
  known_.push_back({inode, content});
}

/// The contents themselves are not touched: whoever drops one may have to call a timer off, which
/// the tree's mutex forbids.
std::vector<InodePointer> Contents::inodes(const Tree& tree) const {
  std::vector<InodeNumber> numbers;
  {
    MutexLock lock(mutex_);
    for (const Known& known : known_)
      if (!known.content.expired()) numbers.push_back(known.inode);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::vector<InodePointer> out;
  for (const InodeNumber number : numbers)
    if (InodePointer inode = tree.find(number); inode && inode->content)
      out.push_back(std::move(inode));
  return out;
}

std::vector<std::shared_ptr<FileContent>> Contents::beside() const {
  std::vector<std::shared_ptr<FileContent>> out;
  {
    MutexLock lock(mutex_);
    for (const Known& known : known_)
      if (auto content = known.content.lock()) out.push_back(std::move(content));
  }
  std::erase_if(
      out, [](const auto& content) { return !content->dirty() || content->path_beside().empty(); });
  return out;
}

/// A content that nobody has open and OSS has: the next open asks again, and blocks need not stay.
void Contents::drop_if_unused(const InodePointer& inode) {
  if (inode->opens > 0 || !inode->content) return;
  if (inode->content->dirty() || inode->content->busy()) return;
  inode->content = nullptr;
  tree_.release(inode);
}

void Contents::commit_ended(InodeNumber number) {
  {
    MutexLock lock(tree_.mutex);
    if (const InodePointer inode = tree_.find(number)) drop_if_unused(inode);
  }
  sweep();
}

void Contents::sweep() {
  std::vector<std::shared_ptr<FileContent>> released;
  {
    MutexLock lock(tree_.mutex);
    released = tree_.take_released_contents();
  }
}

void Contents::settle(const std::shared_ptr<FileContent>& content, Callback<void> done) {
  // What is still to be copied on the server hangs on an object that another client may change.
  if (commit_ == CommitMode::kClose || content->has_copies()) {
    content->commit(std::move(done));
    return;
  }
  content->save([content, done = std::move(done)](Result<void> saved) mutable {
    if (!saved) {  // not in the journal: then only OSS is a place to acknowledge
      content->commit(std::move(done));
      return;
    }
    content->commit_soon();
    done({});
  });
}

bool Contents::is_kept(const FileContent& content, std::uint64_t change) const {
  return content.is_kept(change, commit_ == CommitMode::kBackground);
}

Result<void> Contents::settle_and_wait(const Context& context,
                                       const std::shared_ptr<FileContent>& content) {
  return await<void>(context.interrupt, [&](Callback<void> done) {
    settle(content, std::move(done));
    return Transfer();
  });
}

Result<void> Contents::commit_and_wait(const Context& context,
                                       const std::shared_ptr<FileContent>& content) {
  return await<void>(context.interrupt, [&](Callback<void> done) {
    content->commit(std::move(done));
    return Transfer();
  });
}

Result<void> Contents::save_if_noted(const std::shared_ptr<FileContent>& content) {
  if (!content) return {};
  const FileContent::Lacks lacks = content->lacks_in_journal();
  if (lacks == FileContent::Lacks::kNothing) return {};
  auto saved = await<void>(nullptr, [&](Callback<void> done) {
    if (lacks == FileContent::Lacks::kAll)
      content->save(std::move(done));
    else
      content->amend(std::move(done));
    return Transfer();
  });
  if (saved && lacks == FileContent::Lacks::kAll && commit_ == CommitMode::kBackground)
    content->commit_soon();
  return saved;
}

Result<void> Contents::hold(const Context& context, const std::shared_ptr<FileContent>& content) {
  const auto held = std::make_shared<Waiter<void>>();
  content->hold(held->callback());
  return wait_for_hold(context, *content, held);
}

Result<void> Contents::hold_to_remove(const Context& context,
                                      const std::shared_ptr<FileContent>& content) {
  const auto held = std::make_shared<Waiter<void>>();
  content->hold(held->callback());
  content->give_way();
  return wait_for_hold(context, *content, held);
}

Result<void> Contents::wait_for_hold(const Context& context, FileContent& content,
                                     const std::shared_ptr<Waiter<void>>& held) {
  auto done = wait_for(context, *held, held->callback(), content.base().key);
  if (!done) content.release_hold();
  return done;
}

Result<void> Contents::spare_copies_of(const Context& context, const std::string& key) {
  const auto spared = std::make_shared<Waiter<void>>();
  localize_users(copy_users_, key, nullptr, spared->callback());
  return wait_for(context, *spared, spared->callback(), key);
}

/// For what has no deadline of its own.
Result<void> Contents::wait_for(const Context& context, Waiter<void>& waiter, Callback<void> late,
                                const std::string& key) {
  auto expired = [late = std::move(late), key]() mutable {
    late(fail(Errc::kTimedOut, printable(key) +
                                   " is still being brought to OSS, or copied from; `stsfs status` "
                                   "shows how far"));
  };
  const Transfer timer =
      surroundings_.scheduler.after(context.deadline.left(surroundings_.clock), std::move(expired));
  return waiter.wait(context.interrupt);
}

void Contents::await_journal() const {
  static_cast<void>(await<void>(nullptr, [&](Callback<void> done) {
    surroundings_.journal.settle(std::move(done));
    return Transfer();
  }));
}

void Contents::stop() {
  just_written_.stop();
  slots_.stop();
  std::vector<std::shared_ptr<FileContent>> contents;
  {
    MutexLock lock(mutex_);
    for (const auto& known : known_)
      if (auto content = known.content.lock()) contents.push_back(std::move(content));
  }
  for (const auto& content : contents) content->stop();
}

std::uint64_t size_in_store(const Inode& inode) {
  if (inode.content) {
    const FileContent::Version base = inode.content->base();
    if (base.etag == inode.etag) return base.size_bytes;
  }
  return inode.attributes.size_bytes;
}

}  // namespace stsfs::fs
