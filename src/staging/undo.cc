#include "undo.h"

#include <algorithm>
#include <utility>

#include "stsfs/staging/staging_area.h"
#include "undo_record.h"

namespace stsfs::staging {
namespace {

/// Copied at once around what is written: so many small writes leave no more than one copy a block.
constexpr std::uint64_t kBlockSize = 4096;

ByteRange in_blocks(ByteRange range) {
  const std::uint64_t from = range.offset / kBlockSize * kBlockSize;
  const std::uint64_t to = (range.end() + kBlockSize - 1) / kBlockSize * kBlockSize;
  return {from, to - from};
}

ByteRange common(ByteRange a, ByteRange b) {
  const std::uint64_t from = std::max(a.offset, b.offset);
  const std::uint64_t to = std::min(a.end(), b.end());
  return {from, to > from ? to - from : 0};
}

/// The first of `copied` that ends behind `offset`.
template <class Copies>
auto first_behind(const Copies& copied, std::uint64_t offset) {
  auto at = copied.upper_bound(offset);
  if (at != copied.begin() && std::prev(at)->first + std::prev(at)->second.length > offset) --at;
  return at;
}

/// What of `range` is not among `copied`.
template <class Copies>
void add_gaps(const Copies& copied, ByteRange range, std::vector<ByteRange>& out) {
  std::uint64_t from = range.offset;
  for (auto at = first_behind(copied, from); at != copied.end() && at->first < range.end(); ++at) {
    if (at->first > from) out.push_back({from, at->first - from});
    from = at->first + at->second.length;
  }
  if (from < range.end()) out.push_back({from, range.end() - from});
}

}  // namespace

void Undo::freeze(std::uint64_t moment, std::vector<ByteRange> held) {
  MutexLock lock(mutex_);
  moments_.push_back({.number = moment, .held = std::move(held)});
}

/// One that is older counts on what was copied since.
void Undo::thaw(std::uint64_t moment) {
  std::vector<Moment> gone;  // with their files: not under the lock
  MutexLock lock(mutex_);
  for (Moment& one : moments_)
    if (one.number == moment) one.wanted = false;
  const auto kept =
      std::find_if(moments_.begin(), moments_.end(), [](const Moment& one) { return one.wanted; });
  std::move(moments_.begin(), kept, std::back_inserter(gone));
  moments_.erase(moments_.begin(), kept);
}

/// What `moment` held of `range` and the staged file alone has.
std::vector<ByteRange> Undo::missing(std::size_t moment, ByteRange range) const {
  std::vector<ByteRange> out;
  const std::vector<ByteRange>& held = moments_[moment].held;
  auto at = std::upper_bound(
      held.begin(), held.end(), range.offset,
      [](std::uint64_t offset, const ByteRange& one) { return offset < one.end(); });
  for (; at != held.end() && at->offset < range.end(); ++at) out.push_back(common(*at, range));
  for (std::size_t i = moment; i < moments_.size() && !out.empty(); ++i) {
    std::vector<ByteRange> left;
    for (const ByteRange& one : out) add_gaps(moments_[i].copied, one, left);
    out.swap(left);
  }
  return out;
}

Result<void> Undo::preserve(ByteRange range) {
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    if (!moments_[i].wanted || missing(i, range).empty()) continue;
    for (const ByteRange& one : missing(i, in_blocks(range)))
      if (auto copied = copy(one); !copied) return copied;
  }
  return {};
}

Result<void> Undo::copy(ByteRange range) {
  Moment& latest = moments_.back();
  if (!latest.beside) {
    auto made = area_.create_beside(file_.name(), latest.number);
    if (!made) return fail(std::move(made.error()));
    latest.beside = std::move(*made);
  }
  std::vector<std::byte> record;
  for (std::uint64_t at = range.offset, length = 0; at < range.end(); at += length) {
    length = std::min<std::uint64_t>(kUndoBytesMax, range.end() - at);
    record.resize(kUndoHeaderSize + length);
    const auto bytes = std::span(record).subspan(kUndoHeaderSize);
    if (auto got = file_.read(bytes, at); !got) return got;
    seal_undo_record(record, latest.number, at);
    if (auto put = latest.beside->write(record, latest.end); !put)
      return fail(std::move(put.error()), "keep what is written over");
    latest.copied[at] = {length, latest.end + kUndoHeaderSize};
    latest.end += record.size();
  }
  return {};
}

void Undo::end(bool is_kept) {
  std::vector<Moment> gone;  // with their files: not under the lock
  MutexLock lock(mutex_);
  gone.swap(moments_);
  for (const Moment& one : gone)
    if (is_kept && one.beside) one.beside->keep();
}

/// The number is looked at under the lock, behind the read: a write that this may have seen came
/// after the moment, and then its copy is known here.
Result<void> Undo::restore(const std::atomic<std::uint64_t>& moment, std::span<std::byte> buffer,
                           std::uint64_t offset) const {
  MutexLock lock(mutex_);
  const std::uint64_t number = moment;
  if (number == 0) return {};
  const ByteRange range{offset, buffer.size()};
  for (auto one = moments_.rbegin(); one != moments_.rend() && one->number >= number; ++one)
    for (auto at = first_behind(one->copied, offset);
         at != one->copied.end() && at->first < range.end(); ++at) {
      const ByteRange part = common({at->first, at->second.length}, range);
      auto got = one->beside->read(buffer.subspan(part.offset - offset, part.length),
                                   at->second.at + (part.offset - at->first));
      if (!got) return got;
    }
  return {};
}

}  // namespace stsfs::staging
