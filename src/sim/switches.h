#pragma once

namespace stsfs::sim {

/// What the documentation leaves open and a client could notice. The suite runs both ways. Each may
/// be set by `--switch name=on|off` and by POST /switches of the admin port, under the name it has
/// here.
struct Switches {
  /// CopyObject's answer carries no x-oss-hash-crc64ecma.
  bool copy_without_crc = false;
  /// What is copied or completed while this is on has no x-oss-hash-crc64ecma on HEAD and GET.
  bool copied_objects_without_crc = false;
  /// A copy onto itself (a change of metadata) gives the object a new ETag.
  bool self_copy_changes_etag = false;
  /// What is copied to another key has an ETag of its own; off: its source's.
  bool copies_get_new_etag = false;
  /// A completed upload's ETag is 32 hex digits; off: they are followed by `-` and the number of
  /// parts.
  bool plain_multipart_etag = false;
  /// GetObjectMeta's answer carries x-oss-object-type.
  bool brief_with_object_type = true;
  /// If-Match and If-None-Match on PutObject and other writes are honoured; off: 400
  /// NotImplemented.
  bool put_honours_if_match = false;
  /// x-oss-symlink-target comes back percent-encoded whatever was sent; off: as sent.
  bool symlink_target_encoded = false;
  /// DeleteMultipleObjects deletes only the first half of the keys and lists only those.
  bool delete_many_partial = false;
  /// DeleteMultipleObjects deletes and lists the keys that the policies allow; off: one that they
  /// do not allow makes it 403.
  bool delete_many_leaves_out_denied = false;
  /// An expired session's key is answered with InvalidAccessKeyId.
  bool expired_answers_invalid_access_key_id = false;
  /// A clock that is off is noticed before key and token are looked at; off: after them.
  bool time_checked_before_token = false;
  /// Query parameters without a value are signed by their names alone (V4); off: `name=` verifies,
  /// too.
  bool empty_values_signed_bare = false;
  /// The body of SignatureDoesNotMatch has no CanonicalRequest.
  bool mismatch_without_canonical_request = false;
  /// What a session policy is silent about may still be allowed by an ACL.
  bool session_deny_falls_through_to_acl = false;
  /// A missing object is 403 for whoever may not list its name.
  bool missing_key_needs_list_right = false;
  /// oss:Prefix and oss:Delimiter have a value in ListMultipartUploads and ListObjectVersions, too;
  /// off: in ListObjects only.
  bool prefix_conditions_in_all_listings = false;
  /// x-oss-object-acl on a write needs oss:PutObjectAcl, too.
  bool object_acl_needs_its_right = false;
  /// `bytes=-N` with N beyond the size, under the standard range behaviour, is the whole object;
  /// off: 416.
  bool long_suffix_range_is_whole = true;
  /// A malformed range, under the standard range behaviour, is 416; off: the whole object.
  bool malformed_range_is_refused = false;
  /// Any range of an empty object, under the standard range behaviour, is 200; off: 416.
  bool empty_object_range_is_whole = false;
  /// PutObject over a directory of a hierarchical namespace is 409 FileAlreadyExists; off: it is
  /// put again.
  bool directory_put_refused = false;
  /// A directory of a hierarchical namespace keeps no user metadata.
  bool directories_without_metadata = false;
  /// A space under encoding-type=url is `+`; off: `%20`.
  bool list_space_as_plus = false;
};

}  // namespace stsfs::sim
