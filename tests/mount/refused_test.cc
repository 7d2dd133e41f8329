// A commit that OSS refuses for good: nothing but a change over there can help. Statements of
// stsfs(7) stand above the tests that hold them.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include "mount/mount_fixture.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

struct Refusal {
  const char* cause;
  int status;
  const char* code;
  int error;  ///< errno of the close.
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.code; }
std::string name_of_refusal(const ::testing::TestParamInfo<Refusal>& info) {
  return info.param.cause;
}

/// OSS answers every write with it, until `mend`.
class RefusedForGood : public MountTest, public ::testing::WithParamInterface<Refusal> {
 protected:
  void refuse() const {
    for (const char* operation : {"PutObject", "InitiateMultipartUpload", "UploadPart"})
      cloud_->admin("/faults", {"-d", nlohmann::json{{"operation", operation},
                                                     {"key", "users/" + name_ + "/*"},
                                                     {"status", GetParam().status},
                                                     {"code", GetParam().code}}
                                          .dump()});
  }
  void mend() const { cloud_->admin("/faults", {"-X", "DELETE"}); }
  void TearDown() override {
    mend();
    MountTest::TearDown();
  }
  /// The errno of the close, or 0.
  int store(const std::string& name, const std::string& text) const {
    const int fd = ::open(at(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return ::close(fd) == 0 ? 0 : errno;
  }
  std::string last_error(const std::string& name) const {
    std::array<char, 2'000> out{};
    const ssize_t size = getxattr(at(name).c_str(), "user.oss.last-error", out.data(), out.size());
    return size < 0 ? "" : std::string(out.data(), static_cast<std::size_t>(size));
  }
  std::string in_oss(const std::string& name) const {
    return cloud_->admin("/objects/content?bucket=examplebucket&key=users/" + name_ + "/" + name);
  }
  /// How many requests were refused so far.
  int refused() const {
    int out = 0;
    for (const auto& fault : nlohmann::json::parse(cloud_->admin("/faults")))
      out += fault.value("used", 0);
    return out;
  }
  template <class Condition>
  static bool comes_true(const Condition& condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(90);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      usleep(50'000);
    }
    return true;
  }
  static std::string first_below(const std::string& directory, const std::string& name) {
    for (const auto& one : file::recursive_directory_iterator(directory))
      if (one.path().filename() == name) return one.path();
    return "";
  }
};

// "When an upload fails, close(2) says so. The data stays staged, is tried again with growing
// pauses, and stsfs status shows it with the reason until it is in OSS." "user.oss.last-error says
// why a file is not in OSS yet."
TEST_P(RefusedForGood, IsKeptShownRescuedAndGoesUpWhenItMay) {
  const std::string code = GetParam().code;
  const std::string large(20 << 20, 'l');  // goes in parts
  write("before", "old");
  refuse();
  EXPECT_EQ(store("new", "precious"), GetParam().error);
  EXPECT_EQ(store("before", "newer"), GetParam().error);
  EXPECT_EQ(store("large", large), GetParam().error);
  const std::map<std::string, std::string> kept{
      {"new", "precious"}, {"before", "newer"}, {"large", large}};
  const auto expect_all = [&] {
    for (const auto& [name, text] : kept) EXPECT_TRUE(read(name) == text) << name;
  };
  expect_all();
  EXPECT_EQ(in_oss("before"), "old");

  const std::string text = user_->stsfs({"status", user_->path()}).said;
  for (const auto& [name, content] : kept) {
    EXPECT_NE(last_error(name).find(code), std::string::npos) << name << ": " << last_error(name);
    const auto line = text.find("    " + name + " (");
    ASSERT_NE(line, std::string::npos) << text;
    const auto reason = text.find('\n', line) + 1;
    EXPECT_NE(text.substr(reason, text.find('\n', reason) - reason).find(code), std::string::npos)
        << text;
  }
  EXPECT_EQ(user_->status("/pending/files"), "3");
  const auto some = nlohmann::json::parse(user_->status("/pending/some"));
  ASSERT_EQ(some.size(), 3U);
  for (const auto& one : some) {
    EXPECT_TRUE(kept.contains(one.at("path"))) << one;
    EXPECT_NE(one.at("last_error").get<std::string>().find(code), std::string::npos) << one;
  }

  const std::string rescued = user_->outside("rescued");
  EXPECT_EQ(user_->stsfs({"rescue", rescued}).code, 0);
  for (const auto& [name, content] : kept) {
    std::ifstream in(first_below(rescued, name), std::ios::binary);
    EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(in), {}) == content) << name;
  }

  const int before = refused();
  EXPECT_TRUE(comes_true([&] { return refused() > before; })) << "it is not tried again";
  kill_and_remount();
  EXPECT_EQ(user_->status("/pending/files"), "3");
  expect_all();
  mend();
  EXPECT_TRUE(comes_true([&] { return user_->status("/pending/files") == "0"; }));
  for (const auto& [name, content] : kept) {
    EXPECT_TRUE(in_oss(name) == content) << name;
    EXPECT_EQ(last_error(name), "") << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Causes, RefusedForGood,
                         ::testing::Values(Refusal{"Quota", 403, "QuotaExceeded", ENOSPC},
                                           Refusal{"BucketGone", 404, "NoSuchBucket", EIO}),
                         name_of_refusal);

}  // namespace
}  // namespace stsfs::mount_tests
