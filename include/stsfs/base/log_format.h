#pragma once

namespace stsfs {

/// From now on each line of the log is a JSON object: time, level, layer, message. For collectors.
///
/// Threads: any.
void log_as_json(bool json);

}  // namespace stsfs
