#include "mount/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "stsfs/base/fd.h"

namespace stsfs::mount_tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[noreturn]] void become(const std::vector<std::string>& command, const Variables& variables) {
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

UniqueFd pidfd_of(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

bool ends_within(const UniqueFd& pidfd, milliseconds limit) {
  pollfd process{pidfd.get(), POLLIN, 0};
  return poll(&process, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

Outcome run(const std::vector<std::string>& command, const Variables& variables,
            const std::string& input, std::chrono::seconds limit) {
  // Output goes to a file: a daemon that keeps a pipe open would keep us waiting for its end.
  char name[] = "/tmp/stsfs-run-XXXXXX";
  const UniqueFd output(mkostemp(name, O_CLOEXEC));
  unlink(name);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(read_end.get(), STDIN_FILENO);
    dup2(output.get(), STDOUT_FILENO);
    dup2(output.get(), STDERR_FILENO);
    become(command, variables);
  }
  (void)!write(write_end.get(), input.data(), input.size());
  write_end.reset();
  if (!ends_within(pidfd_of(pid), limit)) kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  Outcome out;
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  const off_t size = lseek(output.get(), 0, SEEK_END);
  out.said.resize(static_cast<std::size_t>(size));
  (void)!pread(output.get(), out.said.data(), out.said.size(), 0);
  return out;
}

Process::Process(const std::vector<std::string>& command, const std::string& output_file)
    : output_file_(output_file) {
  pid_ = fork();
  if (pid_ != 0) return;
  const int out = open(output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  become(command, {});
}

Process::~Process() { kill_now(); }

void Process::kill_now() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string Process::value_of(const std::string& name) const {
  const UniqueFd pidfd = pidfd_of(pid_);
  const auto end = steady_clock::now() + std::chrono::seconds(120);
  while (steady_clock::now() < end) {
    std::ifstream file(output_file_);
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(name + "=") && !file.eof()) return line.substr(name.size() + 1);
    if (ends_within(pidfd, milliseconds(20))) break;
  }
  return {};
}

bool wait_gone(pid_t process, std::chrono::seconds limit) {
  const UniqueFd pidfd = pidfd_of(process);
  return !pidfd || ends_within(pidfd, limit);
}

}  // namespace stsfs::mount_tests
