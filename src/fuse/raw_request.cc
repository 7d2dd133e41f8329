#include "raw_request.h"

#include <linux/fuse.h>

#include <cstring>

namespace stsfs::fuse {
namespace {

// Newer than Debian 12's headers. Source: Linux 6.6, include/uapi/linux/fuse.h.
constexpr std::uint64_t kDirectIoAllowMmap = std::uint64_t{1} << 36;

constexpr std::uint64_t kWanted =
    FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV_V2 | kDirectIoAllowMmap;

thread_local bool kills_set_id = false;

/// The body of type `T` after the header; false when the request is too short for it. Old kernels
/// send shorter bodies: what is missing is 0.
template <class T>
bool body_of(std::span<const std::byte> request, T& out) {
  if (request.size() <= sizeof(fuse_in_header)) return false;
  const auto body = request.subspan(sizeof(fuse_in_header));
  std::memcpy(&out, body.data(), std::min(body.size(), sizeof(T)));
  return true;
}

std::uint32_t opcode_of(std::span<const std::byte> request) {
  fuse_in_header header{};
  if (request.size() < sizeof(header)) return 0;
  std::memcpy(&header, request.data(), sizeof(header));
  return header.opcode;
}

}  // namespace

std::uint64_t init_flags_offered(std::span<const std::byte> request) {
  fuse_init_in init{};
  if (opcode_of(request) != FUSE_INIT || !body_of(request, init)) return 0;
  std::uint64_t flags = init.flags;
  if (init.flags & FUSE_INIT_EXT) flags |= std::uint64_t{init.flags2} << 32;
  return flags;
}

bool asks_to_kill_set_id(std::span<const std::byte> request) {
  switch (opcode_of(request)) {
    case FUSE_WRITE: {
      fuse_write_in write{};
      return body_of(request, write) && (write.write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
    }
    case FUSE_SETATTR: {
      fuse_setattr_in setattr{};
      return body_of(request, setattr) && (setattr.valid & FATTR_KILL_SUIDGID) != 0;
    }
    case FUSE_OPEN: {
      fuse_open_in open{};
      return body_of(request, open) && (open.open_flags & FUSE_OPEN_KILL_SUIDGID) != 0;
    }
    default:
      return false;
  }
}

bool current_kills_set_id() { return kills_set_id; }
void set_current_kills_set_id(bool kills) { kills_set_id = kills; }

void patch_init_reply(std::span<std::byte> body, std::uint64_t offered) {
  fuse_init_out reply{};
  if (body.size() != sizeof(reply)) return;
  std::memcpy(&reply, body.data(), sizeof(reply));
  const std::uint64_t add = kWanted & offered;
  reply.flags |= static_cast<std::uint32_t>(add);
  if ((add >> 32) != 0) {
    reply.flags |= FUSE_INIT_EXT;
    reply.flags2 |= static_cast<std::uint32_t>(add >> 32);
  }
  std::memcpy(body.data(), &reply, sizeof(reply));
}

}  // namespace stsfs::fuse
