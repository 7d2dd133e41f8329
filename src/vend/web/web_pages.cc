#include "web_pages.h"

#include <fmt/core.h>

namespace stsfs::vend {
namespace {

// Nothing runs, nothing is loaded but our own style sheet, forms go to us only, and no page of
// another site holds ours in a frame.
constexpr const char* kPolicy =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
    "'none'";

ServiceResponse page(int status, const std::string& title, const std::string& body) {
  ServiceResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "text/html;charset=utf-8"},
                      {"Cache-Control", "no-store"},
                      {"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"X-Frame-Options", "DENY"},
                      // Not "no-referrer": with it browsers send "Origin: null" with our own forms.
                      {"Referrer-Policy", "same-origin"}};
  response.body = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{0}</title><link rel=\"stylesheet\" "
      "href=\"/device/style.css\"></head>\n"
      "<body><main><h1>{0}</h1>\n{1}</main></body></html>\n",
      as_html(title), body);
  return response;
}

std::string complaint_html(const std::string& complaint) {
  return complaint.empty()
             ? ""
             : fmt::format("<p class=\"complaint\" role=\"alert\">{}</p>\n", as_html(complaint));
}

}  // namespace

std::string as_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

ServiceResponse sign_in_page(int status, const std::string& form_key, const std::string& user_code,
                             const std::string& complaint) {
  return page(
      status, "Sign in",
      complaint_html(complaint) +
          fmt::format(
              "<form method=\"post\" action=\"/device/sign-in\">\n"
              "<input type=\"hidden\" name=\"form_key\" value=\"{}\">\n"
              "<label>Code that the device shows\n<input name=\"user_code\" value=\"{}\" "
              "autocomplete=\"off\" autocapitalize=\"characters\" required></label>\n"
              "<label>User\n<input name=\"username\" autocomplete=\"username\" required></label>\n"
              "<label>Password\n<input name=\"password\" type=\"password\" "
              "autocomplete=\"current-password\" required></label>\n"
              "<button>Sign in</button>\n</form>\n",
              as_html(form_key), as_html(user_code)));
}

ServiceResponse code_page(int status, const std::string& user, const std::string& complaint) {
  return page(
      status, "Let a device in",
      complaint_html(complaint) +
          fmt::format(
              "<p>Signed in as <b>{}</b>.</p>\n<form method=\"get\" action=\"/device\">\n"
              "<label>Code that the device shows\n<input name=\"user_code\" autocomplete=\"off\" "
              "autocapitalize=\"characters\" required></label>\n<button>Next</button>\n</form>\n",
              as_html(user)));
}

ServiceResponse confirm_page(const std::string& form_key, const std::string& user,
                             const std::string& user_code, const std::string& address) {
  return page(
      200, "Let this device in?",
      fmt::format(
          "<p>A device at <b>{0}</b> asks for the folder of <b>{1}</b>. Let it in only if you "
          "started "
          "this, and if it shows this code:</p>\n<p class=\"code\">{2}</p>\n"
          "<form method=\"post\" action=\"/device/confirm\">\n"
          "<input type=\"hidden\" name=\"form_key\" value=\"{3}\">\n"
          "<input type=\"hidden\" name=\"user_code\" value=\"{2}\">\n"
          "<button name=\"decision\" value=\"allow\">Let it in</button>\n"
          "<button name=\"decision\" value=\"deny\" class=\"second\">Refuse</button>\n</form>\n",
          as_html(address), as_html(user), as_html(user_code), as_html(form_key)));
}

ServiceResponse message_page(int status, const std::string& title, const std::string& text) {
  return page(status, title, fmt::format("<p>{}</p>\n", as_html(text)));
}

ServiceResponse style_sheet() {
  constexpr const char* kStyle =
      R"(body { font: 1.1rem/1.5 system-ui, sans-serif; margin: 0; background: #f4f5f7; color: #1c1f23; }
main { max-width: 24rem; margin: 10vh auto; padding: 2rem; background: #fff; border-radius: .5rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
label { display: block; margin: 0 0 1rem; }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .5rem; }
button { font: inherit; padding: .5rem 1.2rem; border: 0; border-radius: .3rem; background: #1559b7; color: #fff; }
button.second { background: #e3e6ea; color: inherit; }
.code { font: 1.6rem monospace; letter-spacing: .15em; }
.complaint { color: #a01313; }
)";
  return {200,
          {{"Content-Type", "text/css;charset=utf-8"},
           {"Cache-Control", "max-age=3600"},
           {"X-Content-Type-Options", "nosniff"}},
          kStyle};
}

}  // namespace stsfs::vend
