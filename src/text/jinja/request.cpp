// Values are built directly from the parser's events: no second copy of the request, and no recursion over
// its depth.
#include "text/jinja/request.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace hearth::text::jinja {

namespace {

/// Receives the events of nlohmann's SAX parser; false stops it.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(Runtime& runtime) : runtime_(runtime) {}

  bool null() override { return add(Value::none()); }
  bool boolean(bool value) override { return add(Value::boolean(value)); }
  bool number_integer(number_integer_t value) override { return add(Value::integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX)) return refuse("an integer beyond 64 bits");
    return add(Value::integer(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    // Integers that do not fit are announced as floats; Python would keep them whole.
    if (text.find_first_of(".eE") == string_t::npos) return refuse("an integer beyond 64 bits");
    return add(Value::real(value));
  }
  bool string(string_t& text) override { return add(runtime_.string(std::move(text))); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool start_object(std::size_t) override { return open(make_dict(runtime_.heap())); }
  bool key(string_t& text) override {
    open_.back().key = runtime_.string(std::move(text));
    return true;
  }
  bool end_object() override { return close(open_.back().dict); }
  bool start_array(std::size_t) override { return open(Value::missing()); }
  bool end_array() override { return close(make_list(runtime_.heap(), std::move(open_.back().items))); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& exception) override {
    if (!error_)
      error_ = fail(ErrorCode::kCorrupt, "chat request: not JSON at byte ", position, ": ", exception.what());
    return false;
  }

  Result<Value> finish() {
    if (error_) return std::move(*error_);
    if (!result_.is(Kind::kDict))
      return fail(ErrorCode::kCorrupt, "chat request: the JSON must be an object");
    return std::move(result_);
  }

 private:
  struct Open {
    Value dict;  // kMissing for an array
    Value key;
    std::vector<Value> items;
  };

  bool refuse(std::string_view what) {
    error_ = fail(ErrorCode::kCorrupt, "chat request: ", what, " is not supported");
    return false;
  }

  bool open(Value dict) {
    if (open_.size() >= static_cast<size_t>(kMaxNesting)) {
      error_ =
          fail(ErrorCode::kTooLarge, "chat request: JSON nested more than ", kMaxNesting, " levels deep");
      return false;
    }
    open_.push_back({std::move(dict), Value(), {}});
    return true;
  }

  bool close(Value finished) {
    open_.pop_back();
    return add(std::move(finished));
  }

  bool add(Value value) {
    if (Status status = runtime_.reserve(static_cast<int64_t>(sizeof(Value))); !status.ok()) {
      error_ = status.error();
      return false;
    }
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (open_.back().dict.is(Kind::kDict)) {
      open_.back().dict.as<Dict>().set(open_.back().key, std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  Runtime& runtime_;
  std::vector<Open> open_;
  Value result_ = Value::missing();
  std::optional<Error> error_;
};

}  // namespace

Result<Value> parse_request(Runtime& runtime, std::string_view json) {
  Builder builder(runtime);
  try {
    nlohmann::json::sax_parse(json.begin(), json.end(), &builder);
  } catch (const nlohmann::json::exception& exception) {
    return fail(ErrorCode::kCorrupt, "chat request: ", exception.what());
  }
  return builder.finish();
}

namespace {

/// {"thinking": r, **message, "reasoning_content": r}, where r is the first of the message's reasoning
/// fields; else itself.
Value with_reasoning(Runtime& runtime, const Value& message) {
  if (!message.is(Kind::kDict)) return message;
  const auto& source = message.as<Dict>();
  const Value* reasoning = nullptr;
  for (const std::string_view name : {"reasoning_content", "thinking", "reasoning"}) {
    const Value* found = source.find(name);
    if (reasoning == nullptr && found != nullptr && !found->is(Kind::kNone)) reasoning = found;
  }
  if (reasoning == nullptr) return message;
  Value out = make_dict(runtime.heap());
  auto& dict = out.as<Dict>();
  dict.set(runtime.string("thinking"), *reasoning);
  for (const Dict::Entry& entry : source.entries()) dict.set(entry.key, entry.value);
  dict.set(runtime.string("reasoning_content"), *reasoning);
  return out;
}

}  // namespace

void complete_request(Runtime& runtime, Dict& request) {
  if (const Value* messages = request.find("messages"); messages != nullptr && messages->is(Kind::kList)) {
    std::vector<Value> completed;
    completed.reserve(items_of(*messages).size());
    for (const Value& message : items_of(*messages)) completed.push_back(with_reasoning(runtime, message));
    request.set(runtime.string("messages"), make_list(runtime.heap(), std::move(completed)));
  }
  for (const std::string_view name : {"tools", "documents"}) {
    if (request.find(name) == nullptr) request.set(runtime.string(std::string(name)), Value::none());
  }
  if (request.find("add_generation_prompt") == nullptr) {
    request.set(runtime.string("add_generation_prompt"), Value::boolean(false));
  }
}

}  // namespace hearth::text::jinja
