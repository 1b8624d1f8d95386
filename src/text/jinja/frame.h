// Values that exist because a template runs: frames with their slots, macros, and the loop variable.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/value.h"

namespace hearth::text::jinja {

struct Frame : Mutable {
  Frame(Heap& owner, Value outer, size_t slot_count)
      : Mutable(owner, Kind::kFrame), parent(std::move(outer)) {
    slots.resize(slot_count, Value::missing());
    owner.account(*this, static_cast<int64_t>(sizeof(Frame) + slot_count * sizeof(Value)));
  }
  void clear() override {
    slots.clear();
    parent = Value();
  }
  Value parent;  // Frame, or undefined for the root
  std::vector<Value> slots;
};

struct Macro : Object {
  Macro(Heap& owner, const Stmt* node, Value outer)
      : Object(owner, Kind::kMacro), definition(node), frame(std::move(outer)) {
    owner.account(*this, static_cast<int64_t>(sizeof(Macro)));
  }
  const Stmt* definition;
  Value frame;  // the Frame it was defined in
};

/// Gives a loop its next item; false at the end.
class LoopSource {
 public:
  virtual ~LoopSource() = default;
  virtual Result<bool> next(Value& item) = 0;
  /// At most so many items are left.
  virtual size_t left() const = 0;
};

struct Loop : Mutable {
  Loop(Heap& owner, LoopSource* items) : Mutable(owner, Kind::kLoop), source(items), held_ahead(owner) {
    owner.account(*this, static_cast<int64_t>(sizeof(Loop)));
  }
  void clear() override {
    source = nullptr;
    ahead.clear();
    previous = current = changed = Value();
  }
  /// Moves to the next item; false at the end.
  Result<bool> advance();
  /// Is there an item after the current one? It is then ahead.front().
  Result<bool> peek();
  /// All items, those to come included.
  Result<int64_t> length();

  LoopSource* source;        // null once the loop is over
  std::vector<Value> ahead;  // fetched, not yet current; in reverse order
  HeldBytes held_ahead;      // what `ahead` takes
  int64_t index0 = -1;
  Value previous, current;
  Value changed;  // what loop.changed() saw last
  bool has_changed = false;
};

}  // namespace hearth::text::jinja
