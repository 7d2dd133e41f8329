#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "stsfs/base/random.h"

namespace stsfs::sim {

/// What the service's keys are made of: letters and digits.
inline std::string random_letters(std::size_t count) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out;
  while (out.size() < count) out += kAlphabet[random_below(kAlphabet.size())];
  return out;
}

}  // namespace stsfs::sim
