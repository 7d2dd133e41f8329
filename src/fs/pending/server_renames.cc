#include "server_renames.h"

#include "stsfs/base/log.h"

namespace stsfs::fs {

bool ServerRenames::is_refusal(Errc code) {
  switch (code) {
    case Errc::kNotFound:
    case Errc::kExists:
    case Errc::kNotEmpty:
    case Errc::kDenied:
    case Errc::kNotPermitted:
    case Errc::kInvalid:
    case Errc::kNameTooLong:
      return true;
    default:
      return false;
  }
}

Result<void> ServerRenames::rename(const std::string& from, const std::string& to,
                                   Interrupt* interrupt, Deadline until) {
  auto renamed = await<void>(interrupt, [&](Callback<void> done) {
    return store_.start_rename(from, to, until, std::move(done));
  });
  if (renamed) return renamed;
  const Errc code = renamed.error().code;
  if (code == Errc::kNotSupported) {
    give_up();
    log_warning("fs", "the server cannot rename, object by object it is then: {}",
                renamed.error().message);
  }
  if (code != Errc::kNotFound && code != Errc::kExists) return renamed;
  auto done = is_done(from, to, interrupt);
  if (!done) return fail(std::move(done.error()));
  return *done ? Result<void>() : renamed;
}

Result<bool> ServerRenames::is_done(const std::string& from, const std::string& to,
                                    Interrupt* interrupt) {
  for (const std::string* key : {&from, &to}) {
    auto page = await<oss::ListPage>(interrupt, [&](Callback<oss::ListPage> done) {
      return store_.start_list({.prefix = *key, .keys_max = 1}, deadline(), std::move(done));
    });
    if (!page) return fail(std::move(page.error()));
    const bool is_there = !page->objects.empty();
    if (is_there != (key == &to)) return false;
  }
  return true;
}

Result<bool> ServerRenames::take_up(const std::string& from, const std::string& to,
                                    Interrupt* interrupt) {
  if (!possible()) return false;
  auto done = rename(from, to, interrupt, deadline());
  if (!done && done.error().code == Errc::kExists) {
    auto gone = remove(to, interrupt, deadline());
    if (gone) done = rename(from, to, interrupt, deadline());
    if (!gone && !is_refusal(gone.error().code)) return fail(std::move(gone.error()));
  }
  if (done) return true;
  if (!possible() || is_refusal(done.error().code)) return false;
  return fail(std::move(done.error()));
}

Result<void> ServerRenames::remove(const std::string& directory_key, Interrupt* interrupt,
                                   Deadline until) {
  return await<void>(interrupt, [&](Callback<void> done) {
    return store_.start_delete(directory_key, "", until, std::move(done));
  });
}

}  // namespace stsfs::fs
