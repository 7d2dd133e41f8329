#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

namespace stsfs {

/// A key, token or password: moves but is not copied, prints as `***`, is wiped when it goes.
///
/// The bytes lie in memory of their own that is kept out of core files and, where the limit
/// permits, out of swap. `reveal()` is what a reviewer looks for.
class Secret {
 public:
  Secret() = default;
  /// Takes the bytes over and wipes `text`.
  explicit Secret(std::string&& text);
  explicit Secret(std::string_view text);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  /// A second copy, asked for by name.
  Secret clone() const { return Secret(reveal()); }

  std::string_view reveal() const { return {data_, size_}; }
  bool empty() const { return size_ == 0; }
  std::size_t size_bytes() const { return size_; }

  /// Compares in a time that does not depend on the contents.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  void wipe() noexcept;
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Secret& secret);

/// Overwrites `text` before it is freed, in a way the compiler does not remove, and empties it.
void wipe(std::string& text) noexcept;

/// Overwrites the stack below the caller's frame: what the functions that it called left there.
void wipe_stack() noexcept;

}  // namespace stsfs
