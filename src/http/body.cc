#include "stsfs/http/body.h"

#include <algorithm>
#include <cstring>

#include "stsfs/base/text.h"

namespace stsfs::http {
namespace {

class MemoryBody final : public BodySource {
 public:
  explicit MemoryBody(std::string bytes) : bytes_(std::move(bytes)) {}

  std::uint64_t size_bytes() const override { return bytes_.size(); }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(buffer.size(), bytes_.size() - offset);
    std::memcpy(buffer.data(), bytes_.data() + offset, count);
    return count;
  }

 private:
  const std::string bytes_;
};

}  // namespace

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const Header& header : headers)
    if (equals_ignoring_case(header.name, name)) return &header.value;
  return nullptr;
}

std::shared_ptr<BodySource> memory_body(std::string bytes) {
  return std::make_shared<MemoryBody>(std::move(bytes));
}

}  // namespace stsfs::http
