#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mount/process.h"
#include "support/temporary_directory.h"

namespace stsfs::mount_tests {

/// A cloud and a vending server: the real programs, on ports of their own.
class Cloud {
 public:
  /// `folder`: more lines of the vending server's section of that name; `bucket`: as the simulator
  /// takes it, by the name of examplebucket.
  explicit Cloud(int credential_seconds = 3600, std::string folder = {},
                 const std::string& bucket = "examplebucket");
  /// Least privilege: whatever the suite did with what the shipped policy allows, nothing was
  /// refused. And no secret was written to a log, to an output, or into arguments.
  ~Cloud();

  const std::string& vending_url() const { return vending_url_; }
  const std::string& oss_endpoint() const { return oss_endpoint_; }
  const std::string& admin_endpoint() const { return admin_endpoint_; }
  const std::string& sts_endpoint() const { return sts_endpoint_; }
  /// The role that the vending server assumes, and the key of the RAM user that may.
  const std::string& role_arn() const { return role_arn_; }
  std::string ram_key_file() const { return directory_ / "key.json"; }
  /// A person with a folder of their own. Returns the password.
  std::string add_user(const std::string& name);

  /// Answer of the simulator's admin port; `more`: options of curl.
  std::string admin(const std::string& path, const std::vector<std::string>& more = {}) const;

  /// For the search at the end: a secret of somebody's, and what a program has written.
  void note_secret(std::string secret) { secrets_.push_back(std::move(secret)); }
  void note_written(const std::string& text);

  void stop_vending() { vending_->kill_now(); }
  void start_vending();

 private:
  void look_for_secrets();
  std::string write_config(const std::string& listen, int credential_seconds);

  testing::TemporaryDirectory directory_;
  std::unique_ptr<Process> simulator_, vending_;
  std::string oss_endpoint_, admin_endpoint_, vending_url_, sts_endpoint_, role_arn_, config_;
  std::vector<std::string> secrets_;
  const int credential_seconds_;
  const std::string folder_;
};

/// One person's mount, with a home of its own. Unmounted whatever happens.
class MountedUser {
 public:
  /// Logs in and mounts, unless `mount` is false.
  MountedUser(Cloud& cloud, const std::string& name, const std::string& options = {},
              bool mount = true);
  ~MountedUser();

  Outcome mount(const std::string& more_options = {});
  Outcome umount() { return stsfs({"umount", path()}); }
  Outcome stsfs(std::vector<std::string> arguments, const std::string& input = {});
  /// The member of `status --json` at `/a/b`, as text.
  std::string status(const std::string& pointer);
  pid_t daemon_pid();
  /// Kills it as a crash would.
  void kill_daemon();
  bool is_mounted() const;

  const std::string& path() const { return mount_point_; }
  std::string operator/(const std::string& name) const { return mount_point_ + "/" + name; }
  std::string outside(const std::string& name) const { return directory_ / name; }
  const Variables& variables() const { return variables_; }

 private:
  /// What is there to be searched, before it goes.
  void hand_over();

  Cloud& cloud_;
  const std::string options_;
  testing::TemporaryDirectory directory_;
  std::string mount_point_;
  Variables variables_;
};

}  // namespace stsfs::mount_tests
