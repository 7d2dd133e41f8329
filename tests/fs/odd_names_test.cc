// Keys that are no valid names, and names that are no valid keys.

#include <algorithm>
#include <set>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

class OddNames : public FolderTest {
 protected:
  Result<InodeNumber> walk(const std::string& path) {
    InodeNumber at = kRoot;
    for (const std::string_view name : split(path, '/')) {
      auto entry = lookup(at, name);
      if (!entry) return fail(entry.error());
      at = entry->attributes.inode;
    }
    return at;
  }
  Result<std::string> read_path(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return read_file(path);
    auto parent = walk(path.substr(0, slash));
    if (!parent) return fail(parent.error());
    return read_file(*parent, path.substr(slash + 1));
  }
  /// All paths of files, found by reading directories.
  std::vector<std::string> files_below(InodeNumber directory, const std::string& path = "") {
    std::vector<std::string> out;
    for (const std::string& name : names(directory)) {
      if (name == "." || name == "..") continue;
      const auto entry = lookup(directory, name);
      EXPECT_TRUE(entry) << path << name;
      if (!entry) continue;
      const std::string whole = path + name;
      if (!S_ISDIR(entry->attributes.mode)) {
        out.push_back(whole);
        continue;
      }
      for (std::string& below : files_below(entry->attributes.inode, whole + "/"))
        out.push_back(std::move(below));
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  static std::string key(const std::string& rest) { return "users/alice/" + rest; }

  void put_odd_keys() {
    store_.put(key("a//b"), "double");
    store_.put(key("/lead"), "leading");
    store_.put(key("."), "dot");
    store_.put(key("d/.."), "dots");
    store_.put(key("d/../up"), "up");
    store_.put(key("./here"), "here");
    store_.put(key("foo"), "file");
    store_.put(key("foo!"), "between");  // comes between the two
    store_.put(key("foo/in"), "within");
    store_.put(key(std::string(300, 'l') + "/x"), "long directory");
    store_.put(key("d/" + std::string(600, 'm')), "long file");
    store_.put(key("stsfs%file:%2E"), "as an escape");
    store_.put(key("plain"), "plain");
  }
};

TEST_F(OddNames, AreShownOnceEachAndRead) {
  put_odd_keys();
  const auto found = files_below(kRoot);
  EXPECT_EQ(found.size(), store_.keys().size());
  std::multiset<std::string> contents;
  for (const std::string& path : found) {
    const auto text = read_path(path);
    ASSERT_TRUE(text) << path << ": " << text.error().message;
    contents.insert(*text);
  }
  std::multiset<std::string> expected;
  for (const std::string& each : store_.keys()) expected.insert(*store_.content(each));
  EXPECT_EQ(contents, expected);
  EXPECT_EQ(read_path("a/stsfs%dir:/b"), "double");
  EXPECT_EQ(read_path("stsfs%dir:/lead"), "leading");
  EXPECT_EQ(read_path("stsfs%file:stsfs%25file:%252E"), "as an escape");
  EXPECT_EQ(read_path("d/stsfs%dir:%2E%2E/up"), "up");
  EXPECT_EQ(read_path("foo/in"), "within");
  EXPECT_EQ(read_path("stsfs%file:foo"), "file");
}

TEST_F(OddNames, AreFoundByWhoAsksForThemAlone) {
  put_odd_keys();
  const auto found = files_below(kRoot);
  for (const std::string& path : found) {
    kill_and_begin();  // nothing was listed yet
    EXPECT_TRUE(read_path(path)) << path;
  }
}

TEST_F(OddNames, AreFoundByAWalkThatListsAhead) {
  for (int i = 0; i < 6; ++i) {
    const std::string directory = "w/" + std::to_string(i) + "/";
    store_.put(key(directory), "");
    store_.put(key(directory + "foo"), "file");
    store_.put(key(directory + "foo/in"), "within");
    store_.put(key(directory + "/x"), "empty");
    store_.put(key(directory + std::string(400, 'l')), "long");
  }
  EXPECT_EQ(files_below(kRoot).size(), 24U);
}

TEST_F(OddNames, AreRenamedWrittenAndRemoved) {
  put_odd_keys();
  const InodeNumber d = *walk("d");
  ASSERT_TRUE(
      folder_->rename(context(), kRoot, "stsfs%dir:%2E%2E", kRoot, "x", RenameMode::kReplace)
          .error()
          .code == Errc::kNotFound);
  ASSERT_TRUE(
      folder_->rename(context(), kRoot, "stsfs%file:foo", kRoot, "bar", RenameMode::kReplace));
  EXPECT_EQ(store_.content(key("bar")), "file");
  ASSERT_TRUE(drain());
  EXPECT_FALSE(store_.content(key("foo")));
  ASSERT_TRUE(folder_->rename(context(), d, "stsfs%dir:%2E%2E", kRoot, "up", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(key("up/up")), "up");
  const auto in_d = names(d);
  const auto long_name = std::find_if(in_d.begin(), in_d.end(), [](const std::string& name) {
    return name.starts_with("stsfs%file#");
  });
  ASSERT_NE(long_name, in_d.end());
  ASSERT_TRUE(write_file(d, *long_name, "changed"));
  EXPECT_EQ(store_.content(key("d/" + std::string(600, 'm'))), "changedle");
  ASSERT_TRUE(folder_->rename(context(), d, *long_name, kRoot, "short", RenameMode::kReplace));
  EXPECT_EQ(read_file("short"), "changedle");
  const InodeNumber empty = *walk("a/stsfs%dir:");
  ASSERT_TRUE(write_file(empty, "new", "text"));
  EXPECT_EQ(store_.content(key("a//new")), "text");
  ASSERT_TRUE(folder_->unlink(context(), empty, "b"));
  ASSERT_TRUE(folder_->unlink(context(), empty, "new"));
  ASSERT_TRUE(folder_->rmdir(context(), *walk("a"), "stsfs%dir:"));
  ASSERT_TRUE(drain());
  EXPECT_FALSE(store_.content(key("a//b")));
}

TEST_F(OddNames, ThatOnlyAListingGivesCannotBeMade) {
  for (const char* name :
       {"stsfs%file:x", "stsfs%dir:", "stsfs%dir:%2E", "stsfs%dir#0123456789abcdef:x"}) {
    EXPECT_EQ(write_file(kRoot, name, "x").error().code, Errc::kInvalid) << name;
    EXPECT_EQ(folder_->mkdir(context(), kRoot, name, 0755).error().code, Errc::kInvalid) << name;
    EXPECT_EQ(folder_->symlink(context(), kRoot, name, "t").error().code, Errc::kInvalid) << name;
    EXPECT_EQ(folder_->mknod(context(), kRoot, name, S_IFIFO | 0644, 0).error().code,
              Errc::kInvalid)
        << name;
  }
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  EXPECT_EQ(folder_->rename(context(), kRoot, "a", kRoot, "stsfs%file:x", RenameMode::kReplace)
                .error()
                .code,
            Errc::kInvalid);
  EXPECT_EQ(store_.keys(), std::vector<std::string>{key("a")});
}

TEST_F(OddNames, OfEveryByteAreKept) {
  std::vector<std::string> made;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const std::string name = std::string("n") + static_cast<char>(byte);
    ASSERT_TRUE(write_file(kRoot, name, std::to_string(byte))) << byte;
    made.push_back(name);
  }
  ASSERT_TRUE(drain());
  kill_and_begin();
  auto found = names(kRoot);
  found.erase(found.begin(), found.begin() + 2);
  std::sort(found.begin(), found.end());
  std::sort(made.begin(), made.end());
  EXPECT_EQ(found, made);
  for (const std::string& name : made)
    EXPECT_EQ(read_file(name), std::to_string(static_cast<unsigned char>(name[1])));
  for (const std::string& name : made) ASSERT_TRUE(folder_->unlink(context(), kRoot, name));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(OddNames, ThatAreTooLongAreRefusedAtOnce) {
  EXPECT_TRUE(write_file(kRoot, std::string(255, 'n'), "x"));
  EXPECT_EQ(write_file(kRoot, std::string(256, 'n'), "x").error().code, Errc::kNameTooLong);
  EXPECT_EQ(lookup(std::string(256, 'n')).error().code, Errc::kNameTooLong);
  InodeNumber at = kRoot;
  const std::string name(250, 'd');
  for (int i = 0; i < 4; ++i) {  // 12 + 4 * 251 = 1,016 bytes
    const auto made = folder_->mkdir(context(), at, name, 0755);
    ASSERT_TRUE(made) << i;
    at = made->attributes.inode;
  }
  const auto before = faulty_.started();
  EXPECT_EQ(write_file(at, "12345678", "x").error().code, Errc::kNameTooLong);
  EXPECT_EQ(folder_->mkdir(context(), at, "1234567", 0755).error().code, Errc::kNameTooLong);
  EXPECT_EQ(faulty_.started(), before);
  ASSERT_TRUE(write_file(at, "1234567", "x"));  // which needs no room for a slash
  kill_and_begin();
  at = kRoot;
  for (int i = 0; i < 4; ++i) at = lookup(at, name)->attributes.inode;
  EXPECT_EQ(read_file(at, "1234567"), "x");
  EXPECT_EQ(names(at), (std::vector<std::string>{".", "..", "1234567"}));
  ASSERT_TRUE(folder_->rename(context(), at, "1234567", at, "7654321", RenameMode::kReplace));
  ASSERT_TRUE(folder_->unlink(context(), at, "7654321"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(names(at), (std::vector<std::string>{".", ".."}));
}

// Nothing of that name can be a directory, whose key would have a byte more.
TEST_F(OddNames, WithKeysOfTheGreatestLengthAreFilesWhereNoListingTellsOfThem) {
  options_.fresh = options_.open_fresh = {};  // consistency=strict
  kill_and_begin();
  const std::string above = std::string(250, 'd') + "/" + std::string(250, 'e') + "/" +
                            std::string(250, 'f') + "/" + std::string(250, 'g');
  const std::string foreign = key(above + "/1234567");
  ASSERT_EQ(foreign.size(), oss::kKeySizeMax);
  store_.put(foreign, "theirs");
  const InodeNumber at = *walk(above);
  EXPECT_EQ(lookup(at, "7654321").error().code, Errc::kNotFound);
  EXPECT_EQ(read_file(at, "1234567"), "theirs");
  EXPECT_EQ(lookup(at, "12345678").error().code, Errc::kNameTooLong);
  ASSERT_TRUE(write_file(at, "7654321", "ours"));
  ASSERT_TRUE(folder_->symlink(context(), at, "links-t", "7654321"));
  ASSERT_TRUE(folder_->link(context(), *walk(above + "/7654321"), at, "linked!"));
  ASSERT_TRUE(drain());
  ASSERT_TRUE(folder_->rename(context(), at, "1234567", at, "renamed", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  kill_and_begin();
  const InodeNumber again = *walk(above);
  EXPECT_EQ(names(again),
            (std::vector<std::string>{".", "..", "7654321", "linked!", "links-t", "renamed"}));
  EXPECT_EQ(read_file(again, "renamed"), "theirs");
  EXPECT_EQ(read_file(again, "7654321"), "ours");
  EXPECT_EQ(read_file(again, "linked!"), "ours");
  EXPECT_EQ(folder_->readlink(context(), *walk(above + "/links-t")), "7654321");
  for (const char* name : {"7654321", "linked!", "links-t", "renamed"})
    EXPECT_TRUE(folder_->unlink(context(), again, name)) << name;
  ASSERT_TRUE(drain());
  EXPECT_FALSE(store_.content(foreign));
}

// The third name that it goes through would be too long.
TEST_F(OddNames, ThatAreTooLongToBeExchangedStayAsTheyAre) {
  options_.fresh = options_.open_fresh = {};  // consistency=strict
  kill_and_begin();
  const std::string above = std::string(250, 'd') + "/" + std::string(250, 'e') + "/" +
                            std::string(250, 'f') + "/" + std::string(230, 'g');
  store_.put(key(above + "/a"), "file of a");
  store_.put(key(above + "/b"), "file of b");
  const InodeNumber at = *walk(above);
  EXPECT_EQ(folder_->rename(context(), at, "a", at, "b", RenameMode::kExchange).error().code,
            Errc::kNameTooLong);
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(read_file(at, "a"), "file of a");
  EXPECT_EQ(read_file(at, "b"), "file of b");
}

TEST_F(OddNames, OfConflictsAreShownAsTheyAre) {
  std::string characters;
  for (int i = 0; i < 83; ++i) characters += "\xe6\x95\xb0";
  for (const std::string& name : {std::string(250, 'n'), characters}) {
    auto made = folder_->create(context(), kRoot, name, 0644, O_WRONLY | O_CREAT);
    ASSERT_TRUE(made);
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("ours"), 0));
    store_.put(key(name), "theirs");
    EXPECT_FALSE(flush(made->second.handle));
    folder_->release(made->second.handle);
    ASSERT_TRUE(drain());
    kill_and_begin();
    const auto found = names(kRoot);
    const auto beside = std::find_if(found.begin(), found.end(), [&](const std::string& each) {
      return each.find(".conflict-") < each.size() && each.starts_with(name.substr(0, 200));
    });
    ASSERT_NE(beside, found.end());
    EXPECT_EQ(read_file(*beside), "ours");
    EXPECT_TRUE(store_.content(key(*beside)));
  }
}

TEST_F(OddNames, ThatAreShortenedComeBackAfterAKill) {
  const std::string long_key = key(std::string(500, 'l'));
  store_.put(long_key, "before");
  const std::string name = names(kRoot).back();
  faulty_.fail({.operation = oss::Operation::kPut, .count = fakes::Calls::kAll},
               Error{Errc::kUnavailable, "gone", {}});
  EXPECT_FALSE(write_file(kRoot, name, "after"));
  kill_and_begin();
  faulty_.heal();
  folder_->resume();
  while (scheduler_.run_next()) {
  }
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(long_key), "aftere");
}

// The two have the same first bytes and the same CRC-64.
TEST_F(OddNames, ThatThereAreNoneForAreCounted) {
  const std::string start = key("d/" + std::string(240, 'x'));
  store_.put(start + std::string(70, 'a'), "one");
  store_.put(start + "ccaaaaaccacacccccacaaaaacacaaccacaaccaaacacaaccaaaacaacaacccaaacaaaaaa",
             "other");
  EXPECT_EQ(folder_->names_left_out(), 0U);
  EXPECT_EQ(files_below(kRoot).size(), 1U);
  EXPECT_EQ(folder_->names_left_out(), 1U);
  EXPECT_EQ(files_below(kRoot).size(), 1U);
  EXPECT_EQ(folder_->names_left_out(), 1U);
}

}  // namespace
}  // namespace stsfs::fs
