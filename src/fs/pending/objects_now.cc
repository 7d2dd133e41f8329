#include "objects_now.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>

#include "fan_out.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kAsksAtOnce = 64;
/// Up to so many are asked for one by one: a listing may show many others beside them.
constexpr std::size_t kNotListed = 4;
constexpr std::size_t kListedMax = 1000;

/// What is listed after it begins at the key, or a little before it.
std::string just_before(std::string key) {
  const auto is_inside_character = [&] {
    return (static_cast<unsigned char>(key.back()) & 0xC0U) == 0x80U;
  };
  while (!key.empty() && is_inside_character()) key.pop_back();
  if (!key.empty()) key.pop_back();
  return key;
}

/// As far as they have their directories in common.
std::string common_prefix(std::string_view one, std::string_view other, const std::string& least) {
  const auto differ = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first;
  const std::string_view common = one.substr(0, static_cast<std::size_t>(differ - one.begin()));
  const auto slash = common.rfind('/');
  if (slash == std::string_view::npos || slash < least.size()) return least;
  return std::string(common.substr(0, slash + 1));
}

class Asking {
 public:
  Asking(oss::ObjectStore& store, const Clock& clock, const std::vector<std::string>& keys,
         const std::string& prefix, Deadline deadline, Interrupt* interrupt)
      : store_(store),
        clock_(clock),
        keys_(keys),
        prefix_(prefix),
        deadline_(deadline),
        interrupt_(interrupt),
        places_(keys.size()),
        out_(keys.size()) {
    std::iota(places_.begin(), places_.end(), std::size_t{0});
    std::sort(places_.begin(), places_.end(),
              [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  }

  std::vector<ObjectNow> ask() && {
    std::span<const std::size_t> left = places_;
    while (!left.empty()) {
      if (left.size() > kNotListed) {
        const std::size_t listed = list(left);
        left = left.subspan(listed);
        if (listed >= kAsksAtOnce) continue;  // it was worth it
      }
      const auto some = left.first(std::min(left.size(), kAsksAtOnce));
      one_by_one(some);
      left = left.subspan(some.size());
    }
    return std::move(out_);
  }

 private:
  const std::string& key(std::size_t place) const { return keys_[place]; }

  /// Returns how many of them, from the first on, the page tells of.
  std::size_t list(std::span<const std::size_t> places) {
    oss::ListRequest request;
    request.prefix = common_prefix(key(places.front()), key(places.back()), prefix_);
    request.start_after = just_before(key(places.front()));
    if (request.start_after.size() <= request.prefix.size()) request.start_after.clear();
    request.keys_max = static_cast<int>(std::min(kListedMax, 4 * places.size()));
    const SteadyTime asked = clock_.steady();
    const auto page = await<oss::ListPage>(interrupt_, [&](Callback<oss::ListPage> done) {
      return store_.start_list(request, deadline_, std::move(done));
    });
    const SteadyTime answered = clock_.steady();
    const bool is_last = !page || page->next_token.empty();
    std::size_t told = 0;
    auto object = page ? page->objects.begin() : std::vector<oss::ListEntry>::const_iterator();
    for (const std::size_t place : places) {
      ObjectNow& now = out_[place];
      now.asked = asked;
      now.answered = answered;
      ++told;
      if (!page) {
        now.brief = fail(page.error());
        continue;
      }
      while (object != page->objects.end() && object->key < key(place)) ++object;
      if (object == page->objects.end()) {
        if (is_last) continue;
        return told - 1;
      }
      if (object->key != key(place)) continue;
      now.brief = oss::ObjectBrief{.size_bytes = object->size_bytes,
                                   .etag = object->etag,
                                   .last_modified = object->last_modified,
                                   .type = object->type,
                                   .server_time = page->server_time};
    }
    return told;
  }

  void one_by_one(std::span<const std::size_t> places) {
    std::vector<SteadyTime> asked(places.size());
    std::vector<Result<oss::ObjectBrief>> briefs = fan_out<oss::ObjectBrief>(
        interrupt_, places.size(), kAsksAtOnce,
        [&](std::size_t i, Callback<oss::ObjectBrief> done) {
          asked[i] = clock_.steady();
          return store_.start_brief(key(places[i]), deadline_, std::move(done));
        });
    const SteadyTime answered = clock_.steady();
    for (std::size_t i = 0; i < places.size(); ++i)
      out_[places[i]] = {std::move(briefs[i]), asked[i], answered};
  }

  oss::ObjectStore& store_;
  const Clock& clock_;
  const std::vector<std::string>& keys_;
  const std::string& prefix_;
  const Deadline deadline_;
  Interrupt* const interrupt_;
  std::vector<std::size_t> places_;  // in the order of their keys
  std::vector<ObjectNow> out_;
};

}  // namespace

std::vector<ObjectNow> objects_now(oss::ObjectStore& store, const Clock& clock,
                                   const std::vector<std::string>& keys, const std::string& prefix,
                                   Deadline deadline, Interrupt* interrupt) {
  return Asking(store, clock, keys, prefix, deadline, interrupt).ask();
}

}  // namespace stsfs::fs
