#include "link_gate.h"

#include <algorithm>
#include <utility>

#include "stsfs/base/await.h"

namespace stsfs::fs {

Result<void> LinkGate::settle_links_of(const Context& context, const InodePointer& inode) {
  return await<void>(context.interrupt, [&](Callback<void> done) {
    links_.settle(inode->number, std::move(done));
    return Transfer();
  });
}

Result<NameGate::Pass> LinkGate::enter_with_all_names(const Context& context,
                                                      const std::vector<InodePointer>& files) {
  for (;;) {
    for (const InodePointer& file : files)
      if (auto made = settle_links_of(context, file); !made) return fail(std::move(made.error()));
    auto pass = gate_.enter(context, clock_);
    if (!pass) return pass;
    if (std::none_of(files.begin(), files.end(),
                     [&](const auto& file) { return links_.has(file->number); }))
      return pass;
  }
}

Result<void> LinkGate::settle_links_left_at(const Context& context, const std::string& key) {
  if (!links_.left_at(key)) return {};
  if (auto may = state_.may_wait(context); !may) return may;
  auto made = await<void>(context.interrupt, [&](Callback<void> done) {
    links_.settle(
        [&](const FreshLinks::Link& link) {
          return !link.inode && FreshLinks::concerns(link, key);
        },
        std::move(done));
    return Transfer();
  });
  if (made || made.error().code == Errc::kInterrupted) return made;
  const bool is_new_name =
      links_.any([&](const FreshLinks::Link& link) { return !link.inode && link.entry.to == key; });
  return is_new_name ? made : Result<void>();
}

Result<NameGate::Pass> LinkGate::enter_without_fresh_links(const Context& context,
                                                           const std::string& one,
                                                           const std::string& other) {
  const auto lies_below = [&](const FreshLinks::Link& link) {
    return FreshLinks::concerns(link, one) || FreshLinks::concerns(link, other);
  };
  for (;;) {
    auto made = await<void>(context.interrupt, [&](Callback<void> done) {
      links_.settle(lies_below, std::move(done));
      return Transfer();
    });
    if (!made) return fail(std::move(made.error()));
    auto alone = gate_.enter_alone(context, clock_);
    if (!alone || !links_.any(lies_below)) return alone;
  }
}

}  // namespace stsfs::fs
