#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "read_whole.h"
#include "stsfs/base/byte_range.h"
#include "stsfs/base/clock.h"

namespace stsfs::fs {

struct ReadStreamsOptions {
  std::uint64_t window_max = std::uint64_t{64} << 20;  ///< Bytes ahead of one stream, at most.
  std::uint64_t kept_whole_max = 0;  ///< Up to this size an object has room to stay whole.
};

/// Finds the sequential readers in the reads of one object, and says what to fetch for them and how
/// far ahead. Decides only: it neither fetches nor keeps anything.
///
/// A stream is a reader that goes forward. Its window, how far it is kept supplied ahead, begins
/// with its second read and doubles when it had to wait although the window was asked for: so it
/// finds what latency and bandwidth need, and stays small for a slow reader. Reads of one stream
/// come out of order, since the kernel's read-ahead is answered by several threads. Readers that
/// jump about get what they ask for and nothing more, until all of it is cheaper (ReadWhole).
///
/// Who reads is known, so that a stream whose readers are all elsewhere is seen: nothing more is
/// fetched for it, and what is under way far ahead is not awaited any more. It stays where it was
/// for whom comes back to it; who does so, as with an index and its data, or on several threads, is
/// waited for the next time.
///
/// Threads: the caller's lock. Source: the constants are measured, see the .cc.
class ReadStreams {
 public:
  static constexpr std::size_t kStreamsMax = 4;

  ReadStreams(std::uint64_t object_size, ReadStreamsOptions options)
      : size_(object_size),
        options_(options),
        whole_(object_size, options.kept_whole_max, options.window_max) {}

  using ReaderId = std::uint64_t;                 // of an open file, never used twice
  static constexpr ReaderId kNobody = 0;          // in particular: leaves nothing
  static constexpr std::size_t kReadersMax = 16;  // more of them leave a stream never

  using StreamId = std::uint64_t;                   // never used twice
  static constexpr StreamId kWhole = ~StreamId{0};  // of what is fetched ahead of all readers
  struct Plan {
    StreamId stream = 0;
    ByteRange ask;  ///< What to ask for when some of the read is neither here nor on its way.
    bool lets_go = false;  ///< Some of what was asked for ahead is not awaited any more.
  };
  /// A read of `range`, inside the object and not empty.
  Plan read(ByteRange range, SteadyTime now, ReaderId by = kNobody);
  /// One that does not come back. True when some of what was asked for ahead is not awaited any
  /// more.
  bool leaves(ReaderId by);
  /// That read had to wait. `round_trip` is how long an answer takes to begin.
  void stalled(StreamId stream, SteadyTime now, std::chrono::nanoseconds round_trip);
  /// A read has its bytes, and had to wait so long.
  void waited(std::chrono::nanoseconds time);

  /// What the first read of a file that is read from its start will ask for.
  Plan expect_start(SteadyTime now);

  /// One request ahead of a reader.
  struct Piece {
    StreamId stream = 0;
    ByteRange range;
  };
  /// The next one to make, streams in turn; nullopt when every window is full.
  std::optional<Piece> next_piece();
  void asked(const Piece& piece, SteadyTime now);
  /// It need not be asked for: all of it is here or on its way.
  void passed(const Piece& piece);
  /// It got an answer, or none: so many bytes.
  void ended(const Piece& piece, std::uint64_t received, SteadyTime now);
  /// There was no memory for it: the window halves, and nothing is fetched ahead until its reader
  /// comes again.
  void refused(StreamId stream);

  /// True when a reader is about to come to some of `range`, or may come back to it, out of order
  /// or from elsewhere: what is here of it stays.
  bool wants(ByteRange range) const;
  /// The same, and it is worth having on its way.
  bool awaits(ByteRange range) const;
  bool random() const;
  /// Whatever was fetched is to stay.
  bool keeps_all() const { return whole_.begun(); }

 private:
  struct Stream {
    StreamId id = 0;
    std::uint64_t next = 0;  // the end of the read that is farthest on
    std::uint64_t run = 0;   // bytes read
    std::uint64_t reads = 0;
    std::uint64_t window = 0;    // 0: none yet
    std::uint64_t asked_to = 0;  // all before it was asked for
    int in_flight = 0;
    bool paused = false;  // no memory
    std::uint64_t used = 0;
    SteadyTime measured_from{};  // how fast the reader gets on with this window: since then,
    std::uint64_t run_then = 0;  // from this run

    std::vector<ReaderId> readers;  // whose last read was here
    ReaderId left_by = kNobody;     // the last of them, when there is none any more
    std::uint64_t away = 0;         // what that one has read elsewhere since, in bytes
    std::uint64_t patience = 0;     // how much of that it is given until it counts as gone
    bool gone = false;
    std::uint64_t kept_to = 0;  // what was asked for until then, and is here, stays

    bool is_left() const { return gone || left_by != kNobody; }
  };

  template <class ToOf>
  bool reach(ByteRange range, ToOf to_of) const;
  Stream* find(StreamId id);
  Stream* match(ByteRange range, ReaderId by);
  Stream& begin(std::uint64_t at, SteadyTime now, Plan& plan);
  void come(Stream& stream, ReaderId by) const;
  void leave(Stream& stream, ReaderId by);
  bool give_up(Stream& stream);
  void measure_from(Stream& stream, SteadyTime now);
  ByteRange piece_from(const Stream& stream, ByteRange range) const;
  ByteRange first_of(ByteRange range) const;
  ByteRange blocks_around(ByteRange range) const;
  ByteRange random_range(ByteRange range) const;
  bool may_have_window(const Stream& stream) const;
  ByteRange clip(std::uint64_t from, std::uint64_t to) const;

  const std::uint64_t size_;
  const ReadStreamsOptions options_;
  ReadWhole whole_;
  std::vector<Stream> streams_;
  std::uint64_t uses_ = 0;
  std::uint64_t begun_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace stsfs::fs
