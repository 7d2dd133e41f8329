#include "stsfs/sim/simulator.h"

#include <gmock/gmock.h>

#include "http/engine_fixture.h"
#include "sim/raw_client.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "support/temporary_directory.h"
#include "support/tls_server.h"

namespace stsfs::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SimulatorTest : public http::HttpEngine {
 protected:
  SimulatorTest() : HttpEngine(http::EngineOptions{}) {}
  void begin(const SimulatorOptions& options = {}) {
    simulator_.reset();
    auto started = Simulator::start(options, system_clock());
    ASSERT_TRUE(started) << started.error().message;
    simulator_ = std::move(*started);
  }
  std::string why_not(const SimulatorOptions& options) {
    const auto started = Simulator::start(options, system_clock());
    return started ? "it started" : started.error().message;
  }
  std::string fetch(const std::string& url) {
    const auto answer = send(get(url));
    return answer ? answer->body : answer.error().message;
  }
  std::string write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file_atomically(directory_ / name, text));
    return directory_ / name;
  }

  stsfs::testing::TemporaryDirectory directory_;
  std::unique_ptr<Simulator> simulator_;
};

TEST_F(SimulatorTest, AnswersOnItsThreePorts) {
  begin();
  EXPECT_THAT(simulator_->oss_endpoint(), StartsWith("http://127.0.0.1:"));
  EXPECT_THAT(fetch(simulator_->oss_endpoint() + "/"), HasSubstr("<Code>AccessDenied</Code>"));
  EXPECT_THAT(fetch(simulator_->sts_endpoint() + "/"), HasSubstr("\"Code\""));
  EXPECT_THAT(fetch(simulator_->admin_endpoint() + "/healthz"), HasSubstr("true"));
  EXPECT_EQ(fetch(simulator_->admin_endpoint() + "/credentials"), "{\"credentials\":[]}\n");
  EXPECT_THAT(simulator_->role_arn(), StartsWith("acs:ram::"));
  EXPECT_FALSE(simulator_->vending_key().access_key_id.empty());
}

TEST_F(SimulatorTest, SpeaksHttpsOnOssAndSts) {
  const auto ca = stsfs::testing::make_ca("Test CA");
  const auto own = stsfs::testing::issue(ca, {});
  SimulatorOptions options;
  options.tls_certificate_file = write("cert.pem", own.certificate);
  options.tls_key_file = write("key.pem", own.private_key);
  begin(options);
  restart({.ca_file = write("ca.pem", ca.certificate)});
  EXPECT_THAT(simulator_->oss_endpoint(), StartsWith("https://"));
  EXPECT_THAT(fetch(simulator_->oss_endpoint() + "/"), HasSubstr("<Code>AccessDenied</Code>"));
  EXPECT_THAT(fetch(simulator_->sts_endpoint() + "/"), HasSubstr("\"Code\""));
  EXPECT_THAT(simulator_->admin_endpoint(), StartsWith("http://"));
}

TEST_F(SimulatorTest, DirectoryKeepsObjectsOverRestarts) {
  SimulatorOptions options;
  options.storage_directory = directory_ / "storage";
  const std::string large(300'000, 'x');
  for (int life = 0; life < 3; ++life) {
    begin(options);
    const std::string objects = simulator_->admin_endpoint() + "/objects";
    if (life == 0) {
      http::Request request = get(objects + "?key=large");
      request.method = http::Method::kPut;
      request.body = http::memory_body(large);
      ASSERT_EQ(send(std::move(request))->status, 200);
    }
    EXPECT_THAT(fetch(objects), HasSubstr("\"key\":\"large\""));
    EXPECT_THAT(fetch(objects), HasSubstr("\"size\":300000"));
  }
}

TEST_F(SimulatorTest, ContentsComeFromTheAdminPortUncounted) {
  begin({});
  const std::string objects = simulator_->admin_endpoint() + "/objects";
  std::string large(2'000'000, 'x');
  large[1'234'567] = 'y';
  http::Request request = get(objects + "?key=large");
  request.method = http::Method::kPut;
  request.body = http::memory_body(large);
  ASSERT_EQ(send(std::move(request))->status, 200);
  EXPECT_EQ(fetch(objects + "/content?key=large"), large);
  EXPECT_THAT(fetch(objects + "/content?key=small"), HasSubstr("no such object"));
  EXPECT_THAT(fetch(simulator_->admin_endpoint() + "/counters"), HasSubstr("\"requests\":0"));
}

TEST_F(SimulatorTest, OneDirectoryIsForOneSimulator) {
  SimulatorOptions options;
  options.storage_directory = directory_ / "storage";
  begin(options);
  EXPECT_THAT(why_not(options), HasSubstr("used by another simulator"));
}

TEST_F(SimulatorTest, KeptBucketsTakeNewOptionsButNotAnotherNamespace) {
  SimulatorOptions options;
  options.storage_directory = directory_ / "storage";
  begin(options);
  simulator_.reset();
  options.buckets[0].versioning = "Enabled";
  begin(options);
  simulator_.reset();
  options.buckets[0].versioning = "";
  options.buckets[0].hierarchical_namespace = true;
  EXPECT_THAT(why_not(options), HasSubstr("another kind of namespace"));
}

TEST_F(SimulatorTest, SaysWhatIsWrongWithItsOptions) {
  const auto bucket = [&](BucketSetup setup) { return why_not({.buckets = {std::move(setup)}}); };
  EXPECT_THAT(bucket({.name = "A_b"}), HasSubstr("not a name for a bucket: A_b"));
  EXPECT_THAT(bucket({.versioning = "yes"}), HasSubstr("versioning is Enabled"));
  EXPECT_THAT(bucket({.acl = "all"}), HasSubstr("ACL is private"));
  EXPECT_THAT(bucket({.storage_class = "Cheap"}), HasSubstr("no storage class Cheap"));
  EXPECT_THAT(bucket({.versioning = "Enabled", .hierarchical_namespace = true}),
              HasSubstr("excludes versioning"));
  EXPECT_THAT(why_not({.buckets = {BucketSetup{}, BucketSetup{}}}), HasSubstr("given twice"));
  EXPECT_THAT(why_not({.address = "here"}), HasSubstr("not an IPv4 address"));
  EXPECT_THAT(why_not({.tls_certificate_file = "cert.pem"}), HasSubstr("both"));
  EXPECT_THAT(why_not({.switches = {"nothing=on"}}), HasSubstr("no such switch"));
  EXPECT_THAT(why_not({.faults = {"{"}}), HasSubstr("a fault is one JSON object"));
  EXPECT_THAT(why_not({.ram_file = directory_ / "none"}), HasSubstr("none"));
}

TEST_F(SimulatorTest, BodyThatStopsComingIsARequestTimeout) {
  SimulatorOptions options;
  options.buckets[0].acl = "public-read-write";
  options.body_timeout = std::chrono::milliseconds(100);
  begin(options);
  const std::string endpoint = simulator_->oss_endpoint();
  RawClient client(
      static_cast<std::uint16_t>(*parse_u64(endpoint.substr(endpoint.rfind(':') + 1))));
  client.send("PUT /examplebucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nabc");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, HasSubstr("<Code>RequestTimeout</Code>"));
  EXPECT_THAT(fetch(simulator_->admin_endpoint() + "/objects"), Not(HasSubstr("\"key\"")));
  EXPECT_THAT(fetch(simulator_->admin_endpoint() + "/log"), HasSubstr("RequestTimeout"));
}

TEST_F(SimulatorTest, ItsClockIsOffFromTheStart) {
  SimulatorOptions options;
  options.clock_offset = -std::chrono::hours(24 * 365 * 10);
  begin(options);
  const auto answer = send(get(simulator_->oss_endpoint() + "/"));
  ASSERT_TRUE(answer);
  const std::string* header = http::find_header(answer->headers, "date");
  ASSERT_NE(header, nullptr);
  const auto date = parse_http_date(*header);
  ASSERT_TRUE(date);
  EXPECT_LT(*date, system_clock().wall() - std::chrono::hours(24 * 365 * 9));
}

TEST_F(SimulatorTest, KeysThatWereMadeAreWritten) {
  SimulatorOptions options;
  options.vending_key_file = directory_ / "vending.json";
  options.admin_key_file = directory_ / "admin.json";
  begin(options);
  for (const auto& [file, key] : {std::pair(&options.vending_key_file, &simulator_->vending_key()),
                                  std::pair(&options.admin_key_file, &simulator_->admin_key())})
    EXPECT_EQ(read_file(*file).value(), "{\"AccessKeyId\": \"" + key->access_key_id +
                                            "\", \"AccessKeySecret\": \"" +
                                            std::string(key->access_key_secret.reveal()) + "\"}\n");
  options.ram_file = "/etc/ram.toml";
  EXPECT_THAT(why_not(options), HasSubstr("when --ram is absent"));
}

// --- the configuration file ---

TEST_F(SimulatorTest, OptionsAreReadFromAFile) {
  const auto options = load_options(write("sim.toml", R"(
    address = "127.0.0.1"
    oss_port = 8080
    tls_certificate = "/c.pem"
    tls_key = "/k.pem"
    region = "cn-beijing"
    threads = 4
    storage = "/var/lib/sim"
    memory_max = "8G"
    ram = "/etc/ram.toml"
    allow_short_tokens = true
    clock_offset_ms = -3600000
    body_timeout_ms = 500
    latency_ms = 20
    bandwidth = "100M"
    bandwidth_in_all = "200M"
    switches = ["copy_without_crc", "brief_with_object_type=off"]
    faults = ['{"operation":"PutObject","status":503}']
    [[bucket]]
    name = "one"
    versioning = "Enabled"
    [[bucket]]
    name = "two"
    hierarchical_namespace = true
    acl = "public-read"
    class = "IA"
  )"));
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->oss_port, 8080);
  EXPECT_EQ(options->sts_port, 0);
  EXPECT_EQ(options->tls_key_file, "/k.pem");
  EXPECT_EQ(options->region, "cn-beijing");
  EXPECT_EQ(options->threads, 4);
  EXPECT_EQ(options->storage_directory, "/var/lib/sim");
  EXPECT_EQ(options->memory_max_bytes, std::uint64_t{8} << 30);
  EXPECT_EQ(options->ram_file, "/etc/ram.toml");
  EXPECT_TRUE(options->allow_short_tokens);
  EXPECT_EQ(options->clock_offset, std::chrono::hours(-1));
  EXPECT_EQ(options->body_timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(options->profile.latency, std::chrono::milliseconds(20));
  EXPECT_EQ(options->profile.bytes_per_second, std::uint64_t{100} << 20);
  EXPECT_EQ(options->profile.bytes_per_second_in_all, std::uint64_t{200} << 20);
  EXPECT_EQ(options->switches.size(), 2U);
  EXPECT_EQ(options->faults.size(), 1U);
  ASSERT_EQ(options->buckets.size(), 2U);
  EXPECT_EQ(options->buckets[0].versioning, "Enabled");
  EXPECT_TRUE(options->buckets[1].hierarchical_namespace);
  EXPECT_EQ(options->buckets[1].acl, "public-read");
  EXPECT_EQ(options->buckets[1].storage_class, "IA");
}

TEST_F(SimulatorTest, FileTakesAProfileAndWhereToWriteKeys) {
  const auto options = load_options(write("sim.toml", R"(
    init_vending = "/v.json"
    init_admin = "/a.json"
    profile = "wan"
    latency_ms = 5
  )"));
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->vending_key_file, "/v.json");
  EXPECT_EQ(options->admin_key_file, "/a.json");
  EXPECT_EQ(options->profile.latency, std::chrono::milliseconds(5));  // a number stands above it
  EXPECT_EQ(options->profile.bytes_per_second, 100'000'000U);
}

TEST_F(SimulatorTest, WhatMakesNoSenseIsFoundWithoutAStart) {
  EXPECT_TRUE(check_options({}));
  const auto refused = [](auto change) {
    SimulatorOptions options;
    change(options);
    const auto good = check_options(options);
    return !good && good.error().code == Errc::kInvalid;
  };
  EXPECT_TRUE(refused([](auto& options) { options.buckets.push_back({.name = "A"}); }));
  EXPECT_TRUE(refused([](auto& options) { options.buckets.emplace_back(); })) << "twice";
  EXPECT_TRUE(refused([](auto& options) { options.buckets[0].storage_class = "Tape"; }));
  EXPECT_TRUE(refused([](auto& options) { options.switches = {"nonesuch=on"}; }));
  EXPECT_TRUE(refused([](auto& options) { options.faults = {"{"}; }));
}

TEST_F(SimulatorTest, FileThatIsWrongIsNamedWithTheLine) {
  const auto problem = [&](const std::string& text) {
    const auto options = load_options(write("sim.toml", text));
    return options ? "nothing" : options.error().message;
  };
  EXPECT_THAT(problem("region = \"x\"\nport = 1\n"), HasSubstr("sim.toml:2"));
  EXPECT_THAT(problem("threads = 0\n"), HasSubstr("threads"));
  EXPECT_THAT(problem("profile = \"lan\"\n"), HasSubstr("must be \"wan\""));
  EXPECT_THAT(problem("bandwidth = \"fast\"\n"), HasSubstr("must be a size"));
  EXPECT_THAT(problem("[[bucket]]\nacl = \"private\"\n"), HasSubstr("name"));
  EXPECT_THAT(load_options(directory_ / "none.toml").error().message, HasSubstr("none.toml"));
}

}  // namespace
}  // namespace stsfs::sim
