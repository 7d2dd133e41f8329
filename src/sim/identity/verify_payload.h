#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access.h"
#include "stsfs/sign/aws_v4.h"
#include "stsfs/sign/digest.h"

namespace stsfs::sim {

/// Reads the body of an AWS-signed request as `PayloadTerms` protect it: checks the hash of the
/// whole, or takes an aws-chunked body apart and checks each chunk's signature. What it passes on
/// may be stored at once, but counts only once `finish` has agreed.
///
/// Threads: one at a time.
class AwsPayload {
 public:
  static constexpr std::size_t kLineMax = 4'096;          ///< A chunk's header, a trailer.
  static constexpr std::uint64_t kChunkMax = 5ULL << 30;  ///< A body is never larger.
  static constexpr std::size_t kTrailersMax = 16;

  explicit AwsPayload(PayloadTerms terms);

  /// Appends to `out` what of `bytes` is payload. After a refusal it takes nothing more.
  std::optional<Refusal> feed(std::string_view bytes, std::string& out);
  /// The body has ended.
  std::optional<Refusal> finish();
  /// What came behind the last chunk (`x-amz-checksum-…`); for the caller to check.
  const sign::Pairs& trailers() const { return trailers_; }

 private:
  enum class State { kPlain, kChunkHeader, kChunkData, kChunkEnd, kTrailer, kDone };

  std::optional<Refusal> read_line(std::string_view& bytes);
  std::optional<Refusal> take_line();
  std::optional<Refusal> begin_chunk();
  std::optional<Refusal> end_chunk();
  std::optional<Refusal> take_trailer();
  std::optional<Refusal> check_trailers();

  PayloadTerms terms_;
  State state_;
  sign::Sha256 key_{};
  sign::Sha256Stream hash_;
  std::string previous_signature_;
  std::string chunk_signature_;
  std::string line_;
  std::uint64_t chunk_left_ = 0;
  bool last_chunk_ = false;
  sign::Pairs trailers_;
};

}  // namespace stsfs::sim
