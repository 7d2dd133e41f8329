#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace stsfs::mount_tests {

/// All of a file, as its bytes.
inline void write_to(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  EXPECT_TRUE(out) << path;
}

/// "(none)" where there is no such file.
inline std::string read_from(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "(none)";
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    out.insert(entry.path().filename());
  return out;
}

}  // namespace stsfs::mount_tests
