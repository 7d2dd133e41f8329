#include "read_streams.h"

#include <algorithm>
#include <utility>

#include "fetch_window.h"

namespace stsfs::fs {
namespace {

constexpr std::uint64_t kKiB = std::uint64_t{1} << 10;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// How far out of order a stream's reads may be. The kernel's read-ahead is 128 KiB, for root 1 MiB,
// and two of those are answered at once.
constexpr std::uint64_t kBack = 2 * kMiB;
constexpr std::uint64_t kForward = 2 * kMiB;
// Of a stream that has only begun: what lies farther off is another reader, or none.
constexpr std::uint64_t kYoungRun = kMiB;
constexpr std::uint64_t kYoungReach = kMiB;

// 1 MiB and the kernel's read-ahead: a small file is whole with it, and at 100 MB/s it takes half a
// round trip of 20 ms.
constexpr std::uint64_t kFirstAtStart = kMiB + 128 * kKiB;
// In the middle: 2.6 ms of 100 MB/s.
constexpr std::uint64_t kFirstElsewhere = 256 * kKiB;
constexpr std::uint64_t kFirstAlign = 128 * kKiB;
constexpr std::chrono::seconds kSlow{1};
constexpr std::chrono::microseconds kInstant{1};

constexpr int kInFlightMax = 16;

// What one who came back before may read elsewhere until what is under way for him is called off:
// at 100 MB/s it has mostly come by then.
constexpr std::uint64_t kPatience = 8 * kMiB;

// Runs shorter than this are jumps.
constexpr std::uint64_t kShortRun = 512 * kKiB;
constexpr std::size_t kJumpsMin = 3;
constexpr std::uint64_t kPage = 4 * kKiB;
constexpr std::uint64_t kRandomMax = kMiB;

std::uint64_t down(std::uint64_t value, std::uint64_t unit) { return value / unit * unit; }
std::uint64_t up(std::uint64_t value, std::uint64_t unit) { return down(value + unit - 1, unit); }

}  // namespace

ByteRange ReadStreams::clip(std::uint64_t from, std::uint64_t to) const {
  to = std::min(to, size_);
  return {from, to > from ? to - from : 0};
}

ReadStreams::Stream* ReadStreams::find(StreamId id) {
  for (Stream& stream : streams_)
    if (stream.id == id) return &stream;
  return nullptr;
}

/// The stream that `range` belongs to: the nearest of those within reach. Who shares one goes no
/// farther in it than where the next read may be: what lies between is for the others.
ReadStreams::Stream* ReadStreams::match(ByteRange range, ReaderId by) {
  Stream* best = nullptr;
  std::uint64_t best_distance = 0;
  for (Stream& stream : streams_) {
    const bool young = stream.run < kYoungRun;
    const std::uint64_t back = young ? std::min(stream.run, kYoungReach) + kFirstAlign : kBack;
    const bool shared = std::any_of(stream.readers.begin(), stream.readers.end(),
                                    [&](ReaderId reader) { return reader != by; });
    const std::uint64_t far = shared ? kForward : std::max(kForward, stream.window);
    const std::uint64_t forward = young ? kYoungReach : far;
    if (range.offset + back < stream.next || range.offset > stream.next + forward) continue;
    const std::uint64_t distance =
        range.offset > stream.next ? range.offset - stream.next : stream.next - range.offset;
    if (best != nullptr && distance >= best_distance) continue;
    best = &stream;
    best_distance = distance;
  }
  return best;
}

/// Nearly all of the runs that are remembered were short.
bool ReadStreams::random() const {
  const auto jumps = std::count_if(streams_.begin(), streams_.end(),
                                   [](const Stream& stream) { return stream.run < kShortRun; });
  return begun_ > kJumpsMin && static_cast<std::size_t>(jumps) >= kJumpsMin;
}

bool ReadStreams::may_have_window(const Stream& stream) const {
  if (stream.run >= kShortRun) return true;
  return stream.reads > 1 && !random();
}

ReadStreams::Stream& ReadStreams::begin(std::uint64_t at, SteadyTime now, Plan& plan) {
  ++begun_;
  whole_.jumped(now);
  if (streams_.size() == kStreamsMax) {
    const auto oldest =
        std::min_element(streams_.begin(), streams_.end(),
                         [](const Stream& a, const Stream& b) { return a.used < b.used; });
    plan.lets_go = true;
    streams_.erase(oldest);
  }
  Stream stream;
  stream.id = begun_;
  stream.next = at;
  stream.measured_from = now;
  return streams_.emplace_back(stream);
}

ByteRange ReadStreams::first_of(ByteRange range) const {
  if (range.offset < kFirstAlign) return clip(0, std::max(range.end(), kFirstAtStart));
  const std::uint64_t from = down(range.offset, kFirstAlign);
  return clip(from, up(std::max(range.end(), from + kFirstElsewhere), kFirstAlign));
}

ByteRange ReadStreams::blocks_around(ByteRange range) const {
  return clip(down(range.offset, kMiB), up(range.end(), kMiB));
}

ByteRange ReadStreams::random_range(ByteRange range) const {
  if (whole_.wants_blocks()) return blocks_around(range);
  std::uint64_t run = 0;
  for (const Stream& stream : streams_) run += stream.run;
  const std::uint64_t mean = streams_.empty() ? 0 : run / streams_.size();
  std::uint64_t length = range.length;
  if (mean >= 2 * range.length) length = std::max(length, std::min(mean, kRandomMax));
  return clip(down(range.offset, kPage), up(range.offset + length, kPage));
}

/// One request with what follows, to the end of a piece.
ByteRange ReadStreams::piece_from(const Stream& stream, ByteRange range) const {
  if (stream.window == 0) return whole_.wants_blocks() ? blocks_around(range) : range;
  return clip(range.offset,
              std::max(range.end(), up(range.offset + FetchWindow::piece_of(stream.window), kMiB)));
}

/// `by` has read here.
void ReadStreams::come(Stream& stream, ReaderId by) const {
  if (stream.left_by != kNobody && stream.left_by == by)
    stream.patience =
        std::clamp(2 * stream.away, kPatience, std::max(kPatience, options_.window_max));
  stream.left_by = kNobody;
  stream.away = 0;
  stream.gone = false;
  const auto known = std::find(stream.readers.begin(), stream.readers.end(), by);
  if (known != stream.readers.end()) return;
  if (stream.readers.size() < kReadersMax)
    stream.readers.push_back(by);
  else
    stream.readers.back() = kNobody;
}

/// `by` has read elsewhere, or reads no more.
void ReadStreams::leave(Stream& stream, ReaderId by) {
  if (by != kNobody && std::erase(stream.readers, by) > 0 && stream.readers.empty())
    stream.left_by = by;
}

/// What was asked for ahead of it is not awaited any more. Who comes back goes on from where he
/// was.
bool ReadStreams::give_up(Stream& stream) {
  if (std::exchange(stream.gone, true)) return false;
  stream.kept_to = std::max(stream.kept_to, stream.asked_to);
  const bool was_ahead = stream.asked_to > stream.next;
  stream.asked_to = std::min(stream.asked_to, stream.next);
  return was_ahead;
}

bool ReadStreams::leaves(ReaderId by) {
  bool lets_go = false;
  for (Stream& stream : streams_) {
    leave(stream, by);
    if (stream.left_by == by) lets_go |= give_up(stream);
  }
  return lets_go;
}

ReadStreams::Plan ReadStreams::read(ByteRange range, SteadyTime now, ReaderId by) {
  Plan plan;
  Stream* stream = match(range, by);
  const bool is_new = stream == nullptr;
  if (is_new) {
    plan.ask = random() ? random_range(range) : first_of(range);
    stream = &begin(range.offset, now, plan);
  }
  plan.stream = stream->id;
  come(*stream, by);
  for (Stream& other : streams_) {
    if (&other == stream) continue;
    leave(other, by);
    if (other.left_by == kNobody || other.left_by != by) continue;
    other.away += range.length;
    if (other.away > other.patience) plan.lets_go |= give_up(other);
  }
  plan.lets_go |= range.offset > stream->next + kForward;  // over what lies between
  stream->used = ++uses_;
  ++stream->reads;
  stream->run += range.length;
  stream->next = std::max(stream->next, range.end());
  stream->paused = false;
  if (stream->window == 0 && may_have_window(*stream)) {
    stream->window = std::min(FetchWindow::kFirst, options_.window_max);
    measure_from(*stream, now);
  }
  if (!is_new) plan.ask = piece_from(*stream, range);
  if (is_new || range.end() > stream->asked_to)
    stream->asked_to = std::max(stream->asked_to, plan.ask.end());
  return plan;
}

void ReadStreams::measure_from(Stream& stream, SteadyTime now) {
  stream.measured_from = now;
  stream.run_then = stream.run;
}

void ReadStreams::stalled(StreamId id, SteadyTime now, std::chrono::nanoseconds round_trip) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->window == 0) return;
  const auto since = std::max<std::chrono::nanoseconds>(now - stream->measured_from, kInstant);
  if (since < round_trip) return;
  // Only a window that was full can have been too small.
  if (stream->asked_to < std::min(size_, stream->next + stream->window / 2)) return;
  const double seconds = std::chrono::duration<double>(since).count();
  const double bytes = static_cast<double>(stream->run - stream->run_then);
  const auto in_time = static_cast<std::uint64_t>(bytes / seconds * FetchWindow::kSeconds);
  if (2 * stream->window <= in_time)
    stream->window = std::min(2 * stream->window, options_.window_max);
  else if (since < kSlow)
    return;
  else if (stream->window > 2 * in_time)
    stream->window = std::max(stream->window / 2, std::min(kMiB, options_.window_max));
  measure_from(*stream, now);
}

void ReadStreams::waited(std::chrono::nanoseconds time) {
  if (random()) whole_.waited(time);
}

ReadStreams::Plan ReadStreams::expect_start(SteadyTime now) {
  Plan plan;
  plan.ask = clip(0, kFirstAtStart);
  Stream& stream = begin(0, now, plan);
  stream.asked_to = plan.ask.end();
  stream.used = ++uses_;
  plan.stream = stream.id;
  return plan;
}

std::optional<ReadStreams::Piece> ReadStreams::next_piece() {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[(turn_ + i) % streams_.size()];
    if (stream.window == 0 || stream.paused || stream.is_left()) continue;
    if (stream.in_flight >= kInFlightMax) continue;
    const std::uint64_t from = std::max(stream.asked_to, stream.next);
    const std::uint64_t piece = FetchWindow::piece_of(stream.window);
    const std::uint64_t to = std::min(size_, stream.next + stream.window);
    // A whole piece, or what is left of the object.
    if (from >= to || (to - from < piece && to < size_)) continue;
    turn_ = (turn_ + i + 1) % streams_.size();
    return Piece{stream.id, clip(from, std::max(from + 1, down(from + piece, kMiB)))};
  }
  if (const auto piece = whole_.next()) return Piece{kWhole, *piece};
  return std::nullopt;
}

void ReadStreams::asked(const Piece& piece, SteadyTime now) {
  if (piece.stream == kWhole) return whole_.asked(piece.range, now);
  passed(piece);
  if (Stream* stream = find(piece.stream)) ++stream->in_flight;
}

void ReadStreams::passed(const Piece& piece) {
  if (piece.stream == kWhole) return whole_.passed(piece.range);
  if (Stream* stream = find(piece.stream))
    stream->asked_to = std::max(stream->asked_to, piece.range.end());
}

void ReadStreams::ended(const Piece& piece, std::uint64_t received, SteadyTime now) {
  if (piece.stream == kWhole) return whole_.ended(piece.range, received, now);
  if (Stream* stream = find(piece.stream)) --stream->in_flight;
}

void ReadStreams::refused(StreamId id) {
  if (id == kWhole) return whole_.refused();
  Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->window = std::max(stream->window / 2, std::min(kMiB, options_.window_max));
  stream->paused = true;
}

/// What a reader is about to come to, or may come back to out of order; up to where `to_of` says.
template <class ToOf>
bool ReadStreams::reach(ByteRange range, ToOf to_of) const {
  return std::any_of(streams_.begin(), streams_.end(), [&](const Stream& stream) {
    const std::uint64_t from = stream.next > kBack ? stream.next - kBack : 0;
    return range.end() > from && range.offset < std::max(stream.next, to_of(stream));
  });
}

bool ReadStreams::awaits(ByteRange range) const {
  return reach(range, [](const Stream& stream) { return stream.asked_to; });
}

bool ReadStreams::wants(ByteRange range) const {
  return reach(range,
               [](const Stream& stream) { return std::max(stream.asked_to, stream.kept_to); });
}

}  // namespace stsfs::fs
