// The real client against the simulator, over loopback, with a session that may use one prefix and
// nothing else: what a mount does.

#include "contract/contract_test.h"
#include "fakes/fake_provider.h"
#include "stsfs/base/await.h"
#include "stsfs/http/engine.h"
#include "stsfs/oss/oss_store.h"
#include "stsfs/oss/retrying_store.h"
#include "stsfs/sim/simulator.h"
#include "stsfs/sts/assume_role.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::contract {
namespace {

constexpr const char* kBucket = "examplebucket";
constexpr const char* kPrefix = "users/contract/";

struct Terms {
  oss::SignatureVersion signature = oss::SignatureVersion::kV4;
  std::vector<std::string> switches = {};  ///< What the documentation leaves open, the other way.
  std::vector<std::string> faults = {};
  bool hierarchical = false;
};

/// What is `unconfirmed` and a client could notice, each the other way from what it is by itself.
const std::vector<std::string> kTheOtherWay = {
    "copy_without_crc=on",
    "copied_objects_without_crc=on",
    "self_copy_changes_etag=on",
    "copies_get_new_etag=on",
    "plain_multipart_etag=on",
    "brief_with_object_type=off",
    "put_honours_if_match=on",
    "symlink_target_encoded=on",
    "delete_many_partial=on",
    "delete_many_leaves_out_denied=on",
    "expired_answers_invalid_access_key_id=on",
    "time_checked_before_token=on",
    "empty_values_signed_bare=on",
    "mismatch_without_canonical_request=on",
    "session_deny_falls_through_to_acl=on",
    "missing_key_needs_list_right=on",
    "prefix_conditions_in_all_listings=on",
    "object_acl_needs_its_right=on",
    "long_suffix_range_is_whole=off",
    "malformed_range_is_refused=on",
    "empty_object_range_is_whole=on",
    "list_space_as_plus=on",
};

/// The same of what only a hierarchical namespace has, and what is said of its directories.
const std::vector<std::string> kDirectoriesTheOtherWay = {
    "directory_put_refused=on",
    "directories_without_metadata=on",
    "copies_get_new_etag=on",
    "missing_key_needs_list_right=on",
};

// Lost answers only where no foreign write could look the same: a put that forbids to overwrite
// needs its id for that, and these tests send none.
const std::vector<std::string> kFaults = {
    R"({"operation":"*","probability":0.08,"status":503,"code":"ServiceUnavailable"})",
    R"({"operation":"*","probability":0.05,"status":500,"code":"InternalError"})",
    R"({"operation":"*","probability":0.05,"reset_before":true})",
    R"({"operation":"UploadPart","probability":0.2,"reset_after":true})",
    R"({"operation":"DeleteObject","probability":0.2,"reset_after":true})",
    R"({"operation":"ListObjectsV2","probability":0.2,"reset_after":true})",
    R"({"operation":"Rename","probability":0.4,"reset_after":true})",
    R"({"operation":"GetObject","probability":0.3,"truncate_at":3})",
    R"({"operation":"UploadPart","probability":0.1,"wrong_crc":true})",
};

Result<sts::Session> session_of(http::Engine& engine, const sim::Simulator& simulator) {
  auto client = sts::Client::create(engine, system_clock(), {.endpoint = simulator.sts_endpoint()});
  if (!client) return fail(client.error());
  auto policy = sts::session_policy({.bucket = kBucket, .prefix = kPrefix});
  if (!policy) return fail(policy.error());
  // The client can list the parts of an upload; a mount never does, and is not allowed to.
  constexpr std::string_view kAbort = R"("oss:AbortMultipartUpload",)";
  policy->insert(policy->find(kAbort), R"("oss:ListParts",)");
  const sim::SimulatorKey& vending = simulator.vending_key();
  Interrupt interrupt;
  return (*client)->assume_role(
      {vending.access_key_id, vending.access_key_secret.clone()},
      {.role_arn = simulator.role_arn(), .session_name = "contract", .policy = *policy},
      Deadline::in(system_clock(), std::chrono::seconds(10)), interrupt);
}

class SimulatorWorld final : public World {
 public:
  static std::unique_ptr<World> make(const Terms& terms) {
    auto world = std::make_unique<SimulatorWorld>();
    const auto opened = world->open(terms);
    if (opened) return world;
    ADD_FAILURE() << opened.error().message;
    return nullptr;
  }

  oss::ObjectStore& store() override {
    if (retrying_) return *retrying_;
    return *client_;
  }
  const Clock& clock() override { return system_clock(); }
  std::string prefix() override { return kPrefix; }

 private:
  Result<void> open(const Terms& terms) {
    sim::SimulatorOptions options;
    options.switches = terms.switches;
    options.faults = terms.faults;
    options.buckets[0].hierarchical_namespace = terms.hierarchical;
    auto simulator = sim::Simulator::start(options, system_clock());
    if (!simulator) return fail(simulator.error());
    simulator_ = std::move(*simulator);
    auto engine = http::Engine::create({}, system_clock());
    if (!engine) return fail(engine.error());
    engine_ = std::move(*engine);
    auto session = session_of(*engine_, *simulator_);
    if (!session) return fail(session.error());
    provider_ = std::make_unique<fakes::FakeProvider>(fakes::FakeProvider::credential(
        session->access_key_id, std::string(session->access_key_secret.reveal()),
        std::string(session->security_token.reveal())));
    return open_store(terms);
  }

  Result<void> open_store(const Terms& terms) {
    auto store = oss::OssStore::create(*engine_, *provider_, system_clock(),
                                       {.endpoint = simulator_->oss_endpoint(),
                                        .region = "cn-hangzhou",
                                        .bucket = kBucket,
                                        .signature = terms.signature,
                                        .hierarchical_namespace = terms.hierarchical});
    if (!store) return fail(store.error());
    client_ = std::move(*store);
    using std::chrono::milliseconds;
    if (!terms.faults.empty())
      retrying_ =
          std::make_unique<oss::RetryingStore>(*client_, *engine_, system_clock(),
                                               oss::RetryOptions{.attempts_max = 100,
                                                                 .backoff = milliseconds(1),
                                                                 .backoff_max = milliseconds(4),
                                                                 .throttled_min = milliseconds(1)});
    return {};
  }

  std::unique_ptr<sim::Simulator> simulator_;
  std::unique_ptr<http::Engine> engine_;
  std::unique_ptr<fakes::FakeProvider> provider_;
  std::unique_ptr<oss::OssStore> client_;
  std::unique_ptr<oss::RetryingStore> retrying_;
};

WorldKind kind(const char* name, const Terms& terms) {
  return {name, [terms] { return SimulatorWorld::make(terms); }};
}

std::string name_of_simulator(const ::testing::TestParamInfo<WorldKind>& world) {
  return world.param.name;
}

INSTANTIATE_TEST_SUITE_P(Simulator, ObjectStoreContract,
                         ::testing::Values(kind("V4", {}),
                                           kind("V1", {.signature = oss::SignatureVersion::kV1}),
                                           kind("TheOtherWay", {.switches = kTheOtherWay}),
                                           kind("RetriedOverFaults", {.faults = kFaults})),
                         name_of_simulator);

INSTANTIATE_TEST_SUITE_P(
    Simulator, HierarchicalContract,
    ::testing::Values(kind("V4", {.hierarchical = true}),
                      kind("V1", {.signature = oss::SignatureVersion::kV1, .hierarchical = true}),
                      kind("TheOtherWay",
                           {.switches = kDirectoriesTheOtherWay, .hierarchical = true}),
                      kind("RetriedOverFaults", {.faults = kFaults, .hierarchical = true})),
    name_of_simulator);

}  // namespace
}  // namespace stsfs::contract
