#include "symlinks.h"

#include <utility>

#include "stsfs/base/await.h"

namespace stsfs::fs {

Result<oss::Written> put_symlink(oss::ObjectStore& store, const Context& context,
                                 const std::string& key,
                                 const std::optional<std::string>& target_key,
                                 std::string_view target, const oss::PutOptions& put) {
  return await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
    if (target_key)
      return store.start_put_symlink(key, *target_key, put, context.deadline, std::move(done));
    return store.start_put(key, http::memory_body(std::string(target)), put, context.deadline,
                           std::move(done));
  });
}

Result<oss::Written> put_symlink_anew(oss::ObjectStore& store, const Context& context,
                                      const std::string& key, oss::PutOptions put) {
  auto link = await<oss::Symlink>(context.interrupt, [&](Callback<oss::Symlink> done) {
    return store.start_get_symlink(key, context.deadline, std::move(done));
  });
  if (!link) return fail(std::move(link.error()));
  put.replaces = link->etag;
  return await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
    return store.start_put_symlink(key, link->target, put, context.deadline, std::move(done));
  });
}

}  // namespace stsfs::fs
