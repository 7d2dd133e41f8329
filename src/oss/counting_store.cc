#include "stsfs/oss/counting_store.h"

#include <memory>
#include <utility>

namespace stsfs::oss {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

/// Counts the bytes on their way to the caller's sink.
class CountingSink final : public ReadSink {
 public:
  CountingSink(ReadSink& inner, std::atomic<std::uint64_t>& bytes) : inner_(inner), bytes_(bytes) {}
  Result<void> begin(const ObjectMeta& meta) override { return inner_.begin(meta); }
  Result<void> write(std::span<const std::byte> bytes) override {
    bytes_.fetch_add(bytes.size(), kRelaxed);
    return inner_.write(bytes);
  }

 private:
  ReadSink& inner_;
  std::atomic<std::uint64_t>& bytes_;
};

}  // namespace

std::uint64_t StoreCounters::started() const {
  std::uint64_t sum = 0;
  for (const Line& line : by_operation) sum += line.started;
  return sum;
}

std::uint64_t StoreCounters::failed() const {
  std::uint64_t sum = 0;
  for (const Line& line : by_operation) sum += line.failed;
  return sum;
}

StoreCounters CountingStore::counters() const {
  StoreCounters out;
  for (std::size_t i = 0; i < kOperationCount; ++i)
    out.by_operation[i] = {counters_[i].started.load(kRelaxed),
                           counters_[i].succeeded.load(kRelaxed),
                           counters_[i].failed.load(kRelaxed)};
  out.bytes_read = bytes_read_.load(kRelaxed);
  out.bytes_written = bytes_written_.load(kRelaxed);
  return out;
}

namespace {

/// What a condition or a question was there to find out is no failure.
bool is_an_answer(Errc code) {
  return code == Errc::kNotFound || code == Errc::kExists || code == Errc::kChanged;
}

}  // namespace

template <class T>
Callback<T> CountingStore::counted(Operation operation, Callback<T> done, std::uint64_t bytes) {
  of(operation).started.fetch_add(1, kRelaxed);
  return [this, operation, bytes, done = std::move(done)](Result<T> result) mutable {
    Counter& counter = of(operation);
    const bool answered = result || is_an_answer(result.error().code);
    (answered ? counter.succeeded : counter.failed).fetch_add(1, kRelaxed);
    if (result) bytes_written_.fetch_add(bytes, kRelaxed);
    done(std::move(result));
  };
}

Transfer CountingStore::start_list(const ListRequest& request, Deadline deadline,
                                   Callback<ListPage> done) {
  return inner_.start_list(request, deadline, counted(Operation::kList, std::move(done)));
}

Transfer CountingStore::start_head(std::string_view key, Deadline deadline,
                                   Callback<ObjectMeta> done) {
  return inner_.start_head(key, deadline, counted(Operation::kHead, std::move(done)));
}

Transfer CountingStore::start_brief(std::string_view key, Deadline deadline,
                                    Callback<ObjectBrief> done) {
  return inner_.start_brief(key, deadline, counted(Operation::kBrief, std::move(done)));
}

Transfer CountingStore::start_get(std::string_view key, std::string_view etag, ByteRange range,
                                  ReadSink& sink, Deadline deadline, Callback<void> done) {
  // The callback keeps the sink: it is the last thing of a transfer to go.
  auto counting = std::make_unique<CountingSink>(sink, bytes_read_);
  CountingSink& to = *counting;
  auto finish = counted(Operation::kGet, std::move(done));
  return inner_.start_get(key, etag, range, to, deadline,
                          [counting = std::move(counting), finish = std::move(finish)](
                              Result<void> result) mutable { finish(std::move(result)); });
}

Transfer CountingStore::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                                  const PutOptions& options, Deadline deadline,
                                  Callback<Written> done) {
  const std::uint64_t bytes = body ? body->size_bytes() : 0;
  return inner_.start_put(key, std::move(body), options, deadline,
                          counted(Operation::kPut, std::move(done), bytes));
}

Transfer CountingStore::start_copy(std::string_view key, const CopyOptions& options,
                                   Deadline deadline, Callback<Written> done) {
  return inner_.start_copy(key, options, deadline, counted(Operation::kCopy, std::move(done)));
}

Transfer CountingStore::start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                                     Callback<void> done) {
  return inner_.start_delete(key, etag, deadline, counted(Operation::kDelete, std::move(done)));
}

Transfer CountingStore::start_delete_many(std::vector<Doomed> doomed, Deadline deadline,
                                          Callback<std::vector<std::string>> done) {
  return inner_.start_delete_many(std::move(doomed), deadline,
                                  counted(Operation::kDeleteMany, std::move(done)));
}

Transfer CountingStore::start_initiate(std::string_view key, const PutOptions& options,
                                       Deadline deadline, Callback<std::string> done) {
  return inner_.start_initiate(key, options, deadline,
                               counted(Operation::kInitiate, std::move(done)));
}

Transfer CountingStore::start_upload_part(std::string_view key, std::string_view upload_id,
                                          int number, std::shared_ptr<http::BodySource> body,
                                          Deadline deadline, Callback<Part> done) {
  const std::uint64_t bytes = body ? body->size_bytes() : 0;
  return inner_.start_upload_part(key, upload_id, number, std::move(body), deadline,
                                  counted(Operation::kUploadPart, std::move(done), bytes));
}

Transfer CountingStore::start_copy_part(std::string_view key, std::string_view upload_id,
                                        int number, std::string_view source_key,
                                        std::string_view source_etag, ByteRange range,
                                        Deadline deadline, Callback<Part> done) {
  return inner_.start_copy_part(key, upload_id, number, source_key, source_etag, range, deadline,
                                counted(Operation::kCopyPart, std::move(done)));
}

Transfer CountingStore::start_complete(std::string_view key, std::string_view upload_id,
                                       std::vector<Part> parts, const PutOptions& options,
                                       Deadline deadline, Callback<Written> done) {
  return inner_.start_complete(key, upload_id, std::move(parts), options, deadline,
                               counted(Operation::kComplete, std::move(done)));
}

Transfer CountingStore::start_abort(std::string_view key, std::string_view upload_id,
                                    Deadline deadline, Callback<void> done) {
  return inner_.start_abort(key, upload_id, deadline, counted(Operation::kAbort, std::move(done)));
}

Transfer CountingStore::start_list_parts(std::string_view key, std::string_view upload_id,
                                         Deadline deadline, Callback<std::vector<Part>> done) {
  return inner_.start_list_parts(key, upload_id, deadline,
                                 counted(Operation::kListParts, std::move(done)));
}

Transfer CountingStore::start_put_symlink(std::string_view key, std::string_view target_key,
                                          const PutOptions& options, Deadline deadline,
                                          Callback<Written> done) {
  return inner_.start_put_symlink(key, target_key, options, deadline,
                                  counted(Operation::kPutSymlink, std::move(done)));
}

Transfer CountingStore::start_get_symlink(std::string_view key, Deadline deadline,
                                          Callback<Symlink> done) {
  return inner_.start_get_symlink(key, deadline, counted(Operation::kGetSymlink, std::move(done)));
}

Transfer CountingStore::start_get_acl(std::string_view key, Deadline deadline,
                                      Callback<std::string> done) {
  return inner_.start_get_acl(key, deadline, counted(Operation::kGetAcl, std::move(done)));
}

Transfer CountingStore::start_get_tagging(std::string_view key, Deadline deadline,
                                          Callback<std::string> done) {
  return inner_.start_get_tagging(key, deadline, counted(Operation::kGetTagging, std::move(done)));
}

Transfer CountingStore::start_restore(std::string_view key, const RestoreRequest& request,
                                      Deadline deadline, Callback<void> done) {
  return inner_.start_restore(key, request, deadline,
                              counted(Operation::kRestore, std::move(done)));
}

Transfer CountingStore::start_rename(std::string_view from, std::string_view to, Deadline deadline,
                                     Callback<void> done) {
  return inner_.start_rename(from, to, deadline, counted(Operation::kRename, std::move(done)));
}

}  // namespace stsfs::oss
