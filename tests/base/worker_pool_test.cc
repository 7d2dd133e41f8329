#include "stsfs/base/worker_pool.h"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

namespace stsfs {
namespace {

TEST(WorkerPool, RunsEveryTaskBeforeItGoes) {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool({.threads_max = 3});
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(pool.run([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 100);
}

TEST(WorkerPool, RunsAsManyAtOnceAsItsBound) {
  std::latch all_running(4);  // before the pool: its threads may still be leaving it at the end
  WorkerPool pool({.threads_max = 4});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(pool.run([&] { all_running.arrive_and_wait(); }));
  all_running.wait();  // hangs, and so fails by its time-out, when they run one after another
  EXPECT_EQ(pool.thread_count(), 4U);
}

TEST(WorkerPool, RefusesWhatDoesNotFitItsQueue) {
  std::latch release(1);
  std::latch started(1);
  WorkerPool pool({.threads_max = 1, .queue_max = 2});
  EXPECT_TRUE(pool.run([&] {
    started.count_down();
    release.wait();
  }));
  started.wait();
  EXPECT_TRUE(pool.run([] {}));
  EXPECT_TRUE(pool.run([] {}));
  EXPECT_FALSE(pool.run([] {}));
  release.count_down();
}

TEST(WorkerPool, TakesTasksFromATask) {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool({.threads_max = 1});
    pool.run([&] { pool.run([&] { ++ran; }); });
  }
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace stsfs
