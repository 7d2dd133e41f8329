// The same directories on their way: page by page, each object copied, then deleted.

#include <algorithm>

#include "carried_tags.h"
#include "fan_out.h"
#include "gone.h"
#include "moved_links.h"
#include "naming/conflict_name.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"
#include "tree_moves.h"

namespace stsfs::fs {
namespace {

/// Of one object, so that the others can go on.
bool is_of_one_object(Errc code) {
  return code == Errc::kArchived || code == Errc::kNameTooLong || code == Errc::kTooLarge ||
         code == Errc::kInvalid;
}

bool is_archived(const oss::ListEntry& object) {
  return object.storage_class.find("Archive") != std::string::npos &&
         object.restore.find("ongoing-request=\"false\"") == std::string::npos;
}

/// As far as HEAD tells. A copy need not tell a CRC-64, but it has the number of the write.
bool have_same_bytes(const oss::ObjectMeta& one, const oss::ObjectMeta& other) {
  if (one.etag == other.etag) return true;
  if (one.size_bytes != other.size_bytes) return false;
  if (one.crc64 && other.crc64) return *one.crc64 == *other.crc64;
  const auto write = one.headers.user.find(oss::kWriteIdName);
  const auto same = other.headers.user.find(oss::kWriteIdName);
  return write != one.headers.user.end() && same != other.headers.user.end() &&
         write->second == same->second;
}

std::string parent_of(std::string_view directory_key) {
  directory_key.remove_suffix(1);
  const auto slash = directory_key.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(directory_key.substr(0, slash + 1));
}

}  // namespace

Result<void> TreeMoves::check_move(const oss::ListEntry& object, const std::string& from,
                                   const std::string& to) {
  if (object.key.size() - from.size() + to.size() > oss::kKeySizeMax)
    return fail(Errc::kNameTooLong,
                "below the new name the key of " + printable(object.key) + " would be too long");
  if (is_archived(object))
    return fail(Errc::kArchived, printable(object.key) + " is archived (" + object.storage_class +
                                     ") and cannot be copied before it is restored");
  return {};
}

Result<TreeMoves::Listed> TreeMoves::list(const std::string& prefix, const std::string& after) {
  auto page = await<oss::ListPage>(&ending_, [&](Callback<oss::ListPage> done) {
    return store_.start_list({.prefix = prefix, .start_after = after}, deadline(), std::move(done));
  });
  if (!page) return fail(std::move(page.error()));
  return Listed{std::move(page->objects), page->next_token.empty()};
}

/// Until a listing from the start shows nothing any more.
Result<void> TreeMoves::roll_forward(const MovePointer& move) {
  const std::string& from = move->entry.from;
  auto at_once = by_server_.take_up(move->entry.from, move->entry.to, &ending_);
  if (!at_once) return fail(std::move(at_once.error()));
  if (*at_once) return {};
  if (move->keeps_parent) {
    auto kept = removals_.keep_directory(parent_of(from), from, &ending_);
    if (!kept) return kept;
    move->keeps_parent = false;
  }
  std::optional<Error> failed;
  std::string after;
  Page planned = std::move(move->planned);
  move->planned.clear();
  const auto moved = [&](const Page& page) -> Result<void> {
    auto done = move_page(move, page, after);
    if (!done && !is_of_one_object(done.error().code)) return done;
    if (!done) failed = done.error();
    after = page.back().key;
    return {};
  };
  for (std::size_t at = 0; at < planned.size(); at += oss::kDeleteManyMax) {
    const auto first = planned.begin() + static_cast<std::ptrdiff_t>(at);
    const auto count = std::min(oss::kDeleteManyMax, planned.size() - at);
    if (auto done = moved(Page(first, first + static_cast<std::ptrdiff_t>(count))); !done)
      return done;
  }
  if (move->planned_all) after.clear();
  for (;;) {
    auto page = list(from, after);
    if (!page) return fail(std::move(page.error()));
    const bool is_end = page->objects.empty();
    if (is_end && failed) return fail(std::move(*failed));
    if (is_end && after.empty()) return {};
    if (is_end) {
      after.clear();
      continue;
    }
    if (auto done = moved(page->objects); !done) return done;
  }
}

Result<void> TreeMoves::move_page(const MovePointer& move, const Page& page,
                                  const std::string& after) {
  std::optional<Error> failed;
  for (std::size_t at = 0; at < page.size();) {
    serve_urgent();
    Page some;
    for (; at < page.size() && some.size() < options_.copies_at_once; ++at)
      if (!is_copied(move, page[at])) some.push_back(page[at]);
    auto copied = copy_some(move, some);
    if (!copied && !is_of_one_object(copied.error().code)) return copied;
    if (!copied) failed = copied.error();
  }
  if (auto deleted = delete_copied(move, page, after); !deleted) return deleted;
  if (failed) return fail(std::move(*failed));
  return {};
}

Result<void> TreeMoves::copy_some(const MovePointer& move, const Page& objects) {
  Result<void> out;
  const auto written = fan_out<oss::Written>(
      &ending_, objects.size(), options_.copies_at_once,
      [&](std::size_t i, Callback<oss::Written> done) -> Transfer {
        if (auto good = check_move(objects[i], move->entry.from, move->entry.to); !good) {
          done(fail(std::move(good.error())));
          return Transfer();
        }
        return start_copy(move, objects[i], std::move(done));
      });
  for (std::size_t i = 0; i < objects.size(); ++i)
    if (auto done = copied(move, objects[i], written[i]);
        !done && (out || !is_of_one_object(done.error().code)))
      out = fail(std::move(done.error()), "rename of " + printable(objects[i].key));
  return out;
}

/// With what does not go along by itself: the class, which would be that of the bucket; where it
/// goes in parts, which inherit nothing, all that it has.
Result<oss::CopyOptions> TreeMoves::copy_of(const oss::ListEntry& object) {
  oss::CopyOptions out{.source_key = object.key, .source_etag = object.etag};
  out.put.storage_class = object.storage_class;
  if (object.type == oss::ObjectType::kSymlink) out.source_etag.clear();
  if (object.type == oss::ObjectType::kSymlink ||
      object.size_bytes < options_.upload.plan.copy_size_max)
    return out;
  auto meta = await<oss::ObjectMeta>(&ending_, [&](Callback<oss::ObjectMeta> got) {
    return store_.start_head(object.key, deadline(), std::move(got));
  });
  if (!meta) return fail(std::move(meta.error()));
  out.put.headers = std::move(meta->headers);
  if (meta->tagging_count == 0) return out;
  auto tags = tags_to_carry(await<std::string>(&ending_,
                                               [&](Callback<std::string> got) {
                                                 return store_.start_get_tagging(
                                                     object.key, deadline(), std::move(got));
                                               }),
                            object.key);
  if (!tags) return fail(std::move(tags.error()));
  out.put.tagging = std::move(*tags);
  return out;
}

Transfer TreeMoves::start_copy(const MovePointer& move, const oss::ListEntry& object,
                               Callback<oss::Written> done) {
  const std::string new_key = move->entry.to + object.key.substr(move->entry.from.size());
  auto copy = copy_of(object);
  if (!copy) {
    done(fail(std::move(copy.error())));
    return Transfer();
  }
  // The directory's own object is the one that is renamed, whatever was there.
  copy->put.forbid_overwrite = object.key != move->entry.from;
  if (object.type == oss::ObjectType::kSymlink)
    return start_link_move(store_, {move->entry.from, move->entry.to}, object.key, copy->put,
                           deadline(), std::move(done));
  return staging::start_copy(store_, clock_, new_key, std::move(*copy), object.size_bytes,
                             options_.upload, std::move(done));
}

/// What is gone or changed since it was listed is met again by the next listing.
Result<void> TreeMoves::copied(const MovePointer& move, const oss::ListEntry& object,
                               Result<oss::Written> written) {
  const std::string new_key = move->entry.to + object.key.substr(move->entry.from.size());
  std::string new_etag;
  if (!written && written.error().code == Errc::kExists) {
    auto found = found_at_new_key(move, object, new_key);
    if (!found) return fail(std::move(found.error()));
    new_etag = std::move(*found);
  } else if (!written) {
    if (is_gone(written.error())) return {};
    return fail(std::move(written.error()));
  } else {
    new_etag = std::move(written->etag);
  }
  const bool is_another = !new_etag.empty() && new_etag != object.etag;
  if (is_another)
    if (auto told = moved_(new_key, object.etag, new_etag); !told) return told;
  {
    MutexLock lock(mutex_);
    move->moved.copied(object.key, object.etag);
  }
  if (is_another && options_.left) options_.left(new_key, object.etag);
  return {};
}

/// Ours from before a kill, whose ETag this is; or another client's: then ours goes beside it.
Result<std::string> TreeMoves::found_at_new_key(const MovePointer& move,
                                                const oss::ListEntry& object,
                                                const std::string& new_key) {
  if (object.key.ends_with('/') && object.size_bytes == 0) return "";
  const bool is_link = object.type == oss::ObjectType::kSymlink;
  auto ours = is_link ? moved_link(store_, {move->entry.from, move->entry.to}, object.key,
                                   deadline(), &ending_)
                      : moved_file(object, new_key);
  if (!ours) return fail(std::move(ours.error()));
  if (*ours) return std::move(**ours);
  if (auto kept = keep_beside(object, new_key); !kept) return fail(std::move(kept.error()));
  return "";
}

/// The ETag of its copy; nullopt: it is none. "" when there is nothing to be told of it.
Result<std::optional<std::string>> TreeMoves::moved_file(const oss::ListEntry& object,
                                                         const std::string& new_key) {
  const std::string keys[] = {object.key, new_key};
  auto metas =
      fan_out<oss::ObjectMeta>(&ending_, 2, 2, [&](std::size_t i, Callback<oss::ObjectMeta> done) {
        return store_.start_head(keys[i], deadline(), std::move(done));
      });
  if (metas[0] && metas[1] && have_same_bytes(*metas[0], *metas[1]))
    return std::optional(metas[1]->etag);
  for (const auto& meta : metas) {
    const bool is_link = !meta && meta.error().code == Errc::kLoop;  // another client's
    if (!meta && meta.error().code != Errc::kNotFound && !is_link) return fail(meta.error());
  }
  return std::optional<std::string>();
}

Result<void> TreeMoves::keep_beside(const oss::ListEntry& object, const std::string& new_key) {
  const auto marked = with_mark(new_key, conflict_mark(clock_.wall()));
  if (!marked)
    return fail(Errc::kNameTooLong, printable(new_key) + ": no room for a conflict name beside it");
  const std::string& beside = *marked;
  auto copy = copy_of(object);
  if (!copy) return fail(std::move(copy.error()));
  copy->put.forbid_overwrite = true;
  auto written = await<oss::Written>(&ending_, [&](Callback<oss::Written> done) {
    return staging::start_copy(store_, clock_, beside, std::move(*copy), object.size_bytes,
                               options_.upload, std::move(done));
  });
  if (!written) return fail(std::move(written.error()));
  log_warning("fs", "{}: another client has an object of that name; what was renamed to it is {}",
              printable(new_key), printable(beside));
  return {};
}

/// Only what a listing of this moment shows to be what was copied.
Result<void> TreeMoves::delete_copied(const MovePointer& move, const Page& page,
                                      const std::string& after) {
  auto now = list(move->entry.from, after);
  if (!now) return fail(std::move(now.error()));
  const bool is_whole = now->is_last || now->objects.back().key >= page.back().key;
  const std::string& last = is_whole ? page.back().key : now->objects.back().key;
  bool is_all = true;
  std::vector<oss::Doomed> doomed;
  for (const oss::ListEntry& object : now->objects) {
    if (object.key > last) continue;
    if (is_copied(move, object))
      doomed.push_back({object.key, object.etag});
    else
      is_all = false;
  }
  const auto passed = [&, count = doomed.size()] {
    MutexLock lock(mutex_);
    move->done += count;
    move->moved.passed(after, last, is_all);
  };
  if (doomed.empty()) {
    passed();
    return {};
  }
  auto left =
      await<std::vector<std::string>>(&ending_, [&](Callback<std::vector<std::string>> done) {
        return store_.start_delete_many(std::move(doomed), deadline(), std::move(done));
      });
  if (!left) return fail(std::move(left.error()));
  for (const std::string& key : *left) {
    if (auto gone = remove(key, etag_copied(move, key).value_or("")); !gone)
      return fail(std::move(gone.error()), "the old name of what was renamed");
  }
  passed();
  return {};
}

}  // namespace stsfs::fs
