// The admin port, on loopback: what a test asks and orders. Documented in stsfs-sim(8).

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "identity/sts_sessions.h"
#include "oss/object_parts.h"
#include "oss/switch_names.h"
#include "service.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::sim {
namespace {

using nlohmann::json;

constexpr std::size_t kOrderMax = std::size_t{16} << 20;
constexpr std::uint64_t kLatencyMaxMs = 3'600'000;

HttpAnswer json_answer(const json& body, int status = 200) {
  HttpAnswer out;
  out.status = status;
  out.text = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  out.headers = {{"Content-Type", "application/json"}};
  return out;
}

HttpAnswer problem(int status, const std::string& message) {
  return json_answer({{"error", message}}, status);
}
HttpAnswer done() { return json_answer({{"ok", true}}); }

/// One request to the admin port.
struct AdminCall {
  Services& services;
  const WireRequest& request;
  const std::string& body;
  ContentWriter& content;  ///< The body of a PUT.

  std::string query(std::string_view name) const {
    const std::string* value = request.parameter(name);
    return value == nullptr ? "" : *value;
  }
  std::shared_ptr<Bucket> bucket() const {
    const auto all = services.cloud.buckets();
    const std::string name = query("bucket");
    if (name.empty()) return all.empty() ? nullptr : all.begin()->second;
    return services.cloud.find_bucket(name);
  }
  WallTime now() const { return std::chrono::floor<std::chrono::seconds>(services.cloud.now()); }
};

HttpAnswer healthz(const AdminCall&) { return done(); }

HttpAnswer counters(const AdminCall& call) {
  json operations = json::object();
  std::uint64_t requests = 0;
  for (const auto& [name, count] : call.services.records.counts()) {
    operations[name] = {{"requests", count.requests},
                        {"errors", count.errors},
                        {"bytes_in", count.bytes_in},
                        {"bytes_out", count.bytes_out}};
    requests += count.requests;
  }
  return json_answer({{"requests", requests},
                      {"operations", operations},
                      {"codes", json(call.services.records.codes())}});
}

HttpAnswer reset_records(const AdminCall& call) {
  call.services.records.clear();
  return done();
}

HttpAnswer log(const AdminCall& call) {
  json requests = json::array();
  for (const RequestRecord& record :
       call.services.records.log(parse_u64(call.query("since")).value_or(0)))
    requests.push_back({{"number", record.number},
                        {"time", format_iso8601_millis(record.time)},
                        {"service", record.service},
                        {"operation", record.operation},
                        {"bucket", record.bucket},
                        {"key", record.key},
                        {"range", record.range},
                        {"status", record.status},
                        {"code", record.code},
                        {"access_key_id", record.access_key_id},
                        {"bytes_in", record.bytes_in},
                        {"bytes_out", record.bytes_out},
                        {"duration_us", record.duration.count()},
                        {"fault", record.fault}});
  return json_answer({{"requests", requests}});
}

HttpAnswer show_faults(const AdminCall& call) {
  HttpAnswer out = done();
  out.text = call.services.faults.to_json() + "\n";
  return out;
}

HttpAnswer add_fault(const AdminCall& call) {
  const auto id = call.services.faults.add(call.body);
  if (!id) return problem(400, id.error().message);
  return json_answer({{"id", *id}}, 201);
}

HttpAnswer remove_faults(const AdminCall& call) {
  const std::string id = call.query("id");
  if (id.empty()) {
    call.services.faults.clear();
    return done();
  }
  return call.services.faults.remove(id) ? done() : problem(404, "there is no fault " + id);
}

HttpAnswer seed_faults(const AdminCall& call) {
  const auto seed = parse_u64(call.query("seed"));
  if (!seed) return problem(400, "seed must be a whole number");
  call.services.faults.seed(*seed);
  return done();
}

HttpAnswer set_clock(const AdminCall& call) {
  const json body = json::parse(call.body, nullptr, false);
  const auto offset = body.find("offset_ms");
  if (!body.is_object() || offset == body.end() || !offset->is_number_integer())
    return problem(400, R"(wanted: {"offset_ms": NUMBER})");
  call.services.cloud.set_clock_offset(std::chrono::milliseconds(offset->get<std::int64_t>()));
  return done();
}

HttpAnswer revoke(const AdminCall& call) {
  const json body = json::parse(call.body, nullptr, false);
  const auto wanted = body.is_object() ? body.find("access_key_id") : body.end();
  const std::string id =
      wanted != body.end() && wanted->is_string() ? wanted->get<std::string>() : "";
  if (id.empty()) return problem(400, R"(wanted: {"access_key_id": "…"})");
  return call.services.cloud.access().revoke(id) ? done() : problem(404, "there is no such key");
}

HttpAnswer show_switches(const AdminCall& call) {
  const Switches switches = call.services.cloud.switches();
  json out = json::object();
  for (const SwitchName& known : kSwitchNames)
    out[std::string(known.name)] = switches.*known.member;
  return json_answer(out);
}

HttpAnswer set_switches(const AdminCall& call) {
  const json body = json::parse(call.body, nullptr, false);
  if (!body.is_object()) return problem(400, R"(wanted: {"NAME": true or false, …})");
  Switches switches = call.services.cloud.switches();
  for (const auto& [name, value] : body.items())
    if (!value.is_boolean() || !set_switch(switches, name, value.get<bool>()))
      return problem(400, "no such switch, or not true or false: " + printable(name));
  call.services.cloud.set_switches(switches);
  return done();
}

HttpAnswer set_profile(const AdminCall& call) {
  NetworkProfile profile;
  std::uint64_t latency_ms = 0;
  const std::array<std::pair<std::string_view, std::uint64_t*>, 3> members{
      {{"latency_ms", &latency_ms},
       {"bytes_per_second", &profile.bytes_per_second},
       {"bytes_per_second_in_all", &profile.bytes_per_second_in_all}}};
  const auto wanted = [] {
    return problem(400, R"(wanted: {"latency_ms": N, "bytes_per_second": N, )"
                        R"("bytes_per_second_in_all": N}, each of them or not)");
  };
  const json body = json::parse(call.body, nullptr, false);
  if (!body.is_object()) return wanted();
  for (const auto& [name, value] : body.items()) {
    const auto known =
        std::find_if(members.begin(), members.end(),
                     [&, &given = name](const auto& member) { return member.first == given; });
    if (known == members.end() || !value.is_number_unsigned()) return wanted();
    *known->second = value.get<std::uint64_t>();
  }
  if (latency_ms > kLatencyMaxMs) return wanted();
  profile.latency = std::chrono::milliseconds(latency_ms);
  call.services.set_profile(profile);
  return done();
}

HttpAnswer denials(const AdminCall& call) {
  json out = json::array();
  for (const Denial& denial : call.services.cloud.access().denials())
    out.push_back({{"number", denial.number},
                   {"time", format_iso8601_millis(denial.time)},
                   {"principal", denial.principal},
                   {"access_key_id", denial.access_key_id},
                   {"action", denial.action},
                   {"resource", denial.resource},
                   {"reason", denial.reason}});
  return json_answer({{"denials", out}});
}

/// What STS has handed out, with its secrets: a test looks for them where none may be.
HttpAnswer issued(const AdminCall& call) {
  json out = json::array();
  for (const auto& session : call.services.cloud.sessions().all())
    out.push_back({{"access_key_id", session->access_key_id},
                   {"access_key_secret", std::string(session->secret.reveal())},
                   {"security_token", session->token_text}});
  return json_answer({{"credentials", out}});
}

HttpAnswer list_all(const AdminCall& call) {
  const auto bucket = call.bucket();
  if (!bucket) return problem(404, "there is no such bucket");
  json objects = json::array();
  const Listing listing = bucket->list({.prefix = call.query("prefix"), .keys_max = SIZE_MAX});
  for (const auto& [key, object] : listing.objects) {
    json user = json::object();
    for (const auto& [name, value] : object->user) user[name] = value;
    objects.push_back({{"key", key},
                       {"size", object->content.size()},
                       {"etag", object->etag},
                       {"crc64", std::to_string(object->content.crc64())},
                       {"type", name_of(object->kind)},
                       {"symlink_target", object->symlink_target},
                       {"user_metadata", user}});
  }
  json uploads = json::array();
  for (const UploadEntry& upload :
       bucket->list_uploads({.prefix = call.query("prefix"), .keys_max = SIZE_MAX}, "").uploads)
    uploads.push_back({{"key", upload.key}, {"upload_id", upload.id}, {"parts", upload.parts}});
  return json_answer({{"objects", objects}, {"uploads", uploads}});
}

/// As many as a large directory has, in one request.
constexpr std::uint64_t kPutsMax = 10'000'000;

/// `key`, or with a count `key0000000`, `key0000001`, …
HttpAnswer put_all(Bucket& bucket, const std::string& key, const Object& object,
                   std::optional<std::uint64_t> count) {
  for (std::uint64_t i = 0; i < count.value_or(1); ++i) {
    const auto stored = bucket.put(count ? fmt::format("{}{:07}", key, i) : key, object);
    if (!stored) return problem(500, stored.error().message);
  }
  return done();
}

/// A foreign client writes: no signature, no policy, no fault, not in the log.
HttpAnswer put_behind(const AdminCall& call) {
  const auto bucket = call.bucket();
  const std::string key = call.query("key");
  if (!bucket || check_key(key))
    return problem(400, "wanted: ?bucket=NAME&key=KEY with the content as body");
  const std::string wanted = call.query("count");
  const auto count = parse_u64(wanted);
  if (!wanted.empty() && (!count || *count > kPutsMax))
    return problem(400, "count is how many objects: a number, at most 10000000");
  Object object;
  object.content_md5 = base64_encode(call.content.md5());
  object.etag = etag_of_md5(object.content_md5);
  object.last_modified = call.now();
  object.headers.emplace_back("content-type", "application/octet-stream");
  for (const auto& [name, value] : call.request.headers) {
    const std::string lower = to_lower(name);
    if (lower.starts_with("x-oss-meta-")) object.user[lower.substr(11)] = value;
    if (lower != "x-oss-tagging") continue;
    auto tags = read_tags(value);
    if (!tags) return problem(400, "x-oss-tagging is not understood");
    object.tags = std::move(*tags);
  }
  object.content = call.content.finish();
  return put_all(*bucket, key, object, count);
}

/// What a key holds, past policies, faults and the profile: for comparing without being counted.
HttpAnswer show_content(const AdminCall& call) {
  const auto bucket = call.bucket();
  const auto object = bucket ? bucket->find(call.query("key")) : nullptr;
  if (!object) return problem(404, "there is no such object");
  HttpAnswer out;
  out.headers = {{"Content-Type", "application/octet-stream"}};
  out.content = object->content;
  return out;
}

HttpAnswer delete_behind(const AdminCall& call) {
  const auto bucket = call.bucket();
  if (!bucket || call.query("key").empty()) return problem(400, "wanted: ?bucket=NAME&key=KEY");
  const auto gone = bucket->remove(call.query("key"), "", call.now());
  if (!gone) return problem(409, gone.error().message);
  return *gone ? done() : problem(404, "there is no such object");
}

struct AdminRoute {
  std::string_view method;
  std::string_view path;
  HttpAnswer (*run)(const AdminCall&);
};

constexpr std::array kAdminRoutes{
    AdminRoute{"GET", "/healthz", healthz},
    AdminRoute{"GET", "/counters", counters},
    AdminRoute{"POST", "/counters/reset", reset_records},
    AdminRoute{"GET", "/log", log},
    AdminRoute{"GET", "/faults", show_faults},
    AdminRoute{"POST", "/faults", add_fault},
    AdminRoute{"DELETE", "/faults", remove_faults},
    AdminRoute{"POST", "/faults/seed", seed_faults},
    AdminRoute{"POST", "/clock", set_clock},
    AdminRoute{"POST", "/revoke", revoke},
    AdminRoute{"GET", "/switches", show_switches},
    AdminRoute{"POST", "/switches", set_switches},
    AdminRoute{"POST", "/profile", set_profile},
    AdminRoute{"GET", "/denials", denials},
    AdminRoute{"GET", "/credentials", issued},
    AdminRoute{"GET", "/objects", list_all},
    AdminRoute{"GET", "/objects/content", show_content},
    AdminRoute{"PUT", "/objects", put_behind},
    AdminRoute{"DELETE", "/objects", delete_behind},
};

class AdminResponder final : public Responder {
 public:
  AdminResponder(Services& services, WireRequest request)
      : services_(services), request_(std::move(request)), content_(services.cloud.storage()) {}

  void take_body(std::string_view bytes) override {
    if (request_.method == "PUT") {
      if (auto written = content_.write(bytes); !written) failure_ = written.error().message;
    } else if (body_.size() + bytes.size() <= kOrderMax) {
      body_.append(bytes);
    } else {
      failure_ = "the body is too long";
    }
  }

  HttpAnswer answer() override {
    if (!failure_.empty()) return problem(500, failure_);
    bool known = false;
    for (const AdminRoute& route : kAdminRoutes) {
      if (route.path != request_.path) continue;
      known = true;
      if (route.method == request_.method) return route.run({services_, request_, body_, content_});
    }
    if (known) return problem(405, request_.path + " does not take " + printable(request_.method));
    return problem(404, "there is no " + printable(request_.path) + "; see stsfs-sim(8)");
  }

 private:
  Services& services_;
  WireRequest request_;
  std::string body_;
  ContentWriter content_;
  std::string failure_;
};

}  // namespace

std::unique_ptr<Responder> answer_admin(Services& services, WireRequest request) {
  return std::make_unique<AdminResponder>(services, std::move(request));
}

}  // namespace stsfs::sim
