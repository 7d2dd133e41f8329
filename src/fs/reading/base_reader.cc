// Reads: those that are answered at once, and those that wait for bytes. What is asked for on
// their behalf stands in base_fetches.cc.

#include "base_reader.h"

#include <algorithm>

#include "base_fetch.h"

namespace stsfs::fs {
namespace {

using cache::BlockPool;

constexpr std::uint64_t kBlockSize = BlockPool::kBlockSize;
constexpr std::uint64_t kWindowMax = std::uint64_t{256} << 20;
ReadStreamsOptions streams_options(const BlockPool& pool) {
  const std::uint64_t budget = pool.figures().budget_bytes;
  return {.window_max = std::min(kWindowMax, budget / 4), .kept_whole_max = budget};
}

}  // namespace

BaseReader::BaseReader(const ReadSurroundings& around, std::string key, std::string etag,
                       std::uint64_t size)
    : around_(around),
      key_(std::move(key)),
      etag_(std::move(etag)),
      size_(size),
      holder_(around.pool->add_holder()),
      streams_(size, streams_options(*around.pool)),
      blocks_(*around.pool, size),
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

// --- reading ---

void BaseReader::read(ByteRange range, Done done, ReadStreams::ReaderId by) {
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
    const ReadStreams::Plan plan = streams_.read(range, now, by);
    if (!ended && !blocks_.pin(range, here.pins)) {
      streams_.stalled(plan.stream, now, round_trip_);
      waiting_.push_back({range, now, std::move(done)});
      if (!uncovered(range).empty()) to_begin = demand(plan.ask);
    }
    for (FetchPointer& more : demand_lost()) to_begin.push_back(std::move(more));
    if (plan.lets_go) unwanted = take_unwanted();
  }
  call_off(unwanted);
  if (ended) return done(fail(std::move(*ended)));
  if (done) {
    here.done = std::move(done);  // NOLINT(clang-analyzer-cplusplus.Move): not if it is empty
    answer(std::move(here));
  } else {
    here.pins.clear();
    watch_deadlines();
  }
  for (const FetchPointer& fetch : to_begin) begin(fetch);
  fetch_ahead();
}

void BaseReader::leave(ReadStreams::ReaderId by) {
  std::vector<FetchPointer> unwanted;
  {
    MutexLock lock(mutex_);
    if (streams_.leaves(by)) unwanted = take_unwanted();
  }
  call_off(unwanted);
}

void BaseReader::start(Deadline deadline, Callback<oss::ObjectMeta> confirmed) {
  const SteadyTime now = around_.clock.steady();
  std::vector<FetchPointer> to_begin;
  {
    MutexLock lock(mutex_);
    const ReadStreams::Plan plan = streams_.expect_start(now);
    if (!stopped_ && blocks_.empty() && fetches_.empty()) to_begin = demand(plan.ask);
    for (const FetchPointer& fetch : to_begin) fetch->deadline = deadline;
    if (!to_begin.empty()) to_begin.front()->confirmed = std::move(confirmed);
  }
  if (to_begin.empty())  // and so it has not moved: NOLINTNEXTLINE(clang-analyzer-cplusplus.Move)
    return confirmed(fail(Errc::kInterrupted, "it has begun before"));
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
    fetch->wishes = blocks_.wishes_for(plan.ask, fetch->pins);
    std::optional<Pins> fresh;
    if (!stopped_)
      fresh = around_.pool->take(holder_, fetch->wishes, BlockPool::Purpose::kPrefetch);
    if (!fresh) {
      fetch = nullptr;
    } else {
      place(*fetch, *fresh);
      streams_.asked({plan.stream, plan.ask}, now);
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

void BaseReader::has_all(BlockPool::Pin block) {
  Pins present(1);
  Pins fresh;
  fresh.push_back(std::move(block));
  MutexLock lock(mutex_);
  blocks_.place({0, size_}, present, fresh);
  blocks_.filled({0, size_});
}

bool BaseReader::is_here_or_coming(ByteRange range) const {
  MutexLock lock(mutex_);
  return !corrupt_ && !stopped_ && uncovered(range).empty();
}

bool BaseReader::read_if_here(ByteRange range,
                              const std::function<void(std::span<const std::byte>)>& take) {
  Answer here{range, {}, {}};
  {
    MutexLock lock(mutex_);
    if (corrupt_ || stopped_ || !blocks_.pin(range, here.pins)) return false;
  }
  here.done = [&](Result<std::span<const std::byte>> bytes) { take(*bytes); };
  answer(std::move(here));
  return true;
}

void BaseReader::close() { end(false); }

void BaseReader::stop() { end(true); }

void BaseReader::end(bool whole_ones_too) {
  std::vector<FetchPointer> fetches;
  std::list<Waiting> waiting;
  std::vector<BlockPointer> blocks;
  Transfer timer;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    waiting.swap(waiting_);
    blocks = blocks_.take_all();
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
  if (waiting_.empty()) return out;
  const SteadyTime now = around_.clock.steady();
  for (auto read = waiting_.begin(); read != waiting_.end();) {
    if (!blocks_.contains(read->range)) {
      ++read;
      continue;
    }
    Answer answer{read->range, {}, {}};
    if (!blocks_.pin(read->range, answer.pins)) {
      std::move(answer.pins.begin(), answer.pins.end(), std::back_inserter(unused));
      ++read;
      continue;
    }
    streams_.waited(now - read->since);
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
    if (!present->range.overlaps(range)) continue;
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

}  // namespace stsfs::fs
