// datetime.strftime for strftime_now: the C locale, without a time zone (datetime.now() has none), no libc
// locale state.
#include <string>

#include "text/jinja/operations.h"

namespace hearth::text::jinja {

namespace {

constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

struct CivilTime {
  int64_t year, month, day;  // month 1 to 12
  int64_t hour, minute, second;
  int64_t weekday;   // 0 is Sunday
  int64_t year_day;  // 0 is the first of January
};

/// Days since 1970 to a date of the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible date
/// algorithms").
CivilTime civil_time(int64_t seconds) {
  constexpr int64_t kDay = 86400;
  int64_t days = seconds / kDay;
  int64_t rest = seconds % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const int64_t shifted = days + 719468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);  // from 1 March
  const int64_t month_index = (5 * day_of_year + 2) / 153;
  CivilTime out{};
  out.day = day_of_year - (153 * month_index + 2) / 5 + 1;
  out.month = month_index < 10 ? month_index + 3 : month_index - 9;
  out.year = year_of_era + era * 400 + (out.month <= 2 ? 1 : 0);
  out.hour = rest / 3600;
  out.minute = rest / 60 % 60;
  out.second = rest % 60;
  out.weekday = ((days + 4) % 7 + 7) % 7;
  const bool leap = (out.year % 4 == 0 && out.year % 100 != 0) || out.year % 400 == 0;
  static constexpr int64_t kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  out.year_day = kBefore[out.month - 1] + (leap && out.month > 2 ? 1 : 0) + out.day - 1;
  return out;
}

std::string padded(int64_t value, size_t width, char fill = '0') {
  std::string digits = std::to_string(value);
  if (digits.size() < width) digits.insert(0, width - digits.size(), fill);
  return digits;
}

/// False for a letter that is not known.
bool append_field(std::string& out, char letter, const CivilTime& t, int depth);

bool append_fields(std::string& out, std::string_view format, const CivilTime& t, int depth) {
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      out.push_back(format[i]);
      continue;
    }
    // glibc's flag: %-d drops the padding.
    const bool bare = format[i + 1] == '-' && i + 2 < format.size();
    const char letter = format[i + (bare ? 2 : 1)];
    std::string field;
    if (!append_field(field, letter, t, depth)) return false;
    if (bare) {
      while (field.size() > 1 && (field[0] == '0' || field[0] == ' ')) field.erase(0, 1);
    }
    out += field;
    i += bare ? 2 : 1;
  }
  return true;
}

int64_t iso_weeks(int64_t year) {
  // A year has 53 ISO weeks when it ends on a Thursday, or the one before it ended on a Wednesday.
  auto ends_on = [](int64_t y) { return (y + y / 4 - y / 100 + y / 400) % 7; };
  return ends_on(year) == 4 || ends_on(year - 1) == 3 ? 53 : 52;
}

void iso_week(const CivilTime& t, int64_t& year, int64_t& week) {
  const int64_t monday_based = (t.weekday + 6) % 7;
  year = t.year;
  week = (t.year_day + 1 - (monday_based + 1) + 10) / 7;
  if (week < 1) {
    --year;
    week = iso_weeks(year);
  } else if (week > iso_weeks(year)) {
    ++year;
    week = 1;
  }
}

bool append_date_field(std::string& out, char letter, const CivilTime& t) {
  const std::string_view day = kDays[t.weekday];
  const std::string_view month = kMonths[t.month - 1];
  int64_t iso_year = 0;
  int64_t week = 0;
  iso_week(t, iso_year, week);
  switch (letter) {
    case 'a':
      out += day.substr(0, 3);
      return true;
    case 'A':
      out += day;
      return true;
    case 'b':
    case 'h':
      out += month.substr(0, 3);
      return true;
    case 'B':
      out += month;
      return true;
    case 'C':
      out += padded(t.year / 100, 2);
      return true;
    case 'd':
      out += padded(t.day, 2);
      return true;
    case 'e':
      out += padded(t.day, 2, ' ');
      return true;
    case 'g':
      out += padded(iso_year % 100, 2);
      return true;
    case 'G':
      out += std::to_string(iso_year);
      return true;
    case 'j':
      out += padded(t.year_day + 1, 3);
      return true;
    case 'm':
      out += padded(t.month, 2);
      return true;
    case 'u':
      out += std::to_string(t.weekday == 0 ? 7 : t.weekday);
      return true;
    case 'U':
      out += padded((t.year_day + 7 - t.weekday) / 7, 2);
      return true;
    case 'V':
      out += padded(week, 2);
      return true;
    case 'w':
      out += std::to_string(t.weekday);
      return true;
    case 'W':
      out += padded((t.year_day + 7 - (t.weekday + 6) % 7) / 7, 2);
      return true;
    case 'y':
      out += padded(t.year % 100, 2);
      return true;
    case 'Y':
      out += std::to_string(t.year);
      return true;
    default:
      return false;
  }
}

bool append_field(std::string& out, char letter, const CivilTime& t, int depth) {
  if (append_date_field(out, letter, t)) return true;
  const int64_t hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  switch (letter) {
    case 'H':
      out += padded(t.hour, 2);
      return true;
    case 'I':
      out += padded(hour12, 2);
      return true;
    case 'k':
      out += padded(t.hour, 2, ' ');
      return true;
    case 'l':
      out += padded(hour12, 2, ' ');
      return true;
    case 'M':
      out += padded(t.minute, 2);
      return true;
    case 'S':
      out += padded(t.second, 2);
      return true;
    case 'f':
      out += "000000";
      return true;
    case 'p':
      out += t.hour < 12 ? "AM" : "PM";
      return true;
    case 'P':
      out += t.hour < 12 ? "am" : "pm";
      return true;
    case 'n':
      out += "\n";
      return true;
    case 't':
      out += "\t";
      return true;
    case '%':
      out += "%";
      return true;
    case 'z':
    case 'Z':
      return true;  // no time zone
    case 'c':
      return depth == 0 && append_fields(out, "%a %b %e %H:%M:%S %Y", t, 1);
    case 'D':
    case 'x':
      return depth == 0 && append_fields(out, "%m/%d/%y", t, 1);
    case 'F':
      return depth == 0 && append_fields(out, "%Y-%m-%d", t, 1);
    case 'r':
      return depth == 0 && append_fields(out, "%I:%M:%S %p", t, 1);
    case 'R':
      return depth == 0 && append_fields(out, "%H:%M", t, 1);
    case 'T':
    case 'X':
      return depth == 0 && append_fields(out, "%H:%M:%S", t, 1);
    default:
      return false;
  }
}

}  // namespace

Result<std::string> format_time(const Runtime& runtime, std::string_view format, int64_t local_time_s) {
  std::string out;
  if (!append_fields(out, format, civil_time(local_time_s), 0)) {
    return runtime.error("strftime_now: the format '", format.substr(0, 100),
                         "' has a field that is not known");
  }
  return out;
}

}  // namespace hearth::text::jinja
