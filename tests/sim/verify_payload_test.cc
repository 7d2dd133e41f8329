// The body is the one of the S3 documentation: 66,560 letters a in chunks of 65,536 and 1,024.

#include "identity/verify_payload.h"

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

PayloadTerms chunked() {
  const sign::aws4::Scope scope{"20130524", "us-east-1"};
  const sign::Sha256 key =
      sign::aws4::signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", scope);
  PayloadTerms out;
  out.kind = PayloadTerms::Kind::kChunksSigned;
  out.seed_signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
  out.date = "20130524T000000Z";
  out.scope = scope.to_string();
  out.signing_key.assign(key.begin(), key.end());
  return out;
}

std::string documented_body() {
  const std::string a(65'536, 'a');
  const std::string b(1'024, 'a');
  return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
         "\r\n" +
         a +
         "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
         "\r\n" +
         b +
         "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
         "\r\n\r\n";
}

/// "" when accepted, else the code; what was read is in `out`.
std::string read(PayloadTerms terms, std::string_view body, std::string& out,
                 std::size_t step = 1'000'000) {
  AwsPayload payload(std::move(terms));
  for (std::size_t i = 0; i < body.size(); i += step)
    if (auto refusal = payload.feed(body.substr(i, step), out)) return refusal->code;
  const auto refusal = payload.finish();
  return refusal ? refusal->code : "";
}

TEST(AwsPayload, ReadsTheDocumentedBodyHoweverItIsCut) {
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{7}, std::size_t{65'537}, std::size_t{1'000'000}}) {
    std::string out;
    EXPECT_EQ(read(chunked(), documented_body(), out, step), "") << step;
    EXPECT_EQ(out, std::string(66'560, 'a')) << step;
  }
}

TEST(AwsPayload, AChangedByteAMissingChunkAndMoreAreRefused) {
  std::string out;
  std::string changed = documented_body();
  changed[200] = 'b';
  EXPECT_EQ(read(chunked(), changed, out), "SignatureDoesNotMatch");
  const std::string whole = documented_body();
  EXPECT_EQ(read(chunked(), whole.substr(0, whole.size() - 100), out), "IncompleteBody");
  EXPECT_EQ(read(chunked(), "", out), "IncompleteBody");
  EXPECT_EQ(read(chunked(), whole + "x", out), "InvalidRequest");
  EXPECT_EQ(read(chunked(), "zz\r\n", out), "InvalidRequest");
  EXPECT_EQ(read(chunked(), "0\n", out), "InvalidRequest");
  EXPECT_EQ(read(chunked(), std::string(AwsPayload::kLineMax + 1, '1'), out), "InvalidRequest");
}

TEST(AwsPayload, UnsignedChunksBringTheirTrailers) {
  AwsPayload payload({.kind = PayloadTerms::Kind::kChunksUnsigned, .trailer = true});
  std::string out;
  EXPECT_FALSE(payload.feed("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", out));
  EXPECT_FALSE(payload.finish());
  EXPECT_EQ(out, "abc");
  EXPECT_EQ(payload.trailers(), (sign::Pairs{{"x-amz-checksum-crc32", "AAAA"}}));
}

TEST(AwsPayload, AHashedBodyMustHashToWhatWasSigned) {
  PayloadTerms terms{.kind = PayloadTerms::Kind::kHashed};
  terms.sha256_hex = hex_lower(sign::sha256("hello"));
  std::string out;
  EXPECT_EQ(read(terms, "hello", out, 2), "");
  EXPECT_EQ(read(terms, "hellO", out), "XAmzContentSHA256Mismatch");
}

}  // namespace
}  // namespace stsfs::sim
