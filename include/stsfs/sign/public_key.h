#pragma once

#include <memory>
#include <string_view>

#include "stsfs/base/result.h"

namespace stsfs::sign {

/// A public key that a token's signature is checked against.
///
/// Threads: every call on any thread.
/// Source:  RFC 7518, section 3.3 (RS256) and 3.4 (ES256).
class PublicKey {
 public:
  enum class Kind { kRsa, kP256 };

  /// An RSA key of at least 2,048 bits or one on P-256, as PEM (`BEGIN PUBLIC KEY` or a
  /// certificate).
  static Result<PublicKey> from_pem(std::string_view pem);
  /// The same from their numbers, big-endian, as a JSON Web Key has them (RFC 7518, section 6).
  static Result<PublicKey> from_rsa(std::string_view modulus, std::string_view exponent);
  static Result<PublicKey> from_p256(std::string_view x, std::string_view y);

  Kind kind() const { return kind_; }
  /// RSA: PKCS #1 v1.5 with SHA-256. P-256: ECDSA with SHA-256, the signature as r and s of 32
  /// bytes each. False for anything that does not verify.
  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  struct Key;
  /// Takes the key over when it is of a kind and strength that we take.
  static Result<PublicKey> checked(std::shared_ptr<Key> key);
  PublicKey(std::shared_ptr<const Key> key, Kind kind) : key_(std::move(key)), kind_(kind) {}
  std::shared_ptr<const Key> key_;
  Kind kind_;
};

}  // namespace stsfs::sign
