#include "keyring.h"

#include <keyutils.h>

#include <cerrno>
#include <cstring>

#include "stsfs/base/text.h"

namespace stsfs::credentials {
namespace {

constexpr const char* kType = "user";
// The kernel's own limit for this type of key (user_preparse).
constexpr std::size_t kSizeMax = 32'767;

tl::unexpected<Error> refused(const std::string& doing) {
  if (errno == ENOKEY || errno == EKEYEXPIRED || errno == EKEYREVOKED)
    return fail(Errc::kNotFound, doing + ": not there");
  return fail(Errc::kNotSupported, "the kernel's keyring does not " + doing + ": " +
                                       std::strerror(errno) + "; remedy: token_store=file");
}

}  // namespace

Result<Secret> read_key(const std::string& name) {
  const long key = keyctl_search(KEY_SPEC_USER_KEYRING, kType, name.c_str(), 0);
  if (key < 0) return refused("find a key");
  std::string text(kSizeMax, '\0');
  const long size = keyctl_read(static_cast<key_serial_t>(key), text.data(), text.size());
  if (size < 0 || static_cast<std::size_t>(size) > text.size()) return refused("give a key");
  Secret secret(std::string_view(text).substr(0, static_cast<std::size_t>(size)));
  wipe(text);
  return secret;
}

Result<void> write_key(const std::string& name, std::string_view secret) {
  const key_serial_t key =
      add_key(kType, name.c_str(), secret.data(), secret.size(), KEY_SPEC_USER_KEYRING);
  if (key < 0) return refused("take a key");
  // A daemon of another session possesses nothing of ours, it is only of the same user.
  if (keyctl_setperm(key, KEY_POS_ALL | KEY_USR_ALL) < 0) return refused("open a key to this user");
  return {};
}

Result<bool> erase_key(const std::string& name) {
  const long key = keyctl_search(KEY_SPEC_USER_KEYRING, kType, name.c_str(), 0);
  if (key < 0 && errno == ENOKEY) return false;
  if (key < 0) return refused("find a key");
  if (keyctl_unlink(static_cast<key_serial_t>(key), KEY_SPEC_USER_KEYRING) < 0)
    return refused("forget a key");
  return true;
}

}  // namespace stsfs::credentials
