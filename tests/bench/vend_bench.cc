// How many cached credentials a second a vending server hands out, and whether it still logs people
// in while ten thousand connections trickle. vend_bench.py starts the servers and runs this.
//
//   vend_bench rate    HOST:PORT TOKEN SECONDS BUSY IDLE     answers a second over BUSY
//   connections, IDLE ones open vend_bench trickle HOST:PORT LOGIN_BODY COUNT SECONDS    logins
//   while COUNT connections send a byte a second

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "stsfs/base/fd.h"

namespace stsfs {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "vend_bench: %s: %s\n", what.c_str(), strerror(errno));
  std::exit(1);
}

UniqueFd connect_to(const std::string& where) {
  const auto colon = where.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(where.c_str() + colon + 1)));
  inet_pton(AF_INET, where.substr(0, colon).c_str(), &address.sin_addr);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    die("connect");
  const int one = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

/// One answer is whole when its headers and as much body as they say are there.
bool is_whole(const std::string& answer) {
  const auto end = answer.find("\r\n\r\n");
  const auto at = answer.find("Content-Length: ");
  if (end == std::string::npos || at == std::string::npos) return false;
  return answer.size() >= end + 4 + static_cast<std::size_t>(std::atoll(answer.c_str() + at + 16));
}

/// Sends `request` and waits for the answer; returns the status.
int exchange(int fd, const std::string& request) {
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    die("send");
  std::string answer;
  char buffer[8'192];
  while (!is_whole(answer)) {
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) die("the server closed a connection");
    answer.append(buffer, static_cast<std::size_t>(got));
  }
  return std::atoi(answer.c_str() + 9);
}

struct Busy {
  UniqueFd fd;
  std::string answer;
  Clock::time_point asked;
};

class Rate {
 public:
  Rate(const std::string& where, std::string request, int busy)
      : request_(std::move(request)), epoll_(epoll_create1(0)) {
    for (int i = 0; i < busy; ++i) {
      busy_.push_back({connect_to(where), {}, {}});
      epoll_event event{EPOLLIN, {.u32 = static_cast<std::uint32_t>(i)}};
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, busy_.back().fd.get(), &event);
    }
  }

  void run(std::chrono::seconds duration) {
    const auto start = Clock::now();
    for (auto& one : busy_) ask(one);
    while (Clock::now() - start < duration) {
      epoll_event events[64];
      const int count = epoll_wait(epoll_.get(), events, 64, 1'000);
      for (int i = 0; i < count; ++i) take(busy_[events[i].data.u32]);
    }
    report(std::chrono::duration<double>(Clock::now() - start).count());
  }

 private:
  void ask(Busy& one) {
    one.answer.clear();
    one.asked = Clock::now();
    if (send(one.fd.get(), request_.data(), request_.size(), MSG_NOSIGNAL) < 0) die("send");
  }
  void take(Busy& one) {
    char buffer[8'192];
    const ssize_t got = recv(one.fd.get(), buffer, sizeof buffer, 0);
    if (got <= 0) die("the server closed a connection");
    one.answer.append(buffer, static_cast<std::size_t>(got));
    if (!is_whole(one.answer)) return;
    if (!one.answer.starts_with("HTTP/1.1 200")) die("refused: " + one.answer.substr(0, 200));
    took_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - one.asked).count());
    ask(one);
  }
  void report(double seconds) {
    std::sort(took_.begin(), took_.end());
    const auto at = [&](double part) {
      return took_[static_cast<std::size_t>(part * static_cast<double>(took_.size() - 1))];
    };
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double own = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    std::printf(
        "answers=%zu per_second=%.0f p50_ms=%.2f p99_ms=%.2f max_ms=%.2f client_cpu_s=%.2f\n",
        took_.size(), static_cast<double>(took_.size()) / seconds, at(0.5), at(0.99), took_.back(),
        own);
  }

  const std::string request_;
  const UniqueFd epoll_;
  std::vector<Busy> busy_;
  std::vector<double> took_;
};

int rate(char** argv) {
  const std::string where = argv[0];
  const std::string request =
      "GET /v1/credentials HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " +
      std::string(argv[1]) + "\r\n\r\n";
  std::vector<UniqueFd> idle;
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    idle.push_back(connect_to(where));
    if (exchange(idle.back().get(), "GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n") != 200)
      die("healthz");
  }
  Rate(where, request, std::atoi(argv[3])).run(std::chrono::seconds(std::atoi(argv[2])));
  return 0;
}

int trickle(char** argv) {
  const std::string where = argv[0];
  const std::string body = argv[1];
  const std::string login =
      "POST /v1/login HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  std::vector<UniqueFd> slow(static_cast<std::size_t>(std::atoi(argv[2])));
  for (auto& fd : slow) fd = connect_to(where);
  std::size_t ended = 0;
  double worst = 0;
  int logins = 0;
  for (const auto end = Clock::now() + std::chrono::seconds(std::atoi(argv[3])); Clock::now() < end;
       ++logins) {
    const auto start = Clock::now();
    for (auto& fd : slow) {
      if (send(fd.get(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) continue;
      fd = connect_to(where);  // it was ended for being slow: it comes again
      ++ended;
    }
    const auto asked = Clock::now();
    if (exchange(connect_to(where).get(), login) != 200) die("a login was refused");
    worst =
        std::max(worst, std::chrono::duration<double, std::milli>(Clock::now() - asked).count());
    std::this_thread::sleep_until(start + std::chrono::seconds(1));
  }
  std::printf("trickling=%zu ended_and_back=%zu logins=%d worst_login_ms=%.0f\n", slow.size(),
              ended, logins, worst);
  return 0;
}

}  // namespace
}  // namespace stsfs

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "rate" && argc == 7) return stsfs::rate(argv + 2);
  if (what == "trickle" && argc == 6) return stsfs::trickle(argv + 2);
  std::fprintf(stderr, "see the top of vend_bench.cc, or run vend_bench.py\n");
  return 2;
}
