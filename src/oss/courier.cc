// One call is a chain of at most six transfers: a wait for a credential where there is none, the
// request, a correction of the clock (no transfer), a replacement of the credential, and the
// request again for each. The call holds the
// chain, and the present transfer's callback holds the call; the Transfer that the caller has
// breaks that circle when it goes.

#include "courier.h"

#include "handover.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::oss {

using credentials::CredentialSnapshot;

class OssStore::Courier::Call : public std::enable_shared_from_this<Call> {
 public:
  Call(Courier& courier, RequestSpec spec, std::shared_ptr<http::Sink> sink, Deadline deadline,
       Callback<http::Response> done)
      : courier_(courier),
        spec_(std::move(spec)),
        sink_(std::move(sink)),
        deadline_(deadline),
        done_(std::move(done)) {}

  void begin() {
    auto credential = courier_.provider_.current();
    if (!credential) return wait_for_one(std::move(credential.error()));
    send(std::move(*credential));
  }
  void cancel() { chain_.cancel(); }

 private:
  void send(CredentialSnapshot credential) {
    http::Request request = courier_.signer_.sign(spec_, *credential, courier_.now(), deadline_);
    request.sink = sink_.get();
    chain_.step([&] {
      return courier_.engine_.start(std::move(request),
                                    [self = shared_from_this(), credential = std::move(credential)](
                                        Result<http::Response> response) mutable {
                                      self->answered(*credential, std::move(response));
                                    });
    });
  }

  void answered(const credentials::Credential& credential, Result<http::Response> response) {
    if (!response) {
      response.error().message = what_was_tried(spec_) + ": " + response.error().message;
      return finish(std::move(response));
    }
    if (response->status >= 200 && response->status < 300) return finish(std::move(response));
    ServiceError error = read_service_error(*response);
    keep_secret(credential, error);
    if (correct_clock(error)) return begin();
    if (may_replace(credential, error)) return replace(credential, error);
    finish(fail(to_error(error, spec_, courier_.clock_.wall())));
  }

  /// A server that quotes what it was sent must not put a secret into our messages.
  static void keep_secret(const credentials::Credential& credential, ServiceError& error) {
    for (const Secret* secret : {&credential.access_key_secret, &credential.security_token})
      if (!secret->empty() && error.message.find(secret->reveal()) != std::string::npos)
        error.message.clear();
  }

  bool correct_clock(const ServiceError& error) {
    if (error.code != "RequestTimeTooSkewed" || !error.server_time || clock_corrected_)
      return false;
    clock_corrected_ = true;
    const auto offset =
        std::chrono::round<std::chrono::milliseconds>(*error.server_time - courier_.clock_.wall());
    courier_.provider_.set_clock_offset(offset);
    log_warning("oss", "this machine's clock is {} s off the server's; requests are dated by it",
                offset.count() / 1000);
    return true;
  }

  bool may_replace(const credentials::Credential& credential, const ServiceError& error) const {
    return names_credential(error) && !replaced_ && !credential.security_token.empty();
  }

  /// The present one is dead: the machine slept, or whoever renews is away. Any other will do.
  void wait_for_one(Error dead) {
    dead.message = what_was_tried(spec_) + ": " + dead.message;
    go_on_with_successor({}, std::move(dead));
  }

  void replace(const credentials::Credential& credential, const ServiceError& error) {
    replaced_ = true;
    log_info("oss", "{} refused ({}); asking for another credential",
             printable(credential.access_key_id, 64), printable(error.code, 64));
    go_on_with_successor(credential.access_key_id, to_error(error, spec_, courier_.clock_.wall()));
  }

  /// `otherwise` is what the caller is told when there is none by the deadline.
  void go_on_with_successor(const std::string& refused_id, Error otherwise) {
    chain_.step([&] {
      auto handover = std::make_shared<Handover>();
      handover->waits_for(courier_.provider_.replace(
          refused_id, deadline_,
          [self = shared_from_this(), handover,
           error = std::move(otherwise)](Result<CredentialSnapshot> next) mutable {
            handover->take_to_loop(self->courier_.engine_, [self, next = std::move(next),
                                                            error = std::move(error)]() mutable {
              self->replaced(std::move(next), std::move(error));
            });
          }));
      return Transfer([handover] { handover->close(); });
    });
  }

  /// On the loop.
  void replaced(Result<CredentialSnapshot> next, Error otherwise) {
    if (next) return send(std::move(*next));
    otherwise.code = next.error().code;
    if (otherwise.message.find(next.error().message) == std::string::npos)
      otherwise.message += "; no other credential came: " + next.error().message;
    finish(fail(std::move(otherwise)));
  }

  void finish(Result<http::Response> result) {
    auto done = std::move(done_);
    done(std::move(result));
  }

  Courier& courier_;
  const RequestSpec spec_;
  const std::shared_ptr<http::Sink> sink_;
  const Deadline deadline_;
  Callback<http::Response> done_;
  bool clock_corrected_ = false;
  bool replaced_ = false;
  Chain chain_;
};

Transfer OssStore::Courier::send(RequestSpec spec, std::shared_ptr<http::Sink> sink,
                                 Deadline deadline, Callback<http::Response> done) {
  auto call =
      std::make_shared<Call>(*this, std::move(spec), std::move(sink), deadline, std::move(done));
  call->begin();
  return Transfer([call] { call->cancel(); });
}

tl::unexpected<Error> OssStore::Courier::explained(Error error, const std::string& tried,
                                                   const http::Response& response) {
  error.message = tried + ": " + error.message;
  if (const std::string* id = http::find_header(response.headers, "x-oss-request-id"))
    error.message += " (request " + printable(*id, 64) + ")";
  return fail(std::move(error));
}

}  // namespace stsfs::oss
