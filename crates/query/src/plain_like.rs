use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// Writes `x LIKE 'a'`, where the pattern holds nothing special, as `x = 'a'`, before types are
/// decided.
///
/// DataFusion 55 does so later, and then the constant is text where that of `x = 'a'` is of a
/// tag's type: it takes them for different values, and `x = 'a' AND x LIKE 'a'` for false.
#[derive(Debug)]
pub(crate) struct PlainLike;

impl AnalyzerRule for PlainLike {
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
        "plain_like"
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
        other => Transformed::no(other),
    })
}
