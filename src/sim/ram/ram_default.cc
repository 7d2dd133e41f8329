#include "ram_default.h"

#include "random_letters.h"

namespace stsfs::sim {
namespace {

/// The shape of the service's: 24 and 30 characters.
struct Key {
  std::string id = "LTAI5t" + random_letters(18);
  std::string secret = random_letters(30);
};

std::string table_of_user(const std::string& name, const std::string& policy, const Key& key) {
  return "[[user]]\nname = \"" + name + "\"\npolicies = [\"" + policy +
         "\"]\n[[user.access_key]]\nid = \"" + key.id + "\"\nsecret = \"" + key.secret + "\"\n\n";
}

std::string table_of_policy(const std::string& name, const std::string& document) {
  return "[[policy]]\nname = \"" + name + "\"\ndocument = '''\n" + document + "'''\n\n";
}

/// What every session is bounded by, however wide its own policy.
std::string folder_policy(const DefaultRamOptions& o) {
  const std::string objects = "acs:oss:*:*:" + o.bucket + "/" + o.prefix + "*";
  return R"({"Version": "1", "Statement": [
  {"Effect": "Allow",
   "Action": ["oss:GetObject", "oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload", "oss:ListParts",
              "oss:RestoreObject", "oss:GetObjectTagging", "oss:PutObjectTagging", "oss:DeleteObjectTagging"],
   "Resource": [")" +
         objects + R"("]},
  {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": ["acs:oss:*:*:)" +
         o.bucket + R"("],
   "Condition": {"StringLike": {"oss:Prefix": [")" +
         o.prefix + R"(*"]}}}]}
)";
}

}  // namespace

DefaultRam make_default_ram(const DefaultRamOptions& o) {
  Key vending;
  Key admin;
  DefaultRam out;
  out.role_arn = "acs:ram::" + o.account_id + ":role/" + o.role;
  std::string text =
      "# Users, roles and policies of stsfs-sim. Holds secrets: keep it 0600.\n\n"
      "[[account]]\nid = \"" +
      o.account_id + "\"\n\n";
  text += table_of_policy("assume-" + o.role,
                          R"({"Version": "1", "Statement": [
  {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "acs:ram:*:)" +
                              o.account_id + ":role/" + o.role + "\"}]}\n");
  text += table_of_policy(o.role + "-folder", folder_policy(o));
  text += table_of_user(o.vending_user, "assume-" + o.role, vending);
  text += table_of_user(o.admin_user, "AliyunOSSFullAccess", admin);
  text += "[[role]]\nname = \"" + o.role +
          "\"\nmax_session_duration = " + std::to_string(o.role_session_max_seconds) +
          "\npolicies = [\"" + o.role + "-folder\"]\ntrust_policy = '''\n" +
          R"({"Version": "1", "Statement": [
  {"Effect": "Allow", "Action": "sts:AssumeRole",
   "Principal": {"RAM": ["acs:ram::)" +
          o.account_id + ":user/" + o.vending_user + "\"]}}]}\n'''\n";
  out.document = Secret(std::move(text));
  out.vending_key_id = vending.id;
  out.vending_key_secret = Secret(std::move(vending.secret));
  out.admin_key_id = admin.id;
  out.admin_key_secret = Secret(std::move(admin.secret));
  return out;
}

}  // namespace stsfs::sim
