// Fetching an algorithm from OpenSSL 3 costs more than hashing a short text with it, so each is
// fetched once. HMAC is built on the digest directly: EVP_MAC looks its digest up by name on every
// init.

#include "stsfs/sign/digest.h"

#include <algorithm>
#include <cstdlib>

#include <openssl/crypto.h>

#include "openssl_handles.h"

namespace stsfs::sign {
namespace {

constexpr std::size_t kBlockSize = 64;  // of SHA-1 and SHA-256 (RFC 2104)

const EVP_MD* fetched(const char* name) {
  // Never freed: used until the last thread is gone.
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  if (digest == nullptr) std::abort();  // an OpenSSL without SHA-2: nothing can be signed
  return digest;
}

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const digest = fetched("SHA256");
  return digest;
}
const EVP_MD* sha1_algorithm() {
  static const EVP_MD* const digest = fetched("SHA1");
  return digest;
}
const EVP_MD* md5_algorithm() {
  static const EVP_MD* const digest = fetched("MD5");
  return digest;
}

EVP_MD_CTX* thread_context() {
  thread_local const EvpDigestContext context(EVP_MD_CTX_new());
  return context.get();
}

template <std::size_t N>
void hash(const EVP_MD* algorithm, std::span<const std::byte> first,
          std::span<const std::byte> second, std::array<std::byte, N>& out) {
  EVP_MD_CTX* context = thread_context();
  const bool good =
      EVP_DigestInit_ex2(context, algorithm, nullptr) == 1 &&
      EVP_DigestUpdate(context, first.data(), first.size()) == 1 &&
      EVP_DigestUpdate(context, second.data(), second.size()) == 1 &&
      EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(out.data()), nullptr) == 1;
  if (!good) std::abort();  // only for lack of memory
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// RFC 2104: H((K ^ opad) || H((K ^ ipad) || text)).
template <std::size_t N>
std::array<std::byte, N> hmac(const EVP_MD* algorithm, std::span<const std::byte> key,
                              std::string_view data) {
  std::array<std::byte, N> shortened{};
  if (key.size() > kBlockSize) {
    hash(algorithm, key, {}, shortened);
    key = shortened;
  }
  std::array<std::byte, kBlockSize> pad{};
  std::array<std::byte, N> inner{};
  std::array<std::byte, N> out{};
  std::copy(key.begin(), key.end(), pad.begin());
  for (std::byte& b : pad) b ^= std::byte{0x36};
  hash(algorithm, pad, bytes_of(data), inner);
  for (std::byte& b : pad) b ^= std::byte{0x36} ^ std::byte{0x5C};
  hash(algorithm, pad, inner, out);
  OPENSSL_cleanse(pad.data(), pad.size());
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(shortened.data(), shortened.size());
  return out;
}

EvpDigestContext started(const EVP_MD* algorithm) {
  EvpDigestContext context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex2(context.get(), algorithm, nullptr) != 1) std::abort();
  return context;
}

void add(const EvpDigestContext& context, std::string_view data) {
  if (EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1) std::abort();
}

template <class Digest>
Digest ended(const EvpDigestContext& context) {
  Digest out{};
  if (EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr) != 1)
    std::abort();
  return out;
}

}  // namespace

Sha256 sha256(std::string_view data) {
  Sha256 out{};
  hash(sha256_algorithm(), bytes_of(data), {}, out);
  return out;
}

Md5 md5(std::string_view data) {
  Md5 out{};
  hash(md5_algorithm(), bytes_of(data), {}, out);
  return out;
}

Sha256 hmac_sha256(std::span<const std::byte> key, std::string_view data) {
  return hmac<32>(sha256_algorithm(), key, data);
}

Sha1 hmac_sha1(std::string_view key, std::string_view data) {
  return hmac<20>(sha1_algorithm(), bytes_of(key), data);
}

struct Sha256Stream::State {
  EvpDigestContext context = started(sha256_algorithm());
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {}
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;
Sha256Stream::~Sha256Stream() = default;
void Sha256Stream::update(std::string_view data) { add(state_->context, data); }
Sha256 Sha256Stream::finish() { return ended<Sha256>(state_->context); }

struct Md5Stream::State {
  EvpDigestContext context = started(md5_algorithm());
};

Md5Stream::Md5Stream() : state_(std::make_unique<State>()) {}
Md5Stream::Md5Stream(Md5Stream&&) noexcept = default;
Md5Stream& Md5Stream::operator=(Md5Stream&&) noexcept = default;
Md5Stream::~Md5Stream() = default;
void Md5Stream::update(std::string_view data) { add(state_->context, data); }
Md5 Md5Stream::finish() { return ended<Md5>(state_->context); }

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace stsfs::sign
