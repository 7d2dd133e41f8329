#include "password.h"

#include <sodium.h>

#include <array>

namespace stsfs::vend {
namespace {

bool start_sodium() {
  static const bool started = sodium_init() >= 0;
  return started;
}

}  // namespace

Result<std::string> hash_password(const Secret& password, const PasswordCost& cost) {
  if (!start_sodium()) return fail(Errc::kIo, "libsodium could not start");
  const std::string_view text = password.reveal();
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str_alg(hash.data(), text.data(), text.size(), cost.operations,
                            cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(Errc::kIo, "not enough memory to hash a password");
  return std::string(hash.data());
}

bool verify_password(const std::string& hash, const Secret& password) {
  if (!start_sodium() || hash.size() >= crypto_pwhash_STRBYTES) return false;
  const std::string_view text = password.reveal();
  return crypto_pwhash_str_verify(hash.c_str(), text.data(), text.size()) == 0;
}

}  // namespace stsfs::vend
