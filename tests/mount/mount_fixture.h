#pragma once

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "mount/cloud.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {

/// A cloud for all tests of a suite, and for each of them a person whose folder is mounted.
class MountTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<Cloud>(); }
  static void TearDownTestSuite() { cloud_.reset(); }
  void SetUp() override {
    name_ = "u" + random_hex(4);
    user_ = std::make_unique<MountedUser>(*cloud_, name_);
    ASSERT_TRUE(user_->is_mounted());
  }
  void TearDown() override {
    if (!user_->is_mounted()) return;
    const Outcome gone = user_->umount();
    EXPECT_EQ(gone.code, 0) << gone.said;
  }

  std::string at(const std::string& name) const { return *user_ / name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream out(at(name), std::ios::binary);
    out << text;
    out.close();
    EXPECT_TRUE(out) << name;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(at(name), std::ios::binary);
    EXPECT_TRUE(in) << name;
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void fill(const std::string& directory, int files) const {
    ASSERT_EQ(::mkdir(at(directory).c_str(), 0750), 0);
    for (int i = 0; i < files; ++i) write(directory + "/f" + std::to_string(i), std::to_string(i));
  }

  void mount_again() const {
    const Outcome back = user_->mount();
    ASSERT_EQ(back.code, 0) << back.said;
  }
  /// Everything that is known here is forgotten, and asked of OSS again.
  void remount() const {
    const Outcome gone = user_->umount();
    ASSERT_EQ(gone.code, 0) << gone.said;
    mount_again();
  }
  void kill_and_remount() const {
    user_->kill_daemon();
    mount_again();
  }

  static inline std::unique_ptr<Cloud> cloud_;
  std::string name_;
  std::unique_ptr<MountedUser> user_;
};

}  // namespace stsfs::mount_tests
