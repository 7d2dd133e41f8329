#pragma once

#include <string>
#include <string_view>

#include "wire.h"

// The few pages that a person sees: plain HTML, no script, nothing from elsewhere.
namespace stsfs::vend {

/// `form_key` is what a form must send back to be believed (see web_routes.cc).
ServiceResponse sign_in_page(int status, const std::string& form_key, const std::string& user_code,
                             const std::string& complaint);
/// Signed in, no code yet.
ServiceResponse code_page(int status, const std::string& user, const std::string& complaint);
ServiceResponse confirm_page(const std::string& form_key, const std::string& user,
                             const std::string& user_code, const std::string& address);
ServiceResponse message_page(int status, const std::string& title, const std::string& text);
ServiceResponse style_sheet();

/// The text with what HTML gives a meaning written out; fit for contents and for attributes in
/// double quotes.
std::string as_html(std::string_view text);

}  // namespace stsfs::vend
