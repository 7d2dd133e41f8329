#pragma once

#include <memory>
#include <string>

namespace stsfs::testing {

/// An OpenID provider's keys: makes one, signs tokens with it, shows it as a JSON Web Key.
class TokenIssuer {
 public:
  enum class Kind { kRsa, kP256 };

  TokenIssuer(Kind kind, std::string id);
  ~TokenIssuer();

  /// Header (alg and kid as they belong) and `payload`, signed.
  std::string sign(const std::string& payload) const;
  /// The same with a header of one's own.
  std::string sign(const std::string& header, const std::string& payload) const;
  /// One entry of a key set.
  std::string jwk() const;
  std::string pem() const;

  static std::string base64url(const std::string& bytes);

 private:
  struct Key;
  const Kind kind_;
  const std::string id_;
  std::unique_ptr<Key> key_;
};

}  // namespace stsfs::testing
