#include "kernel_io.h"

#include <sys/uio.h>
#include <unistd.h>

#include "driver.h"
#include "raw_request.h"

namespace stsfs::fuse {
namespace {

ssize_t read_request(int device, void* buffer, std::size_t size, void* userdata) noexcept {
  const ssize_t received = ::read(device, buffer, size);
  if (received > 0) {
    const std::span request(static_cast<const std::byte*>(buffer),
                            static_cast<std::size_t>(received));
    if (const std::uint64_t offered = init_flags_offered(request); offered != 0)
      static_cast<Driver*>(userdata)->init_offered(offered);
  }
  return received;
}

ssize_t write_reply(int device, iovec* parts, int count, void* userdata) noexcept {
  // The reply to INIT is the first that goes out: until it has, the kernel sends nothing else.
  const std::uint64_t offered = static_cast<Driver*>(userdata)->take_init_offered();
  if (offered != 0 && count == 2)
    patch_init_reply({static_cast<std::byte*>(parts[1].iov_base), parts[1].iov_len}, offered);
  return ::writev(device, parts, count);
}

}  // namespace

Result<void> use_kernel_io(fuse_session* session) {
  const fuse_custom_io io{.writev = write_reply,
                          .read = read_request,
                          .splice_receive = nullptr,
                          .splice_send = nullptr};
  if (fuse_session_custom_io(session, &io, fuse_session_fd(session)) != 0)
    return fail(Errc::kNotSupported, "this libfuse has no fuse_session_custom_io; 3.13 is needed");
  return {};
}

}  // namespace stsfs::fuse
