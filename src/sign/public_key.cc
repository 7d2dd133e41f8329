#include "stsfs/sign/public_key.h"

#include <string>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "openssl_handles.h"
#include "stsfs/base/handle.h"

namespace stsfs::sign {
namespace {

using EvpKey = Handle<EVP_PKEY, EVP_PKEY_free>;
using Bio = Handle<BIO, BIO_free_all>;
using Certificate = Handle<X509, X509_free>;
using BigNumber = Handle<BIGNUM, BN_free>;
using ParameterBuilder = Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Handle<OSSL_PARAM, OSSL_PARAM_free>;
using EvpKeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using EcdsaSignature = Handle<ECDSA_SIG, ECDSA_SIG_free>;

constexpr int kRsaBitsMin = 2'048;
constexpr std::size_t kRsaBytesMax =
    1'024;  // 8,192 bits: more would cost a server too much a token
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

BigNumber number_of(std::string_view bytes) {
  return BigNumber(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr));
}

/// A key of the kind `name` from what `builder` holds; null when OpenSSL finds it is none.
EvpKey key_of(const char* name, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, name, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return {};
  return EvpKey(key);
}

EvpKey rsa_of(const BigNumber& modulus, const BigNumber& exponent) {
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || !modulus || !exponent || BN_is_zero(modulus.get()) ||
      !BN_is_odd(exponent.get()) ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return {};
  return key_of("RSA", builder.get());
}

EvpKey p256_of(std::string_view x, std::string_view y) {
  std::string point("\x04", 1);  // SEC 1, section 2.3.3: not compressed
  point.append(x).append(y);
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1)
    return {};
  return key_of("EC", builder.get());
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
  return checked(std::move(key));
}

Result<PublicKey> PublicKey::from_rsa(std::string_view modulus, std::string_view exponent) {
  auto key = std::make_shared<Key>();
  if (modulus.size() <= kRsaBytesMax && exponent.size() <= sizeof(std::uint64_t))
    key->key = rsa_of(number_of(modulus), number_of(exponent));
  ERR_clear_error();
  if (!key->key) return fail(Errc::kInvalid, "not the numbers of an RSA key");
  return checked(std::move(key));
}

Result<PublicKey> PublicKey::from_p256(std::string_view x, std::string_view y) {
  auto key = std::make_shared<Key>();
  if (x.size() == kP256Half && y.size() == kP256Half) key->key = p256_of(x, y);
  ERR_clear_error();
  if (!key->key) return fail(Errc::kInvalid, "not a point on P-256");
  return checked(std::move(key));
}

Result<PublicKey> PublicKey::checked(std::shared_ptr<Key> key) {
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
