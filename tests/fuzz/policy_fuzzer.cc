// A policy from outside: parsed or refused, then asked; never a crash, a leak or a long wait.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ram/ram_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stsfs::sim;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const PolicyKind kind :
       {PolicyKind::kIdentity, PolicyKind::kSession, PolicyKind::kTrust, PolicyKind::kBucket}) {
    const auto policy = parse_policy(text, kind);
    if (!policy) continue;
    const PolicyPrincipal who{.account_id = "1", .id = "7", .arn = "acs:ram::1:user/a"};
    evaluate(*policy, {"oss:GetObject", "acs:oss:oss-cn-hangzhou:1:b/users/alice/k", who,
                       [](std::string_view key) { return std::optional<std::string>(key); }});
  }
  return 0;
}
