#include "json_strict.h"

#include <nlohmann/json.hpp>

#include "stsfs/sign/strict_json.h"

namespace stsfs::sim {

Result<nlohmann::json> parse_json_strictly(std::string_view text) {
  if (auto strict = sign::check_json_strictly(text); !strict)
    return fail(std::move(strict.error()));
  nlohmann::json out = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (out.is_discarded()) return fail(Errc::kInvalid, "not JSON");
  return out;
}

}  // namespace stsfs::sim
