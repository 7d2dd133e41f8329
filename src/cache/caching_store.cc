// A read goes through its range from the front. What the disk has is given from there, a block at a
// time; what it lacks up to the next block that it has is one request to the store below, whose
// bytes are put together to blocks on the way and written to the disk behind the reader's back.

#include "stsfs/cache/caching_store.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "errand.h"
#include "partial_blocks.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/worker_pool.h"

namespace stsfs::cache {
namespace {

/// Enough for a disk to be busy; more would only wait for it.
constexpr std::size_t kDiskThreads = 4;
/// On their way to the disk at once. What comes meanwhile is not kept.
constexpr std::uint64_t kWritingMax = std::uint64_t{32} << 20;
/// A whole object in one answer is kept when its checksum was found right at the end, up to here.
constexpr std::size_t kHeldBlocksMax = 8;

std::uint64_t block_of(std::uint64_t offset) { return offset / BlockStore::kBlockSize; }

}  // namespace

/// The threads of the disk, and the blocks on their way to it.
class CachingStore::Disk {
 public:
  explicit Disk(BlockStore& store) : blocks(store), partials(buffers) {}

  void keep(WholeBlock block) {
    if (writing_ >= kWritingMax) return;
    writing_ += BlockStore::kBlockSize;
    (void)threads.run([this, block = std::make_shared<WholeBlock>(std::move(block))] {
      if (!is_spoilt(block->id)) blocks.write(block->id, block->facts, block->span());
      if (is_spoilt(block->id)) blocks.drop(block->id);
      block->bytes.reset();
      writing_ -= BlockStore::kBlockSize;
    });
  }

  /// The bytes of that version were wrong. What is on its way to the disk goes when it is there.
  void forget(BlockId id, std::uint64_t size_bytes) {
    {
      MutexLock lock(mutex_);
      if (spoilt_.size() >= kSpoiltMax) spoilt_.clear();
      spoilt_.insert(version_of(id));
    }
    (void)threads.run([this, id = std::move(id), size_bytes]() mutable {
      for (id.index = 0; id.index * BlockStore::kBlockSize < size_bytes; ++id.index)
        blocks.drop(id);
    });
  }

  BlockStore& blocks;
  BlockBuffers buffers;
  PartialBlocks partials;

 private:
  static constexpr std::size_t kSpoiltMax = 1000;

  static std::string version_of(const BlockId& id) { return id.etag + "\n" + id.key; }
  bool is_spoilt(const BlockId& id) {
    MutexLock lock(mutex_);
    return spoilt_.contains(version_of(id));
  }

  Mutex mutex_;  // a leaf
  std::set<std::string> spoilt_ STSFS_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> writing_{0};

 public:
  WorkerPool threads{{.threads_max = kDiskThreads}};  // last: its tasks use the others
};

/// One read. Its steps follow one another: a look at the disk, and what was found is passed on by
/// the thread that completes transfers; or a request.
class CachingStore::Reading final : public oss::ReadSink,
                                    public std::enable_shared_from_this<Reading> {
 public:
  Reading(CachingStore& store, BlockId id, ByteRange range, oss::ReadSink& sink, Deadline deadline,
          Callback<void> done)
      : store_(store),
        sink_(sink),
        deadline_(deadline),
        id_(std::move(id)),
        at_(range.offset),
        end_(range.end()),
        done_(std::move(done)) {}

  void cancel() {
    chain_.cancel();
    done_ = nullptr;  // what it holds is not to go on a thread of the disk, some time later
  }

  /// For who made it; then only from the callback of the step before.
  void look() {
    chain_.step([&] {
      const auto self = shared_from_this();
      return Errand::start(
          store_.disk_->threads, store_.scheduler_,
          [self, id = block_at(at_), end = end_] { return look_at_disk(self, id, end); },
          [self] { self->fetch(self->end_); });
    });
  }

  Result<void> begin(const oss::ObjectMeta& meta) override {
    // Of a link the version named is its target's, which lies elsewhere: nothing is kept.
    facts_ = meta.type == oss::ObjectType::kSymlink ? BlockFacts()
                                                    : BlockFacts{meta.size_bytes, meta.crc64};
    end_ = std::min(end_, meta.size_bytes);
    is_whole_ = at_ == 0 && end_ == meta.size_bytes && meta.crc64.has_value();
    return pass_begin(meta);
  }

  Result<void> write(std::span<const std::byte> bytes) override {
    if (auto taken = sink_.write(bytes); !taken) return taken;
    for (WholeBlock& block : store_.disk_->partials.add(id_, facts_, at_, bytes)) {
      if (!is_whole_)
        store_.disk_->keep(std::move(block));
      else if (held_.size() < kHeldBlocksMax)
        held_.push_back(std::move(block));
    }
    at_ += bytes.size();
    return {};
  }

 private:
  BlockId block_at(std::uint64_t offset) const {
    BlockId id = id_;
    id.index = block_of(offset);
    return id;
  }

  /// On a thread of the disk. The read may be over already: `self` only lends the store.
  static UniqueFunction<void()> look_at_disk(const std::shared_ptr<Reading>& self, BlockId id,
                                             std::uint64_t end) {
    Disk& disk = *self->store_.disk_;
    auto buffer = std::make_shared<BlockBuffers::Buffer>(disk.buffers.take(BlockBuffers::kReadMax));
    std::optional<BlockStore::Found> found;  // without memory it is as if there were nothing
    if (*buffer) found = disk.blocks.read(id, std::span(buffer->get(), BlockStore::kBlockSize));
    if (found) {
      return [self, found, buffer] { self->give(*found, std::move(*buffer)); };
    }
    buffer->reset();
    std::uint64_t missing_to = 0;
    do {
      missing_to = ++id.index * BlockStore::kBlockSize;
    } while (missing_to < end && !disk.blocks.has(id));
    return [self, to = std::min(end, missing_to)] { self->fetch(to); };
  }

  // --- on the thread that completes transfers ---

  void give(const BlockStore::Found& found, BlockBuffers::Buffer block) {
    end_ = std::min(end_, found.facts.object_size);
    facts_ = found.facts;
    const std::uint64_t start = block_of(at_) * BlockStore::kBlockSize;
    const std::uint64_t to = std::min(end_, start + found.size_bytes);
    const bool is_behind_end = to <= at_;
    Result<void> taken;
    if (!is_behind_end) taken = pass(found.facts, {block.get() + (at_ - start), to - at_});
    // Before the next step begins or the reader is told: from then on nobody who cancels waits for
    // this one, and the store may go.
    block.reset();
    if (is_behind_end) return fetch(end_);  // it is for the server to say so
    if (is_called_off()) return;
    at_ = to;
    if (!taken || at_ == end_) return finish(std::move(taken));
    look();
  }

  Result<void> pass(const BlockFacts& facts, std::span<const std::byte> bytes) {
    oss::ObjectMeta meta;
    meta.size_bytes = facts.object_size;
    meta.etag = id_.etag;
    meta.crc64 = facts.object_crc64;
    Result<void> taken = pass_begin(meta);
    return taken && !is_called_off() ? sink_.write(bytes) : taken;
  }

  Result<void> pass_begin(const oss::ObjectMeta& meta) {
    return std::exchange(begun_, true) ? Result<void>() : sink_.begin(meta);
  }

  void fetch(std::uint64_t to) {
    chain_.step([&] {
      return store_.inner_.start_get(
          id_.key, id_.etag, {at_, to - at_}, *this, deadline_,
          [self = shared_from_this()](Result<void> result) { self->fetched(std::move(result)); });
    });
  }

  void fetched(Result<void> result) {
    if (!result) return finish(std::move(result));
    for (WholeBlock& block : held_) store_.disk_->keep(std::move(block));
    held_.clear();
    if (at_ >= end_) return finish({});
    look();
  }

  /// By its own sink, which gets nothing any more and is told nothing.
  bool is_called_off() const { return !done_; }

  void finish(Result<void> result) {
    if (is_called_off()) return;
    if (!result && result.error().code == Errc::kCorrupt)
      store_.disk_->forget(id_, facts_.object_size);
    auto done = std::move(done_);
    done(std::move(result));
  }

  CachingStore& store_;
  oss::ReadSink& sink_;
  const Deadline deadline_;
  const BlockId id_;   // of the object; its index says nothing
  std::uint64_t at_;   // what comes before it was given
  std::uint64_t end_;  // of the range; of the object, once that is known
  bool begun_ = false;
  BlockFacts facts_;
  bool is_whole_ = false;  // the present answer is the whole object, checked at its end
  std::vector<WholeBlock> held_;
  Callback<void> done_;
  Chain chain_;
};

CachingStore::CachingStore(oss::ObjectStore& inner, Scheduler& scheduler, BlockStore& blocks,
                           std::string folder)
    : inner_(inner),
      scheduler_(scheduler),
      folder_(std::move(folder)),
      disk_(std::make_unique<Disk>(blocks)) {
  (void)disk_->threads.run([this] { disk_->blocks.tidy(); });
}

CachingStore::~CachingStore() = default;

bool CachingStore::has_start(const std::string& key, const std::string& etag) const {
  return disk_->blocks.has({folder_, key, etag, 0});
}

Transfer CachingStore::start_get(std::string_view key, std::string_view etag, ByteRange range,
                                 oss::ReadSink& sink, Deadline deadline, Callback<void> done) {
  if (etag.empty() || range.empty())
    return inner_.start_get(key, etag, range, sink, deadline, std::move(done));
  auto reading =
      std::make_shared<Reading>(*this, BlockId{folder_, std::string(key), std::string(etag), 0},
                                range, sink, deadline, std::move(done));
  reading->look();
  return Transfer([reading] { reading->cancel(); });
}

// --- what passes ---

Transfer CachingStore::start_list(const oss::ListRequest& request, Deadline deadline,
                                  Callback<oss::ListPage> done) {
  return inner_.start_list(request, deadline, std::move(done));
}
Transfer CachingStore::start_head(std::string_view key, Deadline deadline,
                                  Callback<oss::ObjectMeta> done) {
  return inner_.start_head(key, deadline, std::move(done));
}
Transfer CachingStore::start_brief(std::string_view key, Deadline deadline,
                                   Callback<oss::ObjectBrief> done) {
  return inner_.start_brief(key, deadline, std::move(done));
}
Transfer CachingStore::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                                 const oss::PutOptions& options, Deadline deadline,
                                 Callback<oss::Written> done) {
  return inner_.start_put(key, std::move(body), options, deadline, std::move(done));
}
Transfer CachingStore::start_copy(std::string_view key, const oss::CopyOptions& options,
                                  Deadline deadline, Callback<oss::Written> done) {
  return inner_.start_copy(key, options, deadline, std::move(done));
}
Transfer CachingStore::start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                                    Callback<void> done) {
  return inner_.start_delete(key, etag, deadline, std::move(done));
}
Transfer CachingStore::start_delete_many(std::vector<oss::Doomed> doomed, Deadline deadline,
                                         Callback<std::vector<std::string>> done) {
  return inner_.start_delete_many(std::move(doomed), deadline, std::move(done));
}
Transfer CachingStore::start_initiate(std::string_view key, const oss::PutOptions& options,
                                      Deadline deadline, Callback<std::string> done) {
  return inner_.start_initiate(key, options, deadline, std::move(done));
}
Transfer CachingStore::start_upload_part(std::string_view key, std::string_view upload_id,
                                         int number, std::shared_ptr<http::BodySource> body,
                                         Deadline deadline, Callback<oss::Part> done) {
  return inner_.start_upload_part(key, upload_id, number, std::move(body), deadline,
                                  std::move(done));
}
Transfer CachingStore::start_copy_part(std::string_view key, std::string_view upload_id, int number,
                                       std::string_view source_key, std::string_view source_etag,
                                       ByteRange range, Deadline deadline,
                                       Callback<oss::Part> done) {
  return inner_.start_copy_part(key, upload_id, number, source_key, source_etag, range, deadline,
                                std::move(done));
}
Transfer CachingStore::start_complete(std::string_view key, std::string_view upload_id,
                                      std::vector<oss::Part> parts, const oss::PutOptions& options,
                                      Deadline deadline, Callback<oss::Written> done) {
  return inner_.start_complete(key, upload_id, std::move(parts), options, deadline,
                               std::move(done));
}
Transfer CachingStore::start_abort(std::string_view key, std::string_view upload_id,
                                   Deadline deadline, Callback<void> done) {
  return inner_.start_abort(key, upload_id, deadline, std::move(done));
}
Transfer CachingStore::start_list_parts(std::string_view key, std::string_view upload_id,
                                        Deadline deadline, Callback<std::vector<oss::Part>> done) {
  return inner_.start_list_parts(key, upload_id, deadline, std::move(done));
}
Transfer CachingStore::start_put_symlink(std::string_view key, std::string_view target_key,
                                         const oss::PutOptions& options, Deadline deadline,
                                         Callback<oss::Written> done) {
  return inner_.start_put_symlink(key, target_key, options, deadline, std::move(done));
}
Transfer CachingStore::start_get_symlink(std::string_view key, Deadline deadline,
                                         Callback<oss::Symlink> done) {
  return inner_.start_get_symlink(key, deadline, std::move(done));
}
Transfer CachingStore::start_get_acl(std::string_view key, Deadline deadline,
                                     Callback<std::string> done) {
  return inner_.start_get_acl(key, deadline, std::move(done));
}
Transfer CachingStore::start_get_tagging(std::string_view key, Deadline deadline,
                                         Callback<std::string> done) {
  return inner_.start_get_tagging(key, deadline, std::move(done));
}
Transfer CachingStore::start_restore(std::string_view key, const oss::RestoreRequest& request,
                                     Deadline deadline, Callback<void> done) {
  return inner_.start_restore(key, request, deadline, std::move(done));
}
Transfer CachingStore::start_rename(std::string_view from, std::string_view to, Deadline deadline,
                                    Callback<void> done) {
  return inner_.start_rename(from, to, deadline, std::move(done));
}

}  // namespace stsfs::cache
