#pragma once

#include <memory>

namespace stsfs::cache {

/// Whether nobody else holds it, so that it may be changed. Nobody may be handed it meanwhile.
///
/// `use_count` alone does not order what the last other holder read before the caller's changes:
/// giving up a holding of one's own does.
template <class T>
bool is_sole_owner(const std::shared_ptr<T>& pointer) {
  if (pointer.use_count() > 1) return false;
  std::shared_ptr<T>(pointer).reset();
  return true;
}

}  // namespace stsfs::cache
