#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object.h"

namespace stsfs::fs {

inline bool is_directory(mode_t mode) { return (mode & S_IFMT) == S_IFDIR; }
inline bool is_regular(mode_t mode) { return (mode & S_IFMT) == S_IFREG; }
inline bool is_link(mode_t mode) { return (mode & S_IFMT) == S_IFLNK; }

/// What an object without attributes is shown with.
struct AttributeDefaults {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t file_mode = 0644;
  mode_t directory_mode = 0755;
  mode_t link_mode = 0777;
};

/// POSIX attributes in object metadata, in the names and formats of ossfs 1.x and s3fs (mode, uid,
/// gid, mtime, ctime, atime); reads the variants of rclone and of the Google tools as well. What
/// cannot be read counts as absent.
///
/// `meta` is of the object; `is_directory` when its key ends in `/`.
Attributes attributes_of(const oss::ObjectMeta& meta, bool is_directory,
                         const AttributeDefaults& defaults);

/// Puts mode, owner and times of `attributes` into `user`, where other metadata stays.
void store_attributes(const Attributes& attributes, oss::UserMetadata& user);

/// How an object with these attributes is put: with its own ACL, and with what else was stored with
/// it (`carried`), less what described the old bytes.
oss::PutOptions put_options(const Attributes& attributes, const oss::ObjectHeaders& carried,
                            const std::string& storage_class);

/// `1700000000` or `1700000000.123456789`; also fewer digits behind the dot, as a fraction. Before
/// 1970 the seconds are negative and the fraction is still added to them, as in a timespec and in
/// s3fs: `-1.750000000` is a quarter of a second before 1970.
std::optional<WallTime> parse_metadata_time(const std::string& text);
std::string format_metadata_time(WallTime time);

/// Decimal, as ossfs and s3fs write; or octal text, as rclone does, where the decimal makes no
/// sense.
std::optional<mode_t> parse_metadata_mode(const std::string& text);

/// The target of a link kept in a header, as ossfs 1.x (`symlink-target`) and geesefs
/// (`--symlink-target`) do.
std::optional<std::string> link_target_in(const oss::UserMetadata& user);

/// The metadata of a symbolic link that this program wrote: the target as the user gave it.
inline constexpr const char* kRawTarget = "stsfs-symlink";
/// Likewise, of one whose target is its body: how many bytes of it are meant, where others would
/// leave out the blanks at its ends.
inline constexpr const char* kTargetSize = "stsfs-symlink-size";

/// The target in the body of such an object: of another client's without the blanks at its ends.
std::string link_target_of(const oss::UserMetadata& user, std::string_view body);

}  // namespace stsfs::fs
