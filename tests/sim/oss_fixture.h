#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/fake_clock.h"
#include "oss/switch_names.h"
#include "server/service.h"
#include "sim/identities.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {

/// An answer as a client would see it.
struct Seen {
  int status = 0;
  sign::Pairs headers;
  std::string body;
  std::uint64_t head_size = 0;

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (equals_ignoring_case(key, name)) return value;
    return "";
  }
  /// What stands in the first element of that name, as written.
  std::string element(const std::string& name) const {
    const auto all = elements(name);
    return all.empty() ? "" : all[0];
  }
  std::vector<std::string> elements(const std::string& name) const {
    std::vector<std::string> out;
    const std::string open = "<" + name + ">";
    const std::string close = "</" + name + ">";
    for (auto at = body.find(open); at != std::string::npos; at = body.find(open, at)) {
      at += open.size();
      out.push_back(body.substr(at, body.find(close, at) - at));
    }
    return out;
  }
  std::string code() const { return element("Code"); }
};

inline std::string unquoted(std::string text) {
  std::erase(text, '"');
  return text;
}

/// One request, before it is signed.
struct Ask {
  std::string method = "GET";
  std::string key;
  sign::Pairs query = {};
  sign::Pairs headers = {};
  std::string body = {};
  std::string bucket = "bucket";
  std::string id = "rootkey";
  std::string secret = "rootsecret";
  bool chunked = false;  ///< The body comes without a Content-Length.
};

/// The OSS service without a network: requests signed with V4 go in, answers come out.
class OssTest : public ::testing::Test {
 protected:
  void make(BucketOptions options = {}) {
    if (options.name.empty()) options.name = "bucket";
    ASSERT_TRUE(cloud_.add_bucket(std::move(options)).value());
  }

  Seen ask(const Ask& wanted) {
    WireRequest request;
    request.method = wanted.method;
    request.path =
        "/" + wanted.bucket + (wanted.bucket.empty() ? "" : "/") + percent_encode_path(wanted.key);
    request.query = wanted.query;
    request.headers = wanted.headers;
    request.host = "127.0.0.1";
    request.remote_address = "127.0.0.1";
    request.now = cloud_.now();
    if (wanted.chunked)
      request.headers.emplace_back("Transfer-Encoding", "chunked");
    else if (!wanted.body.empty() || wanted.method == "PUT" || wanted.method == "POST")
      request.headers.emplace_back("Content-Length", std::to_string(wanted.body.size()));
    if (!wanted.id.empty()) sign_v4(request, {wanted.bucket, wanted.key}, wanted.id, wanted.secret);
    const auto responder = answer_oss(services_, std::move(request));
    if (!wanted.body.empty()) responder->take_body(wanted.body);
    return seen(responder->answer());
  }

  // --- the calls that most tests begin with ---
  Seen put(const std::string& key, const std::string& body, sign::Pairs headers = {}) {
    return ask({.method = "PUT", .key = key, .headers = std::move(headers), .body = body});
  }
  Seen get(const std::string& key, sign::Pairs headers = {}, sign::Pairs query = {}) {
    return ask({.key = key, .query = std::move(query), .headers = std::move(headers)});
  }
  Seen head(const std::string& key, sign::Pairs headers = {}) {
    return ask({.method = "HEAD", .key = key, .headers = std::move(headers)});
  }
  Seen list(sign::Pairs query) {
    query.emplace_back("list-type", "2");
    return ask({.query = std::move(query)});
  }
  std::string initiate(const std::string& key, sign::Pairs headers = {}) {
    return ask({.method = "POST",
                .key = key,
                .query = {{"uploads", ""}},
                .headers = std::move(headers)})
        .element("UploadId");
  }
  Seen upload_part(const std::string& key, const std::string& id, int number,
                   const std::string& body, sign::Pairs headers = {}) {
    return ask({.method = "PUT",
                .key = key,
                .query = {{"partNumber", std::to_string(number)}, {"uploadId", id}},
                .headers = std::move(headers),
                .body = body});
  }
  void turn(const std::string& name, bool on = true) {
    Switches switches = cloud_.switches();
    ASSERT_TRUE(set_switch(switches, name, on)) << name;
    cloud_.set_switches(switches);
  }

  fakes::FakeClock clock_;
  std::shared_ptr<Storage> storage_ = Storage::in_memory().value();
  Cloud cloud_{"cn-hangzhou", read_ram_document(kRam, "ram.toml").value(), {}, storage_, clock_};
  FaultPlan faults_;
  Records records_;
  Services services_{cloud_, faults_, records_, {}, {}};

 private:
  static Seen seen(const HttpAnswer& answer) {
    Seen out{answer.status, answer.headers, answer.text, answer.head_size};
    if (answer.content) {
      out.body.resize(answer.content->size());
      const auto got =
          answer.content->read(0, {reinterpret_cast<std::byte*>(out.body.data()), out.body.size()});
      EXPECT_TRUE(got && *got == out.body.size());
    }
    return out;
  }
};

}  // namespace stsfs::sim
