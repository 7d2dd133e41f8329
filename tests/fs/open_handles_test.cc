#include "tree/open_handles.h"

#include <memory>
#include <set>

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

TEST(OpenHandles, GiveNoNumberTwice) {
  OpenHandles handles;
  std::set<HandleNumber> given;
  for (int i = 0; i < 10; ++i) {
    const HandleNumber file = handles.add(std::make_shared<FileHandle>());
    const HandleNumber directory = handles.add(std::make_shared<DirectoryHandle>());
    EXPECT_TRUE(given.insert(file).second);
    EXPECT_TRUE(given.insert(directory).second);
    handles.take_file(file);
    handles.take_directory(directory);
  }
}

TEST(OpenHandles, AreFoundAsWhatTheyAreOnly) {
  OpenHandles handles;
  const auto file = std::make_shared<FileHandle>();
  const auto directory = std::make_shared<DirectoryHandle>();
  const HandleNumber file_number = handles.add(file);
  const HandleNumber directory_number = handles.add(directory);
  EXPECT_EQ(handles.file(file_number), file);
  EXPECT_EQ(handles.directory(directory_number), directory);
  EXPECT_EQ(handles.file(directory_number), nullptr);
  EXPECT_EQ(handles.directory(file_number), nullptr);
}

TEST(OpenHandles, AreGoneOnceTheyAreTaken) {
  OpenHandles handles;
  const HandleNumber number = handles.add(std::make_shared<FileHandle>());
  const FileHandlePointer used = handles.file(number);
  EXPECT_EQ(handles.take_file(number), used);
  EXPECT_EQ(handles.take_file(number), nullptr);
  EXPECT_EQ(handles.file(number), nullptr);
}

}  // namespace
}  // namespace stsfs::fs
