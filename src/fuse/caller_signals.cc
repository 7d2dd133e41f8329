#include "caller_signals.h"

#include <fmt/core.h>

#include <charconv>
#include <csignal>
#include <cstdint>

#include "stsfs/base/fd.h"

namespace stsfs::fuse {
namespace {

using SignalSet = std::uint64_t;  // bit n - 1 for signal n, as /proc shows them

constexpr std::uint64_t kExiting = 0x4;  // PF_EXITING of the kernel's sched.h
constexpr std::size_t kTextMax = 16 * 1024;

constexpr SignalSet bit(int signal) { return SignalSet{1} << (signal - 1); }

// signal(7): their default action is to be ignored, to stop, or to continue.
constexpr SignalSet kHarmless = bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG) | bit(SIGWINCH) |
                                bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);
constexpr SignalSet kFromThePerson = bit(SIGINT) | bit(SIGQUIT);

std::uint64_t number(std::string_view text, int base) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out, base);
  return out;
}

SignalSet set_named(std::string_view status, std::string_view name) {
  for (std::size_t at = status.find(name); at != status.npos; at = status.find(name, at + 1)) {
    std::string_view rest = status.substr(at + name.size());
    if ((at != 0 && status[at - 1] != '\n') || !rest.starts_with(":\t")) continue;
    return number(rest.substr(2), 16);
  }
  return 0;
}

// The flags are the seventh field after the name, which is in parentheses and may hold anything.
bool is_exiting(std::string_view stat) {
  std::size_t at = stat.rfind(')');
  for (int field = 0; field < 7 && at != stat.npos; ++field) at = stat.find(' ', at + 1);
  return at != stat.npos && (number(stat.substr(at + 1), 10) & kExiting) != 0;
}

}  // namespace

bool asks_to_end(std::string_view status, std::string_view stat) {
  if (is_exiting(stat)) return true;
  const SignalSet handled = set_named(status, "SigCgt");
  const SignalSet pending = (set_named(status, "SigPnd") | set_named(status, "ShdPnd")) &
                            ~set_named(status, "SigBlk") & ~set_named(status, "SigIgn");
  const SignalSet ending = pending & ~handled & ~kHarmless;
  return ending != 0 || (pending & handled & kFromThePerson) != 0;
}

bool asks_to_end(pid_t thread) {
  if (thread <= 0) return false;
  const auto status = read_file(fmt::format("/proc/{}/status", thread), kTextMax);
  if (!status) return false;
  if (asks_to_end(*status, "")) return true;
  // While the thread is in the middle of an exec this waits for that (Linux 6.18): whoever kills it
  // must have been seen by then.
  const auto stat = read_file(fmt::format("/proc/{}/stat", thread), kTextMax);
  return stat && asks_to_end(*status, *stat);
}

}  // namespace stsfs::fuse
