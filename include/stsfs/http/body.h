#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stsfs/base/result.h"

namespace stsfs::http {

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

/// The first value of `name`, in any case; nullptr when absent.
const std::string* find_header(const Headers& headers, std::string_view name);

/// What is sent. Read at any offset, because a request may have to be sent again.
///
/// Threads: `read` runs on the HTTP loop and must not wait for anything but the local disk.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::uint64_t size_bytes() const = 0;
  /// Fills `buffer` from `offset`; returns the bytes given, fewer than asked only at the end.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) = 0;
};

/// Bytes in memory, owned.
std::shared_ptr<BodySource> memory_body(std::string bytes);

/// The status line and headers, before the body.
struct ResponseHead {
  int status = 0;
  Headers headers;
};

/// Where the body of a successful answer goes, in order.
///
/// Threads: called on the HTTP loop, never at once for one transfer; must neither block nor take a
/// lock that is held across a call that starts or drops a transfer.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Once, before the first byte, and only for a 2xx status. A failure ends the transfer with it.
  virtual Result<void> begin(const ResponseHead& head) = 0;
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;
};

}  // namespace stsfs::http
