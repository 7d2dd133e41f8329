// What the documentation of OSS leaves open, the other way from what the simulator does by itself:
// a mount is used as always. The contract has the requests themselves both ways
// (tests/contract/simulator_worlds.cc). Statements of stsfs(7) stand above the tests that hold
// them.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "mount/cloud.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

/// As POST /switches takes them.
constexpr const char* kTheOtherWay =
    R"({"copy_without_crc": true, "copied_objects_without_crc": true, "self_copy_changes_etag": true,
        "copies_get_new_etag": true, "plain_multipart_etag": true, "brief_with_object_type": false,
        "put_honours_if_match": true, "symlink_target_encoded": true, "delete_many_partial": true,
        "delete_many_leaves_out_denied": true, "expired_answers_invalid_access_key_id": true,
        "time_checked_before_token": true, "empty_values_signed_bare": true,
        "mismatch_without_canonical_request": true, "session_deny_falls_through_to_acl": true,
        "missing_key_needs_list_right": true, "prefix_conditions_in_all_listings": true, "object_acl_needs_its_right": true,
        "long_suffix_range_is_whole": false, "malformed_range_is_refused": true,
        "empty_object_range_is_whole": true, "list_space_as_plus": true})";

class OpenQuestionsMount : public ::testing::Test {
 protected:
  void begin(bool hierarchical, const std::string& switches) {
    cloud_ = std::make_unique<Cloud>(3600, hierarchical ? "hierarchical_namespace = true\n" : "",
                                     hierarchical ? "examplebucket,hns" : "examplebucket");
    turn(switches);
    user_ = std::make_unique<MountedUser>(*cloud_, "o" + random_hex(4));
    ASSERT_TRUE(user_->is_mounted());
  }
  void TearDown() override {
    if (!user_) return;
    EXPECT_EQ(user_->umount().code, 0);
  }
  void turn(const std::string& switches) const {
    EXPECT_EQ(cloud_->admin("/switches", {"-X", "POST", "-d", switches}), "{\"ok\":true}\n");
  }
  void remount() const {
    ASSERT_EQ(user_->umount().code, 0);
    const Outcome back = user_->mount();
    ASSERT_EQ(back.code, 0) << back.said;
  }
  std::string at(const std::string& name) const { return *user_ / name; }
  Outcome shell(const std::string& script) const {
    return run({"sh", "-c", "cd " + user_->path() + " && { set -e\n" + script + "\n}"});
  }
  mode_t mode_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::stat(at(name).c_str(), &status), 0) << name;
    return status.st_mode & 07777;
  }

  std::unique_ptr<Cloud> cloud_;
  std::unique_ptr<MountedUser> user_;
};

constexpr const char* kMakeTree = R"sh(
    mkdir -p 'a b/c+d' empty
    for i in $(seq 20); do echo $i > "a b/c+d/$i"; done
    : > nothing
    ln -s 'a b/c+d/7' link
    chmod 0600 'a b/c+d/3'
    head -c 3000000 /dev/urandom > big
    cp big 'a b/big'
    cp --reflink=auto big copy
    echo more >> 'a b/big'
    mv 'a b/c+d' moved
    mv big renamed
    rm moved/20)sh";
constexpr const char* kLookAtTree = R"sh(
    cmp renamed copy
    test $(stat -c %s 'a b/big') = 3000005
    head -c 3000000 'a b/big' | cmp - copy
    test $(cat moved/7) = 7
    test "$(readlink link)" = 'a b/c+d/7'
    test $(stat -c %a moved/3) = 600
    test $(wc -c < nothing) = 0
    test $(find . | wc -l) = 28)sh";  // 4 directories and 24 files
                                      // …

TEST_F(OpenQuestionsMount, AFlatBucketIsUsedAsAlways) {
  begin(false, kTheOtherWay);
  const Outcome made = shell(kMakeTree);
  EXPECT_EQ(made.code, 0) << made.said;
  const Outcome seen = shell(kLookAtTree);
  EXPECT_EQ(seen.code, 0) << seen.said;
  remount();
  const Outcome again = shell(kLookAtTree);
  EXPECT_EQ(again.code, 0) << again.said;
  EXPECT_EQ(shell("rm -r *").code, 0);
  remount();
  EXPECT_TRUE(file::is_empty(user_->path()));
}

TEST_F(OpenQuestionsMount, AHierarchicalBucketIsUsedAsAlways) {
  begin(true, kTheOtherWay);
  turn(R"({"directory_put_refused": true, "directories_without_metadata": true})");
  const Outcome made = shell(kMakeTree);
  EXPECT_EQ(made.code, 0) << made.said;
  remount();
  const Outcome again = shell(kLookAtTree);
  EXPECT_EQ(again.code, 0) << again.said;
  EXPECT_EQ(shell("rm -r *").code, 0);
  remount();
  EXPECT_TRUE(file::is_empty(user_->path()));
}

// "Where OSS does not take those of a directory, which its documentation leaves open for buckets
// with a hierarchical namespace, a change of mode, owner or extended attributes fails with
// EOPNOTSUPP. Times are shown by this mount for as long as it remembers the directory, and are the
// server's elsewhere, so that cp -a, tar(1) and rsync(1) need not say so of each directory."
TEST_F(OpenQuestionsMount, ADirectoryThatCannotBePutAgainKeepsItsAttributes) {
  begin(true, R"({"directory_put_refused": true})");
  ASSERT_EQ(::mkdir(at("d").c_str(), 0700), 0);
  remount();
  EXPECT_EQ(mode_of("d"), 0700U);
  EXPECT_EQ(::chmod(at("d").c_str(), 0750), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(::setxattr(at("d").c_str(), "user.a", "1", 1, 0), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(mode_of("d"), 0700U);
  EXPECT_EQ(::chmod(at("d").c_str(), 0700), 0);
  ASSERT_EQ(shell("echo text > d/file && touch -d 2001-02-03 d").code, 0);
  EXPECT_EQ(shell("date -r d +%F").said, "2001-02-03\n");
  for (const char* copy : {"cp -a d copy", "mkdir out && tar c d | tar x -C out && mv out/d copy",
                           "mkdir -m 700 copy && rsync -a d/ copy"}) {
    const Outcome copied = shell(copy);
    EXPECT_EQ(copied.code, 0) << copied.said;
    EXPECT_EQ(copied.said, "") << copy;
    EXPECT_EQ(shell("cmp d/file copy/file").code, 0) << copy;
    EXPECT_EQ(mode_of("copy"), 0700U) << copy;
    EXPECT_EQ(shell("rm -r copy").code, 0);
  }
  turn(R"({"directory_put_refused": false})");
  EXPECT_EQ(::chmod(at("d").c_str(), 0750), 0);
  remount();
  EXPECT_EQ(mode_of("d"), 0750U);
}

}  // namespace
}  // namespace stsfs::mount_tests
