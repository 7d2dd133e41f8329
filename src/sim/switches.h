#pragma once

namespace stsfs::sim {

/// What the documentation leaves open and a client could notice. The suite runs both ways. Each may
/// be set by
/// `--switch name=on|off` and by POST /switches of the admin port, under the name it has here.
struct Switches {
  /// CopyObject's answer carries no x-oss-hash-crc64ecma.
  bool copy_without_crc = false;
  /// What is copied or completed while this is on has no x-oss-hash-crc64ecma on HEAD and GET.
  bool copied_objects_without_crc = false;
  /// A copy onto itself (a change of metadata) gives the object a new ETag.
  bool self_copy_changes_etag = false;
  /// A completed upload's ETag is 32 hex digits; off: they are followed by `-` and the number of
  /// parts.
  bool plain_multipart_etag = false;
  /// GetObjectMeta's answer carries x-oss-object-type.
  bool brief_with_object_type = true;
  /// If-Match and If-None-Match on PutObject are honoured; off: 400 NotImplemented.
  bool put_honours_if_match = false;
  /// x-oss-symlink-target comes back percent-encoded whatever was sent; off: as sent.
  bool symlink_target_encoded = false;
  /// DeleteMultipleObjects deletes only the first half of the keys and lists only those.
  bool delete_many_partial = false;
  /// An expired session's key is answered with InvalidAccessKeyId.
  bool expired_answers_invalid_access_key_id = false;
  /// `bytes=-N` with N beyond the size, under the standard range behaviour, is the whole object;
  /// off: 416.
  bool long_suffix_range_is_whole = true;
  /// A space under encoding-type=url is `+`; off: `%20`.
  bool list_space_as_plus = false;
};

}  // namespace stsfs::sim
