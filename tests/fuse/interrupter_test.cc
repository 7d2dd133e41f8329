#include "interrupter.h"

#include "stsfs/base/mutex.h"

#include <gtest/gtest.h>

namespace stsfs::fuse {
namespace {

TEST(Interrupter, AnInterruptIsKnownUntilItsLastOwnerDropsIt) {
  Interrupter interrupter;
  auto interrupt = interrupter.track();
  auto second_owner = interrupt;
  EXPECT_EQ(interrupter.tracked(), 1U);
  interrupt.reset();
  EXPECT_EQ(interrupter.tracked(), 1U);
  second_owner.reset();
  EXPECT_EQ(interrupter.tracked(), 0U);
}

TEST(Interrupter, AllAreRaisedAndThenEveryNewOne) {
  Interrupter interrupter;
  const auto before = interrupter.track();
  EXPECT_FALSE(before->raised());
  interrupter.raise_all();
  EXPECT_TRUE(before->raised());
  EXPECT_TRUE(interrupter.track()->raised());
}

// A parked read tracks its interrupt under the lock that an interrupt takes to answer it. The order
// of the two is what ThreadSanitizer looks at.
TEST(Interrupter, ANewOneIsRaisedWithoutItsOwnLock) {
  Interrupter interrupter;
  interrupter.raise_all();
  Mutex callers;
  std::shared_ptr<Interrupt> interrupt;
  {
    MutexLock lock(callers);
    interrupt = interrupter.track();
  }
  bool woken = false;
  interrupt->listen([&] {
    MutexLock lock(callers);
    woken = true;
  });
  EXPECT_TRUE(woken);
}

}  // namespace
}  // namespace stsfs::fuse
