#include "socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace stsfs::control {
namespace {

constexpr int kBacklog = 16;

struct Place {
  UniqueFd directory;
  sockaddr_un address{};
};

/// `path` as an address that fits, whatever its length.
Result<Place> place_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return fail(Errc::kInvalid, path + ": not an absolute path");
  Place place;
  place.directory =
      UniqueFd(open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place.directory) return fail_errno("open the directory of " + path);
  const std::string name =
      "/proc/self/fd/" + std::to_string(place.directory.get()) + path.substr(slash);
  if (name.size() >= sizeof(place.address.sun_path))
    return fail(Errc::kNameTooLong, path + ": the socket's name is too long");
  place.address.sun_family = AF_UNIX;
  std::memcpy(place.address.sun_path, name.c_str(), name.size() + 1);
  return place;
}

Result<UniqueFd> new_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail_errno("socket");
  return socket;
}

/// The directory must be this user's alone: whoever can rename in it could stand in for the daemon.
Result<void> check_directory(int directory, const std::string& path) {
  struct stat stat {};
  if (fstat(directory, &stat) != 0) return fail_errno("stat the directory of " + path);
  if (stat.st_uid != geteuid() || (stat.st_mode & 0022) != 0)
    return fail(Errc::kDenied, "the directory of " + path +
                                   " must be yours and writable by nobody else (chmod 0700)");
  return {};
}

}  // namespace

Result<UniqueFd> listen_at(const std::string& path) {
  if (auto made = make_directories(path.substr(0, path.rfind('/')), 0700); !made)
    return fail(std::move(made.error()));
  auto place = place_of(path);
  if (!place) return fail(std::move(place.error()));
  if (auto ours = check_directory(place->directory.get(), path); !ours)
    return fail(std::move(ours.error()));
  auto socket = new_socket();
  if (!socket) return socket;
  unlink(path.c_str());
  if (bind(socket->get(), reinterpret_cast<const sockaddr*>(&place->address),
           sizeof(place->address)) != 0)
    return fail_errno("bind " + path);
  // Between bind and this the directory's mode keeps others out.
  if (chmod(path.c_str(), 0600) != 0) return fail_errno("chmod " + path);
  if (listen(socket->get(), kBacklog) != 0) return fail_errno("listen at " + path);
  return socket;
}

Result<UniqueFd> connect_to(const std::string& path) {
  auto place = place_of(path);
  if (!place) return fail(Errc::kNotFound, "no daemon listens at " + path);
  auto socket = new_socket();
  if (!socket) return socket;
  if (connect(socket->get(), reinterpret_cast<const sockaddr*>(&place->address),
              sizeof(place->address)) == 0)
    return socket;
  if (errno == ENOENT || errno == ECONNREFUSED)
    return fail(Errc::kNotFound, "no daemon listens at " + path);
  if (errno == EAGAIN) return fail(Errc::kBusy, "the daemon at " + path + " does not answer");
  return fail_errno("connect to " + path);
}

bool peer_may_ask(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == geteuid() || peer.uid == 0;
}

Result<void> LineChannel::wait(short events, Deadline deadline) {
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{socket_.get(), events, 0}, pollfd{stop_, POLLIN, 0}};
    const auto left = deadline.left(clock_);
    const int ready = poll(fds.data(), fds.size(),
                           static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000)));
    if (ready < 0 && errno != EINTR) return fail_errno("poll");
    if (fds[1].revents != 0) return fail(Errc::kInterrupted, "the daemon is ending");
    if (fds[0].revents != 0) return {};
    if (deadline.passed(clock_)) return fail(Errc::kTimedOut, "no answer in time");
  }
}

Result<std::string> LineChannel::receive(Deadline deadline) {
  for (;;) {
    if (const auto end = received_.find('\n'); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    if (received_.size() > line_max_) return fail(Errc::kTooLarge, "the line is too long");
    if (auto ready = wait(POLLIN, deadline); !ready) return fail(std::move(ready.error()));
    std::array<char, 4096> buffer;
    const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size == 0) return fail(Errc::kUnavailable, "the other end hung up");
    if (size > 0) {
      received_.append(buffer.data(), static_cast<std::size_t>(size));
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail(Errc::kUnavailable, "the other end hung up");
    }
  }
}

Result<void> LineChannel::send(std::string line, Deadline deadline) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    if (auto ready = wait(POLLOUT, deadline); !ready) return ready;
    const ssize_t size = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail(Errc::kUnavailable, "the other end hung up");
    }
  }
  return {};
}

bool LineChannel::peer_gone_by(Deadline deadline) {
  auto ready = wait(POLLIN | POLLRDHUP, deadline);
  if (!ready) return ready.error().code != Errc::kTimedOut;
  return true;  // nothing more is expected: what is readable is the end
}

}  // namespace stsfs::control
