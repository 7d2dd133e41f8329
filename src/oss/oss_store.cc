#include "stsfs/oss/oss_store.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "answers.h"
#include "checked_bodies.h"
#include "courier.h"
#include "stsfs/base/chain.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/checks.h"

namespace stsfs::oss {
namespace {

Result<void> nothing_to_read(const http::Response&) { return {}; }

/// The first that failed of several checks.
Result<void> first_failure(std::initializer_list<Result<void>> checks) {
  for (const Result<void>& check : checks)
    if (!check) return check;
  return {};
}

Result<void> check_size(const http::BodySource& body) {
  if (body.size_bytes() <= kPutSizeMax) return {};
  return fail(Errc::kTooLarge,
              "OSS takes at most 5 GiB at once, this is " + human_bytes(body.size_bytes()));
}

Result<void> check_range(ByteRange range) {
  if (!range.empty() && range.offset <= ~std::uint64_t{0} - range.length) return {};
  return fail(Errc::kInvalid, "an impossible range of bytes");
}

Result<void> check_parts(const std::vector<Part>& parts) {
  if (parts.empty() || parts.size() > static_cast<std::size_t>(kPartsMax))
    return fail(Errc::kInvalid, fmt::format("an upload of {} parts", parts.size()));
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (parts[i].number <= parts[i - 1].number)
      return fail(Errc::kInvalid, "the parts of an upload are not in order");
  return {};
}

/// Of the whole object; nullopt when that of a part is not known.
std::optional<std::uint64_t> crc64_of(const std::vector<Part>& parts) {
  std::uint64_t crc = 0;
  for (const Part& part : parts) {
    if (!part.crc64) return std::nullopt;
    crc = crc64_combine(crc, *part.crc64, part.size_bytes);
  }
  return crc;
}

std::shared_ptr<CheckedSource> checked(std::shared_ptr<http::BodySource> body) {
  return std::make_shared<CheckedSource>(body ? std::move(body) : http::memory_body({}));
}

Error bucket_gone(Error error) {
  // On the bucket itself a 404 without more can only mean the bucket.
  if (error.code == Errc::kNotFound) error.code = Errc::kBucketGone;
  return error;
}

/// Gathers the pages of ListParts.
class PartsLister : public std::enable_shared_from_this<PartsLister> {
 public:
  using Ask = std::function<Transfer(int marker, Callback<PartsPage> done)>;

  PartsLister(Ask ask, Callback<std::vector<Part>> done)
      : ask_(std::move(ask)), done_(std::move(done)) {}

  void next(int marker) {
    chain_.step([&] {
      return ask_(marker, [self = shared_from_this()](Result<PartsPage> page) mutable {
        self->take(std::move(page));
      });
    });
  }
  void cancel() { chain_.cancel(); }

 private:
  void take(Result<PartsPage> page) {
    if (!page) return done_(fail(std::move(page.error())));
    std::move(page->parts.begin(), page->parts.end(), std::back_inserter(parts_));
    // Markers only grow and end at kPartsMax: so do the pages.
    if (page->next_marker != 0) return next(page->next_marker);
    done_(std::move(parts_));
  }

  const Ask ask_;
  Callback<std::vector<Part>> done_;
  std::vector<Part> parts_;
  Chain chain_;
};

/// What is to go and is not there has gone.
Callback<void> or_gone(Callback<void> done) {
  return [done = std::move(done)](Result<void> result) mutable {
    if (!result && result.error().code == Errc::kNotFound) return done({});
    done(std::move(result));
  };
}

}  // namespace

Result<std::unique_ptr<OssStore>> OssStore::create(http::Engine& engine,
                                                   credentials::Provider& provider,
                                                   const Clock& clock,
                                                   const OssStoreOptions& options) {
  auto place = Place::of(options);
  if (!place) return fail(std::move(place.error()));
  return std::unique_ptr<OssStore>(
      new OssStore(std::make_unique<Courier>(engine, provider, clock, std::move(*place), options),
                   options.hierarchical_namespace));
}

OssStore::OssStore(std::unique_ptr<Courier> courier, bool hierarchical_namespace)
    : courier_(std::move(courier)), hierarchical_namespace_(hierarchical_namespace) {}
OssStore::~OssStore() = default;

Transfer OssStore::start_list(const ListRequest& request, Deadline deadline,
                              Callback<ListPage> done) {
  RequestSpec spec = list_request(request);
  if (request.keys_max < 1 || request.keys_max > 1000)
    return courier_->refuse({Errc::kInvalid, "a page holds 1 to 1,000 keys", {}},
                            what_was_tried(spec), std::move(done));
  Callback<ListPage> finish = [done = std::move(done)](Result<ListPage> page) mutable {
    if (!page) page = fail(bucket_gone(std::move(page.error())));
    done(std::move(page));
  };
  return courier_->run(std::move(spec), deadline, std::move(finish),
                       [this, request](const http::Response& response) {
                         return read_list(response, request, courier_->now());
                       });
}

Transfer OssStore::start_head(std::string_view key, Deadline deadline, Callback<ObjectMeta> done) {
  RequestSpec spec = head_request(key);
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done),
                       [this, key = std::string(key)](const http::Response& response) {
                         auto meta = read_head(response.headers, courier_->now());
                         if (meta && is_directory_without_slash(key, *meta))
                           meta = fail(Errc::kNotFound, "a directory has the name");
                         return meta;
                       });
}

/// A real directory answers to its name without the slash, too. Its key has one: else it would be
/// a file to who has just seen in a listing that no directory is there.
bool OssStore::is_directory_without_slash(std::string_view key, const ObjectMeta& meta) const {
  return hierarchical_namespace_ && !key.ends_with('/') && meta.size_bytes == 0 &&
         meta.headers.content_type == kDirectoryType;
}

Transfer OssStore::start_brief(std::string_view key, Deadline deadline,
                               Callback<ObjectBrief> done) {
  RequestSpec spec = brief_request(key);
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done),
                       [this](const http::Response& response) {
                         return read_brief(response.headers, courier_->now());
                       });
}

Transfer OssStore::start_get(std::string_view key, std::string_view etag, ByteRange range,
                             ReadSink& sink, Deadline deadline, Callback<void> done) {
  RequestSpec spec = get_request(key, etag, range);
  if (auto good = first_failure({check_key(key), check_range(range)}); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  auto checked_sink =
      std::make_shared<CheckedSink>(sink, range, std::string(etag), courier_->now());
  return courier_->run(
      std::move(spec), deadline, std::move(done),
      [checked_sink](const http::Response&) { return checked_sink->finish(); }, checked_sink);
}

Transfer OssStore::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                             const PutOptions& options, Deadline deadline, Callback<Written> done) {
  const auto source = checked(std::move(body));
  RequestSpec spec = put_request(key, source, options);
  if (auto good = first_failure({check_key(key), check_options(options), check_size(*source)});
      !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done),
                       [this, source](const http::Response& response) -> Result<Written> {
                         auto written = read_written(response, courier_->now());
                         if (!written) return written;
                         if (auto right = source->check(written->crc64); !right)
                           return fail(right.error());
                         return written;
                       });
}

Transfer OssStore::start_copy(std::string_view key, const CopyOptions& options, Deadline deadline,
                              Callback<Written> done) {
  RequestSpec spec = copy_request(courier_->bucket(), key, options);
  if (auto good = first_failure(
          {check_key(key), check_key(options.source_key), check_options(options.put)});
      !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done),
                       [this](const http::Response& response) {
                         return read_written_xml(response, "CopyObjectResult", courier_->now());
                       });
}

Transfer OssStore::start_delete(std::string_view key, std::string_view /*etag*/, Deadline deadline,
                                Callback<void> done) {
  RequestSpec spec = hierarchical_namespace_ && key.ends_with('/') ? delete_directory_request(key)
                                                                   : delete_request(key);
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, or_gone(std::move(done)), nothing_to_read);
}

Transfer OssStore::start_delete_many(std::vector<Doomed> doomed, Deadline deadline,
                                     Callback<std::vector<std::string>> done) {
  Result<void> good = {};
  std::vector<std::string> keys;
  keys.reserve(doomed.size());
  for (Doomed& one : doomed) keys.push_back(std::move(one.key));
  if (keys.empty() || keys.size() > kDeleteManyMax)
    good = fail(Errc::kInvalid, "1 to 1,000 keys can be deleted at once");
  for (const std::string& key : keys)
    if (good) good = check_key(key);
  // A key that XML cannot hold stays unconfirmed; DeleteObject takes it.
  std::vector<std::string> sent;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(sent), fits_xml);
  RequestSpec spec = delete_many_request(sent);
  if (!good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  if (sent.empty())
    return courier_->later(
        [keys = std::move(keys), done = std::move(done)]() mutable { done(std::move(keys)); });
  return courier_->run(
      std::move(spec), deadline, std::move(done),
      [keys = std::move(keys)](
          const http::Response& response) mutable -> Result<std::vector<std::string>> {
        const auto deleted = read_deleted(response);
        if (!deleted) return fail(deleted.error());
        const std::set<std::string_view> confirmed(deleted->begin(), deleted->end());
        std::erase_if(keys, [&](const std::string& key) { return confirmed.contains(key); });
        return std::move(keys);
      });
}

Transfer OssStore::start_initiate(std::string_view key, const PutOptions& options,
                                  Deadline deadline, Callback<std::string> done) {
  RequestSpec spec = initiate_request(key, options);
  if (auto good = first_failure({check_key(key), check_options(options)}); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done), read_upload_id);
}

Transfer OssStore::start_upload_part(std::string_view key, std::string_view upload_id, int number,
                                     std::shared_ptr<http::BodySource> body, Deadline deadline,
                                     Callback<Part> done) {
  const auto source = checked(std::move(body));
  RequestSpec spec = upload_part_request(key, upload_id, number, source);
  if (auto good = first_failure({check_key(key), check_part_number(number), check_size(*source)});
      !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done),
                       [source, number](const http::Response& response) -> Result<Part> {
                         auto part = read_part(response, number, source->size_bytes());
                         if (!part) return part;
                         if (auto right = source->check(part->crc64); !right)
                           return fail(right.error());
                         return part;
                       });
}

Transfer OssStore::start_copy_part(std::string_view key, std::string_view upload_id, int number,
                                   std::string_view source_key, std::string_view source_etag,
                                   ByteRange range, Deadline deadline, Callback<Part> done) {
  RequestSpec spec =
      copy_part_request(courier_->bucket(), key, upload_id, number, source_key, source_etag, range);
  if (auto good = first_failure(
          {check_key(key), check_key(source_key), check_part_number(number), check_range(range)});
      !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done),
                       [number, range](const http::Response& response) {
                         return read_copied_part(response, number, range);
                       });
}

Transfer OssStore::start_complete(std::string_view key, std::string_view upload_id,
                                  std::vector<Part> parts, const PutOptions& options,
                                  Deadline deadline, Callback<Written> done) {
  RequestSpec spec = complete_request(key, upload_id, parts, options);
  if (auto good = first_failure({check_key(key), check_parts(parts), check_options(options)});
      !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(
      std::move(spec), deadline, std::move(done),
      [this, ours = crc64_of(parts)](const http::Response& response) -> Result<Written> {
        auto written = read_written_xml(response, "CompleteMultipartUploadResult", courier_->now());
        if (written && ours && written->crc64 && *written->crc64 != *ours)
          return fail(Errc::kCorrupt, fmt::format("the parts have CRC-64 {}, the object has {}",
                                                  *ours, *written->crc64));
        return written;
      });
}

Transfer OssStore::start_abort(std::string_view key, std::string_view upload_id, Deadline deadline,
                               Callback<void> done) {
  RequestSpec spec = abort_request(key, upload_id);
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, or_gone(std::move(done)), nothing_to_read);
}

Transfer OssStore::start_list_parts(std::string_view key, std::string_view upload_id,
                                    Deadline deadline, Callback<std::vector<Part>> done) {
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()),
                            what_was_tried(list_parts_request(key, upload_id, 0)), std::move(done));
  auto lister = std::make_shared<PartsLister>(
      [this, key = std::string(key), id = std::string(upload_id), deadline](
          int marker, Callback<PartsPage> page_done) {
        return courier_->run(
            list_parts_request(key, id, marker), deadline, std::move(page_done),
            [marker](const http::Response& response) { return read_parts(response, marker); });
      },
      std::move(done));
  lister->next(0);
  return Transfer([lister] { lister->cancel(); });
}

Transfer OssStore::start_put_symlink(std::string_view key, std::string_view target_key,
                                     const PutOptions& options, Deadline deadline,
                                     Callback<Written> done) {
  RequestSpec spec = put_symlink_request(key, target_key, options);
  if (auto good = first_failure({check_key(key), check_key(target_key), check_options(options)});
      !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(
      std::move(spec), deadline, std::move(done),
      [this](const http::Response& response) { return read_written(response, courier_->now()); });
}

Transfer OssStore::start_get_symlink(std::string_view key, Deadline deadline,
                                     Callback<Symlink> done) {
  RequestSpec spec = get_symlink_request(key);
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(
      std::move(spec), deadline, std::move(done),
      [this](const http::Response& response) { return read_symlink(response, courier_->now()); });
}

Transfer OssStore::start_get_acl(std::string_view key, Deadline deadline,
                                 Callback<std::string> done) {
  RequestSpec spec = get_acl_request(key);
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done), read_acl);
}

Transfer OssStore::start_get_tagging(std::string_view key, Deadline deadline,
                                     Callback<std::string> done) {
  RequestSpec spec = get_tagging_request(key);
  if (auto good = check_key(key); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done), read_tagging);
}

Transfer OssStore::start_restore(std::string_view key, const RestoreRequest& request,
                                 Deadline deadline, Callback<void> done) {
  RequestSpec spec = restore_request(key, request);
  if (auto good = first_failure({check_key(key), check_restore(request)}); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done), nothing_to_read);
}

Transfer OssStore::start_rename(std::string_view from, std::string_view to, Deadline deadline,
                                Callback<void> done) {
  RequestSpec spec = rename_request(from, to);
  if (auto good = first_failure({check_key(from), check_key(to)}); !good)
    return courier_->refuse(std::move(good.error()), what_was_tried(spec), std::move(done));
  return courier_->run(std::move(spec), deadline, std::move(done), nothing_to_read);
}

}  // namespace stsfs::oss
