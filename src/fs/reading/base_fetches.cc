// What is asked for on behalf of reads, and what its answers do. A fetch is one ranged GET into
// pinned blocks. The ranges of the fetches under way neither overlap each other nor what is here,
// so that no byte is written twice and no byte is written that somebody may be reading.

#include <algorithm>
#include <limits>

#include "base_fetch.h"
#include "gone.h"

namespace stsfs::fs {
namespace {

using cache::BlockPool;

/// Of what nobody awaits any more: so much in all is cheaper to let come than to open its
/// connection anew (40-60 ms at 100 MB/s).
constexpr std::uint64_t kUnwantedMax = std::uint64_t{4} << 20;
/// Blocks that a jumping reader left, in case it comes back.
constexpr std::size_t kRandomBlocksKept = 16;
constexpr std::size_t kAllBlocks = std::numeric_limits<std::size_t>::max();
/// What a request may need beyond the time-out of a read, so that it may be long on a slow line.
constexpr std::uint64_t kSlowBytesPerSecond = 64 << 10;

/// What another request may still bring. The version that is gone, or a refusal, stays so.
bool may_pass(Errc code) {
  return code == Errc::kUnavailable || code == Errc::kTimedOut || code == Errc::kThrottled ||
         code == Errc::kCredential;
}

}  // namespace

// --- what to ask for ---

/// What of `range` is neither here nor on its way.
std::vector<ByteRange> BaseReader::uncovered(ByteRange range) const {
  std::vector<ByteRange> out = blocks_.missing(range);
  for (const FetchPointer& fetch : fetches_) {
    const ByteRange coming = fetch->left();
    std::vector<ByteRange> rest;
    for (const ByteRange& gap : out) {
      if (coming.empty() || !gap.overlaps(coming)) {
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

void BaseReader::place(Fetch& fetch, Pins& fresh) {
  blocks_.place(fetch.range, fetch.pins, fresh);
  fetch.wishes.clear();
}

/// Fetches for what of `range` is missing, and whose memory is there if it is to be had at once.
std::vector<BaseReader::FetchPointer> BaseReader::demand(ByteRange range) {
  std::vector<FetchPointer> out;
  for (const ByteRange& gap : uncovered(range)) {
    auto fetch = std::make_shared<Fetch>(*this, gap, 0, around_.clock.steady());
    fetch->wishes = blocks_.wishes_for(gap, fetch->pins);
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
  while (blocks_.take_lost())
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
    fetch->wishes = blocks_.wishes_for(asked.range, fetch->pins);
    auto fresh = around_.pool->take(holder_, fetch->wishes, BlockPool::Purpose::kPrefetch);
    if (!fresh) {
      unused = std::move(fetch->pins);
      around_.slots.give_back();
      streams_.refused(piece->stream);
      return nullptr;
    }
    place(*fetch, *fresh);
    streams_.asked(asked, fetch->began);
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
      if (!streams_.next_piece() && blocks_.added() < kRandomBlocksKept) return;
      consumed = take_consumed();
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

// --- asking ---

Deadline BaseReader::deadline_for(ByteRange range) const {
  const std::chrono::milliseconds longer(1000 * range.length / kSlowBytesPerSecond);
  return Deadline::in(around_.clock, around_.timeout + longer);
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
    if (!called_off) place(*fetch, fresh);
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

/// What was fetched ahead for readers that went elsewhere, and is worth calling off: what is nearly
/// here comes.
std::vector<BaseReader::FetchPointer> BaseReader::take_unwanted() {
  std::vector<FetchPointer> out;
  for (const FetchPointer& fetch : fetches_) {
    const ByteRange left = fetch->left();
    if (fetch->stream == 0 || fetch->stream == ReadStreams::kWhole || left.empty()) continue;
    if (fetch->confirmed || streams_.awaits(left)) continue;
    if (std::any_of(waiting_.begin(), waiting_.end(),
                    [&](const Waiting& read) { return read.range.overlaps(left); }))
      continue;
    out.push_back(fetch);
  }
  std::sort(out.begin(), out.end(), [](const FetchPointer& a, const FetchPointer& b) {
    return a->left().length < b->left().length;
  });
  std::uint64_t comes = 0;
  const auto from = std::find_if(out.begin(), out.end(), [&](const FetchPointer& fetch) {
    comes += fetch->left().length;
    return comes > kUnwantedMax;
  });
  out.erase(out.begin(), from);
  const SteadyTime now = around_.clock.steady();
  for (const FetchPointer& fetch : out) {
    fetch->called_off = true;
    around_.slots.give_back();
    streams_.ended({fetch->stream, fetch->range}, fetch->at - fetch->range.offset, now);
    fetches_.remove(fetch);
  }
  return out;
}

/// Blocks that no reader is about to come to, nor any fetch to fill.
std::vector<BaseReader::BlockPointer> BaseReader::take_consumed() {
  const auto in_use = [this](ByteRange block) STSFS_REQUIRES(mutex_) {
    return streams_.wants(block) ||
           std::any_of(fetches_.begin(), fetches_.end(),
                       [&](const FetchPointer& fetch) { return fetch->range.overlaps(block); });
  };
  std::size_t kept = 0;
  if (streams_.random()) kept = streams_.keeps_all() ? kAllBlocks : kRandomBlocksKept;
  return blocks_.take_unused(in_use, kept);
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
    blocks_.filled(piece);
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
  std::vector<BlockPointer> spoilt;
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
      streams_.ended({fetch->stream, fetch->range}, fetch->at - fetch->range.offset,
                     around_.clock.steady());
      around_.slots.give_back();
    }
    const ByteRange left = fetch->left();
    if (result && !left.empty())
      result = fail(Errc::kProtocol, "GetObject " + key_ + ": the object is shorter than it was");
    if (!result) {
      const Errc code = result.error().code;
      gone_ = gone_ || is_gone(result.error());
      if (code == Errc::kCorrupt) {
        corrupt_ = result.error();
        spoilt = blocks_.take_all();
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
