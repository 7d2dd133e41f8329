#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage.h"
#include "stsfs/base/byte_range.h"
#include "stsfs/base/result.h"
#include "stsfs/sign/digest.h"

namespace stsfs::sim {

/// The content of an object: pieces of blobs one after the other. Copying shares them.
class Content {
 public:
  struct Segment {
    std::shared_ptr<const Blob> blob;
    std::uint64_t offset = 0;  ///< In the blob.
    std::uint64_t length = 0;
  };

  Content() = default;
  explicit Content(std::shared_ptr<const Blob> blob);

  std::uint64_t size() const { return size_; }
  std::uint64_t crc64() const { return crc64_; }
  void set_crc64(std::uint64_t crc) { crc64_ = crc; }
  const std::vector<Segment>& segments() const { return segments_; }

  void append(const Content& other);
  void append(Segment segment);
  /// Without a CRC: it is computed where one is needed (`with_crc64`).
  Content slice(ByteRange range) const;
  Result<Content> with_crc64() const;

  /// Fills `buffer` from `offset`; returns the bytes given.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) const;
  /// The whole content when it is one piece of one blob; null when it is none or several.
  const Segment* only_segment() const { return segments_.size() == 1 ? &segments_[0] : nullptr; }

 private:
  std::vector<Segment> segments_;
  std::uint64_t size_ = 0;
  std::uint64_t crc64_ = 0;
};

/// Takes a body as it arrives. What was written and not finished is given back.
class ContentWriter {
 public:
  /// Below it contents stay beside their attributes, in memory.
  static constexpr std::size_t kInMemoryMax = 64 * 1024;

  explicit ContentWriter(std::shared_ptr<Storage> storage) : storage_(std::move(storage)) {}
  ~ContentWriter() { end_piece(); }
  ContentWriter(const ContentWriter&) = delete;
  ContentWriter& operator=(const ContentWriter&) = delete;

  /// How much will come, if that is known: it then lies in one piece.
  void expect(std::uint64_t size_bytes) { expected_ = size_bytes; }
  Result<void> write(std::string_view bytes);
  /// What was written; the writer is used up.
  Content finish();

  std::uint64_t size() const { return content_.size() + here_ + small_.size(); }
  sign::Md5 md5() { return md5_.finish(); }

 private:
  static constexpr std::uint64_t kPieceMin = 1 << 20;
  static constexpr std::uint64_t kPieceMax = 64 << 20;

  Result<void> store(std::string_view bytes);
  Result<void> begin_piece(std::uint64_t bytes_coming);
  void end_piece();

  const std::shared_ptr<Storage> storage_;
  std::uint64_t expected_ = 0;
  std::string small_;
  std::optional<Place> place_;  // of the piece being written
  std::uint64_t here_ = 0;      // bytes in it
  std::uint64_t stored_ = 0;    // of which take space
  std::uint64_t next_piece_ = kPieceMin;
  Content content_;
  std::uint64_t crc64_ = 0;
  sign::Md5Stream md5_;
};

}  // namespace stsfs::sim
