// The device-code flow through the server: RFC 8628 on the device's side, pages on the person's.

#include <map>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"
#include "vend_fixture.h"
#include "web/web_pages.h"

namespace stsfs::vend {
namespace {

/// A browser as far as cookies and forms go.
class Browser {
 public:
  explicit Browser(Replica& replica) : replica_(replica) {}

  http::Response get(const std::string& path) { return keep(replica_.get(path, {}, headers())); }
  http::Response submit(const std::string& path, const std::string& form, http::Headers more = {}) {
    auto all = headers();
    all.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    all.insert(all.end(), more.begin(), more.end());
    return keep(replica_.post(path, {}, form, std::move(all)));
  }
  /// The hidden field of the page that was seen last.
  const std::string& form_key() const { return form_key_; }
  std::string sign_in_form(const std::string& code,
                           const std::string& password = "canary-password") const {
    return "form_key=" + form_key_ + "&user_code=" + code + "&username=alice&password=" + password;
  }
  std::string decision(const std::string& code, const std::string& what) const {
    return "form_key=" + form_key_ + "&user_code=" + code + "&decision=" + what;
  }

 private:
  http::Headers headers() const {
    std::string all;
    for (const auto& [name, value] : cookies_)
      all += (all.empty() ? "" : "; ") + name + "=" + value;
    http::Headers out;
    if (!all.empty()) out.push_back({"Cookie", all});
    return out;
  }
  http::Response keep(http::Response response) {
    for (const auto& header : response.headers) {
      if (!equals_ignoring_case(header.name, "Set-Cookie")) continue;
      const auto equals = header.value.find('=');
      cookies_[header.value.substr(0, equals)] =
          header.value.substr(equals + 1, header.value.find(';') - equals - 1);
    }
    constexpr std::string_view kField = "name=\"form_key\" value=\"";
    if (const auto at = response.body.find(kField); at != std::string::npos)
      form_key_ = response.body.substr(at + kField.size(), 64);
    return response;
  }

  Replica& replica_;
  std::map<std::string, std::string> cookies_;
  std::string form_key_;
};

class DeviceFlow : public VendServer {
 protected:
  void SetUp() override {
    start("public_url = \"https://vend.example.com\"\n", "[device]\npause_seconds = 1\n");
    answer_ = Replica::json_of(replica_->post("/v1/device/code", {}, "{}"));
    code_ = answer_.value("user_code", "");
  }
  http::Response poll() {
    return replica_->post("/v1/device/token", {},
                          nlohmann::json{{"device_code", answer_.value("device_code", "")}}.dump());
  }
  nlohmann::json answer_;
  std::string code_;
};

TEST_F(DeviceFlow, BeginsAsTheRfcSays) {
  EXPECT_EQ(code_.size(), 9u);
  EXPECT_EQ(answer_["verification_uri"], "https://vend.example.com/device");
  EXPECT_EQ(answer_["verification_uri_complete"],
            "https://vend.example.com/device?user_code=" + code_);
  EXPECT_EQ(answer_["expires_in"], 600);
  EXPECT_EQ(answer_["interval"], 1);
  const auto pending = poll();
  EXPECT_EQ(pending.status, 400);
  EXPECT_EQ(Replica::json_of(pending)["error"], "authorization_pending");
  EXPECT_EQ(Replica::json_of(pending)["StatusCode"], 400);
  EXPECT_EQ(Replica::json_of(poll())["error"], "slow_down");
  EXPECT_EQ(Replica::json_of(
                replica_->post("/v1/device/token", {}, R"({"device_code":"guess"})"))["error"],
            "expired_token");
}

TEST_F(DeviceFlow, LetsTheDeviceInWhenThePersonConfirms) {
  Browser browser(*replica_);
  EXPECT_NE(browser.get("/device?user_code=" + code_).body.find("value=\"" + code_ + "\""),
            std::string::npos);
  const auto signed_in = browser.submit("/device/sign-in", browser.sign_in_form(code_));
  ASSERT_EQ(signed_in.status, 303) << signed_in.body;
  EXPECT_EQ(*http::find_header(signed_in.headers, "Location"), "/device?user_code=" + code_);
  const auto page = browser.get("/device?user_code=" + code_);
  EXPECT_NE(page.body.find(code_), std::string::npos);
  EXPECT_NE(page.body.find("127.0.0.1"), std::string::npos) << "where the device is";
  const auto done = browser.submit("/device/confirm", browser.decision(code_, "allow"));
  EXPECT_EQ(done.status, 200);
  const auto answer = poll();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(replica_->get("/v1/credentials", Replica::token_of(answer)).status, 200);
  EXPECT_EQ(Replica::json_of(poll())["error"], "expired_token") << "a code is good for one token";
  EXPECT_NE(browser.get("/device").body.find("Sign in"), std::string::npos)
      << "one decision, one sign-in";
}

TEST_F(DeviceFlow, KeepsTheDeviceOutWhenThePersonRefuses) {
  Browser browser(*replica_);
  browser.get("/device");
  browser.submit("/device/sign-in", browser.sign_in_form(code_));
  browser.get("/device?user_code=" + code_);
  EXPECT_EQ(browser.submit("/device/confirm", browser.decision(code_, "deny")).status, 200);
  EXPECT_EQ(Replica::json_of(poll())["error"], "access_denied");
}

TEST_F(DeviceFlow, KeepsTheDeviceOutWhenTheUserIsDisabledMeanwhile) {
  ASSERT_TRUE(*DeviceStore(*database_, system_clock()).decide(code_, "alice", true));
  ASSERT_TRUE(users().set_enabled("alice", false));
  EXPECT_EQ(Replica::json_of(poll())["error"], "access_denied");
}

TEST_F(DeviceFlow, TakesItsPublicAddressForItsOwn) {
  Browser browser(*replica_);
  browser.get("/device");
  EXPECT_EQ(browser
                .submit("/device/sign-in", browser.sign_in_form(code_),
                        {{"Origin", "https://vend.example.com"}})
                .status,
            303);
}

TEST_F(DeviceFlow, BelievesNoFormOfAnotherSite) {
  Browser browser(*replica_);
  browser.get("/device");
  const std::string good = browser.sign_in_form(code_);
  EXPECT_EQ(browser.submit("/device/sign-in", good, {{"Origin", "https://evil.example"}}).status,
            403);
  EXPECT_EQ(browser.submit("/device/sign-in", good, {{"Origin", "null"}}).status, 403);
  EXPECT_EQ(browser.submit("/device/sign-in", good, {{"Sec-Fetch-Site", "cross-site"}}).status,
            403);
  EXPECT_EQ(browser
                .submit("/device/sign-in",
                        "user_code=" + code_ + "&username=alice&password=canary-password")
                .status,
            403);
  Browser other(*replica_);  // whose cookie is not the one that the key belongs to
  other.get("/device");
  EXPECT_EQ(other.submit("/device/sign-in", good).status, 403);
  EXPECT_EQ(replica_->post("/device/sign-in", {}, good).status, 403) << "no cookie at all";
  ASSERT_EQ(browser.submit("/device/sign-in", good, {{"Origin", replica_->server().url()}}).status,
            303);
  EXPECT_EQ(browser.submit("/device/confirm", browser.decision(code_, "allow")).status, 403)
      << "the key of the form before the sign-in";
  EXPECT_EQ(Replica::json_of(poll())["error"], "authorization_pending");
}

TEST_F(DeviceFlow, SaysWhatIsWrongAndAsksAgain) {
  Browser browser(*replica_);
  browser.get("/device");
  const auto wrong = browser.submit("/device/sign-in", browser.sign_in_form(code_, "wrong"));
  EXPECT_EQ(wrong.status, 401);
  EXPECT_NE(wrong.body.find("wrong password"), std::string::npos);
  browser.submit("/device/sign-in", browser.sign_in_form(code_));
  EXPECT_EQ(browser.get("/device?user_code=BCDF-GHJK").status, 404);
  for (int i = 0; i < 12; ++i) browser.get("/device?user_code=BCDF-GHJK");
  EXPECT_EQ(browser.get("/device?user_code=" + code_).status, 429) << "somebody guesses codes";
}

TEST_F(DeviceFlow, LetsNobodyGuessCodesWhereTheyAreConfirmed) {
  Browser browser(*replica_);
  browser.get("/device");
  browser.submit("/device/sign-in", browser.sign_in_form(code_));
  browser.get("/device?user_code=" + code_);
  EXPECT_EQ(browser.submit("/device/confirm", browser.decision("BCDF-GHJK", "deny")).status, 404);
  for (int i = 0; i < 12; ++i)
    browser.submit("/device/confirm", browser.decision("BCDF-GHJK", "deny"));
  EXPECT_EQ(browser.submit("/device/confirm", browser.decision(code_, "allow")).status, 429);
  EXPECT_EQ(Replica::json_of(poll())["error"], "authorization_pending");
}

TEST_F(DeviceFlow, ShowsPagesThatNothingCanBePutInto) {
  Browser browser(*replica_);
  const auto page = browser.get("/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  const std::string policy = *http::find_header(page.headers, "Content-Security-Policy");
  for (const char* part :
       {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"})
    EXPECT_NE(policy.find(part), std::string::npos) << part;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(*http::find_header(page.headers, "X-Content-Type-Options"), "nosniff");
  const std::string cookie = *http::find_header(page.headers, "Set-Cookie");
  EXPECT_NE(cookie.find("HttpOnly; SameSite=Strict"), std::string::npos);
  EXPECT_EQ(as_html("<a href=\"x\" o='y'>&"), "&lt;a href=&quot;x&quot; o=&#39;y&#39;&gt;&amp;");
  EXPECT_EQ(browser.get("/device/style.css").status, 200);
}

}  // namespace
}  // namespace stsfs::vend
