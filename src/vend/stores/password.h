#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
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

  unsigned long long work() const { return operations * (memory_bytes >> 10); }
};

/// As many passes over `memory_bytes` as fit into `target` on this machine, 2 at least (RFC 9106
/// asks for no fewer at this size) and 32 at most. Measures for about `target`.
PasswordCost tune_password_cost(std::chrono::milliseconds target, std::size_t memory_bytes);

/// Argon2id in the form of crypt(5), salt and cost included.
Result<std::string> hash_password(const Secret& password, const PasswordCost& cost);

/// Works as hard as the hash asks for, whatever the outcome.
bool verify_password(const std::string& hash, const Secret& password);

/// What a hash of ours costs; nullopt for what is none.
std::optional<PasswordCost> cost_of(const std::string& hash);

/// Checks passwords in a time that tells nothing: an unknown name costs what a known one does, and
/// one whose hash is from cheaper days costs what a present one does. Where hashes are dearer than
/// the present cost (another replica's machine is faster, or this one was less busy at an earlier
/// start), all cost what the dearest does that was checked here.
///
/// Threads: every call on any thread.
class PasswordChecker {
 public:
  static Result<std::unique_ptr<PasswordChecker>> create(const PasswordCost& cost);

  /// `hash` empty: there is no such user, or one without a password.
  bool verify(const std::string& hash, const Secret& password) const;
  /// A new hash of a password that was just verified, when `hash` is cheaper than the present cost;
  /// empty: keep it.
  std::string rehash(const std::string& hash, const Secret& password) const;
  const PasswordCost& cost() const { return cost_; }

 private:
  PasswordChecker(const PasswordCost& cost, std::string dummy)
      : cost_(cost), dummy_(std::move(dummy)) {}

  unsigned long long dearest_with(unsigned long long work) const;

  const PasswordCost cost_;
  const std::string dummy_;
  mutable std::atomic<unsigned long long> dearest_ = 0;  ///< Work of one that was checked.
};

}  // namespace stsfs::vend
