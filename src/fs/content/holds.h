#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "file_content.h"

namespace stsfs::fs {

/// Contents that are held while their names change, and where they lie when they are let go. That
/// is when the tree has the new names: a commit asks it where to go.
///
/// Threads: one at a time, with no lock held when it goes.
class Holds {
 public:
  Holds() = default;
  Holds(const Holds&) = delete;
  Holds& operator=(const Holds&) = delete;
  ~Holds() { release(); }

  void release() {
    for (const Held& one : std::exchange(held_, {})) {
      if (one.base) one.content->lies_at(*one.base, one.size);
      one.content->release_hold();
    }
  }

  /// One that was held (Contents::hold). Without a `base` it lies where it says itself.
  void add(std::shared_ptr<FileContent> content, std::optional<ObjectVersion> base) {
    held_.push_back({std::move(content), std::move(base), std::nullopt});
  }
  /// One that was added lies there now; with `size` over another one of so many bytes.
  void moved(const FileContent& content, ObjectVersion base,
             std::optional<std::uint64_t> size = std::nullopt) {
    for (Held& one : held_) {
      if (one.content.get() != &content) continue;
      one.base = std::move(base);
      one.size = size;
      return;
    }
  }

 private:
  struct Held {
    std::shared_ptr<FileContent> content;
    std::optional<ObjectVersion> base;
    std::optional<std::uint64_t> size;
  };
  std::vector<Held> held_;
};

}  // namespace stsfs::fs
