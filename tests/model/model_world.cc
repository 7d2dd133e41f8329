#include "model/model_world.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

constexpr std::chrono::seconds kFresh{30};    // that names and attributes are good for
constexpr std::chrono::minutes kRetryMax{2};  // the longest pause before something is tried again
constexpr std::chrono::minutes kLeftAloneMax{1};  // what is tried again within seconds
constexpr std::chrono::hours kLong{1};
constexpr std::chrono::milliseconds kPause{5};  // between two looks at whether anything goes on

/// In one of three runs a directory of the model has several pages.
fakes::FakeStoreOptions bucket(std::uint64_t seed, const WorldOptions& world) {
  constexpr int kPageMax = 4;
  fakes::FakeStoreOptions out;
  out.hierarchical_namespace = world.hierarchical_namespace;
  out.copy_keeps_etag = world.copies_keep_etags;
  if (seed % 3 == 0) out.page_max = 1 + static_cast<int>(seed / 3 % kPageMax);
  return out;
}

}  // namespace

ModelWorld::ModelWorld(std::uint64_t seed, const WorldOptions& world)
    : options_(world),
      executor_(seed),
      store_(clock_, executor_, bucket(seed, world)),
      faulty_(store_),
      scheduler_(clock_) {
  for (std::size_t i = 0; i < world.mounts; ++i) {
    FolderOptions options = folder_options("staging-" + std::to_string(i));
    // Time goes on by leaps: without faults nothing is late for that.
    if (!world.faults) options.metadata_timeout = options.read_timeout = kLong;
    if (!world.faults) options.commit_timeout = kLong;
    mounts_.push_back(MountedFolder::make(faulty_, scheduler_, ticking_, options).value());
  }
  folder_ = mounts_.front().get();
  timers_ = std::jthread([this](const std::stop_token& stop) { run_timers(stop); });
}

ModelWorld::~ModelWorld() {
  timers_ = {};
  for (const auto& mount : mounts_) mount->stop();
}

FolderOptions ModelWorld::folder_options(const std::string& staging) const {
  FolderOptions out;
  out.prefix = kPrefix;
  out.staging_directory = directory_.path() + "/" + staging;
  out.hierarchical_namespace = options_.hierarchical_namespace;
  out.symlink_objects = !options_.hierarchical_namespace;
  out.commit = options_.commit;
  return out;
}

std::unique_lock<std::shared_mutex> ModelWorld::changing(bool is_root) {
  return is_root ? std::unique_lock(root_) : std::unique_lock<std::shared_mutex>();
}

std::shared_lock<std::shared_mutex> ModelWorld::looking(bool is_root) {
  return is_root ? std::shared_lock(root_) : std::shared_lock<std::shared_mutex>();
}

Context ModelWorld::context() { return {.deadline = Deadline::in(clock_, kLong)}; }

/// An operation that waits for something to be tried again: time goes on when nothing else does,
/// not because a busy machine lets an answer wait; and not to the deadline of the operation
/// itself.
void ModelWorld::run_timers(const std::stop_token& stop) {
  int seen = -1;
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(kPause);
    const auto next = scheduler_.next_in();
    const bool stands = seen == steps_ && executor_.idle();
    if (stands && next && *next <= kRetryMax) scheduler_.run_next();
    seen = steps_;
  }
}

std::string ModelWorld::break_something(std::mt19937_64& random) {
  using oss::Operation;
  constexpr Operation kKinds[] = {
      Operation::kPut,        Operation::kHead,  Operation::kDelete,     Operation::kCopy,
      Operation::kList,       Operation::kGet,   Operation::kPutSymlink, Operation::kGetSymlink,
      Operation::kDeleteMany, Operation::kRename};
  const fakes::Calls call{.operation = kKinds[random() % std::size(kKinds)],
                          .count = 1 + random() % 2};
  const Error error{Errc::kUnavailable, "injected", {}};
  const bool is_lost = random() % 2 == 0;
  if (is_lost)
    faulty_.lose_answer(call, error);
  else
    faulty_.fail(call, error);
  return std::string(is_lost ? "an answer is lost: " : "a request fails: ") +
         oss::name_of(call.operation);
}

/// Time that leaps goes by what is due meanwhile, which happens on no machine for long: a name of
/// which nobody knows whether it is there is asked for within two minutes.
bool ModelWorld::leap(std::chrono::seconds by) {
  if (options_.faults) {
    const auto pending = folder_->pending();
    const bool fails = std::any_of(pending.begin(), pending.end(),
                                   [](const auto& one) { return !one.last_error.empty(); });
    if (!fails) leapt_ = {};
    if (fails && leapt_ + by > kLeftAloneMax) return false;
    leapt_ += by;
  }
  clock_.advance(by);
  return true;
}

void ModelWorld::settle() {
  const auto drain = [&] { return folder_->drain(Deadline::in(clock_, std::chrono::hours(1))); };
  if (options_.faults)
    static_cast<void>(drain());  // an answer that will be lost may be on its way still
  const auto drained = drain();
  ASSERT_TRUE(drained) << drained.error().message;
  ASSERT_TRUE(folder_->pending().empty());
}

void ModelWorld::take_turns() {
  settle();
  clock_.advance(kFresh + std::chrono::seconds(1));
  folder_ = folder_ == mounts_.front().get() ? mounts_.back().get() : mounts_.front().get();
}

void ModelWorld::mount_another() {
  clock_.advance(std::chrono::minutes(5));
  mounts_.push_back(
      MountedFolder::make(faulty_, scheduler_, ticking_, folder_options("staging-of-another"))
          .value());
  folder_ = mounts_.back().get();
}

}  // namespace stsfs::fs
