// Tokens and key sets of strangers: whatever they hold, nothing is believed that was not signed.
// The first line is the token, the rest the key set.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "stsfs/sign/jwt.h"
#include "stsfs/sign/strict_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stsfs;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto line = text.find('\n');
  const std::string token = text.substr(0, line);
  const std::string set = line == std::string::npos ? "" : text.substr(line + 1);
  const auto keys = sign::parse_key_set(set);
  const sign::JwtRules rules{"i", {"a"}};
  (void)sign::jwt_key_id(token);
  const auto claims =
      sign::verify_jwt(token, keys ? *keys : std::vector<sign::JwtKey>(), rules, WallTime{});
  if (claims && !keys) abort();  // nobody signed it
  if (sign::check_json_strictly(text) && sign::check_json_strictly(text + "x")) abort();
  return 0;
}
