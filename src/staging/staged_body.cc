#include <algorithm>
#include <cstring>

#include "stsfs/staging/upload.h"

namespace stsfs::staging {
namespace {

class StagedBody final : public http::BodySource {
 public:
  StagedBody(std::shared_ptr<const StagedView> view, std::vector<Extent> extents)
      : view_(std::move(view)),
        extents_(std::move(extents)),
        start_(extents_.empty() ? 0 : extents_.front().range.offset),
        size_(extents_.empty() ? 0 : extents_.back().range.end() - start_) {}

  std::uint64_t size_bytes() const override { return size_; }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (offset >= size_) return std::size_t{0};
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_ - offset));
    for (std::size_t filled = 0; filled < count;) {
      auto more = read_run(start_ + offset + filled, buffer.subspan(filled, count - filled));
      if (!more) return more;
      filled += *more;
    }
    return count;
  }

 private:
  /// From one extent.
  Result<std::size_t> read_run(std::uint64_t at, std::span<std::byte> buffer) {
    const auto extent = std::prev(
        std::upper_bound(extents_.begin(), extents_.end(), at,
                         [](auto place, const auto& one) { return place < one.range.offset; }));
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), extent->range.end() - at));
    if (extent->is_remote())
      return fail(Errc::kInvalid, "bytes that are in OSS only were to be sent and are not staged");
    if (extent->origin == Origin::kZero || !view_)
      std::memset(buffer.data(), 0, count);
    else if (auto done = view_->read(buffer.first(count), at); !done)
      return fail(std::move(done.error()));
    return count;
  }

  const std::shared_ptr<const StagedView> view_;
  const std::vector<Extent> extents_;
  const std::uint64_t start_;
  const std::uint64_t size_;
};

}  // namespace

std::shared_ptr<http::BodySource> staged_body(std::shared_ptr<const StagedView> view,
                                              std::vector<Extent> extents) {
  return std::make_shared<StagedBody>(std::move(view), std::move(extents));
}

}  // namespace stsfs::staging
