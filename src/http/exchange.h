#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "curl_handles.h"
#include "stsfs/http/engine.h"

namespace stsfs::http {

/// One request and its answer on one easy handle: sets the handle up, takes what curl calls back
/// with, and says at the end what came of it.
///
/// Threads: the loop's only, but for the constructor.
class Exchange {
 public:
  Exchange(Request request, const EngineOptions& options)
      : request_(std::move(request)), options_(options) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Puts the request onto `easy`, which then refers to this. kInvalid for what may not be sent.
  Result<void> prepare(CurlEasy easy, CURLSH* share);

  CURL* easy() const { return easy_.get(); }
  /// Gives the handle back, clean, for the next exchange.
  CurlEasy take_easy();

  /// What came of it, once curl has said `code`.
  Result<Response> finish(CURLcode code);
  /// The deadline came first.
  Error too_late() const;

  /// Stalls are found by looking, so often: curl's own low-speed limit is blind to the first five
  /// seconds of one. Every look at what has not moved counts; a look that comes late (the machine
  /// slept) counts once.
  std::chrono::nanoseconds look_interval() const;
  bool stalls();
  Error stalled() const;

  /// From here on no callback touches the sink or the source.
  void abandon() { abandoned_ = true; }

  std::uint64_t bytes_sent() const { return bytes_sent_; }
  std::uint64_t bytes_received() const { return bytes_received_; }

 private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_read(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_seek(void* self, curl_off_t offset, int origin) noexcept;

  Result<void> check() const;
  bool set_headers();
  void set_method();
  void set_upload();
  void set_limits();
  void set_trust();
  void set_connection(CURLSH* share);
  std::size_t take_header(std::string_view line);
  std::size_t give_body(std::span<std::byte> room);
  std::size_t take_body(std::span<const std::byte> bytes);
  bool wants_sink() const { return request_.sink != nullptr && response_.status / 100 == 2; }
  Result<void> begin_sink();
  std::string what() const;
  std::chrono::milliseconds stall_timeout() const;
  bool is_sending_or_waiting() const;
  Error explain(CURLcode code) const;

  Request request_;
  const EngineOptions& options_;
  CurlEasy easy_;
  CurlHeaders headers_;
  std::array<char, CURL_ERROR_SIZE> reason_{};

  Response response_;
  std::size_t header_bytes_ = 0;
  bool sink_begun_ = false;
  bool abandoned_ = false;
  std::optional<Error>
      own_error_;  // what a sink, a source or a limit said; stands above curl's reason
  std::uint64_t body_size_ = 0;
  std::uint64_t read_offset_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t moved_at_last_look_ = 0;
  int idle_looks_ = 0;
};

}  // namespace stsfs::http
