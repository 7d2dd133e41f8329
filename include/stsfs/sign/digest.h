#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

/// The hashes and MACs that signatures are made of. Pure; any thread.
namespace stsfs::sign {

using Sha256 = std::array<std::byte, 32>;
using Sha1 = std::array<std::byte, 20>;
using Md5 = std::array<std::byte, 16>;

Sha256 sha256(std::string_view data);
Md5 md5(std::string_view data);
Sha256 hmac_sha256(std::span<const std::byte> key, std::string_view data);
Sha1 hmac_sha1(std::string_view key, std::string_view data);

/// SHA-256 of what comes in pieces.
class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  ~Sha256Stream();

  void update(std::string_view data);
  /// The digest of all of it. Nothing may follow.
  Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// MD5 of what comes in pieces.
class Md5Stream {
 public:
  Md5Stream();
  Md5Stream(Md5Stream&&) noexcept;
  Md5Stream& operator=(Md5Stream&&) noexcept;
  ~Md5Stream();

  void update(std::string_view data);
  /// The digest of all of it. Nothing may follow.
  Md5 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// In a time that does not depend on where they differ; false at once when the lengths differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace stsfs::sign
