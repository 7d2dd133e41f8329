#pragma once

#include <array>
#include <string_view>

#include "switches.h"

namespace stsfs::sim {

struct SwitchName {
  std::string_view name;
  bool Switches::*member;
};

inline constexpr std::array kSwitchNames{
    SwitchName{"copy_without_crc", &Switches::copy_without_crc},
    SwitchName{"copied_objects_without_crc", &Switches::copied_objects_without_crc},
    SwitchName{"self_copy_changes_etag", &Switches::self_copy_changes_etag},
    SwitchName{"copies_get_new_etag", &Switches::copies_get_new_etag},
    SwitchName{"plain_multipart_etag", &Switches::plain_multipart_etag},
    SwitchName{"brief_with_object_type", &Switches::brief_with_object_type},
    SwitchName{"put_honours_if_match", &Switches::put_honours_if_match},
    SwitchName{"symlink_target_encoded", &Switches::symlink_target_encoded},
    SwitchName{"delete_many_partial", &Switches::delete_many_partial},
    SwitchName{"delete_many_leaves_out_denied", &Switches::delete_many_leaves_out_denied},
    SwitchName{"expired_answers_invalid_access_key_id",
               &Switches::expired_answers_invalid_access_key_id},
    SwitchName{"time_checked_before_token", &Switches::time_checked_before_token},
    SwitchName{"empty_values_signed_bare", &Switches::empty_values_signed_bare},
    SwitchName{"mismatch_without_canonical_request", &Switches::mismatch_without_canonical_request},
    SwitchName{"session_deny_falls_through_to_acl", &Switches::session_deny_falls_through_to_acl},
    SwitchName{"missing_key_needs_list_right", &Switches::missing_key_needs_list_right},
    SwitchName{"prefix_conditions_in_all_listings", &Switches::prefix_conditions_in_all_listings},
    SwitchName{"object_acl_needs_its_right", &Switches::object_acl_needs_its_right},
    SwitchName{"long_suffix_range_is_whole", &Switches::long_suffix_range_is_whole},
    SwitchName{"malformed_range_is_refused", &Switches::malformed_range_is_refused},
    SwitchName{"empty_object_range_is_whole", &Switches::empty_object_range_is_whole},
    SwitchName{"directory_put_refused", &Switches::directory_put_refused},
    SwitchName{"directories_without_metadata", &Switches::directories_without_metadata},
    SwitchName{"list_space_as_plus", &Switches::list_space_as_plus},
};

/// False when there is no such switch.
inline bool set_switch(Switches& switches, std::string_view name, bool on) {
  for (const SwitchName& known : kSwitchNames) {
    if (known.name != name) continue;
    switches.*known.member = on;
    return true;
  }
  return false;
}

}  // namespace stsfs::sim
