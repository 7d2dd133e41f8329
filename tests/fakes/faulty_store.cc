#include "faulty_store.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "stsfs/base/chain.h"

namespace stsfs::fakes {

using oss::Operation;

namespace {

/// Lets only the first bytes through.
class BreakingSink final : public oss::ReadSink {
 public:
  BreakingSink(oss::ReadSink& inner, std::uint64_t size_bytes, Error error)
      : inner_(inner), left_(size_bytes), error_(std::move(error)) {}

  Result<void> begin(const oss::ObjectMeta& meta) override { return inner_.begin(meta); }
  Result<void> write(std::span<const std::byte> bytes) override {
    const std::size_t count = std::min<std::uint64_t>(bytes.size(), left_);
    left_ -= count;
    if (count > 0)
      if (auto written = inner_.write(bytes.first(count)); !written) return written;
    if (count < bytes.size()) return stsfs::fail(error_);
    return {};
  }

 private:
  oss::ReadSink& inner_;
  std::uint64_t left_;
  const Error error_;
};

/// Runs the hooks once, between its halves.
class HaltingBody final : public http::BodySource {
 public:
  HaltingBody(std::shared_ptr<http::BodySource> inner, std::vector<std::function<void()>> hooks)
      : inner_(std::move(inner)), hooks_(std::move(hooks)) {}

  std::uint64_t size_bytes() const override { return inner_->size_bytes(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) override {
    const std::uint64_t half = size_bytes() / 2;
    if (hooks_.empty() || offset + buffer.size() <= half) return inner_->read(offset, buffer);
    const std::size_t first = offset < half ? half - offset : 0;
    if (first > 0)
      if (auto got = inner_->read(offset, buffer.first(first)); !got) return got;
    for (const auto& hook : std::exchange(hooks_, {})) hook();
    auto rest = inner_->read(offset + first, buffer.subspan(first));
    if (!rest) return rest;
    return first + *rest;
  }

 private:
  const std::shared_ptr<http::BodySource> inner_;
  std::vector<std::function<void()>> hooks_;
};

std::shared_ptr<http::BodySource> halting(std::shared_ptr<http::BodySource> body,
                                          std::vector<std::function<void()>> hooks) {
  if (!body || hooks.empty()) return body;
  return std::make_shared<HaltingBody>(std::move(body), std::move(hooks));
}

}  // namespace

FaultyStore::FaultyStore(oss::ObjectStore& inner, Scheduler* scheduler)
    : inner_(inner), scheduler_(scheduler) {}

void FaultyStore::fail(Calls calls, Error error) {
  Fate fate;
  fate.fails = std::move(error);
  add(std::move(calls), std::move(fate));
}

void FaultyStore::lose_answer(Calls calls, Error error) {
  Fate fate;
  fate.answer_lost = std::move(error);
  add(std::move(calls), std::move(fate));
}

void FaultyStore::delay(Calls calls, std::chrono::milliseconds by) {
  assert(scheduler_ != nullptr);
  Fate fate;
  fate.delay = by;
  add(std::move(calls), std::move(fate));
}

void FaultyStore::delay_answer(Calls calls, std::chrono::milliseconds by) {
  assert(scheduler_ != nullptr);
  Fate fate;
  fate.answer_delay = by;
  add(std::move(calls), std::move(fate));
}

void FaultyStore::break_off(Calls calls, std::uint64_t size_bytes, Error error) {
  assert(calls.operation == Operation::kGet);
  Fate fate;
  fate.breaks_off.emplace(size_bytes, std::move(error));
  add(std::move(calls), std::move(fate));
}

void FaultyStore::half_way(Calls calls, std::function<void()> hook) {
  Fate fate;
  fate.half_way_hooks.push_back(std::move(hook));
  add(std::move(calls), std::move(fate));
}

void FaultyStore::before(Calls calls, std::function<void()> hook) {
  Fate fate;
  fate.hooks.push_back(std::move(hook));
  add(std::move(calls), std::move(fate));
}

void FaultyStore::after(Calls calls, std::function<void()> hook) {
  Fate fate;
  fate.late_hooks.push_back(std::move(hook));
  add(std::move(calls), std::move(fate));
}

void FaultyStore::fail_everything(std::optional<Error> error) {
  MutexLock lock(mutex_);
  everything_ = std::move(error);
}

void FaultyStore::heal() {
  MutexLock lock(mutex_);
  rules_.clear();
  everything_.reset();
  death_.reset();
}

void FaultyStore::die_at(std::uint64_t call, bool answered, Error error) {
  MutexLock lock(mutex_);
  death_ = Death{call, answered, std::move(error)};
}

bool FaultyStore::died() const {
  MutexLock lock(mutex_);
  return death_ && death_->calls_left == 0;
}

std::uint64_t FaultyStore::started(Operation operation) const {
  MutexLock lock(mutex_);
  return started_[static_cast<std::size_t>(operation)];
}

std::uint64_t FaultyStore::started() const {
  MutexLock lock(mutex_);
  return std::accumulate(std::begin(started_), std::end(started_), std::uint64_t{0});
}

void FaultyStore::add(Calls calls, Fate fate) {
  MutexLock lock(mutex_);
  rules_.push_back({std::move(calls), std::move(fate), 0});
}

FaultyStore::Fate FaultyStore::fate_of(Operation operation, std::string_view key) {
  MutexLock lock(mutex_);
  ++started_[static_cast<std::size_t>(operation)];
  Fate fate;
  for (Rule& rule : rules_) {
    if (rule.calls.operation != operation) continue;
    if (!rule.calls.key.empty() && rule.calls.key != key) continue;
    ++rule.seen;
    if (rule.seen < rule.calls.from || rule.seen - rule.calls.from >= rule.calls.count) continue;
    if (rule.fate.fails) fate.fails = rule.fate.fails;
    if (rule.fate.answer_lost) fate.answer_lost = rule.fate.answer_lost;
    if (rule.fate.breaks_off) fate.breaks_off = rule.fate.breaks_off;
    fate.delay += rule.fate.delay;
    fate.answer_delay += rule.fate.answer_delay;
    fate.hooks.insert(fate.hooks.end(), rule.fate.hooks.begin(), rule.fate.hooks.end());
    fate.half_way_hooks.insert(fate.half_way_hooks.end(), rule.fate.half_way_hooks.begin(),
                               rule.fate.half_way_hooks.end());
    fate.late_hooks.insert(fate.late_hooks.end(), rule.fate.late_hooks.begin(),
                           rule.fate.late_hooks.end());
  }
  if (everything_) fate.fails = everything_;
  if (death_ && death_->calls_left == 0) {
    fate.fails = death_->error;
  } else if (death_ && --death_->calls_left == 0 && !death_->answered) {
    fate.answer_lost = death_->error;
  }
  return fate;
}

template <class T, class Start>
Transfer FaultyStore::run(Operation operation, std::string_view key, Callback<T> done,
                          Start start) {
  return run_with<T>(fate_of(operation, key), std::move(done), std::move(start));
}

template <class T, class Start>
Transfer FaultyStore::run_with(Fate fate, Callback<T> done, Start start) {
  auto act = [fails = fate.fails, lost = fate.answer_lost, hooks = fate.hooks,
              late_hooks = fate.late_hooks,
              start = std::move(start)](Callback<T> finish) mutable -> Transfer {
    for (const auto& hook : hooks) hook();
    if (fails) {
      finish(stsfs::fail(*fails));
      return {};
    }
    if (!lost && late_hooks.empty()) return start(std::move(finish));
    return start([lost, late_hooks, finish = std::move(finish)](Result<T> result) mutable {
      for (const auto& hook : late_hooks) hook();
      if (result && lost) return finish(stsfs::fail(*lost));
      finish(std::move(result));
    });
  };
  auto chain = std::make_shared<Chain>();
  if (fate.answer_delay.count() > 0) {
    done = [this, by = fate.answer_delay, weak = std::weak_ptr(chain),
            done = std::move(done)](Result<T> result) mutable {
      const auto self = weak.lock();
      if (!self) return;
      self->step([&] {
        return scheduler_->after(by,
                                 [done = std::move(done), result = std::move(result)]() mutable {
                                   done(std::move(result));
                                 });
      });
    };
    chain->step([&] { return act(std::move(done)); });
    return Transfer([chain] { chain->cancel(); });
  }
  if (fate.delay.count() == 0) return act(std::move(done));

  chain->step([&] {
    return scheduler_->after(fate.delay, [weak = std::weak_ptr(chain), act = std::move(act),
                                          done = std::move(done)]() mutable {
      const auto self = weak.lock();
      if (self) self->step([&] { return act(std::move(done)); });
    });
  });
  return Transfer([chain] { chain->cancel(); });
}

Transfer FaultyStore::start_list(const oss::ListRequest& request, Deadline deadline,
                                 Callback<oss::ListPage> done) {
  return run<oss::ListPage>(Operation::kList, request.prefix, std::move(done),
                            [this, request, deadline](Callback<oss::ListPage> finish) {
                              return inner_.start_list(request, deadline, std::move(finish));
                            });
}

Transfer FaultyStore::start_head(std::string_view key, Deadline deadline,
                                 Callback<oss::ObjectMeta> done) {
  return run<oss::ObjectMeta>(
      Operation::kHead, key, std::move(done),
      [this, key = std::string(key), deadline](Callback<oss::ObjectMeta> finish) {
        return inner_.start_head(key, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_brief(std::string_view key, Deadline deadline,
                                  Callback<oss::ObjectBrief> done) {
  return run<oss::ObjectBrief>(
      Operation::kBrief, key, std::move(done),
      [this, key = std::string(key), deadline](Callback<oss::ObjectBrief> finish) {
        return inner_.start_brief(key, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_get(std::string_view key, std::string_view etag, ByteRange range,
                                oss::ReadSink& sink, Deadline deadline, Callback<void> done) {
  Fate fate = fate_of(Operation::kGet, key);
  std::unique_ptr<BreakingSink> breaking;
  if (fate.breaks_off)
    breaking =
        std::make_unique<BreakingSink>(sink, fate.breaks_off->first, fate.breaks_off->second);
  oss::ReadSink* to = breaking ? breaking.get() : &sink;
  // The callback keeps the sink: it is the last thing of a transfer to go.
  Callback<void> last = [breaking = std::move(breaking), done = std::move(done)](
                            Result<void> result) mutable { done(std::move(result)); };
  return run_with<void>(std::move(fate), std::move(last),
                        [this, key = std::string(key), etag = std::string(etag), range, to,
                         deadline](Callback<void> finish) {
                          return inner_.start_get(key, etag, range, *to, deadline,
                                                  std::move(finish));
                        });
}

Transfer FaultyStore::start_put(std::string_view key, std::shared_ptr<http::BodySource> body,
                                const oss::PutOptions& options, Deadline deadline,
                                Callback<oss::Written> done) {
  Fate fate = fate_of(Operation::kPut, key);
  body = halting(std::move(body), fate.half_way_hooks);
  return run_with<oss::Written>(std::move(fate), std::move(done),
                                [this, key = std::string(key), body = std::move(body), options,
                                 deadline](Callback<oss::Written> finish) {
                                  return inner_.start_put(key, body, options, deadline,
                                                          std::move(finish));
                                });
}

Transfer FaultyStore::start_copy(std::string_view key, const oss::CopyOptions& options,
                                 Deadline deadline, Callback<oss::Written> done) {
  return run<oss::Written>(
      Operation::kCopy, key, std::move(done),
      [this, key = std::string(key), options, deadline](Callback<oss::Written> finish) {
        return inner_.start_copy(key, options, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_delete(std::string_view key, std::string_view etag, Deadline deadline,
                                   Callback<void> done) {
  return run<void>(
      Operation::kDelete, key, std::move(done),
      [this, key = std::string(key), etag = std::string(etag), deadline](Callback<void> finish) {
        return inner_.start_delete(key, etag, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_delete_many(std::vector<oss::Doomed> doomed, Deadline deadline,
                                        Callback<std::vector<std::string>> done) {
  return run<std::vector<std::string>>(
      Operation::kDeleteMany, {}, std::move(done),
      [this, doomed = std::move(doomed), deadline](Callback<std::vector<std::string>> finish) {
        return inner_.start_delete_many(doomed, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_initiate(std::string_view key, const oss::PutOptions& options,
                                     Deadline deadline, Callback<std::string> done) {
  return run<std::string>(
      Operation::kInitiate, key, std::move(done),
      [this, key = std::string(key), options, deadline](Callback<std::string> finish) {
        return inner_.start_initiate(key, options, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_upload_part(std::string_view key, std::string_view upload_id,
                                        int number, std::shared_ptr<http::BodySource> body,
                                        Deadline deadline, Callback<oss::Part> done) {
  Fate fate = fate_of(Operation::kUploadPart, key);
  body = halting(std::move(body), fate.half_way_hooks);
  return run_with<oss::Part>(std::move(fate), std::move(done),
                             [this, key = std::string(key), id = std::string(upload_id), number,
                              body = std::move(body), deadline](Callback<oss::Part> finish) {
                               return inner_.start_upload_part(key, id, number, body, deadline,
                                                               std::move(finish));
                             });
}

Transfer FaultyStore::start_copy_part(std::string_view key, std::string_view upload_id, int number,
                                      std::string_view source_key, std::string_view source_etag,
                                      ByteRange range, Deadline deadline,
                                      Callback<oss::Part> done) {
  return run<oss::Part>(
      Operation::kCopyPart, key, std::move(done),
      [this, key = std::string(key), id = std::string(upload_id), number,
       source_key = std::string(source_key), source_etag = std::string(source_etag), range,
       deadline](Callback<oss::Part> finish) {
        return inner_.start_copy_part(key, id, number, source_key, source_etag, range, deadline,
                                      std::move(finish));
      });
}

Transfer FaultyStore::start_complete(std::string_view key, std::string_view upload_id,
                                     std::vector<oss::Part> parts, const oss::PutOptions& options,
                                     Deadline deadline, Callback<oss::Written> done) {
  return run<oss::Written>(
      Operation::kComplete, key, std::move(done),
      [this, key = std::string(key), id = std::string(upload_id), parts = std::move(parts), options,
       deadline](Callback<oss::Written> finish) {
        return inner_.start_complete(key, id, parts, options, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_abort(std::string_view key, std::string_view upload_id,
                                  Deadline deadline, Callback<void> done) {
  return run<void>(
      Operation::kAbort, key, std::move(done),
      [this, key = std::string(key), id = std::string(upload_id), deadline](Callback<void> finish) {
        return inner_.start_abort(key, id, deadline, std::move(finish));
      });
}

Transfer FaultyStore::start_list_parts(std::string_view key, std::string_view upload_id,
                                       Deadline deadline, Callback<std::vector<oss::Part>> done) {
  return run<std::vector<oss::Part>>(Operation::kListParts, key, std::move(done),
                                     [this, key = std::string(key), id = std::string(upload_id),
                                      deadline](Callback<std::vector<oss::Part>> finish) {
                                       return inner_.start_list_parts(key, id, deadline,
                                                                      std::move(finish));
                                     });
}

Transfer FaultyStore::start_put_symlink(std::string_view key, std::string_view target_key,
                                        const oss::PutOptions& options, Deadline deadline,
                                        Callback<oss::Written> done) {
  return run<oss::Written>(Operation::kPutSymlink, key, std::move(done),
                           [this, key = std::string(key), target = std::string(target_key), options,
                            deadline](Callback<oss::Written> finish) {
                             return inner_.start_put_symlink(key, target, options, deadline,
                                                             std::move(finish));
                           });
}

Transfer FaultyStore::start_get_symlink(std::string_view key, Deadline deadline,
                                        Callback<oss::Symlink> done) {
  return run<oss::Symlink>(Operation::kGetSymlink, key, std::move(done),
                           [this, key = std::string(key), deadline](Callback<oss::Symlink> finish) {
                             return inner_.start_get_symlink(key, deadline, std::move(finish));
                           });
}

Transfer FaultyStore::start_get_acl(std::string_view key, Deadline deadline,
                                    Callback<std::string> done) {
  return run<std::string>(Operation::kGetAcl, key, std::move(done),
                          [this, key = std::string(key), deadline](Callback<std::string> finish) {
                            return inner_.start_get_acl(key, deadline, std::move(finish));
                          });
}

Transfer FaultyStore::start_get_tagging(std::string_view key, Deadline deadline,
                                        Callback<std::string> done) {
  return run<std::string>(Operation::kGetTagging, key, std::move(done),
                          [this, key = std::string(key), deadline](Callback<std::string> finish) {
                            return inner_.start_get_tagging(key, deadline, std::move(finish));
                          });
}

Transfer FaultyStore::start_restore(std::string_view key, const oss::RestoreRequest& request,
                                    Deadline deadline, Callback<void> done) {
  return run<void>(Operation::kRestore, key, std::move(done),
                   [this, key = std::string(key), request, deadline](Callback<void> finish) {
                     return inner_.start_restore(key, request, deadline, std::move(finish));
                   });
}

Transfer FaultyStore::start_rename(std::string_view from, std::string_view to, Deadline deadline,
                                   Callback<void> done) {
  return run<void>(
      Operation::kRename, from, std::move(done),
      [this, from = std::string(from), to = std::string(to), deadline](Callback<void> finish) {
        return inner_.start_rename(from, to, deadline, std::move(finish));
      });
}

}  // namespace stsfs::fakes
