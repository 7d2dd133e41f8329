#pragma once

#include <string>

namespace stsfs::credentials {

/// localhost, ::1 in brackets, 127.0.0.0/8. `host` in lower case.
bool is_this_machine(const std::string& host);

}  // namespace stsfs::credentials
