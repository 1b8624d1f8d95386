// The syntax tree of a template: what the parser builds, scope resolution annotates and the interpreter
// walks. Immutable after that and shared by threads, so it holds constants as plain data and no counted
// values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace hearth::text::jinja {

struct FilterEntry;
struct TestEntry;

/// Where a name lives: `hops` frames outwards, then `slot`.
struct Reference {
  int32_t hops = 0;
  int32_t slot = -1;
};

/// How a slot of a new frame gets its first value.
struct SlotLoad {
  enum class From : uint8_t {
    kNothing,    // stored before it is read
    kVariable,   // a variable of the request or a global function: constant `name`
    kOuter,      // the value that `outer` has when the frame is made
    kParameter,  // filled by whoever makes the frame
  };
  From from = From::kNothing;
  int32_t name = -1;
  Reference outer;
};

struct FrameLayout {
  std::vector<SlotLoad> slots;
};

enum class ExprKind : uint8_t {
  kConstant,         // constant
  kName,             // name, reference
  kList,             // children
  kTuple,            // children; as a target: targets
  kDict,             // children: key, value, key, value ...
  kAttribute,        // children[0].name (constant: the name)
  kItem,             // children[0][children[1]]
  kSlice,            // children[0][children[1]:children[2]:children[3]], each bound may be null
  kCall,             // children[0](children[1...], keywords, ...)
  kFilter,           // children[0] | name(children[1...], keywords, ...); children[0] null in filter blocks
  kTest,             // children[0] is name(children[1...], ...)
  kUnary,            // op children[0]
  kBinary,           // children[0] op children[1]
  kCompare,          // children[0] ops[0] children[1] ops[1] children[2] ...
  kAnd,              // children[0] and children[1]
  kOr,               // children[0] or children[1]
  kConcat,           // children joined as text (~)
  kConditional,      // children[0] if children[1] else children[2] (may be null)
  kNamespaceTarget,  // name.attribute as the target of set; reference, constant: the attribute
};

enum class Op : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDiv,
  kMod,
  kPow,
  kNeg,
  kPos,
  kNot,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kIn,
  kNotIn,
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Keyword {
  std::string name;
  ExprPtr value;
};

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  Op op = Op::kAdd;
  int32_t line = 0;
  int32_t depth = 1;
  int32_t constant = -1;
  Reference reference;
  std::string name;
  std::vector<ExprPtr> children;
  std::vector<Op> ops;
  std::vector<Keyword> keywords;
  ExprPtr spread_args;      // *args
  ExprPtr spread_keywords;  // **kwargs
  const FilterEntry* filter = nullptr;
  const TestEntry* test = nullptr;
};

enum class StmtKind : uint8_t {
  kOutput,       // exprs
  kIf,           // exprs[0], body, elifs (each a kIf with exprs[0] and body), else_body
  kFor,          // target, exprs[0] iterated, exprs[1] filter (may be null), body, else_body
  kSet,          // target, exprs[0]
  kSetBlock,     // target, exprs[0] filter (may be null), body
  kMacro,        // name, parameters, body
  kCallBlock,    // exprs[0] the call, parameters, body
  kFilterBlock,  // exprs[0] the filter chain, body
  kWith,         // targets, exprs, body
  kGeneration,   // body
  kBreak,
  kContinue,
};

struct Parameter {
  std::string name;
  ExprPtr fallback;  // may be null
  int32_t slot = -1;
};

struct Stmt;
using StmtPtr = std::unique_ptr<Stmt>;

struct Stmt {
  StmtKind kind = StmtKind::kOutput;
  int32_t line = 0;
  std::string name;
  std::vector<ExprPtr> exprs;
  std::vector<ExprPtr> targets;  // one, but for kWith
  std::vector<Parameter> parameters;
  std::vector<StmtPtr> body;
  std::vector<StmtPtr> elifs;
  std::vector<StmtPtr> else_body;
  FrameLayout frame;         // of body, where it has a frame of its own
  FrameLayout test_frame;    // kFor: of the filter
  FrameLayout else_frame;    // kFor
  Reference reference;       // kMacro: where the macro is stored
  int32_t loop_slot = -1;    // kFor
  int32_t caller_slot = -1;  // macros: the special names, where the body uses them
  int32_t kwargs_slot = -1;
  int32_t varargs_slot = -1;
};

using Constant = std::variant<std::monostate, bool, int64_t, double, std::string>;

struct Template {
  std::vector<StmtPtr> body;
  FrameLayout frame;
  std::vector<Constant> constants;
  std::unordered_map<std::string, int32_t> string_constants;  // text to its place in `constants`

  int32_t add_string(std::string_view text) {
    const auto [it, added] =
        string_constants.try_emplace(std::string(text), static_cast<int32_t>(constants.size()));
    if (added) constants.emplace_back(std::string(text));
    return it->second;
  }
};

}  // namespace hearth::text::jinja
