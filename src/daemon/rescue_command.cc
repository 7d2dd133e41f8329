// Gets out what was written and is not in OSS: from the journals, without daemon or network.
#include <unistd.h>

#include <cstdio>

#include "commands.h"
#include "exit_codes.h"
#include "paths.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/staging/rescue.h"

namespace stsfs::daemon {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// `where`, or `where.2`, …: nothing that is there already is touched.
std::string unused(const std::string& where) {
  std::string out = where;
  for (int i = 2; access(out.c_str(), F_OK) == 0; ++i) out = where + "." + std::to_string(i);
  return out;
}

Result<void> note_missing(const std::string& target, const staging::JournalEntry& entry,
                          const std::vector<ByteRange>& lacking) {
  std::string text = "These ranges are not in the file beside this one; they were to come from " +
                     entry.base_key + ", version " + entry.base_etag + ":\n";
  for (const ByteRange& range : lacking)
    text += std::to_string(range.offset) + "-" + std::to_string(range.end() - 1) + "\n";
  return write_file_atomically(target + ".missing", text);
}

Result<void> rescue_one(const std::string& state, const staging::JournalEntry& entry,
                        const std::string& directory) {
  if (!is_below(directory + "/" + entry.path, directory) ||
      ("/" + entry.path + "/").find("/../") != std::string::npos)
    return fail(Errc::kCorrupt, printable(entry.path) + " is no path below the folder");
  const std::string target = unused(directory + "/" + entry.path);
  if (auto made = make_directories(target.substr(0, target.rfind('/')), 0700); !made) return made;
  auto lacking = staging::rescue_file(state + "/staging", entry, target);
  if (!lacking) return fail(std::move(lacking.error()));
  std::printf("rescued %s%s\n", printable(target, 4096).c_str(),
              lacking->empty() ? "" : " in part; see .missing beside it");
  return lacking->empty() ? Result<void>() : note_missing(target, entry, *lacking);
}

void list_one(const staging::JournalEntry& entry) {
  const staging::ExtentMap map(entry.extents);
  std::printf("%s (%s, %s of it here)\n", printable(entry.path, 4096).c_str(),
              human_bytes(map.size()).c_str(), human_bytes(map.staged_bytes()).c_str());
  if (!entry.aside.empty()) std::printf("  %s\n", printable(entry.aside, 1'000).c_str());
}

/// What was found in the states, all of them together.
struct Found {
  std::size_t files = 0;
  std::uint64_t names = 0;  ///< Changes that only a mount brings to OSS.
};

Result<void> rescue_state(const std::string& state, const RescueArguments& arguments,
                          Found& found) {
  const std::string journal = state + "/staging/journal.db";
  if (access(journal.c_str(), F_OK) != 0)
    return fail(Errc::kNotFound,
                printable(state, 1'000) +
                    " is no state directory of a mount: there is no staging/journal.db in it. "
                    "--state takes the directory that `stsfs status` names (with --json: "
                    "state_directory)");
  auto entries = staging::Journal::read(journal);
  if (!entries) return fail(std::move(entries.error()), state);
  const auto names = staging::Journal::names_owed_by(journal);
  if (!names) return fail(names.error(), state);
  found.names += *names;
  if (!entries->empty() || *names > 0) std::printf("%s:\n", state.c_str());
  std::size_t failed = 0;
  for (const staging::JournalEntry& entry : *entries) {
    if (arguments.target.empty()) {
      list_one(entry);
      continue;
    }
    auto done = rescue_one(state, entry, arguments.target + "/" + base_name(state));
    if (done && arguments.discard && !entry.aside.empty())
      done = staging::Journal::discard(journal, entry);
    if (done) continue;
    ++failed;
    std::fprintf(stderr, "stsfs: %s: %s\n", printable(entry.path).c_str(),
                 done.error().message.c_str());
  }
  if (*names > 0)
    std::printf("%s of names (removals, renames, links) for the next mount to go on with\n",
                count_of(*names, "change").c_str());
  if (failed > 0)
    return fail(Errc::kIo, count_of(failed, "file") + " could not be rescued from " + state);
  found.files += entries->size();
  return {};
}

}  // namespace

int rescue_command(const RescueArguments& arguments) {
  if (arguments.discard && arguments.target.empty())
    return report({Errc::kInvalid, "--discard needs a directory to copy the files to first", {}});
  auto paths = our_paths();
  if (!paths) return report(paths.error());
  const auto states =
      arguments.state.empty() ? our_states(*paths) : std::vector<std::string>{arguments.state};
  Found found;
  int code = kExitOk;
  for (const std::string& state : states)
    if (auto done = rescue_state(state, arguments, found); !done) code = report(done.error());
  if (code != kExitOk || found.files > 0) return code;
  std::puts(found.names == 0 ? "everything is in OSS" : "no file is left here");
  return code;
}

}  // namespace stsfs::daemon
