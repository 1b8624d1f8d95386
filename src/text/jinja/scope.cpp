// Scopes are analysed the way jinja2 does it: first all stores and loads that belong to one frame are
// collected (not those of frames inside it), which fixes its slots and how they are loaded; then its
// statements are visited with that table.
#include "text/jinja/scope.h"

#include <algorithm>
#include <map>
#include <set>

namespace hearth::text::jinja {

namespace {

/// The names of one frame. Copied and merged for the branches of an if.
struct Symbols {
  explicit Symbols(const Symbols* outer) : parent(outer) {}
  const Symbols* parent;
  std::map<std::string, int32_t, std::less<>> slots;
  std::map<int32_t, SlotLoad> loads;
  std::set<std::string, std::less<>> stores;
};

bool reads(const Expr* expr, std::string_view name) {
  if (expr == nullptr) return false;
  if (expr->kind == ExprKind::kName && expr->name == name) return true;
  auto in_expr = [name](const ExprPtr& child) { return reads(child.get(), name); };
  return std::any_of(expr->children.begin(), expr->children.end(), in_expr) || in_expr(expr->spread_args) ||
         in_expr(expr->spread_keywords) ||
         std::any_of(expr->keywords.begin(), expr->keywords.end(),
                     [&](const Keyword& k) { return in_expr(k.value); });
}

/// Does anything in these statements, frames inside them included, read `name`?
bool reads(const std::vector<StmtPtr>& body, std::string_view name) {
  return std::any_of(body.begin(), body.end(), [name](const StmtPtr& stmt) {
    for (const ExprPtr& expr : stmt->exprs) {
      if (reads(expr.get(), name)) return true;
    }
    for (const Parameter& parameter : stmt->parameters) {
      if (reads(parameter.fallback.get(), name)) return true;
    }
    return reads(stmt->body, name) || reads(stmt->elifs, name) || reads(stmt->else_body, name);
  });
}

class Resolver {
 public:
  explicit Resolver(Template& tmpl) : template_(tmpl) {}
  Status run();

 private:
  // Collecting the names of one frame.
  static bool find(const Symbols* symbols, std::string_view name, Reference& out);
  void define(Symbols& symbols, const std::string& name, SlotLoad load);
  void load(Symbols& symbols, const std::string& name);
  void store(Symbols& symbols, const std::string& name);
  void declare_parameter(Symbols& symbols, const std::string& name);
  void collect_expr(Symbols& symbols, const Expr* expr);
  void collect_target(Symbols& symbols, const Expr& target, bool as_parameter);
  void collect_stmt(Symbols& symbols, const Stmt& stmt);
  void collect_body(Symbols& symbols, const std::vector<StmtPtr>& body);
  void collect_if(Symbols& symbols, const Stmt& stmt);
  void merge_branches(Symbols& symbols, std::vector<Symbols>& branches);

  // Writing references into the tree.
  static FrameLayout layout(const Symbols& symbols);
  Status resolve_expr(const Symbols& symbols, Expr* expr, bool soft);
  Status resolve_callee(const Expr& expr, bool soft);
  void resolve_target(const Symbols& symbols, Expr& target);
  Status resolve_body(const Symbols& symbols, std::vector<StmtPtr>& body, bool soft);
  Status resolve_stmt(const Symbols& symbols, Stmt& stmt, bool soft);
  Status resolve_for(const Symbols& symbols, Stmt& stmt, bool soft);
  Status resolve_callable(const Symbols& symbols, Stmt& stmt);
  Status resolve_inner_body(const Symbols& symbols, Stmt& stmt);

  // Nested ifs keep all their copies at the same time, at some 150 bytes a name. Templates of models need
  // tens of thousands.
  static constexpr int64_t kMaxCopiedNames = 300'000;

  Template& template_;
  int64_t copied_names_ = 0;
};

bool Resolver::find(const Symbols* symbols, std::string_view name, Reference& out) {
  int32_t hops = 0;
  for (; symbols != nullptr; symbols = symbols->parent, ++hops) {
    if (const auto it = symbols->slots.find(name); it != symbols->slots.end()) {
      out = {hops, it->second};
      return true;
    }
  }
  return false;
}

void Resolver::define(Symbols& symbols, const std::string& name, SlotLoad slot_load) {
  const auto [it, added] = symbols.slots.try_emplace(name, static_cast<int32_t>(symbols.slots.size()));
  symbols.loads[it->second] = slot_load;
}

void Resolver::load(Symbols& symbols, const std::string& name) {
  Reference found;
  if (find(&symbols, name, found)) return;
  define(symbols, name, {SlotLoad::From::kVariable, template_.add_string(name), {}});
}

void Resolver::store(Symbols& symbols, const std::string& name) {
  symbols.stores.insert(name);
  if (symbols.slots.contains(name)) return;
  Reference outer;
  if (find(symbols.parent, name, outer)) {
    define(symbols, name, {SlotLoad::From::kOuter, -1, outer});
  } else {
    define(symbols, name, {SlotLoad::From::kNothing, -1, {}});
  }
}

void Resolver::declare_parameter(Symbols& symbols, const std::string& name) {
  symbols.stores.insert(name);
  define(symbols, name, {SlotLoad::From::kParameter, -1, {}});
}

void Resolver::collect_expr(Symbols& symbols, const Expr* expr) {
  if (expr == nullptr) return;
  if (expr->kind == ExprKind::kName) load(symbols, expr->name);
  for (const ExprPtr& child : expr->children) collect_expr(symbols, child.get());
  for (const Keyword& keyword : expr->keywords) collect_expr(symbols, keyword.value.get());
  collect_expr(symbols, expr->spread_args.get());
  collect_expr(symbols, expr->spread_keywords.get());
}

void Resolver::collect_target(Symbols& symbols, const Expr& target, bool as_parameter) {
  if (target.kind == ExprKind::kNamespaceTarget) {
    load(symbols, target.name);
  } else if (target.kind == ExprKind::kName) {
    if (as_parameter) {
      declare_parameter(symbols, target.name);
    } else {
      store(symbols, target.name);
    }
  }
  for (const ExprPtr& child : target.children) collect_target(symbols, *child, as_parameter);
}

void Resolver::collect_body(Symbols& symbols, const std::vector<StmtPtr>& body) {
  for (const StmtPtr& stmt : body) collect_stmt(symbols, *stmt);
}

void Resolver::collect_stmt(Symbols& symbols, const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kIf:
      return collect_if(symbols, stmt);
    case StmtKind::kFor:
      return collect_expr(symbols, stmt.exprs[0].get());
    case StmtKind::kMacro:
      return store(symbols, stmt.name);
    case StmtKind::kSetBlock:
      return collect_target(symbols, *stmt.targets[0], false);
    case StmtKind::kGeneration:
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return;
    case StmtKind::kOutput:
    case StmtKind::kSet:
    case StmtKind::kCallBlock:
    case StmtKind::kFilterBlock:
    case StmtKind::kWith:
      for (const ExprPtr& expr : stmt.exprs) collect_expr(symbols, expr.get());
      if (stmt.kind == StmtKind::kSet) collect_target(symbols, *stmt.targets[0], false);
      return;
  }
}

void Resolver::collect_if(Symbols& symbols, const Stmt& stmt) {
  collect_expr(symbols, stmt.exprs[0].get());
  // Three copies of all names for each if: bounded, since nothing else limits what a hostile text may do
  // here.
  copied_names_ += 3 * static_cast<int64_t>(symbols.slots.size());
  if (copied_names_ > kMaxCopiedNames) return;
  std::vector<Symbols> branches(3, symbols);
  collect_body(branches[0], stmt.body);
  for (const StmtPtr& elif : stmt.elifs) collect_if(branches[1], *elif);
  collect_body(branches[2], stmt.else_body);
  merge_branches(symbols, branches);
}

/// A name that only some branches store keeps, where they do not run, what it meant before.
void Resolver::merge_branches(Symbols& symbols, std::vector<Symbols>& branches) {
  std::set<std::string> stored;
  for (const Symbols& branch : branches) {
    for (const std::string& name : branch.stores) {
      if (!symbols.stores.contains(name)) stored.insert(name);
    }
  }
  for (Symbols& branch : branches) {
    for (const auto& [name, slot] : branch.slots) {
      if (symbols.slots.contains(name)) {
        // jinja2 names slots by frame and name, so what a branch says of a known slot replaces what was said
        // of it.
        symbols.loads[symbols.slots[name]] = branch.loads[slot];
      } else {
        define(symbols, name, branch.loads[slot]);
      }
    }
    symbols.stores.insert(branch.stores.begin(), branch.stores.end());
  }
  for (const std::string& name : stored) {
    Reference outer;
    if (find(symbols.parent, name, outer)) {
      define(symbols, name, {SlotLoad::From::kOuter, -1, outer});
    } else {
      define(symbols, name, {SlotLoad::From::kVariable, template_.add_string(name), {}});
    }
  }
}

FrameLayout Resolver::layout(const Symbols& symbols) {
  FrameLayout out;
  out.slots.resize(symbols.slots.size());
  for (const auto& [slot, load] : symbols.loads) out.slots[static_cast<size_t>(slot)] = load;
  return out;
}

/// Unknown filters and tests are refused at once, but inside if and conditional expressions only when
/// reached.
Status Resolver::resolve_callee(const Expr& expr, bool soft) {
  const bool missing = (expr.kind == ExprKind::kFilter && expr.filter == nullptr) ||
                       (expr.kind == ExprKind::kTest && expr.test == nullptr);
  if (!missing || soft) return {};
  return fail(ErrorCode::kCorrupt, "chat template, line ", expr.line, ": no ",
              expr.kind == ExprKind::kFilter ? "filter" : "test", " named '", expr.name, "'");
}

Status Resolver::resolve_expr(const Symbols& symbols, Expr* expr, bool soft) {
  if (expr == nullptr) return {};
  HEARTH_RETURN_IF_ERROR(resolve_callee(*expr, soft));
  if (expr->kind == ExprKind::kName) find(&symbols, expr->name, expr->reference);
  const bool inner_soft = soft || expr->kind == ExprKind::kConditional;
  for (const ExprPtr& child : expr->children)
    HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, child.get(), inner_soft));
  for (const Keyword& keyword : expr->keywords) {
    HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, keyword.value.get(), inner_soft));
  }
  HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, expr->spread_args.get(), inner_soft));
  return resolve_expr(symbols, expr->spread_keywords.get(), inner_soft);
}

void Resolver::resolve_target(const Symbols& symbols, Expr& target) {
  if (target.kind == ExprKind::kName || target.kind == ExprKind::kNamespaceTarget) {
    find(&symbols, target.name, target.reference);
  }
  for (const ExprPtr& child : target.children) resolve_target(symbols, *child);
}

Status Resolver::resolve_body(const Symbols& symbols, std::vector<StmtPtr>& body, bool soft) {
  for (const StmtPtr& stmt : body) HEARTH_RETURN_IF_ERROR(resolve_stmt(symbols, *stmt, soft));
  return {};
}

Status Resolver::resolve_stmt(const Symbols& symbols, Stmt& stmt, bool soft) {
  switch (stmt.kind) {
    case StmtKind::kIf:
      HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, stmt.exprs[0].get(), true));
      HEARTH_RETURN_IF_ERROR(resolve_body(symbols, stmt.body, true));
      HEARTH_RETURN_IF_ERROR(resolve_body(symbols, stmt.elifs, true));
      return resolve_body(symbols, stmt.else_body, true);
    case StmtKind::kFor:
      return resolve_for(symbols, stmt, soft);
    case StmtKind::kMacro: {
      find(&symbols, stmt.name, stmt.reference);
      return resolve_callable(symbols, stmt);
    }
    case StmtKind::kCallBlock:
      HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, stmt.exprs[0].get(), soft));
      return resolve_callable(symbols, stmt);
    case StmtKind::kGeneration:
      return resolve_callable(symbols, stmt);
    case StmtKind::kSetBlock:
      resolve_target(symbols, *stmt.targets[0]);
      return resolve_inner_body(symbols, stmt);
    case StmtKind::kFilterBlock:
      return resolve_inner_body(symbols, stmt);
    case StmtKind::kWith:
      for (const ExprPtr& expr : stmt.exprs) HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, expr.get(), soft));
      return resolve_inner_body(symbols, stmt);
    case StmtKind::kOutput:
    case StmtKind::kSet:
      for (const ExprPtr& expr : stmt.exprs) HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, expr.get(), soft));
      for (const ExprPtr& target : stmt.targets) resolve_target(symbols, *target);
      return {};
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return {};
  }
  return {};
}

Status Resolver::resolve_for(const Symbols& symbols, Stmt& stmt, bool soft) {
  HEARTH_RETURN_IF_ERROR(resolve_expr(symbols, stmt.exprs[0].get(), soft));
  Expr* test = stmt.exprs[1].get();
  if (test != nullptr) {
    Symbols filter(&symbols);
    // The target is resolved for the body below; here it is a parameter of the same names, in the same order.
    collect_target(filter, *stmt.targets[0], true);
    collect_expr(filter, test);
    HEARTH_RETURN_IF_ERROR(resolve_expr(filter, test, false));
    stmt.test_frame = layout(filter);
  }
  Symbols inner(&symbols);
  // Targets first, so that they have the same slots in the frame of the filter and in that of the body.
  collect_target(inner, *stmt.targets[0], true);
  declare_parameter(inner, "loop");
  collect_body(inner, stmt.body);
  resolve_target(inner, *stmt.targets[0]);
  Reference loop;
  find(&inner, "loop", loop);
  stmt.loop_slot = loop.slot;
  HEARTH_RETURN_IF_ERROR(resolve_body(inner, stmt.body, false));
  stmt.frame = layout(inner);
  Symbols otherwise(&symbols);
  collect_body(otherwise, stmt.else_body);
  HEARTH_RETURN_IF_ERROR(resolve_body(otherwise, stmt.else_body, false));
  stmt.else_frame = layout(otherwise);
  return {};
}

/// Macros, and the bodies of call blocks and generation tags, which are macros without a name.
Status Resolver::resolve_callable(const Symbols& symbols, Stmt& stmt) {
  Symbols inner(&symbols);
  for (Parameter& parameter : stmt.parameters) {
    declare_parameter(inner, parameter.name);
    parameter.slot = inner.slots[parameter.name];
  }
  // The special names are parameters where the body reads them.
  auto special = [&](const std::string& name) -> int32_t {
    if (inner.slots.contains(name) || !reads(stmt.body, name)) return -1;
    declare_parameter(inner, name);
    return inner.slots[name];
  };
  if (stmt.kind != StmtKind::kGeneration) {
    stmt.caller_slot = special("caller");
    stmt.kwargs_slot = special("kwargs");
    stmt.varargs_slot = special("varargs");
  }
  for (const Parameter& parameter : stmt.parameters) collect_expr(inner, parameter.fallback.get());
  collect_body(inner, stmt.body);
  for (const Parameter& parameter : stmt.parameters) {
    HEARTH_RETURN_IF_ERROR(resolve_expr(inner, parameter.fallback.get(), false));
  }
  HEARTH_RETURN_IF_ERROR(resolve_body(inner, stmt.body, false));
  stmt.frame = layout(inner);
  return {};
}

/// Bodies with a frame but no call: set and filter blocks (with their filter), and with.
Status Resolver::resolve_inner_body(const Symbols& symbols, Stmt& stmt) {
  Symbols inner(&symbols);
  if (stmt.kind == StmtKind::kWith) {
    for (const ExprPtr& target : stmt.targets) collect_target(inner, *target, true);
  }
  collect_body(inner, stmt.body);
  Expr* filter = stmt.kind == StmtKind::kWith ? nullptr : stmt.exprs[0].get();
  collect_expr(inner, filter);
  HEARTH_RETURN_IF_ERROR(resolve_expr(inner, filter, false));
  if (stmt.kind == StmtKind::kWith) {
    for (const ExprPtr& target : stmt.targets) resolve_target(inner, *target);
  }
  HEARTH_RETURN_IF_ERROR(resolve_body(inner, stmt.body, false));
  stmt.frame = layout(inner);
  return {};
}

Status Resolver::run() {
  Symbols root(nullptr);
  collect_body(root, template_.body);
  HEARTH_RETURN_IF_ERROR(resolve_body(root, template_.body, false));
  template_.frame = layout(root);
  if (copied_names_ > kMaxCopiedNames)
    return fail(ErrorCode::kTooLarge, "chat template: too many variables and branches");
  return {};
}

}  // namespace

Status resolve_names(Template& tmpl) { return Resolver(tmpl).run(); }

}  // namespace hearth::text::jinja
