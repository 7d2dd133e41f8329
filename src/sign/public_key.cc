#include "stsfs/sign/public_key.h"

#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "openssl_handles.h"
#include "stsfs/base/handle.h"

namespace stsfs::sign {
namespace {

using EvpKey = Handle<EVP_PKEY, EVP_PKEY_free>;
using Bio = Handle<BIO, BIO_free_all>;
using Certificate = Handle<X509, X509_free>;
using EcdsaSignature = Handle<ECDSA_SIG, ECDSA_SIG_free>;

constexpr int kRsaBitsMin = 2'048;
constexpr int kP256Half = 32;

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

EvpKey parse(std::string_view pem) {
  Bio bio = reader_of(pem);
  if (EvpKey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)); key) return key;
  bio = reader_of(pem);
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  return EvpKey(certificate ? X509_get_pubkey(certificate.get()) : nullptr);
}

bool is_p256(const EVP_PKEY* key) {
  char name[64] = {};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, name, sizeof name, &size) == 1 &&
         (std::string_view(name) == "prime256v1" || std::string_view(name) == "P-256");
}

/// OpenSSL wants DER where a token has r || s.
std::vector<unsigned char> der_of(std::string_view signature) {
  if (signature.size() != 2 * kP256Half) return {};
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
  const EcdsaSignature parsed(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes, kP256Half, nullptr);
  BIGNUM* s = BN_bin2bn(bytes + kP256Half, kP256Half, nullptr);
  if (!parsed || ECDSA_SIG_set0(parsed.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parsed.get(), &der);
  std::vector<unsigned char> out;
  if (size > 0) out.assign(der, der + size);
  OPENSSL_free(der);
  return out;
}

}  // namespace

struct PublicKey::Key {
  EvpKey key;
};

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  auto key = std::make_shared<Key>();
  key->key = parse(pem);
  ERR_clear_error();
  if (!key->key) return fail(Errc::kInvalid, "not a public key or certificate in PEM");
  EVP_PKEY* raw = key->key.get();
  if (EVP_PKEY_is_a(raw, "RSA") == 1) {
    if (EVP_PKEY_get_bits(raw) < kRsaBitsMin)
      return fail(Errc::kInvalid, "an RSA key of less than 2,048 bits");
    return PublicKey(std::move(key), Kind::kRsa);
  }
  if (EVP_PKEY_is_a(raw, "EC") == 1 && is_p256(raw)) return PublicKey(std::move(key), Kind::kP256);
  return fail(Errc::kInvalid, "neither an RSA key nor one on P-256");
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
  std::vector<unsigned char> der;
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
  std::size_t size = signature.size();
  if (kind_ == Kind::kP256) {
    der = der_of(signature);
    bytes = der.data();
    size = der.size();
  }
  if (size == 0) return false;
  const EvpDigestContext context(EVP_MD_CTX_new());
  const bool good =
      context &&
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_->key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes, size,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace stsfs::sign
