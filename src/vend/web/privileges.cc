#include "privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "stsfs/base/text.h"

namespace stsfs::vend {

Result<void> check_user(const std::string& user) {
  if (user.empty() || getpwnam(user.c_str()) != nullptr) return {};
  return fail(Errc::kNotFound, "run_as: there is no user " + printable(user));
}

Result<void> become(const std::string& user) {
  if (user.empty()) return {};
  if (auto known = check_user(user); !known) return known;
  const passwd* entry = getpwnam(user.c_str());
  if (entry->pw_uid == geteuid()) return {};
  if (geteuid() != 0)
    return fail(Errc::kDenied, "run_as: only root can become " + printable(user) +
                                   "; remedy: start as root or as that user");
  // Groups first: without root's rights they could not be given up any more.
  if (initgroups(entry->pw_name, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 ||
      setuid(entry->pw_uid) != 0)
    return fail_errno("run_as " + printable(user));
  if (setuid(0) == 0) return fail(Errc::kIo, "run_as: the rights of root could not be given up");
  // A change of user makes a process dumpable or not as the system likes; ours holds keys.
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return {};
}

}  // namespace stsfs::vend
