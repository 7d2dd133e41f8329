#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/world.h"
#include "fakes/text_sink.h"
#include "stsfs/base/await.h"

namespace stsfs::contract {

/// What every ObjectStore must do, asked as straight-line code. Each file of this directory adds
/// the tests of one group of operations; worlds.cc names the stores.
class ObjectStoreContract : public ::testing::TestWithParam<WorldKind> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    ASSERT_TRUE(world_) << "this world could not be made";
  }

  World& world() { return *world_; }
  oss::ObjectStore& store() { return world_->store(); }
  std::string key(const std::string& name) const { return world_->prefix() + name; }
  Deadline deadline() const { return Deadline::in(world_->clock(), std::chrono::seconds(30)); }

  Result<oss::Written> put(const std::string& name, const std::string& content,
                           const oss::PutOptions& options = {}) {
    return await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
      return store().start_put(key(name), http::memory_body(content), options, deadline(),
                               std::move(done));
    });
  }
  Result<oss::ObjectMeta> head(const std::string& name) {
    return await<oss::ObjectMeta>(nullptr, [&](Callback<oss::ObjectMeta> done) {
      return store().start_head(key(name), deadline(), std::move(done));
    });
  }
  Result<oss::ObjectBrief> brief(const std::string& name) {
    return await<oss::ObjectBrief>(nullptr, [&](Callback<oss::ObjectBrief> done) {
      return store().start_brief(key(name), deadline(), std::move(done));
    });
  }
  Result<std::string> get(const std::string& name, ByteRange range, const std::string& etag = {}) {
    fakes::TextSink sink;
    const auto result = await<void>(nullptr, [&](Callback<void> done) {
      return store().start_get(key(name), etag, range, sink, deadline(), std::move(done));
    });
    if (!result) return fail(result.error());
    return sink.text;
  }
  Result<std::string> get(const std::string& name) { return get(name, {0, 1 << 20}); }
  Result<std::string> get_tagging(const std::string& name) {
    return await<std::string>(nullptr, [&](Callback<std::string> done) {
      return store().start_get_tagging(key(name), deadline(), std::move(done));
    });
  }
  Result<void> restore(const std::string& name, const oss::RestoreRequest& request) {
    return await<void>(nullptr, [&](Callback<void> done) {
      return store().start_restore(key(name), request, deadline(), std::move(done));
    });
  }
  Result<oss::Written> copy(const std::string& from, const std::string& to,
                            oss::CopyOptions options = {}) {
    options.source_key = key(from);
    return await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
      return store().start_copy(key(to), options, deadline(), std::move(done));
    });
  }
  Result<void> erase(const std::string& name) {
    return await<void>(nullptr, [&](Callback<void> done) {
      return store().start_delete(key(name), "", deadline(), std::move(done));
    });
  }
  Result<void> rename(const std::string& from, const std::string& to) {
    return await<void>(nullptr, [&](Callback<void> done) {
      return store().start_rename(key(from), key(to), deadline(), std::move(done));
    });
  }
  Result<oss::ListPage> list(oss::ListRequest request) {
    request.prefix = key(request.prefix);
    return await<oss::ListPage>(nullptr, [&](Callback<oss::ListPage> done) {
      return store().start_list(request, deadline(), std::move(done));
    });
  }
  /// The names below the prefix, over all pages.
  std::vector<std::string> names(int keys_max = 1000);

  Result<std::string> initiate(const std::string& name, const oss::PutOptions& options = {}) {
    return await<std::string>(nullptr, [&](Callback<std::string> done) {
      return store().start_initiate(key(name), options, deadline(), std::move(done));
    });
  }
  Result<oss::Part> upload_part(const std::string& name, const std::string& upload_id, int number,
                                const std::string& content) {
    return await<oss::Part>(nullptr, [&](Callback<oss::Part> done) {
      return store().start_upload_part(key(name), upload_id, number, http::memory_body(content),
                                       deadline(), std::move(done));
    });
  }
  Result<oss::Part> copy_part(const std::string& name, const std::string& upload_id, int number,
                              const std::string& from, const std::string& etag, ByteRange range) {
    return await<oss::Part>(nullptr, [&](Callback<oss::Part> done) {
      return store().start_copy_part(key(name), upload_id, number, key(from), etag, range,
                                     deadline(), std::move(done));
    });
  }
  Result<oss::Written> complete(const std::string& name, const std::string& upload_id,
                                const std::vector<oss::Part>& parts,
                                const oss::PutOptions& options = {}) {
    return await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
      return store().start_complete(key(name), upload_id, parts, options, deadline(),
                                    std::move(done));
    });
  }
  Result<void> abort(const std::string& name, const std::string& upload_id) {
    return await<void>(nullptr, [&](Callback<void> done) {
      return store().start_abort(key(name), upload_id, deadline(), std::move(done));
    });
  }
  Result<std::vector<oss::Part>> list_parts(const std::string& name, const std::string& upload_id) {
    return await<std::vector<oss::Part>>(nullptr, [&](Callback<std::vector<oss::Part>> done) {
      return store().start_list_parts(key(name), upload_id, deadline(), std::move(done));
    });
  }
  Result<oss::Written> put_symlink(const std::string& name, const std::string& target,
                                   const oss::PutOptions& options = {}) {
    return await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
      return store().start_put_symlink(key(name), key(target), options, deadline(),
                                       std::move(done));
    });
  }
  Result<oss::Symlink> get_symlink(const std::string& name) {
    return await<oss::Symlink>(nullptr, [&](Callback<oss::Symlink> done) {
      return store().start_get_symlink(key(name), deadline(), std::move(done));
    });
  }

 private:
  std::unique_ptr<World> world_;
};

/// The same, of a bucket with a hierarchical namespace.
class HierarchicalContract : public ObjectStoreContract {};

/// "It fails, and for this reason."
template <class T>
void expect_failure(const Result<T>& result, Errc code) {
  ASSERT_FALSE(result) << "it went well";
  EXPECT_EQ(result.error().code, code)
      << name_of(result.error().code) << ": " << result.error().message;
}

#define EXPECT_WELL(result)                                    \
  do {                                                         \
    const auto& stsfs_result = (result);                       \
    EXPECT_TRUE(stsfs_result) << stsfs_result.error().message; \
  } while (false)
#define ASSERT_WELL(result)                                    \
  do {                                                         \
    const auto& stsfs_result = (result);                       \
    ASSERT_TRUE(stsfs_result) << stsfs_result.error().message; \
  } while (false)

}  // namespace stsfs::contract
