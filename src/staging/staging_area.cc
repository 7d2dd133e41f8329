#include "stsfs/staging/staging_area.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kReserveStep = std::uint64_t{8} << 20;

class StagedBody final : public http::BodySource {
 public:
  StagedBody(std::shared_ptr<const StagedFile> file, std::uint64_t offset, std::uint64_t size)
      : file_(std::move(file)), offset_(offset), size_(size) {}

  std::uint64_t size_bytes() const override { return size_; }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (offset >= size_) return std::size_t{0};
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_ - offset));
    if (auto done = file_->read(buffer.first(count), offset_ + offset); !done)
      return fail(std::move(done.error()));
    return count;
  }

 private:
  const std::shared_ptr<const StagedFile> file_;
  const std::uint64_t offset_;
  const std::uint64_t size_;
};

}  // namespace

Result<std::unique_ptr<StagingArea>> StagingArea::open(const StagingOptions& options) {
  if (auto made = make_directories(options.directory, 0700); !made)
    return fail(std::move(made.error()), "staging area");
  std::unique_ptr<StagingArea> area(new StagingArea(options));
  if (auto probe = area->create(); !probe) return fail(std::move(probe.error()), "staging area");
  return area;
}

Result<std::shared_ptr<StagedFile>> StagingArea::create() {
  UniqueFd fd(::open(options_.directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) {
    // Not every filesystem knows O_TMPFILE.
    std::string path = options_.directory + "/staged-XXXXXX";
    fd.reset(mkostemp(path.data(), O_CLOEXEC));
    if (!fd) return fail_errno("create a staged file in " + printable(options_.directory));
    unlink(path.c_str());
  }
  return std::make_shared<StagedFile>(*this, std::move(fd));
}

StagedFile::~StagedFile() { area_.used_ -= charged_; }

void StagedFile::charge() {
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) return;
  const auto blocks = static_cast<std::uint64_t>(status.st_blocks) * 512;
  const std::uint64_t before = charged_.exchange(blocks);
  area_.used_ += blocks - before;  // wraps and comes out right when it shrank
}

/// So that a full disk shows before a byte is accepted. A growing file gets steps ahead of it, a
/// small one only what it needs.
Result<void> StagedFile::reserve(ByteRange range) {
  if (range.end() <= reserved_end_ && range.offset >= reserved_from_) return {};
  const std::uint64_t length =
      range.offset < kReserveStep ? range.length : std::max(range.length, kReserveStep);
  if (fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                static_cast<off_t>(length)) != 0) {
    if (errno == EOPNOTSUPP)
      return {};  // a filesystem that cannot reserve: the write itself will tell
    return fail_errno("reserve space in the staging area");
  }
  reserved_from_ = range.offset;
  reserved_end_ = range.offset + length;
  charge();
  return {};
}

Result<void> StagedFile::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  const std::uint64_t budget = area_.options_.budget_bytes;
  if (budget != 0 && area_.used_ + bytes.size() > budget)
    return fail(Errc::kNoSpace, "the staging area holds " + human_bytes(area_.used_) +
                                    " that are not in OSS yet, its budget is " +
                                    human_bytes(budget));
  if (auto ready = reserve({offset, bytes.size()}); !ready) return ready;
  return pwrite_full(fd_.get(), bytes, offset);
}

Result<void> StagedFile::read(std::span<std::byte> buffer, std::uint64_t offset) const {
  auto got = pread_full(fd_.get(), buffer, offset);
  if (!got) return fail(std::move(got.error()), "staged file");
  std::memset(buffer.data() + *got, 0, buffer.size() - *got);
  return {};
}

Result<void> StagedFile::truncate(std::uint64_t size) {
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) return fail_errno("staged file");
  if (static_cast<std::uint64_t>(status.st_size) <= size) return {};
  if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
    return fail_errno("truncate a staged file");
  charge();
  return {};
}

std::shared_ptr<http::BodySource> staged_body(std::shared_ptr<const StagedFile> file,
                                              std::uint64_t offset, std::uint64_t size) {
  return std::make_shared<StagedBody>(std::move(file), offset, size);
}

}  // namespace stsfs::staging
