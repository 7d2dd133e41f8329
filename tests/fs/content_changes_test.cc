#include "content/content_changes.h"

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

TEST(ContentChanges, OfSomebodyWhoIsStillWritingAreOwedFromHisClose) {
  ContentChanges changes;
  EXPECT_TRUE(changes.are_in_store() && changes.are_closed());
  changes.written();
  EXPECT_FALSE(changes.are_in_store() || changes.are_closed() || changes.are_owed());
  changes.close();
  EXPECT_TRUE(changes.are_closed() && changes.are_owed());
  changes.came_to_store(changes.last());
  EXPECT_TRUE(changes.are_in_store());
  EXPECT_FALSE(changes.are_owed());
}

TEST(ContentChanges, ThatCameWhileTheOthersWereSentAreNotInOss) {
  ContentChanges changes = ContentChanges::closed();
  const std::uint64_t sent = changes.last();
  changes.written();
  changes.came_to_store(sent);
  EXPECT_FALSE(changes.are_in_store());
  EXPECT_FALSE(changes.are_owed());  // before their close
  changes.close();
  EXPECT_TRUE(changes.are_owed());
  changes.came_to_store(sent);  // told late
  EXPECT_TRUE(changes.are_owed());
  changes.drop();
  changes.came_to_store(sent);
  EXPECT_TRUE(changes.are_in_store());
}

TEST(ContentChanges, ThatCutWhatWasClosedSayItUntilTheyAreClosedThemselves) {
  ContentChanges changes = ContentChanges::closed();
  changes.cut();
  changes.written();
  EXPECT_TRUE(changes.have_cut() && changes.are_owed());
  changes.close();
  EXPECT_FALSE(changes.have_cut());
}

TEST(ContentChanges, ThatCameBehindTheBeginOfACommitAreNotClosedByIt) {
  ContentChanges changes = ContentChanges::closed();
  const std::uint64_t begun = changes.last();
  changes.cut();
  changes.written();
  changes.close(begun);
  EXPECT_TRUE(changes.are_closed(begun));
  EXPECT_FALSE(changes.are_closed());
  EXPECT_TRUE(changes.have_cut());
}

TEST(ContentChanges, OfAttributesAreClosedWhereWhatTheyGoAlongWithIs) {
  ContentChanges changes;
  EXPECT_FALSE(changes.attributes_changed(false));
  EXPECT_TRUE(changes.are_closed() && changes.are_owed());
  const std::uint64_t alone = changes.last();
  EXPECT_TRUE(changes.attributes_changed(false));
  EXPECT_EQ(changes.last(), alone) << "one commit brings both";
  EXPECT_TRUE(changes.attributes_changed(true));
  EXPECT_EQ(changes.last(), alone + 1) << "what is on its way has the old ones";
  EXPECT_TRUE(changes.are_closed());
  changes.written();
  EXPECT_TRUE(changes.attributes_changed(false));
  EXPECT_FALSE(changes.are_closed());
}

TEST(ContentChanges, ThatWereClosedAreNotedWhileSomebodyWrites) {
  ContentChanges changes = ContentChanges::closed();
  EXPECT_FALSE(changes.are_noted_as_closed(1)) << "nobody is writing";
  changes.written();
  EXPECT_TRUE(changes.are_noted_as_closed(1));
  EXPECT_FALSE(changes.are_noted_as_closed(0));
  changes.close();
  changes.written();
  EXPECT_FALSE(changes.are_noted_as_closed(1));
}

}  // namespace
}  // namespace stsfs::fs
