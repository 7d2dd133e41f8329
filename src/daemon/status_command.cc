// What asks a running daemon: status, refresh, drain, log level.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "commands.h"
#include "exit_codes.h"
#include "paths.h"
#include "state_lock.h"
#include "status_text.h"
#include "stsfs/base/text.h"
#include "stsfs/control/client.h"
#include "stsfs/control/metrics.h"
#include "stsfs/fuse/mounts.h"
#include "stsfs/staging/journal.h"

namespace stsfs::daemon {
namespace {

constexpr std::chrono::seconds kAskTimeout{10};
constexpr std::chrono::seconds kRefreshTimeout{30};
constexpr std::chrono::hours kDrainTimeout{24 * 7};  // Ctrl-C ends it sooner; the daemon goes on

Deadline in(std::chrono::seconds delay) { return Deadline::in(system_clock(), delay); }

bool is_ours(const fuse::MountEntry& mount) { return mount.user.value_or(geteuid()) == geteuid(); }

/// Why nobody answers for a mount, with what to do. Nothing is asked of the mount itself: if it is
/// not dead, that may take long.
std::string silence_text(const fuse::MountEntry& mount) {
  if (!is_ours(mount))
    return mount.mount_point + " is another user's mount (uid " + std::to_string(*mount.user) +
           "): ask as that user";
  return mount.mount_point +
         " is mounted, but its daemon does not answer. If it was killed, mount again: that goes on "
         "with what is not in OSS yet. If it runs with another XDG_RUNTIME_DIR, ask with the same";
}

/// What a folder is owed that nobody works for: its daemon was killed, or ended before the end.
struct Kept {
  std::string state_directory;
  std::string mount_point;
  std::uint64_t changes = 0;
};

/// In the states of this user's mounts, but for those of the daemons that answered.
std::vector<Kept> kept_changes(const Paths& paths, const std::vector<control::Status>& answered) {
  std::vector<Kept> out;
  for (std::string& state : our_states(paths)) {
    const auto is_its = [&](const control::Status& one) { return one.state_directory == state; };
    if (std::any_of(answered.begin(), answered.end(), is_its)) continue;
    const auto owed = staging::Journal::owed_by(state + "/staging/journal.db");
    if (!owed || *owed == 0) continue;
    std::string mount_point = last_mount_point(state);
    out.push_back({std::move(state), std::move(mount_point), *owed});
  }
  return out;
}

std::string kept_text(const Kept& kept) {
  return count_of(kept.changes, "change") + " not in OSS, made at " +
         printable(kept.mount_point, 1'000) + ", kept in " +
         printable(kept.state_directory, 1'000) +
         ": the next mount of that folder goes on with them, `stsfs rescue` shows the files and "
         "copies them out";
}

Error explain_silence(const Paths& paths, const std::string& mount_point, Error error) {
  if (error.code != Errc::kNotFound) return error;
  const auto mount = fuse::find_mount(mount_point);
  error.message = mount && *mount && (*mount)->type == fuse::kMountType
                      ? silence_text(**mount)
                      : mount_point + " is not mounted";
  for (const Kept& kept : kept_changes(paths, {}))
    if (kept.mount_point == mount_point) error.message += "; " + kept_text(kept);
  return error;
}

/// Calls `ask` with the socket of `mount_point`'s daemon.
template <class Ask>
auto with_daemon(const std::string& path, Ask ask) -> decltype(ask(std::string())) {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto mount_point = fuse::resolve_mount_point(path);
  if (!mount_point) return fail(std::move(mount_point.error()));
  auto answer = ask(control_socket_path(*paths, *mount_point));
  if (!answer) return fail(explain_silence(*paths, *mount_point, std::move(answer.error())));
  return answer;
}

/// The mount of ours that `wanted` lies in, and the way from there; `wanted` itself when in none.
std::pair<std::string, std::string> within_mount(const std::string& wanted) {
  const auto whole = fuse::resolve_mount_point(wanted);
  if (!whole) return {wanted, ""};
  for (std::string at = *whole; !at.empty(); at.resize(at.rfind('/'))) {
    const auto mount = fuse::find_mount(at);
    if (!mount || !*mount || (*mount)->type != fuse::kMountType) continue;
    return {at, at == *whole ? "" : whole->substr(at.size() + 1)};
  }
  return {wanted, ""};
}

int code_of(const Result<void>& done) { return done ? kExitOk : report(done.error()); }

Result<std::vector<std::string>> status_of(const std::string& mount_point) {
  auto json = with_daemon(mount_point, [](const std::string& socket) {
    return control::ask_status_json(socket, system_clock(), in(kAskTimeout));
  });
  if (!json) return fail(std::move(json.error()));
  return std::vector{std::move(*json)};
}

Result<void> show_one(const StatusArguments& arguments) {
  auto json = status_of(arguments.mount_point);
  if (!json) return fail(std::move(json.error()));
  if (arguments.json) {
    std::printf("%s\n", json->front().c_str());
    return {};
  }
  auto status = control::parse_status(json->front());
  if (!status) return fail(std::move(status.error()));
  std::fputs(status_text(*status, system_clock().wall()).c_str(), stdout);
  return {};
}

/// Those that answer. What a killed daemon left is cleared away.
Result<std::vector<std::string>> all_statuses() {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  std::vector<std::string> out;
  for (const std::string& socket : control_sockets(*paths)) {
    auto json = control::ask_status_json(socket, system_clock(), in(kAskTimeout));
    if (json) {
      out.push_back(std::move(*json));
    } else if (json.error().code == Errc::kNotFound) {
      unlink(socket.c_str());
    } else {
      std::fprintf(stderr, "stsfs: %s: %s\n", socket.c_str(), json.error().message.c_str());
    }
  }
  return out;
}

/// This user's mounts, by their mount points, but for those that answered.
std::map<std::string, fuse::MountEntry> silent_mounts(
    const std::vector<control::Status>& answered) {
  std::map<std::string, fuse::MountEntry> out;
  auto mounts = fuse::list_mounts();
  if (!mounts) return out;
  for (fuse::MountEntry& mount : *mounts)
    if (mount.type == fuse::kMountType && is_ours(mount)) out[mount.mount_point] = std::move(mount);
  for (const control::Status& status : answered) out.erase(status.mount_point);
  return out;
}

Result<void> show_all(bool as_json) {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto all = all_statuses();
  if (!all) return fail(std::move(all.error()));
  std::vector<control::Status> statuses;
  std::string list;
  for (const std::string& json : *all) {
    if (auto status = control::parse_status(json)) statuses.push_back(std::move(*status));
    list += (list.empty() ? "" : ",") + json;
  }
  const auto silent = silent_mounts(statuses);
  if (as_json) {
    std::printf("[%s]\n", list.c_str());
  } else {
    for (const control::Status& status : statuses)
      std::fputs((status_text(status, system_clock().wall()) + "\n").c_str(), stdout);
    if (statuses.empty() && silent.empty()) std::puts("nothing is mounted");
  }
  for (const auto& [mount_point, mount] : silent)
    std::fprintf(stderr, "stsfs: %s\n", silence_text(mount).c_str());
  for (const Kept& kept : kept_changes(*paths, statuses))
    std::fprintf(stderr, "stsfs: %s\n", kept_text(kept).c_str());
  return {};
}

}  // namespace

int status_command(const StatusArguments& arguments) {
  return code_of(arguments.mount_point.empty() ? show_all(arguments.json) : show_one(arguments));
}

int metrics_command(const std::string& mount_point) {
  auto all = mount_point.empty() ? all_statuses() : status_of(mount_point);
  if (!all) return report(all.error());
  std::vector<control::Status> mounts;
  for (const std::string& json : *all)
    if (auto status = control::parse_status(json)) mounts.push_back(std::move(*status));
  std::fputs(control::prometheus_text(mounts).c_str(), stdout);
  return kExitOk;
}

int refresh_command(const std::string& wanted) {
  const auto place = within_mount(wanted);  // no binding: clang 14 lets no lambda capture one
  const std::string& path = place.second;
  return code_of(with_daemon(place.first, [&](const std::string& socket) {
    auto forgotten = control::ask_forget(socket, path, system_clock(), in(kAskTimeout));
    if (!forgotten || !path.empty()) return forgotten;
    return control::ask_refresh(socket, system_clock(), in(kRefreshTimeout));
  }));
}

int drain_command(const std::string& mount_point) {
  return code_of(with_daemon(mount_point, [](const std::string& socket) {
    return control::ask_drain(
        socket, system_clock(), in(std::chrono::duration_cast<std::chrono::seconds>(kDrainTimeout)),
        [](const control::Progress& progress) {
          std::fprintf(stderr, "%s to go\n", amount_text(progress.files, progress.bytes).c_str());
        });
  }));
}

int log_level_command(const std::string& mount_point, const std::string& level) {
  return code_of(with_daemon(mount_point, [&](const std::string& socket) {
    return control::ask_log_level(socket, level, system_clock(), in(kAskTimeout));
  }));
}

}  // namespace stsfs::daemon
