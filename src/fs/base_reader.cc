// A fetch is one ranged GET into pinned blocks. The ranges of the fetches under way neither overlap
// each other nor what is here, so that no byte is written twice and no byte is written that
// somebody may be reading.

#include "base_reader.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

using cache::BlockPool;

constexpr std::uint64_t kBlockSize = BlockPool::kBlockSize;
constexpr std::uint64_t kWindowMax = std::uint64_t{256} << 20;
/// Of a fetch that nobody wants any more: below this it is cheaper to let it end than to open its
/// connection anew (40-60 ms at 100 MB/s).
constexpr std::uint64_t kCancelledFrom = std::uint64_t{4} << 20;
/// Blocks that a jumping reader left, in case it comes back.
constexpr std::size_t kRandomBlocksKept = 16;
/// What a request may need beyond the time-out of a read, so that it may be long on a slow line.
constexpr std::uint64_t kSlowBytesPerSecond = 64 << 10;

ReadStreamsOptions streams_options(const BlockPool& pool) {
  return {.window_max = std::min(kWindowMax, pool.figures().budget_bytes / 4)};
}

bool overlap(ByteRange a, ByteRange b) { return a.offset < b.end() && b.offset < a.end(); }

/// What another request may still bring. The version that is gone, or a refusal, stays so.
bool may_pass(Errc code) {
  return code == Errc::kUnavailable || code == Errc::kTimedOut || code == Errc::kThrottled;
}

}  // namespace

/// One ranged GET under way, or waiting for memory.
class BaseReader::Fetch final : public oss::ReadSink {
 public:
  Fetch(BaseReader& owner, ByteRange wanted, ReadStreams::StreamId for_stream, SteadyTime now)
      : reader(owner), range(wanted), stream(for_stream), began(now), at(wanted.offset) {}

  Result<void> begin(const oss::ObjectMeta& meta) override {
    reader.answered(*this, meta);
    return {};
  }

  Result<void> write(std::span<const std::byte> bytes) override {
    if (bytes.size() > range.end() - at)
      return fail(Errc::kProtocol, "more bytes than were asked for");
    crc = crc64(crc, bytes);
    std::uint64_t to = at;
    for (auto rest = bytes; !rest.empty();) {
      const auto place = pins[to / kBlockSize - first_block()].bytes().subspan(to % kBlockSize);
      const std::size_t size = std::min(place.size(), rest.size());
      if (size == 0) return fail(Errc::kProtocol, "more bytes than the object has");
      std::copy_n(rest.begin(), size, place.begin());
      rest = rest.subspan(size);
      to += size;
    }
    return reader.arrived(*this, bytes.size());
  }

  std::uint64_t first_block() const { return range.offset / kBlockSize; }
  ByteRange left() const { return {at, range.end() - at}; }

  BaseReader& reader;  // kept alive by the callback
  const ByteRange range;
  const ReadStreams::StreamId stream;  // 0: somebody waits for it
  const SteadyTime began;
  std::optional<Deadline> deadline;  // another than its size gives it
  Callback<oss::ObjectMeta> confirmed;
  std::uint64_t crc = 0;  // of what came; only its own callbacks touch it
  Pins pins;              // its blocks, in order; set before it is sent

  // Guarded by the reader's mutex:
  std::uint64_t at;                     // filled up to
  std::vector<BlockPool::Wish> wishes;  // blocks that it waits for
  std::uint64_t ticket = 0;             // at the pool, while it waits
  bool called_off = false;
  Transfer transfer;
};

BaseReader::BaseReader(const ReadSurroundings& around, std::string key, std::string etag,
                       std::uint64_t size)
    : around_(around),
      key_(std::move(key)),
      etag_(std::move(etag)),
      size_(size),
      holder_(around.pool->add_holder()),
      streams_(size, streams_options(*around.pool)),
      checksum_(size) {}

BaseReader::~BaseReader() = default;

void Readers::add(const std::shared_ptr<BaseReader>& reader) {
  MutexLock lock(mutex_);
  if (readers_.size() >= sweep_at_) {
    std::erase_if(readers_, [](const auto& known) { return known.expired(); });
    sweep_at_ = std::max(kSweepMin, 2 * readers_.size());
  }
  readers_.push_back(reader);
}

void Readers::stop_all() {
  std::vector<std::weak_ptr<BaseReader>> readers;
  {
    MutexLock lock(mutex_);
    readers.swap(readers_);
  }
  for (const auto& known : readers)
    if (const auto reader = known.lock()) reader->stop();
}

Deadline BaseReader::deadline_for(ByteRange range) const {
  const std::chrono::milliseconds longer(1000 * range.length / kSlowBytesPerSecond);
  return Deadline::in(around_.clock, around_.timeout + longer);
}

// --- reading ---

void BaseReader::read(ByteRange range, Done done) {
  const SteadyTime now = around_.clock.steady();
  around_.pool->touch(*holder_);
  Answer here{range, {}, {}};
  std::vector<FetchPointer> to_begin;
  std::vector<FetchPointer> unwanted;
  std::optional<Error> ended;
  {
    MutexLock lock(mutex_);
    ended = corrupt_;
    if (stopped_) ended = Error{Errc::kInterrupted, "the file was closed", {}};
    const ReadStreams::Plan plan = streams_.read(range, now);
    if (!ended && !pin(range, here.pins)) {
      streams_.stalled(plan.stream, now, round_trip_);
      waiting_.push_back({range, now, std::move(done)});
      if (!uncovered(range).empty()) to_begin = demand(plan.ask);
    }
    for (FetchPointer& more : demand_lost()) to_begin.push_back(std::move(more));
    unwanted = take_unwanted(plan.ended);
  }
  call_off(unwanted);
  if (ended) return done(fail(std::move(*ended)));
  if (done) {
    here.done = std::move(done);
    answer(std::move(here));
  } else {
    here.pins.clear();
    watch_deadlines();
  }
  for (const FetchPointer& fetch : to_begin) begin(fetch);
  fetch_ahead();
}

void BaseReader::start(Deadline deadline, Callback<oss::ObjectMeta> confirmed) {
  const SteadyTime now = around_.clock.steady();
  std::vector<FetchPointer> to_begin;
  {
    MutexLock lock(mutex_);
    const ReadStreams::Plan plan = streams_.expect_start(now);
    if (!stopped_ && here_.empty() && fetches_.empty()) to_begin = demand(plan.ask);
    for (const FetchPointer& fetch : to_begin) fetch->deadline = deadline;
    if (!to_begin.empty()) to_begin.front()->confirmed = std::move(confirmed);
  }
  if (to_begin.empty()) return confirmed(fail(Errc::kInterrupted, "it has begun before"));
  for (const FetchPointer& fetch : to_begin) begin(fetch);
}

bool BaseReader::start_ahead(Callback<oss::ObjectMeta> confirmed) {
  if (!around_.slots.take()) return false;
  const SteadyTime now = around_.clock.steady();
  FetchPointer fetch;
  {
    MutexLock lock(mutex_);
    const ReadStreams::Plan plan = streams_.expect_start(now);
    fetch = std::make_shared<Fetch>(*this, plan.ask, plan.stream, now);
    fetch->wishes = wishes_for(plan.ask, fetch->pins);
    std::optional<Pins> fresh;
    if (!stopped_)
      fresh = around_.pool->take(holder_, fetch->wishes, BlockPool::Purpose::kPrefetch);
    if (!fresh) {
      fetch = nullptr;
    } else {
      place(*fetch, *fresh);
      streams_.asked({plan.stream, plan.ask});
      fetch->confirmed = std::move(confirmed);
      fetches_.push_back(fetch);
    }
  }
  if (fetch == nullptr) {
    around_.slots.give_back();
    return false;
  }
  send(fetch);
  return true;
}

void BaseReader::close() { end(false); }

void BaseReader::stop() { end(true); }

void BaseReader::end(bool whole_ones_too) {
  std::vector<FetchPointer> fetches;
  std::list<Waiting> waiting;
  std::map<std::uint64_t, Held> blocks;
  Transfer timer;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    waiting.swap(waiting_);
    blocks.swap(blocks_);
    here_.clear();
    timer = std::move(timer_);
    for (auto fetch = fetches_.begin(); fetch != fetches_.end();) {
      const auto present = fetch++;
      if (!whole_ones_too && (*present)->left().empty()) continue;
      (*present)->called_off = true;
      if ((*present)->stream != 0) around_.slots.give_back();
      fetches.push_back(std::move(*present));
      fetches_.erase(present);
    }
  }
  call_off(fetches);
  for (Waiting& read : waiting) read.done(fail(Errc::kInterrupted, "the file was closed"));
}

// --- answering ---

/// Pins the blocks of `range`; false when some of it is not here. What was pinned until then is in
/// `out`, too, since it may only be let go without the lock.
bool BaseReader::pin(ByteRange range, Pins& out) {
  if (!here_.contains(range)) return false;
  for (std::uint64_t index = range.offset / kBlockSize; index * kBlockSize < range.end(); ++index) {
    Held& held = blocks_.at(index);
    held.used = ++uses_;
    BlockPool::Pin pinned = around_.pool->pin(held.block);
    if (!pinned) {
      forget_block(index);
      return false;
    }
    out.push_back(std::move(pinned));
  }
  return true;
}

/// Somebody may be waiting for other bytes of a read that had these already.
void BaseReader::forget_block(std::uint64_t index) {
  lost_ = lost_ || !waiting_.empty();
  here_.remove({index * kBlockSize, kBlockSize});
  blocks_.erase(index);
}

void BaseReader::put_block(std::uint64_t index, BlockPointer block) {
  blocks_[index] = {std::move(block), ++uses_};
  ++blocks_added_;
}

void BaseReader::answer(Answer read) const {
  const std::uint64_t from = read.range.offset % kBlockSize;
  if (read.pins.size() == 1) {
    read.done(std::span<const std::byte>(read.pins[0].bytes()).subspan(from, read.range.length));
  } else {
    std::vector<std::byte> joined;
    joined.reserve(read.range.length);
    for (const BlockPool::Pin& pin : read.pins) {
      const auto bytes = pin.bytes().subspan(joined.empty() ? from : 0);
      const auto part = bytes.first(std::min(bytes.size(), read.range.length - joined.size()));
      joined.insert(joined.end(), part.begin(), part.end());
    }
    read.done(std::span<const std::byte>(joined));
  }
  // A reader that came to the end of a block is done with it.
  std::uint64_t end = (read.range.offset / kBlockSize + 1) * kBlockSize;
  for (const BlockPool::Pin& pin : read.pins) {
    if (end <= read.range.end()) around_.pool->mark_read(*pin.block());
    end += kBlockSize;
  }
}

/// The waiting reads whose bytes are all here. Pins of those that lost some are in `unused`.
std::vector<BaseReader::Answer> BaseReader::take_answerable(Pins& unused) {
  std::vector<Answer> out;
  for (auto read = waiting_.begin(); read != waiting_.end();) {
    if (!here_.contains(read->range)) {
      ++read;
      continue;
    }
    Answer answer{read->range, {}, {}};
    if (!pin(read->range, answer.pins)) {
      std::move(answer.pins.begin(), answer.pins.end(), std::back_inserter(unused));
      ++read;
      continue;
    }
    answer.done = std::move(read->done);
    read = waiting_.erase(read);
    out.push_back(std::move(answer));
  }
  return out;
}

/// The waiting reads of some of `range`.
std::vector<BaseReader::Waiting> BaseReader::take_waiting(ByteRange range) {
  std::vector<Waiting> out;
  for (auto read = waiting_.begin(); read != waiting_.end();) {
    const auto present = read++;
    if (!overlap(present->range, range)) continue;
    out.push_back(std::move(*present));
    waiting_.erase(present);
  }
  return out;
}

/// One timer, for the read that has waited longest.
void BaseReader::watch_deadlines() {
  std::chrono::nanoseconds left{0};
  {
    MutexLock lock(mutex_);
    if (timer_set_ || waiting_.empty()) return;
    timer_set_ = true;
    const auto oldest =
        std::min_element(waiting_.begin(), waiting_.end(),
                         [](const Waiting& a, const Waiting& b) { return a.since < b.since; });
    left = oldest->since + around_.timeout - around_.clock.steady();
  }
  const auto delay =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(1));
  Transfer timer = around_.scheduler.after(delay, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->fail_overdue();
  });
  MutexLock lock(mutex_);
  std::swap(timer, timer_);
}

void BaseReader::fail_overdue() {
  std::vector<Waiting> overdue;
  {
    MutexLock lock(mutex_);
    timer_set_ = false;
    const SteadyTime limit = around_.clock.steady() - around_.timeout;
    for (auto read = waiting_.begin(); read != waiting_.end();) {
      const auto present = read++;
      if (present->since > limit) continue;
      overdue.push_back(std::move(*present));
      waiting_.erase(present);
    }
  }
  for (Waiting& read : overdue)
    read.done(fail(Errc::kTimedOut, "GetObject " + key_ + ": no bytes within the time-out"));
  watch_deadlines();
}

// --- fetching ---

/// What of `range` is neither here nor on its way.
std::vector<ByteRange> BaseReader::uncovered(ByteRange range) const {
  std::vector<ByteRange> out = here_.missing(range);
  for (const FetchPointer& fetch : fetches_) {
    const ByteRange coming = fetch->left();
    std::vector<ByteRange> rest;
    for (const ByteRange& gap : out) {
      if (coming.empty() || !overlap(gap, coming)) {
        rest.push_back(gap);
        continue;
      }
      if (gap.offset < coming.offset) rest.push_back({gap.offset, coming.offset - gap.offset});
      if (gap.end() > coming.end()) rest.push_back({coming.end(), gap.end() - coming.end()});
    }
    out = std::move(rest);
  }
  return out;
}

/// Which blocks `range` still needs. Those that are there are pinned into `present`, at their
/// places.
std::vector<BlockPool::Wish> BaseReader::wishes_for(ByteRange range, Pins& present) {
  std::vector<BlockPool::Wish> out;
  for (std::uint64_t index = range.offset / kBlockSize; index * kBlockSize < range.end(); ++index) {
    const auto held = blocks_.find(index);
    BlockPool::Pin pinned;
    if (held != blocks_.end()) pinned = around_.pool->pin(held->second.block);
    if (held != blocks_.end() && !pinned) forget_block(index);
    if (!pinned)
      out.push_back({.position = index,
                     .size_bytes = static_cast<std::size_t>(
                         std::min(kBlockSize, size_ - index * kBlockSize))});
    present.push_back(std::move(pinned));
  }
  return out;
}

/// Puts blocks that were given into their places.
void BaseReader::place(Fetch& fetch, Pins& fresh) {
  std::uint64_t index = fetch.first_block();
  auto next = fresh.begin();
  for (BlockPool::Pin& pin : fetch.pins) {
    if (!pin) {
      put_block(index, next->block());
      pin = std::move(*next++);
    }
    ++index;
  }
  fetch.wishes.clear();
}

/// Fetches for what of `range` is missing, and whose memory is there if it is to be had at once.
std::vector<BaseReader::FetchPointer> BaseReader::demand(ByteRange range) {
  std::vector<FetchPointer> out;
  for (const ByteRange& gap : uncovered(range)) {
    auto fetch = std::make_shared<Fetch>(*this, gap, 0, around_.clock.steady());
    fetch->wishes = wishes_for(gap, fetch->pins);
    if (auto fresh = around_.pool->take(holder_, fetch->wishes, BlockPool::Purpose::kDemand))
      place(*fetch, *fresh);
    fetches_.push_back(fetch);
    out.push_back(std::move(fetch));
  }
  return out;
}

/// Fetches for what waiting reads had, and had to make room meanwhile.
std::vector<BaseReader::FetchPointer> BaseReader::demand_lost() {
  std::vector<FetchPointer> out;
  while (std::exchange(lost_, false))
    for (const Waiting& read : waiting_)
      for (FetchPointer& fetch : demand(read.range)) out.push_back(std::move(fetch));
  return out;
}

/// The next fetch ahead of a reader; null when none is due or there is no room for it.
BaseReader::FetchPointer BaseReader::next_ahead(Pins& unused) {
  while (!stopped_ && !gone_ && !corrupt_) {
    const auto piece = streams_.next_piece();
    if (!piece) return nullptr;
    const std::vector<ByteRange> gaps = uncovered(piece->range);
    if (gaps.empty()) {
      streams_.passed(*piece);
      continue;
    }
    if (!around_.slots.take()) return nullptr;
    const ReadStreams::Piece asked{piece->stream, gaps.front()};
    auto fetch = std::make_shared<Fetch>(*this, asked.range, asked.stream, around_.clock.steady());
    fetch->wishes = wishes_for(asked.range, fetch->pins);
    auto fresh = around_.pool->take(holder_, fetch->wishes, BlockPool::Purpose::kPrefetch);
    if (!fresh) {
      unused = std::move(fetch->pins);
      around_.slots.give_back();
      streams_.refused(piece->stream);
      return nullptr;
    }
    place(*fetch, *fresh);
    streams_.asked(asked);
    fetches_.push_back(fetch);
    return fetch;
  }
  return nullptr;
}

void BaseReader::fetch_ahead() {
  for (;;) {
    std::vector<BlockPointer> consumed;
    {
      MutexLock lock(mutex_);
      if (!streams_.next_piece() && blocks_added_ < kRandomBlocksKept) return;
      consumed = take_consumed();
      blocks_added_ = 0;
    }
    consumed.clear();  // before new ones are taken: theirs is the memory that is still warm
    Pins unused;
    FetchPointer fetch;
    std::vector<FetchPointer> again;
    {
      MutexLock lock(mutex_);
      fetch = next_ahead(unused);
      again = demand_lost();
    }
    for (const FetchPointer& more : again) begin(more);
    if (fetch == nullptr) return;
    send(fetch);
  }
}

void BaseReader::begin(const FetchPointer& fetch) {
  std::vector<BlockPool::Wish> wishes;
  {
    MutexLock lock(mutex_);
    wishes = fetch->wishes;
  }
  if (wishes.empty()) return send(fetch);
  Pins now;
  const std::uint64_t ticket = around_.pool->take_or_wait(
      holder_, std::move(wishes), now,
      [self = shared_from_this(), fetch](Pins pins) { self->room_for(fetch, std::move(pins)); });
  if (ticket == 0) return room_for(fetch, std::move(now));
  {
    MutexLock lock(mutex_);
    fetch->ticket = ticket;
    if (!fetch->called_off) return;
  }
  around_.pool->forget(ticket);
}

/// The memory that a fetch waited for. Somebody may have brought one of its blocks meanwhile.
void BaseReader::room_for(const FetchPointer& fetch, Pins fresh) {
  bool called_off = false;
  std::vector<FetchPointer> again;
  {
    MutexLock lock(mutex_);
    called_off = fetch->called_off;
    std::uint64_t index = fetch->first_block();
    auto next = fresh.begin();
    if (!called_off) {
      for (BlockPool::Pin& pin : fetch->pins) {
        if (!pin) {
          const auto held = blocks_.find(index);
          if (held != blocks_.end()) pin = around_.pool->pin(held->second.block);
          if (held != blocks_.end() && !pin) forget_block(index);
          if (!pin) {
            put_block(index, next->block());
            pin = std::move(*next);
          }
          ++next;
        }
        ++index;
      }
      fetch->wishes.clear();
    }
    again = demand_lost();
  }
  fresh.clear();
  if (!called_off) send(fetch);
  for (const FetchPointer& more : again) begin(more);
}

void BaseReader::send(const FetchPointer& fetch) {
  Transfer transfer = around_.store.start_get(
      key_, etag_, fetch->range, *fetch, fetch->deadline.value_or(deadline_for(fetch->range)),
      [self = shared_from_this(), fetch](Result<void> result) {
        self->fetched(fetch, std::move(result));
      });
  MutexLock lock(mutex_);
  // Called off meanwhile: then it is dropped here, once the lock is free.
  if (!fetch->called_off) std::swap(transfer, fetch->transfer);
}

void BaseReader::call_off(const std::vector<FetchPointer>& fetches) {
  for (const FetchPointer& fetch : fetches) {
    Transfer transfer;
    std::uint64_t ticket = 0;
    {
      MutexLock lock(mutex_);
      transfer = std::move(fetch->transfer);
      ticket = fetch->ticket;
    }
    if (ticket != 0) around_.pool->forget(ticket);
    transfer.cancel();
    Callback<oss::ObjectMeta> confirmed;
    {
      MutexLock lock(mutex_);
      confirmed = std::move(fetch->confirmed);
      checksum_.add({fetch->range.offset, fetch->at - fetch->range.offset}, fetch->crc);
    }
    if (confirmed) confirmed(fail(Errc::kInterrupted, "the file was closed"));
  }
}

/// What was fetched ahead for readers that went elsewhere, and is worth calling off.
std::vector<BaseReader::FetchPointer> BaseReader::take_unwanted(
    const std::vector<ReadStreams::StreamId>& ended) {
  std::vector<FetchPointer> out;
  for (auto fetch = fetches_.begin(); fetch != fetches_.end();) {
    const auto present = fetch++;
    const ByteRange left = (*present)->left();
    if (std::find(ended.begin(), ended.end(), (*present)->stream) == ended.end()) continue;
    if (left.length <= kCancelledFrom || streams_.wants(left)) continue;
    if (std::any_of(waiting_.begin(), waiting_.end(),
                    [&](const Waiting& read) { return overlap(read.range, left); }))
      continue;
    (*present)->called_off = true;
    around_.slots.give_back();
    out.push_back(std::move(*present));
    fetches_.erase(present);
  }
  return out;
}

/// Blocks that no reader is about to come to, nor any fetch to fill.
std::vector<BaseReader::BlockPointer> BaseReader::take_consumed() {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> idle;  // last use, number
  for (const auto& [index, held] : blocks_) {
    const ByteRange block{index * kBlockSize, kBlockSize};
    const bool filling = std::any_of(fetches_.begin(), fetches_.end(), [&](const auto& fetch) {
      return overlap(fetch->range, block);
    });
    if (!filling && !streams_.wants(block)) idle.emplace_back(held.used, index);
  }
  const std::size_t kept = streams_.random() ? kRandomBlocksKept : 0;
  std::vector<BlockPointer> out;
  if (idle.size() <= kept) return out;
  std::sort(idle.begin(), idle.end());
  idle.resize(idle.size() - kept);
  for (const auto& [used, index] : idle) {
    out.push_back(std::move(blocks_.at(index).block));
    forget_block(index);
  }
  return out;
}

// --- what a fetch tells ---

void BaseReader::answered(Fetch& fetch, const oss::ObjectMeta& meta) {
  Callback<oss::ObjectMeta> confirmed;
  {
    MutexLock lock(mutex_);
    confirmed = std::move(fetch.confirmed);
    if (meta.type != oss::ObjectType::kSymlink) servers_crc64_ = meta.crc64;
    const auto took = around_.clock.steady() - fetch.began;
    round_trip_ = round_trip_.count() == 0 ? took : (3 * round_trip_ + took) / 4;
  }
  if (confirmed) confirmed(meta);
}

bool BaseReader::checksum_differs() const {
  const auto whole = checksum_.whole();
  return servers_crc64_ && whole && *whole != *servers_crc64_;
}

Result<void> BaseReader::arrived(Fetch& fetch, std::uint64_t size_bytes) {
  std::vector<Answer> answers;
  Pins unused;
  std::vector<FetchPointer> again;
  {
    MutexLock lock(mutex_);
    // Its blocks may have been let go already: what it brings is nowhere.
    if (fetch.called_off) return fail(Errc::kInterrupted, "called off");
    const ByteRange piece{fetch.at, size_bytes};
    if (piece.end() == fetch.range.end()) {
      checksum_.add(fetch.range, fetch.crc);
      if (checksum_differs())
        return fail(Errc::kCorrupt, "GetObject " + key_ +
                                        ": the bytes of the object do not have the CRC-64 that the "
                                        "server says");
    }
    fetch.at = piece.end();
    here_.add(piece);
    answers = take_answerable(unused);
    again = demand_lost();
  }
  for (Answer& read : answers) answer(std::move(read));
  unused.clear();
  for (const FetchPointer& more : again) begin(more);
  return {};
}

void BaseReader::fetched(const FetchPointer& fetch, Result<void> result) {
  std::vector<Waiting> failed;
  std::vector<FetchPointer> again;
  std::map<std::uint64_t, Held> spoilt;
  Callback<oss::ObjectMeta> confirmed;
  Pins pins;
  {
    MutexLock lock(mutex_);
    const auto known = std::find(fetches_.begin(), fetches_.end(), fetch);
    if (known == fetches_.end()) return;  // called off, and told by who did
    fetches_.erase(known);
    confirmed = std::move(fetch->confirmed);
    pins = std::move(fetch->pins);
    if (fetch->stream != 0) {
      streams_.ended(fetch->stream);
      around_.slots.give_back();
    }
    const ByteRange left = fetch->left();
    if (result && !left.empty())
      result = fail(Errc::kProtocol, "GetObject " + key_ + ": the object is shorter than it was");
    if (!result) {
      const Errc code = result.error().code;
      gone_ = gone_ || code == Errc::kChanged || code == Errc::kNotFound;
      if (code == Errc::kCorrupt) {
        corrupt_ = result.error();
        spoilt.swap(blocks_);
        here_.clear();
        failed = take_waiting({0, size_});
      } else {
        checksum_.add({fetch->range.offset, fetch->at - fetch->range.offset}, fetch->crc);
        failed = take_waiting(left);
      }
    }
    // Who came while a request was long under way has time for another.
    for (auto read = failed.begin(); read != failed.end();) {
      if (read->since <= fetch->began || !may_pass(result.error().code)) {
        ++read;
        continue;
      }
      const ByteRange range = read->range;
      waiting_.push_back(std::move(*read));
      read = failed.erase(read);
      for (FetchPointer& more : demand(range)) again.push_back(std::move(more));
    }
    for (FetchPointer& more : demand_lost()) again.push_back(std::move(more));
  }
  pins.clear();
  if (confirmed)
    confirmed(result ? Result<oss::ObjectMeta>(fail(Errc::kProtocol, "an answer without a head"))
                     : Result<oss::ObjectMeta>(fail(result.error())));
  for (Waiting& read : failed) read.done(fail(result.error()));
  for (const FetchPointer& more : again) begin(more);
  fetch_ahead();
}

}  // namespace stsfs::fs
