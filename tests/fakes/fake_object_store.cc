#include "fake_object_store.h"

#include <algorithm>

#include "fake_bucket.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/checks.h"

namespace stsfs::fakes {
namespace {

Result<std::string> whole_body(http::BodySource* body) {
  std::string out;
  if (body == nullptr) return out;
  out.resize(body->size_bytes());
  std::size_t at = 0;
  while (at < out.size()) {
    auto given = body->read(at, std::as_writable_bytes(std::span(out)).subspan(at));
    if (!given) return fail(std::move(given.error()));
    if (*given == 0) return fail(Errc::kIo, "a body ended before its size");
    at += *given;
  }
  return out;
}

/// As the wire does it: names in lower case, no blanks around values.
oss::PutOptions as_sent(oss::PutOptions options) {
  oss::UserMetadata user;
  for (const auto& [name, value] : options.headers.user)
    user[to_lower(name)] = std::string(trim(value));
  options.headers.user = std::move(user);
  return options;
}

Result<void> check_write(const std::string& key, const oss::PutOptions& options) {
  if (auto good = oss::check_key(key); !good) return good;
  return oss::check_options(options);
}

Result<void> feed(oss::ReadSink& sink, const FakeObjectStore::Bucket::Version& version,
                  ByteRange range, std::size_t chunk_size_bytes) {
  const std::string& content = *version.content;
  if (range.offset >= content.size())
    return fail(Errc::kRange, "416 InvalidRange: behind the end of the object");
  if (auto begun = sink.begin(version.meta); !begun) return begun;
  const std::uint64_t end =
      range.offset + std::min<std::uint64_t>(range.length, content.size() - range.offset);
  for (std::uint64_t at = range.offset; at < end; at += chunk_size_bytes) {
    const std::size_t size = std::min<std::uint64_t>(chunk_size_bytes, end - at);
    const std::string_view bytes = std::string_view(content).substr(at, size);
    if (auto written = sink.write(as_bytes(bytes)); !written) return written;
  }
  return {};
}

}  // namespace

FakeObjectStore::FakeObjectStore(const Clock& clock, Executor& executor, FakeStoreOptions options)
    : clock_(clock),
      executor_(executor),
      options_(std::move(options)),
      bucket_(std::make_unique<Bucket>(clock, options_)) {}

FakeObjectStore::~FakeObjectStore() = default;

void FakeObjectStore::put(const std::string& key, std::string content, oss::UserMetadata user) {
  oss::PutOptions options;
  options.headers.user = std::move(user);
  put_with(key, std::move(content), options);
}

void FakeObjectStore::put_with(const std::string& key, std::string content,
                               const oss::PutOptions& options) {
  (void)bucket_->put(key, std::move(content), as_sent(options));
}

void FakeObjectStore::erase(const std::string& key) { (void)bucket_->erase(key); }

std::optional<std::string> FakeObjectStore::content(const std::string& key) const {
  const auto object = bucket_->find(key);
  if (!object) return std::nullopt;
  return *object->content;
}

std::optional<oss::ObjectMeta> FakeObjectStore::meta(const std::string& key) const {
  const auto object = bucket_->find(key);
  if (!object) return std::nullopt;
  return object->meta;
}

std::vector<std::string> FakeObjectStore::keys() const { return bucket_->keys(); }
std::size_t FakeObjectStore::open_uploads() const { return bucket_->open_uploads(); }
void FakeObjectStore::restore(const std::string& key) { bucket_->restore(key); }

template <class T, class Work>
Transfer FakeObjectStore::run(Deadline deadline, Callback<T> done, Work work) {
  return executor_.run([this, deadline, done = std::move(done), work = std::move(work)]() mutable {
    if (deadline.passed(clock_))
      return done(fail(Errc::kTimedOut, "the deadline passed before the answer came"));
    done(work());
  });
}

Transfer FakeObjectStore::start_list(const oss::ListRequest& request, Deadline deadline,
                                     Callback<oss::ListPage> done) {
  return run<oss::ListPage>(deadline, std::move(done),
                            [this, request] { return bucket_->list(request); });
}

Transfer FakeObjectStore::start_head(std::string_view key, Deadline deadline,
                                     Callback<oss::ObjectMeta> done) {
  return run<oss::ObjectMeta>(deadline, std::move(done),
                              [this, key = std::string(key)]() -> Result<oss::ObjectMeta> {
                                if (auto good = oss::check_key(key); !good)
                                  return fail(good.error());
                                return bucket_->head(key);
                              });
}

Transfer FakeObjectStore::start_brief(std::string_view key, Deadline deadline,
                                      Callback<oss::ObjectBrief> done) {
  return run<oss::ObjectBrief>(deadline, std::move(done),
                               [this, key = std::string(key)]() -> Result<oss::ObjectBrief> {
                                 if (auto good = oss::check_key(key); !good)
                                   return fail(good.error());
                                 return bucket_->brief(key);
                               });
}

Transfer FakeObjectStore::start_get(std::string_view key, std::string_view etag, ByteRange range,
                                    oss::ReadSink& sink, Deadline deadline, Callback<void> done) {
  return run<void>(
      deadline, std::move(done),
      [this, key = std::string(key), etag = std::string(etag), range, &sink]() -> Result<void> {
        if (auto good = oss::check_key(key); !good) return good;
        if (range.empty()) return fail(Errc::kInvalid, "an empty range");
        const auto version = bucket_->read(key, etag);
        if (!version) return fail(version.error());
        return feed(sink, *version, range, options_.chunk_size_bytes);
      });
}

Transfer FakeObjectStore::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                                    const oss::PutOptions& options, Deadline deadline,
                                    Callback<oss::Written> done) {
  return run<oss::Written>(
      deadline, std::move(done),
      [this, key = std::string(key), body = std::move(body), options]() -> Result<oss::Written> {
        if (auto good = check_write(key, options); !good) return fail(good.error());
        if (body && body->size_bytes() > oss::kPutSizeMax)
          return fail(Errc::kTooLarge, "more than 5 GiB in one put");
        auto content = whole_body(body.get());
        if (!content) return fail(std::move(content.error()));
        return bucket_->put(key, std::move(*content), as_sent(options));
      });
}

Transfer FakeObjectStore::start_copy(std::string_view key, const oss::CopyOptions& options,
                                     Deadline deadline, Callback<oss::Written> done) {
  return run<oss::Written>(deadline, std::move(done),
                           [this, key = std::string(key), options]() -> Result<oss::Written> {
                             if (auto good = check_write(key, options.put); !good)
                               return fail(good.error());
                             if (auto good = oss::check_key(options.source_key); !good)
                               return fail(good.error());
                             oss::CopyOptions sent = options;
                             sent.put = as_sent(sent.put);
                             return bucket_->copy(key, sent);
                           });
}

Transfer FakeObjectStore::start_delete(std::string_view key, std::string_view /*etag*/,
                                       Deadline deadline, Callback<void> done) {
  return run<void>(deadline, std::move(done), [this, key = std::string(key)]() -> Result<void> {
    if (auto good = oss::check_key(key); !good) return good;
    return bucket_->erase(key);
  });
}

Transfer FakeObjectStore::start_delete_many(std::vector<oss::Doomed> doomed, Deadline deadline,
                                            Callback<std::vector<std::string>> done) {
  return run<std::vector<std::string>>(
      deadline, std::move(done),
      [this, doomed = std::move(doomed)]() -> Result<std::vector<std::string>> {
        if (doomed.empty() || doomed.size() > oss::kDeleteManyMax)
          return fail(Errc::kInvalid, "1 to 1,000 keys can be deleted at once");
        for (const oss::Doomed& one : doomed)
          if (auto good = oss::check_key(one.key); !good) return fail(good.error());
        for (const oss::Doomed& one : doomed) (void)bucket_->erase(one.key);
        return std::vector<std::string>();
      });
}

Transfer FakeObjectStore::start_initiate(std::string_view key, const oss::PutOptions& options,
                                         Deadline deadline, Callback<std::string> done) {
  return run<std::string>(deadline, std::move(done),
                          [this, key = std::string(key), options]() -> Result<std::string> {
                            if (auto good = check_write(key, options); !good)
                              return fail(good.error());
                            return bucket_->initiate(key, as_sent(options));
                          });
}

Transfer FakeObjectStore::start_upload_part(std::string_view key, std::string_view upload_id,
                                            int number, std::shared_ptr<http::BodySource> body,
                                            Deadline deadline, Callback<oss::Part> done) {
  return run<oss::Part>(deadline, std::move(done),
                        [this, key = std::string(key), id = std::string(upload_id), number,
                         body = std::move(body)]() -> Result<oss::Part> {
                          if (auto good = oss::check_part_number(number); !good)
                            return fail(good.error());
                          auto content = whole_body(body.get());
                          if (!content) return fail(std::move(content.error()));
                          return bucket_->upload_part(key, id, number, std::move(*content));
                        });
}

Transfer FakeObjectStore::start_copy_part(std::string_view key, std::string_view upload_id,
                                          int number, std::string_view source_key,
                                          std::string_view source_etag, ByteRange range,
                                          Deadline deadline, Callback<oss::Part> done) {
  return run<oss::Part>(deadline, std::move(done),
                        [this, key = std::string(key), id = std::string(upload_id), number,
                         source_key = std::string(source_key),
                         source_etag = std::string(source_etag), range]() -> Result<oss::Part> {
                          if (auto good = oss::check_part_number(number); !good)
                            return fail(good.error());
                          if (range.empty()) return fail(Errc::kInvalid, "an empty range");
                          return bucket_->copy_part(key, id, number, source_key, source_etag,
                                                    range);
                        });
}

Transfer FakeObjectStore::start_complete(std::string_view key, std::string_view upload_id,
                                         std::vector<oss::Part> parts,
                                         const oss::PutOptions& options, Deadline deadline,
                                         Callback<oss::Written> done) {
  return run<oss::Written>(deadline, std::move(done),
                           [this, key = std::string(key), id = std::string(upload_id),
                            parts = std::move(parts), options]() -> Result<oss::Written> {
                             if (parts.empty())
                               return fail(Errc::kInvalid, "an upload without parts");
                             return bucket_->complete(key, id, parts, options);
                           });
}

Transfer FakeObjectStore::start_abort(std::string_view key, std::string_view upload_id,
                                      Deadline deadline, Callback<void> done) {
  return run<void>(deadline, std::move(done),
                   [this, key = std::string(key), id = std::string(upload_id)] {
                     return bucket_->abort(key, id);
                   });
}

Transfer FakeObjectStore::start_list_parts(std::string_view key, std::string_view upload_id,
                                           Deadline deadline,
                                           Callback<std::vector<oss::Part>> done) {
  return run<std::vector<oss::Part>>(deadline, std::move(done),
                                     [this, key = std::string(key), id = std::string(upload_id)] {
                                       return bucket_->list_parts(key, id);
                                     });
}

Transfer FakeObjectStore::start_put_symlink(std::string_view key, std::string_view target_key,
                                            const oss::PutOptions& options, Deadline deadline,
                                            Callback<oss::Written> done) {
  return run<oss::Written>(deadline, std::move(done),
                           [this, key = std::string(key), target = std::string(target_key),
                            options]() -> Result<oss::Written> {
                             if (options_.hierarchical_namespace)
                               return fail(Errc::kNotSupported,
                                           "no links in a hierarchical namespace");
                             if (auto good = check_write(key, options); !good)
                               return fail(good.error());
                             if (auto good = oss::check_key(target); !good)
                               return fail(good.error());
                             return bucket_->put_symlink(key, target, as_sent(options));
                           });
}

Transfer FakeObjectStore::start_get_symlink(std::string_view key, Deadline deadline,
                                            Callback<oss::Symlink> done) {
  return run<oss::Symlink>(
      deadline, std::move(done), [this, key = std::string(key)]() -> Result<oss::Symlink> {
        if (options_.hierarchical_namespace)
          return fail(Errc::kNotSupported, "no links in a hierarchical namespace");
        return bucket_->symlink(key);
      });
}

Transfer FakeObjectStore::start_get_acl(std::string_view key, Deadline deadline,
                                        Callback<std::string> done) {
  return run<std::string>(deadline, std::move(done),
                          [this, key = std::string(key)]() -> Result<std::string> {
                            const auto object = bucket_->find(key);
                            if (!object) return fail(Errc::kNotFound, "no such object: " + key);
                            return object->acl.empty() ? "default" : object->acl;
                          });
}

Transfer FakeObjectStore::start_get_tagging(std::string_view key, Deadline deadline,
                                            Callback<std::string> done) {
  return run<std::string>(deadline, std::move(done),
                          [this, key = std::string(key)]() -> Result<std::string> {
                            const auto object = bucket_->find(key);
                            if (!object) return fail(Errc::kNotFound, "no such object: " + key);
                            return object->tagging;
                          });
}

Transfer FakeObjectStore::start_restore(std::string_view key, const oss::RestoreRequest& request,
                                        Deadline deadline, Callback<void> done) {
  return run<void>(deadline, std::move(done),
                   [this, key = std::string(key), request]() -> Result<void> {
                     if (auto good = oss::check_restore(request); !good) return good;
                     return bucket_->amend(key, [](Bucket::Object& object) -> Result<void> {
                       if (object.meta.storage_class.find("Archive") == std::string::npos)
                         return fail(Errc::kNotSupported, "not archived");
                       if (object.restored) return {};
                       if (!object.meta.restore.empty())
                         return fail(Errc::kBusy, "it is being restored");
                       object.meta.restore = "ongoing-request=\"true\"";
                       return {};
                     });
                   });
}

Transfer FakeObjectStore::start_rename(std::string_view from, std::string_view to,
                                       Deadline deadline, Callback<void> done) {
  return run<void>(deadline, std::move(done),
                   [this, from = std::string(from), to = std::string(to)]() -> Result<void> {
                     if (auto good = oss::check_key(from); !good) return good;
                     if (auto good = oss::check_key(to); !good) return good;
                     return bucket_->rename(from, to);
                   });
}

}  // namespace stsfs::fakes
