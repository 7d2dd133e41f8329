#include "stsfs/staging/staged_view.h"

namespace stsfs::staging {

StagedView::~StagedView() {
  if (moment_ != 0) file_->thaw(moment_);
}

void StagedView::freeze(std::uint64_t moment, std::span<const Extent> extents) {
  moment_ = moment;
  file_->freeze(moment, extents);
}

Result<void> StagedView::read(std::span<std::byte> buffer, std::uint64_t offset) const {
  return file_->read_as_of(moment_, buffer, offset);
}

}  // namespace stsfs::staging
