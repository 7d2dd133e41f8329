#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/clock.h"

namespace stsfs::fs {

/// Sees an object being read here and there for so long that all of it is the cheaper thing to ask
/// for, and goes through it from its start, ahead of its readers. Decides only.
///
/// It begins once readers have jumped often of late, and have waited half as long as the object
/// would take. What it asks for may be under way as long as they have waited in all, so that a
/// reader who stops has cost at most as much again. What is under way at once is what comes in half
/// a second: on a slow line, which the readers need for themselves, one or two requests.
///
/// Threads: the caller's lock. Source: the constants are measured, see the .cc.
class ReadWhole {
 public:
  /// An object of more than `kept_max` bytes has no room to stay, and is never asked for whole.
  ReadWhole(std::uint64_t object_size, std::uint64_t kept_max, std::uint64_t window_max);

  /// A read that goes on from no other.
  void jumped(SteadyTime now);
  /// One that jumped had to wait so long.
  void waited(std::chrono::nanoseconds time) { waited_ += time; }
  /// From here on what was fetched is worth keeping.
  bool begun() const { return begun_; }
  /// Readers still jump so often that the block around what they ask for is worth having.
  bool wants_blocks() const;

  /// The next piece to ask for; nullopt when it is somebody else's turn.
  std::optional<ByteRange> next() const;
  void asked(ByteRange piece, SteadyTime now);
  /// All of it is here or on its way.
  void passed(ByteRange piece) { at_ = piece.end(); }
  /// A piece that was asked for got `received` of its bytes.
  void ended(ByteRange piece, std::uint64_t received, SteadyTime now);
  /// There was no memory for it: it goes no further.
  void refused() { at_ = size_; }

 private:
  void fade(SteadyTime now);
  std::uint64_t jumps_due() const;
  std::uint64_t window() const;

  const std::uint64_t size_;
  const bool may_be_kept_;
  const std::uint64_t window_max_;

  bool begun_ = false;
  std::uint64_t at_ = 0;  // all before it was asked for

  // Of late: halved every minute.
  SteadyTime faded_{};
  std::uint64_t jumps_ = 0;
  std::chrono::nanoseconds waited_{0};
  std::chrono::nanoseconds under_way_{0};  // how long something was

  std::uint64_t in_flight_ = 0;  // bytes
  SteadyTime counted_to_{};      // of under_way_
  std::uint64_t received_ = 0;
  std::chrono::nanoseconds receiving_{0};
};

}  // namespace stsfs::fs
