#pragma once

#include <string>

#include "stsfs/base/text.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fakes {

/// Keeps what it is given.
class TextSink final : public oss::ReadSink {
 public:
  Result<void> begin(const oss::ObjectMeta& given) override {
    meta = given;
    ++begins;
    return {};
  }
  Result<void> write(std::span<const std::byte> bytes) override {
    text.append(as_text(bytes));
    return {};
  }
  oss::ObjectMeta meta;
  std::string text;
  int begins = 0;
};

}  // namespace stsfs::fakes
