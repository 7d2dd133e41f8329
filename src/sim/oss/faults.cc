#include "faults.h"

#include <nlohmann/json.hpp>

#include "ram/ram_match.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMillisMax = 3'600'000;

/// Reads the members of one object, remembers the first thing that is wrong.
class Members {
 public:
  explicit Members(const json& object) : object_(object) {}

  void text(const char* name, std::string& out) {
    if (const json* value = take(name)) {
      if (value->is_string())
        out = value->get<std::string>();
      else
        complain(name, "must be a string");
    }
  }
  void number(const char* name, std::uint64_t& out, std::uint64_t max = UINT64_MAX) {
    if (const json* value = take(name)) {
      if (value->is_number_unsigned() && value->get<std::uint64_t>() <= max)
        out = value->get<std::uint64_t>();
      else
        complain(name, "must be a whole number from 0 to " + std::to_string(max));
    }
  }
  void offset(const char* name, std::optional<std::uint64_t>& out) {
    if (!object_.contains(name)) return;
    std::uint64_t value = 0;
    number(name, value);
    out = value;
  }
  void millis(const char* name, std::chrono::milliseconds& out) {
    std::uint64_t value = 0;
    number(name, value, kMillisMax);
    out = std::chrono::milliseconds(value);
  }
  void flag(const char* name, bool& out) {
    if (const json* value = take(name)) {
      if (value->is_boolean())
        out = value->get<bool>();
      else
        complain(name, "must be true or false");
    }
  }
  void fraction(const char* name, double& out) {
    if (const json* value = take(name)) {
      if (value->is_number() && value->get<double>() >= 0 && value->get<double>() <= 1)
        out = value->get<double>();
      else
        complain(name, "must be a number from 0 to 1");
    }
  }
  std::string problem() const {
    if (!problem_.empty() || known_ == object_.size()) return problem_;
    return "it has a member that is none of: operation key access_key_id skip count probability "
           "latency_ms jitter_ms "
           "bytes_per_second status code reset_before reset_after truncate_at corrupt_at stall_at "
           "stall_ms wrong_etag "
           "wrong_crc";
  }

 private:
  const json* take(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) return nullptr;
    ++known_;
    return &*found;
  }
  void complain(const std::string& name, const std::string& what) {
    if (problem_.empty()) problem_ = "member " + name + " " + what;
  }
  const json& object_;
  std::size_t known_ = 0;
  std::string problem_;
};

std::string read(const json& object, FaultRule& rule) {
  Members members(object);
  FaultEffect& effect = rule.effect;
  std::uint64_t status = 0;
  members.text("operation", rule.operation);
  members.text("key", rule.key);
  members.text("access_key_id", rule.access_key_id);
  members.number("skip", rule.skip);
  members.number("count", rule.count);
  members.fraction("probability", rule.probability);
  members.millis("latency_ms", effect.latency);
  members.millis("jitter_ms", effect.jitter);
  members.number("bytes_per_second", effect.bytes_per_second);
  members.number("status", status, 599);
  members.text("code", effect.code);
  members.flag("reset_before", effect.reset_before);
  members.flag("reset_after", effect.reset_after);
  members.offset("truncate_at", effect.truncate_at);
  members.offset("corrupt_at", effect.corrupt_at);
  members.offset("stall_at", effect.stall_at);
  members.millis("stall_ms", effect.stall);
  members.flag("wrong_etag", effect.wrong_etag);
  members.flag("wrong_crc", effect.wrong_crc);
  effect.status = static_cast<int>(status);
  if (status != 0 && status < 400) return "member status must be an error, 400 to 599";
  return members.problem();
}

json to_object(const FaultRule& rule) {
  const FaultEffect& effect = rule.effect;
  json out{{"id", rule.id},
           {"operation", rule.operation},
           {"key", rule.key},
           {"access_key_id", rule.access_key_id},
           {"skip", rule.skip},
           {"count", rule.count},
           {"probability", rule.probability},
           {"latency_ms", effect.latency.count()},
           {"jitter_ms", effect.jitter.count()},
           {"bytes_per_second", effect.bytes_per_second},
           {"status", effect.status},
           {"code", effect.code},
           {"reset_before", effect.reset_before},
           {"reset_after", effect.reset_after},
           {"stall_ms", effect.stall.count()},
           {"wrong_etag", effect.wrong_etag},
           {"wrong_crc", effect.wrong_crc}};
  if (effect.truncate_at) out["truncate_at"] = *effect.truncate_at;
  if (effect.corrupt_at) out["corrupt_at"] = *effect.corrupt_at;
  if (effect.stall_at) out["stall_at"] = *effect.stall_at;
  return out;
}

}  // namespace

Result<std::string> FaultPlan::add(const std::string& text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object())
    return fail(Errc::kInvalid, "a fault is one JSON object, this is none: " + printable(text, 80));
  FaultRule rule;
  if (const std::string problem = read(object, rule); !problem.empty())
    return fail(Errc::kInvalid, "fault: " + problem);
  MutexLock lock(mutex_);
  if (rules_.size() >= kRulesMax)
    return fail(Errc::kInvalid, "there are 1,000 faults already; remove some");
  rule.id = std::to_string(next_id_++);
  const std::string id = rule.id;
  rules_.push_back({std::move(rule)});
  return id;
}

bool FaultPlan::remove(const std::string& id) {
  MutexLock lock(mutex_);
  return std::erase_if(rules_, [&](const Live& live) { return live.rule.id == id; }) != 0;
}

void FaultPlan::clear() {
  MutexLock lock(mutex_);
  rules_.clear();
}

void FaultPlan::seed(std::uint64_t seed) {
  MutexLock lock(mutex_);
  random_.seed(seed);
}

std::string FaultPlan::to_json() const {
  json out = json::array();
  MutexLock lock(mutex_);
  for (const Live& live : rules_) {
    json rule = to_object(live.rule);
    rule["used"] = live.used;
    out.push_back(std::move(rule));
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<FaultRule> FaultPlan::match(const std::string& operation, const std::string& key,
                                          const std::string& access_key_id) {
  MutexLock lock(mutex_);
  for (Live& live : rules_) {
    const FaultRule& rule = live.rule;
    if (!rule.operation.empty() && !matches_wildcard(rule.operation, operation)) continue;
    if (!rule.key.empty() && !matches_wildcard(rule.key, key)) continue;
    if (!rule.access_key_id.empty() && rule.access_key_id != access_key_id) continue;
    if (++live.seen <= rule.skip) continue;
    if (rule.count != 0 && live.used >= rule.count) continue;
    if (rule.probability < 1 &&
        std::uniform_real_distribution<double>()(random_) >= rule.probability)
      continue;
    ++live.used;
    FaultRule out = rule;
    if (rule.effect.jitter.count() > 0)
      out.effect.latency += std::chrono::milliseconds(
          std::uniform_int_distribution<std::int64_t>(0, rule.effect.jitter.count())(random_));
    return out;
  }
  return std::nullopt;
}

}  // namespace stsfs::sim
