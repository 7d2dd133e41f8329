#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "removals.h"
#include "stsfs/oss/object_store.h"
#include "tree_moves.h"

namespace stsfs::fs {

/// The bucket as it will be once what the journal has of names is done: what was removed is not
/// there, what was renamed is where it was renamed to. Everything that asks of objects or writes
/// them goes through it, so that nobody above has to know what is still under way.
///
/// A write to a key waits for what is pending there, and one to a tree that was renamed away until
/// all of that has moved. What is removed can still be read: who asks for it has it open.
class NamesOverlay final : public oss::ObjectStore {
 public:
  NamesOverlay(oss::ObjectStore& inner, Scheduler& scheduler, const Clock& clock,
               Removals& removals, TreeMoves& moves)
      : inner_(inner), scheduler_(scheduler), clock_(clock), removals_(removals), moves_(moves) {}

  Transfer start_list(const oss::ListRequest& request, Deadline deadline,
                      Callback<oss::ListPage> done) override;
  Transfer start_head(std::string_view key, Deadline deadline,
                      Callback<oss::ObjectMeta> done) override;
  Transfer start_brief(std::string_view key, Deadline deadline,
                       Callback<oss::ObjectBrief> done) override;
  Transfer start_get(std::string_view key, std::string_view etag, ByteRange range,
                     oss::ReadSink& sink, Deadline deadline, Callback<void> done) override;
  Transfer start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                     const oss::PutOptions& options, Deadline deadline,
                     Callback<oss::Written> done) override;
  Transfer start_copy(std::string_view key, const oss::CopyOptions& options, Deadline deadline,
                      Callback<oss::Written> done) override;
  Transfer start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                        Callback<void> done) override;
  Transfer start_delete_many(std::vector<oss::Doomed> doomed, Deadline deadline,
                             Callback<std::vector<std::string>> done) override;
  Transfer start_initiate(std::string_view key, const oss::PutOptions& options, Deadline deadline,
                          Callback<std::string> done) override;
  Transfer start_upload_part(std::string_view key, std::string_view upload_id, int number,
                             std::shared_ptr<http::BodySource> body, Deadline deadline,
                             Callback<oss::Part> done) override;
  Transfer start_copy_part(std::string_view key, std::string_view upload_id, int number,
                           std::string_view source_key, std::string_view source_etag,
                           ByteRange range, Deadline deadline, Callback<oss::Part> done) override;
  Transfer start_complete(std::string_view key, std::string_view upload_id,
                          std::vector<oss::Part> parts, const oss::PutOptions& options,
                          Deadline deadline, Callback<oss::Written> done) override;
  Transfer start_abort(std::string_view key, std::string_view upload_id, Deadline deadline,
                       Callback<void> done) override;
  Transfer start_list_parts(std::string_view key, std::string_view upload_id, Deadline deadline,
                            Callback<std::vector<oss::Part>> done) override;
  Transfer start_put_symlink(std::string_view key, std::string_view target_key,
                             const oss::PutOptions& options, Deadline deadline,
                             Callback<oss::Written> done) override;
  Transfer start_get_symlink(std::string_view key, Deadline deadline,
                             Callback<oss::Symlink> done) override;
  Transfer start_get_acl(std::string_view key, Deadline deadline,
                         Callback<std::string> done) override;
  Transfer start_get_tagging(std::string_view key, Deadline deadline,
                             Callback<std::string> done) override;
  Transfer start_restore(std::string_view key, const oss::RestoreRequest& request,
                         Deadline deadline, Callback<void> done) override;
  Transfer start_rename(std::string_view from, std::string_view to, Deadline deadline,
                        Callback<void> done) override;

  /// The same once nothing is pending at the key any more, as a write there would wait for it.
  Transfer start_settled_head(std::string_view key, Deadline deadline,
                              Callback<oss::ObjectMeta> done);

 private:
  template <class T>
  using Ask = UniqueFunction<Transfer(const std::string& key, Callback<T> done)>;

  bool is_plain(std::string_view prefix) const;
  template <class T>
  Transfer look(std::string_view key, Callback<T> done, Ask<T> ask);
  template <class T>
  Transfer where_it_is(std::string_view key, Callback<T> done, Ask<T> ask);
  template <class T>
  Transfer write(std::string_view key, Deadline deadline, Callback<T> done,
                 UniqueFunction<Transfer(Callback<T>)> go);

  oss::ObjectStore& inner_;
  Scheduler& scheduler_;
  const Clock& clock_;
  Removals& removals_;
  TreeMoves& moves_;
};

}  // namespace stsfs::fs
