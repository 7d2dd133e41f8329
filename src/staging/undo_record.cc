#include "undo_record.h"

#include <dirent.h>
#include <fcntl.h>

#include <array>
#include <cstring>
#include <vector>

#include "stsfs/base/crc64.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kMagic = 0x6f646e7573667473;  // "stsfundo"
constexpr char kBeside = '.';  // between the name of a staged file and the number of a moment

/// As it lies on the disk; only this machine reads it.
struct Header {
  std::uint64_t magic = kMagic;
  std::uint64_t moment = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t crc64 = 0;  // of the header without it, and of the bytes
};
static_assert(sizeof(Header) == kUndoHeaderSize);

std::uint64_t crc_of(const Header& header, std::span<const std::byte> bytes) {
  const auto fields = std::as_bytes(std::span(&header, 1)).first(offsetof(Header, crc64));
  return crc64(crc64(0, fields), bytes);
}

/// As far as the records are whole.
Result<void> read_records(int fd, std::uint64_t moment,
                          const std::function<Result<void>(std::span<const std::byte> bytes,
                                                           std::uint64_t offset)>& put) {
  std::vector<std::byte> bytes;
  for (std::uint64_t at = 0;;) {
    Header header;
    auto got = pread_full(fd, std::as_writable_bytes(std::span(&header, 1)), at);
    if (!got) return fail(std::move(got.error()));
    const bool is_one = *got == sizeof header && header.magic == kMagic &&
                        header.moment == moment && header.length <= kUndoBytesMax;
    if (!is_one) return {};
    bytes.resize(header.length);
    got = pread_full(fd, bytes, at + sizeof header);
    if (!got) return fail(std::move(got.error()));
    if (*got < bytes.size() || crc_of(header, bytes) != header.crc64) return {};
    if (auto done = put(bytes, header.offset); !done) return done;
    at += sizeof header + bytes.size();
  }
}

}  // namespace

std::string name_beside(const std::string& name, std::uint64_t moment) {
  return name + kBeside + std::to_string(moment);
}

Result<std::map<std::string, std::set<std::uint64_t>>> files_beside(const std::string& directory) {
  DIR* listing = opendir(directory.c_str());
  if (listing == nullptr) return fail_errno("list " + printable(directory));
  std::map<std::string, std::set<std::uint64_t>> out;
  while (const dirent* entry = readdir(listing)) {
    const std::string_view name = entry->d_name;
    const auto dot = name.find(kBeside);
    if (dot == std::string_view::npos || dot == 0) continue;
    if (const auto moment = parse_u64(name.substr(dot + 1)))
      out[std::string(name.substr(0, dot))].insert(*moment);
  }
  closedir(listing);
  return out;
}

void seal_undo_record(std::span<std::byte> record, std::uint64_t moment, std::uint64_t offset) {
  const auto bytes = record.subspan(kUndoHeaderSize);
  Header header{.moment = moment, .offset = offset, .length = bytes.size()};
  header.crc64 = crc_of(header, bytes);
  std::memcpy(record.data(), &header, sizeof header);
}

Result<void> undo(const std::string& directory, const std::string& name, std::uint64_t moment,
                  const std::set<std::uint64_t>& beside,
                  const std::function<Result<void>(std::span<const std::byte> bytes,
                                                   std::uint64_t offset)>& put) {
  for (auto one = beside.rbegin(); one != beside.rend() && *one >= moment; ++one) {
    const std::string path = directory + "/" + name_beside(name, *one);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail_errno("open " + printable(path));
    if (auto done = read_records(fd.get(), *one, put); !done)
      return fail(std::move(done.error()), printable(path));
  }
  return {};
}

}  // namespace stsfs::staging
