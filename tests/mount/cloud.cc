#include "mount/cloud.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <nlohmann/json.hpp>

#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"
#include "stsfs/fuse/mounts.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

const std::string kPrograms = STSFS_PROGRAMS;

constexpr std::size_t kLogMaxBytes = std::size_t{1} << 30;

/// Empty when there is none.
std::string text_of(const std::string& path) {
  return read_file(path, kLogMaxBytes).value_or(std::string());
}

}  // namespace

Cloud::Cloud(int credential_seconds, std::string folder, const std::string& bucket)
    : credential_seconds_(credential_seconds), folder_(std::move(folder)) {
  const std::string key = directory_ / "key.json";
  simulator_ = std::make_unique<Process>(
      std::vector<std::string>{kPrograms + "/stsfs-sim", "--bucket", bucket, "--region",
                               "cn-hangzhou", "--allow-short-tokens", "--init-vending", key},
      directory_ / "simulator.out");
  oss_endpoint_ = simulator_->value_of("OSS_ENDPOINT");
  admin_endpoint_ = simulator_->value_of("ADMIN_ENDPOINT");
  sts_endpoint_ = simulator_->value_of("STS_ENDPOINT");
  role_arn_ = simulator_->value_of("ROLE_ARN");
  config_ = write_config("127.0.0.1:0", credential_seconds_);
  start_vending();
}

Cloud::~Cloud() {
  EXPECT_EQ(admin("/denials"), "{\"denials\":[]}\n");
  look_for_secrets();
}

void Cloud::look_for_secrets() {
  const auto key = nlohmann::json::parse(text_of(ram_key_file()), nullptr, false);
  const auto issued = nlohmann::json::parse(admin("/credentials"), nullptr, false);
  ASSERT_TRUE(key.contains("AccessKeySecret")) << "nothing to look for";
  ASSERT_TRUE(issued.contains("credentials")) << "nothing to look for";
  std::ofstream list(directory_ / "secrets");
  list << key["AccessKeySecret"].get<std::string>() << "\n";
  for (const auto& one : issued["credentials"])
    list << one["access_key_secret"].get<std::string>() << "\n"
         << one["security_token"].get<std::string>() << "\n";
  for (const std::string& secret : secrets_) list << secret << "\n";
  list.close();
  note_written(run({"ps", "axww", "-o", "pid,args"}).said);
  std::vector<std::string> command{"python3", STSFS_SCAN, directory_ / "secrets"};
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    if (entry.path().extension() == ".out" || entry.path().extension() == ".log")
      command.push_back(entry.path());
  const Outcome found = run(command);
  EXPECT_EQ(found.code, 0) << "secrets were written: " << found.said;
}

void Cloud::note_written(const std::string& text) {
  std::ofstream(directory_ / "written.log", std::ios::app) << text;
}

std::string Cloud::admin(const std::string& path, const std::vector<std::string>& more) const {
  std::vector<std::string> command{"curl", "-sSg"};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back(admin_endpoint_ + path);
  return run(command).said;
}

std::string Cloud::write_config(const std::string& listen, int credential_seconds) {
  const std::string path = directory_ / "vend.toml";
  std::ofstream file(path);
  file << "listen = \"" << listen << "\"\n"
       << "database = \"" << directory_ / "vend.db"
       << "\"\n"
       << "access_key_file = \"" << directory_ / "key.json"
       << "\"\n"
       << "audit_log = \"" << directory_ / "audit.log"
       << "\"\n"
       << "[sts]\nendpoint = \"" << sts_endpoint_ << "\"\nrole_arn = \"" << role_arn_ << "\"\n"
       << "duration_seconds = " << credential_seconds << "\n"
       << "[folder]\nendpoint = \"" << oss_endpoint_ << "\"\nregion = \"cn-hangzhou\"\n"
       << "bucket = \"examplebucket\"\nprefix = \"users/${user}/\"\n"
       << folder_;
  return path;
}

void Cloud::start_vending() {
  const std::string output = directory_ / ("vending-" + random_hex(4) + ".out");
  if (!vending_url_.empty())  // the same port again
    config_ = write_config("127.0.0.1" + vending_url_.substr(vending_url_.rfind(':')),
                           credential_seconds_);
  vending_ = std::make_unique<Process>(
      std::vector<std::string>{kPrograms + "/stsfs-vend", "serve", "--config", config_}, output);
  vending_url_ = vending_->value_of("VEND_URL");
}

std::string Cloud::add_user(const std::string& name) {
  const std::string password = random_hex(12);
  const Outcome added =
      run({kPrograms + "/stsfs-vend", "user", "add", name, "--config", config_, "--password-stdin"},
          {}, password + "\n");
  EXPECT_EQ(added.code, 0) << added.said;
  note_secret(password);
  note_written(added.said);
  return password;
}

MountedUser::MountedUser(Cloud& cloud, const std::string& name, const std::string& options,
                         bool mount)
    : cloud_(cloud), options_(options), mount_point_(directory_ / "cloud") {
  mkdir(mount_point_.c_str(), 0700);
  for (const char* home : {"STATE", "CACHE", "CONFIG"})
    variables_[std::string("XDG_") + home + "_HOME"] = directory_ / home;
  variables_["XDG_RUNTIME_DIR"] = directory_ / "run";
  const std::string password = cloud.add_user(name);
  const Outcome login =
      stsfs({"login", cloud.vending_url(), "--user", name, "--password-stdin"}, password + "\n");
  EXPECT_EQ(login.code, 0) << login.said;
  if (!mount) return;
  const Outcome mounted = this->mount();
  EXPECT_EQ(mounted.code, 0) << mounted.said;
}

MountedUser::~MountedUser() {
  // Detached by the kernel itself if the daemon does not: a mount left behind would outlive the
  // test.
  if (is_mounted()) kill_daemon();
  for (int i = 0; i < 8 && is_mounted(); ++i) umount2(mount_point_.c_str(), MNT_DETACH | MNT_FORCE);
  hand_over();
}

void MountedUser::hand_over() {
  const std::string state = variables_["XDG_STATE_HOME"] + "/stsfs";
  cloud_.note_written(text_of(state + "/stsfs.log"));
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(state + "/tokens", none)) {
    const auto token = nlohmann::json::parse(text_of(entry.path()), nullptr, false);
    if (token.contains("token")) cloud_.note_secret(token["token"].get<std::string>());
  }
}

Outcome MountedUser::mount(const std::string& more_options) {
  std::string list = options_;
  if (!more_options.empty()) list += (list.empty() ? "" : ",") + more_options;
  std::vector<std::string> arguments{"mount", cloud_.vending_url(), path()};
  if (!list.empty()) arguments.insert(arguments.end(), {"-o", list});
  return stsfs(std::move(arguments));
}

Outcome MountedUser::stsfs(std::vector<std::string> arguments, const std::string& input) {
  const bool prints_one = arguments.at(0) == "credentials";
  arguments.insert(arguments.begin(), kPrograms + "/stsfs");
  Outcome outcome = run(arguments, variables_, input);
  if (!prints_one) cloud_.note_written(outcome.said);
  return outcome;
}

std::string MountedUser::status(const std::string& pointer) {
  const Outcome outcome = stsfs({"status", "--json", path()});
  const auto status = nlohmann::json::parse(outcome.said, nullptr, false);
  const nlohmann::json::json_pointer where(pointer);
  if (status.is_discarded() || !status.contains(where)) return "(none: " + outcome.said + ")";
  const auto& value = status[where];
  return value.is_string() ? value.get<std::string>() : value.dump();
}

pid_t MountedUser::daemon_pid() { return std::atoi(status("/pid").c_str()); }

void MountedUser::kill_daemon() {
  const pid_t pid = daemon_pid();
  if (pid <= 0) return;
  kill(pid, SIGKILL);
  EXPECT_TRUE(wait_gone(pid, std::chrono::seconds(20)));
}

bool MountedUser::is_mounted() const {
  const auto mount = fuse::find_mount(mount_point_);
  return mount && mount->has_value();
}

}  // namespace stsfs::mount_tests
