use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Rewrites the expressions of a node of a plan, and keeps the names of its columns.
pub(crate) fn map_expressions(
    plan: LogicalPlan,
    mut rewrite: impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let mut named = |expr: Expr| {
        let name = names.save(&expr);
        rewrite(expr).map(|expr| expr.update_data(|expr| name.restore(expr)))
    };
    plan.map_expressions(|expr| match expr {
        // Grouping sets have no name of their own.
        Expr::GroupingSet(_) => expr.map_children(&mut named),
        expr => named(expr),
    })
}
