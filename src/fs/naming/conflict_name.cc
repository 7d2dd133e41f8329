#include "conflict_name.h"

#include <algorithm>

#include "stsfs/base/text.h"
#include "stsfs/fs/key_names.h"

namespace stsfs::fs {

std::optional<std::string> with_mark(std::string_view whole, std::string_view mark,
                                     std::size_t size_max) {
  const auto slash = whole.rfind('/');
  const std::size_t above = slash == std::string_view::npos ? 0 : slash + 1;
  if (above + mark.size() >= size_max) return std::nullopt;
  std::size_t room = size_max - above - mark.size();
  // The component of a name that is not in the key as it is may be longer.
  if (KeyNames::are_components(whole.substr(above)))
    room = std::min(room, KeyNames::kNameMax - mark.size());
  std::string out(whole.substr(0, above + std::min(room, whole.size() - above)));
  if (out.size() < whole.size() && is_valid_utf8(whole))
    while (!is_valid_utf8(out)) out.pop_back();
  return out.append(mark);
}

}  // namespace stsfs::fs
