#include "exit_codes.h"

#include <cstdio>

namespace stsfs::daemon {

int exit_code_of(Errc code) {
  switch (code) {
    case Errc::kInvalid:
      return kExitUsage;
    case Errc::kInterrupted:
      return kExitInterrupt;
    default:
      return kExitFailed;
  }
}

int report(const Error& error) {
  std::fprintf(stderr, "stsfs: %s\n", error.message.c_str());
  return exit_code_of(error.code);
}

}  // namespace stsfs::daemon
