#include "folder_lister.h"

#include <atomic>

#include "stsfs/credentials/renewer.h"
#include "stsfs/oss/oss_store.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::vend {
namespace {

constexpr int kPagesMax = 100'000;
constexpr std::chrono::seconds kPageTimeout{30};

constexpr std::string_view kListing =
    R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:ListObjects"],)"
    R"("Resource":["acs:oss:*:*:${bucket}"],)"
    R"("Condition":{"StringLike":{"oss:Prefix":["${prefix}*"]}}}]})";

/// One session, as the store wants to be given it. There is no successor: who lists makes the next.
class OneSession final : public credentials::Provider {
 public:
  explicit OneSession(sts::Session session)
      : credential_(std::make_shared<credentials::Credential>(credentials::Credential{
            std::move(session.access_key_id), std::move(session.access_key_secret),
            std::move(session.security_token), session.expiration})) {}

  Result<credentials::CredentialSnapshot> current() override { return credential_; }
  Transfer replace(const std::string&, Deadline,
                   Callback<credentials::CredentialSnapshot> done) override {
    done(fail(Errc::kCredential, "OSS does not take the session"));
    return {};
  }
  std::chrono::milliseconds clock_offset() const override { return offset_.load(); }
  void set_clock_offset(std::chrono::milliseconds offset) override { offset_ = offset; }

 private:
  const credentials::CredentialSnapshot credential_;
  std::atomic<std::chrono::milliseconds> offset_{};
};

}  // namespace

FolderConfig listing_only(const FolderConfig& folder) {
  FolderConfig listing = folder;
  listing.policy =
      std::make_shared<const sts::PolicyTemplate>(*sts::PolicyTemplate::parse(kListing));
  listing.extras = {};
  listing.source_addresses.clear();
  return listing;
}

Result<bool> FolderLister::count_some(sts::Session session, std::string& token, Usage& usage) {
  OneSession provider(std::move(session));
  auto store = oss::OssStore::create(
      engine_, provider, clock_,
      {.endpoint = folder_.endpoint, .region = folder_.region, .bucket = folder_.bucket});
  if (!store) return fail(std::move(store.error()));
  oss::RetryingStore repeating(**store, engine_, clock_);
  const Deadline half = Deadline::in(clock_, folder_.duration / 2);
  do {
    if (++pages_ > kPagesMax) return fail(Errc::kTooLarge, "there are too many objects to count");
    auto page = await<oss::ListPage>(&interrupt_, [&](Callback<oss::ListPage> done) {
      return repeating.start_list({.prefix = prefix_, .continuation_token = token},
                                  Deadline::in(clock_, kPageTimeout), std::move(done));
    });
    if (!page) return fail(std::move(page.error()));
    for (const oss::ListEntry& entry : page->objects) usage.bytes += entry.size_bytes;
    usage.objects += page->objects.size();
    token = std::move(page->next_token);
  } while (!token.empty() && !half.passed(clock_));
  return token.empty();
}

Result<Usage> FolderLister::count(const MakeSession& make) {
  Usage usage;
  std::string token;
  for (bool complete = false; !complete;) {
    auto session = make();
    if (!session) return fail(std::move(session.error()));
    auto some = count_some(std::move(*session), token, usage);
    if (!some) return fail(std::move(some.error()));
    complete = *some;
  }
  usage.counted_at = clock_.wall();
  return usage;
}

}  // namespace stsfs::vend
