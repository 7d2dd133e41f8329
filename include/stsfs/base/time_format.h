#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stsfs/base/clock.h"

/// The four spellings of a time on this wire. Formatting is UTC, cut (not rounded) to the unit;
/// parsing is strict about shape and rejects impossible dates.
namespace stsfs {

/// `Tue, 14 Nov 2023 22:15:23 GMT`: RFC 1123, in HTTP headers.
std::string format_http_date(WallTime time);
std::optional<WallTime> parse_http_date(std::string_view text);

/// `2026-01-02T03:04:05Z`; parsing also takes a fraction of up to 9 digits.
std::string format_iso8601(WallTime time);
std::optional<WallTime> parse_iso8601(std::string_view text);

/// `2026-01-02T03:04:05.000Z`: in OSS's XML.
std::string format_iso8601_millis(WallTime time);

/// `20260102T030405Z`: `x-oss-date` of V4, `x-amz-date`.
std::string format_compact(WallTime time);
std::optional<WallTime> parse_compact(std::string_view text);

/// `20260102`: the day in a V4 scope.
std::string format_day(WallTime time);

}  // namespace stsfs
