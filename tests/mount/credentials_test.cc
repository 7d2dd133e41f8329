// Credentials as a person meets them: where they come from, what is said when they are no good, how
// other programs get them.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "mount/cloud.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

using std::chrono::seconds;

class MountCredentials : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<Cloud>(); }
  static void TearDownTestSuite() { cloud_.reset(); }

  MountCredentials() : name_("u" + random_hex(4)), user_(*cloud_, name_, "", /*mount=*/false) {}

  /// Mounts this person's folder by its own name, with credentials as `options` say.
  Outcome mount_folder(const std::string& options, const std::string& bucket = "examplebucket") {
    return user_.stsfs({"mount", "oss://" + bucket + "/users/" + name_, user_.path(), "-o",
                        "region=cn-hangzhou,endpoint=" + cloud_->oss_endpoint() + "," + options});
  }
  /// The JSON of `stsfs credentials --process`, in a file as a mount takes it.
  std::string key_file() {
    const Outcome given = user_.stsfs({"credentials", cloud_->vending_url(), "--process"});
    EXPECT_EQ(given.code, 0) << given.said;
    const std::string path = user_.outside("key.json");
    EXPECT_TRUE(write_file_atomically(path, given.said, 0600));
    return path;
  }
  void expect_a_working_mount(const Outcome& mounted) {
    ASSERT_EQ(mounted.code, 0) << mounted.said;
    std::ofstream(user_ / "file") << "text";
    std::ifstream in(user_ / "file");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "text");
  }
  static bool mentions(const Outcome& outcome, const std::string& part) {
    return outcome.said.find(part) != std::string::npos;
  }

  static std::unique_ptr<Cloud> cloud_;
  const std::string name_;
  MountedUser user_;
};
std::unique_ptr<Cloud> MountCredentials::cloud_;

// --- sources, by mount.stsfs(8) ---

TEST_F(MountCredentials, AFileIsWatchedAndItsSuccessorUsedAtOnce) {
  const std::string path = key_file();
  expect_a_working_mount(mount_folder("credentials_file=" + path));
  EXPECT_EQ(user_.status("/credential/source"), "file " + path);
  const std::string before = user_.status("/credential/access_key_id");
  const Outcome refused = user_.stsfs({"refresh", user_.path()});
  EXPECT_EQ(refused.code, 0) << refused.said;
  EXPECT_EQ(user_.status("/credential/renewals"), "2");
  // The vending server has its own in a cache: one that was refused it does not give again.
  auto json = nlohmann::json::parse(read_file(path).value());
  json["AccessKeyId"] = "STS.next";
  ASSERT_TRUE(write_file_atomically(path, json.dump(), 0600));
  for (int i = 0; i < 500 && user_.status("/credential/access_key_id") == before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(user_.status("/credential/access_key_id"), "STS.next");
}

TEST_F(MountCredentials, AProcessIsRunForThem) {
  const std::string program = user_.outside("give");
  std::ofstream(program) << "#!/bin/sh\nexec " << STSFS_PROGRAMS << "/stsfs credentials "
                         << cloud_->vending_url() << " --process\n";
  chmod(program.c_str(), 0700);
  expect_a_working_mount(mount_folder("credentials_process=" + program));
  EXPECT_EQ(user_.status("/credential/source"), "process " + program);
}

TEST_F(MountCredentials, AUriIsAskedForThem) {
  const std::string uri_file = user_.outside("uri");
  Process serving({"/usr/bin/env", "XDG_STATE_HOME=" + user_.variables().at("XDG_STATE_HOME"),
                   "XDG_RUNTIME_DIR=" + user_.variables().at("XDG_RUNTIME_DIR"),
                   std::string(STSFS_PROGRAMS) + "/stsfs", "credentials", cloud_->vending_url(),
                   "--serve", "--uri-file", uri_file},
                  user_.outside("serve.out"));
  const std::string uri = serving.value_of("ALIBABA_CLOUD_CREDENTIALS_URI");
  ASSERT_FALSE(uri.empty());
  EXPECT_EQ(read_file(uri_file).value(), uri + "\n");
  expect_a_working_mount(mount_folder("credentials_uri=" + uri));
  EXPECT_EQ(user_.status("/credential/source").find(uri.substr(uri.rfind('/'))), std::string::npos);
}

TEST_F(MountCredentials, ARoleIsAssumedWithTheKeyOfARamUser) {
  expect_a_working_mount(mount_folder(
      "credentials=assume-role,credentials_file=" + cloud_->ram_key_file() + ",role_arn=" +
      cloud_->role_arn() + ",role_session=alice,sts_endpoint=" + cloud_->sts_endpoint()));
  EXPECT_NE(user_.status("/credential/identity").find("alice"), std::string::npos);
}

TEST_F(MountCredentials, AKeyThatIsHandedOverIsUsedAsItIs) {
  expect_a_working_mount(mount_folder("credentials=static,credentials_file=" + key_file()));
}

TEST_F(MountCredentials, NobodyNeedsToBeThereToLogIn) {
  const std::string password = cloud_->add_user(name_ + "x");
  const std::string program = user_.outside("password");
  std::ofstream(program) << "#!/bin/sh\necho " << password << "\n";
  chmod(program.c_str(), 0700);
  std::filesystem::remove_all(user_.variables().at("XDG_STATE_HOME") + "/stsfs/tokens");
  expect_a_working_mount(user_.mount("vend_user=" + name_ + "x,password_command=" + program));
  EXPECT_EQ(user_.status("/credential/identity"), name_ + "x");
}

// --- a login that ended heals by logging in again, without a remount ---

TEST_F(MountCredentials, LoggingInAgainHealsAMountThatLostItsLogin) {
  expect_a_working_mount(user_.mount());
  std::filesystem::remove_all(user_.variables().at("XDG_STATE_HOME") + "/stsfs/tokens");
  const Outcome refused = user_.stsfs({"refresh", user_.path()});
  EXPECT_EQ(refused.code, 32);
  EXPECT_TRUE(mentions(refused, "stsfs login " + cloud_->vending_url())) << refused.said;
  const Outcome shown = user_.stsfs({"status", user_.path()});
  EXPECT_TRUE(mentions(shown, "PROBLEM")) << shown.said;
  const std::string password = cloud_->add_user(name_ + "y");  // whoever it is, the server knows
  const Outcome login = user_.stsfs(
      {"login", cloud_->vending_url(), "--user", name_ + "y", "--password-stdin"}, password + "\n");
  // Another person's folder is not followed to: said, not done.
  EXPECT_TRUE(mentions(login, "another folder")) << login.said;
  EXPECT_EQ(user_.status("/folder/prefix"), "users/" + name_ + "/");
}

// --- the three questions of the STS guide ---

TEST_F(MountCredentials, AnInvalidSecurityTokenIsAnsweredWithTheRemedy) {
  const std::string path = key_file();
  auto json = nlohmann::json::parse(read_file(path).value());
  json["SecurityToken"] = "CAIS-nonsense";
  ASSERT_TRUE(write_file_atomically(path, json.dump(), 0600));
  const Outcome refused = mount_folder("credentials_file=" + path);
  EXPECT_EQ(refused.code, 32);
  EXPECT_TRUE(mentions(refused, "InvalidSecurityToken")) << refused.said;
  EXPECT_TRUE(mentions(refused, "remedy: put a valid one there")) << refused.said;
}

TEST_F(MountCredentials, AnUnknownAccessKeyIsAnsweredWithTheRemedy) {
  const std::string path = key_file();
  auto json = nlohmann::json::parse(read_file(path).value());
  json["AccessKeyId"] = "STS.nobody";
  ASSERT_TRUE(write_file_atomically(path, json.dump(), 0600));
  const Outcome refused = mount_folder("credentials_file=" + path);
  EXPECT_EQ(refused.code, 32);
  EXPECT_TRUE(mentions(refused, "InvalidAccessKeyId")) << refused.said;
  EXPECT_TRUE(mentions(refused, "unknown there or was revoked")) << refused.said;
}

TEST_F(MountCredentials, NoSuchBucketIsAnsweredWithTheRemedy) {
  const Outcome refused = mount_folder("credentials_file=" + key_file(), "nosuchbucket");
  EXPECT_EQ(refused.code, 32);
  EXPECT_TRUE(mentions(refused, "NoSuchBucket")) << refused.said;
  EXPECT_TRUE(mentions(refused, "check the bucket's name")) << refused.said;
}

// --- for those who look on ---

TEST_F(MountCredentials, MetricsShowThemInTheTextFormatOfPrometheus) {
  expect_a_working_mount(user_.mount());
  const Outcome metrics = user_.stsfs({"metrics", user_.path()});
  EXPECT_EQ(metrics.code, 0) << metrics.said;
  EXPECT_TRUE(mentions(metrics, "identity=\"" + name_ + "\"")) << metrics.said;
  EXPECT_TRUE(
      mentions(metrics, "\nstsfs_credential_renewals_total{mount=\"" + user_.path() + "\"} 1\n"))
      << metrics.said;
}

// --- what a vending server says of the folder, by stsfs-vend(8) ---

TEST(MountVending, GivesNewFilesItsStorageClassUnlessTheMountSaysOtherwise) {
  Cloud cloud(3600, "storage_class = \"IA\"\n");
  const auto class_of = [](MountedUser& user, const std::string& name) {
    std::ofstream(user / name) << "text";
    char value[64] = {};
    const auto size = getxattr((user / name).c_str(), "user.oss.storage-class", value, 63);
    return size < 0 ? std::string("none") : std::string(value, static_cast<std::size_t>(size));
  };
  MountedUser alice(cloud, "alice");
  EXPECT_EQ(class_of(alice, "file"), "IA");
  MountedUser bob(cloud, "bob", "storage_class=Standard");
  EXPECT_EQ(class_of(bob, "file"), "Standard");
}

TEST(MountVending, SaysThatWhatIsForUploadingOnlyIsForOtherPrograms) {
  Cloud cloud(3600, "permissions = \"upload-only\"\n");
  MountedUser user(cloud, "alice", {}, false);
  const std::string password = cloud.add_user("alicex");
  EXPECT_EQ(user.stsfs({"login", cloud.vending_url(), "--user", "alicex", "--password-stdin"},
                       password + "\n")
                .code,
            0);
  const Outcome refused = user.mount();
  EXPECT_EQ(refused.code, 32);
  EXPECT_NE(refused.said.find("uploading only"), std::string::npos) << refused.said;
  const Outcome given = user.stsfs({"credentials", "--process", cloud.vending_url()});
  EXPECT_EQ(given.code, 0);
  EXPECT_NE(given.said.find("\"AccessKeyId\""), std::string::npos) << given.said;
}

// "df(1) shows the quota that the vending server names and what it says is used of that, as of the
// last renewal."
TEST(MountVending, ShowsWhatIsUsedOfAQuota) {
  Cloud cloud(3600, "quota = \"10G\"\nusage_interval_seconds = 1\n");
  MountedUser user(cloud, "alice");
  const auto used = [&] {
    struct statvfs space {};
    EXPECT_EQ(statvfs(user.path().c_str(), &space), 0);
    EXPECT_EQ(space.f_blocks * space.f_frsize, 10ull << 30);
    return (space.f_blocks - space.f_bfree) * space.f_frsize;
  };
  EXPECT_EQ(used(), 0u);
  std::ofstream(user / "file") << std::string(3 << 20, 'x');
  // Counted behind an answer, told with the next: a mount hears of it when it renews.
  for (int i = 0; i < 300 && used() == 0; ++i) {
    EXPECT_EQ(user.stsfs({"refresh", user.path()}).code, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(used(), 3u << 20);
}

}  // namespace
}  // namespace stsfs::mount_tests
