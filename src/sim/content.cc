#include "content.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {

Content::Content(std::shared_ptr<const Blob> blob) : size_(blob->size) {
  if (blob->size > 0) segments_.push_back({blob, 0, blob->size});
}

void Content::append(const Content& other) {
  segments_.insert(segments_.end(), other.segments_.begin(), other.segments_.end());
  crc64_ = crc64_combine(crc64_, other.crc64_, other.size_);
  size_ += other.size_;
}

Content Content::slice(ByteRange range) const {
  Content out;
  std::uint64_t at = 0;
  for (const Segment& segment : segments_) {
    const std::uint64_t from = std::max(at, range.offset);
    const std::uint64_t to = std::min(at + segment.length, range.end());
    if (from < to) out.segments_.push_back({segment.blob, segment.offset + (from - at), to - from});
    at += segment.length;
  }
  for (const Segment& segment : out.segments_) out.size_ += segment.length;
  return out;
}

Content Content::with_crc64() const {
  Content out = *this;
  out.crc64_ = 0;
  std::vector<std::byte> buffer(std::min<std::uint64_t>(size_, 1 << 20));
  for (std::uint64_t at = 0; at < size_;) {
    const auto got = read(at, buffer);
    if (!got || *got == 0) break;
    out.crc64_ = stsfs::crc64(out.crc64_, std::span(buffer).first(*got));
    at += *got;
  }
  return out;
}

Result<std::size_t> Content::read(std::uint64_t offset, std::span<std::byte> buffer) const {
  std::size_t done = 0;
  std::uint64_t at = 0;
  for (const Segment& segment : segments_) {
    const std::uint64_t from = std::max(at, offset + done);
    const std::uint64_t to = std::min(at + segment.length, offset + buffer.size());
    if (from < to) {
      const auto piece = buffer.subspan(done, to - from);
      const std::uint64_t in_blob = segment.offset + (from - at);
      if (segment.blob->fd) {
        const auto got = pread_full(segment.blob->fd.get(), piece, in_blob);
        if (!got || *got != piece.size()) return fail(Errc::kIo, "the storage lost bytes");
      } else {
        std::memcpy(piece.data(), segment.blob->bytes.data() + in_blob, piece.size());
      }
      done += piece.size();
    }
    at += segment.length;
  }
  return done;
}

std::optional<Content::Segment> Content::in_one_file(ByteRange range) const {
  std::uint64_t at = 0;
  for (const Segment& segment : segments_) {
    if (range.offset >= at && range.end() <= at + segment.length) {
      if (!segment.blob->fd) return std::nullopt;
      return Segment{segment.blob, segment.offset + (range.offset - at), range.length};
    }
    at += segment.length;
  }
  return std::nullopt;
}

Result<void> ContentWriter::spill() {
  fd_.reset(memfd_create("object", MFD_CLOEXEC));
  if (!fd_) return fail_errno("memory for an object");
  auto written = pwrite_full(fd_.get(), as_bytes(small_), 0);
  small_.clear();
  small_.shrink_to_fit();
  return written;
}

Result<void> ContentWriter::write(std::string_view bytes) {
  if (!fd_ && small_.size() + bytes.size() > kInMemoryMax)
    if (auto spilled = spill(); !spilled) return spilled;
  if (fd_) {
    if (auto written = pwrite_full(fd_.get(), as_bytes(bytes), size_); !written) return written;
  } else {
    small_.append(bytes);
  }
  size_ += bytes.size();
  crc64_ = stsfs::crc64(crc64_, as_bytes(bytes));
  md5_.update(bytes);
  return {};
}

sign::Md5 ContentWriter::md5() { return md5_.finish(); }

Result<Content> ContentWriter::finish() {
  auto blob = std::make_shared<Blob>();
  blob->bytes = std::move(small_);
  blob->fd = std::move(fd_);
  blob->size = size_;
  Content content(std::move(blob));
  content.set_crc64(crc64_);
  return content;
}

}  // namespace stsfs::sim
