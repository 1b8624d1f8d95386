// Reference counting without recursion, hashing, equality and the ordered dict.
#include "text/jinja/value.h"

#include <bit>
#include <cmath>
#include <functional>

#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

constexpr int64_t kObjectOverhead =
    48;                             // what an allocator and a vector header cost beside the contents, roughly
constexpr size_t kIndexedFrom = 9;  // smaller dicts are searched linearly
constexpr uint64_t kTupleSeed = 0x9E3779B97F4A7C15u;
constexpr size_t kComparedPerUnit = 64;  // bytes of two texts, in units of Heap::work

}  // namespace

Mutable::Mutable(Heap& owner, Kind object_kind) : Object(owner, object_kind), next(owner.mutables_) {
  if (next != nullptr) next->previous = this;
  owner.mutables_ = this;
}

Mutable::~Mutable() {
  if (next != nullptr) next->previous = previous;
  if (previous != nullptr) {
    previous->next = next;
  } else {
    heap->mutables_ = next;
  }
}

Heap::~Heap() {
  // Whatever still lives is held by a cycle through a mutable object: emptying those frees everything. All
  // are pinned first, so that none is freed while the list is walked.
  std::vector<Mutable*> left;
  for (Mutable* object = mutables_; object != nullptr; object = object->next) {
    ++object->refs;
    left.push_back(object);
  }
  for (Mutable* object : left) object->clear();
  for (Mutable* object : left) {
    if (--object->refs == 0) reclaim(object);
  }
}

void Heap::reclaim(Object* object) {
  dead_.push_back(object);
  if (reclaiming_) return;
  reclaiming_ = true;
  while (!dead_.empty()) {
    Object* next = dead_.back();
    dead_.pop_back();
    live_bytes_ -= next->bytes;
    delete next;  // its members are released into dead_, not recursively
  }
  reclaiming_ = false;
}

Value Value::undefined(Object* reason) {
  Value out;
  out.payload_.object = reason;
  out.retain();
  return out;
}

Value Value::object(Object* object) {
  Value out(object->kind);
  out.payload_.object = object;
  out.retain();
  return out;
}

String::String(Heap& owner, std::string value, bool is_markup)
    : Object(owner, Kind::kString),
      text(std::move(value)),
      code_points(count_code_points(text)),
      markup(is_markup) {
  owner.account(*this, static_cast<int64_t>(sizeof(String) + text.capacity()));
}

List::List(Heap& owner, Kind list_kind, std::vector<Value> values)
    : Object(owner, list_kind), items(std::move(values)) {
  owner.account(*this,
                static_cast<int64_t>(sizeof(List) + items.capacity() * sizeof(Value)) + kObjectOverhead);
}

Iterator::Iterator(Heap& owner, std::vector<Value> values)
    : Object(owner, Kind::kIterator), items(std::move(values)) {
  owner.account(*this,
                static_cast<int64_t>(sizeof(Iterator) + items.capacity() * sizeof(Value)) + kObjectOverhead);
}

Range::Range(Heap& owner, int64_t first, int64_t limit, int64_t stride)
    : Object(owner, Kind::kRange), start(first), stop(limit), step(stride) {
  owner.account(*this, static_cast<int64_t>(sizeof(Range)));
}

int64_t Range::size() const {
  // In unsigned arithmetic: the distance of two int64 values fits into 64 bits.
  if (step > 0) {
    if (start >= stop) return 0;
    const uint64_t distance = static_cast<uint64_t>(stop) - static_cast<uint64_t>(start);
    return static_cast<int64_t>((distance - 1) / static_cast<uint64_t>(step) + 1);
  }
  if (start <= stop) return 0;
  const uint64_t distance = static_cast<uint64_t>(start) - static_cast<uint64_t>(stop);
  return static_cast<int64_t>((distance - 1) / (0 - static_cast<uint64_t>(step)) + 1);
}

Value make_string(Heap& heap, std::string text, bool markup) {
  return Value::object(new String(heap, std::move(text), markup));
}
Value make_list(Heap& heap, std::vector<Value> items) {
  return Value::object(new List(heap, Kind::kList, std::move(items)));
}
Value make_tuple(Heap& heap, std::vector<Value> items) {
  return Value::object(new List(heap, Kind::kTuple, std::move(items)));
}
Value make_dict(Heap& heap) {
  auto* dict = new Dict(heap);
  heap.account(*dict, static_cast<int64_t>(sizeof(Dict)) + kObjectOverhead);
  return Value::object(dict);
}
Value make_iterator(Heap& heap, std::vector<Value> items) {
  return Value::object(new Iterator(heap, std::move(items)));
}

uint64_t hash_text(std::string_view text) {
  const uint64_t hash = std::hash<std::string_view>{}(text);
  return hash == 0 ? 1 : hash;
}

bool hash_value(const Value& value, uint64_t& hash, int depth) {
  switch (value.kind()) {
    case Kind::kBool:
    case Kind::kInt:
      hash = static_cast<uint64_t>(value.integer()) * kTupleSeed;
      return true;
    case Kind::kFloat: {
      const double real = value.real();
      // A float equal to an int hashes like it.
      const bool whole = real >= -0x1p63 && real < 0x1p63 && std::floor(real) == real;
      hash = whole ? static_cast<uint64_t>(static_cast<int64_t>(real)) * kTupleSeed
                   : std::bit_cast<uint64_t>(real);
      return true;
    }
    case Kind::kString: {
      const String& string = value.as<String>();
      if (string.hash == 0) string.hash = hash_text(string.text);
      hash = string.hash;
      return true;
    }
    case Kind::kTuple: {
      const List& tuple = value.as<List>();
      if (tuple.hash == 0) {  // kept, or a tuple of twice the same tuple, and so on, would take for ever
        if (depth >= kMaxNesting) return false;
        uint64_t mixed = kTupleSeed;
        for (const Value& item : tuple.items) {
          uint64_t part = 0;
          if (!hash_value(item, part, depth + 1)) return false;
          mixed = (std::rotl(mixed, 13) ^ part) * kTupleSeed;
        }
        tuple.hash = mixed == 0 ? 1 : mixed;
      }
      hash = tuple.hash;
      return true;
    }
    case Kind::kList:
    case Kind::kDict:
    case Kind::kView:
      return false;
    case Kind::kFunction:
      hash = static_cast<uint64_t>(value.integer()) + 77;
      return true;
    case Kind::kUndefined:
    case Kind::kNone:
    case Kind::kMissing:
      hash = static_cast<uint64_t>(value.kind()) + 11;
      return true;
    default:
      hash = std::hash<const void*>{}(value.object());
      return true;
  }
}

namespace {

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.integer() == b.integer();
  if (a.is(Kind::kFloat) && b.is(Kind::kFloat)) return a.real() == b.real();
  // int against float: exact, not after rounding the int.
  const int64_t whole = a.is_integral() ? a.integer() : b.integer();
  const double real = a.is_integral() ? b.real() : a.real();
  return real >= -0x1p63 && real < 0x1p63 && std::floor(real) == real && static_cast<int64_t>(real) == whole;
}

bool equal_texts(const Value& a, const Value& b) {
  if (a.object() == b.object()) return true;
  const std::string& left = text_of(a);
  const std::string& right = text_of(b);
  return left.size() == right.size() &&
         a.object()->heap->work(static_cast<int64_t>(1 + left.size() / kComparedPerUnit)) && left == right;
}

bool equal_dicts(const Dict& a, const Dict& b, int depth) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const Dict::Entry& entry : a.entries()) {
    const Value* other = b.find(entry.key);
    if (other == nullptr || !a.heap->work() || !equal_values(entry.value, *other, depth + 1)) return false;
  }
  return true;
}

bool equal_ranges(const Range& a, const Range& b) {
  const int64_t size = a.size();
  if (size != b.size()) return false;
  if (size == 0) return true;
  return a.start == b.start && (size == 1 || a.step == b.step);
}

}  // namespace

bool equal_values(const Value& a, const Value& b, int depth) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kMissing:
    case Kind::kNone:
      return true;
    case Kind::kFunction:
      return a.integer() == b.integer();
    case Kind::kString:
      return equal_texts(a, b);
    case Kind::kList:
    case Kind::kTuple: {
      const std::vector<Value>& left = items_of(a);
      const std::vector<Value>& right = items_of(b);
      if (a.object() == b.object()) return true;
      if (left.size() != right.size() || depth >= kMaxNesting) return false;
      for (size_t i = 0; i < left.size(); ++i) {
        if (!a.object()->heap->work() || !equal_values(left[i], right[i], depth + 1)) return false;
      }
      return true;
    }
    case Kind::kDict:
      return a.object() == b.object() ||
             (depth < kMaxNesting && equal_dicts(a.as<Dict>(), b.as<Dict>(), depth));
    case Kind::kRange:
      return equal_ranges(a.as<Range>(), b.as<Range>());
    case Kind::kMethod:
      return a.as<Method>().entry == b.as<Method>().entry &&
             a.as<Method>().self.object() == b.as<Method>().self.object();
    default:
      return a.object() == b.object();
  }
}

template <typename Equal>
const Value* Dict::find_hashed(uint64_t hash, const Equal& equal) const {
  if (index_.empty()) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (hashes_[i] == hash && equal(entries_[i].key)) return &entries_[i].value;
    }
    return nullptr;
  }
  const size_t mask = index_.size() - 1;
  for (size_t slot = hash & mask; index_[slot] >= 0; slot = (slot + 1) & mask) {
    const auto i = static_cast<size_t>(index_[slot]);
    if (hashes_[i] == hash && equal(entries_[i].key)) return &entries_[i].value;
  }
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  uint64_t hash = 0;
  if (!hash_value(key, hash)) return nullptr;
  return find_hashed(hash, [&key](const Value& other) { return equal_values(key, other); });
}

const Value* Dict::find(std::string_view key) const {
  return find_hashed(hash_text(key),
                     [key](const Value& other) { return other.is(Kind::kString) && text_of(other) == key; });
}

void Dict::set(const Value& key, Value value) {
  if (const Value* found = find(key); found != nullptr) {
    *const_cast<Value*>(found) = std::move(value);
    return;
  }
  uint64_t hash = 0;
  hash_value(key, hash);
  entries_.push_back({key, std::move(value)});
  hashes_.push_back(hash);
  heap->account(*this, static_cast<int64_t>(sizeof(Entry) + 2 * sizeof(uint64_t)));
  if (entries_.size() < kIndexedFrom) return;
  if (2 * entries_.size() > index_.size()) {
    rebuild_index();
    return;
  }
  const size_t mask = index_.size() - 1;
  size_t slot = hash & mask;
  while (index_[slot] >= 0) slot = (slot + 1) & mask;
  index_[slot] = static_cast<int32_t>(entries_.size() - 1);
}

void Dict::clear() {
  entries_.clear();
  hashes_.clear();
  index_.clear();
}

void Dict::rebuild_index() {
  index_.assign(std::bit_ceil(4 * entries_.size()), -1);
  const size_t mask = index_.size() - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = hashes_[i] & mask;
    while (index_[slot] >= 0) slot = (slot + 1) & mask;
    index_[slot] = static_cast<int32_t>(i);
  }
}

}  // namespace hearth::text::jinja
