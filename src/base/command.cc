#include "stsfs/base/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

// The program leads a process group of its own, so that what it has started is killed with it. It
// is over when its output ends and it has ended itself; whichever is late is cut off by the time.
namespace stsfs {
namespace {

constexpr std::chrono::milliseconds kLook{20};
constexpr std::array kPassedOn{
    "PATH",           "HOME",           "USER", "LANG", "TZ", "XDG_STATE_HOME", "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"};

/// Judges the program before it is run: whoever can change it can have our place.
Result<void> check_program(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return fail_errno(printable(path));
  if (!S_ISREG(status.st_mode) || access(path.c_str(), X_OK) != 0)
    return fail(Errc::kDenied, printable(path) + " is no program that this user may run");
  if ((status.st_uid != geteuid() && status.st_uid != 0) || (status.st_mode & 0002) != 0)
    return fail(Errc::kDenied, printable(path) +
                                   " can be changed by other users; remedy: it must belong to you "
                                   "or root, and not be writable by others");
  return {};
}

std::vector<std::string> small_environment() {
  std::vector<std::string> out;
  for (const char* name : kPassedOn)
    if (const char* value = getenv(name)) out.push_back(std::string(name) + "=" + value);
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// What posix_spawn is told; both halves are freed together.
struct SpawnPlan {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;

  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
};

/// A child that does not outlive this object.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    kill(-pid_, SIGKILL);  // also what it left behind
    while (!ended_ && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Its wait status, once it has ended.
  std::optional<int> status() {
    int status = 0;
    if (!ended_ && waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    ended_ = true;
    return status;
  }

 private:
  const pid_t pid_;
  bool ended_ = false;
};

/// Readable once the interrupt is raised.
class InterruptFd {
 public:
  explicit InterruptFd(Interrupt& interrupt)
      : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        interrupt_(interrupt),
        listener_(interrupt.listen([fd = event_.get()] { eventfd_write(fd, 1); })) {}
  ~InterruptFd() { interrupt_.unlisten(listener_); }
  InterruptFd(const InterruptFd&) = delete;
  InterruptFd& operator=(const InterruptFd&) = delete;
  int get() const { return event_.get(); }

 private:
  const UniqueFd event_;
  Interrupt& interrupt_;
  const std::size_t listener_;
};

/// One run: reads until the output and the program have ended.
class Run {
 public:
  Run(std::string name, UniqueFd output, pid_t pid, const CommandOptions& options,
      const Clock& clock, Deadline deadline, Interrupt& interrupt)
      : name_(std::move(name)),
        output_(std::move(output)),
        child_(pid),
        options_(options),
        clock_(clock),
        deadline_(std::min(deadline, Deadline::in(clock, options.time_max))),
        interrupt_(interrupt) {
    text_.reserve(options.output_max_bytes + 1);  // so that growing leaves no copy behind
  }
  ~Run() { wipe(text_); }

  Result<Secret> finish() {
    while (output_)
      if (auto read = read_some(); !read) return fail(std::move(read.error()));
    for (;;) {
      if (const auto status = child_.status()) return judge(*status);
      if (auto waited = wait(-1, kLook); !waited) return fail(std::move(waited.error()));
    }
  }

 private:
  Result<void> wait(int fd, std::chrono::milliseconds at_most) {
    const auto time = std::min(at_most, deadline_.left(clock_));
    std::array<pollfd, 2> fds{pollfd{interrupt_.get(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
    (void)poll(fds.data(), fds.size(), static_cast<int>(time.count()));
    if (fds[0].revents != 0) return fail(Errc::kInterrupted, "interrupted");
    if (fds[1].revents == 0 && deadline_.passed(clock_))
      return fail(Errc::kTimedOut, printable(name_) + " did not end in time and was killed");
    return {};
  }

  Result<void> read_some() {
    if (auto ready = wait(output_.get(), std::chrono::minutes(1)); !ready) return ready;
    std::array<char, 4096> buffer;
    const ssize_t count = read(output_.get(), buffer.data(), buffer.size());
    if (count == 0) output_.reset();
    if (count < 0 && errno != EAGAIN && errno != EINTR) return fail_errno("read its output");
    if (count > 0) text_.append(buffer.data(), static_cast<std::size_t>(count));
    explicit_bzero(buffer.data(), buffer.size());
    if (text_.size() > options_.output_max_bytes)
      return fail(Errc::kTooLarge,
                  printable(name_) + " wrote more than " + human_bytes(options_.output_max_bytes));
    return {};
  }

  Result<Secret> judge(int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Secret(std::move(text_));
    const std::string how = WIFSIGNALED(status)
                                ? "was ended by signal " + std::to_string(WTERMSIG(status))
                                : "failed with exit code " + std::to_string(WEXITSTATUS(status));
    return fail(Errc::kCredential,
                printable(name_) + " " + how + "; remedy: run it by hand to see why");
  }

  const std::string name_;
  UniqueFd output_;
  Child child_;
  const CommandOptions options_;
  const Clock& clock_;
  const Deadline deadline_;
  const InterruptFd interrupt_;
  std::string text_;
};

}  // namespace

Result<std::vector<std::string>> split_command(const std::string& text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    if (c == '$' || c == '`' || c == '\n' || c == '\0')
      return fail(Errc::kInvalid, "no shell runs it: $, ` and line breaks have no place in it");
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      if (!in_word) words.emplace_back();
      in_word = true;
    } else if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
    } else {
      if (!in_word) words.emplace_back();
      in_word = true;
      words.back() += c;
    }
  }
  if (quote != 0) return fail(Errc::kInvalid, "a quote is left open");
  if (words.empty() || !words.front().starts_with('/'))
    return fail(Errc::kInvalid, "must name the program by its absolute path");
  return words;
}

Result<Secret> run_command(const std::vector<std::string>& command, const CommandOptions& options,
                           const Clock& clock, Deadline deadline, Interrupt& interrupt) {
  if (auto good = check_program(command.front()); !good) return fail(std::move(good.error()));
  std::array<int, 2> pipe{};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) return fail_errno("pipe");
  UniqueFd ours(pipe[0]), theirs(pipe[1]);
  fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  std::vector<std::string> words = command, environment = small_environment();
  const SpawnPlan plan(theirs.get());
  pid_t pid = 0;
  errno = posix_spawn(&pid, words.front().c_str(), &plan.files, &plan.attributes,
                      pointers_to(words).data(), pointers_to(environment).data());
  if (errno != 0) return fail_errno("run " + printable(words.front()));
  theirs.reset();
  return Run(words.front(), std::move(ours), pid, options, clock, deadline, interrupt).finish();
}

}  // namespace stsfs
