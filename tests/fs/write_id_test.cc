#include "naming/write_id.h"

#include <gtest/gtest.h>

#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

const staging::WriteNumbers kNotedWrites{.line = "5f3a", .first = 7, .last = 9};

Maker maker(const std::string& id, std::uint64_t size = 100) {
  oss::ObjectMeta meta;
  meta.size_bytes = size;
  meta.headers.user[oss::kWriteIdName] = id;
  return maker_of(meta, kNotedWrites, 100);
}

TEST(WriteId, TellsWhatIsNotedFromWhatWasWrittenBeforeAndAfter) {
  EXPECT_EQ(write_id(kNotedWrites), "5f3a-9");
  EXPECT_EQ(maker("5f3a-7"), Maker::kEarlier);
  EXPECT_EQ(maker("5f3a-9"), Maker::kNoted);
  EXPECT_EQ(maker("5f3a-10"), Maker::kLater);
}

TEST(WriteId, CountsWhatHasTheNumberAndAnotherSizeAsLater) {
  EXPECT_EQ(maker("5f3a-9", 101), Maker::kLater);
}

TEST(WriteId, TakesAVersionFromBeforeTheBaseForAnothers) {
  EXPECT_EQ(maker("5f3a-6"), Maker::kAnother);
}

TEST(WriteId, TakesWhatItDoesNotUnderstandForAnothers) {
  for (const char* id : {"", "5f3a", "5f3b-9", "5f3a-", "5f3a-9-9", "5f3a-x", "c0ffee0123456789"})
    EXPECT_EQ(maker(id), Maker::kAnother) << id;
  EXPECT_EQ(maker_of({}, kNotedWrites, 0), Maker::kAnother);
  oss::ObjectMeta meta;
  meta.headers.user[oss::kWriteIdName] = "-0";
  EXPECT_EQ(maker_of(meta, {}, 0), Maker::kAnother);
}

}  // namespace
}  // namespace stsfs::fs
