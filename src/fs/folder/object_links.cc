// Symbolic links, and files with several names: both are Symlink objects in a listing, and more is
// to be asked of them than of anything else.

#include <algorithm>

#include "objects.h"
#include "stsfs/base/await.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// Files with several names that are asked for at once.
constexpr std::size_t kLinksAskedAtOnce = 64;

/// A target kept in an object's body, as s3fs does it, is no longer than a path.
constexpr std::uint64_t kLinkTargetMax = 4096;

class TextSink final : public oss::ReadSink {
 public:
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte> bytes) override {
    text.append(as_text(bytes));
    return {};
  }
  std::string text;
};

/// `target`, a key, as a path relative to the directory of the link.
std::string relative_target(const std::string& link_path, const std::string& target_path) {
  const auto from = split(link_path, '/');
  const auto to = split(target_path, '/');
  std::size_t common = 0;
  while (common + 1 < from.size() && common + 1 < to.size() && from[common] == to[common]) ++common;
  std::string out;
  for (std::size_t i = common; i + 1 < from.size(); ++i) out += "../";
  for (std::size_t i = common; i < to.size(); ++i)
    out.append(to[i]).append(i + 1 < to.size() ? "/" : "");
  return out;
}

oss::ObjectMeta meta_of(const oss::Symlink& link) {
  return {.etag = link.etag,
          .last_modified = link.last_modified,
          .type = oss::ObjectType::kSymlink,
          .headers = {.user = link.user},
          .symlink_target = link.target,
          .server_time = link.server_time};
}

oss::Symlink link_of(const oss::ObjectMeta& meta) {
  return {.target = meta.symlink_target,
          .etag = meta.etag,
          .last_modified = meta.last_modified,
          .user = meta.headers.user,
          .server_time = meta.server_time};
}

}  // namespace

Result<void> Objects::find_symlink(const Context& context, const std::string& link_path,
                                   const std::string& key,
                                   const std::optional<oss::ObjectMeta>& told, Found& out) {
  auto known = told && !told->symlink_target.empty() ? told : known_meta(context, key, out.entry);
  if (!known || known->symlink_target.empty()) {
    const SteadyTime now = clock_.steady();
    auto meta = ask_with_neighbours(context, link_path, key, Wanted::What::kSymlink);
    if (!meta) return fail(std::move(meta.error()));
    known = std::move(*meta);
    out.asked = now;
  }
  const oss::Symlink told_link = link_of(*known);
  const oss::Symlink* link = &told_link;
  if (const auto name = links_.name_in(*link)) {
    if (find_linked_ahead(context, link_path, *name, out)) return {};
    auto linked = find_linked(context, key, *name, out);
    // Without its content the name is a symbolic link to nothing, which can be removed.
    if (linked || linked.error().code != Errc::kNotFound) return linked;
  }
  out.meta = std::move(*known);
  const auto raw = link->user.find(kRawTarget);
  const auto target_path = keys_.path_of(link->target);
  if (raw != link->user.end())
    out.link_target = percent_decode(raw->second).value_or(raw->second);
  else
    out.link_target = target_path ? relative_target(link_path, *target_path) : "/" + link->target;
  out.attributes = attributes_of(out.meta, false, options_.defaults);
  if (is_link(out.attributes.mode)) out.attributes.size_bytes = out.link_target.size();
  return {};
}

/// As s3fs keeps it: in the body.
Result<void> Objects::read_link_target(const Context& context, const std::string& key, Found& out) {
  if (auto may = may_wait(context); !may) return may;
  TextSink sink;
  const std::uint64_t size = std::min(out.meta.size_bytes, kLinkTargetMax);
  if (size > 0) {
    auto read = await<void>(context.interrupt, [&](Callback<void> done) {
      return store_.start_get(key, out.meta.etag, {0, size}, sink, context.deadline,
                              std::move(done));
    });
    if (!read) return read;
  }
  out.link_target = link_target_of(out.meta.headers.user, sink.text);
  return {};
}

/// What GetSymlink tells, as HEAD would of anything else.
Transfer Objects::start_symlink(const std::string& key, Deadline deadline,
                                Callback<oss::ObjectMeta> done) {
  return store_.start_get_symlink(key, deadline,
                                  [done = std::move(done)](Result<oss::Symlink> link) mutable {
                                    if (link)
                                      done(meta_of(*link));
                                    else
                                      done(fail(std::move(link.error())));
                                  });
}

/// The same without asking, where names are asked for one after the other: for those behind it,
/// too.
bool Objects::find_linked_ahead(const Context& context, const std::string& link_path,
                                const LinkArea::Name& name, Found& out) {
  if (listings_.fresh().count() == 0) return false;
  const auto slash = link_path.rfind('/');
  const std::string above = slash == std::string::npos ? "" : link_path.substr(0, slash);
  const std::string above_key = keys_.directory_key(above).value_or("");
  const std::string own_name = link_path.substr(slash == std::string::npos ? 0 : slash + 1);
  const bool goes_on = link_runs_.batch(above_key, own_name) > 1;
  auto known = links_.ahead().find(name.content_key);
  if (!known && goes_on && may_wait(context)) {
    std::vector<std::string> content_keys{name.content_key};
    for (const auto& [next, entry] : listings_.after(above_key, own_name, kLinksAskedAtOnce - 1)) {
      const auto key = keys_.file_key(join_path(above, next));
      const auto meta = key ? known_meta(context, *key, entry) : std::nullopt;
      const auto link = meta ? links_.name_in(link_of(*meta)) : std::nullopt;
      if (link) content_keys.push_back(link->content_key);
    }
    std::sort(content_keys.begin(), content_keys.end());
    content_keys.erase(std::unique(content_keys.begin(), content_keys.end()), content_keys.end());
    links_.ahead().ask(context, content_keys);
    known = links_.ahead().find(name.content_key);
  }
  if (!known || !known->tokens.contains(name.token)) return false;
  if (clock_.steady() - known->asked >= listings_.fresh()) return false;
  out.meta = std::move(known->content);
  out.attributes = attributes_of(out.meta, false, options_.defaults);
  out.content_key = name.content_key;
  out.tokens = std::move(known->tokens);
  out.asked = std::min(out.asked, known->asked);
  return true;
}

/// What a name in a listing leads to; kNotFound when its content is not there.
Result<void> Objects::find_linked(const Context& context, const std::string& key,
                                  const LinkArea::Name& name, Found& out) {
  auto waiter = std::make_shared<Waiter<oss::ObjectMeta>>();
  const Transfer asking = store_.start_head(name.content_key, context.deadline, waiter->callback());
  auto census = links_.count(name.content_key, context.interrupt, context.deadline);
  auto meta = waiter->wait(context.interrupt);
  if (!meta) return fail(std::move(meta.error()));
  if (!census) return fail(std::move(census.error()));
  if (!census->tokens.contains(name.token) && !state_.is_read_only())
    links_.restore_token(name, key, context.interrupt, context.deadline);
  out.meta = std::move(*meta);
  out.attributes = attributes_of(out.meta, false, options_.defaults);
  out.content_key = name.content_key;
  out.tokens = std::move(census->tokens);
  return {};
}

}  // namespace stsfs::fs
