#include "read_whole.h"

#include <algorithm>

#include "fetch_window.h"

namespace stsfs::fs {
namespace {

using std::chrono::nanoseconds;

// Fewer jumps than one for each block are few; 128 are many in any object.
constexpr std::uint64_t kJumpsMany = 128;
// Half of the time that all of it takes at 1 GB/s: what a local network gives. Of a GiB that are
// 2,000 jumps there, 26 of 20 ms.
constexpr double kWorthBytesPerSecond = 2e9;
constexpr std::chrono::minutes kHalved{1};

}  // namespace

ReadWhole::ReadWhole(std::uint64_t object_size, std::uint64_t kept_max, std::uint64_t window_max)
    : size_(object_size), may_be_kept_(object_size <= kept_max), window_max_(window_max) {}

void ReadWhole::fade(SteadyTime now) {
  if (now - faded_ < kHalved) return;
  const bool long_ago = now - faded_ >= 2 * kHalved;
  jumps_ = long_ago ? 0 : jumps_ / 2;
  waited_ = long_ago ? nanoseconds(0) : waited_ / 2;
  under_way_ = long_ago ? nanoseconds(0) : under_way_ / 2;
  faded_ = now;
}

std::uint64_t ReadWhole::jumps_due() const {
  return std::min(kJumpsMany, size_ / FetchWindow::kUnit);
}

bool ReadWhole::wants_blocks() const { return begun_ && jumps_ >= jumps_due() / 2; }

void ReadWhole::jumped(SteadyTime now) {
  if (!may_be_kept_) return;
  fade(now);
  ++jumps_;
  const double worth = static_cast<double>(size_) / kWorthBytesPerSecond;
  begun_ =
      begun_ || (jumps_ >= jumps_due() && std::chrono::duration<double>(waited_).count() >= worth);
}

std::uint64_t ReadWhole::window() const {
  const std::uint64_t first = std::min(FetchWindow::kFirst, window_max_);
  const double seconds = std::chrono::duration<double>(receiving_).count();
  if (seconds <= 0) return first;
  const double in_time = static_cast<double>(received_) / seconds * FetchWindow::kSeconds;
  return std::clamp(static_cast<std::uint64_t>(in_time), first, window_max_);
}

std::optional<ByteRange> ReadWhole::next() const {
  if (!begun_ || at_ >= size_ || under_way_ >= waited_) return std::nullopt;
  const std::uint64_t window = this->window();
  const std::uint64_t piece = FetchWindow::piece_of(window);
  if (in_flight_ > 0 && in_flight_ + piece > window) return std::nullopt;
  const std::uint64_t to = at_ / FetchWindow::kUnit * FetchWindow::kUnit + piece;
  return ByteRange{at_, std::min(to, size_) - at_};
}

void ReadWhole::asked(ByteRange piece, SteadyTime now) {
  passed(piece);
  if (in_flight_ == 0) counted_to_ = now;
  in_flight_ += piece.length;
}

void ReadWhole::ended(ByteRange piece, std::uint64_t received, SteadyTime now) {
  in_flight_ -= piece.length;
  under_way_ += now - counted_to_;
  receiving_ += now - counted_to_;
  counted_to_ = now;
  received_ += received;
}

}  // namespace stsfs::fs
