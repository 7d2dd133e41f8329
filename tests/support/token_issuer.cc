#include "support/token_issuer.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "stsfs/base/text.h"

namespace stsfs::testing {

struct TokenIssuer::Key {
  EVP_PKEY* key = nullptr;
  ~Key() { EVP_PKEY_free(key); }

  std::string number(const char* name, int size) const {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &value) != 1) abort();
    std::string bytes(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()),
                 static_cast<int>(bytes.size()));
    BN_free(value);
    return bytes;
  }
};

namespace {

/// r || s of 32 bytes each, of what OpenSSL gives as DER.
std::string raw_of(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string out(64, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed), bytes, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed), bytes + 32, 32);
  ECDSA_SIG_free(parsed);
  return out;
}

}  // namespace

TokenIssuer::TokenIssuer(Kind kind, std::string id)
    : kind_(kind), id_(std::move(id)), key_(std::make_unique<Key>()) {
  key_->key = kind == Kind::kRsa ? EVP_RSA_gen(2'048) : EVP_EC_gen("P-256");
  if (key_->key == nullptr) abort();
}
TokenIssuer::~TokenIssuer() = default;

std::string TokenIssuer::base64url(const std::string& bytes) {
  std::string text = base64_encode(as_bytes(bytes));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::find(text.begin(), text.end(), '='), text.end());
  return text;
}

std::string TokenIssuer::sign(const std::string& payload) const {
  return sign(std::string(R"({"alg":")") + (kind_ == Kind::kRsa ? "RS256" : "ES256") +
                  R"(","kid":")" + id_ + "\"}",
              payload);
}

std::string TokenIssuer::sign(const std::string& header, const std::string& payload) const {
  const std::string text = base64url(header) + "." + base64url(payload);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_->key) != 1 ||
      EVP_DigestSign(context, nullptr, &size, bytes, text.size()) != 1)
    abort();
  std::string signature(size, '\0');
  if (EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                     text.size()) != 1)
    abort();
  EVP_MD_CTX_free(context);
  signature.resize(size);
  return text + "." + base64url(kind_ == Kind::kRsa ? signature : raw_of(signature));
}

std::string TokenIssuer::jwk() const {
  if (kind_ == Kind::kRsa)
    return R"({"kty":"RSA","kid":")" + id_ + R"(","use":"sig","alg":"RS256","n":")" +
           base64url(key_->number(OSSL_PKEY_PARAM_RSA_N, 0)) + R"(","e":")" +
           base64url(key_->number(OSSL_PKEY_PARAM_RSA_E, 0)) + "\"}";
  return R"({"kty":"EC","kid":")" + id_ + R"(","crv":"P-256","x":")" +
         base64url(key_->number(OSSL_PKEY_PARAM_EC_PUB_X, 32)) + R"(","y":")" +
         base64url(key_->number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)) + "\"}";
}

std::string TokenIssuer::pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key_->key);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

}  // namespace stsfs::testing
