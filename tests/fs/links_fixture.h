#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "folder_fixture.h"

namespace stsfs::fs {

/// A folder whose files may have several names.
class LinksFixture : public FolderTest {
 protected:
  explicit LinksFixture(const fakes::FakeStoreOptions& store = {}) : FolderTest(store) {
    options_.hard_links = true;
    kill_and_begin();
  }
  InodeNumber inode_of(std::string_view name, InodeNumber parent = InodeNumber::kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  std::uint32_t count_of(std::string_view name) { return lookup(name)->attributes.link_count; }
  Result<Entry> link(std::string_view from, std::string_view to,
                     InodeNumber parent = InodeNumber::kRoot) {
    const auto entry = lookup(from);
    if (!entry) return fail(entry.error());
    return folder_->link(context(), entry->attributes.inode, parent, to);
  }
  Result<void> unlink(std::string_view name, InodeNumber parent = InodeNumber::kRoot) {
    return folder_->unlink(context(), parent, name);
  }
  /// What is kept for files with several names.
  std::size_t kept_objects() const {
    const auto keys = store_.keys();
    return static_cast<std::size_t>(std::count_if(
        keys.begin(), keys.end(),
        [](const std::string& key) { return key.starts_with("users/alice/.stsfs-links/"); }));
  }
};

}  // namespace stsfs::fs
