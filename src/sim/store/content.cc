#include "content.h"

#include <algorithm>

#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {

Content::Content(std::shared_ptr<const Blob> blob) {
  const std::uint64_t size = blob->size();
  append(Segment{std::move(blob), 0, size});
}

void Content::append(Segment segment) {
  if (segment.length == 0) return;
  size_ += segment.length;
  segments_.push_back(std::move(segment));
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
    if (from < to) out.append(Segment{segment.blob, segment.offset + (from - at), to - from});
    at += segment.length;
  }
  return out;
}

Result<Content> Content::with_crc64() const {
  Content out = *this;
  out.crc64_ = 0;
  std::vector<std::byte> buffer(std::min<std::uint64_t>(size_, 1 << 20));
  for (std::uint64_t at = 0; at < size_;) {
    const auto got = read(at, buffer);
    if (!got) return fail(got.error());
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
      auto got = segment.blob->read(segment.offset + (from - at), buffer.subspan(done, to - from));
      if (!got) return fail(std::move(got.error()));
      done += to - from;
    }
    at += segment.length;
  }
  return done;
}

Result<void> ContentWriter::begin_piece(std::uint64_t bytes_coming) {
  const std::uint64_t wanted =
      expected_ > size() ? expected_ - size() : std::max(next_piece_, bytes_coming);
  auto place = storage_->reserve(wanted);
  if (!place) return fail(std::move(place.error()));
  place_ = *place;
  next_piece_ = std::min(kPieceMax, next_piece_ * 2);
  return {};
}

void ContentWriter::end_piece() {
  if (!place_) return;
  place_->length = here_;
  auto blob = std::make_shared<Blob>(storage_, *place_, stored_);
  place_.reset();
  here_ = stored_ = 0;
  const std::uint64_t size = blob->size();
  content_.append(Content::Segment{std::move(blob), 0, size});
}

Result<void> ContentWriter::store(std::string_view bytes) {
  while (!bytes.empty()) {
    if (place_ && here_ == place_->length) end_piece();
    if (!place_)
      if (auto begun = begin_piece(bytes.size()); !begun) return begun;
    const std::string_view now = bytes.substr(0, place_->length - here_);
    const auto stored = storage_->write(*place_, here_, now);
    if (!stored) return fail(stored.error());
    here_ += now.size();
    stored_ += *stored;
    bytes.remove_prefix(now.size());
  }
  return {};
}

Result<void> ContentWriter::write(std::string_view bytes) {
  crc64_ = stsfs::crc64(crc64_, as_bytes(bytes));
  md5_.update(bytes);
  const bool fits = small_.size() + bytes.size() <= kInMemoryMax;
  if (!place_ && content_.size() == 0 && fits) {
    small_.append(bytes);
    return {};
  }
  if (!small_.empty()) {
    const std::string before = std::exchange(small_, {});
    if (auto spilled = store(before); !spilled) return spilled;
  }
  return store(bytes);
}

Content ContentWriter::finish() {
  end_piece();
  if (!small_.empty()) {
    small_.shrink_to_fit();
    content_ = Content(std::make_shared<Blob>(std::exchange(small_, {})));
  }
  content_.set_crc64(crc64_);
  return std::move(content_);
}

}  // namespace stsfs::sim
