#include <optional>
#include <utility>

#include "answer.h"
#include "stsfs/base/file_watch.h"
#include "stsfs/base/private_file.h"
#include "stsfs/base/text.h"
#include "stsfs/credentials/sources.h"

namespace stsfs::credentials {
namespace {

class FileSource final : public Source {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}

  std::string describe() const override { return "file " + printable(path_); }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline, Interrupt&) override {
    stamp_ = stamp_of(path_);
    const auto text = read_private_file(path_, kAnswerMaxBytes);
    if (!text) return fail(text.error(), "credentials");
    auto grant = parse_grant(text->reveal(), KeyKind::kAny);
    if (!grant) return fail(std::move(grant.error()), printable(path_));
    if (grant->credential.access_key_id == rejected_access_key_id)
      return fail(Errc::kCredential,
                  "OSS refused the key in " + printable(path_) + "; remedy: put a valid one there");
    return grant;
  }

  void watch(std::function<void()> changed) override {
    watch_.reset();
    if (changed) watch_.emplace(path_, stamp_, std::move(changed));
  }

 private:
  const std::string path_;
  FileStamp stamp_;  // of what was read last
  std::optional<FileWatch> watch_;
};

}  // namespace

std::unique_ptr<Source> file_source(std::string path) {
  return std::make_unique<FileSource>(std::move(path));
}

}  // namespace stsfs::credentials
