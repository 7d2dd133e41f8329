// What strangers send to the vending server, where it is taken apart: bodies, forms, cookies,
// headers, addresses.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "office/oidc.h"
#include "office/sign_in.h"
#include "stores/device_store.h"
#include "stores/password.h"
#include "stsfs/sts/session_policy.h"
#include "web/client_address.h"
#include "web/web_pages.h"
#include "wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stsfs;
  using namespace stsfs::vend;
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)json_member(Secret(std::string_view(text)), "username");
  (void)form_value(text, "user_code");
  (void)cookie_value(text, "stsfs-web");
  ServiceRequest request;
  request.authorization = Secret(std::string_view(text));
  if (bearer_of(request, 256).size() > 256) abort();
  if (const auto code = tidy_user_code(text); !code.empty() && code.size() != 9) abort();
  if (!sts::check_user_name(session_name_of("issuer", text))) abort();
  (void)throttle_address(text);
  (void)counted_name(text);
  (void)client_address("10.0.0.1", text, {"10.0.0.0/8", text});
  (void)cost_of(text);
  if (as_html(text).find_first_of("<>\"'") != std::string::npos) abort();
  return 0;
}
