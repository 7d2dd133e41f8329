#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/result.h"

namespace stsfs::sim {

/// A configuration document (TOML, or JSON when it starts with `{`) as tables that are asked for
/// what they should hold. The first thing that is wrong is kept with its place; what is asked
/// afterwards answers with defaults, so that a reader needs one check at its end.
class Document;

/// One table. Views into its Document.
class Node {
 public:
  /// The text under `name`. `required`: missing or empty is a problem.
  std::string text(const std::string& name, bool required = true);
  std::string text_or(const std::string& name, std::string fallback);
  std::int64_t number_or(const std::string& name, std::int64_t fallback, std::int64_t min,
                         std::int64_t max);
  bool flag_or(const std::string& name, bool fallback);
  /// A string or a list of strings; empty when missing.
  std::vector<std::string> texts(const std::string& name);
  /// The tables under `name`, given as a list or as one table; empty when missing.
  std::vector<Node> tables(const std::string& name);
  /// A policy: JSON text, or the same as tables, which is turned into JSON text. Empty when
  /// missing.
  std::string json_text(const std::string& name, bool required = true);
  /// Complains about a name that nobody asked for. Call it last.
  void expect_no_more();
  /// `ram.toml:12: role[0]: what` is kept as the document's problem, if it is the first.
  void complain(const std::string& name, const std::string& what);
  bool has(const std::string& name) const;

 private:
  friend class Document;
  Node(Document& document, const void* value, std::string path)
      : document_(&document), value_(value), path_(std::move(path)) {}
  const void* find(const std::string& name);
  Document* document_;
  const void* value_;  ///< A JSON object: nlohmann's header stays in the .cc.
  std::string path_;
  std::set<std::string> asked_;
};

class Document {
 public:
  /// `name` is the file, for messages.
  static Result<std::unique_ptr<Document>> parse(std::string_view text, std::string name);
  ~Document();

  Node root();
  /// The first problem, if any.
  Result<void> check() const;

 private:
  friend class Node;
  struct Content;
  Document(std::string name, std::unique_ptr<Content> content);
  std::string name_;
  std::unique_ptr<Content> content_;
  std::map<std::string, unsigned> lines_;  ///< Path to line, for TOML.
  std::optional<Error> problem_;
};

}  // namespace stsfs::sim
