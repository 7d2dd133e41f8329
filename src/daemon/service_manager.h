#pragma once

#include <string>

namespace stsfs::daemon {

/// Tells systemd (`Type=notify`) of a state: `READY=1`, `STOPPING=1`, `STATUS=…`. Does nothing when
/// none started us. Source: sd_notify(3); the protocol is one datagram to $NOTIFY_SOCKET.
void notify_service_manager(const std::string& state);

/// The journal's socket is there.
bool journal_is_there();

}  // namespace stsfs::daemon
