#include "oss/injected_error.h"

#include <gtest/gtest.h>

namespace stsfs::sim {
namespace {

TEST(InjectedError, StsHasWordsOfItsOwn) {
  EXPECT_EQ(injected_sts_error({.status = 503}).code, "Throttling.User");
  EXPECT_EQ(injected_sts_error({.status = 503}).message,
            "Request was denied due to user flow control.");
  EXPECT_EQ(injected_sts_error({.status = 500}).message, "STS Server Internal Error happened.");
  const StsFailure other = injected_sts_error({.status = 400, .code = "Throttling"});
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(other.code, "Throttling");
}

TEST(InjectedError, StatusStaysWhatWasAskedFor) {
  EXPECT_EQ(injected_oss_error({.status = 429, .code = "TotalQpsLimitExceeded"}).status, 429);
  EXPECT_EQ(injected_oss_error({.status = 599}).code, "InternalError");
}

}  // namespace
}  // namespace stsfs::sim
