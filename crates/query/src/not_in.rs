use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

/// Writes `x NOT IN (a, NULL)` as `x NOT IN (a) AND NULL`, which is the same: never true.
///
/// DataFusion 55 merges lists about one column and forgets the NULL then: of
/// `x IN ('a') AND x NOT IN ('b', NULL)` it makes `x IN ('a')`.
#[derive(Debug)]
pub(crate) struct NotInNull;

impl AnalyzerRule for NotInNull {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                expr.transform_up(rewrite).map(|expr| expr.update_data(|expr| name.restore(expr)))
            })
        });
        rewritten.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "not_in_null"
    }
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    let is_null = |expr: &Expr| match expr {
        Expr::Cast(cast) => matches!(&*cast.expr, Expr::Literal(value, _) if value.is_null()),
        expr => matches!(expr, Expr::Literal(value, _) if value.is_null()),
    };
    Ok(match expr {
        Expr::InList(InList { expr, mut list, negated: true }) if list.iter().any(is_null) => {
            list.retain(|item| !is_null(item));
            let never = lit(ScalarValue::Boolean(None));
            Transformed::yes(match list.is_empty() {
                true => never,
                false => Expr::InList(InList { expr, list, negated: true }).and(never),
            })
        }
        other => Transformed::no(other),
    })
}
