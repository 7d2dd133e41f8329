#include <utility>

#include "answer.h"
#include "stsfs/base/command.h"
#include "stsfs/base/text.h"
#include "stsfs/credentials/sources.h"

namespace stsfs::credentials {
namespace {

class ProcessSource final : public Source {
 public:
  ProcessSource(std::vector<std::string> command, const Clock& clock)
      : command_(std::move(command)), clock_(clock) {}

  // Without its arguments: one of them may be a secret.
  std::string describe() const override { return "process " + printable(command_.front()); }

  Result<Grant> fetch(const std::string& rejected_access_key_id, Deadline deadline,
                      Interrupt& interrupt) override {
    const auto output =
        run_command(command_, {.output_max_bytes = kAnswerMaxBytes}, clock_, deadline, interrupt);
    if (!output) return fail(output.error(), "credentials");
    auto grant = parse_grant(output->reveal(), KeyKind::kAny);
    if (!grant) return fail(std::move(grant.error()), describe());
    if (grant->credential.access_key_id == rejected_access_key_id)
      return fail(Errc::kCredential, "OSS refused the key of " + describe() +
                                         ", and it prints the same one again; remedy: run it by "
                                         "hand to see why");
    return grant;
  }

 private:
  const std::vector<std::string> command_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<Source> process_source(std::vector<std::string> command, const Clock& clock) {
  return std::make_unique<ProcessSource>(std::move(command), clock);
}

}  // namespace stsfs::credentials
