#pragma once

#include <string>
#include <string_view>

namespace stsfs {

/// localhost, ::1 in brackets, 127.0.0.0/8. `host` in lower case, without a port.
bool is_this_machine(std::string_view host);

/// `http://HOST[:PORT]` where HOST is another machine: everybody on the way reads what is sent.
bool is_readable_on_the_way(std::string_view url);

}  // namespace stsfs
