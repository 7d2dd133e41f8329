#include "stsfs/base/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stsfs/base/fd.h"

namespace stsfs {
namespace {

/// Bit by bit which mappings a core holds (core(5)); none of them.
Result<void> empty_coredump_filter() {
  UniqueFd fd(open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open /proc/self/coredump_filter");
  if (write(fd.get(), "0\n", 2) != 2) return fail_errno("write /proc/self/coredump_filter");
  return {};
}

}  // namespace

Result<void> harden_process() {
  Result<void> result = empty_coredump_filter();  // first: a process that is not dumpable may not
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0 && result) result = fail_errno("setrlimit RLIMIT_CORE");
  if (prctl(PR_SET_DUMPABLE, 0) != 0 && result) result = fail_errno("prctl PR_SET_DUMPABLE");
  return result;
}

}  // namespace stsfs
