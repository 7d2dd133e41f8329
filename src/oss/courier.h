#pragma once

#include <memory>
#include <string>
#include <utility>

#include "requests.h"
#include "service_error.h"
#include "signer.h"
#include "stsfs/credentials/renewer.h"
#include "stsfs/http/engine.h"
#include "stsfs/oss/oss_store.h"

namespace stsfs::oss {

/// Carries a request to the server and an answer back: signs, sends, and sends once more when the
/// credential or the clock was the reason. Gives back only answers of success.
///
/// Threads:  any; callbacks on the engine's loop.
class OssStore::Courier {
 public:
  Courier(http::Engine& engine, credentials::Provider& provider, const Clock& clock, Place place,
          const OssStoreOptions& options)
      : engine_(engine), provider_(provider), clock_(clock), signer_(std::move(place), options) {}

  /// `sink` may be null, then the answer's body is collected. It lives until the call is over.
  Transfer send(RequestSpec spec, std::shared_ptr<http::Sink> sink, Deadline deadline,
                Callback<http::Response> done);

  /// Sends, and gives `done` what `read(response)`, a Result<T>, makes of the answer.
  template <class T, class Read>
  Transfer run(RequestSpec spec, Deadline deadline, Callback<T> done, Read read,
               std::shared_ptr<http::Sink> sink = nullptr) {
    std::string tried = what_was_tried(spec);
    return send(std::move(spec), std::move(sink), deadline,
                [tried = std::move(tried), done = std::move(done),
                 read = std::move(read)](Result<http::Response> response) mutable {
                  if (!response) return done(fail(std::move(response.error())));
                  Result<T> result = read(*response);
                  if (!result) return done(explained(std::move(result.error()), tried, *response));
                  done(std::move(result));
                });
  }

  /// For what is refused before anything is sent: `done` is still called on the loop.
  template <class T>
  Transfer refuse(Error error, const std::string& tried, Callback<T> done) {
    error.message = tried + ": " + error.message;
    return later([error = std::move(error), done = std::move(done)]() mutable {
      done(fail(std::move(error)));
    });
  }

  /// On the loop, where callbacks belong.
  Transfer later(UniqueFunction<void()> what) {
    return engine_.after(std::chrono::milliseconds(0), std::move(what));
  }

  const std::string& bucket() const { return signer_.place().bucket(); }
  /// By the server's clock, as far as we know it.
  WallTime now() const { return clock_.wall() + provider_.clock_offset(); }

 private:
  class Call;
  static tl::unexpected<Error> explained(Error error, const std::string& tried,
                                         const http::Response& response);

  http::Engine& engine_;
  credentials::Provider& provider_;
  const Clock& clock_;
  Signer signer_;
};

}  // namespace stsfs::oss
