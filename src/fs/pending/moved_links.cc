#include "moved_links.h"

#include "fan_out.h"
#include "stsfs/base/chain.h"

namespace stsfs::fs {
namespace {

std::string moved_key(const LinkMove& move, const std::string& key) {
  return key.starts_with(move.from) ? move.to + key.substr(move.from.size()) : key;
}

}  // namespace

/// A target that would be no key any more at its new place, nobody could follow there either.
std::string moved_target(const LinkMove& move, const std::string& target) {
  std::string moved = moved_key(move, target);
  return moved.size() <= oss::kKeySizeMax ? moved : target;
}

Transfer start_link_move(oss::ObjectStore& store, const LinkMove& move, const std::string& key,
                         const oss::PutOptions& put, Deadline deadline,
                         Callback<oss::Written> done) {
  auto chain = std::make_shared<Chain>();
  chain->step([&] {
    return store.start_get_symlink(key, deadline,
                                   [&store, move, key, put = oss::PutOptions(put), deadline, chain,
                                    done = std::move(done)](Result<oss::Symlink> link) mutable {
                                     if (!link) {
                                       done(fail(std::move(link.error())));
                                       return;
                                     }
                                     put.headers.user = std::move(link->user);
                                     chain->step([&] {
                                       return store.start_put_symlink(
                                           moved_key(move, key), moved_target(move, link->target),
                                           put, deadline, std::move(done));
                                     });
                                   });
  });
  return Transfer([chain] { chain->cancel(); });
}

Result<std::optional<std::string>> moved_link(oss::ObjectStore& store, const LinkMove& move,
                                              const std::string& key, Deadline deadline,
                                              Interrupt* interrupt) {
  const std::string keys[] = {key, moved_key(move, key)};
  const auto links =
      fan_out<oss::Symlink>(interrupt, 2, 2, [&](std::size_t i, Callback<oss::Symlink> done) {
        return store.start_get_symlink(keys[i], deadline, std::move(done));
      });
  for (const auto& link : links) {
    if (link) continue;
    const Errc code = link.error().code;
    if (code != Errc::kNotFound && code != Errc::kInvalid) return fail(link.error());
  }
  std::optional<std::string> out;
  if (!links[0] && links[0].error().code == Errc::kNotFound) out.emplace();
  if (links[0] && links[1] && links[1]->user == links[0]->user &&
      links[1]->target == moved_target(move, links[0]->target))
    out = links[1]->etag;
  return out;
}

}  // namespace stsfs::fs
