#include "check_command.h"

#include <sys/stat.h>

#include <filesystem>

#include "load_settings.h"
#include "stores/sql.h"
#include "stsfs/base/text.h"
#include "web/privileges.h"
#include "web/server.h"

namespace stsfs::vend {
namespace {

/// A file that the server will make can be made.
Result<void> check_directory_of(const char* key, const std::string& path) {
  if (path.empty()) return {};
  std::string directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0)
    return fail_errno(std::string(key) + ": directory " + printable(directory));
  if (S_ISDIR(status.st_mode)) return {};
  return fail(Errc::kInvalid,
              std::string(key) + ": " + printable(directory) + " is not a directory");
}

Result<void> ask(const Loaded& loaded, KeyRing& keys) {
  Metrics metrics;
  Interrupt never;
  SessionMaker maker(keys, metrics, system_clock(), never);
  const Settings& settings = *loaded.settings;
  auto session =
      maker.make("self-test", settings.config.folder, settings.sts, settings.config.sts.timeout);
  if (!session) return fail(std::move(session.error()));
  return {};
}

}  // namespace

Result<void> check_config(const std::string& file, bool ask_sts) {
  auto loaded = load_settings(file, system_clock());
  if (!loaded) return fail(std::move(loaded.error()));
  const Config& config = loaded->settings->config;
  if (auto options = server_options(config); !options) return fail(std::move(options.error()));
  if (auto known = check_user(config.run_as); !known) return known;
  if (auto there = check_directory_of("audit_log", config.audit_log); !there) return there;
  if (!is_postgres(config.database))
    if (auto there = check_directory_of("database", config.database); !there) return there;
  if (auto good = check_database(config.database); !good) return good;
  if (!ask_sts) return {};
  KeyRing keys(std::move(loaded->keys));
  return ask(*loaded, keys);
}

}  // namespace stsfs::vend
