#include "fixed_source.h"

#include <utility>

#include "stsfs/credentials/sources.h"

namespace stsfs::credentials {
namespace {

Credential copy_of(const Credential& credential) {
  return Credential{credential.access_key_id, credential.access_key_secret.clone(),
                    credential.security_token.clone(), credential.expiration};
}

class FixedSource final : public Source {
 public:
  FixedSource(Credential credential, std::string name, std::string remedy)
      : credential_(std::move(credential)), name_(std::move(name)), remedy_(std::move(remedy)) {}

  std::string describe() const override { return name_; }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline, Interrupt&) override {
    if (rejected_access_key_id == credential_.access_key_id)
      return fail(Errc::kCredential,
                  "OSS refused the key of " + name_ + ", and it has no other; " + remedy_);
    return Grant{copy_of(credential_), std::nullopt};
  }

 private:
  const Credential credential_;
  const std::string name_;
  const std::string remedy_;
};

}  // namespace

std::unique_ptr<Source> fixed_source(Credential credential, std::string name, std::string remedy) {
  return std::make_unique<FixedSource>(std::move(credential), std::move(name), std::move(remedy));
}

std::unique_ptr<Source> static_source(Credential credential, std::string name) {
  return fixed_source(std::move(credential), std::move(name), "remedy: mount with a valid one");
}

}  // namespace stsfs::credentials
