#include "stsfs/base/time_format.h"

#include <array>
#include <cstdio>

#include "stsfs/base/text.h"

namespace stsfs {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;

constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array kWeekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct Fields {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned weekday = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  unsigned millisecond = 0;
};

Fields fields_of(WallTime time) {
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date(day);
  const auto in_day = floor<std::chrono::milliseconds>(time - day);
  const auto total = static_cast<unsigned>(in_day.count());
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          std::chrono::weekday(day).c_encoding(),
          total / 3'600'000,
          total / 60'000 % 60,
          total / 1'000 % 60,
          total % 1'000};
}

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, args...);
  return buffer.data();
}

std::optional<WallTime> time_of(const Fields& f) {
  const std::chrono::year_month_day date{std::chrono::year(f.year), std::chrono::month(f.month),
                                         std::chrono::day(f.day)};
  if (!date.ok() || f.hour > 23 || f.minute > 59 || f.second > 60) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(f.hour) +
         std::chrono::minutes(f.minute) + seconds(f.second);
}

/// Walks over a text of fixed shape; once something does not fit, everything after fails too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  unsigned number(std::size_t digits) {
    if (rest_.size() < digits) return fail();
    const auto value = parse_u64(rest_.substr(0, digits));
    if (!value) return fail();
    rest_.remove_prefix(digits);
    return static_cast<unsigned>(*value);
  }
  void literal(std::string_view text) {
    if (rest_.starts_with(text))
      rest_.remove_prefix(text.size());
    else
      fail();
  }
  template <std::size_t N>
  unsigned one_of(const std::array<const char*, N>& words) {
    for (unsigned i = 0; i < N; ++i) {
      if (!rest_.starts_with(words[i])) continue;
      rest_.remove_prefix(std::string_view(words[i]).size());
      return i;
    }
    return fail();
  }
  /// Nanoseconds of an optional ".ddd", 1 to 9 digits.
  std::chrono::nanoseconds fraction() {
    if (!rest_.starts_with('.')) return {};
    rest_.remove_prefix(1);
    std::uint64_t value = 0;
    std::size_t digits = 0;
    while (digits < 9 && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      value = value * 10 + static_cast<unsigned>(rest_[0] - '0');
      rest_.remove_prefix(1);
      ++digits;
    }
    if (digits == 0) fail();
    for (; digits < 9; ++digits) value *= 10;
    return std::chrono::nanoseconds(value);
  }
  bool done() const { return good_ && rest_.empty(); }

 private:
  unsigned fail() {
    good_ = false;
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::string format_http_date(WallTime time) {
  const Fields f = fields_of(time);
  return print("%s, %02u %s %04d %02u:%02u:%02u GMT", kWeekdays[f.weekday], f.day,
               kMonths[f.month - 1], f.year, f.hour, f.minute, f.second);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  Scanner scan(text);
  Fields f;
  scan.one_of(kWeekdays);
  scan.literal(", ");
  f.day = scan.number(2);
  scan.literal(" ");
  f.month = scan.one_of(kMonths) + 1;
  scan.literal(" ");
  f.year = static_cast<int>(scan.number(4));
  scan.literal(" ");
  f.hour = scan.number(2);
  scan.literal(":");
  f.minute = scan.number(2);
  scan.literal(":");
  f.second = scan.number(2);
  scan.literal(" GMT");
  if (!scan.done()) return std::nullopt;
  return time_of(f);
}

std::string format_iso8601(WallTime time) {
  const Fields f = fields_of(time);
  return print("%04d-%02u-%02uT%02u:%02u:%02uZ", f.year, f.month, f.day, f.hour, f.minute,
               f.second);
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  Scanner scan(text);
  Fields f;
  f.year = static_cast<int>(scan.number(4));
  scan.literal("-");
  f.month = scan.number(2);
  scan.literal("-");
  f.day = scan.number(2);
  scan.literal("T");
  f.hour = scan.number(2);
  scan.literal(":");
  f.minute = scan.number(2);
  scan.literal(":");
  f.second = scan.number(2);
  const auto fraction = scan.fraction();
  scan.literal("Z");
  if (!scan.done()) return std::nullopt;
  const auto time = time_of(f);
  if (!time) return std::nullopt;
  return *time + fraction;
}

std::string format_iso8601_millis(WallTime time) {
  const Fields f = fields_of(time);
  return print("%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", f.year, f.month, f.day, f.hour, f.minute,
               f.second, f.millisecond);
}

std::string format_compact(WallTime time) {
  const Fields f = fields_of(time);
  return print("%04d%02u%02uT%02u%02u%02uZ", f.year, f.month, f.day, f.hour, f.minute, f.second);
}

std::optional<WallTime> parse_compact(std::string_view text) {
  Scanner scan(text);
  Fields f;
  f.year = static_cast<int>(scan.number(4));
  f.month = scan.number(2);
  f.day = scan.number(2);
  scan.literal("T");
  f.hour = scan.number(2);
  f.minute = scan.number(2);
  f.second = scan.number(2);
  scan.literal("Z");
  if (!scan.done()) return std::nullopt;
  return time_of(f);
}

std::string format_day(WallTime time) {
  const Fields f = fields_of(time);
  return print("%04d%02u%02u", f.year, f.month, f.day);
}

}  // namespace stsfs
