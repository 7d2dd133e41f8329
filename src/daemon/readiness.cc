#include "readiness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "exit_codes.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

// One line to the parent: `0` when ready, else the exit code and the reason.
constexpr std::size_t kMessageMax = 16 * 1024;

Result<void> send_line(int to_parent, std::string line) {
  line.resize(std::min(line.size(), kMessageMax - 1));
  for (char& c : line)
    if (c == '\n') c = ' ';
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t size = ::write(to_parent, rest.data(), rest.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno("tell that the mount is ready");
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

void let_go_of_the_terminal() {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null.get(), fd);
}

std::string receive_line(int from_child) {
  std::string out;
  std::array<char, 1024> buffer;
  while (out.size() < kMessageMax && !out.ends_with('\n')) {
    const ssize_t size = ::read(from_child, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return out;
}

int wait_for_child(int from_child, pid_t child) {
  const std::string line = receive_line(from_child);
  const std::string_view text = trim(std::string_view(line).substr(0, line.find('\n')));
  if (text == "0") return kExitOk;
  const auto space = text.find(' ');
  const auto code = parse_u64(text.substr(0, space));
  if (code && space != std::string_view::npos) {
    std::fprintf(stderr, "stsfs: %s\n", std::string(text.substr(space + 1)).c_str());
    return static_cast<int>(*code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::fprintf(stderr,
               "stsfs: the daemon ended before the mount was ready (%s %d); its log may say why\n",
               WIFSIGNALED(status) ? "signal" : "exit code",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  return kExitInternal;
}

}  // namespace

Result<void> Readiness::ready() {
  if (!to_parent_) return {};
  // Off the terminal before the prompt is back.
  flush_log();
  let_go_of_the_terminal();
  auto sent = send_line(to_parent_.get(), "0");
  to_parent_.reset();
  return sent;
}

void Readiness::failed(const Error& error) {
  if (!to_parent_) {
    (void)report(error);
    return;
  }
  (void)send_line(to_parent_.get(), std::to_string(exit_code_of(error.code)) + " " + error.message);
  to_parent_.reset();
}

Result<std::optional<int>> go_into_background(Readiness& readiness) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("pipe");
  UniqueFd from_child(ends[0]), to_parent(ends[1]);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return fail_errno("fork");
  if (child > 0) {
    to_parent.reset();
    return std::optional<int>(wait_for_child(from_child.get(), child));
  }
  setsid();
  if (chdir("/") != 0) return fail_errno("chdir /");
  ::signal(SIGPIPE, SIG_IGN);
  readiness = Readiness(std::move(to_parent));
  return std::optional<int>();
}

}  // namespace stsfs::daemon
