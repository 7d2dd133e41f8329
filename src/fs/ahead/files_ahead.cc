#include "files_ahead.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

constexpr std::size_t kFilesMax = 256;
constexpr std::uint64_t kBytesMax = std::uint64_t{32} << 20;
/// Where answers are good for ever, nobody comes for this one any more.
constexpr std::chrono::seconds kKept{10};

}  // namespace

FilesAhead::FilesAhead(const ReadSurroundings& around, std::chrono::milliseconds fresh)
    : around_(around),
      fresh_(std::min<std::chrono::milliseconds>(fresh, kKept)),
      bytes_max_(std::min(kBytesMax, around.pool->figures().budget_bytes / 8)) {}

bool FilesAhead::is_good(const Question& question) const {
  return around_.clock.steady() - question.asked < fresh_;
}

bool FilesAhead::ask(const std::string& key, const std::string& etag, std::uint64_t size_bytes,
                     Way way, Purpose purpose) {
  const std::uint64_t held = way == Way::kGet ? size_bytes : 0;
  auto question = std::make_shared<Question>(key, etag, held, around_.clock.steady());
  QuestionPointer before;
  const bool ahead = purpose == Purpose::kAhead;
  sweep();
  if (way == Way::kHead && ahead && !around_.slots.take()) return false;
  bool has_room = false;
  {
    MutexLock lock(mutex_);
    const auto known = questions_.find(key);
    const bool asked =
        known != questions_.end() && known->second->etag == etag && is_good(*known->second);
    has_room = !ahead || asked || (questions_.size() < kFilesMax && bytes_ + held <= bytes_max_);
    has_room = has_room && !stopped_;
    if (asked || !has_room) {
      if (way == Way::kHead && ahead) around_.slots.give_back();
      return has_room;
    }
    question->has_slot_ = way == Way::kHead && ahead;
    if (way == Way::kGet)
      question->reader_ = std::make_shared<BaseReader>(around_, key, etag, size_bytes);
    before = remove(key);
    questions_.emplace(key, question);
    bytes_ += held;
  }
  if (before) let_go(before);
  set_timer();
  auto done = [this, question](Result<oss::ObjectMeta> meta) {
    answered(question, std::move(meta));
  };
  const Deadline deadline = Deadline::in(around_.clock, around_.timeout);
  if (way == Way::kHead) {
    Transfer head = around_.store.start_head(key, deadline, std::move(done));
    MutexLock lock(mutex_);
    const auto known = questions_.find(key);
    const bool present = known != questions_.end() && known->second == question;
    if (!question->answer_ && present) std::swap(head, question->head_);
    return true;  // one that is not wanted any more goes here, with the lock free
  }
  around_.readers.add(question->reader_);
  if (!ahead)
    question->reader_->start(deadline, std::move(done));
  else if (!question->reader_->start_ahead(done)) {
    answered(question, fail(Errc::kUnavailable, "no room to read ahead"));
    return false;
  }
  return true;
}

void FilesAhead::answered(const QuestionPointer& question, Result<oss::ObjectMeta> meta) {
  if (meta && meta->etag != question->etag)  // a HEAD finds what is there
    meta = fail(Errc::kChanged, "another version than the one that was listed");
  std::vector<Callback<oss::ObjectMeta>> waiters;
  QuestionPointer dropped;
  bool slot = false;
  {
    MutexLock lock(mutex_);
    waiters.swap(question->waiters_);
    slot = std::exchange(question->has_slot_, false);
    const auto known = questions_.find(question->key);
    const bool present = known != questions_.end() && known->second == question;
    if (meta)
      question->answer_ = *meta;
    else if (present)
      dropped = remove(question->key);  // whoever comes asks in the ordinary way
  }
  if (slot) around_.slots.give_back();
  for (auto& waiter : waiters) waiter(meta);
}

/// What is not wanted any more. Small bodies under way come to their end: that is cheaper than the
/// next request on a new connection.
void FilesAhead::let_go(const QuestionPointer& question) {
  Transfer head;
  std::vector<Callback<oss::ObjectMeta>> waiters;
  {
    MutexLock lock(mutex_);
    head = std::move(question->head_);
    waiters.swap(question->waiters_);
  }
  head.cancel();
  bool slot = false;
  {
    MutexLock lock(mutex_);
    slot = std::exchange(question->has_slot_, false);
  }
  if (slot) around_.slots.give_back();
  for (auto& waiter : waiters) waiter(fail(Errc::kUnavailable, "it was given up"));
}

FilesAhead::QuestionPointer FilesAhead::remove(const std::string& key) {
  const auto found = questions_.find(key);
  if (found == questions_.end()) return nullptr;
  QuestionPointer out = std::move(found->second);
  bytes_ -= out->size_bytes;
  questions_.erase(found);
  return out;
}

FilesAhead::QuestionPointer FilesAhead::find(const std::string& key, const std::string& etag) {
  MutexLock lock(mutex_);
  const auto found = questions_.find(key);
  if (found == questions_.end() || found->second->etag != etag) return nullptr;
  return is_good(*found->second) ? found->second : nullptr;
}

bool FilesAhead::came_late(const std::string& key) {
  QuestionPointer old;
  {
    MutexLock lock(mutex_);
    const auto found = questions_.find(key);
    if (found == questions_.end() || is_good(*found->second)) return false;
    old = remove(key);
  }
  let_go(old);
  return true;
}

bool FilesAhead::is_answered(const QuestionPointer& question) const {
  MutexLock lock(mutex_);
  return question->answer_.has_value();
}

void FilesAhead::wait(const QuestionPointer& question, Callback<oss::ObjectMeta> done) {
  std::optional<oss::ObjectMeta> answer;
  bool gone = false;
  {
    MutexLock lock(mutex_);
    answer = question->answer_;
    const auto known = questions_.find(question->key);
    gone = !answer && (known == questions_.end() || known->second != question);
    if (!answer && !gone) question->waiters_.push_back(std::move(done));
  }
  if (answer) done(std::move(*answer));
  if (gone) done(fail(Errc::kUnavailable, "it was given up"));
}

std::shared_ptr<BaseReader> FilesAhead::take(const QuestionPointer& question) {
  QuestionPointer taken;
  MutexLock lock(mutex_);
  const auto known = questions_.find(question->key);
  if (known == questions_.end() || known->second != question) return nullptr;
  taken = remove(question->key);
  return std::move(taken->reader_);
}

void FilesAhead::spoil(const std::string& key) {
  MutexLock lock(mutex_);
  if (auto spoilt = remove(key)) spoilt_.push_back(std::move(spoilt));
}

void FilesAhead::spoil_below(const std::string& prefix) {
  MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, question] : questions_)
    if (key.starts_with(prefix)) keys.push_back(key);
  for (const std::string& key : keys) spoilt_.push_back(remove(key));
}

void FilesAhead::sweep() {
  std::vector<QuestionPointer> spoilt;
  {
    MutexLock lock(mutex_);
    spoilt.swap(spoilt_);
  }
  for (const QuestionPointer& question : spoilt) let_go(question);
}

void FilesAhead::forget_all() {
  {
    MutexLock lock(mutex_);
    for (auto& [key, question] : questions_) spoilt_.push_back(std::move(question));
    questions_.clear();
    bytes_ = 0;
  }
  sweep();
}

void FilesAhead::stop() {
  Transfer timer;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    std::swap(timer, timer_);
  }
  timer.cancel();
  forget_all();
}

/// What nobody came for.
void FilesAhead::drop_old() {
  std::vector<std::string> old;
  bool more = false;
  {
    MutexLock lock(mutex_);
    timer_set_ = false;
    for (const auto& [key, question] : questions_)
      if (!is_good(*question) && question->waiters_.empty()) old.push_back(key);
    more = old.size() < questions_.size();
  }
  sweep();
  for (const std::string& key : old) came_late(key);
  if (more) set_timer();
}

void FilesAhead::set_timer() {
  {
    MutexLock lock(mutex_);
    if (timer_set_ || stopped_) return;
    timer_set_ = true;
  }
  Transfer timer = around_.scheduler.after(fresh_, [this] { drop_old(); });
  MutexLock lock(mutex_);
  if (!stopped_) std::swap(timer, timer_);
}

}  // namespace stsfs::fs
