#pragma once

#include <memory>
#include <string>
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
  ~Holds() {
    for (const Held& one : held_) one.content->release_hold(one.key, one.etag);
  }

  /// One that was held (Contents::hold), and lies there.
  void add(std::shared_ptr<FileContent> content, std::string key, std::string etag) {
    held_.push_back({std::move(content), std::move(key), std::move(etag)});
  }
  /// One that was added lies there now.
  void moved(const FileContent& content, std::string key, std::string etag) {
    for (Held& one : held_) {
      if (one.content.get() != &content) continue;
      one.key = std::move(key);
      one.etag = std::move(etag);
      return;
    }
  }

 private:
  struct Held {
    std::shared_ptr<FileContent> content;
    std::string key, etag;
  };
  std::vector<Held> held_;
};

}  // namespace stsfs::fs
