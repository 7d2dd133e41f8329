#include "fake_engine.h"

#include <array>

#include "stsfs/base/text.h"

namespace stsfs::fakes {
namespace {

// Odd, so that bodies are cut in odd places.
constexpr std::size_t kChunk = 7;

Result<std::string> send_body(http::BodySource* body) {
  std::string out;
  if (body == nullptr) return out;
  std::array<std::byte, kChunk> buffer{};
  while (out.size() < body->size_bytes()) {
    const auto given = body->read(out.size(), buffer);
    if (!given) return fail(given.error());
    out.append(as_text(std::span(buffer).first(*given)));
  }
  return out;
}

Result<void> feed(http::Sink& sink, const http::Response& response) {
  if (auto begun = sink.begin({response.status, response.headers}); !begun) return begun;
  std::string_view rest = response.body;
  while (!rest.empty()) {
    if (auto written = sink.write(as_bytes(rest.substr(0, kChunk))); !written) return written;
    rest.remove_prefix(std::min(kChunk, rest.size()));
  }
  return {};
}

}  // namespace

std::string FakeEngine::Seen::header(std::string_view name) const {
  const std::string* value = http::find_header(headers, name);
  return value == nullptr ? std::string() : *value;
}

void FakeEngine::answer(int status, http::Headers headers, std::string body) {
  script_.push_back({{status, std::move(headers), std::move(body)}, std::nullopt, true});
}

void FakeEngine::answer_broken(int status, http::Headers headers, std::string body, Error error) {
  script_.push_back({{status, std::move(headers), std::move(body)}, std::move(error), true});
}

void FakeEngine::fail_with(Error error) { script_.push_back({{}, std::move(error), false}); }

Transfer FakeEngine::start(http::Request request, Callback<http::Response> done) {
  auto sent = send_body(request.body.get());
  seen_.push_back({request.method, request.url, request.headers, sent.value_or(std::string())});
  if (!sent) {
    done(fail(std::move(sent.error())));
    return {};
  }
  if (script_.empty()) {
    done(fail(Errc::kIo, "the test has no answer for " + request.url));
    return {};
  }
  Answer answer = std::move(script_.front());
  script_.pop_front();
  const int status = answer.response.status;
  if (answer.has_head && request.sink != nullptr && status >= 200 && status < 300) {
    if (auto fed = feed(*request.sink, answer.response); !fed) {
      done(fail(std::move(fed.error())));
      return {};
    }
    answer.response.body.clear();
  }
  if (answer.error)
    done(fail(std::move(*answer.error)));
  else
    done(std::move(answer.response));
  return {};
}

Transfer FakeEngine::after(std::chrono::milliseconds, UniqueFunction<void()> what) {
  what();
  return {};
}

http::EngineCounters FakeEngine::counters() const { return {}; }

}  // namespace stsfs::fakes
