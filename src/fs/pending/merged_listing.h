#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/chain.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// What differs between the bucket and the tree that is to be seen.
struct ListingOverlay {
  struct Move {
    std::string from, to;     ///< Keys of directories: what lies below `from` is seen below `to`.
    bool is_removed = false;  ///< There is no directory at `to` any more.
    /// Keys below `from` that were copied, and are seen where they are now.
    std::function<bool(std::string_view key)> is_moved;
  };
  std::vector<Move> moves;
  std::function<bool(std::string_view key, std::string_view etag)> hides;
};

/// One page of a listing as it is to be seen: merged from the listing that was asked for and those
/// of trees that are seen in other places, in the order of the keys.
///
/// A tree under way is listed where it comes from before where it goes to, so that an object that
/// is moved between the two requests is seen at least once.
class MergedListing : public std::enable_shared_from_this<MergedListing> {
 public:
  /// `request.start_after` says where it begins; a continuation token is not heeded.
  MergedListing(oss::ObjectStore& store, oss::ListRequest request, Deadline deadline,
                ListingOverlay overlay, Callback<oss::ListPage> done);
  Transfer start();

 private:
  struct Item {
    std::string key;  // as it is seen; of a common prefix with its delimiter
    bool is_prefix = false;
    oss::ListEntry entry;
  };
  struct Source {
    const ListingOverlay::Move* move = nullptr;  // null: what was asked for itself
    std::string prefix;                          // as it is in the bucket
    std::string after;                           // likewise
    std::deque<Item> items;
    bool ended = false;
  };

  void add_source(const ListingOverlay::Move& move);
  void go_on();
  Source* lacking();
  void fill(Source& source);
  void take(Source& source, const oss::ListPage& page);
  void take_item(Source& source, Item item);
  bool emit_next();
  bool is_seen(const Source& source, const Item& item) const;

  oss::ObjectStore& store_;
  const oss::ListRequest request_;
  const Deadline deadline_;
  const ListingOverlay overlay_;
  Callback<oss::ListPage> done_;
  std::vector<Source> sources_;  // the first is the listing that was asked for
  bool asked_is_moved_ = false;
  oss::ListPage page_;
  std::string last_;  // emitted
  Chain chain_;
};

/// A key that comes after everything that begins with `prefix`, as far as keys are UTF-8.
std::string after_all_below(std::string prefix);

}  // namespace stsfs::fs
