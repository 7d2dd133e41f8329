#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/text.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fakes {

/// A store whose gets the test answers piece by piece, to see what happens between two pieces.
/// Everything else fails.
///
/// Threads: one.
class ManualGets final : public oss::ObjectStore {
 public:
  struct Get {
    std::string key;
    std::string etag;
    ByteRange range;
    std::uint64_t given = 0;
    bool begun = false;
    bool cancelled = false;
    bool ended = false;

    bool under_way() const { return !cancelled && !ended; }

   private:
    friend class ManualGets;
    oss::ReadSink* sink = nullptr;
    Callback<void> done;
  };

  /// The object that every get is of; it outlives this.
  explicit ManualGets(std::string_view content) : content_(content) {
    meta_.size_bytes = content_.size();
    meta_.etag = "\"1\"";
  }
  oss::ObjectMeta& meta() { return meta_; }

  /// All that were started, in order.
  const std::vector<std::shared_ptr<Get>>& gets() const { return gets_; }
  std::size_t under_way() const {
    return static_cast<std::size_t>(std::count_if(
        gets_.begin(), gets_.end(), [](const auto& get) { return get->under_way(); }));
  }

  /// Gives the next bytes of a get; with all of them it ends well.
  Result<void> give(const std::shared_ptr<Get>& get, std::uint64_t size_bytes) {
    if (!get->begun) {
      get->begun = true;
      if (auto begun = get->sink->begin(meta_); !begun) return finish(get, std::move(begun));
    }
    const std::uint64_t size = std::min(size_bytes, get->range.length - get->given);
    const auto bytes = as_bytes(content_).subspan(get->range.offset + get->given, size);
    get->given += size;
    if (auto taken = get->sink->write(bytes); !taken) return finish(get, std::move(taken));
    if (get->given == get->range.length) return finish(get, {});
    return {};
  }
  void give_all(const std::shared_ptr<Get>& get) { (void)give(get, get->range.length); }
  void fail_get(const std::shared_ptr<Get>& get, Error error) {
    (void)finish(get, stsfs::fail(std::move(error)));
  }
  /// Every get under way, and those that follow from that.
  void give_everything() {
    for (std::size_t i = 0; i < gets_.size(); ++i) {
      const auto get = gets_[i];
      if (get->under_way()) give_all(get);
    }
  }

  Transfer start_get(std::string_view key, std::string_view etag, ByteRange range,
                     oss::ReadSink& sink, Deadline, Callback<void> done) override {
    auto get = std::make_shared<Get>();
    get->key = key;
    get->etag = etag;
    get->range = range;
    get->sink = &sink;
    get->done = std::move(done);
    gets_.push_back(get);
    return Transfer([get] {
      if (get->ended) return;
      get->cancelled = true;
      get->done = nullptr;
    });
  }

  Transfer start_list(const oss::ListRequest&, Deadline, Callback<oss::ListPage> done) override {
    return refuse(std::move(done));
  }
  Transfer start_head(std::string_view, Deadline, Callback<oss::ObjectMeta> done) override {
    return refuse(std::move(done));
  }
  Transfer start_brief(std::string_view, Deadline, Callback<oss::ObjectBrief> done) override {
    return refuse(std::move(done));
  }
  Transfer start_put(std::string_view, std::shared_ptr<http::BodySource>, const oss::PutOptions&,
                     Deadline, Callback<oss::Written> done) override {
    return refuse(std::move(done));
  }
  Transfer start_copy(std::string_view, const oss::CopyOptions&, Deadline,
                      Callback<oss::Written> done) override {
    return refuse(std::move(done));
  }
  Transfer start_delete(std::string_view, std::string_view, Deadline,
                        Callback<void> done) override {
    return refuse(std::move(done));
  }
  Transfer start_delete_many(std::vector<oss::Doomed>, Deadline,
                             Callback<std::vector<std::string>> done) override {
    return refuse(std::move(done));
  }
  Transfer start_initiate(std::string_view, const oss::PutOptions&, Deadline,
                          Callback<std::string> done) override {
    return refuse(std::move(done));
  }
  Transfer start_upload_part(std::string_view, std::string_view, int,
                             std::shared_ptr<http::BodySource>, Deadline,
                             Callback<oss::Part> done) override {
    return refuse(std::move(done));
  }
  Transfer start_copy_part(std::string_view, std::string_view, int, std::string_view,
                           std::string_view, ByteRange, Deadline,
                           Callback<oss::Part> done) override {
    return refuse(std::move(done));
  }
  Transfer start_complete(std::string_view, std::string_view, std::vector<oss::Part>,
                          const oss::PutOptions&, Deadline, Callback<oss::Written> done) override {
    return refuse(std::move(done));
  }
  Transfer start_abort(std::string_view, std::string_view, Deadline, Callback<void> done) override {
    return refuse(std::move(done));
  }
  Transfer start_list_parts(std::string_view, std::string_view, Deadline,
                            Callback<std::vector<oss::Part>> done) override {
    return refuse(std::move(done));
  }
  Transfer start_put_symlink(std::string_view, std::string_view, const oss::PutOptions&, Deadline,
                             Callback<oss::Written> done) override {
    return refuse(std::move(done));
  }
  Transfer start_get_symlink(std::string_view, Deadline, Callback<oss::Symlink> done) override {
    return refuse(std::move(done));
  }
  Transfer start_get_acl(std::string_view, Deadline, Callback<std::string> done) override {
    return refuse(std::move(done));
  }
  Transfer start_get_tagging(std::string_view, Deadline, Callback<std::string> done) override {
    return refuse(std::move(done));
  }
  Transfer start_restore(std::string_view, const oss::RestoreRequest&, Deadline,
                         Callback<void> done) override {
    return refuse(std::move(done));
  }
  Transfer start_rename(std::string_view, std::string_view, Deadline,
                        Callback<void> done) override {
    return refuse(std::move(done));
  }

 private:
  template <class T>
  static Transfer refuse(Callback<T> done) {
    done(stsfs::fail(Errc::kNotSupported, "only gets"));
    return {};
  }

  static Result<void> finish(const std::shared_ptr<Get>& get, Result<void> result) {
    if (!get->under_way()) return result;
    get->ended = true;
    auto done = std::move(get->done);
    done(result);
    return result;
  }

  const std::string_view content_;
  oss::ObjectMeta meta_;
  std::vector<std::shared_ptr<Get>> gets_;
};

}  // namespace stsfs::fakes
