#include "fake_executor.h"

#include <algorithm>
#include <optional>
#include <stop_token>

namespace stsfs::fakes {

struct LoopExecutor::Queue {
  struct Task {
    std::uint64_t number = 0;
    UniqueFunction<void()> run;
  };

  std::optional<Task> next(const std::stop_token& stop) {
    MutexLock lock(mutex);
    while (waiting.empty() && !stop.stop_requested()) changed.wait(mutex);
    if (stop.stop_requested()) return std::nullopt;
    const std::size_t at = shake ? (*shake)() % waiting.size() : 0;
    const auto chosen = waiting.begin() + static_cast<std::ptrdiff_t>(at);
    Task task = std::move(*chosen);
    waiting.erase(chosen);
    running = task.number;
    return task;
  }

  void finished() {
    MutexLock lock(mutex);
    running = 0;
    changed.notify_all();
  }

  void work(const std::stop_token& stop) {
    {
      MutexLock lock(mutex);
      loop_thread = std::this_thread::get_id();
    }
    while (std::optional<Task> task = next(stop)) {
      task->run();
      task->run = nullptr;  // what it holds goes before anybody is told that it is over
      finished();
    }
  }

  void cancel(std::uint64_t number) {
    UniqueFunction<void()> dropped;  // destroyed with no lock held
    MutexLock lock(mutex);
    const auto found = std::find_if(waiting.begin(), waiting.end(),
                                    [&](const Task& task) { return task.number == number; });
    if (found != waiting.end()) {
      dropped = std::move(found->run);
      waiting.erase(found);
    }
    while (running == number && loop_thread != std::this_thread::get_id()) changed.wait(mutex);
  }

  Mutex mutex;  // never held while a task runs
  Condition changed;
  std::vector<Task> waiting STSFS_GUARDED_BY(mutex);
  std::uint64_t last_number STSFS_GUARDED_BY(mutex) = 0;
  std::uint64_t running STSFS_GUARDED_BY(mutex) = 0;
  std::thread::id loop_thread STSFS_GUARDED_BY(mutex);
  std::optional<std::mt19937_64> shake STSFS_GUARDED_BY(mutex);
};

LoopExecutor::LoopExecutor() : queue_(std::make_shared<Queue>()) {
  thread_ = std::jthread([queue = queue_](const std::stop_token& stop) { queue->work(stop); });
}

LoopExecutor::LoopExecutor(std::uint64_t shake_seed) : queue_(std::make_shared<Queue>()) {
  {
    MutexLock lock(queue_->mutex);
    queue_->shake.emplace(shake_seed);
  }
  thread_ = std::jthread([queue = queue_](const std::stop_token& stop) { queue->work(stop); });
}

LoopExecutor::~LoopExecutor() {
  thread_.request_stop();
  {
    MutexLock lock(queue_->mutex);
    queue_->changed.notify_all();
  }
  thread_.join();
  std::vector<Queue::Task> dropped;
  MutexLock lock(queue_->mutex);
  dropped.swap(queue_->waiting);
}

bool LoopExecutor::idle() const {
  MutexLock lock(queue_->mutex);
  return queue_->waiting.empty() && queue_->running == 0;
}

Transfer LoopExecutor::run(UniqueFunction<void()> task) {
  MutexLock lock(queue_->mutex);
  const std::uint64_t number = ++queue_->last_number;
  queue_->waiting.push_back({number, std::move(task)});
  queue_->changed.notify_all();
  return Transfer([queue = queue_, number] { queue->cancel(number); });
}

}  // namespace stsfs::fakes
