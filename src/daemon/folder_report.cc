#include "folder_report.h"

#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

constexpr std::string_view kLinks = ".stsfs-links/";
constexpr std::string_view kExchange = ".stsfs-exchange-";
constexpr std::string_view kConflict = ".conflict-";

/// The path at which a mount shows the key; "" when it cannot.
std::string shown_at(fs::KeyNames& names, std::string_view rest) {
  const bool is_directory = rest.ends_with('/');
  if (is_directory) rest.remove_suffix(1);
  const auto components = split(rest, '/');
  std::string out;
  for (std::size_t i = 0; i < components.size(); ++i) {
    const auto name = names.name_of(components[i], is_directory || i + 1 < components.size());
    if (!name) return {};
    out.append(i == 0 ? "" : "/").append(*name);
  }
  return out.append(is_directory ? "/" : "");
}

}  // namespace

void FolderReport::take(std::string_view key, std::uint64_t size_bytes) {
  ++keys_;
  const std::string_view rest = key.substr(prefix_.size());
  if (rest.empty()) return;
  if (rest.starts_with(kLinks)) {
    take_link(rest.substr(kLinks.size()));
    return;
  }
  if (rest.ends_with('/') && size_bytes > 0) {
    ++with_bytes_count_;
    if (with_bytes_.size() < kShownMax) with_bytes_.emplace_back(key);
  }
  const std::string_view name = rest.substr(rest.rfind('/') + 1);
  if (name.starts_with(kExchange)) ++exchanges_;
  if (name.find(kConflict) != std::string_view::npos) ++conflicts_;
  while (!before_.empty() && !rest.starts_with(before_.back())) before_.pop_back();
  if (!before_.empty() && rest.size() > before_.back().size() &&
      rest[before_.back().size()] == '/') {  // a file, and a directory of its name
    const std::string file = before_.back();
    before_.pop_back();
    const auto slash = file.rfind('/');
    const std::string_view last = std::string_view(file).substr(slash + 1);
    const std::string above =
        slash == std::string::npos ? "" : shown_at(names_, file.substr(0, slash + 1));
    const auto beside = names_.name_beside(last);
    note_odd(file, beside ? above + *beside : "");
  }
  std::string path = shown_at(names_, rest);
  if (path != rest && !path.starts_with("stsfs%bytes:")) note_odd(rest, std::move(path));
  if (!rest.ends_with('/')) before_.emplace_back(rest);
}

void FolderReport::note_odd(std::string_view key, std::string path) {
  ++odd_count_;
  if (path.empty()) ++not_shown_;
  if (odd_.size() < kShownMax) odd_.emplace_back(key, std::move(path));
}

void FolderReport::take_link(std::string_view rest) {
  const auto dot = rest.find('.');
  auto& [is_there, tokens] = contents_[std::string(rest.substr(0, dot))];
  if (dot == std::string_view::npos)
    is_there = true;
  else
    ++tokens;
}

std::vector<std::string> FolderReport::nameless() const {
  std::vector<std::string> out;
  for (const auto& [id, found] : contents_)
    if (found.first && found.second == 0) out.push_back(prefix_ + std::string(kLinks) + id);
  return out;
}

ClockReport report_on_clock(WallTime here, WallTime oss) {
  constexpr std::chrono::seconds kWarns{30};
  const auto off = std::chrono::abs(std::chrono::duration_cast<std::chrono::seconds>(here - oss));
  std::string text = std::to_string(off.count()) + " s from that of OSS";
  if (off <= kWarns) return {true, std::move(text)};
  return {false, text +
                     ": requests are dated by the clock of OSS, so that mounts work, but files "
                     "get their times from here; set this machine's clock"};
}

}  // namespace stsfs::daemon
