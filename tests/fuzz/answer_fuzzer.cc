// What comes from outside as JSON: vending answers in each shape, refusals, token files.
// A grant that is accepted must be safe to use: its folder
// passes the check again, and nothing in it can break a header.

#include "answer.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "token_file.h"

namespace {

using namespace stsfs;
using namespace stsfs::credentials;

void must(bool holds) {
  if (!holds) abort();
}

bool fits_header(std::string_view text) {
  for (char c : text)
    if (c <= ' ' || c >= 0x7f) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (KeyKind kind : {KeyKind::kTemporaryOnly, KeyKind::kAny}) {
    const auto grant = parse_grant(text, kind);
    if (!grant) {
      must(!grant.error().message.empty());
      continue;
    }
    must(fits_header(grant->credential.access_key_id));
    must(fits_header(grant->credential.security_token.reveal()));
    must(!grant->credential.access_key_secret.empty());
    if (grant->folder) must(check_folder(*grant->folder).has_value());
  }
  describe_refusal(text);
  const auto token = parse_token_file(text);
  if (!token) return 0;
  const auto again = parse_token_file(write_token_file("https://vend.example.com", *token));
  must(again && again->token == token->token);
  return 0;
}
