// The command line by which mount(8) and mount.fuse3(8) call a helper. Read by hand: they put
// options before and after the operands, and pass flags that mean something only to mount itself.
#include <cstdio>
#include <string>
#include <vector>

#include "command_line.h"
#include "exit_codes.h"

namespace stsfs::daemon {
namespace {

Done usage(const std::string& problem) {
  std::fprintf(stderr,
               "mount.stsfs: %s\nusage: mount.stsfs SOURCE DIRECTORY [-sfnvrw] [-t TYPE] [-N "
               "NAMESPACE] [-o OPTIONS]\n",
               problem.c_str());
  return {kExitUsage};
}

/// Takes the letters of one argument such as `-sfo`; says when one of them wants a value after it.
struct Letters {
  bool options_follow = false;
  bool value_follows = false;  ///< One that we do not need.
  char unknown = 0;
};

Letters take_letters(const std::string& argument, MountArguments& out) {
  Letters letters;
  for (const char c : argument.substr(1)) {
    switch (c) {
      case 's':
        out.sloppy = true;
        break;
      case 'f':
        out.fake = true;
        break;
      case 'n':  // no mtab
      case 'v':
      case 'w':
        break;
      case 'r':
        out.settings.push_back({"ro", "yes", "-r"});
        break;
      case 'o':
        letters.options_follow = true;
        break;
      case 't':
      case 'N':
        letters.value_follows = true;
        break;
      default:
        letters.unknown = c;
    }
  }
  return letters;
}

}  // namespace

bool is_mount_helper(int argc, const char* const* argv) {
  if (argc < 1) return false;
  const std::string path = argv[0];
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.starts_with("mount.")) return true;
  return argc >= 3 && std::string(argv[1]).find("://") != std::string::npos;
}

Command parse_mount_helper(int argc, const char* const* argv) {
  MountArguments out;
  std::vector<std::string> operands;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.size() < 2 || argument[0] != '-') {
      operands.push_back(argument);
      continue;
    }
    const Letters letters = take_letters(argument, out);
    if (letters.unknown != 0) return usage("unknown flag " + argument);
    if (!letters.options_follow && !letters.value_follows) continue;
    if (++i >= argc) return usage(argument + " needs a value");
    if (!letters.options_follow) continue;
    auto settings = parse_option_list(argv[i]);
    if (!settings) return usage(settings.error().message);
    out.settings.insert(out.settings.end(), settings->begin(), settings->end());
  }
  if (operands.size() != 2) return usage("a source and a directory are needed");
  out.source = operands[0];
  out.mount_point = operands[1];
  return out;
}

}  // namespace stsfs::daemon
