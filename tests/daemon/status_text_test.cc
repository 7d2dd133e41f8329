#include "status_text.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

using std::chrono::seconds;

const WallTime kNow(seconds(1'800'000'000));

control::Status healthy() {
  control::Status status;
  status.mount_point = "/home/alice/cloud";
  status.bucket = "examplebucket";
  status.prefix = "users/alice/";
  status.endpoint = "https://e";
  status.credential.source = "vending server https://vend.example.com";
  status.credential.access_key_id = "STS.abc";
  status.credential.expiration = kNow + seconds(1'800);
  status.credential.last_renewal = kNow - seconds(60);
  status.credential.renewals = 3;
  return status;
}

bool mentions(const control::Status& status, const std::string& part) {
  return status_text(status, kNow).find(part) != std::string::npos;
}

TEST(StatusText, SaysThatAllIsWell) {
  EXPECT_TRUE(mentions(healthy(), "all that was written is in OSS"));
  EXPECT_TRUE(mentions(healthy(), "in 30 min"));
  EXPECT_TRUE(mentions(healthy(), "3 times, last 60 s ago"));
  EXPECT_FALSE(mentions(healthy(), "PROBLEM"));
}

TEST(StatusText, ShowsWhatReadingKeepsInMemory) {
  control::Status status = healthy();
  status.read_memory = {.budget_bytes = 64 << 20, .used_bytes = 3 << 20, .highest_bytes = 9 << 20};
  EXPECT_TRUE(mentions(status, "3.0 MiB of 64.0 MiB used, 9.0 MiB at most"))
      << status_text(status, kNow);
  EXPECT_FALSE(mentions(status, "wait for room"));
  status.read_memory.waiting = 2;
  EXPECT_TRUE(mentions(status, "2 reads wait for room"));
}

TEST(StatusText, AFailedRenewalComesWithWhatFollows) {
  control::Status status = healthy();
  status.credential.last_error = "vending server: refused";
  EXPECT_TRUE(mentions(status, "PROBLEM"));
  EXPECT_TRUE(mentions(status, "used until it expires"));
  status.credential.expiration = kNow - seconds(1);
  EXPECT_TRUE(mentions(status, "Nothing can be read or written"));
  EXPECT_TRUE(mentions(status, "If the login has ended: stsfs login https://vend.example.com\n"));
  status.credential.source = "file /k";
  EXPECT_FALSE(mentions(status, "stsfs login")) << "which would not help";
}

TEST(StatusText, PendingFilesAreShownWithTheirReasons) {
  control::Status status = healthy();
  status.pending = {
      .files = 1, .bytes = 2048, .some = {{"a\nfile", 2048, "no space in the quota"}}};
  EXPECT_TRUE(mentions(status, "PENDING     1 change, 2.0 KiB, not in OSS yet"));
  EXPECT_TRUE(mentions(status, "a\\x0Afile (2.0 KiB)"));
  EXPECT_TRUE(mentions(status, "no space in the quota"));
  EXPECT_TRUE(mentions(status, "stsfs drain"));
}

TEST(StatusText, ARemovalHasNoBytes) {
  control::Status status = healthy();
  status.pending = {.files = 1, .some = {{"file", 0, "", "no longer here, to be deleted in OSS"}}};
  EXPECT_TRUE(mentions(status, "PENDING     1 change, not in OSS yet"));
  EXPECT_TRUE(mentions(status, "file (no longer here, to be deleted in OSS)"));
}

TEST(StatusText, WhatCannotGoToOssIsNoneOfWhatIsWaitedFor) {
  control::Status status = healthy();
  status.pending = {.aside = 1, .some = {{"file", 2048, "another client wrote it", "", true}}};
  EXPECT_TRUE(mentions(status, "ASIDE       1 file"));
  EXPECT_TRUE(mentions(status, "file (2.0 KiB)"));
  EXPECT_TRUE(mentions(status, "another client wrote it"));
  EXPECT_TRUE(mentions(status, "stsfs rescue"));
  EXPECT_FALSE(mentions(status, "all that was written is in OSS"));
  EXPECT_FALSE(mentions(status, "tried again"));
}

TEST(StatusText, SaysWhatIsNotShown) {
  control::Status status = healthy();
  EXPECT_FALSE(mentions(status, "NOT SHOWN"));
  status.names_left_out = 2;
  EXPECT_TRUE(mentions(status, "NOT SHOWN   2 names over 255 bytes"));
}

TEST(StatusText, NamesCannotSpeakToTheTerminal) {
  control::Status status = healthy();
  status.mount_point = "/m\x1b[31m";
  EXPECT_FALSE(mentions(status, "\x1b"));
}

}  // namespace
}  // namespace stsfs::daemon
