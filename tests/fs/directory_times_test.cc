#include "tree/directory_times.h"

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_scheduler.h"

namespace stsfs::fs {
namespace {

using namespace std::chrono_literals;

class DirectoryTimesTest : public ::testing::Test {
 protected:
  InodePointer directory(const std::string& name, bool in_store = true) {
    Attributes attributes;
    attributes.mode = S_IFDIR | 0755;
    MutexLock lock(tree_.mutex);
    InodePointer inode = tree_.add(InodeNumber::kRoot, name, attributes);
    inode->in_store = in_store;
    inode->lookups = 1;
    return inode;
  }
  WallTime mtime(const InodePointer& inode) {
    MutexLock lock(tree_.mutex);
    return inode->attributes.mtime;
  }

  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  Tree tree_;
  std::map<std::string, int> stored_;
  DirectoryTimes times_{tree_, scheduler_, clock_,
                        [this](const InodePointer& inode) { ++stored_[inode->name]; }};
};

TEST_F(DirectoryTimesTest, AreKnownAtOnceAndStoredOnceForAllThatHappens) {
  const InodePointer one = directory("one");
  const InodePointer other = directory("other");
  times_.entries_changed(one);
  EXPECT_EQ(mtime(one), clock_.wall());
  scheduler_.advance(20s);
  times_.entries_changed(one);
  times_.entries_changed(other);
  EXPECT_EQ(mtime(one), clock_.wall());
  scheduler_.advance(9s);
  EXPECT_TRUE(stored_.empty());
  scheduler_.advance(1s);  // half a minute after the first
  EXPECT_EQ(stored_, (std::map<std::string, int>{{"one", 1}, {"other", 1}}));
  EXPECT_EQ(scheduler_.pending(), 0U);
  times_.entries_changed(one);
  scheduler_.advance(30s);
  EXPECT_EQ(stored_["one"], 2);
}

TEST_F(DirectoryTimesTest, NeedAnObjectToBeKeptIn) {
  const InodePointer implied = directory("implied", false);
  times_.entries_changed(implied);
  EXPECT_EQ(mtime(implied), clock_.wall());
  InodePointer root;
  {
    MutexLock lock(tree_.mutex);
    root = tree_.find(InodeNumber::kRoot);
  }
  times_.entries_changed(root);
  EXPECT_EQ(scheduler_.pending(), 0U);
}

TEST_F(DirectoryTimesTest, GoAlongWithWhatIsStoredAnyway) {
  const InodePointer one = directory("one");
  times_.entries_changed(one);
  EXPECT_TRUE(times_.take(one));
  EXPECT_FALSE(times_.take(one));
  scheduler_.advance(1min);
  EXPECT_TRUE(stored_.empty());
}

TEST_F(DirectoryTimesTest, AreNotStoredOfADirectoryThatIsGone) {
  const InodePointer one = directory("one");
  times_.entries_changed(one);
  {
    MutexLock lock(tree_.mutex);
    tree_.remove(one);
  }
  scheduler_.advance(1min);
  EXPECT_TRUE(stored_.empty());
}

TEST_F(DirectoryTimesTest, AreStoredWhenSomebodyWantsEverythingInOss) {
  times_.entries_changed(directory("one"));
  times_.store_all();
  EXPECT_EQ(stored_["one"], 1);
  scheduler_.advance(1min);
  EXPECT_EQ(stored_["one"], 1);
}

// Who wants everything in OSS finds what is still to go by what has been stored.
TEST_F(DirectoryTimesTest, AreWaitedForWhenAnotherIsJustStoringThem) {
  std::promise<void> begun;
  std::atomic<bool> stored = false;
  DirectoryTimes times(tree_, scheduler_, clock_, [&](const InodePointer&) {
    begun.set_value();
    std::this_thread::sleep_for(20ms);
    stored = true;
  });
  const InodePointer one = directory("one");
  times.entries_changed(one);
  {
    const std::jthread timer([&] { scheduler_.advance(30s); });
    begun.get_future().wait();
    times.store_all();
    EXPECT_TRUE(stored);
  }
  begun = {};
  stored = false;
  times.entries_changed(one);
  const std::jthread forgets([&] { times.store(one); });
  begun.get_future().wait();
  times.store_all();
  EXPECT_TRUE(stored);
}

TEST_F(DirectoryTimesTest, WakeNobodyOnceTheyAreStopped) {
  const InodePointer one = directory("one");
  times_.entries_changed(one);
  times_.stop();
  EXPECT_EQ(scheduler_.pending(), 0U);
  times_.entries_changed(directory("other"));
  scheduler_.advance(1min);
  EXPECT_TRUE(stored_.empty());
}

}  // namespace
}  // namespace stsfs::fs
