// What a vended credential may do, asked of the simulator through real requests: a session from its
// STS, the client that a mount uses, policies judged where OSS judges them.

#include <map>
#include <random>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "fakes/fake_provider.h"
#include "stsfs/base/await.h"
#include "stsfs/base/random.h"
#include "stsfs/http/engine.h"
#include "stsfs/oss/oss_store.h"
#include "stsfs/sim/simulator.h"
#include "stsfs/sts/assume_role.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs {
namespace {

using namespace std::chrono_literals;
using sts::Access;

constexpr const char* kBucket = "examplebucket";

/// A sink that keeps nothing.
class Drain final : public oss::ReadSink {
 public:
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte>) override { return {}; }
};

/// One person's client, as a mount has it; every call says whether it was allowed.
class Client {
 public:
  Client(http::Engine& engine, const std::string& endpoint,
         const credentials::CredentialSnapshot& credential)
      : provider_(credential),
        store_(std::move(*oss::OssStore::create(
            engine, provider_, system_clock(),
            {.endpoint = endpoint, .region = "cn-hangzhou", .bucket = kBucket}))) {}

  bool get(const std::string& key) {
    Drain sink;
    return allowed<void>([&](auto done) {
      return store_->start_get(key, "", {0, 1}, sink, deadline(), std::move(done));
    });
  }
  bool put(const std::string& key) {
    return allowed<oss::Written>([&](auto done) {
      return store_->start_put(key, http::memory_body("x"), {}, deadline(), std::move(done));
    });
  }
  bool remove(const std::string& key) {
    return allowed<void>(
        [&](auto done) { return store_->start_delete(key, "", deadline(), std::move(done)); });
  }
  bool list(const std::string& prefix) {
    return allowed<oss::ListPage>([&](auto done) {
      return store_->start_list({.prefix = prefix, .delimiter = "/"}, deadline(), std::move(done));
    });
  }
  bool copy(const std::string& from, const std::string& to) {
    return allowed<oss::Written>([&](auto done) {
      return store_->start_copy(to, {.source_key = from}, deadline(), std::move(done));
    });
  }
  bool rename(const std::string& from, const std::string& to) {
    return allowed<void>(
        [&](auto done) { return store_->start_rename(from, to, deadline(), std::move(done)); });
  }
  bool put_tagged(const std::string& key) {
    return allowed<oss::Written>([&](auto done) {
      return store_->start_put(key, http::memory_body("x"), {.tagging = "a=1"}, deadline(),
                               std::move(done));
    });
  }
  bool get_tagging(const std::string& key) {
    return allowed<std::string>(
        [&](auto done) { return store_->start_get_tagging(key, deadline(), std::move(done)); });
  }
  bool restore(const std::string& key) {
    return allowed<void>(
        [&](auto done) { return store_->start_restore(key, {}, deadline(), std::move(done)); });
  }
  /// A multipart upload that is looked at and called off; which of its steps were allowed.
  bool initiate(const std::string& key) {
    auto id = await<std::string>(nullptr, [&](auto done) {
      return store_->start_initiate(key, {}, deadline(), std::move(done));
    });
    upload_ = id ? *id : "00000000000000000000000000000000";
    return id || id.error().code != Errc::kDenied;
  }
  bool abort(const std::string& key) {
    return allowed<void>(
        [&](auto done) { return store_->start_abort(key, upload_, deadline(), std::move(done)); });
  }

 private:
  static Deadline deadline() { return Deadline::in(system_clock(), 20s); }
  /// Anything but a denial: an object that is not there was looked for.
  template <class T, class Start>
  bool allowed(Start&& start) {
    const auto result = await<T>(nullptr, [&](Callback<T> done) { return start(std::move(done)); });
    const auto code = result ? Errc::kNotFound : result.error().code;
    if (code != Errc::kDenied && code != Errc::kNotFound &&
        code != Errc::kNotSupported)  // not archived
      ADD_FAILURE() << result.error().message;
    return result || result.error().code != Errc::kDenied;
  }

  fakes::FakeProvider provider_;
  std::unique_ptr<oss::OssStore> store_;
  std::string upload_;
};

class Rights : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(const sim::SimulatorOptions& options) {
    simulator_ = std::move(*sim::Simulator::start(options, system_clock()));
    engine_ = std::move(*http::Engine::create({}, system_clock()));
    sts_ = std::move(
        *sts::Client::create(*engine_, system_clock(), {.endpoint = simulator_->sts_endpoint()}));
  }
  Client client_with(const std::string& user, const std::string& policy) {
    const auto& key = simulator_->vending_key();
    Interrupt interrupt;
    auto session = sts_->assume_role(
        {key.access_key_id, key.access_key_secret.clone()},
        {.role_arn = simulator_->role_arn(), .session_name = user, .policy = policy},
        Deadline::in(system_clock(), 20s), interrupt);
    EXPECT_TRUE(session) << session.error().message;
    return Client(*engine_, simulator_->oss_endpoint(),
                  fakes::FakeProvider::credential(session->access_key_id,
                                                  std::string(session->access_key_secret.reveal()),
                                                  std::string(session->security_token.reveal())));
  }
  /// The actions in the simulator's log of denials, in their order.
  std::vector<std::string> denials() {
    auto answer = await<http::Response>(nullptr, [&](Callback<http::Response> done) {
      return engine_->start({.url = simulator_->admin_endpoint() + "/denials",
                             .deadline = Deadline::in(system_clock(), 20s)},
                            std::move(done));
    });
    std::vector<std::string> actions;
    EXPECT_TRUE(answer);
    if (!answer) return actions;
    const auto document = nlohmann::json::parse(answer->body);
    for (const auto& denial : document["denials"]) actions.push_back(denial["action"]);
    return actions;
  }

  std::unique_ptr<sim::Simulator> simulator_;
  std::unique_ptr<http::Engine> engine_;
  std::unique_ptr<sts::Client> sts_;
};

/// All that a mount asks for, once. False at the first that is denied.
bool use_everything(Client& client, const std::string& prefix) {
  const std::string key = prefix + "file";
  bool all = client.put(key);
  all = client.put_tagged(prefix + "tagged") && all;
  all = client.get_tagging(key) && all;
  all = client.restore(key) && all;
  all = client.get(key) && all;
  all = client.copy(key, prefix + "copy") && all;
  all = client.list(prefix) && all;
  all = client.initiate(key) && all;
  all = client.abort(key) && all;
  return client.remove(key) && all;
}

TEST_F(Rights, AreEnoughForAMount) {
  Client client =
      client_with("alice", *sts::session_policy({.bucket = kBucket, .prefix = "users/alice/"}));
  EXPECT_TRUE(use_everything(client, "users/alice/"));
  EXPECT_TRUE(denials().empty()) << ::testing::PrintToString(denials());
}

TEST_F(Rights, AreNoMoreThanAMountNeeds) {
  using json = nlohmann::ordered_json;
  const auto whole =
      json::parse(*sts::session_policy({.bucket = kBucket, .prefix = "users/alice/"}));
  for (std::size_t i = 0; i < whole["Statement"].size(); ++i) {
    const auto& actions = whole["Statement"][i]["Action"];
    for (std::size_t j = 0; j < actions.size(); ++j) {
      const std::string taken = actions[j];
      json policy = whole;
      if (actions.size() == 1)
        policy["Statement"].erase(i);
      else
        policy["Statement"][i]["Action"].erase(j);
      Client client = client_with("alice", policy.dump());
      const std::size_t before = denials().size();
      EXPECT_FALSE(use_everything(client, "users/alice/")) << "a mount never needs " << taken;
      const auto after = denials();
      ASSERT_GT(after.size(), before) << taken;
      for (std::size_t k = before; k < after.size(); ++k) EXPECT_EQ(after[k], taken);
    }
  }
}

/// The server's rename asks for no action of its own: the old name is deleted, the new one written.
TEST_F(Rights, ARenameStaysInsideTheFolder) {
  sim::SimulatorOptions options;
  options.buckets[0].hierarchical_namespace = true;
  start(options);
  Client alice =
      client_with("alice", *sts::session_policy({.bucket = kBucket, .prefix = "users/alice/"}));
  Client bob =
      client_with("bob", *sts::session_policy({.bucket = kBucket, .prefix = "users/bob/"}));
  Client reader = client_with(
      "alice", *sts::session_policy(
                   {.bucket = kBucket, .prefix = "users/alice/", .access = Access::kReadOnly}));
  ASSERT_TRUE(alice.put("users/alice/d/file"));
  ASSERT_TRUE(bob.put("users/bob/d/file"));
  EXPECT_TRUE(alice.rename("users/alice/d/", "users/alice/n/"));
  EXPECT_TRUE(alice.get("users/alice/n/file"));
  EXPECT_TRUE(denials().empty());
  EXPECT_FALSE(alice.rename("users/bob/d/", "users/alice/theirs/"));
  EXPECT_FALSE(alice.rename("users/alice/n/", "users/bob/mine/"));
  EXPECT_FALSE(alice.rename("users/alice/", "users/alicia/"));
  EXPECT_FALSE(reader.rename("users/alice/n/", "users/alice/d/"));
  EXPECT_TRUE(bob.get("users/bob/d/file"));
}

/// What a template says, in our words: the other side of the comparison.
struct Expected {
  bool get, put, remove, list;
};
Expected expected_of(Access access) {
  switch (access) {
    case Access::kReadWrite:
    case Access::kSharedFolder:
      return {true, true, true, true};
    case Access::kReadOnly:
      return {true, false, false, true};
    case Access::kUploadOnly:
      return {false, true, false, false};
  }
  return {};
}

/// Random people and keys, near misses among them: what is allowed is what the template says, on
/// both sides.
TEST_F(Rights, AreWhatTheTemplateSaysForWhomeverAndWhatever) {
  const bool full = std::getenv("STSFS_TEST_FULL") != nullptr;
  const auto seed = static_cast<std::uint32_t>(random_below(1u << 31));
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
  constexpr std::string_view kNameCharacters = "abcXYZ019._@-";
  const std::vector<std::string> templates = {"users/${user}/", "users/${user}/files/",
                                              "users/b c/${user}/files/"};
  const std::vector<std::string> tails = {"",     "a",   "deep/er/x", "é☕",
                                          "a*b?", "..x", "$%{user}",  "\"quoted\""};
  for (int round = 0; round < (full ? 400 : 25); ++round) {
    std::string user;
    const std::size_t size = 2 + random() % 10;
    while (user.size() < size) user += kNameCharacters[random() % kNameCharacters.size()];
    if (!sts::check_user_name(user)) continue;
    const Access access = static_cast<Access>(random() % 4);
    const std::string prefix_template = pick(templates);
    const std::string prefix = *sts::expand_prefix(prefix_template, user);
    Client client = client_with(
        user, *sts::session_policy(
                  {.bucket = kBucket, .prefix = prefix, .access = access, .user = user}));
    const Expected inside = expected_of(access);
    const std::string bare = prefix.substr(0, prefix.size() - 1);
    for (const std::string& base :
         {prefix, bare, bare + "x/", *sts::expand_prefix(prefix_template, user + "2"),
          *sts::expand_prefix(prefix_template, "other"), std::string("elsewhere/")}) {
      const std::string key = base + pick(tails);
      if (key.ends_with("/") && base != prefix) continue;
      const bool own = key.starts_with(prefix);
      SCOPED_TRACE(user + " asks for " + key + " with the rights on " + prefix);
      EXPECT_EQ(client.put(key), own && inside.put);
      EXPECT_EQ(client.get(key), own && inside.get);
      EXPECT_EQ(client.list(key), own && inside.list);
      EXPECT_EQ(client.copy(key, prefix + "copy"), own && inside.get && inside.put);
      EXPECT_EQ(client.remove(key), own && inside.remove);
    }
  }
}

}  // namespace
}  // namespace stsfs
