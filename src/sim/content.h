#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"
#include "stsfs/sign/digest.h"

namespace stsfs::sim {

/// Bytes that no longer change: a small piece in memory, or an anonymous file that sendfile(2) can
/// read.
struct Blob {
  std::string bytes;  ///< When `fd` is not open.
  UniqueFd fd;
  std::uint64_t size = 0;
};

/// The content of an object: pieces of blobs one after the other. Copying shares them.
class Content {
 public:
  struct Segment {
    std::shared_ptr<const Blob> blob;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  Content() = default;
  explicit Content(std::shared_ptr<const Blob> blob);

  std::uint64_t size() const { return size_; }
  std::uint64_t crc64() const { return crc64_; }
  void set_crc64(std::uint64_t crc) { crc64_ = crc; }

  void append(const Content& other);
  /// Without a CRC: it is computed where one is needed (`with_crc64`).
  Content slice(ByteRange range) const;
  Content with_crc64() const;

  /// Fills `buffer` from `offset`; returns the bytes given.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) const;
  /// The one segment that holds all of `range` and lies in a file; nullopt when there is none.
  std::optional<Segment> in_one_file(ByteRange range) const;

 private:
  std::vector<Segment> segments_;
  std::uint64_t size_ = 0;
  std::uint64_t crc64_ = 0;
};

/// Takes a body as it arrives.
class ContentWriter {
 public:
  Result<void> write(std::string_view bytes);
  /// What was written; the writer is used up.
  Result<Content> finish();

  std::uint64_t size() const { return size_; }
  std::uint64_t crc64() const { return crc64_; }
  sign::Md5 md5();

 private:
  Result<void> spill();

  static constexpr std::size_t kInMemoryMax = 64 * 1024;
  std::string small_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t crc64_ = 0;
  sign::Md5Stream md5_;
};

}  // namespace stsfs::sim
