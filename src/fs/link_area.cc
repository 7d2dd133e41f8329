#include "link_area.h"

#include "stsfs/base/random.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

std::string LinkArea::new_content_key() const { return area_ + random_hex(12); }

std::optional<LinkArea::Name> LinkArea::name_in(const oss::Symlink& link) const {
  const auto token = link.user.find(kTokenName);
  if (token == link.user.end() || !contains(link.target)) return std::nullopt;
  return Name{link.target, token->second, link.etag};
}

Result<LinkArea::Name> LinkArea::name_at(const std::string& key, Interrupt* interrupt,
                                         Deadline deadline) {
  auto link = await<oss::Symlink>(interrupt, [&](Callback<oss::Symlink> done) {
    return store_.start_get_symlink(key, deadline, std::move(done));
  });
  if (!link) return fail(std::move(link.error()));
  auto name = name_in(*link);
  if (!name) return fail(Errc::kStale, printable(key) + " is no name of that file any more");
  return std::move(*name);
}

/// The token first: a name without one would not count.
Result<void> LinkArea::add_name(const std::string& content_key, const std::string& key,
                                bool forbid_overwrite, Interrupt* interrupt, Deadline deadline) {
  const std::string token = random_hex(8);
  const std::string token_key = content_key + "." + token;
  auto counted = await<oss::Written>(interrupt, [&](Callback<oss::Written> done) {
    return store_.start_put(token_key, http::memory_body(""), {}, deadline, std::move(done));
  });
  if (!counted) return fail(std::move(counted.error()));
  oss::PutOptions put;
  put.headers.user[kTokenName] = token;
  put.forbid_overwrite = forbid_overwrite;
  auto named = await<oss::Written>(interrupt, [&](Callback<oss::Written> done) {
    return store_.start_put_symlink(key, content_key, put, deadline, std::move(done));
  });
  if (named) return {};
  // Refused for sure, not only unheard of: else the name may be there, and its token must be.
  if (named.error().code == Errc::kExists || named.error().code == Errc::kNotSupported)
    static_cast<void>(removals_.add(token_key, "", true));
  return fail(std::move(named.error()));
}

Result<std::uint32_t> LinkArea::count(const std::string& content_key, Interrupt* interrupt,
                                      Deadline deadline) {
  auto page = await<oss::ListPage>(interrupt, [&](Callback<oss::ListPage> done) {
    return store_.start_list({.prefix = content_key + "."}, deadline, std::move(done));
  });
  if (!page) return fail(std::move(page.error()));
  return static_cast<std::uint32_t>(page->objects.size());
}

Result<std::uint32_t> LinkArea::drop(const Name& name, const std::string& etag,
                                     Interrupt* interrupt, Deadline deadline) {
  if (auto gone = removals_.add(name.content_key + "." + name.token, "", true); !gone)
    return fail(std::move(gone.error()));
  auto left = count(name.content_key, interrupt, deadline);
  if (!left || *left > 0) return left;
  if (auto gone = removals_.add(name.content_key, etag, true); !gone)
    return fail(std::move(gone.error()));
  return left;
}

}  // namespace stsfs::fs
