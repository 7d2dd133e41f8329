// Where secrets lie. OpenSSL's secure heap would do (mlock, MADV_DONTDUMP), but it is one arena of
// a fixed size whose allocation fails when full, and `base` depends on no library. So each secret
// has pages of its own: a daemon holds a handful, a page each is nothing.

#include "stsfs/base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace stsfs {
namespace {

// Much more than a request's functions take.
constexpr std::size_t kStackWiped = std::size_t{32} << 10;

std::size_t pages_for(std::size_t size) {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

char* allocate(std::size_t size) {
  const std::size_t room = pages_for(size);
  void* memory = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();  // as operator new would end it
  madvise(memory, room, MADV_DONTDUMP);
  madvise(memory, room, MADV_WIPEONFORK);
  mlock(memory, room);  // refused past RLIMIT_MEMLOCK: swap is then possible, nothing else changes
  return static_cast<char*>(memory);
}

}  // namespace

Secret::Secret(std::string&& text) : Secret(std::string_view(text)) { stsfs::wipe(text); }

Secret::Secret(std::string_view text) : size_(text.size()) {
  if (size_ == 0) return;
  data_ = allocate(size_);
  memcpy(data_, text.data(), size_);
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Secret::~Secret() { wipe(); }

void Secret::wipe() noexcept {
  if (data_ == nullptr) return;
  explicit_bzero(data_, size_);
  munmap(data_, pages_for(size_));
  data_ = nullptr;
  size_ = 0;
}

bool operator==(const Secret& a, const Secret& b) {
  if (a.size_ != b.size_) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size_; ++i)
    difference |= static_cast<unsigned char>(a.data_[i] ^ b.data_[i]);
  return difference == 0;
}

std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

void wipe(std::string& text) noexcept {
  explicit_bzero(text.data(), text.size());
  text.clear();
}

[[gnu::noinline]] void wipe_stack() noexcept {
  char room[kStackWiped];
  explicit_bzero(room, sizeof room);
}

}  // namespace stsfs
