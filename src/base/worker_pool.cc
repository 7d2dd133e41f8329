#include "stsfs/base/worker_pool.h"

#include <system_error>
#include <utility>

namespace stsfs {

WorkerPool::~WorkerPool() {
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    ready_.notify_all();
  }
  threads.clear();  // joins
}

bool WorkerPool::run(UniqueFunction<void()> task) {
  MutexLock lock(mutex_);
  if (queue_.size() >= options_.queue_max) return false;
  queue_.push_back(std::move(task));
  // One idle thread can take one task: a second task in the same instant wants a second thread.
  if (!stopping_ && queue_.size() > idle_ && threads_.size() < options_.threads_max) add_thread();
  if (threads_.empty() && !stopping_) {  // nobody would ever run it
    queue_.pop_back();
    return false;
  }
  ready_.notify_one();
  return true;
}

void WorkerPool::add_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // The limit of threads or memory: those that are there do the work.
  }
}

std::size_t WorkerPool::thread_count() const {
  MutexLock lock(mutex_);
  return threads_.size();
}

void WorkerPool::work() {
  for (;;) {
    UniqueFunction<void()> task;
    {
      MutexLock lock(mutex_);
      ++idle_;
      while (queue_.empty() && !stopping_) ready_.wait(mutex_);
      --idle_;
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace stsfs
