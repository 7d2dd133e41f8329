// What a client or a daemon may find on the control socket: lines of any kind, in pieces of any
// size.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "json_line.h"
#include "socket.h"
#include "stsfs/control/status.h"

namespace {

using namespace stsfs;
using namespace stsfs::control;

constexpr std::size_t kLineMax = 4096;

void check_status(const std::string& line) {
  const auto status = parse_status(line);
  if (!status) return;
  const std::string once = to_json(*status);
  const auto again = parse_status(once);
  if (!again || to_json(*again) != once || once.find('\n') != std::string::npos) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) abort();
  LineChannel channel(UniqueFd(ends[0]), kLineMax, -1, system_clock());
  (void)!::send(ends[1], data, size, MSG_NOSIGNAL);
  close(ends[1]);
  for (;;) {
    const auto line = channel.receive(Deadline::in(system_clock(), std::chrono::seconds(1)));
    if (!line) break;
    if (line->find('\n') != std::string::npos) abort();
    check_status(*line);
    if (const auto request = parse_object(*line)) (void)text_member(*request, "command");
  }
  return 0;
}
