#include "stsfs/sign/jwt.h"

#include <gtest/gtest.h>

#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"
#include "stsfs/sign/strict_json.h"
#include "support/token_issuer.h"

namespace stsfs::sign {
namespace {

using namespace std::chrono_literals;
using stsfs::testing::TokenIssuer;

const WallTime kNow{1'767'323'045s};
const JwtRules kRules{"https://id.example.com", {"stsfs"}};

std::string claims(const std::string& more = {}) {
  return R"({"iss":"https://id.example.com","sub":"alice","aud":["x","stsfs"],"exp":1767326645,"iat":1767322000,)"
         R"("groups":["staff","admins"],"email":"a@example.com")" +
         more + "}";
}

class Jwt : public ::testing::Test {
 protected:
  // Making an RSA key takes long: one for all.
  static void SetUpTestSuite() {
    rsa_ = std::make_unique<TokenIssuer>(TokenIssuer::Kind::kRsa, "r1");
    ec_ = std::make_unique<TokenIssuer>(TokenIssuer::Kind::kP256, "e1");
  }
  static void TearDownTestSuite() {
    rsa_.reset();
    ec_.reset();
  }
  std::vector<JwtKey> keys_ =
      *parse_key_set(R"({"keys":[)" + rsa_->jwk() + "," + ec_->jwk() + "]}");
  std::optional<JwtFlaw> flaw(const std::string& token) {
    const auto out = verify_jwt(token, keys_, kRules, kNow);
    if (out) return std::nullopt;
    return out.error();
  }
  static std::unique_ptr<TokenIssuer> rsa_, ec_;
};
std::unique_ptr<TokenIssuer> Jwt::rsa_, Jwt::ec_;

TEST_F(Jwt, OfEitherKindIsBelieved) {
  for (const auto* issuer : {rsa_.get(), ec_.get()}) {
    const auto out = verify_jwt(issuer->sign(claims()), keys_, kRules, kNow);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->subject, "alice");
    EXPECT_EQ(out->audience, "stsfs");
    EXPECT_EQ(jwt_text(*out, "email"), "a@example.com");
    EXPECT_EQ(jwt_list(*out, "groups"), (std::vector<std::string>{"staff", "admins"}));
    EXPECT_EQ(jwt_text(*out, "nothing"), "");
  }
  EXPECT_EQ(jwt_key_id(ec_->sign(claims())), "e1");
}

TEST_F(Jwt, MustAgreeWithTheKeyAboutTheAlgorithm) {
  EXPECT_EQ(flaw(rsa_->sign(R"({"alg":"none"})", claims())), JwtFlaw::kSignature);
  EXPECT_EQ(flaw(rsa_->sign(R"({"alg":"ES256","kid":"r1"})", claims())), JwtFlaw::kSignature);
  EXPECT_EQ(flaw(rsa_->sign(R"({"kid":"r1"})", claims())), JwtFlaw::kSignature);
  EXPECT_EQ(flaw(rsa_->sign(R"({"alg":"RS256","crit":["x"]})", claims())), JwtFlaw::kSignature);
  const std::string unsigned_token =
      TokenIssuer::base64url(R"({"alg":"none"})") + "." + TokenIssuer::base64url(claims()) + ".";
  EXPECT_EQ(flaw(unsigned_token), JwtFlaw::kSignature);
  // The public key as the secret of an HMAC: what a verifier that trusts `alg` falls for.
  const std::string confused = TokenIssuer::base64url(R"({"alg":"HS256","kid":"r1"})") + "." +
                               TokenIssuer::base64url(claims());
  const auto mac = hmac_sha256(as_bytes(rsa_->pem()), confused);
  EXPECT_EQ(flaw(confused + "." + TokenIssuer::base64url(std::string(as_text(mac)))),
            JwtFlaw::kSignature);
}

TEST_F(Jwt, IsRefusedForWhatItSays) {
  const auto saying = [](const std::string& iss, const std::string& aud, const std::string& rest) {
    return R"({"iss":")" + iss + R"(","aud":)" + aud + rest + "}";
  };
  const std::string good = R"(,"sub":"a","exp":1767326645)";
  EXPECT_EQ(flaw(ec_->sign(saying("https://evil.example", R"("stsfs")", good))), JwtFlaw::kIssuer);
  EXPECT_EQ(flaw(ec_->sign(saying("https://id.example.com", R"("other")", good))),
            JwtFlaw::kAudience);
  EXPECT_EQ(flaw(ec_->sign(saying("https://id.example.com", R"("stsfs")", R"(,"exp":1767326645)"))),
            JwtFlaw::kIncomplete);
  EXPECT_EQ(flaw(ec_->sign(saying("https://id.example.com", R"("stsfs")", R"(,"sub":"a")"))),
            JwtFlaw::kIncomplete);
  EXPECT_EQ(flaw(ec_->sign(
                saying("https://id.example.com", R"("stsfs")", R"(,"sub":"a","exp":1767323045)"))),
            JwtFlaw::kExpired);
  EXPECT_EQ(flaw(ec_->sign(claims(R"(,"nbf":1767323200)"))), JwtFlaw::kNotYet);
  EXPECT_EQ(flaw(ec_->sign(claims(R"(,"nbf":1767323100)"))), std::nullopt) << "within a minute";
  EXPECT_EQ(flaw(ec_->sign(claims(R"(,"sub":"bob")"))), JwtFlaw::kMalformed)
      << "a name twice means two things";
}

TEST_F(Jwt, ThatWasTouchedIsRefused) {
  const std::string token = ec_->sign(claims());
  for (const std::string& bad : {std::string(), std::string("a.b.c"), token + "x",
                                 token.substr(0, token.size() - 2), token + ".x", "." + token,
                                 std::string(30'000, 'a'), token.substr(0, token.rfind('.')) + "."})
    EXPECT_TRUE(flaw(bad)) << bad.substr(0, 60);
  const std::string other = TokenIssuer(TokenIssuer::Kind::kP256, "e1").sign(claims());
  EXPECT_EQ(flaw(other), JwtFlaw::kSignature) << "the same name, another key";
}

TEST_F(Jwt, KeySetsAreTakenForWhatIsOfUse) {
  EXPECT_EQ(keys_.size(), 2u);
  const std::string with_others =
      R"({"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"EC","crv":"P-521"},7,)" + ec_->jwk() + "]}";
  EXPECT_EQ(parse_key_set(with_others)->size(), 1u);
  for (const char* bad :
       {"", "{}", "[]", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[{"kty":"oct","k":"eA"}]})",
        R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})",
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})"})
    EXPECT_FALSE(parse_key_set(bad)) << bad;
}

TEST(StrictJson, MeansOneThing) {
  for (const char* good : {"{}", "[1,2,{\"a\":null}]", "\"x\"", "{\"a\":{\"a\":1}}"})
    EXPECT_TRUE(check_json_strictly(good)) << good;
  for (const char* bad : {"", "{", "{\"a\":1,\"a\":2}", "[1,]", "nul", "{\"a\":1}x"})
    EXPECT_FALSE(check_json_strictly(bad)) << bad;
  EXPECT_FALSE(check_json_strictly(std::string_view("{}\0{", 4)))
      << "nothing hides behind a zero byte";
  EXPECT_TRUE(check_json_strictly(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(check_json_strictly(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(check_json_strictly(std::string(1'000'000, '[')));
  EXPECT_NE(check_json_strictly("{\n  \"a\": x}").error().message.find("line 2"),
            std::string::npos);
}

}  // namespace
}  // namespace stsfs::sign
