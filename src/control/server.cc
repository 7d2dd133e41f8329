#include "stsfs/control/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <list>
#include <thread>

#include "json_line.h"
#include "socket.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"

namespace stsfs::control {
namespace {

// How often a drain looks again. It has no other way to know: what is pending ends in many places.
constexpr std::chrono::milliseconds kDrainInterval{100};
constexpr std::chrono::seconds kSendTimeout{10};

Json ok() { return {{"ok", true}}; }

Json refusal(const Error& error) {
  return {{"ok", false}, {"code", name_of(error.code)}, {"message", error.message}};
}

/// One request of one client.
class Conversation {
 public:
  Conversation(LineChannel& channel, Service& service, const Clock& clock)
      : channel_(channel), service_(service), clock_(clock) {}

  void run() {
    auto line = channel_.receive(in(Server::kRequestTimeout));
    if (!line) {
      if (line.error().code == Errc::kTooLarge) (void)say(refusal(line.error()));
      return;
    }
    const auto request = parse_object(*line);
    if (!request) return (void)say(refusal({Errc::kInvalid, "the request is no JSON object", {}}));
    answer(*request);
  }

 private:
  Deadline in(std::chrono::milliseconds delay) const { return Deadline::in(clock_, delay); }
  Result<void> say(const Json& line) { return channel_.send(to_line(line), in(kSendTimeout)); }

  void answer(const Json& request) {
    const std::string command = text_member(request, "command");
    if (command == "status") {
      // Spliced in as text, so that it is made in one place.
      (void)channel_.send("{\"ok\":true,\"status\":" + to_json(service_.status()) + "}",
                          in(kSendTimeout));
    } else if (command == "refresh-credentials") {
      auto done = service_.refresh(in(Server::kRefreshTimeout));
      (void)say(done ? ok() : refusal(done.error()));
    } else if (command == "forget") {
      service_.forget(text_member(request, "path"));
      (void)say(ok());
    } else if (command == "drain") {
      drain();
    } else if (command == "log-level") {
      set_log_level(text_member(request, "level"));
    } else {
      (void)say(refusal({Errc::kInvalid, "unknown command " + printable(command, 40), {}}));
    }
  }

  void set_log_level(const std::string& name) {
    const auto level = parse_log_level(name);
    if (!level)
      return (void)say(refusal({Errc::kInvalid,
                                "unknown log level " + printable(name, 40) +
                                    " (trace, debug, info, warning, error, off)",
                                {}}));
    service_.set_log_level(*level);
    (void)say(ok());
  }

  /// Until nothing is pending, the client hangs up or the daemon ends.
  void drain() {
    service_.hurry();
    std::optional<std::pair<std::uint64_t, std::uint64_t>> told;
    for (;;) {
      const Pending pending = service_.pending();
      if (pending.files == 0) return (void)say(ok());
      if (const std::pair now{pending.files, pending.bytes}; told != now) {
        if (!say({{"progress", {{"files", now.first}, {"bytes", now.second}}}})) return;
        told = now;
      }
      if (channel_.peer_gone_by(in(kDrainInterval))) return;
    }
  }

  LineChannel& channel_;
  Service& service_;
  const Clock& clock_;
};

class SocketServer final : public Server {
 public:
  SocketServer(std::string path, UniqueFd listener, UniqueFd stop, Service& service,
               const Clock& clock)
      : path_(std::move(path)),
        listener_(std::move(listener)),
        stop_(std::move(stop)),
        service_(service),
        clock_(clock),
        acceptor_([this] { accept_all(); }) {}

  ~SocketServer() override {
    const std::uint64_t one = 1;
    (void)!write(stop_.get(), &one, sizeof(one));
    acceptor_.join();
    conversations_.clear();  // joins: each sees that stop_ is readable
    unlink(path_.c_str());
  }

 private:
  struct Talk {
    std::atomic<bool> over{false};
    std::jthread thread;
  };

  void accept_all() {
    for (;;) {
      std::array<pollfd, 2> fds{pollfd{listener_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
      if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
      if (fds[1].revents != 0) return;
      if (fds[0].revents == 0) continue;
      UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client) serve(std::move(client));
    }
  }

  void serve(UniqueFd client) {
    conversations_.remove_if([](const Talk& talk) { return talk.over.load(); });
    const bool may = peer_may_ask(client.get());
    LineChannel channel(std::move(client), kRequestMax, stop_.get(), clock_);
    if (!may)
      return refuse(channel, {Errc::kDenied, "only the mounting user and root may ask", {}});
    if (conversations_.size() >= kConnectionsMax)
      return refuse(channel, {Errc::kBusy, "too many ask at once; try again", {}});
    Talk& talk = conversations_.emplace_back();
    talk.thread = std::jthread([this, &talk, own = std::move(channel)]() mutable {
      Conversation(own, service_, clock_).run();
      talk.over = true;
    });
  }

  void refuse(LineChannel& channel, const Error& error) {
    // One that does not read its answer does not hold up the others.
    (void)channel.send(to_line(refusal(error)), Deadline::in(clock_, std::chrono::nanoseconds(0)));
  }

  const std::string path_;
  const UniqueFd listener_;
  const UniqueFd stop_;  // an eventfd: readable once we end
  Service& service_;
  const Clock& clock_;
  std::list<Talk> conversations_;  // only the acceptor's, and the destructor's after it
  std::jthread acceptor_;          // last: it uses all of the above
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const std::string& path, Service& service,
                                              const Clock& clock) {
  auto listener = listen_at(path);
  if (!listener) return fail(std::move(listener.error()), "control socket");
  UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return fail_errno("eventfd");
  return std::make_unique<SocketServer>(path, std::move(*listener), std::move(stop), service,
                                        clock);
}

}  // namespace stsfs::control
