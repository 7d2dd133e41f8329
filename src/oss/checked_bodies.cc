#include "checked_bodies.h"

#include <fmt/format.h>

#include "answers.h"
#include "stsfs/base/crc64.h"

namespace stsfs::oss {

CheckedSource::CheckedSource(std::shared_ptr<http::BodySource> inner)
    : inner_(std::move(inner)), size_bytes_(inner_->size_bytes()) {}

Result<std::size_t> CheckedSource::read(std::uint64_t offset, std::span<std::byte> buffer) {
  if (offset == 0) {
    position_ = 0;  // sent again
    crc64_ = 0;
  }
  if (offset > position_) return fail(Errc::kIo, "a body is not read in order");
  auto given = inner_->read(offset, buffer);
  if (!given) return given;
  if (*given == 0 && offset < size_bytes_ && !buffer.empty())
    return fail(Errc::kIo, fmt::format("a body of {} bytes ended at {}", size_bytes_, offset));
  if (const std::uint64_t end = offset + *given; end > position_) {
    const std::size_t known = position_ - offset;
    crc64_ = crc64(crc64_, buffer.first(*given).subspan(known));
    position_ = end;
  }
  if (position_ == size_bytes_) whole_crc64_ = crc64_;
  return given;
}

Result<void> CheckedSource::check(const std::optional<std::uint64_t>& servers_crc64) const {
  if (position_ != size_bytes_)
    return fail(Errc::kCorrupt,
                fmt::format("the server answered after {} of {} bytes", position_, size_bytes_));
  if (servers_crc64 && *servers_crc64 != crc64_)
    return fail(Errc::kCorrupt,
                fmt::format("CRC-64 {} was sent, the server has {}", crc64_, *servers_crc64));
  return {};
}

Result<void> CheckedSink::begin(const http::ResponseHead& head) {
  auto partial = read_partial(head, range_, etag_, now_);
  if (!partial) return fail(std::move(partial.error()));
  expected_ = partial->range;
  // What is read through a link is its target's, and so is the checksum that comes with it; a
  // server that sends the link's own would be found wrong, so links are left out.
  if (expected_.length == partial->meta.size_bytes && partial->meta.type != ObjectType::kSymlink)
    whole_crc64_ = partial->meta.crc64;
  return inner_.begin(partial->meta);
}

Result<void> CheckedSink::write(std::span<const std::byte> bytes) {
  if (bytes.size() > expected_.length - written_bytes_)
    return fail(Errc::kProtocol, "the answer is longer than its Content-Range");
  written_bytes_ += bytes.size();
  if (whole_crc64_) crc64_ = crc64(crc64_, bytes);
  return inner_.write(bytes);
}

Result<void> CheckedSink::finish() const {
  if (written_bytes_ < expected_.length)
    return fail(Errc::kUnavailable, fmt::format("the answer ended after {} of {} bytes",
                                                written_bytes_, expected_.length));
  if (whole_crc64_ && *whole_crc64_ != crc64_)
    return fail(Errc::kCorrupt,
                fmt::format("CRC-64 {} was received, the server says {}", crc64_, *whole_crc64_));
  return {};
}

}  // namespace stsfs::oss
