#pragma once

#include <memory>
#include <optional>
#include <string>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/clock.h"
#include "stsfs/http/body.h"
#include "stsfs/oss/object_store.h"

/// Bodies that are checked while they pass, so that nothing is read twice for a checksum.
namespace stsfs::oss {

/// Computes the CRC-64 of what is read from `inner`, which may be read again from the start.
///
/// Threads: as BodySource says; `crc64` after the transfer.
class CheckedSource final : public http::BodySource {
 public:
  explicit CheckedSource(std::shared_ptr<http::BodySource> inner);

  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) override;

  /// kCorrupt when the server saw other bytes than were read, or not all of them were.
  Result<void> check(const std::optional<std::uint64_t>& servers_crc64) const;
  /// Known once everything was read, also when it is then read again.
  const std::optional<std::uint64_t>& whole_crc64() const { return whole_crc64_; }

 private:
  const std::shared_ptr<http::BodySource> inner_;
  const std::uint64_t size_bytes_;
  std::uint64_t position_ = 0;  // everything before it is in crc64_
  std::uint64_t crc64_ = 0;
  std::optional<std::uint64_t> whole_crc64_;
};

/// Takes a ranged answer apart for `inner`: nothing passes before range and version are right.
class CheckedSink final : public http::Sink {
 public:
  CheckedSink(ReadSink& inner, ByteRange range, std::string etag, WallTime now)
      : inner_(inner), range_(range), etag_(std::move(etag)), now_(now) {}

  Result<void> begin(const http::ResponseHead& head) override;
  Result<void> write(std::span<const std::byte> bytes) override;
  /// After the last byte: kUnavailable when some are missing, kCorrupt when the whole object was
  /// read and its CRC-64 is another.
  Result<void> finish() const;

 private:
  ReadSink& inner_;
  const ByteRange range_;
  const std::string etag_;
  const WallTime now_;
  ByteRange expected_;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t crc64_ = 0;
  std::optional<std::uint64_t> whole_crc64_;  // set when the answer is the whole object
};

}  // namespace stsfs::oss
