#include <cstdio>
#include <cstdlib>

#include "commands.h"
#include "config_file.h"
#include "exit_codes.h"
#include "mount_point.h"
#include "mount_source.h"
#include "paths.h"
#include "readiness.h"
#include "serve.h"

namespace stsfs::daemon {
namespace {

Settings without_files(const Settings& given) {
  Settings out = environment_settings([](const char* name) { return getenv(name); });
  out.insert(out.end(), given.begin(), given.end());
  return out;
}

Result<MountRequest> request_of(const MountArguments& arguments) {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto source = parse_source(arguments.source);
  if (!source) return fail(std::move(source.error()));
  auto settings = all_settings(*paths, arguments.settings);
  if (!settings) return fail(std::move(settings.error()));
  auto options = resolve(*settings, {.sloppy = arguments.sloppy});
  if (!options) return fail(std::move(options.error()));
  auto fitted = fit_to_source(std::move(*options), *source);
  if (!fitted) return fail(std::move(fitted.error()));
  if (arguments.single_threaded) fitted->receivers = 1;
  auto mount_point = check_mount_point(arguments.mount_point);
  if (!mount_point) return fail(std::move(mount_point.error()));
  return MountRequest{.source_text = arguments.source,
                      .source = std::move(*source),
                      .options = std::move(*fitted),
                      .settings = without_files(arguments.settings),
                      .mount_point = std::move(*mount_point),
                      .paths = std::move(*paths),
                      .foreground = arguments.foreground || arguments.debug,
                      .debug = arguments.debug};
}

}  // namespace

Result<Settings> all_settings(const Paths& paths, const Settings& given) {
  Settings out;
  for (const std::string& path : paths.config_files) {
    auto more = read_config_file(path);
    if (!more) return more;
    out.insert(out.end(), more->begin(), more->end());
  }
  const Settings rest = without_files(given);
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::vector<std::string> our_states(const Paths& paths) {
  std::vector<std::string> out = journaled_states(paths.state);
  auto settings = all_settings(paths, {});
  auto options = settings ? resolve(*settings) : Result<MountOptions>(fail(settings.error()));
  if (!options) {
    (void)report(options.error());
    return out;
  }
  if (options->state_dir.empty() || options->state_dir == paths.state) return out;
  for (std::string& state : journaled_states(options->state_dir)) out.push_back(std::move(state));
  return out;
}

int mount_command(const MountArguments& arguments) {
  auto request = request_of(arguments);
  if (!request) return report(request.error());
  if (arguments.fake) return kExitOk;
  Readiness readiness;
  if (!request->foreground) {
    auto parent = go_into_background(readiness);
    if (!parent) {
      (void)report(parent.error());
      return kExitSystem;
    }
    if (*parent) return **parent;
  }
  return serve(*request, std::move(readiness));
}

}  // namespace stsfs::daemon
