#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/credentials/renewer.h"

namespace stsfs::fakes {

/// Credentials that the test hands in; `replace` goes on to the next one, at once.
///
/// Threads: every call on any thread.
class FakeProvider final : public credentials::Provider {
 public:
  explicit FakeProvider(credentials::CredentialSnapshot first) : current_(std::move(first)) {}

  static credentials::CredentialSnapshot credential(const std::string& id,
                                                    const std::string& secret,
                                                    const std::string& token) {
    return std::make_shared<const credentials::Credential>(credentials::Credential{
        id, Secret(std::string_view(secret)), Secret(std::string_view(token)), std::nullopt});
  }

  void next(credentials::CredentialSnapshot credential) {
    MutexLock lock(mutex_);
    next_.push_back(std::move(credential));
  }
  /// From now on there is none, and this is why.
  void fail_with(Error error) {
    MutexLock lock(mutex_);
    error_ = std::move(error);
  }
  /// There is none now, but one comes to whoever waits.
  void is_late() {
    MutexLock lock(mutex_);
    late_ = true;
  }
  std::vector<std::string> refused() const {
    MutexLock lock(mutex_);
    return refused_;
  }

  Result<credentials::CredentialSnapshot> current() override {
    MutexLock lock(mutex_);
    if (error_) return fail(*error_);
    if (late_) return fail(Errc::kCredential, "it expired, and there is no new one yet");
    return current_;
  }
  Transfer replace(const std::string& access_key_id, Deadline,
                   Callback<credentials::CredentialSnapshot> done) override {
    done(successor(access_key_id));
    return {};
  }
  std::chrono::milliseconds clock_offset() const override {
    MutexLock lock(mutex_);
    return offset_;
  }
  void set_clock_offset(std::chrono::milliseconds offset) override {
    MutexLock lock(mutex_);
    offset_ = offset;
  }

 private:
  Result<credentials::CredentialSnapshot> successor(const std::string& access_key_id) {
    MutexLock lock(mutex_);
    refused_.push_back(access_key_id);
    if (error_) return fail(*error_);
    if (current_->access_key_id != access_key_id) return current_;
    if (next_.empty()) return fail(Errc::kCredential, "log in again: stsfs login");
    current_ = next_.front();
    next_.pop_front();
    return current_;
  }

  mutable Mutex mutex_;  // a leaf
  credentials::CredentialSnapshot current_ STSFS_GUARDED_BY(mutex_);
  std::deque<credentials::CredentialSnapshot> next_ STSFS_GUARDED_BY(mutex_);
  std::optional<Error> error_ STSFS_GUARDED_BY(mutex_);
  bool late_ STSFS_GUARDED_BY(mutex_) = false;
  std::vector<std::string> refused_ STSFS_GUARDED_BY(mutex_);
  std::chrono::milliseconds offset_ STSFS_GUARDED_BY(mutex_){0};
};

}  // namespace stsfs::fakes
