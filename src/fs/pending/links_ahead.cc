#include "links_ahead.h"

#include "fan_out.h"
#include "stsfs/base/await.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kLinksAtOnce = 64;
constexpr std::size_t kLinksKnownMax = 1'024;
constexpr std::chrono::seconds kLinksGoodFor{1};

/// `content_key` and `token` of a token's key.
std::pair<std::string, std::string> token_parts(const std::string& key) {
  const auto dot = key.rfind('.');
  const auto slash = key.rfind('/');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return {key, ""};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

}  // namespace

std::optional<LinksAhead::Linked> LinksAhead::find(const std::string& content_key) const {
  MutexLock lock(mutex_);
  const auto found = known_.find(content_key);
  if (found == known_.end() || clock_.steady() - found->second.asked >= kLinksGoodFor)
    return std::nullopt;
  return found->second;
}

void LinksAhead::forget() {
  MutexLock lock(mutex_);
  ++changes_;
  known_.clear();
}

/// Of the files of one area: where a folder lies within this one there may be another.
void LinksAhead::ask(const Context& context, const std::vector<std::string>& content_keys) {
  if (content_keys.empty()) return;
  const std::string area = content_keys.front().substr(0, content_keys.front().rfind('/') + 1);
  std::uint64_t changes = 0;
  {
    MutexLock lock(mutex_);
    changes = changes_;
  }
  const SteadyTime asked = clock_.steady();
  auto waiter = std::make_shared<Waiter<oss::ListPage>>();
  Transfer listing;
  const bool all_listed = !is_large_;
  if (all_listed)
    listing = store_.start_list({.prefix = area}, context.deadline, waiter->callback());
  auto contents = fan_out<oss::ObjectMeta>(
      context.interrupt, content_keys.size(), kLinksAtOnce,
      [&](std::size_t i, Callback<oss::ObjectMeta> done) {
        return store_.start_head(content_keys[i], context.deadline, std::move(done));
      });
  Tokens tokens;
  if (all_listed) {
    const auto page = waiter->wait(context.interrupt);
    if (!page) return;
    is_large_ = !page->next_token.empty();
    for (const oss::ListEntry& object : page->objects) {
      auto [content_key, token] = token_parts(object.key);
      if (!token.empty()) tokens[content_key].insert(std::move(token));
    }
  }
  if (is_large_) tokens = list_each(context, content_keys);
  MutexLock lock(mutex_);
  if (changes_ != changes) return;
  if (known_.size() > kLinksKnownMax) known_.clear();
  for (std::size_t i = 0; i < content_keys.size(); ++i) {
    const auto counted = tokens.find(content_keys[i]);
    if (contents[i] && counted != tokens.end())
      known_[content_keys[i]] = {std::move(*contents[i]), std::move(counted->second), asked};
  }
}

LinksAhead::Tokens LinksAhead::list_each(const Context& context,
                                         const std::vector<std::string>& content_keys) {
  const auto pages =
      fan_out<oss::ListPage>(context.interrupt, content_keys.size(), kLinksAtOnce,
                             [&](std::size_t i, Callback<oss::ListPage> done) {
                               return store_.start_list({.prefix = content_keys[i] + "."},
                                                        context.deadline, std::move(done));
                             });
  Tokens out;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!pages[i] || !pages[i]->next_token.empty()) continue;
    for (const oss::ListEntry& object : pages[i]->objects)
      out[content_keys[i]].insert(token_parts(object.key).second);
  }
  return out;
}

}  // namespace stsfs::fs
