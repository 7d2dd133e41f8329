#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/http/engine.h"

namespace stsfs::fakes {

/// An engine without a network: a script answers each request, at once and on the caller's thread,
/// or not at all.
///
/// Threads: every call on any thread; the script runs on the caller's.
class ScriptedEngine final : public http::Engine {
 public:
  /// What was asked, with the body read out.
  struct Asked {
    http::Method method = http::Method::kGet;
    std::string url;
    http::Headers headers;
    std::string body;

    /// Empty when absent.
    std::string header(std::string_view name) const {
      const std::string* value = http::find_header(headers, name);
      return value == nullptr ? std::string() : *value;
    }
  };
  using Script = std::function<Result<http::Response>(const Asked&)>;

  explicit ScriptedEngine(Script script) : script_(std::move(script)) {}

  Transfer start(http::Request request, Callback<http::Response> done) override {
    Asked asked{request.method, std::move(request.url), std::move(request.headers),
                body_of(request.body.get())};
    {
      MutexLock lock(mutex_);
      asked_.push_back(asked);
    }
    done(script_(asked));
    return {};
  }

  /// Never comes: who needs timers takes a FakeScheduler.
  Transfer after(std::chrono::milliseconds, UniqueFunction<void()>) override { return {}; }

  http::EngineCounters counters() const override {
    MutexLock lock(mutex_);
    return {.requests = asked_.size()};
  }
  void stop() override {}

  std::vector<Asked> asked() const {
    MutexLock lock(mutex_);
    return asked_;
  }

 private:
  static std::string body_of(http::BodySource* source) {
    if (source == nullptr) return {};
    std::string body(source->size_bytes(), '\0');
    const auto count = source->read(0, {reinterpret_cast<std::byte*>(body.data()), body.size()});
    body.resize(count ? *count : 0);
    return body;
  }

  const Script script_;
  mutable Mutex mutex_;  // a leaf
  std::vector<Asked> asked_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fakes
