// Looks at everything that a mount needs, one after the other, and says of each whether it is well
// and what to do where it is not. Changes nothing.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "commands.h"
#include "credential_choice.h"
#include "exit_codes.h"
#include "folder_place.h"
#include "folder_report.h"
#include "mount_source.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/credentials/renewer.h"
#include "stsfs/fuse/mounts.h"
#include "stsfs/oss/oss_store.h"
#include "stsfs/oss/retrying_store.h"
#include "stsfs/staging/journal.h"
#include "vending_place.h"

namespace stsfs::daemon {
namespace {

constexpr std::uint64_t kFreeWarns = std::uint64_t{1} << 30;

class Doctor {
 public:
  explicit Doctor(const DoctorArguments& arguments) : arguments_(arguments) {}

  int run() {
    check_fuse();
    if (check_configuration()) {
      check_state();
      check_logins();
      if (!arguments_.source.empty()) check_folder();
    }
    if (failed_ > 0) std::printf("%d of the checks failed\n", failed_);
    return failed_ > 0 ? kExitFailed : kExitOk;
  }

 private:
  // --- what is said ---
  static void say(const char* how, const char* about, const std::string& what) {
    std::printf("%-8s %s: %s\n", how, about, what.c_str());
  }
  static void well(const char* about, const std::string& what) { say("ok", about, what); }
  static void warn(const char* about, const std::string& what) { say("warning", about, what); }
  bool bad(const char* about, const std::string& what) {
    ++failed_;
    say("FAILED", about, what);
    return false;
  }

  // --- this machine ---
  void check_fuse() {
    const UniqueFd device(open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!device) {
      bad("fuse", "/dev/fuse cannot be opened (" + std::string(std::strerror(errno)) +
                      "): load the module with `modprobe fuse`; in a container give it the device");
      return;
    }
    if (geteuid() == 0) {
      well("fuse", "/dev/fuse opens, and root mounts by itself");
      return;
    }
    const char* path = getenv("PATH");
    for (const std::string_view directory : split(path != nullptr ? path : "", ':')) {
      const std::string program = std::string(directory) + "/fusermount3";
      struct stat found {};
      if (stat(program.c_str(), &found) != 0) continue;
      if ((found.st_mode & S_ISUID) == 0)
        bad("fuse", program + " is not set-user-ID root: reinstall the package fuse3");
      else
        well("fuse", "/dev/fuse opens, and " + program + " mounts for you");
      return;
    }
    bad("fuse", "fusermount3 is not in PATH: install the package fuse3");
  }

  bool check_configuration() {
    auto paths = our_paths();
    if (!paths) return bad("configuration", paths.error().message);
    paths_ = std::move(*paths);
    auto settings = all_settings(paths_, arguments_.settings);
    if (!settings) return bad("configuration", settings.error().message);
    auto options = resolve(*settings);
    if (!options) return bad("configuration", options.error().message);
    options_ = std::move(*options);
    std::string files;
    for (const std::string& file : paths_.config_files)
      if (access(file.c_str(), F_OK) == 0) files += (files.empty() ? "" : ", ") + file;
    if (options_.allow_other && geteuid() != 0 && !fuse::users_may_allow_others())
      bad("configuration",
          "allow_other is set, which is for root unless a line user_allow_other is in "
          "/etc/fuse.conf");
    else
      well("configuration", files.empty() ? "no file, and nothing wrong" : files);
    return true;
  }

  void check_state() {
    const std::string state = options_.state_dir.empty() ? paths_.state : options_.state_dir;
    std::string there = state;  // or the next above it that exists
    while (access(there.c_str(), F_OK) != 0 && there.rfind('/') != 0 &&
           there.rfind('/') != std::string::npos)
      there.resize(there.rfind('/'));
    std::error_code error;
    const auto space = std::filesystem::space(there, error);
    if (access(there.c_str(), W_OK) != 0)
      bad("state", there + " cannot be written: what is written to a mount is kept below " + state);
    else if (!error && space.available < kFreeWarns)
      warn("state", state + " has " + human_bytes(space.available) +
                        " left; files wait there on their way to OSS");
    else
      well("state", state + ", " + human_bytes(space.available) + " free");
    check_journals(paths_.state);
    if (options_.state_dir != paths_.state && !options_.state_dir.empty())
      check_journals(options_.state_dir);
  }
  static void check_journals(const std::string& below) {
    for (const std::string& one : journaled_states(below)) {
      const auto owed = staging::Journal::owed_by(one + "/staging/journal.db");
      if (!owed)
        warn("state", owed.error().message);
      else if (*owed > 0)
        warn("state",
             std::to_string(*owed) + " changes in " + one +
                 " are not in OSS yet: a mount goes on with them, `stsfs rescue` shows them");
    }
  }

  void check_logins() {
    // Also with token_store=keyring, which lists none: then these are left from before.
    const credentials::TokenStore store(paths_.state, credentials::TokenPlace::kFile);
    const WallTime now = system_clock().wall();
    for (const std::string& server : store.servers()) {
      const auto token = store.load(server);
      if (!token)
        bad("login", server + ": " + token.error().message);
      else if (token->expires_at <= now)
        bad("login", server + ": it ended; log in again with `stsfs login " + server + "`");
      else
        well("login", server + " until " + format_iso8601(token->expires_at));
    }
  }

  // --- the folder ---
  void check_folder() {
    auto source = parse_source(arguments_.source);
    if (!source) {
      bad("folder", source.error().message);
      return;
    }
    auto fitted = fit_to_source(options_, *source);
    if (!fitted) {
      bad("folder", fitted.error().message);
      return;
    }
    options_ = std::move(*fitted);
    const Deadline deadline = Deadline::in(system_clock(), options_.mount_timeout);
    auto engine = command_engine(options_);
    if (!engine) {
      bad("credential", engine.error().message);
      return;
    }
    auto from = make_source(
        options_, paths_.state, [](const char* name) { return getenv(name); }, **engine,
        system_clock());
    if (!from) {
      bad("credential", from.error().message);
      return;
    }
    auto renewer = credentials::Renewer::start(std::move(*from), {}, system_clock(), deadline);
    if (!renewer) {
      bad("credential", renewer.error().message);
    } else {
      const auto status = (*renewer)->status();
      well("credential", "from " + status.source +
                             (status.expiration ? ", until " + format_iso8601(*status.expiration)
                                                : ", and it does not end"));
      look_into(*source, **engine, **renewer, deadline);
    }
    (*engine)->stop();
  }

  void look_into(const MountSource& source, http::Engine& engine, credentials::Renewer& renewer,
                 Deadline deadline) {
    auto place = place_of(source, options_, renewer.folder());
    if (!place) {
      bad("folder", place.error().message);
      return;
    }
    auto store =
        oss::OssStore::create(engine, renewer, system_clock(), store_options(options_, *place));
    if (!store) {
      bad("folder", store.error().message);
      return;
    }
    oss::RetryingStore retrying(**store, engine, system_clock());
    const std::string name = "oss://" + place->bucket + "/" + place->prefix;
    oss::ListRequest request{.prefix = place->prefix, .keys_max = 1};
    const SteadyTime asked = system_clock().steady();
    auto page = list(retrying, request, deadline);
    if (!page) {
      bad("endpoint", place->endpoint + ", " + name + ": " + page.error().message);
      return;
    }
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady() - asked);
    well("endpoint",
         place->endpoint + " lists " + name + ", in " + std::to_string(took.count()) + " ms");
    check_clock(page->server_time);
    check_keys(retrying, place->prefix);
  }

  static void check_clock(WallTime server) {
    if (server == WallTime{}) return;
    const ClockReport clock = report_on_clock(system_clock().wall(), server);
    say(clock.is_well ? "ok" : "warning", "clock", clock.text);
  }

  void check_keys(oss::ObjectStore& store, const std::string& prefix) {
    FolderReport report(prefix);
    oss::ListRequest request{.prefix = prefix};
    do {
      auto page = list(store, request, Deadline::in(system_clock(), options_.metadata_timeout));
      if (!page) {
        bad("keys", page.error().message);
        return;
      }
      for (const oss::ListEntry& object : page->objects) report.take(object.key, object.size_bytes);
      request.continuation_token = page->next_token;
    } while (!request.continuation_token.empty() && report.keys() < arguments_.keys_max);
    say_of_keys(report, !request.continuation_token.empty());
  }
  void say_of_keys(const FolderReport& report, bool more) const {
    well("keys",
         std::to_string(report.keys()) + (more ? " looked at; --keys=N looks at more" : ""));
    for (const auto& [key, path] : report.odd())
      warn("keys", printable(key) + " is no path here; " +
                       (path.empty() ? "it is not shown" : "it is shown as " + printable(path)));
    if (report.odd_count() > report.odd().size())
      warn("keys",
           "and " + std::to_string(report.odd_count() - report.odd().size()) + " more like that");
    if (report.not_shown() > 0)
      warn("keys", std::to_string(report.not_shown()) +
                       " of them are not shown: no name is left for what is longer than 255 bytes "
                       "in one component; another program can rename or remove them");
    for (const std::string& key : report.with_bytes())
      warn("keys", printable(key) +
                       " is a directory, and has bytes of its own, which no mount shows: "
                       "read and delete it with another client");
    if (report.with_bytes_count() > report.with_bytes().size())
      warn("keys", "and " + std::to_string(report.with_bytes_count() - report.with_bytes().size()) +
                       " more like that");
    if (report.conflicts() > 0)
      warn("keys", count_of(report.conflicts(), "file") +
                       " with .conflict- in the name: two clients wrote at once");
    if (report.exchanges() > 0)
      warn("keys", std::to_string(report.exchanges()) +
                       " files are called .stsfs-exchange-…: an exchange of two names was cut off "
                       "there; the "
                       "machine that began it finishes it with its next mount");
    for (const std::string& key : report.nameless())
      warn("keys", printable(key) +
                       " is what a hard link led to, and has no name any more: delete it "
                       "when nothing refers to it");
  }

  static Result<oss::ListPage> list(oss::ObjectStore& store, const oss::ListRequest& request,
                                    Deadline deadline) {
    return await<oss::ListPage>(nullptr, [&](Callback<oss::ListPage> done) {
      return store.start_list(request, deadline, std::move(done));
    });
  }

  const DoctorArguments& arguments_;
  Paths paths_;
  MountOptions options_;
  int failed_ = 0;
};

}  // namespace

int doctor_command(const DoctorArguments& arguments) { return Doctor(arguments).run(); }

}  // namespace stsfs::daemon
