// With FUSE_HANDLE_KILLPRIV_V2 the kernel leaves it to us to clear set-user-id and set-group-id on
// write, truncate and chown, and in return no longer asks for security.capability before every
// write.
#include "set_id.h"

#include <sys/stat.h>

#include <utility>

#include "driver.h"

namespace stsfs::fuse {

std::optional<mode_t> without_set_id(mode_t mode) {
  mode_t cleared = mode & ~static_cast<mode_t>(S_ISUID);
  if (mode & S_IXGRP) cleared &= ~static_cast<mode_t>(S_ISGID);
  if (S_ISDIR(mode) || cleared == mode) return std::nullopt;
  return cleared & 07777;
}

Result<bool> clear_set_id(fs::FileSystem& file_system, const fs::Context& context,
                          fs::InodeNumber inode, std::optional<fs::HandleNumber> handle) {
  auto present = file_system.getattr(context, inode);
  if (!present) return fail(std::move(present.error()));
  const auto mode = without_set_id(present->attributes.mode);
  if (!mode) return false;
  fs::AttributeChange change;
  change.mode = *mode;
  auto changed = file_system.setattr(context, inode, handle, change);
  if (!changed) return fail(std::move(changed.error()));
  return true;
}

Result<void> clear_set_id_now(Driver& driver, const fs::Context& context, fs::InodeNumber inode,
                              std::optional<fs::HandleNumber> handle) {
  auto cleared = clear_set_id(driver.file_system(), context, inode, handle);
  if (!cleared) return fail(std::move(cleared.error()));
  if (*cleared) driver.forget_attributes(inode);
  return {};
}

Result<fs::AttributeChange> with_set_id_cleared(fs::FileSystem& file_system,
                                                const fs::Context& context, fs::InodeNumber inode,
                                                fs::AttributeChange change, bool asked) {
  const bool owner_changes = change.uid.has_value() || change.gid.has_value();
  if (change.mode || (!owner_changes && !asked)) return change;
  auto present = file_system.getattr(context, inode);
  if (!present) return fail(std::move(present.error()));
  if (const auto mode = without_set_id(present->attributes.mode)) change.mode = *mode;
  return change;
}

}  // namespace stsfs::fuse
