// Strings of JSON: counting code points, formats, and the canonical escaped form.
#include <algorithm>
#include <array>

#include "text/grammar/expr.h"
#include "text/grammar/json_text.h"
#include "text/grammar/regex.h"

namespace hearth::text::grammar {
namespace {

constexpr uint32_t kMaxLength = 1 << 15;

// States of one code point: before it, within it by the bytes that may follow. RFC 3629, section 4.
enum Utf8State : uint8_t { kBefore, kLast, kTwo, kThree, kAfterE0, kAfterEd, kAfterF0, kAfterF4, kStates };

struct FormatRow {
  std::string_view name;
  std::string_view pattern;
  std::string_view forbidden;  // and no such part
};

#define HEARTH_YEAR "[1-9][0-9]{3}"
#define HEARTH_LEAP_YEAR "([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)"
#define HEARTH_DATE                                                                          \
  "(" HEARTH_YEAR                                                                            \
  "-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]" \
  "|1[0-9]|2[0-8]))|" HEARTH_LEAP_YEAR "-02-29)"
#define HEARTH_CLOCK "([01][0-9]|2[0-3]):[0-5][0-9]"
#define HEARTH_TIME HEARTH_CLOCK ":[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]" HEARTH_CLOCK ")"
#define HEARTH_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define HEARTH_HOST HEARTH_LABEL "(\\." HEARTH_LABEL ")*"
#define HEARTH_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define HEARTH_IPV4 HEARTH_OCTET "(\\." HEARTH_OCTET "){3}"
#define HEARTH_ATEXT "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#define HEARTH_PCHAR "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
#define HEARTH_H16 "[0-9A-Fa-f]{1,4}"

constexpr FormatRow kFormats[] = {
    {"date", HEARTH_DATE, ""},
    {"time", HEARTH_TIME, ""},
    {"date-time", HEARTH_DATE "T" HEARTH_TIME, ""},
    {"duration",
     "P([0-9]+W|([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)(T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M"
     "([0-9]+S)?|[0-9]+S))?|T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))",
     ""},
    {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}", ""},
    {"email", HEARTH_ATEXT "(\\." HEARTH_ATEXT ")*@" HEARTH_HOST, "--"},
    {"hostname", HEARTH_HOST, "--"},
    {"ipv4", HEARTH_IPV4, ""},
    {"ipv6",
     "((" HEARTH_H16 ":){7}" HEARTH_H16 "|(" HEARTH_H16 ":){1,7}:|(" HEARTH_H16 ":){1,6}(:" HEARTH_H16
     "){1}|(" HEARTH_H16 ":){1,5}(:" HEARTH_H16 "){1,2}|(" HEARTH_H16 ":){1,4}(:" HEARTH_H16
     "){1,3}|(" HEARTH_H16 ":){1,3}(:" HEARTH_H16 "){1,4}|(" HEARTH_H16 ":){1,2}(:" HEARTH_H16
     "){1,5}|" HEARTH_H16 ":(:" HEARTH_H16 "){1,6}|:((:" HEARTH_H16 "){1,7}|:))",
     ""},
    {"uri",
     "[A-Za-z][A-Za-z0-9+.-]*:(//" HEARTH_HOST "(:[0-9]{1,5})?(/" HEARTH_PCHAR "*)*|/(" HEARTH_PCHAR
     "+(/" HEARTH_PCHAR "*)*)?|" HEARTH_PCHAR "+(/" HEARTH_PCHAR "*)*)(\\?(" HEARTH_PCHAR
     "|[/?])*)?(#(" HEARTH_PCHAR "|[/?])*)?",
     ""},
};

}  // namespace

Result<Dfa> texts_of_length(uint32_t min, uint32_t max) {
  if (max < min) {
    Dfa none;
    none.add_state(false, {}, {});
    return none;
  }
  const uint32_t last = max == Expr::kUnbounded ? min : max;  // characters told apart
  if (last > kMaxLength) {
    return fail(ErrorCode::kTooLarge, "string lengths above ", kMaxLength, " are not supported");
  }
  Dfa out;
  for (uint32_t count = 0; count <= last; ++count) {
    const uint32_t base = count * kStates;
    const uint32_t next = std::min(count + 1, last) * kStates;
    const bool full = count == last && max != Expr::kUnbounded;
    const auto add = [&](bool accepting, std::initializer_list<ByteEdge> edges) {
      out.add_state(accepting, full ? std::span<const ByteEdge>() : std::span<const ByteEdge>(edges), {});
    };
    add(count >= min, {{0, 0x7F, next},
                       {0xC2, 0xDF, base + kLast},
                       {0xE0, 0xE0, base + kAfterE0},
                       {0xE1, 0xEC, base + kTwo},
                       {0xED, 0xED, base + kAfterEd},
                       {0xEE, 0xEF, base + kTwo},
                       {0xF0, 0xF0, base + kAfterF0},
                       {0xF1, 0xF3, base + kThree},
                       {0xF4, 0xF4, base + kAfterF4}});
    if (full) break;
    add(false, {{0x80, 0xBF, next}});
    add(false, {{0x80, 0xBF, base + kLast}});
    add(false, {{0x80, 0xBF, base + kTwo}});
    add(false, {{0xA0, 0xBF, base + kLast}});
    add(false, {{0x80, 0x9F, base + kLast}});
    add(false, {{0x90, 0xBF, base + kTwo}});
    add(false, {{0x80, 0x8F, base + kTwo}});
  }
  return out;
}

Result<Dfa> texts_of_format(std::string_view format) {
  for (const FormatRow& row : kFormats) {
    if (row.name != format) continue;
    HEARTH_ASSIGN(Dfa texts, regex_automaton(row.pattern, RegexMatch::kWhole));
    if (row.forbidden.empty()) return texts;
    HEARTH_ASSIGN(const Dfa forbidden, regex_automaton(row.forbidden, RegexMatch::kSearch));
    HEARTH_ASSIGN(texts, subtract(texts, forbidden, 1 << 16));
    if (format != "hostname") return texts;
    HEARTH_ASSIGN(const Dfa short_enough, texts_of_length(1, 253));
    return intersect(texts, short_enough, 1 << 18);
  }
  std::string known;
  for (const FormatRow& row : kFormats) known += concat(known.empty() ? "" : ", ", row.name);
  return fail(ErrorCode::kUnsupported, "format \"", std::string(format),
              "\" is not supported (known: ", known, ")");
}

namespace {

/// One run of quoted(): states are collected first, because escapes add some behind the last text state.
class Quoter {
 public:
  explicit Quoter(const Dfa& texts) : texts_(texts) {}

  Dfa run() {
    const uint32_t first = 1;
    const uint32_t closed = first + texts_.size();
    states_.resize(closed + 1);
    states_[0].push_back({'"', '"', first});
    for (uint32_t i = 0; i < texts_.size(); ++i) add(i, first, closed);
    Dfa out;
    for (uint32_t i = 0; i < states_.size(); ++i) out.add_state(i == closed, states_[i], {});
    return out;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t new_state(std::vector<ByteEdge> edges) {
    states_.push_back(std::move(edges));
    return static_cast<uint32_t>(states_.size() - 1);
  }

  void add(uint32_t state, uint32_t first, uint32_t closed) {
    std::vector<ByteEdge> plain;
    std::array<uint32_t, 256> escaped;  // where a character that must be escaped leads
    escaped.fill(kNone);
    bool any = false;
    for (const ByteEdge& edge : texts_.edges(state)) {
      uint32_t low = edge.low;
      for (uint32_t c = edge.low; c <= edge.high; ++c) {
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        escaped[c] = first + edge.to;
        any = true;
        if (c > low)
          plain.push_back({static_cast<uint8_t>(low), static_cast<uint8_t>(c - 1), first + edge.to});
        low = c + 1;
      }
      if (low <= edge.high) plain.push_back({static_cast<uint8_t>(low), edge.high, first + edge.to});
    }
    if (texts_.accepting(state)) plain.push_back({'"', '"', closed});
    if (any) plain.push_back({'\\', '\\', escape_state(escaped)});
    std::ranges::sort(plain, {}, &ByteEdge::low);
    states_[first + state] = std::move(plain);
  }

  /// Behind a backslash.
  uint32_t escape_state(const std::array<uint32_t, 256>& escaped) {
    constexpr std::string_view kLetters = "\"\\bfnrt";
    constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
    std::vector<ByteEdge> edges;
    for (size_t i = 0; i < kLetters.size(); ++i) {
      const uint32_t to = escaped[static_cast<uint8_t>(kMeanings[i])];
      const auto letter = static_cast<uint8_t>(kLetters[i]);
      if (to != kNone) edges.push_back({letter, letter, to});
    }
    std::vector<ByteEdge> high_digit;
    for (uint32_t high = 0; high < 2; ++high) {
      std::vector<ByteEdge> low_digit;
      for (uint32_t low = 0; low < 16; ++low) {
        const auto c = static_cast<char>(high * 16 + low);
        const auto digit = static_cast<uint8_t>("0123456789abcdef"[low]);
        const uint32_t to = escaped[static_cast<uint8_t>(c)];
        if (to != kNone && kMeanings.find(c) == std::string_view::npos)
          low_digit.push_back({digit, digit, to});
      }
      const auto digit = static_cast<uint8_t>('0' + high);
      if (!low_digit.empty()) high_digit.push_back({digit, digit, new_state(std::move(low_digit))});
    }
    if (!high_digit.empty()) {
      const uint32_t third = new_state(std::move(high_digit));
      const uint32_t second = new_state({{'0', '0', third}});
      edges.push_back({'u', 'u', new_state({{'0', '0', second}})});
    }
    std::ranges::sort(edges, {}, &ByteEdge::low);
    return new_state(std::move(edges));
  }

  const Dfa& texts_;
  std::vector<std::vector<ByteEdge>> states_;
};

}  // namespace

Dfa quoted(const Dfa& texts) { return Quoter(texts).run(); }

}  // namespace hearth::text::grammar
