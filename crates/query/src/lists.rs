use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::names::map_expressions;

/// DataFusion's rule, which sees no lists.
///
/// DataFusion 55 merges lists about one expression and forgets that a comparison with NULL is NULL:
/// `x NOT IN ('a') OR x NOT IN ('b')` becomes `true`, `x IN ('a') AND x IN ('b')` `false`, also where
/// `x` is NULL; `x IN ('a') AND x NOT IN ('b', NULL)`, which never holds, `x IN ('a')`. It takes items
/// for different because they are written so: `x IN (y) AND x IN (z)` becomes `false`. And it makes lists
/// of `x = 'a' OR x = 'b'`, which it merges in the same way.
#[derive(Debug)]
pub(crate) struct SimplifyApart(SimplifyExpressions);

impl SimplifyApart {
    pub(crate) fn new() -> Self {
        Self(SimplifyExpressions::new())
    }
}

impl OptimizerRule for SimplifyApart {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let hidden = map_expressions(plan, hide)?;
        let simplified = self.0.rewrite(hidden.data, config)?;
        if !hidden.transformed {
            return Ok(simplified);
        }
        simplified.map_data(|plan| {
            let plan = map_expressions(plan, show)?.data;
            // It may have put a projection above an aggregate.
            match plan {
                LogicalPlan::Projection(_) => {
                    plan.map_children(|child| map_expressions(child, show)).map(|plan| plan.data)
                }
                plan => Ok(plan),
            }
        })
    }
}

/// Puts functions that nobody knows in the place of the lists of an expression whose types are decided.
pub(crate) fn hide(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        Ok(match expr {
            Expr::InList(list) if is_hidden(&list) => Transformed::yes(apart(list)),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                match (alternatives(&left), alternatives(&right)) {
                    (Some(mut first), Some(second)) if first.expr == second.expr => {
                        first.list.extend(second.list);
                        Transformed::yes(apart(first))
                    }
                    _ => Transformed::no(Expr::BinaryExpr(BinaryExpr {
                        left,
                        op: Operator::Or,
                        right,
                    })),
                }
            }
            other => Transformed::no(other),
        })
    })
}

/// Puts the lists back.
pub(crate) fn show(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        Ok(match expr {
            Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<Apart>() {
                Some(apart) => Transformed::yes(shortened(apart.list(call.args))),
                None => Transformed::no(Expr::ScalarFunction(call)),
            },
            Expr::Not(inner) => match *inner {
                Expr::InList(list) => {
                    Transformed::yes(shortened(InList { negated: !list.negated, ..list }))
                }
                inner => Transformed::no(Expr::Not(Box::new(inner))),
            },
            other => Transformed::no(other),
        })
    })
}

/// Lists of constants about a constant are computed; `x IN ((SELECT …))` is a question of its own.
fn is_hidden(list: &InList) -> bool {
    let is_subquery = matches!(list.list[..], [Expr::ScalarSubquery(_)]);
    let mut items = std::iter::once(&*list.expr).chain(&list.list);
    !list.list.is_empty() && !is_subquery && items.any(Expr::any_column_refs)
}

/// The values that a column has where `expr` holds, of which DataFusion makes a list.
fn alternatives(expr: &Expr) -> Option<InList> {
    match expr {
        Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<Apart>()? {
            Apart { negated: false, .. } if matches!(call.args[0], Expr::Column(_)) => {
                let (x, items) = call.args.split_first()?;
                Some(InList::new(Box::new(x.clone()), items.to_vec(), false))
            }
            _ => None,
        },
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (x, item) = match (&**left, &**right) {
                (Expr::Column(_), item) if !item.any_column_refs() => (left, right),
                (item, Expr::Column(_)) if !item.any_column_refs() => (right, left),
                _ => return None,
            };
            let is_subquery =
                item.exists(|node| Ok(matches!(node, Expr::ScalarSubquery(_)))).ok()?;
            let list = || InList::new(x.clone(), vec![item.as_ref().clone()], false);
            (!is_subquery && !item.is_volatile()).then(list)
        }
        _ => None,
    }
}

fn apart(list: InList) -> Expr {
    let signature = Signature::variadic_any(Volatility::Immutable);
    let function = Arc::new(ScalarUDF::from(Apart { negated: list.negated, signature }));
    let args = std::iter::once(*list.expr).chain(list.list).collect();
    Expr::ScalarFunction(ScalarFunction { func: function, args })
}

/// A list of one is a comparison, from which more is concluded.
fn shortened(mut list: InList) -> Expr {
    match (list.list.pop(), list.list.is_empty(), list.negated) {
        (Some(item), true, false) => (*list.expr).eq(item),
        (Some(item), true, true) => (*list.expr).not_eq(item),
        (item, _, _) => {
            list.list.extend(item);
            Expr::InList(list)
        }
    }
}

/// A list as a function: of `x` and the items.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Apart {
    negated: bool,
    signature: Signature,
}

impl Apart {
    fn list(&self, mut args: Vec<Expr>) -> InList {
        let list = args.split_off(1);
        InList { expr: Box::new(args.remove(0)), list, negated: self.negated }
    }
}

impl ScalarUDFImpl for Apart {
    fn name(&self) -> &str {
        if self.negated { "not_in" } else { "in" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), DataType::Boolean, is_nullable)))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(Expr::InList(self.list(args.to_vec())).schema_name().to_string())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("a list is shown again before anything runs")
    }
}
