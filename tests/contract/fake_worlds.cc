#include "contract/contract_test.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/faulty_store.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::contract {
namespace {

using fakes::Calls;
using oss::Operation;

class FakeWorld : public World {
 public:
  explicit FakeWorld(std::unique_ptr<fakes::Executor> executor, bool hierarchical = false)
      : executor_(std::move(executor)),
        fake_(system_clock(), *executor_, {.hierarchical_namespace = hierarchical}) {}
  oss::ObjectStore& store() override { return fake_; }
  const Clock& clock() override { return system_clock(); }

 protected:
  std::unique_ptr<fakes::Executor> executor_;
  fakes::FakeObjectStore fake_;
};

/// No pause is waited out.
class ImpatientScheduler final : public Scheduler {
 public:
  explicit ImpatientScheduler(fakes::Executor& loop) : loop_(loop) {}
  Transfer after(std::chrono::milliseconds, UniqueFunction<void()> what) override {
    return loop_.run(std::move(what));
  }

 private:
  fakes::Executor& loop_;
};

/// Every operation fails now and then, and half of the answers to writes are lost.
class FaultyWorld final : public FakeWorld {
 public:
  explicit FaultyWorld(bool hierarchical = false)
      : FakeWorld(std::make_unique<fakes::LoopExecutor>(3), hierarchical),
        scheduler_(*executor_),
        faulty_(fake_),
        retrying_(faulty_, scheduler_, system_clock(), {.attempts_max = 50}) {
    const Error reset{Errc::kUnavailable, "connection reset", {}};
    const Error busy{Errc::kThrottled, "503 ServiceUnavailable", {}};
    for (std::size_t i = 0; i < oss::kOperationCount; ++i)
      for (const std::uint64_t from : {1, 3, 4, 8, 20})
        faulty_.fail({.operation = static_cast<Operation>(i), .from = from, .count = 1, .key = {}},
                     from % 2 == 0 ? reset : busy);
    for (const Operation operation : {Operation::kPut, Operation::kDelete, Operation::kUploadPart})
      faulty_.lose_answer({.operation = operation, .from = 5, .count = 2, .key = {}}, reset);
    faulty_.lose_answer({.operation = Operation::kRename, .from = 2, .count = 1, .key = {}}, reset);
    faulty_.break_off({.operation = Operation::kGet, .from = 2, .count = 1, .key = {}}, 2, reset);
  }
  oss::ObjectStore& store() override { return retrying_; }

 private:
  ImpatientScheduler scheduler_;
  fakes::FaultyStore faulty_;
  oss::RetryingStore retrying_;
};

std::string name_of_world(const ::testing::TestParamInfo<WorldKind>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Fakes, ObjectStoreContract,
    ::testing::Values(
        WorldKind{
            "Inline",
            [] { return std::make_unique<FakeWorld>(std::make_unique<fakes::InlineExecutor>()); }},
        WorldKind{
            "Shaken",
            [] { return std::make_unique<FakeWorld>(std::make_unique<fakes::LoopExecutor>(42)); }},
        WorldKind{"RetriedOverFaults", [] { return std::make_unique<FaultyWorld>(); }}),
    name_of_world);

INSTANTIATE_TEST_SUITE_P(
    Fakes, HierarchicalContract,
    ::testing::Values(WorldKind{"Inline",
                                [] {
                                  return std::make_unique<FakeWorld>(
                                      std::make_unique<fakes::InlineExecutor>(), true);
                                }},
                      WorldKind{"RetriedOverFaults",
                                [] { return std::make_unique<FaultyWorld>(true); }}),
    name_of_world);

}  // namespace
}  // namespace stsfs::contract
