#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "stsfs/fs/mounted_folder.h"
#include "support/temporary_directory.h"

namespace stsfs::fs {

/// What differs between runs.
struct WorldOptions {
  bool faults = false;     ///< Requests fail.
  std::size_t mounts = 1;  ///< Which take turns.
  bool copies_keep_etags = true;
  bool hierarchical_namespace = false;
  CommitMode commit = CommitMode::kClose;
};

/// A bucket and the mounts of one folder in it; time, which goes on when nothing else does; and
/// what befalls their requests.
class ModelWorld {
 public:
  static constexpr std::string_view kPrefix = "users/alice/";
  static constexpr std::string_view kLinkArea = "users/alice/.stsfs-links/";

  ModelWorld(std::uint64_t seed, const WorldOptions& options);
  ~ModelWorld();

  MountedFolder& folder() { return *folder_; }  ///< Whose turn it is.
  const WorldOptions& options() const { return options_; }
  fakes::FakeObjectStore& store() { return store_; }
  fakes::FakeClock& clock() { return clock_; }
  Context context();

  /// Whoever changes names in a directory has it alone, as in the kernel: here that of the folder
  /// itself, for those who work in it at the same time. Nothing for any other.
  std::unique_lock<std::shared_mutex> changing(bool is_root);
  std::shared_lock<std::shared_mutex> looking(bool is_root);

  /// The one of whom the answer to that is wanted has it: time may go on for the next.
  void stepped() { ++steps_; }
  /// Some request of that kind from now on fails, or its answer is lost. Returns what was done.
  std::string break_something(std::mt19937_64& random);
  void heal() { faulty_.heal(); }
  /// Time goes on by that. False: it does not, since something that failed would be left alone for
  /// too long.
  bool leap(std::chrono::seconds by);
  /// Lets retries run until everything that was written is in the store. Fatal when it is not.
  void settle();
  /// The other mount goes on, after all that was known of names and attributes is out of date.
  void take_turns();
  /// As a machine sees it that has never seen it before.
  void mount_another();

 private:
  /// No two looks at it tell the same moment: what was asked before something was done is older.
  class TickingClock final : public Clock {
   public:
    explicit TickingClock(fakes::FakeClock& clock) : clock_(clock) {}
    WallTime wall() const override { return clock_.wall(); }
    SteadyTime steady() const override {
      clock_.advance(std::chrono::nanoseconds(1));
      return clock_.steady();
    }

   private:
    fakes::FakeClock& clock_;
  };

  FolderOptions folder_options(const std::string& staging) const;
  void run_timers(const std::stop_token& stop);

  const WorldOptions options_;
  stsfs::testing::TemporaryDirectory directory_{stsfs::testing::TemporaryDirectory::in_memory()};
  fakes::FakeClock clock_;
  TickingClock ticking_{clock_};
  fakes::LoopExecutor executor_;
  fakes::FakeObjectStore store_;
  fakes::FaultyStore faulty_;
  fakes::FakeScheduler scheduler_;
  std::vector<std::unique_ptr<MountedFolder>> mounts_;
  MountedFolder* folder_ = nullptr;
  std::chrono::seconds leapt_{0};  // since nothing had failed

  std::shared_mutex root_;  // while an operation runs
  std::atomic<int> steps_ = 0;
  std::jthread timers_;
};

}  // namespace stsfs::fs
