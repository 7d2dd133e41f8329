#include "stsfs/control/metrics.h"

#include <set>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

namespace stsfs::control {
namespace {

Status mount(const std::string& mount_point) {
  Status status;
  status.mount_point = mount_point;
  status.credential.source = "vending server https://vend.example.com";
  status.credential.identity = "alice";
  status.credential.renewals = 7;
  status.credential.replays = 3;
  status.credential.expiration = WallTime(std::chrono::seconds(1'800'000'000));
  status.operations["GetObject"] = {5, 1};
  return status;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, ShowTheCredential) {
  const std::vector mounts{mount("/home/alice/cloud")};
  const std::string text = prometheus_text(mounts);
  EXPECT_TRUE(has_line(text, "stsfs_credential_renewals_total{mount=\"/home/alice/cloud\"} 7"));
  EXPECT_TRUE(has_line(text, "stsfs_credential_replays_total{mount=\"/home/alice/cloud\"} 3"));
  EXPECT_TRUE(has_line(
      text, "stsfs_credential_expiration_seconds{mount=\"/home/alice/cloud\"} 1800000000"));
  EXPECT_TRUE(has_line(text,
                       "stsfs_credential_info{mount=\"/home/alice/cloud\",source=\"vending server "
                       "https://vend.example.com\",identity=\"alice\"} 1"));
  EXPECT_TRUE(has_line(
      text, "stsfs_oss_operations_total{mount=\"/home/alice/cloud\",operation=\"GetObject\"} 5"));
  EXPECT_EQ(text.find("next_renewal_seconds{"), std::string::npos) << "it is not known";
}

TEST(Metrics, SayOnceWhatANameMeansForManyMounts) {
  const std::vector mounts{mount("/a"), mount("/b")};
  std::istringstream lines(prometheus_text(mounts));
  std::set<std::string> headings;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#")) continue;
    EXPECT_TRUE(headings.insert(line).second) << line;
  }
  EXPECT_FALSE(headings.empty());
}

TEST(Metrics, EscapeWhatALabelCannotHold) {
  const std::vector mounts{mount("/a\"b\\c\nd")};
  EXPECT_TRUE(has_line(prometheus_text(mounts), R"(stsfs_pending_files{mount="/a\"b\\c\nd"} 0)"));
}

}  // namespace
}  // namespace stsfs::control
