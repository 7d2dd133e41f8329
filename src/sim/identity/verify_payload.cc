#include "verify_payload.h"

#include <algorithm>
#include <utility>

#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

Refusal malformed_body(std::string message) {
  return {400, "InvalidRequest", "The aws-chunked body is malformed: " + std::move(message), ""};
}

Refusal chunk_mismatch() {
  return {403, "SignatureDoesNotMatch",
          "The request signature we calculated does not match the signature you provided: a chunk "
          "of the body.",
          ""};
}

}  // namespace

AwsPayload::AwsPayload(PayloadTerms terms)
    : terms_(std::move(terms)),
      state_(terms_.kind == PayloadTerms::Kind::kPlain || terms_.kind == PayloadTerms::Kind::kHashed
                 ? State::kPlain
                 : State::kChunkHeader),
      previous_signature_(terms_.seed_signature) {
  std::copy_n(terms_.signing_key.begin(), std::min(terms_.signing_key.size(), key_.size()),
              key_.begin());
}

std::optional<Refusal> AwsPayload::feed(std::string_view bytes, std::string& out) {
  if (state_ == State::kPlain) {
    if (terms_.kind == PayloadTerms::Kind::kHashed) hash_.update(bytes);
    out.append(bytes);
    return std::nullopt;
  }
  while (!bytes.empty()) {
    if (state_ == State::kDone) return malformed_body("something follows its end");
    if (state_ != State::kChunkData) {
      if (auto refusal = read_line(bytes)) return refusal;
      continue;
    }
    const std::string_view part =
        bytes.substr(0, std::min<std::uint64_t>(chunk_left_, bytes.size()));
    hash_.update(part);
    out.append(part);
    bytes.remove_prefix(part.size());
    chunk_left_ -= part.size();
    if (chunk_left_ == 0) state_ = State::kChunkEnd;
  }
  return std::nullopt;
}

std::optional<Refusal> AwsPayload::finish() {
  if (terms_.kind == PayloadTerms::Kind::kPlain) return std::nullopt;
  if (terms_.kind == PayloadTerms::Kind::kHashed) {
    const std::string computed = hex_lower(hash_.finish());
    if (computed == terms_.sha256_hex) return std::nullopt;
    return Refusal{400,
                   "XAmzContentSHA256Mismatch",
                   "The provided 'x-amz-content-sha256' header does not match what was computed.",
                   "",
                   {{"ClientComputedContentSHA256", terms_.sha256_hex},
                    {"S3ComputedContentSHA256", computed}}};
  }
  if (state_ == State::kDone) return std::nullopt;
  return Refusal{400, "IncompleteBody", "The body ends before its last chunk.", ""};
}

/// Moves bytes up to a line's end into `line_`; a whole line is taken at once.
std::optional<Refusal> AwsPayload::read_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::string_view part = bytes.substr(0, end);
  if (line_.size() + part.size() > kLineMax) return malformed_body("a line is too long");
  line_.append(part);
  bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  if (end == std::string_view::npos) return std::nullopt;
  if (!line_.ends_with('\r')) return malformed_body("a line does not end in CR LF");
  line_.pop_back();
  auto refusal = take_line();
  line_.clear();
  return refusal;
}

std::optional<Refusal> AwsPayload::take_line() {
  switch (state_) {
    case State::kChunkHeader:
      return begin_chunk();
    case State::kChunkEnd:
      if (!line_.empty()) return malformed_body("a chunk is longer than it says");
      return end_chunk();
    case State::kTrailer:
      return take_trailer();
    case State::kPlain:
    case State::kChunkData:
    case State::kDone:
      break;
  }
  return malformed_body("a line where none belongs");
}

/// `400;chunk-signature=…`, or `400` alone where chunks are unsigned.
std::optional<Refusal> AwsPayload::begin_chunk() {
  constexpr std::string_view kSignature = "chunk-signature=";
  const std::string_view line(line_);
  const std::size_t semicolon = std::min(line.find(';'), line.size());
  const auto size = parse_u64(line.substr(0, semicolon), 16);
  if (!size || *size > kChunkMax) return malformed_body("a chunk's size is no number");
  const std::string_view extension = line.substr(std::min(semicolon + 1, line.size()));
  chunk_signature_ =
      extension.starts_with(kSignature) ? extension.substr(kSignature.size()) : std::string_view();
  chunk_left_ = *size;
  last_chunk_ = *size == 0;
  hash_ = sign::Sha256Stream();
  state_ = State::kChunkData;
  return last_chunk_ ? end_chunk() : std::nullopt;
}

std::optional<Refusal> AwsPayload::end_chunk() {
  if (terms_.kind == PayloadTerms::Kind::kChunksSigned) {
    const std::string expected = sign::aws4::chunk_signature(
        key_, terms_.date, terms_.scope, previous_signature_, hex_lower(hash_.finish()));
    if (!sign::equal_in_constant_time(expected, chunk_signature_)) return chunk_mismatch();
    previous_signature_ = expected;
  }
  // Behind the last chunk stand trailers, if any, and an empty line.
  state_ = last_chunk_ ? State::kTrailer : State::kChunkHeader;
  return std::nullopt;
}

std::optional<Refusal> AwsPayload::take_trailer() {
  if (line_.empty()) {
    state_ = State::kDone;
    return check_trailers();
  }
  const std::size_t colon = line_.find(':');
  if (!terms_.trailer || colon == std::string::npos || trailers_.size() >= kTrailersMax)
    return malformed_body("a trailer that does not belong there");
  trailers_.emplace_back(to_lower(line_.substr(0, colon)),
                         trim(std::string_view(line_).substr(colon + 1)));
  return std::nullopt;
}

std::optional<Refusal> AwsPayload::check_trailers() {
  if (!terms_.trailer || terms_.kind != PayloadTerms::Kind::kChunksSigned) return std::nullopt;
  std::string canonical;
  std::string provided;
  for (const auto& [name, value] : trailers_) {
    if (name == "x-amz-trailer-signature")
      provided = value;
    else
      canonical.append(name).append(":").append(value).append("\n");
  }
  const std::string expected = sign::aws4::trailer_signature(key_, terms_.date, terms_.scope,
                                                             previous_signature_, canonical);
  if (sign::equal_in_constant_time(expected, provided)) return std::nullopt;
  return chunk_mismatch();
}

}  // namespace stsfs::sim
