#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "folder.h"
#include "naming/extended_attributes.h"
#include "stsfs/base/await.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

}  // namespace

/// Pages are per inode, and those of two versions must not mix: while handles read one through
/// them, a handle on another reads past them.
Opened Folder::opened(const Context& context, const InodePointer& inode,
                      std::shared_ptr<FileContent> content, int flags) {
  Opened out;
  auto handle = std::make_shared<FileHandle>();
  {
    MutexLock lock(tree_.mutex);
    ++inode->opens;
    if (writes(flags)) ++inode->writers;
    out.direct_io = inode->paged_opens > 0 && inode->paged_content != content.get();
    if (!out.direct_io) {
      ++inode->paged_opens;
      inode->paged_content = content.get();
      // Pages of an earlier version must go before this handle reads. The kernel may never hear of
      // that: this open may be sent back, or have been interrupted.
      const bool clean = !content->dirty();
      out.keep_cache = clean && !inode->etag.empty() && inode->pages_etag == inode->etag;
      if (!out.keep_cache) inode->pages_etag.clear();
      if (!out.keep_cache && clean) handle->fills = inode->etag;
    }
  }
  handle->inode = inode;
  handle->content = std::move(content);
  handle->flags = flags;
  handle->opener = context.caller.pid;
  handle->paged = !out.direct_io;
  out.no_flush = !writes(flags);
  out.handle = handles_.add(std::move(handle));
  trim_.opened();
  return out;
}

void Folder::fills_pages(const FileHandle& handle) {
  MutexLock lock(tree_.mutex);
  Inode& inode = *handle.inode;
  if (!handle.fills.empty() && inode.etag == handle.fills &&
      inode.paged_content == handle.content.get())
    inode.pages_etag = handle.fills;
}

/// Bytes that were handed out turned out to be wrong.
void Folder::pages_are_bad(const InodePointer& inode) {
  {
    MutexLock lock(tree_.mutex);
    inode->pages_etag.clear();
  }
  if (notifier_ != nullptr) notifier_->inode_changed(inode->number);
}

Result<Opened> Folder::open(const Context& context, InodeNumber number, int flags) {
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  auto out = open_present(context, *found, flags);
  if (out) out->size_is_news = must_look_up(context, *handles_.file(out->handle));
  return out;
}

bool Folder::must_look_up(const Context& context, const FileHandle& handle) {
  constexpr std::size_t kSentBackMax = 1'000;
  const std::pair who(handle.inode->number, context.caller.pid);
  MutexLock lock(tree_.mutex);
  const bool again = sent_back_.erase(who) > 0;
  const auto& known = handle.inode->kernel_size;
  if (again || !known || *known == handle.content->size()) return false;
  if (sent_back_.size() >= kSentBackMax) sent_back_.clear();
  sent_back_.insert(who);
  return true;
}

Result<Opened> Folder::open_present(const Context& context, const InodePointer& inode, int flags) {
  if (writes(flags) || (flags & O_TRUNC) != 0)
    if (auto may = may_write(); !may) return fail(std::move(may.error()));
  Result<bool> begun = false;
  const bool reads = !writes(flags) && (flags & O_TRUNC) == 0;
  if (reads) begun = open_from_ahead(context, inode);
  if (reads && begun && !*begun) begun = confirm_by_reading(context, inode);
  if (!begun) return fail(std::move(begun.error()));
  if (!*begun)
    if (auto confirmed = confirm_opened(context, inode); !confirmed)
      return fail(std::move(confirmed.error()));
  {
    MutexLock lock(tree_.mutex);
    if (is_directory(inode->attributes.mode)) return fail(Errc::kIsDirectory, "is a directory");
    if (inode->replaced) return fail_replaced();
  }
  const Contents::Use content(contents_, inode);
  if ((flags & O_TRUNC) != 0) {
    {
      MutexLock lock(tree_.mutex);  // before a commit of it can ask
      inode->attributes.mtime = inode->attributes.ctime = now();
      inode->times_given = false;
      inode->kernel_size = 0;
    }
    if (auto cut = content->begin_anew(); !cut) return fail(std::move(cut.error()));
  }
  Opened out = opened(context, inode, *content, flags);
  if (reads) read_on(context, inode);
  if ((flags & O_TRUNC) != 0) handles_.file(out.handle)->last_change = content->last_change();
  return out;
}

Result<std::pair<Entry, Opened>> Folder::create(const Context& context, InodeNumber parent_number,
                                                std::string_view name, mode_t mode, int flags) {
  if (auto may = may_write(); !may) return fail(std::move(may.error()));
  auto parent = directory(parent_number);
  if (!parent) return fail(std::move(parent.error()));
  if (auto good = KeySpace::check_name(name); !good) return fail(std::move(good.error()));
  const std::string whole = path_below(*parent, name);
  if (auto key = keys_.file_key(whole); !key) return fail(std::move(key.error()));
  // The kernel looked the name up, but perhaps some time ago: from memory this costs nothing.
  KeptInodes kept(*this, tree_);
  auto present = resolve(context, *parent, name);
  while (present && !kept.add(*present)) present = resolve(context, *parent, name);
  if (!present && present.error().code != Errc::kNotFound) return fail(std::move(present.error()));
  if (!present)
    if (auto good = KeySpace::check_new_name(name); !good) return fail(std::move(good.error()));
  if (present && (flags & O_EXCL) != 0) return fail(Errc::kExists, printable(whole) + " exists");
  if (present) {
    auto out = open_present(context, *present, flags);
    if (!out) return fail(std::move(out.error()));
    return std::pair(counted_entry(*present), *out);
  }
  if (options_.strict_exclusive && (flags & O_EXCL) != 0) {
    auto made = create_at_once(context, *parent, name, mode);
    if (!made) return fail(std::move(made.error()));
    const Contents::Use content(contents_, *made);
    const Opened out = opened(context, *made, *content, flags);
    return std::pair(entry_of(*made), out);
  }
  const Attributes attributes = new_attributes(context, *parent, S_IFREG | (mode & 07777));
  InodePointer inode;
  {
    MutexLock lock(tree_.mutex);
    inode = tree_.add((*parent)->number, name, attributes);
    ++inode->lookups;
    inode->headers.content_type = "application/octet-stream";
    inode->storage_class = options_.storage_class;
    if (!options_.acl.empty()) inode->headers.user[kAclName] = options_.acl;
  }
  directory_times_.entries_changed(*parent);
  const Contents::Use content(contents_, inode);
  const Opened out = opened(context, inode, *content, flags);
  // An empty file is to be there after close, too.
  handles_.file(out.handle)->last_change = content->last_change();
  return std::pair(entry_of(inode), out);
}

/// An empty object decides who was first, on whatever machine.
Result<InodePointer> Folder::create_at_once(const Context& context, const InodePointer& parent,
                                            std::string_view name, mode_t mode) {
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  const auto pass = name_gate_.enter(context, clock_);
  if (!pass) return fail(pass.error());
  auto key = keys_.file_key(path_below(parent, name));
  if (!key) return fail(std::move(key.error()));
  const Attributes attributes = new_attributes(context, parent, S_IFREG | (mode & 07777));
  oss::ObjectHeaders headers;
  headers.content_type = "application/octet-stream";
  if (!options_.acl.empty()) headers.user[kAclName] = options_.acl;
  oss::PutOptions put = put_options(attributes, headers, options_.storage_class);
  return make_object(context, parent, name, *key, attributes, std::move(put), "");
}

void Folder::read(const Context&, HandleNumber number, ByteRange range,
                  Callback<std::span<const std::byte>> done) {
  const FileHandlePointer handle = handles_.file(number);
  if (!handle) {
    done(fail(Errc::kBadHandle, "read of a handle that is not open"));
    return;
  }
  if (handle->is_first_read.exchange(false)) fills_pages(*handle);
  handle->content->read(
      range,
      [this, handle, done = std::move(done)](auto got) mutable {
        if (!got && got.error().code == Errc::kCorrupt) pages_are_bad(handle->inode);
        done(std::move(got));
      },
      static_cast<ReadStreams::ReaderId>(number));
}

Result<FileHandlePointer> Folder::writable(HandleNumber number) const {
  if (auto may = may_write(); !may) return fail(std::move(may.error()));
  FileHandlePointer handle = handles_.file(number);
  if (!handle || !writes(handle->flags)) return fail(Errc::kBadHandle, "not open for writing");
  return handle;
}

/// `end`: to where the kernel takes the file to reach by this, at least.
void Folder::wrote(FileHandle& handle, std::uint64_t end) {
  MutexLock lock(tree_.mutex);
  auto& known = handle.inode->kernel_size;
  if (known) known = std::max(*known, end);
  handle.filled = true;
  handle.last_change = handle.content->last_change();
  handle.inode->attributes.mtime = handle.inode->attributes.ctime = now();
  handle.inode->times_given = false;
}

Result<std::size_t> Folder::write(const Context&, HandleNumber number,
                                  std::span<const std::byte> bytes, std::uint64_t offset) {
  auto handle = writable(number);
  if (!handle) return fail(std::move(handle.error()));
  Result<std::uint64_t> at = offset;
  if (((*handle)->flags & O_APPEND) != 0) {
    at = (*handle)->content->append(bytes);
    if (!at) return fail(std::move(at.error()));
  } else if (auto written = (*handle)->content->write(bytes, offset); !written) {
    return fail(std::move(written.error()));
  }
  wrote(**handle, offset + bytes.size());
  // The kernel took the file for longer or shorter, and has the bytes in pages there.
  if (*at != offset) pages_are_bad((*handle)->inode);
  return bytes.size();
}

Result<void> Folder::write_back(const Context&, HandleNumber number,
                                std::span<const std::byte> bytes, std::uint64_t offset) {
  auto handle = writable(number);
  if (!handle) return fail(std::move(handle.error()));
  if (auto written = (*handle)->content->write_within(bytes, offset); !written) return written;
  if ((*handle)->content->dirty()) wrote(**handle, 0);
  return {};
}

/// Back-pressure: the scarcer the room for what is not in OSS yet, the slower its writers, down to
/// what goes up meanwhile. Full is full: the next write says so.
void Folder::pace(Callback<void> done) {
  constexpr std::chrono::milliseconds kPauseMax{250};
  const auto pause =
      std::chrono::duration_cast<std::chrono::milliseconds>(area_->pressure() * kPauseMax);
  if (pause.count() == 0) {
    done({});
    return;
  }
  auto timer = std::make_shared<Transfer>();
  *timer = scheduler_.after(pause, [timer, done = std::move(done)]() mutable {
    done({});
    timer.reset();
  });
}

/// A little that is here is written like any other bytes: the close need not wait for a copy on the
/// server, and what other clients do to the source does not matter. None when it is not so.
std::optional<std::uint64_t> Folder::copy_at_hand(const Context& context, FileContent& source,
                                                  ByteRange range, FileHandle& target,
                                                  std::uint64_t to_offset) {
  constexpr std::uint64_t kLittle = std::uint64_t{128} << 10;
  const std::uint64_t size = source.size();
  if (range.offset >= size) return std::nullopt;
  range.length = std::min(range.length, size - range.offset);
  if (range.length > kLittle || !source.is_at_hand(range)) return std::nullopt;
  const auto bytes =
      await<std::vector<std::byte>>(context.interrupt, [&](Callback<std::vector<std::byte>> done) {
        source.read(range,
                    [done = std::move(done)](Result<std::span<const std::byte>> got) mutable {
                      if (got)
                        done(std::vector(got->begin(), got->end()));
                      else
                        done(fail(std::move(got.error())));
                    });
        return Transfer();
      });
  if (!bytes || bytes->empty() || !target.content->write(*bytes, to_offset)) return std::nullopt;
  wrote(target, to_offset + bytes->size());
  return bytes->size();
}

/// Within one file, or from one whose object may go any moment, the kernel reads and writes itself.
Result<std::uint64_t> Folder::copy_range(const Context& context, HandleNumber from, ByteRange range,
                                         HandleNumber to, std::uint64_t to_offset) {
  auto target = writable(to);
  if (!target) return fail(std::move(target.error()));
  const FileHandlePointer source = handles_.file(from);
  if (!source) return fail(Errc::kBadHandle, "copy from a handle that is not open");
  bool removed = false;
  {
    MutexLock lock(tree_.mutex);
    removed = source->inode->removed;
  }
  if (removed || source->content == (*target)->content)
    return fail(Errc::kNotSupported, "these bytes are read and written");
  if (auto copied = copy_at_hand(context, *source->content, range, **target, to_offset))
    return *copied;
  const FileContent::Lent lent = source->content->lend(range);
  const bool on_the_server =
      std::all_of(lent.extents.begin(), lent.extents.end(),
                  [](const auto& e) { return e.origin != staging::Origin::kStaged; });
  if (!on_the_server)
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  if (lent.extents.empty()) return 0;
  if (auto taken = (*target)->content->take(lent, range.offset, to_offset); !taken) {
    wrote(**target, to_offset);  // a part of it may be there
    return fail(std::move(taken.error()));
  }
  const std::uint64_t copied = lent.extents.back().range.end() - range.offset;
  wrote(**target, to_offset + copied);
  return copied;
}

Result<void> Folder::allocate(const Context& context, HandleNumber number, ByteRange range,
                              Allocation kind) {
  auto handle = writable(number);
  if (!handle) return fail(std::move(handle.error()));
  if (auto may = may_wait(context); !may) return may;
  if (auto done = (*handle)->content->allocate(range, kind); !done) return done;
  // What changed no byte and no size is nothing that OSS would be told of: nor a new time.
  const bool reaches = kind == Allocation::kExtend || kind == Allocation::kZero;
  if ((*handle)->content->dirty()) wrote(**handle, reaches ? range.end() : 0);
  return {};
}

Result<std::optional<std::uint64_t>> Folder::seek(const Context&, HandleNumber number,
                                                  std::uint64_t offset, SeekTo what) {
  const FileHandlePointer handle = handles_.file(number);
  if (!handle) return fail(Errc::kBadHandle, "seek in a handle that is not open");
  return handle->content->seek(offset, what);
}

/// With one handle that may write, a descriptor of the inode that may write is one of that handle.
bool Folder::is_still_held(const Context& context, const FileHandle& handle,
                           const HoldsForWriting& holds) {
  const auto is_only_writer = [&] {
    MutexLock lock(tree_.mutex);
    return handle.inode->writers == 1;
  };
  if (!is_only_writer()) return false;
  const bool held =
      holds(context.caller.pid) || (handle.opener != context.caller.pid && holds(handle.opener));
  return held && is_only_writer();  // nor has another come while that was looked at
}

void Folder::flush(const Context& context, HandleNumber number, const HoldsForWriting& holds,
                   Callback<void> done) {
  const FileHandlePointer handle = handles_.file(number);
  bool owed = false;
  bool may_be_duplicated = false;
  if (handle) {
    MutexLock lock(tree_.mutex);
    // What another handle is just writing is not closed by this one's second descriptor.
    owed = handle->last_change > 0 && !handle->inode->removed &&
           !contents_.is_kept(*handle->content, handle->last_change);
    may_be_duplicated =
        context.caller.pid != handle->opener ||
        (options_.commit == CommitMode::kClose && (!handle->filled || handle->closed));
    handle->closed = true;
  }
  // A shell closes what it has just opened and duplicated, and each program that ends in it closes
  // what it inherited: to commit there would send a log once for every line, and half of what its
  // parent is writing. Looking costs more than all else here, so that it is left where who has
  // opened it closes it first after a write, as nearly all programs do.
  if (owed && may_be_duplicated && handle->content->dirty() &&
      is_still_held(context, *handle, holds))
    owed = false;
  if (owed)
    contents_.settle(handle->content, std::move(done));
  else
    done({});
}

/// Names are in OSS, or in the journal, when the operation that made them returns.
void Folder::fsyncdir(const Context&, Callback<void> done) { journal_->to_disk(std::move(done)); }

void Folder::fsync(const Context&, HandleNumber number, bool, Callback<void> done) {
  const FileHandlePointer handle = handles_.file(number);
  if (!handle) {
    done(fail(Errc::kBadHandle, "fsync of a handle that is not open"));
    return;
  }
  bool removed = false;
  {
    MutexLock lock(tree_.mutex);
    removed = handle->inode->removed;
  }
  if (removed) {
    done({});
    return;
  }
  handle->content->commit([this, number = handle->inode->number,
                           done = std::move(done)](Result<void> committed) mutable {
    if (!committed) {
      done(std::move(committed));
      return;
    }
    fresh_links_.settle(number, std::move(done));
  });
}

void Folder::release(HandleNumber number) {
  const FileHandlePointer handle = handles_.take_file(number);
  if (!handle) return;
  trim_.closed();
  handle->content->leave(static_cast<ReadStreams::ReaderId>(number));
  bool commit = false;
  {
    MutexLock lock(tree_.mutex);
    --handle->inode->opens;
    if (writes(handle->flags)) --handle->inode->writers;
    if (handle->paged) --handle->inode->paged_opens;
    commit = !handle->inode->removed && !state_.is_ending() &&
             !handle->content->is_closed(handle->last_change);
  }
  // A mapping's pages come after the last flush: what no flush has closed of what came through this
  // handle goes now, and shows in `status` if it fails. Of another's that is his to say.
  if (commit) contents_.settle(handle->content, [](Result<void>) {});
  std::string held_key;
  {
    MutexLock lock(tree_.mutex);
    if (handle->inode->opens == 0) held_key.swap(handle->inode->held_key);
    // The next open asks OSS again; what the blocks hold need not stay.
    if (handle->inode->opens == 0 && handle->inode->content == handle->content &&
        !handle->content->dirty() && !handle->content->busy())
      handle->inode->content = nullptr;
    tree_.release(handle->inode);
  }
  if (!held_key.empty()) removals_.release(held_key);
  contents_.sweep();
}

}  // namespace stsfs::fs
