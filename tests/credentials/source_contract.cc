// What every source of credentials must do, asked of each of them. A world is one source with what
// stands behind it in the test's hands.
#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/scripted_engine.h"
#include "stsfs/base/command.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/credentials/renewer.h"
#include "stsfs/credentials/sources.h"
#include "support/temporary_directory.h"

namespace stsfs::credentials {
namespace {

using namespace std::chrono_literals;
using fakes::ScriptedEngine;

constexpr const char* kSecret = "canary-secret";
constexpr const char* kToken = "canary-token";

class World {
 public:
  virtual ~World() = default;

  /// What the source gives from now on: this key, for an hour.
  virtual void hold(const std::string& id) { id_ = id; }
  /// What stands behind it talks nonsense, with the secrets in it. False: it cannot.
  virtual bool garble() = 0;
  /// It is gone. False: it cannot.
  virtual bool go_away() = 0;
  virtual bool renews() const { return true; }
  virtual std::unique_ptr<Source> source() = 0;

  const Clock& clock() const { return system_clock(); }

 protected:
  std::string expiration() const { return format_iso8601(clock().wall() + 1h); }
  std::string keys() const {
    return R"("AccessKeyId":")" + id_ + R"(","AccessKeySecret":")" + kSecret +
           R"(","SecurityToken":")" + kToken + R"(","Expiration":")" + expiration() + "\"";
  }
  static std::string nonsense() { return std::string("{\"AccessKeySecret\":\"") + kSecret + "\"}"; }

  std::string id_;
  testing::TemporaryDirectory directory_;
};

// --- behind HTTP ---

class HttpWorld : public World {
 public:
  HttpWorld() : engine_([this](const ScriptedEngine::Asked& asked) { return answer(asked); }) {}
  bool garble() override { return garbled_ = true; }
  bool go_away() override { return away_ = true; }

 protected:
  /// What the server says when it is well.
  virtual http::Response good(const ScriptedEngine::Asked& asked) = 0;
  ScriptedEngine engine_;

 private:
  Result<http::Response> answer(const ScriptedEngine::Asked& asked) {
    if (away_) return fail(Errc::kUnavailable, "connection refused");
    if (garbled_) return http::Response{200, {}, nonsense()};
    return good(asked);
  }
  bool garbled_ = false, away_ = false;
};

class VendingWorld final : public HttpWorld {
  std::unique_ptr<Source> source() override {
    constexpr const char* kUrl = "https://vend.example.com";
    TokenStore store(directory_ / "state");
    EXPECT_TRUE(store.save(kUrl, {.token = Secret(std::string_view("login-token")),
                                  .obtained_at = clock().wall(),
                                  .expires_at = clock().wall() + 10h,
                                  .username = "alice"}));
    auto client = VendingClient::create(engine_, clock(), {.url = kUrl});
    return vending_source(std::move(*client), store, clock());
  }
  http::Response good(const ScriptedEngine::Asked& asked) override {
    EXPECT_EQ(asked.header("Authorization"), "Bearer login-token");
    return {200, {}, R"({"StatusCode":200,)" + keys() + "}"};
  }
};

/// `before` and `after` are what stands around the four names in each of the shapes.
class UriWorld final : public HttpWorld {
 public:
  UriWorld(std::string before, std::string after)
      : before_(std::move(before)), after_(std::move(after)) {}
  std::unique_ptr<Source> source() override {
    auto source = uri_source(engine_, clock(), {.url = "http://127.0.0.1:99/canary-path?a=b"});
    EXPECT_TRUE(source);
    return std::move(*source);
  }
  http::Response good(const ScriptedEngine::Asked& asked) override {
    EXPECT_EQ(asked.url, "http://127.0.0.1:99/canary-path?a=b");
    return {200, {}, before_ + keys() + after_};
  }

 private:
  const std::string before_, after_;
};

/// `knows_tokens`: version 2 of the metadata service.
class EcsWorld final : public HttpWorld {
 public:
  explicit EcsWorld(bool knows_tokens) : knows_tokens_(knows_tokens) {}
  std::unique_ptr<Source> source() override { return ecs_source(engine_, clock(), {}); }
  http::Response good(const ScriptedEngine::Asked& asked) override {
    const std::string base = "http://100.100.100.200/latest/meta-data/ram/security-credentials/";
    if (asked.method == http::Method::kPut) {
      EXPECT_EQ(asked.url, "http://100.100.100.200/latest/api/token");
      EXPECT_EQ(asked.header("X-aliyun-ecs-metadata-token-ttl-seconds"), "21600");
      return knows_tokens_ ? http::Response{200, {}, "imds-token"} : http::Response{404, {}, ""};
    }
    EXPECT_EQ(asked.header("X-aliyun-ecs-metadata-token"), knows_tokens_ ? "imds-token" : "");
    if (asked.url == base) return {200, {}, "the-role\n"};
    EXPECT_EQ(asked.url, base + "the-role");
    return {200, {}, R"({"Code":"Success","LastUpdated":"2026-01-02T03:04:05Z",)" + keys() + "}"};
  }

 private:
  const bool knows_tokens_;
};

class StsWorld : public HttpWorld {
 protected:
  static RoleOptions role() {
    return {.role_arn = "acs:ram::123456789012:role/reader",
            .session_name = "stsfs",
            .sts_endpoint = "https://sts.example.com"};
  }
  http::Response session() const {
    return {200,
            {},
            R"({"RequestId":"R","AssumedRoleUser":{"Arn":"acs:ram::1:role/reader/stsfs"},)"
            R"("Credentials":{)" +
                keys() + "}}"};
  }
};

class AssumeRoleWorld final : public StsWorld {
  std::unique_ptr<Source> source() override {
    auto key = static_source({"LTAIuser", Secret(std::string_view("user-secret")), {}, {}});
    auto source = assume_role_source(std::move(key), engine_, clock(), role());
    EXPECT_TRUE(source);
    return std::move(*source);
  }
  http::Response good(const ScriptedEngine::Asked& asked) override {
    EXPECT_NE(asked.header("Authorization").find("Credential=LTAIuser"), std::string::npos);
    EXPECT_NE(asked.url.find("RoleSessionName=stsfs"), std::string::npos);
    return session();
  }
};

class OidcWorld final : public StsWorld {
  std::unique_ptr<Source> source() override {
    EXPECT_TRUE(write_file_atomically(directory_ / "token", "oidc token\n", 0644));
    auto source = oidc_source(engine_, clock(),
                              {.role = role(),
                               .provider_arn = "acs:ram::123456789012:oidc-provider/pods",
                               .token_file = directory_ / "token"});
    EXPECT_TRUE(source);
    return std::move(*source);
  }
  http::Response good(const ScriptedEngine::Asked& asked) override {
    EXPECT_EQ(asked.header("Authorization"), "");
    EXPECT_NE(asked.body.find("Action=AssumeRoleWithOIDC"), std::string::npos);
    EXPECT_NE(asked.body.find("&OIDCToken=oidc%20token"), std::string::npos);
    return session();
  }
};

// --- on this machine ---

class FileWorld : public World {
 public:
  void hold(const std::string& id) override {
    World::hold(id);
    put("{" + keys() + "}");
  }
  bool garble() override {
    put(nonsense());
    return true;
  }
  bool go_away() override { return unlink(path().c_str()) == 0; }
  std::unique_ptr<Source> source() override { return file_source(path()); }

 protected:
  std::string path() const { return directory_ / "key.json"; }
  void put(const std::string& text) const { EXPECT_TRUE(write_file_atomically(path(), text)); }
};

class ProcessWorld final : public FileWorld {
  std::unique_ptr<Source> source() override {
    const std::string program = directory_ / "program";
    EXPECT_TRUE(write_file_atomically(program, "#!/bin/sh\nexec cat \"$1\"\n", 0700));
    auto command = split_command(program + " '" + path() + "'");
    EXPECT_TRUE(command);
    return process_source(std::move(*command), clock());
  }
};

class FixedWorld : public World {
 public:
  bool garble() override { return false; }
  bool go_away() override { return false; }
  bool renews() const override { return false; }
};

class StaticWorld final : public FixedWorld {
  std::unique_ptr<Source> source() override {
    return static_source({id_, Secret(std::string_view(kSecret)), Secret(std::string_view(kToken)),
                          clock().wall() + 1h});
  }
};

class EnvironmentWorld final : public FixedWorld {
  std::unique_ptr<Source> source() override {
    const std::map<std::string, std::string> variables{{"OSS_ACCESS_KEY_ID", id_},
                                                       {"OSS_ACCESS_KEY_SECRET", kSecret},
                                                       {"OSS_SESSION_TOKEN", kToken}};
    auto source = environment_source([&](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    });
    EXPECT_TRUE(source);
    return std::move(*source);
  }
};

// --- the contract ---

struct Row {
  const char* name;
  std::function<std::unique_ptr<World>()> make;
};

class SourceContract : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    world_->hold("STS.first");
  }
  Result<Grant> fetch(Source& source, const std::string& rejected = {}) {
    return source.fetch(rejected, Deadline::in(world_->clock(), 10s), interrupt_);
  }
  static void expect_no_secret_in(const std::string& text) {
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text.find("canary"), std::string::npos) << text;
  }

  std::unique_ptr<World> world_;
  Interrupt interrupt_;
};

TEST_P(SourceContract, GivesAWholeKey) {
  auto source = world_->source();
  const auto grant = fetch(*source);
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->credential.access_key_id, "STS.first");
  EXPECT_EQ(grant->credential.access_key_secret.reveal(), kSecret);
  EXPECT_EQ(grant->credential.security_token.reveal(), kToken);
}

TEST_P(SourceContract, SaysWhatItIsWithoutASecret) {
  auto source = world_->source();
  ASSERT_TRUE(fetch(*source));
  expect_no_secret_in(source->describe());
}

TEST_P(SourceContract, GivesTheSuccessorOnceThereIsOne) {
  if (!world_->renews()) return;  // it has one for ever
  auto source = world_->source();
  ASSERT_TRUE(fetch(*source));
  world_->hold("STS.second");
  const auto next = fetch(*source, "STS.first");
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->credential.access_key_id, "STS.second");
}

// Either the source says it, or it gives the key again and the renewer does.
TEST_P(SourceContract, NeverPassesARefusedKeyOffAsItsSuccessor) {
  auto source = world_->source();
  ASSERT_TRUE(fetch(*source));
  const auto again = fetch(*source, "STS.first");
  if (again) {
    EXPECT_EQ(again->credential.access_key_id, "STS.first");
    return;
  }
  EXPECT_EQ(again.error().code, Errc::kCredential);
  EXPECT_NE(again.error().message.find("remedy: "), std::string::npos) << again.error().message;
}

TEST_P(SourceContract, RefusesHalfAKeyWithoutShowingIt) {
  auto source = world_->source();
  if (!world_->garble()) return;  // it was checked when it was made
  const auto grant = fetch(*source);
  ASSERT_FALSE(grant);
  EXPECT_TRUE(grant.error().code == Errc::kProtocol || grant.error().code == Errc::kCredential)
      << name_of(grant.error().code);
  expect_no_secret_in(grant.error().message);
}

TEST_P(SourceContract, SaysSoWhenItIsAwayAndGoesOnWhenItIsBack) {
  auto source = world_->source();
  ASSERT_TRUE(fetch(*source));
  if (!world_->go_away()) return;  // it cannot be
  const auto gone = fetch(*source);
  ASSERT_FALSE(gone);
  expect_no_secret_in(gone.error().message);
}

TEST_P(SourceContract, ServesARenewer) {
  auto renewer =
      Renewer::start(world_->source(), {}, world_->clock(), Deadline::in(world_->clock(), 10s));
  ASSERT_TRUE(renewer) << renewer.error().message;
  EXPECT_EQ((*(*renewer)->current())->access_key_id, "STS.first");
  EXPECT_EQ((*renewer)->status().access_key_id, "STS.first");
}

template <class T, class... Args>
Row row(const char* name, Args... args) {
  return {name, [=]() -> std::unique_ptr<World> { return std::make_unique<T>(args...); }};
}
INSTANTIATE_TEST_SUITE_P(
    Over, SourceContract,
    ::testing::Values(row<VendingWorld>("VendingServer"),
                      row<UriWorld>("UriOfAnAppServer", R"({"StatusCode":200,)", "}"),
                      row<UriWorld>("UriOfTheSdks", "{", "}"),
                      row<UriWorld>("UriThatSaysSuccess", R"({"Code":"Success",)", "}"),
                      row<UriWorld>("UriWithAnAnswerOfSts", R"({"Credentials":{)", "}}"),
                      row<EcsWorld>("EcsMetadata", true), row<EcsWorld>("EcsMetadataV1", false),
                      row<AssumeRoleWorld>("AssumeRole"), row<OidcWorld>("Oidc"),
                      row<FileWorld>("File"), row<ProcessWorld>("Process"),
                      row<StaticWorld>("Static"), row<EnvironmentWorld>("Environment")),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace stsfs::credentials
