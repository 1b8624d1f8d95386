// One visitor per options struct gives everything that talks about its options: flags, JSON members, string
// settings, range checks, help and docs. A struct describes itself once, without templates, so that options
// can live behind an interface:
//
//   void visit(OptionVisitor& v) {
//     v.option("temp", temperature, {0, 100}, "Temperature; 0 always takes the likeliest token");
//   }
//
// Must not know any option.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

/// Allowed values, both ends included.
template <typename T>
struct Range {
  T min = std::numeric_limits<T>::lowest();
  T max = std::numeric_limits<T>::max();
};

/// Called once per option, in the order in which help shows them. Names are words joined by '_'.
class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  virtual void option(std::string_view name, int32_t& field, Range<int32_t> range, std::string_view help) = 0;
  virtual void option(std::string_view name, uint64_t& field, Range<uint64_t> range,
                      std::string_view help) = 0;
  virtual void option(std::string_view name, float& field, Range<float> range, std::string_view help) = 0;
  virtual void option(std::string_view name, std::string& field, std::string_view help) = 0;
};

/// What help needs to know of an option.
struct OptionInfo {
  std::string name;
  std::string type;           // "integer", "number", "text"
  std::string default_value;  // as text
  std::string help;
};

/// Shortest text of a number that a person would write: 0.95, 40.
std::string option_text(float value);

/// Sets the one option that has this name ('-' and '_' are the same) from text; see set_option.
class OptionSetter : public OptionVisitor {
 public:
  OptionSetter(std::string_view name, std::string_view text);
  void option(std::string_view name, int32_t& field, Range<int32_t> range, std::string_view help) override;
  void option(std::string_view name, uint64_t& field, Range<uint64_t> range, std::string_view help) override;
  void option(std::string_view name, float& field, Range<float> range, std::string_view help) override;
  void option(std::string_view name, std::string& field, std::string_view help) override;
  /// kUsage: a bad value, or no option of this name (those there are, are listed).
  Status result() const;

 private:
  template <typename T>
  void set(std::string_view name, T& field, Range<T> range);
  bool matches(std::string_view name);

  std::string name_;
  std::string text_;
  bool found_ = false;
  Status status_;
  std::string known_;
};

/// Collects what help shows; the fields' present values are the defaults.
class OptionLister : public OptionVisitor {
 public:
  void option(std::string_view name, int32_t& field, Range<int32_t> range, std::string_view help) override;
  void option(std::string_view name, uint64_t& field, Range<uint64_t> range, std::string_view help) override;
  void option(std::string_view name, float& field, Range<float> range, std::string_view help) override;
  void option(std::string_view name, std::string& field, std::string_view help) override;
  std::vector<OptionInfo> options;
};

/// Sets one option of anything with visit(OptionVisitor&) by name from text.
template <typename Options>
Status set_option(Options& options, std::string_view name, std::string_view text) {
  OptionSetter setter(name, text);
  options.visit(setter);
  return setter.result();
}

/// All options of anything with visit(OptionVisitor&).
template <typename Options>
std::vector<OptionInfo> list_options(Options options) {
  OptionLister lister;
  options.visit(lister);
  return std::move(lister.options);
}

}  // namespace hearth
