// The same bytes under another key, or another ETag: who makes them tells, who misses them asks.

#include "folder.h"
#include "gone.h"
#include "stsfs/base/await.h"

namespace stsfs::fs {
namespace {

/// Where a copy is asked for again of what its source has become meanwhile.
constexpr int kSourcesMax = 16;

}  // namespace

Transfer Folder::look_settled(const std::string& key, Callback<oss::ObjectMeta> done) {
  return names_overlay_.start_settled_head(key, Deadline::in(clock_, options_.metadata_timeout),
                                           std::move(done));
}

/// And inherits nothing.
bool Folder::goes_in_parts(std::uint64_t size) const {
  return size >= contents_.upload().plan.copy_size_max;
}

/// A server-side copy of a version that we know, or of what it has become: in a tree on its way it
/// may just be getting another ETag. Tells which it was.
Result<oss::Written> Folder::copy_version(const Context& context, const std::string& to,
                                          oss::CopyOptions& copy, std::uint64_t size, bool tagged) {
  for (int tries = 0;; ++tries) {
    if (tagged && goes_in_parts(size)) {
      auto tags = objects_.tags_to_carry(context, copy.source_key);
      if (!tags) return fail(std::move(tags.error()));
      copy.put.tagging = std::move(*tags);
    }
    auto written = await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
      return staging::start_copy(store_, clock_, to, copy, size, contents_.upload(),
                                 std::move(done));
    });
    if (written || !is_gone(written.error()) || tries == kSourcesMax) return written;
    auto now = successors_.of({copy.source_key, copy.source_etag});
    if (!now) return written;
    copy.source_key = std::move(now->key);
    copy.source_etag = std::move(now->etag);
  }
}

/// For TreeMoves, on its thread, before the version at the old key goes. What the journal has of
/// files that are based on it, or copy from it, is right before that, too: a later daemon has
/// nobody to ask.
Result<void> Folder::object_moved(const std::string& new_key, const std::string& old_etag,
                                  const std::string& new_etag) {
  metas_->forget(new_key);
  successors_.becomes({new_key, old_etag}, {new_key, new_etag});
  auto contents = contents_.copy_users_of(new_key);
  if (const auto whole = keys_.path_of(new_key)) {
    MutexLock lock(tree_.mutex);
    const InodePointer inode = known_inode(*whole);
    if (inode && inode->etag == old_etag && key_of(*inode) == new_key) {
      if (inode->pages_etag == old_etag) inode->pages_etag = new_etag;
      inode->etag = new_etag;
    }
    if (inode && inode->content) contents.push_back(inode->content);
  }
  for (const auto& content : contents) {
    content->stand_on({new_key, old_etag}, {new_key, new_etag});
    if (auto saved = contents_.save_if_noted(content); !saved) return saved;
  }
  return {};
}

}  // namespace stsfs::fs
