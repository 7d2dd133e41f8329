#include "disk_cache.h"

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {

Result<std::unique_ptr<DiskCache>> DiskCache::open(const MountRequest& request,
                                                   const credentials::Folder& place,
                                                   oss::ObjectStore& inner, Scheduler& scheduler,
                                                   const Clock& clock) {
  const MountOptions& options = request.options;
  if (options.cache_bytes == 0) return nullptr;
  const std::string directory =
      options.cache_dir.empty() ? request.paths.cache + "/blocks" : options.cache_dir;
  if (is_below(directory, request.mount_point))
    return fail(Errc::kInvalid,
                "the cache directory " + printable(directory) +
                    " would lie under the mount point; set another with cache_dir=");
  auto blocks = cache::BlockStore::open(
      {.directory = directory, .size_max_bytes = options.cache_bytes}, clock);
  if (!blocks) {
    const Errc code = blocks.error().code;
    if (code == Errc::kDenied || code == Errc::kNotDirectory)
      return fail(std::move(blocks.error()));
    log_warning("daemon", "goes on without a cache on disk: {}", blocks.error().message);
    return nullptr;
  }
  return std::unique_ptr<DiskCache>(
      new DiskCache(std::move(*blocks), options.cache_bytes, inner, scheduler,
                    folder_id(place.endpoint, place.bucket, place.prefix)));
}

}  // namespace stsfs::daemon
