// The values a chat template computes with, and the accounted memory that one render may use.
// Python's semantics are kept where a template can see them: insertion-ordered dicts, str as code points, 1
// == True == 1.0. Must not know the syntax tree or the interpreter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::text::jinja {

enum class Kind : uint8_t {
  kUndefined,  // jinja2.Undefined; payload: String with the reason, or null
  kMissing,    // "no value here": an argument that was not given, a slot not assigned yet; never seen by a
               // template
  kNone,
  kBool,
  kInt,
  kFloat,
  kFunction,  // a global function; payload: its number
  kString,
  kList,
  kTuple,
  kDict,
  kNamespace,
  kRange,
  kIterator,  // generators and reversed(): can be walked once
  kView,      // dict.keys(), .values(), .items()
  kMacro,
  kMethod,
  kLoop,
  kCycler,
  kJoiner,
  kFrame,  // the interpreter's own; never seen by a template
};

class Heap;

/// Base of everything reference counted. Counts are not atomic: a heap belongs to one render on one thread.
struct Object {
  Object(Heap& owner, Kind object_kind) : heap(&owner), kind(object_kind) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;

  Heap* heap;
  int64_t bytes = 0;  // accounted
  int32_t refs = 0;
  Kind kind;
};

/// Objects that can change after they were made and so can be part of a cycle; the heap empties those left at
/// the end.
struct Mutable : Object {
  Mutable(Heap& owner, Kind object_kind);
  ~Mutable() override;
  virtual void clear() = 0;

  Mutable* previous = nullptr;
  Mutable* next = nullptr;
};

/// The memory of one render: counts live bytes, frees without recursion, and breaks cycles when it ends.
class Heap {
 public:
  Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap();

  /// Of values, and of what is held beside them.
  int64_t live_bytes() const { return live_bytes_ + held_bytes_; }
  void account(Object& object, int64_t bytes) {
    object.bytes += bytes;
    live_bytes_ += bytes;
  }
  /// Memory that is in no value yet or any more: a copy being walked, a text being put together. A negative
  /// number gives it back.
  void hold(int64_t bytes) { held_bytes_ += bytes; }
  void reclaim(Object* object);

  /// Comparing nested containers can take exponentially long (a list that holds the same list twice, and so
  /// on), and so can many pairs of long texts: each pair of items takes one unit, each pair of texts one for
  /// every kComparedPerUnit bytes more. Below 0 everything compares unequal, and the render ends with an
  /// error.
  void set_work(int64_t units) { work_left_ = units; }
  int64_t work_left() const { return work_left_; }
  bool work(int64_t units = 1) {
    work_left_ -= units;
    return work_left_ >= 0;
  }

 private:
  friend struct Mutable;
  int64_t live_bytes_ = 0;
  int64_t held_bytes_ = 0;
  int64_t work_left_ = 0;
  bool reclaiming_ = false;
  std::vector<Object*> dead_;
  Mutable* mutables_ = nullptr;
};

/// Holds memory of a heap for its lifetime (Heap::hold).
class HeldBytes {
 public:
  explicit HeldBytes(Heap& heap, size_t bytes = 0) : heap_(heap) { set(bytes); }
  ~HeldBytes() { set(0); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  /// From now on so many, instead of those before.
  void set(size_t bytes) {
    heap_.hold(static_cast<int64_t>(bytes) - held_);
    held_ = static_cast<int64_t>(bytes);
  }

 private:
  Heap& heap_;
  int64_t held_ = 0;
};

/// 16 bytes: a kind and a number or a counted pointer.
class Value {
 public:
  Value() : kind_(Kind::kUndefined) { payload_.object = nullptr; }
  Value(const Value& other) : kind_(other.kind_), payload_(other.payload_) { retain(); }
  Value(Value&& other) noexcept : kind_(other.kind_), payload_(other.payload_) {
    other.kind_ = Kind::kUndefined;
    other.payload_.object = nullptr;
  }
  Value& operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(payload_, other.payload_);
    return *this;
  }
  ~Value() { release(); }

  static Value none() { return Value(Kind::kNone); }
  static Value missing() { return Value(Kind::kMissing); }
  static Value boolean(bool value) {
    Value out(Kind::kBool);
    out.payload_.integer = value ? 1 : 0;
    return out;
  }
  static Value integer(int64_t value) {
    Value out(Kind::kInt);
    out.payload_.integer = value;
    return out;
  }
  static Value real(double value) {
    Value out(Kind::kFloat);
    out.payload_.real = value;
    return out;
  }
  static Value function(int64_t number) {
    Value out(Kind::kFunction);
    out.payload_.integer = number;
    return out;
  }
  /// Undefined whose use as a value fails with `reason` (a String; may be null).
  static Value undefined(Object* reason);
  static Value object(Object* object);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  /// The integer of an int, bool or function.
  int64_t integer() const { return payload_.integer; }
  double real() const { return payload_.real; }
  Object* object() const { return has_object() ? payload_.object : nullptr; }
  template <typename T>
  T& as() const {
    return static_cast<T&>(*payload_.object);
  }
  bool is_number() const { return kind_ == Kind::kInt || kind_ == Kind::kFloat || kind_ == Kind::kBool; }
  /// int or bool: what Python's isinstance(x, int) accepts.
  bool is_integral() const { return kind_ == Kind::kInt || kind_ == Kind::kBool; }
  double as_double() const {
    return kind_ == Kind::kFloat ? payload_.real : static_cast<double>(payload_.integer);
  }
  bool is_sequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple; }

 private:
  explicit Value(Kind kind) : kind_(kind) { payload_.object = nullptr; }
  bool has_object() const { return kind_ >= Kind::kString || kind_ == Kind::kUndefined; }
  void retain() {
    if (has_object() && payload_.object != nullptr) ++payload_.object->refs;
  }
  void release() {
    if (has_object() && payload_.object != nullptr && --payload_.object->refs == 0) {
      payload_.object->heap->reclaim(payload_.object);
    }
  }

  Kind kind_;
  union {
    int64_t integer;
    double real;
    Object* object;
  } payload_;
};

struct String : Object {
  String(Heap& owner, std::string value, bool is_markup);

  std::string text;           // UTF-8
  int64_t code_points = 0;    // of `text`
  bool markup = false;        // markupsafe.Markup: joined with + it escapes the other side
  mutable uint64_t hash = 0;  // 0: not computed yet
  bool is_ascii() const { return code_points == static_cast<int64_t>(text.size()); }
};

struct List : Object {  // list and tuple
  List(Heap& owner, Kind list_kind, std::vector<Value> values);
  std::vector<Value> items;
  bool group = false;         // a row of groupby: .grouper and .list
  mutable uint64_t hash = 0;  // of a tuple; 0: not computed yet
};

/// Insertion-ordered; keys equal as in Python. Looked up through a hash index once it is larger than a few
/// entries.
class Dict : public Object {
 public:
  explicit Dict(Heap& owner) : Object(owner, Kind::kDict) {}
  struct Entry {
    Value key;
    Value value;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  /// Null when absent. `key` must be hashable.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Adds, or replaces the value and keeps the place.
  void set(const Value& key, Value value);
  void clear();

 private:
  template <typename Equal>
  const Value* find_hashed(uint64_t hash, const Equal& equal) const;
  void rebuild_index();

  std::vector<Entry> entries_;
  std::vector<uint64_t> hashes_;
  std::vector<int32_t> index_;  // open addressing, -1 empty; unused while there are few entries
};

struct Namespace : Mutable {
  explicit Namespace(Heap& owner) : Mutable(owner, Kind::kNamespace) {
    owner.account(*this, static_cast<int64_t>(sizeof(Namespace)));
  }
  void clear() override { attributes.clear(); }
  std::vector<std::pair<std::string, Value>> attributes;
};

struct Range : Object {
  Range(Heap& owner, int64_t first, int64_t limit, int64_t stride);
  int64_t size() const;
  int64_t start, stop, step;
};

struct Iterator : Object {
  Iterator(Heap& owner, std::vector<Value> values);
  std::vector<Value> items;
  size_t position = 0;
};

enum class ViewKind : uint8_t { kKeys, kValues, kItems };

struct View : Object {
  View(Heap& owner, Value viewed, ViewKind what)
      : Object(owner, Kind::kView), dict(std::move(viewed)), part(what) {
    owner.account(*this, static_cast<int64_t>(sizeof(View)));
  }
  Value dict;
  ViewKind part;
};

struct MethodEntry;  // one row of the method tables (methods.h)

struct Method : Object {
  Method(Heap& owner, Value receiver, const MethodEntry* row)
      : Object(owner, Kind::kMethod), self(std::move(receiver)), entry(row) {
    owner.account(*this, static_cast<int64_t>(sizeof(Method)));
  }
  Value self;
  const MethodEntry* entry;
};

struct Cycler : Mutable {
  Cycler(Heap& owner, std::vector<Value> values) : Mutable(owner, Kind::kCycler), items(std::move(values)) {
    owner.account(*this, static_cast<int64_t>(sizeof(Cycler) + items.capacity() * sizeof(Value)));
  }
  void clear() override { items.clear(); }
  std::vector<Value> items;
  size_t position = 0;
};

struct Joiner : Object {
  Joiner(Heap& owner, Value text) : Object(owner, Kind::kJoiner), separator(std::move(text)) {
    owner.account(*this, static_cast<int64_t>(sizeof(Joiner)));
  }
  Value separator;
  bool used = false;
};

Value make_string(Heap& heap, std::string text, bool markup = false);
Value make_list(Heap& heap, std::vector<Value> items);
Value make_tuple(Heap& heap, std::vector<Value> items);
Value make_dict(Heap& heap);
Value make_iterator(Heap& heap, std::vector<Value> items);

inline const std::string& text_of(const Value& value) { return value.as<String>().text; }
inline const std::vector<Value>& items_of(const Value& value) { return value.as<List>().items; }

/// Hash that agrees with Python's equality of hashable values; false for unhashable ones (list, dict), also
/// inside tuples.
bool hash_value(const Value& value, uint64_t& hash, int depth = 0);
uint64_t hash_text(std::string_view text);
/// Python's == on the values that may be dict keys and on all others; nesting beyond `kMaxNesting` compares
/// unequal.
bool equal_values(const Value& a, const Value& b, int depth = 0);

/// Containers nested deeper than this are refused by everything that walks them.
inline constexpr int kMaxNesting = 200;

}  // namespace hearth::text::jinja
