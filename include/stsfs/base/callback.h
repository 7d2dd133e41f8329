#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "stsfs/base/result.h"

namespace stsfs {

template <class Signature>
class UniqueFunction;

/// `std::function` for things that only move, as a `Reply` or a `Transfer` does.
/// (std::move_only_function is C++23.) Calling an empty one is a bug of ours.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) {}  // NOLINT: an empty function, as with std::function

  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
                                              std::is_invocable_r_v<R, F&, Args...>>>
  UniqueFunction(F&& function)  // NOLINT: a lambda is meant to convert
      : target_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const { return target_ != nullptr; }

  R operator()(Args... args) { return target_->call(std::forward<Args>(args)...); }

 private:
  struct Target {
    virtual ~Target() = default;
    virtual R call(Args... args) = 0;
  };
  template <class F>
  struct Holder final : Target {
    explicit Holder(F&& f) : function(std::move(f)) {}
    explicit Holder(const F& f) : function(f) {}
    R call(Args... args) override { return function(std::forward<Args>(args)...); }
    F function;
  };
  std::unique_ptr<Target> target_;
};

/// What is called once when something asynchronous has ended, well or not.
template <class T>
using Callback = UniqueFunction<void(Result<T>)>;

}  // namespace stsfs
