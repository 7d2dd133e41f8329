#pragma once

#include <cstddef>
#include <string>

#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs::vend {

inline constexpr std::size_t kPasswordMinBytes = 8;
inline constexpr std::size_t kPasswordMaxBytes = 1'024;

/// What a hash costs. The default is libsodium's "interactive": 64 MiB, some 100 ms.
struct PasswordCost {
  unsigned long long operations = 2;
  std::size_t memory_bytes = std::size_t{64} << 20;
};

/// Argon2id in the form of crypt(5), salt and cost included.
Result<std::string> hash_password(const Secret& password, const PasswordCost& cost);

/// Works as hard as the hash asks for, whatever the outcome.
bool verify_password(const std::string& hash, const Secret& password);

}  // namespace stsfs::vend
