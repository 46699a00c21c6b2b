use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use crate::names::map_expressions;

/// Writes comparisons one way, before types are decided: `'a' < x` as `x > 'a'`, and `x LIKE 'a'`,
/// where the pattern holds nothing special, as `x = 'a'`.
///
/// DataFusion 55 merges the conditions on one column. Where they are not written one way it takes
/// `'a' = x AND x = 'a'` for false and `x >= 'a' AND 'a' < x` for `x >= 'a'`. It does write them one
/// way itself, but too early for constants that are first cast to a tag's type; and it makes `=` of
/// `LIKE` when the constant of another `=` is of the tag's type already, so that they differ.
#[derive(Debug)]
pub(crate) struct PlainComparisons;

impl AnalyzerRule for PlainComparisons {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|node| {
            map_expressions(node, |expr| expr.transform_up(rewrite))
        });
        rewritten.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "plain_comparisons"
    }
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    let is_plain = |pattern: &Expr| match pattern {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => !text.contains(['%', '_', '\\']),
        _ => false,
    };
    Ok(match expr {
        Expr::Like(Like { negated, expr, pattern, escape_char: None, case_insensitive: false })
            if is_plain(&pattern) =>
        {
            Transformed::yes(match negated {
                false => (*expr).eq(*pattern),
                true => (*expr).not_eq(*pattern),
            })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match mirrored(op) {
            Some(op) if !left.any_column_refs() && right.any_column_refs() => {
                Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: right, op, right: left }))
            }
            _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
        },
        other => Transformed::no(other),
    })
}

/// The comparison that says the same with the sides exchanged.
fn mirrored(comparison: Operator) -> Option<Operator> {
    match comparison {
        Operator::Eq
        | Operator::NotEq
        | Operator::Lt
        | Operator::LtEq
        | Operator::Gt
        | Operator::GtEq
        | Operator::IsDistinctFrom
        | Operator::IsNotDistinctFrom => comparison.swap(),
        _ => None,
    }
}
