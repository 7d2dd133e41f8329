#pragma once

#include <memory>

namespace stsfs {

/// Owns what a C library gave us: `using CurlEasy = Handle<CURL, curl_easy_cleanup>;`
template <class T, auto Close>
struct Closer {
  void operator()(T* object) const noexcept { Close(object); }
};
template <class T, auto Close>
using Handle = std::unique_ptr<T, Closer<T, Close>>;

}  // namespace stsfs
