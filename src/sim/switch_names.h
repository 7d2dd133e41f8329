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
    SwitchName{"plain_multipart_etag", &Switches::plain_multipart_etag},
    SwitchName{"brief_with_object_type", &Switches::brief_with_object_type},
    SwitchName{"put_honours_if_match", &Switches::put_honours_if_match},
    SwitchName{"symlink_target_encoded", &Switches::symlink_target_encoded},
    SwitchName{"delete_many_partial", &Switches::delete_many_partial},
    SwitchName{"expired_answers_invalid_access_key_id",
               &Switches::expired_answers_invalid_access_key_id},
    SwitchName{"long_suffix_range_is_whole", &Switches::long_suffix_range_is_whole},
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
