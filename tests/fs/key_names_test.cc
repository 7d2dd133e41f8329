#include "stsfs/fs/key_names.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

TEST(KeyNames, LeaveOrdinaryNamesAlone) {
  KeyNames names;
  for (const char* name : {"a", "a.b", "...", ".a", " ", "%", "%41", "stsfs", "stsfs%", "stsfs%x:y",
                           "stsfs%dir", "\x01\n\t\x7f", "\\", "数据", "stsfs%name:a",
                           "stsfs%dir#1:a", "stsfs%bytes:a", "stsfs%bytes:a%2Fb"}) {
    EXPECT_EQ(names.name_of(name, false), name);
    EXPECT_EQ(names.name_of(name, true), name);
    EXPECT_EQ(names.component_of(name).value(), name);
  }
}

TEST(KeyNames, ShowWhatIsNoName) {
  KeyNames names;
  EXPECT_EQ(names.name_of("", true), "stsfs%dir:");
  EXPECT_EQ(names.name_of(".", false), "stsfs%file:%2E");
  EXPECT_EQ(names.name_of("..", true), "stsfs%dir:%2E%2E");
  EXPECT_EQ(names.component_of("stsfs%dir:").value(), "");
  EXPECT_EQ(names.component_of("stsfs%dir:%2E%2E").value(), "..");
}

TEST(KeyNames, ShowAFileBesideADirectoryOfItsName) {
  KeyNames names;
  EXPECT_EQ(names.name_beside("a%b"), "stsfs%file:a%25b");
  EXPECT_EQ(names.component_of("stsfs%file:a%25b").value(), "a%b");
  EXPECT_TRUE(KeyNames::is_escape("stsfs%file:a%25b"));
  EXPECT_FALSE(KeyNames::is_escape("a%b"));
}

TEST(KeyNames, ShortenWhatIsTooLong) {
  KeyNames names;
  const std::string component = std::string(130, 'x') + "\xe6\x95\xb0" + std::string(600, 'y');
  const auto name = names.name_of(component, false);
  ASSERT_TRUE(name);
  EXPECT_LE(name->size(), KeyNames::kNameMax);
  EXPECT_TRUE(name->starts_with("stsfs%file#"));
  EXPECT_EQ(names.component_of(*name).value(), component);
  EXPECT_NE(names.name_of(component + "y", false), name);
  // Another one does not know it until it has seen it.
  KeyNames others;
  EXPECT_EQ(others.component_of(*name).error().code, Errc::kInvalid);
  EXPECT_EQ(others.name_of(component, false), name);
  EXPECT_EQ(others.component_of(*name).value(), component);
  const std::string beside(255, 'z');
  EXPECT_EQ(names.component_of(*names.name_beside(beside)).value(), beside);
}

TEST(KeyNames, ShortenAsManyAsThereAreInALargeDirectory) {
  KeyNames names;
  for (int i = 0; i < 60'000; ++i) {
    const std::string component = std::to_string(i) + std::string(900, 'l');
    const auto name = names.name_of(component, i % 2 == 0);
    ASSERT_TRUE(name) << i;
    ASSERT_EQ(names.component_of(*name).value(), component);
  }
  EXPECT_EQ(names.left_out(), 0U);
}

TEST(KeyNames, CountWhatThereIsNoRoomFor) {
  KeyNames names(1'000);
  for (int round = 0; round < 2; ++round) {
    for (const char c : {'a', 'b'}) EXPECT_TRUE(names.name_of(std::string(300, c), false));
    for (const char c : {'c', 'd'}) EXPECT_FALSE(names.name_of(std::string(300, c), false));
    EXPECT_EQ(names.left_out(), 2U);
  }
}

/// Two components with the same first bytes and the same CRC-64.
const std::string kTwin = std::string(240, 'x') + std::string(70, 'a');
const std::string kOtherTwin =
    std::string(240, 'x') +
    "ccaaaaaccacacccccacaaaaacacaaccacaaccaaacacaaccaaaacaacaacccaaacaaaaaa";

TEST(KeyNames, CountWhatCannotBeToldFromAnother) {
  KeyNames names;
  const auto name = names.name_of(kTwin, false);
  ASSERT_TRUE(name);
  EXPECT_FALSE(names.name_of(kOtherTwin, false));
  EXPECT_FALSE(names.name_of(kOtherTwin, true));
  EXPECT_EQ(names.name_of(kTwin, false), name);
  EXPECT_EQ(names.component_of(*name).value(), kTwin);
  EXPECT_EQ(names.left_out(), 1U);
}

TEST(KeyNames, PutWhatIsNoUtf8IntoKeysInAscii) {
  KeyNames names;
  const std::string latin1 = "caf\xe9 100%";
  const std::string component = names.component_of(latin1).value();
  EXPECT_EQ(component, "stsfs%bytes:caf%E9 100%25");
  EXPECT_EQ(names.name_of(component, false), latin1);
  // The same text as a name is another file.
  EXPECT_NE(names.component_of(component).value(), component);
  EXPECT_EQ(names.name_of(names.component_of(component).value(), false), component);
}

/// Pieces of which what could be confused is made.
std::string any_text(std::mt19937_64& random) {
  const std::vector<std::string> pieces{"stsfs%",
                                        "name:",
                                        "file:",
                                        "bytes:",
                                        "name#",
                                        "file#",
                                        "0123456789abcdef:",
                                        "%2E",
                                        "%25",
                                        "%FF",
                                        "%",
                                        ".",
                                        "..",
                                        "a",
                                        "\xff",
                                        "\xc3\xa9",
                                        std::string(250, 'l'),
                                        "%00",
                                        "%2F"};
  std::string out;
  for (auto count = random() % 6; count > 0; --count) out += pieces[random() % pieces.size()];
  return out;
}

TEST(KeyNames, AreTheSameBothWaysWhateverTheyHold) {
  std::mt19937_64 random(7);  // NOLINT: the same ones each time
  KeyNames names;
  std::map<std::string, std::string> components;  // by name
  for (int i = 0; i < 20'000; ++i) {
    const std::string component = any_text(random);
    if (!is_valid_utf8(component)) continue;  // no key has it
    const auto name = names.name_of(component, i % 2 == 0);
    ASSERT_TRUE(name) << component;
    ASSERT_TRUE(KeyNames::check(*name)) << component;
    const auto [known, is_new] = components.emplace(*name, component);
    ASSERT_EQ(known->second, component) << *name;
    ASSERT_EQ(names.component_of(*name).value(), component) << *name;
  }
}

TEST(KeyNames, OfPeopleComeBackAsTheyWereGiven) {
  std::mt19937_64 random(11);  // NOLINT: the same ones each time
  KeyNames names;
  std::map<std::string, std::string> given;  // by component
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = any_text(random);
    if (!KeyNames::check(name) || KeyNames::is_escape(name)) continue;
    const auto component = names.component_of(name);
    ASSERT_TRUE(component) << name;
    const auto [known, is_new] = given.emplace(*component, name);
    ASSERT_EQ(known->second, name) << *component;
    ASSERT_EQ(names.name_of(*component, false), name) << *component;
  }
}

}  // namespace
}  // namespace stsfs::fs
