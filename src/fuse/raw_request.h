#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// What libfuse 3.14 knows of a request but does not pass on.
namespace stsfs::fuse {

/// The INIT request's flags, both words; 0 when `request` is another.
std::uint64_t init_flags_offered(std::span<const std::byte> request);

/// Whether the kernel asks us to clear set-user-id and set-group-id with this write, truncation or
/// truncating open (FUSE_HANDLE_KILLPRIV_V2).
bool asks_to_kill_set_id(std::span<const std::byte> request);

/// The same of the request that this receiver is carrying out. libfuse's requests have no room for
/// it, and an operation starts on the thread that received it.
bool current_kills_set_id();
void set_current_kills_set_id(bool kills);

/// Adds to an INIT reply what libfuse 3.14 forgets to ask for, as far as `offered` has it. `body`
/// is the reply without its header.
///
/// Source: linux/fuse.h; libfuse #861 (PARALLEL_DIROPS never sent).
void patch_init_reply(std::span<std::byte> body, std::uint64_t offered);

}  // namespace stsfs::fuse
