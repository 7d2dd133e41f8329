// What only one of the sources has to do.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/scripted_engine.h"
#include "stsfs/base/command.h"
#include "stsfs/base/fd.h"
#include "stsfs/credentials/renewer.h"
#include "stsfs/credentials/sources.h"
#include "support/temporary_directory.h"

namespace stsfs::credentials {
namespace {

using namespace std::chrono_literals;
using fakes::ScriptedEngine;

std::string key_json(const std::string& id) {
  return R"({"AccessKeyId":")" + id + R"(","AccessKeySecret":"s"})";
}

class LocalSources : public ::testing::Test {
 protected:
  static Deadline soon() { return Deadline::in(system_clock(), 10s); }
  Result<Grant> fetch(Source& source) { return source.fetch({}, soon(), interrupt_); }
  std::string program(const std::string& text) {
    const std::string path = directory_ / "program";
    EXPECT_TRUE(write_file_atomically(path, "#!/bin/sh\n" + text, 0700));
    return path;
  }
  /// True when the renewer's key becomes `id` within 5 s: long before a look without inotify would
  /// be needed twice.
  static bool becomes(Renewer& renewer, const std::string& id) {
    const Deadline end = Deadline::in(system_clock(), 5s);
    while (!end.passed(system_clock())) {
      if (auto now = renewer.current(); now && (*now)->access_key_id == id) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }
  testing::TemporaryDirectory directory_;
  Interrupt interrupt_;
};

// --- a file ---

TEST_F(LocalSources, AReplacedFileIsPickedUpAtOnce) {
  const std::string path = directory_ / "key.json";
  ASSERT_TRUE(write_file_atomically(path, key_json("a")));
  auto renewer = Renewer::start(file_source(path), {}, system_clock(), soon());
  ASSERT_TRUE(renewer) << renewer.error().message;
  ASSERT_TRUE(write_file_atomically(path, key_json("b")));
  EXPECT_TRUE(becomes(**renewer, "b"));
}

TEST_F(LocalSources, AFileBehindALinkThatIsTurnedIsPickedUpToo) {
  mkdir((directory_ / "v1").c_str(), 0700);
  mkdir((directory_ / "v2").c_str(), 0700);
  ASSERT_TRUE(write_file_atomically(directory_ / "v1/key.json", key_json("a")));
  ASSERT_TRUE(write_file_atomically(directory_ / "v2/key.json", key_json("b")));
  ASSERT_EQ(symlink("v1", (directory_ / "data").c_str()), 0);
  ASSERT_EQ(symlink("data/key.json", (directory_ / "key.json").c_str()), 0);
  auto renewer = Renewer::start(file_source(directory_ / "key.json"), {}, system_clock(), soon());
  ASSERT_TRUE(renewer) << renewer.error().message;
  ASSERT_EQ(symlink("v2", (directory_ / "new").c_str()), 0);
  ASSERT_EQ(rename((directory_ / "new").c_str(), (directory_ / "data").c_str()), 0);
  EXPECT_TRUE(becomes(**renewer, "b"));
}

TEST_F(LocalSources, AFileThatIsBrokenMeanwhileLeavesThePresentKeyInUse) {
  const std::string path = directory_ / "key.json";
  ASSERT_TRUE(write_file_atomically(path, key_json("a")));
  auto renewer = Renewer::start(file_source(path), {}, system_clock(), soon());
  ASSERT_TRUE(renewer);
  ASSERT_TRUE(write_file_atomically(path, "{"));
  const Deadline end = Deadline::in(system_clock(), 5s);
  while ((*renewer)->status().failures == 0 && !end.passed(system_clock()))
    std::this_thread::sleep_for(2ms);
  EXPECT_NE((*renewer)->status().last_error.find("not JSON"), std::string::npos);
  EXPECT_EQ((*(*renewer)->current())->access_key_id, "a");
  ASSERT_TRUE(write_file_atomically(path, key_json("c")));
  EXPECT_TRUE(becomes(**renewer, "c"));
}

// --- a process ---

TEST_F(LocalSources, AProcessThatFailsIsNamedWithItsCode) {
  auto source = process_source({program("echo canary; exit 3\n")}, system_clock());
  const auto grant = fetch(*source);
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().code, Errc::kCredential);
  EXPECT_NE(grant.error().message.find("exit code 3"), std::string::npos);
  EXPECT_EQ(grant.error().message.find("canary"), std::string::npos);
}

TEST_F(LocalSources, AProcessIsKilledAtTheDeadlineWithWhatItStarted) {
  const std::string mark = directory_ / "pid";
  auto source =
      process_source({program("sleep 60 & echo $! > " + mark + "; wait\n")}, system_clock());
  const auto grant = source->fetch({}, Deadline::in(system_clock(), 300ms), interrupt_);
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().code, Errc::kTimedOut);
  const auto child = read_file(mark);
  ASSERT_TRUE(child);
  const std::string place = "/proc/" + child->substr(0, child->find('\n')) + "/cmdline";
  const auto gone = [&] { return read_file(place).value_or("").empty(); };  // a zombie has none
  const Deadline end = Deadline::in(system_clock(), 5s);
  while (!gone() && !end.passed(system_clock())) std::this_thread::sleep_for(2ms);
  EXPECT_TRUE(gone());
}

TEST_F(LocalSources, AProcessThatIsInterruptedEndsAtOnce) {
  auto source = process_source({program("exec sleep 60\n")}, system_clock());
  auto fetched = std::async(std::launch::async, [&] { return fetch(*source); });
  interrupt_.raise();
  EXPECT_EQ(fetched.get().error().code, Errc::kInterrupted);
}

TEST_F(LocalSources, AProcessMayNotWriteWithoutEnd) {
  auto source = process_source({program("exec cat /dev/zero\n")}, system_clock());
  EXPECT_EQ(fetch(*source).error().code, Errc::kTooLarge);
}

TEST_F(LocalSources, AProcessGetsNothingOfOurs) {
  setenv("STSFS_CANARY", "canary", 1);
  const std::string seen = directory_ / "seen";
  auto source = process_source({program("env > " + seen + "; ls -l /proc/$$/fd >> " + seen +
                                        "; read x || echo '" + key_json("empty-input") + "'\n")},
                               system_clock());
  UniqueFd open_file(dup(0));
  const auto grant = fetch(*source);
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->credential.access_key_id, "empty-input");
  EXPECT_EQ(read_file(seen)->find("canary"), std::string::npos);
  unsetenv("STSFS_CANARY");
}

TEST_F(LocalSources, AProgramThatOthersCanChangeIsNotRun) {
  const std::string path = program("true\n");
  ASSERT_EQ(chmod(path.c_str(), 0777), 0);
  EXPECT_EQ(fetch(*process_source({path}, system_clock())).error().code, Errc::kDenied);
  EXPECT_EQ(fetch(*process_source({path + ".none"}, system_clock())).error().code, Errc::kNotFound);
}

TEST(Commands, AreTakenApartWithoutAShell) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(split_command("/bin/a  b 'c d' \"e 'f\" g\"h i\"j ''").value(),
            (Words{"/bin/a", "b", "c d", "e 'f", "gh ij", ""}));
  for (const char* bad : {"", "a b", "./a", "/bin/a $HOME", "/bin/a `b`", "/bin/a 'b", "/bin/a\nb"})
    EXPECT_FALSE(split_command(bad)) << bad;
}

// --- a URI ---

TEST_F(LocalSources, AUriIsHttpsOrDoesNotLeaveTheMachine) {
  ScriptedEngine engine([](auto&) -> Result<http::Response> { return http::Response{}; });
  const auto takes = [&](const std::string& url, bool insecure = false) {
    return uri_source(engine, system_clock(), {.url = url, .insecure_http = insecure}).has_value();
  };
  for (const char* good : {"https://a.example/x?y=z", "http://127.0.0.1:80/", "http://localhost/x",
                           "http://[::1]:8/x", "http://169.254.1.2/x", "http://100.100.100.200/x"})
    EXPECT_TRUE(takes(good)) << good;
  for (const char* bad : {"", "a", "ftp://a", "http://a.example/x", "http://u:p@127.0.0.1/",
                          "http:///x", "http://127.0.0.1/a b", "http://169.254.evil.example/",
                          "http://127.0.0.1.evil.example/", "http://100.100.100.200.evil/"})
    EXPECT_FALSE(takes(bad)) << bad;
  EXPECT_TRUE(takes("http://a.example/x", true));
}

TEST_F(LocalSources, AUrisPathIsInNoMessage) {
  ScriptedEngine engine([](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    return fail(Errc::kUnavailable, asked.url + " refused the connection");
  });
  auto source = uri_source(engine, system_clock(), {.url = "http://127.0.0.1:9/canary?q=1"});
  const auto grant = fetch(**source);
  EXPECT_EQ(grant.error().message.find("canary"), std::string::npos) << grant.error().message;
  EXPECT_NE(grant.error().message.find("127.0.0.1:9"), std::string::npos);
}

TEST_F(LocalSources, AUriThatAsksForPatienceGetsIt) {
  ScriptedEngine engine([](auto&) -> Result<http::Response> {
    return http::Response{429, {{"Retry-After", "9"}}, ""};
  });
  const auto grant = fetch(**uri_source(engine, system_clock(), {.url = "https://a.example/x"}));
  EXPECT_EQ(grant.error().code, Errc::kThrottled);
  EXPECT_EQ(grant.error().retry_after, 9s);
}

// --- ECS metadata ---

TEST_F(LocalSources, EcsWithoutATokenIsRefusedWhenThatIsWanted) {
  ScriptedEngine engine([](auto&) -> Result<http::Response> {
    return http::Response{404, {}, ""};
  });
  auto source = ecs_source(engine, system_clock(), {.may_fall_back = false});
  EXPECT_NE(fetch(*source).error().message.find("ALIBABA_CLOUD_IMDSV1_DISABLED"),
            std::string::npos);
  EXPECT_EQ(engine.asked().size(), 1u);
}

TEST_F(LocalSources, EcsNamesWhatIsMissing) {
  ScriptedEngine engine([](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    if (asked.method == http::Method::kPut) return http::Response{200, {}, "t"};
    return http::Response{404, {}, "<html>"};
  });
  const auto none = fetch(*ecs_source(engine, system_clock(), {}));
  EXPECT_EQ(none.error().code, Errc::kCredential);
  EXPECT_NE(none.error().message.find("no such role is attached"), std::string::npos);
  ScriptedEngine odd([](auto&) -> Result<http::Response> {
    return http::Response{200, {}, "a/../b c"};
  });
  EXPECT_NE(fetch(*ecs_source(odd, system_clock(), {})).error().message.find("no RAM role"),
            std::string::npos);
}

// --- roles ---

TEST_F(LocalSources, ARoleIsNotAssumedWithATemporaryKey) {
  ScriptedEngine engine([](auto&) -> Result<http::Response> { return http::Response{}; });
  auto key =
      static_source({"STS.x", Secret(std::string_view("s")), Secret(std::string_view("t")), {}});
  auto source = assume_role_source(std::move(key), engine, system_clock(),
                                   {.role_arn = "acs:ram::1:role/r",
                                    .session_name = "stsfs",
                                    .sts_endpoint = "https://sts.aliyuncs.com"});
  ASSERT_TRUE(source);
  EXPECT_EQ(fetch(**source).error().code, Errc::kCredential);
  EXPECT_TRUE(engine.asked().empty());
}

TEST_F(LocalSources, AnOidcTokenIsReadAnewAndItsRefusalNamesTheRemedy) {
  const std::string path = directory_ / "token";
  ScriptedEngine engine([](const ScriptedEngine::Asked&) -> Result<http::Response> {
    return http::Response{400, {}, R"({"Code":"AuthenticationFail.OIDCToken.Expired"})"};
  });
  auto source = oidc_source(engine, system_clock(),
                            {.role = {.role_arn = "acs:ram::1:role/r",
                                      .session_name = "stsfs",
                                      .sts_endpoint = "https://sts.aliyuncs.com"},
                             .provider_arn = "acs:ram::1:oidc-provider/p",
                             .token_file = path});
  ASSERT_TRUE(source);
  EXPECT_EQ(fetch(**source).error().code, Errc::kCredential) << "there is no file";
  ASSERT_TRUE(write_file_atomically(path, "first", 0644));
  const auto refused = fetch(**source);
  EXPECT_EQ(refused.error().code, Errc::kCredential);
  EXPECT_NE(refused.error().message.find("remedy: the OIDC token"), std::string::npos);
  ASSERT_TRUE(write_file_atomically(path, "second", 0644));
  (void)fetch(**source);
  EXPECT_NE(engine.asked().back().body.find("OIDCToken=second"), std::string::npos);
}

}  // namespace
}  // namespace stsfs::credentials
