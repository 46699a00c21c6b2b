use std::collections::HashSet;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};
use datafusion::optimizer::AnalyzerRule;

/// Merges the lists about one expression before DataFusion does, which forgets the NULLs.
///
/// DataFusion 55 makes `true` of `x NOT IN ('a') OR x NOT IN ('b')` and `false` of
/// `x IN ('a') AND x IN ('b')`, both of which are NULL where `x` is; of
/// `x IN ('a') AND x NOT IN ('b', NULL)`, which never holds, it makes `x IN ('a')`; and of
/// `x IN (y) AND x IN (z)`, which holds where all are equal, `false`.
#[derive(Debug)]
pub(crate) struct ExactLists;

impl AnalyzerRule for ExactLists {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                exact_lists(expr).map(|expr| expr.update_data(|expr| name.restore(expr)))
            })
        });
        rewritten.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "exact_lists"
    }
}

/// An expression of which the types are decided, with its lists merged.
pub(crate) fn exact_lists(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_up(rewrite)
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::InList(list) => plain(list),
        Expr::Not(inner) => match *inner {
            Expr::InList(list) => {
                Transformed::yes(Expr::InList(InList { negated: !list.negated, ..list }))
            }
            inner => Transformed::no(Expr::Not(Box::new(inner))),
        },
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            match (as_list(&left, op), as_list(&right, op)) {
                (Some(first), Some(second)) if first.expr == second.expr => {
                    merged(first, op, second).map_or_else(
                        || Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
                        Transformed::yes,
                    )
                }
                _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            }
        }
        other => Transformed::no(other),
    })
}

/// A list of constants that are not NULL; what else stood in it is compared on its own.
fn plain(list: InList) -> Transformed<Expr> {
    let InList { expr, list, negated } = list;
    let keep = |list| Transformed::no(Expr::InList(InList { expr: expr.clone(), list, negated }));
    // `x IN ((SELECT …))` is a question of its own to DataFusion.
    if list.iter().any(|item| matches!(item, Expr::ScalarSubquery(_))) || expr.is_volatile() {
        return keep(list);
    }
    let list: Vec<Expr> = list.into_iter().map(folded).collect();
    if !list.is_empty() && list.iter().all(is_constant) {
        return keep(list);
    }
    let (constants, others): (Vec<Expr>, Vec<Expr>) = list.into_iter().partition(is_constant);
    let x = || expr.as_ref().clone();
    let mut parts = Vec::with_capacity(1 + others.len());
    if !constants.is_empty() {
        parts.push(x().in_list(constants, negated));
    }
    parts.extend(others.into_iter().map(|item| match item {
        Expr::Literal(..) => lit(ScalarValue::Boolean(None)),
        item if negated => x().not_eq(item),
        item => x().eq(item),
    }));
    let whole = if negated { conjunction(parts) } else { disjunction(parts) };
    whole.map_or_else(|| keep(Vec::new()), Transformed::yes)
}

fn is_constant(item: &Expr) -> bool {
    matches!(item, Expr::Literal(value, _) if !value.is_null())
}

/// A constant that is cast is the constant of that type, which is what DataFusion compares.
fn folded(item: Expr) -> Expr {
    match &item {
        Expr::Cast(cast) => match &*cast.expr {
            Expr::Literal(value, metadata) => match value.cast_to(cast.field.data_type()) {
                Ok(value) => Expr::Literal(value, metadata.clone()),
                Err(_) => item,
            },
            _ => item,
        },
        _ => item,
    }
}

/// A list of constants, or, between ORs, a column compared with one: those DataFusion takes for lists.
fn as_list(expr: &Expr, op: Operator) -> Option<InList> {
    match expr {
        Expr::InList(list) if list.list.iter().all(is_constant) && !list.expr.is_volatile() => {
            Some(list.clone())
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if op == Operator::Or => {
            let (column, item) = match (&**left, &**right) {
                (Expr::Column(_), item) => (left, item),
                (item, Expr::Column(_)) => (right, item),
                _ => return None,
            };
            let item = folded(item.clone());
            is_constant(&item).then(|| InList::new(column.clone(), vec![item], false))
        }
        _ => None,
    }
}

/// What two lists about one expression say together; `None` for `IN … OR NOT IN …`.
fn merged(first: InList, op: Operator, second: InList) -> Option<Expr> {
    let without = |list: InList, other: &InList, keep: bool| {
        let other: HashSet<&Expr> = other.list.iter().collect();
        list.list.into_iter().filter(|item| other.contains(item) == keep).collect()
    };
    let x = first.expr.as_ref().clone();
    let (list, negated): (Vec<Expr>, bool) = match (first.negated, op, second.negated) {
        (false, Operator::And, false) => (without(first, &second, true), false),
        (false, Operator::And, true) => (without(first, &second, false), false),
        (true, Operator::And, false) => (without(second, &first, false), false),
        (true, Operator::Or, true) => (without(first, &second, true), true),
        (true, Operator::And, true) | (false, Operator::Or, false) => {
            let negated = first.negated;
            let new: Vec<Expr> = without(second, &first, false);
            (first.list.into_iter().chain(new).collect(), negated)
        }
        _ => return None,
    };
    let unknown = lit(ScalarValue::Boolean(None));
    Some(match (list.is_empty(), negated) {
        (true, true) => x.is_not_null().or(unknown),
        (true, false) => x.is_null().and(unknown),
        (false, _) => x.in_list(list, negated),
    })
}
