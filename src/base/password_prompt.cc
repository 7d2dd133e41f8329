#include "stsfs/base/password_prompt.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "stsfs/base/fd.h"

namespace stsfs {
namespace {

// The terminal gives single characters and no signals meanwhile, so that nothing can end us with
// its echo switched off.
class SilentTerminal {
 public:
  explicit SilentTerminal(int terminal) : terminal_(terminal) {
    if (tcgetattr(terminal_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    is_set_ = tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (is_set_) tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  bool is_set() const { return is_set_; }

 private:
  const int terminal_;
  termios before_{};
  bool is_set_ = false;
};

constexpr char kCtrlC = 3, kCtrlD = 4, kBackspace = 8, kCtrlU = 21, kDelete = 127;

/// Takes one character; true: the line has ended.
Result<bool> take(std::string& line, char c) {
  switch (c) {
    case '\r':
    case '\n':
      return true;
    case kCtrlC:
    case kCtrlD:
      return fail(Errc::kInterrupted, "cancelled");
    case kBackspace:
    case kDelete:
      // A whole character, however many bytes it has in UTF-8.
      while (!line.empty() && (line.back() & 0xC0) == 0x80) line.pop_back();
      if (!line.empty()) line.pop_back();
      return false;
    case kCtrlU:
      wipe(line);
      return false;
    default:
      if (line.size() >= kPasswordMax) return fail(Errc::kTooLarge, "the password is too long");
      line += c;
      return false;
  }
}

Result<Secret> read_characters(int terminal) {
  std::string line;
  line.reserve(kPasswordMax);  // so that no copy is left behind by growing
  for (;;) {
    char c = 0;
    const ssize_t size = ::read(terminal, &c, 1);
    if (size < 0 && errno == EINTR) continue;
    auto ended = size == 1 ? take(line, c) : fail(Errc::kInterrupted, "the terminal is gone");
    if (!ended) {
      wipe(line);
      return fail(std::move(ended.error()));
    }
    if (*ended) return Secret(std::move(line));
  }
}

void say(int terminal, const std::string& text) {
  (void)!::write(terminal, text.data(), text.size());
}

}  // namespace

Result<Secret> prompt_for_password(const std::string& prompt) {
  const UniqueFd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal)
    return fail(Errc::kNotSupported,
                "there is no terminal to ask for the password on; use --password-stdin");
  say(terminal.get(), prompt);
  Result<Secret> password = fail(Errc::kIo, "the terminal's echo cannot be switched off");
  {
    const SilentTerminal silent(terminal.get());
    if (silent.is_set()) password = read_characters(terminal.get());
  }
  say(terminal.get(), "\n");
  return password;
}

Result<Secret> read_password_line(int fd) {
  std::string line;
  line.reserve(kPasswordMax + 1);
  char c = 0;
  for (;;) {
    const ssize_t size = ::read(fd, &c, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno("read the password");
    if (size == 0 || c == '\n') break;
    if (line.size() >= kPasswordMax) {
      wipe(line);
      return fail(Errc::kTooLarge, "the password is too long");
    }
    line += c;
  }
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return fail(Errc::kInvalid, "the password on standard input is empty");
  return Secret(std::move(line));
}

}  // namespace stsfs
