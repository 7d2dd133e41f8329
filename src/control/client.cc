#include "stsfs/control/client.h"

#include "json_line.h"
#include "socket.h"

namespace stsfs::control {
namespace {

constexpr std::size_t kAnswerMax = std::size_t{4} << 20;

Errc code_named(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(Errc::kIo); ++i)
    if (name == name_of(static_cast<Errc>(i))) return static_cast<Errc>(i);
  return Errc::kIo;
}

/// Sends `request` and returns the final answer; lines before it go to `progress`.
Result<Json> ask(const std::string& path, const Json& request, const Clock& clock,
                 Deadline deadline, const std::function<void(const Progress&)>& progress = {}) {
  auto socket = connect_to(path);
  if (!socket) return fail(std::move(socket.error()));
  LineChannel channel(std::move(*socket), kAnswerMax, -1, clock);
  if (auto sent = channel.send(to_line(request), deadline); !sent)
    return fail(std::move(sent.error()));
  for (;;) {
    auto line = channel.receive(deadline);
    if (!line) return fail(std::move(line.error()), "the daemon's answer");
    auto answer = parse_object(*line);
    if (!answer) return fail(Errc::kProtocol, "the daemon's answer is no JSON object");
    if (answer->contains("progress")) {
      const Json step = object_member(*answer, "progress");
      if (progress) progress({number_member(step, "files"), number_member(step, "bytes")});
      continue;
    }
    if (bool_member(*answer, "ok")) return std::move(*answer);
    return fail(code_named(text_member(*answer, "code")), text_member(*answer, "message"));
  }
}

Result<void> done(Result<Json> answer) {
  if (!answer) return fail(std::move(answer.error()));
  return {};
}

}  // namespace

Result<std::string> ask_status_json(const std::string& path, const Clock& clock,
                                    Deadline deadline) {
  auto answer = ask(path, {{"command", "status"}}, clock, deadline);
  if (!answer) return fail(std::move(answer.error()));
  return to_line(object_member(*answer, "status"));
}

Result<Status> ask_status(const std::string& path, const Clock& clock, Deadline deadline) {
  auto json = ask_status_json(path, clock, deadline);
  if (!json) return fail(std::move(json.error()));
  return parse_status(*json);
}

Result<void> ask_refresh(const std::string& path, const Clock& clock, Deadline deadline) {
  return done(ask(path, {{"command", "refresh-credentials"}}, clock, deadline));
}

Result<void> ask_forget(const std::string& socket, const std::string& path, const Clock& clock,
                        Deadline deadline) {
  return done(ask(socket, {{"command", "forget"}, {"path", path}}, clock, deadline));
}

Result<void> ask_log_level(const std::string& path, const std::string& level, const Clock& clock,
                           Deadline deadline) {
  return done(ask(path, {{"command", "log-level"}, {"level", level}}, clock, deadline));
}

Result<void> ask_drain(const std::string& path, const Clock& clock, Deadline deadline,
                       const std::function<void(const Progress&)>& progress) {
  return done(ask(path, {{"command", "drain"}}, clock, deadline, progress));
}

}  // namespace stsfs::control
