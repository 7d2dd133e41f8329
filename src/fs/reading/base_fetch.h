#pragma once

#include <algorithm>

#include "base_reader.h"
#include "stsfs/base/crc64.h"

namespace stsfs::fs {

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
      const auto place =
          pins[to / cache::BlockPool::kBlockSize - range.offset / cache::BlockPool::kBlockSize]
              .bytes()
              .subspan(to % cache::BlockPool::kBlockSize);
      const std::size_t size = std::min(place.size(), rest.size());
      if (size == 0) return fail(Errc::kProtocol, "more bytes than the object has");
      std::copy_n(rest.begin(), size, place.begin());
      rest = rest.subspan(size);
      to += size;
    }
    return reader.arrived(*this, bytes.size());
  }

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
  std::uint64_t at;                            // filled up to
  std::vector<cache::BlockPool::Wish> wishes;  // blocks that it waits for
  std::uint64_t ticket = 0;                    // at the pool, while it waits
  bool called_off = false;
  Transfer transfer;
};

}  // namespace stsfs::fs
