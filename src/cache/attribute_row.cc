// Numbers as 8 bytes, texts as a number and their bytes, in one fixed order behind a version.

#include "attribute_row.h"

#include <array>
#include <cstring>

namespace stsfs::cache {
namespace {

constexpr std::uint64_t kVersion = 3;

class Writer {
 public:
  void number(std::uint64_t value) {
    std::array<char, sizeof(value)> bytes{};
    std::memcpy(bytes.data(), &value, sizeof(value));
    out.append(bytes.data(), bytes.size());
  }
  void text(std::string_view value) {
    number(value.size());
    out.append(value);
  }
  std::string out;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (left_.size() < sizeof(value)) {
      good_ = false;
      return 0;
    }
    std::memcpy(&value, left_.data(), sizeof(value));
    left_.remove_prefix(sizeof(value));
    return value;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > left_.size()) {
      good_ = false;
      return {};
    }
    std::string out(left_.substr(0, size));
    left_.remove_prefix(size);
    return out;
  }
  bool good() const { return good_; }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
  bool good_ = true;
};

}  // namespace

std::string encode_meta(const oss::ObjectMeta& meta) {
  Writer to;
  to.number(kVersion);
  to.number(meta.size_bytes);
  to.number(static_cast<std::uint64_t>(meta.type));
  to.number(meta.crc64.has_value() ? 1 : 0);
  to.number(meta.crc64.value_or(0));
  to.number(meta.tagging_count);
  to.text(meta.storage_class);
  to.text(meta.restore);
  to.text(meta.version_id);
  to.text(meta.symlink_target);
  const oss::ObjectHeaders& headers = meta.headers;
  for (const std::string* header :
       {&headers.content_type, &headers.cache_control, &headers.content_disposition,
        &headers.content_encoding, &headers.content_language, &headers.expires,
        &headers.encryption.method, &headers.encryption.key_id, &headers.encryption.data_method})
    to.text(*header);
  to.number(headers.user.size());
  for (const auto& [name, value] : headers.user) {
    to.text(name);
    to.text(value);
  }
  return std::move(to.out);
}

std::optional<oss::ObjectMeta> decode_meta(std::string_view bytes) {
  Reader from(bytes);
  if (from.number() != kVersion) return std::nullopt;
  oss::ObjectMeta out;
  out.size_bytes = from.number();
  const std::uint64_t type = from.number();
  if (type > static_cast<std::uint64_t>(oss::ObjectType::kSymlink)) return std::nullopt;
  out.type = static_cast<oss::ObjectType>(type);
  const bool has_crc = from.number() != 0;
  const std::uint64_t crc = from.number();
  if (has_crc) out.crc64 = crc;
  out.tagging_count = from.number();
  out.storage_class = from.text();
  out.restore = from.text();
  out.version_id = from.text();
  out.symlink_target = from.text();
  oss::ObjectHeaders& headers = out.headers;
  for (std::string* header :
       {&headers.content_type, &headers.cache_control, &headers.content_disposition,
        &headers.content_encoding, &headers.content_language, &headers.expires,
        &headers.encryption.method, &headers.encryption.key_id, &headers.encryption.data_method})
    *header = from.text();
  for (std::uint64_t left = from.number(); left > 0 && from.good(); --left) {
    std::string name = from.text();
    headers.user[std::move(name)] = from.text();
  }
  if (!from.good() || !from.at_end()) return std::nullopt;
  return out;
}

}  // namespace stsfs::cache
