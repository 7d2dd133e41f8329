#include "vending_place.h"

#include <utility>

#include "commands.h"

namespace stsfs::daemon {

Result<std::unique_ptr<http::Engine>> command_engine(const MountOptions& options) {
  return http::Engine::create({.connect_timeout = options.connect_timeout,
                               .stall_timeout = options.stall_timeout,
                               .ca_file = options.cacert,
                               .client_certificate = options.client_cert,
                               .client_key = options.client_key,
                               .proxy = options.proxy,
                               .user_agent = "stsfs/" STSFS_VERSION},
                              system_clock());
}

Result<VendingPlace> open_vending(const std::string& url, const Settings& given) {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto settings = all_settings(*paths, given);
  if (!settings) return fail(std::move(settings.error()));
  auto options = resolve(*settings);
  if (!options) return fail(std::move(options.error()));
  auto engine = command_engine(*options);
  if (!engine) return fail(std::move(engine.error()));
  auto client = credentials::VendingClient::create(
      **engine, system_clock(), {.url = url, .insecure_http = options->insecure_http});
  if (!client) return fail(std::move(client.error()));
  return VendingPlace{std::move(*paths), std::move(*options), std::move(*engine),
                      std::move(*client)};
}

}  // namespace stsfs::daemon
