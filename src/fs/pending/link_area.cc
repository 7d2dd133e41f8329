#include "link_area.h"

#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kNumberSize = 16;

/// For so long a name of which nobody knows whether it is there is looked for where it was put:
/// after that another client may well have renamed its directory. Then its token stays, one too
/// many or not.
constexpr std::chrono::minutes kUnsureFor{2};

std::string as_hex(InodeNumber number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out(kNumberSize, '0');
  auto left = static_cast<std::uint64_t>(number);
  for (auto digit = out.rbegin(); digit != out.rend(); ++digit, left >>= 4U)
    *digit = kDigits[left & 15U];
  return out;
}

/// Of an OSS error that says for sure that nothing was written.
bool was_refused(Errc code) {
  return code == Errc::kExists || code == Errc::kDenied || code == Errc::kNotSupported;
}

}  // namespace

std::string LinkArea::new_content_key(InodeNumber inode) const {
  const std::string random = random_hex((kIdSize - kNumberSize) / 2);
  return prefix_ + std::string(KeySpace::kLinkAreaName) + "/" + as_hex(inode) + random;
}

bool LinkArea::is_content_key(std::string_view key) const {
  const auto slash = key.rfind('/');
  if (slash == std::string_view::npos || !key.starts_with(prefix_)) return false;
  const std::string_view id = key.substr(slash + 1);
  const std::string_view directory = key.substr(0, slash);
  const bool is_area = directory.ends_with(KeySpace::kLinkAreaName) &&
                       (directory.size() == prefix_.size() + KeySpace::kLinkAreaName.size() ||
                        (directory.size() > prefix_.size() + KeySpace::kLinkAreaName.size() &&
                         directory[directory.size() - KeySpace::kLinkAreaName.size() - 1] == '/'));
  return is_area && id.size() == kIdSize && id.find('.') == std::string_view::npos;
}

std::optional<InodeNumber> LinkArea::inode_in(std::string_view content_key) {
  const std::string_view id = content_key.substr(content_key.rfind('/') + 1);
  const auto number = parse_u64(id.substr(0, kNumberSize), 16);
  // 63 bits, as the tree gives them.
  if (!number || *number >> 63U != 0) return std::nullopt;
  return static_cast<InodeNumber>(*number);
}

std::optional<LinkArea::Name> LinkArea::name_in(const oss::Symlink& link) const {
  const auto token = link.user.find(kTokenName);
  if (token == link.user.end() || !is_content_key(link.target)) return std::nullopt;
  return Name{link.target, token->second, link.etag};
}

Result<std::optional<LinkArea::Name>> LinkArea::name_at(const std::string& key,
                                                        Interrupt* interrupt, Deadline deadline) {
  auto link = await<oss::Symlink>(interrupt, [&](Callback<oss::Symlink> done) {
    return store_.start_get_symlink(key, deadline, std::move(done));
  });
  if (link) return name_in(*link);
  const Errc code = link.error().code;
  if (code == Errc::kNotFound || code == Errc::kInvalid) return std::optional<Name>();
  return fail(std::move(link.error()));
}

LinkArea::Name LinkArea::new_name(std::string content_key) {
  return {std::move(content_key), random_hex(8), ""};
}

Result<oss::Written> LinkArea::put_token(const Name& name, Interrupt* interrupt,
                                         Deadline deadline) {
  auto counted = await<oss::Written>(interrupt, [&](Callback<oss::Written> done) {
    return store_.start_put(name.token_key(), http::memory_body(""), {}, deadline, std::move(done));
  });
  ahead_.forget();
  return counted;
}

Result<void> LinkArea::begin_name(const Name& name, Interrupt* interrupt, Deadline deadline) {
  auto counted = put_token(name, interrupt, deadline);
  if (counted) return {};
  if (!was_refused(counted.error().code)) take_back(name);
  return fail(std::move(counted.error()));
}

Result<oss::Written> LinkArea::put_name(const Name& name, const std::string& key,
                                        const Present& present, Interrupt* interrupt,
                                        Deadline deadline) {
  oss::PutOptions put;
  put.headers.user[kTokenName] = name.token;
  put.headers.user[oss::kWriteIdName] = name.token;  // knows its own after a lost answer
  expect(put, present);
  const SteadyTime since = clock_.steady();
  auto written = await<oss::Written>(interrupt, [&](Callback<oss::Written> done) {
    return store_.start_put_symlink(key, name.content_key, put, deadline, std::move(done));
  });
  if (written) return written;
  if (was_refused(written.error().code)) {
    take_back(name);
    return written;
  }
  const auto there = find_name(name, key, interrupt, deadline);
  if (there && *there) return oss::Written{.etag = (*there)->etag};
  if (there) {
    take_back(name);
  } else {
    MutexLock lock(mutex_);
    unsure_.push_back({name, key, since});
  }
  return written;
}

/// The same at the key, or nothing, or nothing of it.
Result<std::optional<LinkArea::Name>> LinkArea::find_name(const Name& name, const std::string& key,
                                                          Interrupt* interrupt, Deadline deadline) {
  auto there = name_at(key, interrupt, deadline);
  const bool same =
      there && *there && (*there)->content_key == name.content_key && (*there)->token == name.token;
  if (there && !same) there->reset();
  return there;
}

Result<void> LinkArea::settle_unsure(Interrupt* interrupt, Deadline deadline) {
  for (;;) {
    Unsure one;
    {
      MutexLock lock(mutex_);
      const SteadyTime now = clock_.steady();
      std::erase_if(unsure_, [&](const Unsure& old) { return now - old.since >= kUnsureFor; });
      if (unsure_.empty()) return {};
      one = std::move(unsure_.back());
      unsure_.pop_back();
    }
    const auto there = find_name(one.name, one.key, interrupt, deadline);
    if (there && !*there) take_back(one.name);
    if (there) continue;
    MutexLock lock(mutex_);
    unsure_.push_back(std::move(one));
    return fail(there.error());
  }
}

void LinkArea::keep_unsure_below(std::string_view directory_key) {
  MutexLock lock(mutex_);
  std::erase_if(unsure_, [&](const Unsure& one) { return one.key.starts_with(directory_key); });
}

void LinkArea::take_back(const Name& name) {
  if (auto gone = removals_.add(name.token_key(), "", true); !gone)
    log_warning("fs", "{} stays and counts as a name: {}", printable(name.token_key()),
                gone.error().message);
  ahead_.forget();
}

void LinkArea::restore_token(const Name& name, const std::string& key, Interrupt* interrupt,
                             Deadline deadline) {
  const auto present = name_at(key, interrupt, deadline);  // it may be going this moment
  if (!present || !*present || (*present)->token != name.token) return;
  const auto counted = put_token(name, interrupt, deadline);
  log_warning("fs", "{} had lost the object that counts it; {}", printable(key),
              counted ? "it has it again" : counted.error().message);
}

Result<LinkArea::Census> LinkArea::count(const std::string& content_key, Interrupt* interrupt,
                                         Deadline deadline) {
  Census out;
  oss::ListRequest request{.prefix = content_key};
  do {
    auto page = await<oss::ListPage>(interrupt, [&](Callback<oss::ListPage> done) {
      return store_.start_list(request, deadline, std::move(done));
    });
    if (!page) return fail(std::move(page.error()));
    for (const oss::ListEntry& object : page->objects) {
      if (object.key == content_key)
        out.has_content = true;
      else if (object.key[content_key.size()] == '.')
        out.tokens.insert(object.key.substr(content_key.size() + 1));
    }
    request.continuation_token = page->next_token;
  } while (!request.continuation_token.empty());
  return out;
}

Transfer LinkArea::goes_along(const std::string& key, Deadline deadline,
                              Callback<std::string> done) {
  const auto dot = key.rfind('.');
  const std::string content_key = key.substr(0, dot);
  if (dot == std::string::npos || !is_content_key(content_key)) {
    done("");
    return Transfer();
  }
  return store_.start_list(
      {.prefix = content_key + ".", .keys_max = 1}, deadline,
      [content_key, done = std::move(done)](Result<oss::ListPage> page) mutable {
        if (!page)
          done(fail(std::move(page.error())));
        else
          done(page->objects.empty() ? content_key : "");
      });
}

}  // namespace stsfs::fs
