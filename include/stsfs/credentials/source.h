#pragma once

#include <functional>
#include <memory>
#include <string>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/credentials/credential.h"

namespace stsfs::credentials {

/// Where credentials come from: a vending server, the environment, a static triple, a process, a
/// file. What every one of them must do, tests/credentials/source_contract.cc says.
///
/// Threads: one call at a time, on a thread that may wait.
class Source {
 public:
  virtual ~Source() = default;

  /// For logs and `status`: "vending server https://vend.example.com". No secrets.
  virtual std::string describe() const = 0;

  /// Obtains a fresh one. `rejected_access_key_id` is empty, or names the key that OSS refused, so
  /// that a source with a cache behind it does not hand the same one out again.
  ///
  /// Errors: kCredential (log in again: the message says how), kDenied, kUnavailable, kTimedOut,
  ///         kThrottled (with retry_after), kProtocol, kInterrupted.
  virtual Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline deadline,
                              Interrupt& interrupt) = 0;

  /// Asks to be told when a fetch would bring another credential, as a file does that was replaced:
  /// `changed` is called on a thread of the source's. Most sources cannot know, and never call. An
  /// empty function ends it: when that has returned, nothing is called any more. The source does
  /// not outlive what it calls.
  // By value: those that can tell keep it.
  virtual void watch(std::function<void()> /*changed*/) {}
};

}  // namespace stsfs::credentials
