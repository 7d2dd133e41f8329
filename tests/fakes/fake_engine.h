#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stsfs/http/engine.h"

namespace stsfs::fakes {

/// A server that answers what the test wrote down, in that order, at once. What was asked is kept.
///
/// It sends bodies and feeds sinks as the real engine does. One thread.
class FakeEngine final : public http::Engine {
 public:
  struct Seen {
    http::Method method = http::Method::kGet;
    std::string url;
    http::Headers headers;
    std::string body;

    /// Empty when absent.
    std::string header(std::string_view name) const;
  };

  void answer(int status, http::Headers headers, std::string body = {});
  /// The body breaks off with this after what came.
  void answer_broken(int status, http::Headers headers, std::string body, Error error);
  void fail_with(Error error);

  const std::vector<Seen>& seen() const { return seen_; }
  bool all_answers_used() const { return script_.empty(); }

  Transfer start(http::Request request, Callback<http::Response> done) override;
  /// At once, whatever the delay.
  Transfer after(std::chrono::milliseconds delay, UniqueFunction<void()> what) override;
  http::EngineCounters counters() const override;
  void stop() override {}

 private:
  struct Answer {
    http::Response response;
    std::optional<Error> error;
    bool has_head = true;
  };

  std::deque<Answer> script_;
  std::vector<Seen> seen_;
};

}  // namespace stsfs::fakes
