#pragma once

#include <string>
#include <vector>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/secret.h"

namespace stsfs::credentials {

/// What a login gave, as it is kept between processes.
struct LoginToken {
  Secret token;
  WallTime obtained_at;
  WallTime expires_at;
  std::string username;  ///< As typed at the login; for `status` and messages.
};

enum class TokenPlace {
  kFile,     ///< Mode 0600, in the state directory; there after a reboot.
  kKeyring,  ///< The kernel's keyring of this user (keyrings(7)): in memory, gone with a reboot.
};

/// The login tokens of one user, one for each vending server.
///
/// Threads: every call on any thread, and in several processes at once: tokens are replaced whole.
class TokenStore {
 public:
  /// `directory` is `$XDG_STATE_HOME/stsfs`; it is created (0700) with the first token, or for the
  /// locks of those that lie in the keyring.
  explicit TokenStore(std::string directory, TokenPlace place = TokenPlace::kFile)
      : directory_(std::move(directory)), place_(place) {}

  /// Errors: kCredential when there is none ("log in: stsfs login URL"); kDenied when the file's
  ///         owner or mode lets others at it; kProtocol when it is not ours.
  Result<LoginToken> load(const std::string& url) const;
  Result<void> save(const std::string& url, const LoginToken& token) const;
  /// False: there was none.
  Result<bool> erase(const std::string& url) const;
  /// The servers that there are tokens for, by their files; of the keyring it is not known.
  std::vector<std::string> servers() const;

  /// Held while a token is exchanged: two processes that rotate at once would each drop the
  /// other's. Released when it goes, also by a kill.
  class Lock {
   public:
    explicit Lock(UniqueFd fd) : fd_(std::move(fd)) {}

   private:
    UniqueFd fd_;
  };
  /// Waits at most until `deadline`, at 20 ms steps; kTimedOut, kInterrupted.
  Result<Lock> lock(const std::string& url, const Clock& clock, Deadline deadline,
                    Interrupt& interrupt) const;

  /// `<directory>/tokens/<host>-<hash>.json`. Two spellings of one URL (case of the host, a slash
  /// at the end) have one file.
  std::string path_of(const std::string& url) const;

 private:
  Result<Secret> read(const std::string& url) const;

  std::string directory_;
  TokenPlace place_;
};

}  // namespace stsfs::credentials
