// The form of ossfs 1.91 and s3fs 1.97, and what geesefs makes of a header.

#include "naming/extended_attributes.h"

#include <sys/xattr.h>

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

using Names = std::vector<std::string>;

TEST(ExtendedAttributes, ReadsThoseOfS3fs) {
  const oss::UserMetadata user{
      {"mode", "33152"},
      {"xattr", "%7B%22user.a%22%3A%22///%2B%22%2C%22user.b%22%3A%22eA%3D%3D%22%7D"}};
  EXPECT_EQ(extended_attribute_names(user), (Names{"user.a", "user.b"}));
  EXPECT_EQ(extended_attribute(user, "user.a"), "\xFF\xFF\xFE");
  EXPECT_EQ(extended_attribute(user, "user.b"), "x");
  EXPECT_EQ(extended_attribute(user, "user.c"), std::nullopt);
}

// "Extended attributes (user.*) are kept in the object's metadata too, in the form of ossfs 1.x and
// s3fs."
TEST(ExtendedAttributes, WritesWhatS3fsWrites) {
  oss::UserMetadata user;
  ASSERT_TRUE(set_extended_attribute(user, "user.b", "x", 0));
  ASSERT_TRUE(set_extended_attribute(user, "user.a", "\xFF\xFF\xFE", 0));
  EXPECT_EQ(user.at("xattr"), "%7B%22user.a%22%3A%22///%2B%22%2C%22user.b%22%3A%22eA%3D%3D%22%7D");
}

TEST(ExtendedAttributes, ReadsAHeaderThatNobodyElseGivesAMeaning) {
  const oss::UserMetadata user{{"comment", "100%25"}, {"mtime", "1"}, {"stsfs-write", "ab"}};
  EXPECT_EQ(extended_attribute_names(user), Names{"user.comment"});
  EXPECT_EQ(extended_attribute(user, "user.comment"), "100%");
  EXPECT_EQ(extended_attribute(user, "user.mtime"), std::nullopt);
}

TEST(ExtendedAttributes, KeepsAHeaderOfItsOwnWhereItIs) {
  oss::UserMetadata user{{"comment", "old"}};
  ASSERT_TRUE(set_extended_attribute(user, "user.comment", "50 %", XATTR_REPLACE));
  EXPECT_EQ(user, (oss::UserMetadata{{"comment", "50%20%25"}}));
  ASSERT_TRUE(remove_extended_attribute(user, "user.comment"));
  EXPECT_TRUE(user.empty());
}

TEST(ExtendedAttributes, AnyNameAndAnyValueComeBack) {
  oss::UserMetadata user;
  const Names names{"user.",   "user.\"q\":\"YQ==\",", "user.\\u0041", "user.a,b:c",
                    "user.{}", "user.数\n\x80"};
  for (const std::string& name : names)
    ASSERT_TRUE(set_extended_attribute(user, name, name + std::string("\0\xFF", 2), 0));
  EXPECT_EQ(extended_attribute_names(user), names);
  for (const std::string& name : names)
    EXPECT_EQ(extended_attribute(user, name), name + std::string("\0\xFF", 2)) << name;
}

TEST(ExtendedAttributes, AnEmptyValueIsOne) {
  oss::UserMetadata user;
  ASSERT_TRUE(set_extended_attribute(user, "user.e", "", XATTR_CREATE));
  EXPECT_EQ(extended_attribute(user, "user.e"), "");
  EXPECT_EQ(set_extended_attribute(user, "user.e", "", XATTR_CREATE).error().code, Errc::kExists);
}

TEST(ExtendedAttributes, CreateAndReplaceMeanIt) {
  oss::UserMetadata user;
  EXPECT_EQ(set_extended_attribute(user, "user.a", "1", XATTR_REPLACE).error().code,
            Errc::kNoAttribute);
  EXPECT_EQ(remove_extended_attribute(user, "user.a").error().code, Errc::kNoAttribute);
  ASSERT_TRUE(set_extended_attribute(user, "user.a", "1", XATTR_CREATE));
  ASSERT_TRUE(set_extended_attribute(user, "user.a", "2", XATTR_REPLACE));
  ASSERT_TRUE(remove_extended_attribute(user, "user.a"));
  EXPECT_TRUE(user.empty());  // the header goes with its last attribute
}

TEST(ExtendedAttributes, WhatWouldNotFitChangesNothing) {
  oss::UserMetadata user;
  ASSERT_TRUE(set_extended_attribute(user, "user.a", std::string(3000, 'x'), 0));
  const oss::UserMetadata before = user;
  EXPECT_EQ(set_extended_attribute(user, "user.b", std::string(3000, 'x'), 0).error().code,
            Errc::kMetadataFull);
  EXPECT_EQ(user, before);
}

TEST(ExtendedAttributes, DamageCountsAsAbsent) {
  for (const char* text : {"", "%", "%7B", "{}", "}{", "{\"a\"}", "{\"a\":\"?\"}",
                           "{\"a\":\"eA==", "{\"a\":}", "\"a\":\"eA==\""})
    EXPECT_TRUE(extended_attribute_names({{"xattr", text}}).empty()) << text;
  const oss::UserMetadata half{{"xattr", "{\"user.bad\":\"?\",\"user.good\":\"eA==\"}"}};
  EXPECT_EQ(extended_attribute(half, "user.bad"), std::nullopt);
}

}  // namespace
}  // namespace stsfs::fs
